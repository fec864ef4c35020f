"""What the profiles say that their cells need is what the formulas say today."""

from pathlib import Path

import pytest
import yaml

from bashkir_utils import planning
from bashkir_utils.exceptions import PlanError, ProfileError
from bashkir_utils.planning.expected import as_yaml, write_expected
from bashkir_utils.study import load_study

SMALL = """name: mine  # a name
description: a test
models: [{name: tiny, source: "random:llama"}]
methods: [{name: full, kind: full}]
seeds: [1, 2]
# machines
expected: [{gpu_memory: 24, tflops: 50}]
training: {tokens: 5000}  # enough
"""


@pytest.fixture
def mine(tmp_path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL)
    return path


@pytest.mark.parametrize("profile", ["paper", "paper-1024"])
def test_what_the_profile_expects_is_what_the_formulas_say(profile, shared_workspace):
    """Where it is not: bashkir plan --profile NAME --write-expected."""
    study = load_study(profile)
    assert study.expected == planning.expected(study, shared_workspace)
    assert {machine.gpu_memory for machine in study.expected} == {24, 80}
    cells = {(cell.model.name, cell.method.name) for cell in study.scored_cells("x")}
    for machine in study.expected:
        assert {(cell.model, cell.method) for cell in machine.cells} == cells
        assert len(machine.cells) == len(cells)


def test_only_that_part_of_the_file_changes(mine, workspace):
    write_expected(mine, workspace)
    lines = mine.read_text().splitlines()
    assert [line for line in lines if line in SMALL.splitlines()] == [
        line for line in SMALL.splitlines() if not line.startswith("expected")
    ]
    (machine,) = load_study(mine).expected
    assert [(cell.model, cell.method, cell.fits) for cell in machine.cells] == [
        ("tiny", "zero_shot", True),
        ("tiny", "full", True),
    ]
    (plan,) = planning.plan_study(load_study(mine), planning.machine_for(gpu_gigabytes=24), workspace)[1:]
    assert machine.cells[1].peak_gb == pytest.approx(plan.memory.peak / 1e9, abs=0.005)
    assert machine.cells[1].batch == "8 x 1"
    first = mine.read_text()
    write_expected(mine, workspace)
    assert mine.read_text() == first
    assert yaml.safe_load(as_yaml(load_study(mine).expected)) == {"expected": yaml.safe_load(first)["expected"]}


def test_stale_numbers_are_replaced(mine, workspace):
    write_expected(mine, workspace)
    right = mine.read_text()
    mine.write_text(right.replace("peak_gb: 1", "peak_gb: 9").replace("peak_gb: 0", "peak_gb: 9"))
    assert mine.read_text() != right
    study = load_study(mine)
    assert study.expected != planning.expected(study, workspace)
    write_expected(mine, workspace)
    assert mine.read_text() == right


def test_runs_do_not_depend_on_it(mine, workspace):
    before = [cell.run_id for cell in load_study(mine).cells("x")]
    write_expected(mine, workspace)
    assert [cell.run_id for cell in load_study(mine).cells("x")] == before


def test_a_profile_without_machines_or_of_another_form_is_left_alone(mine, workspace):
    mine.write_text(SMALL.replace("expected:", "# expected:"))
    with pytest.raises(PlanError, match="names no machine: add `expected"):
        write_expected(mine, workspace)
    quoted = SMALL.replace("expected:", '"expected":')
    mine.write_text(quoted)
    with pytest.raises(ProfileError, match="at the beginning of a line"):
        write_expected(mine, workspace)
    assert mine.read_text() == quoted


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("[{gpu_memory: 0, tflops: 50}]", "expected.0.gpu_memory"),
        ("[{gpu_memory: 24}]", "expected.0.tflops"),
        ("[{gpu_memory: 24, tflops: 50, colour: red}]", "Extra inputs"),
        (
            "[{gpu_memory: 24, tflops: 50, cells: [{model: x, method: full, peak_gb: 1, fits: true, batch: 8 x 1, "
            "recompute: false}]}]",
            "a cell that is not there: x, full",
        ),
        (
            "[{gpu_memory: 24, tflops: 50, cells: [{model: tiny, method: full, peak_gb: 1, fits: true, batch: 8, "
            "recompute: false}]}]",
            "batch",
        ),
    ],
)
def test_wrong_expectations_are_refused(mine, wrong, message):
    mine.write_text(SMALL.replace("[{gpu_memory: 24, tflops: 50}]", wrong))
    with pytest.raises(ProfileError, match=message):
        load_study(mine)
