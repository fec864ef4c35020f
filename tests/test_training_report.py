from dataclasses import replace

import pandas as pd
import pytest
from made_results import made, study

from bashkir_utils import training_report as tr
from bashkir_utils.evaluation import Interval
from bashkir_utils.exceptions import ProfileError, RunError
from bashkir_utils.failures import Failure, Reason
from bashkir_utils.inspection import NF4_BITS
from bashkir_utils.runs import Attempts
from bashkir_utils.study import EvaluationSpec

MODULES = [
    {"module": "embed_tokens", "total": 1000, "trainable": 0},
    {"module": "q_proj", "total": 2200, "trainable": 200},
]
COSTS = {"rss_before_bytes": 500, "peak_rss_bytes": 800, "peak_gpu_bytes": 0, "adapted_modules": ["q_proj"]}
RANKS = [{"name": f"lora_r{rank}", "kind": "lora", "rank": rank, "lora_alpha": 2 * rank} for rank in (8, 16)]


def with_record(run, **changes):
    return replace(run, record=run.record | COSTS | {"parameters_by_module": MODULES} | changes)


@pytest.fixture
def results(tmp_path):
    return made(tmp_path)


def test_cells_of_a_chapter_are_of_one_model_and_one_seed():
    asked = study(
        seeds=[1, 2],
        models=[
            {"name": "first", "source": "random:gpt2", "methods": ["full", "lora_r8"]},
            {"name": "second", "source": "random:llama"},
        ],
    )
    cells = tr.chapter_cells(asked, "c", "qlora", "lora")
    assert [(cell.model.name, cell.method.kind, cell.seed) for cell in cells] == [
        ("second", "zero_shot", 0),
        ("second", "qlora", 1),
        ("second", "lora", 1),
    ]
    assert {cell.model.name for cell in tr.chapter_cells(asked, "c", "full")} == {"first"}


def test_a_study_without_the_method_is_refused():
    with pytest.raises(ProfileError, match="goes through full and qlora"):
        tr.chapter_cells(study(methods=RANKS), "c", "full", "qlora")


def test_a_chapter_goes_on_with_what_is_left_and_stops_where_nothing_is(results, monkeypatch):
    _, corpus, runs, _ = results
    cells = [run.spec for run in runs]
    failure = Failure(run_id="r", reason=Reason.DIVERGED, message="the loss is no number", date="d", machine={})
    for failed, left in ((cells[2], runs[:2]), (cells[2], [*runs[:2], runs[2]])):
        attempts = Attempts(tuple(left), ((failed, failure),))
        monkeypatch.setattr(tr, "obtain_all", lambda *_, attempts=attempts: attempts)
        kept = [cell for cell in cells if cell.method.kind in {"zero_shot", "full", "lora"}]
        if len(left) == 3:
            assert tr.chapter_runs(kept, corpus, None) == attempts
        else:
            with pytest.raises(
                RunError, match=r"^no run of kind lora is left to show; tiny-lora_r8\S+: the loss is no"
            ):
                tr.chapter_runs(kept, corpus, None)


def test_memory_follows_the_equation(results):
    _, _, runs, _ = results
    full, lora, qlora = runs[1:]
    whole = [row | {"trainable": row["total"]} for row in MODULES]
    table = tr.memory_table(
        [
            with_record(full, parameters_by_module=whole, trainable_parameters=3200),
            with_record(lora, trainable_parameters=200),
            with_record(qlora, trainable_parameters=200),
        ]
    )
    assert table.index.tolist() == ["full", "lora r8", "qlora r8"]
    computed = table[list(tr.MEMORY_PARTS)]
    assert computed.loc["full"].tolist() == [12800, 12800, 25600]
    assert computed.loc["full"].sum() == 16 * 3200
    assert computed.loc["lora r8"].tolist() == [4 * 3000 + 800, 800, 1600]
    assert computed.loc["qlora r8"].tolist() == [4 * 1000 + 2000 * NF4_BITS / 8 + 800, 800, 1600]
    assert table.loc["full", ["before", "growth", "gpu"]].tolist() == [500, 300, 0]


def test_frozen_weights_take_two_bytes_on_a_gpu(results):
    lora = results[2][2]
    machine = lora.record["machine"] | {"accelerator": "some GPU"}
    run = with_record(lora, trainable_parameters=200, machine=machine, precision="bfloat16 autocast: x")
    assert tr.memory_table([run]).loc["lora r8", "weights"] == 2 * 3000 + 800


def test_memory_sentences_name_what_was_measured():
    row = {"weights": 2e9, "gradients": 1e9, "moments": 2e9, "before": 4e9, "growth": 5e9, "gpu": 0}
    table = pd.DataFrame([row, row | {"gpu": 7e9}], index=["full", "big"])
    first, second = tr.memory_findings(table).splitlines()
    assert "2 GB of weights and 3 GB of gradients and moments" in first
    assert "4 GB before training and grew by 5 GB" in first
    assert "measured peak on the GPU 7 GB" in second


def test_course_says_whether_the_loss_still_fell(results, tmp_path):
    run = results[2][1]
    text = tr.course_findings([run])
    assert "**full**" in text
    assert "2.200 bits per byte after 100 tokens and 2.000 at the end" in text
    assert "more training may still help" in text
    curve = run.curve
    curve.loc[curve.index[-1], "validation_bits_per_byte"] = 3.0
    curve.to_parquet(run.folder / "curve.parquet")
    assert "not the lowest" in tr.course_findings([run])
    curve.assign(validation_bits_per_byte=float("nan")).to_parquet(run.folder / "curve.parquet")
    assert "validation was never run" in tr.course_findings([run])


def test_parameters_of_two_runs(results):
    full, lora = results[2][1:3]
    assert tr.parameter_finding(lora, full) == "- full trains 100,000 parameters, 10.0 times the 10,000 of lora r8."


def test_energy_sentence():
    spectrum = pd.DataFrame(
        {"layer": 0, "module": ["a", "a", "b", "b"], "index": [1, 2, 1, 2], "singular_value": [4.0, 3.0, 1.0, 0.0]}
    )
    assert "rank 1 keeps 82% in the median module (64% to 100% over 2)" in tr.energy_finding(spectrum, 1, "it")


def test_quantisation_sentences_name_the_extremes():
    errors = pd.DataFrame(
        {"layer": [0, 1, 2], "module": ["q_proj", "k_proj", "v_proj"], "relative_error": [0.1, 0.2, 0.15]}
    )
    text = tr.quantisation_findings(errors, 0.0921)
    assert "by 15.0% of their norm on average over 3 linear layers" in text
    assert "would move by 9.2%" in text
    assert "Most: 20.0% (`k_proj` of layer 1); least: 10.0% (`q_proj` of layer 0)" in text


@pytest.mark.parametrize(
    ("protected", "unprotected", "said"),
    [
        (0.0, [1.0, 0.5, 0.9], "changes no gradient at all; without the precaution the median gradient changes by 90%"),
        (0.0, [0.0, 0.0, 0.0], "this machine does not repack"),
        (0.02, [float("nan")] * 3, "by more than 0.02 of its norm; without the precaution training stops"),
    ],
)
def test_repacking_sentences(protected, unprotected, said):
    assert said in tr.repacking_finding(pd.DataFrame({"protected": protected, "unprotected": unprotected}))


def test_quantisation_cost_is_a_paired_difference(shared_workspace, tiny, texts, monkeypatch):
    spec = EvaluationSpec(window=64, overlap=16, bootstrap_samples=50)
    shorts = [text[:200] for text in texts[:3]]
    cost = tr.quantisation_cost(tiny, shorts, spec, shared_workspace)
    assert 0 < abs(cost.value) < 0.1
    assert cost.low <= cost.value <= cost.high
    exact = tr.load_model(tiny, shared_workspace)
    monkeypatch.setattr(tr, "load_model", lambda *_, quantised: exact)
    assert tr.quantisation_cost(tiny, shorts, spec, shared_workspace) == Interval(0, 0, 0)


def test_cost_sentence():
    text = tr.cost_finding(Interval(0.01234, 0.01, 0.02), 0.95, 3)
    assert "+0.0123 bits per byte (95% interval +0.0100 to +0.0200) on 3 test documents" in text
