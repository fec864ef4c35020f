"""Measured costs: recorded row by row, gone on with, labelled; by fakes, and once by a process that trains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from bashkir_utils import planning, provenance
from bashkir_utils.adapt import Precision, load_base, parameter_table
from bashkir_utils.exceptions import PlanError
from bashkir_utils.markup import escape_markdown
from bashkir_utils.planning import SHAPES, Layout, Step, Trial, Trials, measure, trials
from bashkir_utils.study import MethodSpec, ModelSpec, load_study
from bashkir_utils.workspace import read_json, write_json

SECONDS = (9.0, 2.0, 4.0, 3.0)
FOUND = Trial(autocast=True, gpu=False, libraries=5, peak=1_000_000_000, step_seconds=SECONDS, threads=1)


@pytest.fixture
def asked(workspace):
    """Two methods of one tiny model, a block a step."""
    study = load_study("smoke")
    model = study.models[0].model_copy(update={"methods": ("full", "lora_r8")})
    study = study.model_copy(update={"models": (model,)})
    return Trials(study, planning.machine_for(gigabytes=2), workspace, blocks=1)


@pytest.fixture
def measured(monkeypatch):
    """The runs that were asked for, answered without training."""
    runs = []

    def answer(run, vocabulary, workspace, limit_bytes):
        runs.append(run)
        return FOUND

    monkeypatch.setattr(trials, "measure_run", answer)
    return runs


def test_each_cell_has_a_row_with_its_cost_and_the_file_keeps_it(asked, measured, tmp_path):
    rows = list(planning.record_costs(asked, tmp_path / "costs.json", remark="beside other work"))
    assert [(row.method.name, row.measured.step_seconds) for row in rows] == [("full", SECONDS), ("lora_r8", SECONDS)]
    assert [run.method for run in measured] == [row.method for row in rows]
    assert all((run.training.batch_size, run.training.gradient_accumulation) == (1, 1) for run in measured)
    assert all(run.training.tokens == 4 * run.training.block_length for run in measured)
    record = planning.read_costs(tmp_path / "costs.json")
    assert (record.rows, record.label) == (tuple(rows), "random weights: cost only")
    assert {row.conditions.remark for row in record.rows} == {"beside other work"}
    assert record.rows[0].measured.commit


def test_the_speed_is_that_of_the_median_step_after_the_first(asked, measured, tmp_path):
    row = next(planning.record_costs(asked, tmp_path / "costs.json"))
    assert row.tokens_per_second == pytest.approx(row.block_length / 3)


def test_measured_cells_are_not_measured_again_in_the_same_layout(asked, measured, tmp_path):
    first = next(planning.record_costs(asked, tmp_path / "costs.json"))
    again = list(planning.record_costs(asked, tmp_path / "costs.json"))
    assert again[0] == first
    assert [run.method.name for run in measured] == ["full", "lora_r8"]
    list(planning.record_costs(replace(asked, blocks=2), tmp_path / "costs.json"))
    assert len(measured) == 4
    assert len(planning.read_costs(tmp_path / "costs.json").rows) == 2


def test_a_row_keeps_what_it_was_measured_with(asked, measured, tmp_path, monkeypatch):
    monkeypatch.setenv("GLIBC_TUNABLES", "before")
    monkeypatch.setattr(trials.provenance, "versions", lambda: {"torch": "1.0", "peft": "0.1"})
    before = list(planning.record_costs(asked, tmp_path / "costs.json", remark="quiet"))
    monkeypatch.setenv("GLIBC_TUNABLES", "after")
    monkeypatch.setattr(trials.provenance, "versions", lambda: {"torch": "2.0", "peft": "0.1"})
    first = read_json(tmp_path / "costs.json")
    write_json(tmp_path / "costs.json", first | {"rows": first["rows"][:1]})
    later = replace(asked, machine=planning.machine_for(gigabytes=4))
    kept, new = planning.record_costs(later, tmp_path / "costs.json", remark="<busy>")
    assert kept == before[0]
    own = planning.Conditions(
        usable_bytes=3.6e9, versions={"torch": "2.0", "peft": "0.1"}, glibc_tunables="after", remark="<busy>"
    )
    assert new.conditions == own
    record = planning.read_costs(tmp_path / "costs.json")
    assert record.conditions == (kept.conditions, own)
    said = "torch 2.0; 3.6 GB usable; GLIBC_TUNABLES after; <busy>"
    assert planning.costs_table(record)["note"].tolist() == ["", f"measured otherwise: {said}"]
    assert "quiet" in planning.costs_html(record)
    assert "<busy>" not in planning.costs_html(record)
    how = planning.costs_findings(record).splitlines()[-2:]
    assert [line[:14] for line in how] == ["- 1 measured o"] * 2
    assert how[0].endswith("quiet")
    assert how[1].endswith(escape_markdown(f"With {said}."))


def test_a_file_of_before_is_read_and_gone_on_with(asked, measured, tmp_path):
    """Then one set of conditions stood for all rows."""
    list(planning.record_costs(asked, tmp_path / "costs.json", remark="then"))
    content = read_json(tmp_path / "costs.json")
    shared = content["rows"][0]["conditions"] | {"versions": {"torch": "1.0"}}
    rows = [{key: value for key, value in row.items() if key != "conditions"} for row in content["rows"]]
    write_json(tmp_path / "costs.json", content | shared | {"rows": rows[:1]})
    kept, new = planning.record_costs(asked, tmp_path / "costs.json", remark="now")
    assert kept.conditions.model_dump() == shared
    assert (new.conditions.remark, new.conditions.versions) == ("now", provenance.versions())
    assert len(measured) == 3
    recorded = Path(planning.__file__).parents[2] / "book" / "recorded" / "plan" / "costs.json"
    assert all(row.conditions.versions["torch"] for row in planning.read_costs(recorded).rows)


def test_the_formulas_are_within_2_percent_of_what_torch_had_in_use_on_a_gpu():
    folder = Path(planning.__file__).parents[2] / "book" / "recorded" / "plan"
    (record,) = [each for each in planning.recorded_costs(folder) if each.measured[0].measured.gpu]
    assert {row.method.kind for row in record.measured} == {"full", "lora", "qlora"}
    assert {row.model for row in record.measured} == {"mistral-7b", "phi-2", "gpt2-medium"}
    for row in record.measured:
        assert row.measured.autocast and row.measured.commit
        halved = row.method.kind != "full"
        precision = Precision(torch.bfloat16 if halved else torch.float32, True, "as measured")
        step = Step(planning.SHAPES[row.source], row.method, precision, row.block_length, row.layout, gpu=True)
        memory = planning.training_memory(step)
        in_use = memory.peak - memory.process - memory.allocator
        assert in_use == pytest.approx(row.measured.peak_bytes, rel=0.02), planning.describe_cost(row)
        assert in_use == pytest.approx(row.estimated_bytes), "the record shows what the formulas say now"


def test_a_folder_has_a_record_for_each_machine(asked, measured, tmp_path):
    list(planning.record_costs(asked, tmp_path / "costs.json", remark="first"))
    list(planning.record_costs(asked, tmp_path / "costs-gpu.json", remark="second"))
    write_json(tmp_path / "memory.json", {})
    found = planning.recorded_costs(tmp_path)
    assert [record.conditions[0].remark for record in found] == ["first", "second"]
    assert planning.recorded_costs(tmp_path / "nowhere") == ()
    assert "2 cells were tried, and each was measured" in planning.costs_findings(found[0])


def test_a_cell_that_does_not_fit_is_a_row_with_its_estimate_and_reason(asked, measured, tmp_path):
    small = replace(asked, machine=planning.machine_for(gigabytes=0.1))
    rows = list(planning.record_costs(small, tmp_path / "costs.json"))
    assert not measured
    assert all(row.measured is None and row.estimated_bytes > 0.6e9 for row in rows)
    assert rows[0].reason == "needs 0.6 GB by the plan, and 0.1 GB may be used"
    assert next(planning.record_costs(asked, tmp_path / "costs.json")).measured


def test_a_cell_that_fails_is_a_row_with_its_reason_and_is_tried_again(asked, tmp_path, monkeypatch):
    def fail(*_):
        raise PlanError("the measurement of x failed: out of memory: 3 GB")

    monkeypatch.setattr(trials, "measure_run", fail)
    rows = list(planning.record_costs(asked, tmp_path / "costs.json"))
    assert [row.reason for row in rows] == ["out of memory: 3 GB"] * 2
    monkeypatch.setattr(trials, "measure_run", lambda *_: FOUND)
    assert all(row.measured and not row.reason for row in planning.record_costs(asked, tmp_path / "costs.json"))


def test_what_is_measured_on_has_the_memory_that_is_given(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert planning.this_machine(gigabytes=8).memory_bytes == 8e9
    with pytest.raises(PlanError, match="no GPU is here to measure on"):
        planning.this_machine(gpu_gigabytes=24)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=80e9))
    assert [planning.this_machine(gpu_gigabytes=size).memory_bytes for size in (24, None)] == [24e9, 80e9]
    assert planning.this_machine().gpu
    with pytest.raises(PlanError, match="give --gpu-memory"):
        planning.this_machine(gigabytes=8)


def test_a_file_of_another_profile_is_left_alone(asked, measured, tmp_path):
    list(planning.record_costs(asked, tmp_path / "costs.json"))
    other = replace(asked, study=asked.study.model_copy(update={"name": "other"}))
    with pytest.raises(PlanError, match=r"holds profile smoke on .*: name another file"):
        next(planning.record_costs(other, tmp_path / "costs.json"))


def test_costs_that_are_no_costs_are_one_line(tmp_path):
    (tmp_path / "costs.json").write_text('{"rows": 3}')
    with pytest.raises(PlanError, match=r"no costs can be read from costs\.json"):
        planning.read_costs(tmp_path / "costs.json")
    (tmp_path / "costs.json").write_text('{"versions": {}, "rows": [3]}')
    with pytest.raises(PlanError, match=r"no costs can be read from costs\.json"):
        planning.read_costs(tmp_path / "costs.json")
    with pytest.raises(PlanError, match="take two at least"):
        Trials(load_study("smoke"), planning.machine_for(gigabytes=2), None, steps=1)


def test_the_table_labels_every_row_and_compares_estimate_and_measure(asked, measured, tmp_path):
    list(planning.record_costs(asked, tmp_path / "costs.json", remark="<b>busy</b>"))
    record = planning.read_costs(tmp_path / "costs.json")
    unfit = record.rows[1].model_copy(update={"measured": None, "reason": "too <large>"})
    record = record.model_copy(update={"rows": (record.rows[0], unfit)})
    table = planning.costs_table(record)
    assert set(table["weights"]) == {"random weights: cost only"}
    assert table.loc[0, "estimated / measured"] == pytest.approx(record.rows[0].estimated_bytes / 1e9)
    operations = record.rows[0].flops_per_token * record.rows[0].block_length / 3
    assert table.loc[0, "GFLOP/s"] == pytest.approx(operations / 1e9)
    assert table.loc[1, ["tokens/s", "GB measured", "estimated / measured"]].isna().all()
    shown = planning.costs_html(record)
    assert "too &lt;large&gt;" in shown
    assert "<b>busy" not in shown
    assert shown.count("random weights: cost only") == 3
    found = planning.costs_findings(record)
    assert "1 of 2 cells were measured" in found
    off = record.rows[0].estimated_bytes / 1e9 - 1
    assert f"{abs(off):.1%} on average, by {off:+.1%} at most" in found
    assert "0 of 2" in planning.costs_findings(record.model_copy(update={"rows": (unfit, unfit)}))


def test_random_models_are_written_in_the_checkpoints_format_in_several_files(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "SHARD_NUMBERS", 30_000)
    shape = replace(
        SHAPES["hub:mistralai/Mistral-7B-v0.1"],
        vocabulary=300, hidden=64, layers=2, heads=4, kv_heads=2, head_size=16, intermediate=128, positions=256,
    )  # fmt: skip
    measure.write_random_model(shape, tmp_path / "model")
    files = sorted((tmp_path / "model").glob("*.safetensors"))
    assert len(files) > 2
    tensors = {name: tensor for file in files for name, tensor in load_file(file).items()}
    assert set(read_json(tmp_path / "model" / "model.safetensors.index.json")["weight_map"]) == set(tensors)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    assert sum(tensor.numel() for tensor in tensors.values()) == shape.parameters
    assert torch.all(tensors["model.norm.weight"] == 1)
    drawn = tensors["model.layers.1.mlp.up_proj.weight"]
    precision = Precision(torch.float32, True, "bfloat16 autocast")
    method = MethodSpec(name="lora", kind="lora", rank=2, lora_alpha=2)
    base = load_base(ModelSpec(name="x", source=f"path:{tmp_path / 'model'}"), method, precision, workspace)
    assert torch.equal(base.get_parameter("model.layers.1.mlp.up_proj.weight"), drawn.float())
    assert parameter_table(base)["total"].sum() == shape.parameters


def test_a_process_that_trains_gives_a_step_time_for_each_step_and_ends_above_its_limit(asked):
    cell = asked.cells(asked.study.models[0].name)[1]
    run = measure.trial_run(cell.model.source, cell.method, 32, Layout(1, 1, False), precision="auto", steps=3)
    found = measure.measure_run(run, 257, asked.workspace)
    assert len(found.step_seconds) == 3
    assert all(seconds > 0 for seconds in found.step_seconds)
    assert found.threads == torch.get_num_threads()
    assert found.peak > found.libraries
    with pytest.raises(PlanError, match=r"failed: it held more than 0\.0 GB"):
        measure.measure_run(run, 257, asked.workspace, limit_bytes=1)
