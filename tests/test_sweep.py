import json
import multiprocessing
import re
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from typer.testing import CliRunner

from bashkir_utils import cli, corpus, failures, planning, runs, sweep
from bashkir_utils.evaluation import Interval
from bashkir_utils.exceptions import DownloadError, PlanError, SweepError
from bashkir_utils.failures import Reason
from bashkir_utils.planning import Machine, step_of, training_memory
from bashkir_utils.planning.plan import SAFETY
from bashkir_utils.processes import Launch
from bashkir_utils.study import (
    CorpusSpec,
    EvaluationSpec,
    ForgettingSpec,
    Layout,
    MethodSpec,
    ModelSpec,
    PairsSpec,
    RunSpec,
    load_study,
)
from bashkir_utils.workspace import Workspace, read_json

CONFIGURATIONS = Path(__file__).parent.parent / "book" / "cluster"
MISSING = ModelSpec(name="missing", source="path:nowhere", methods=())
LLAMA = ModelSpec(name="tiny-llama", source="random:llama", methods=("full", "lora_r8"))
WILD = MethodSpec(name="wild", kind="full", learning_rate=1e30)
PAIRS = PairsSpec(pairs=1, reference_characters=20_000)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def text(home):
    return corpus.prepare(CorpusSpec(embedded_documents=120), home)


@pytest.fixture(scope="module")
def smoke():
    """The smoke profile with what these tests need of it, so quick that only starting takes time."""
    study = load_study("smoke")
    training = study.training.model_copy(update={"tokens": 4 * 64 * 4, "precision": "fp32"})
    scoring = EvaluationSpec(max_bytes=2000, window=64, overlap=16, bootstrap_samples=20)
    return study.model_copy(
        update={"models": (MISSING, LLAMA), "training": training, "evaluation": scoring, "minimal_pairs": PAIRS}
    )


def states(planned, outcomes) -> dict[str, str]:
    rows = sweep.table(planned, outcomes)
    return {name.rsplit("-s", 1)[0]: state for name, state in zip(rows["run"], rows["state"], strict=True)}


def test_a_failed_cell_is_recorded_and_the_others_go_on(smoke, text, workspace, monkeypatch):
    models = (MISSING, LLAMA.model_copy(update={"methods": ("full", "wild")}))
    study = smoke.model_copy(update={"models": models, "methods": (*smoke.methods, WILD)})
    planned = sweep.plan(study, text, workspace)
    outcomes = list(sweep.run_here(planned, text))
    expected = {"missing-zero_shot": "other", "tiny-llama-zero_shot": "finished", "tiny-llama-full": "finished"}
    assert states(planned, outcomes) == expected | {"tiny-llama-wild": "diverged"}
    reasons = {failure.run_id: failure.reason for failure in failures.list_failures(workspace)}
    assert sorted(reasons.values()) == [Reason.DIVERGED, Reason.OTHER]
    monkeypatch.setenv("BASHKIR_HOME", str(workspace.root))
    shown = CliRunner().invoke(cli.app, ["runs"]).output
    assert "failed (diverged): the loss is not a finite number" in shown
    again = sweep.plan(study, text, workspace)
    assert {cell.run_id for cell in again.pending} == set(reasons)
    assert len(again.cells) == 4
    found = states(again, [])
    assert found["tiny-llama-full"] == "found"


def test_weights_that_cannot_be_fetched_are_asked_for_once(smoke, text, workspace, monkeypatch):
    gated = LLAMA.model_copy(update={"name": "gated", "source": "hub:someone/gated", "methods": ("full",)})
    study = smoke.model_copy(update={"models": (gated, LLAMA.model_copy(update={"methods": ()}))})
    obtain, asked = sweep.obtain, []

    def fetch(cell, *others):
        asked.append(cell.model.name)
        if cell.model == gated:
            with failures.recorded(cell.run_id, workspace):
                raise DownloadError("gated: the Hub cannot be reached")
        return obtain(cell, *others)

    monkeypatch.setattr(sweep, "obtain", fetch)
    planned = sweep.plan(study, text, workspace)
    outcomes = list(sweep.run_here(planned, text))
    assert asked == ["gated", "tiny-llama"]
    assert [each.message for each in outcomes if each.state == "failed"] == ["gated: the Hub cannot be reached"] * 2
    assert states(planned, outcomes) == {
        "gated-zero_shot": "download",
        "gated-full": "download",
        "tiny-llama-zero_shot": "finished",
    }


def test_a_cell_that_ends_worse_than_its_model_is_diverged(smoke, text, workspace, monkeypatch):
    """Its loss is a number, so that nothing but the scores of the model as it came can tell."""
    harsh = MethodSpec(name="harsh", kind="full", learning_rate=1.0)
    models = (LLAMA.model_copy(update={"methods": ("full", "harsh")}),)
    study = smoke.model_copy(update={"models": models, "methods": (*smoke.methods, harsh), "minimal_pairs": None})
    planned = sweep.plan(study, text, workspace)
    outcomes = list(sweep.run_here(planned, text))
    expected = {"tiny-llama-zero_shot": "finished", "tiny-llama-full": "finished", "tiny-llama-harsh": "diverged"}
    assert states(planned, outcomes) == expected
    assert [outcome.diverged for outcome in outcomes] == ["", "", failures.WORSE]
    base, _, last = sweep.table(planned, outcomes)["bits_per_byte"].astype(float)
    assert last == pytest.approx(outcomes[-1].bits_per_byte.value, abs=1e-4)
    assert last > base
    again = sweep.plan(study, text, workspace)
    found = {"tiny-llama-zero_shot": "found", "tiny-llama-full": "found", "tiny-llama-harsh": "diverged"}
    assert (again.pending, states(again, [])) == ((), found)
    monkeypatch.setenv("BASHKIR_HOME", str(workspace.root))
    marked = {line.split()[0]: "diverged" in line for line in CliRunner().invoke(cli.app, ["runs"]).output.splitlines()}
    assert marked == {outcome.run_id: bool(outcome.diverged) for outcome in outcomes}
    shown = CliRunner().invoke(cli.app, ["runs", outcomes[-1].run_id]).output
    assert f"diverged ({failures.WORSE}, {last:.4f} bits per byte)" in shown


def test_the_progress_line_says_that_a_cell_diverged(capsys):
    bits = Interval(23.4, 23.0, 23.8)
    cli._follow(iter([sweep.Outcome(run_id="x", state="finished", seconds=1, bits_per_byte=bits, diverged="why")]))
    assert capsys.readouterr().out == "x: 23.4000 bits per byte (23.0000 to 23.8000)  diverged (why)\n"


def sweep_beside(study, text, workspace, both_planned, starts) -> None:
    """What each of two processes does: plan, wait for the other's plan, run; every start of a training is a line."""
    make = runs._make

    def counted(spec, *arguments) -> None:
        with starts.open("a") as stream:
            stream.write(f"{spec.run_id}\n")
        make(spec, *arguments)

    runs._make = counted
    planned = sweep.plan(study, text, workspace)
    both_planned.wait()
    assert {outcome.state for outcome in sweep.run_here(planned, text)} == {"failed"}


def test_sweeps_side_by_side_try_a_failing_cell_once(smoke, text, home, workspace, tmp_path):
    study = smoke.model_copy(update={"models": (LLAMA.model_copy(update={"methods": ("wild",)}),), "methods": (WILD,)})
    store = replace(workspace, root=tmp_path / "store")
    shutil.copytree(home.corpora, store.corpora)
    base = study.cells(text.fingerprint)[0]
    (base_first,) = sweep.run_here(sweep.plan(study, text, store, only=["*/zero_shot/*"]), text)
    assert (base_first.run_id, base_first.state) == (base.run_id, "finished")
    processes = multiprocessing.get_context("spawn")
    both_planned, starts = processes.Barrier(2), tmp_path / "starts"
    sweeps = [processes.Process(target=sweep_beside, args=(study, text, store, both_planned, starts)) for _ in range(2)]
    for each in sweeps:
        each.start()
    for each in sweeps:
        each.join()
    assert [each.exitcode for each in sweeps] == [0, 0]
    (wild,) = starts.read_text().split()
    assert failures.find(wild, store).reason == Reason.DIVERGED
    # a sweep that begins later does try it again
    assert sweep.plan(study, text, store).earlier[wild] == failures.find(wild, store)


def test_a_failure_before_the_sweep_is_tried_again_and_one_during_it_is_not(smoke, text, workspace, monkeypatch):
    (cell, *_) = smoke.cells(text.fingerprint)
    failures.record(cell.run_id, workspace, Reason.OTHER, "before")
    order, *_ = sweep.plan(smoke, text, workspace, only=["missing/*"]).orders(sweep.Resources())
    assert "before" not in sweep.carry_out(order, text, None).message
    assert "before" not in failures.find(cell.run_id, workspace).message
    tried = sweep.carry_out(order, text, None)
    assert tried.message.startswith("another sweep tried it meanwhile: ")
    # what another machine had no memory for, or a sweep held to be too large, says nothing of this one
    failures.record(cell.run_id, workspace, Reason.OUT_OF_MEMORY, "too large", started=False)
    assert "meanwhile" not in sweep.carry_out(order, text, None).message
    failures.record(cell.run_id, workspace, Reason.OUT_OF_MEMORY, "full")
    assert "meanwhile" in sweep.carry_out(order, text, None).message
    monkeypatch.setattr(failures.provenance, "machine", lambda: {"processor": "another"})
    assert "meanwhile" not in sweep.carry_out(order, text, None).message


def test_cells_that_failed_come_last_and_the_oldest_failure_first(smoke, text, workspace, monkeypatch):
    names = [cell.run_id for cell in smoke.cells(text.fingerprint)]
    for name, date in ((names[0], "2026-01-02T00:00:00+00:00"), (names[1], "2026-01-01T00:00:00+00:00")):
        monkeypatch.setattr(failures.provenance, "now", lambda date=date: date)
        failures.record(name, workspace, Reason.DIVERGED, "not a number")
    planned = sweep.plan(smoke, text, workspace)
    assert [cell.run_id for cell in planned.pending] == [names[2], names[3], names[1], names[0]]
    (first,) = sweep.plan(smoke, text, workspace, limit=1).pending
    assert first.run_id == names[2]
    assert [cell.run_id for cell in planned.cells] == names


def test_a_cell_whose_process_was_killed_comes_after_fresh_ones(smoke, text, workspace, monkeypatch):
    class Killed(BaseException):
        """Ends the sweep where SIGKILL would."""

    def kill(*_):
        raise Killed

    names = [cell.run_id for cell in smoke.cells(text.fingerprint)]
    with monkeypatch.context() as patch:
        patch.setattr(runs, "_make", kill)
        patch.setattr(failures, "_put_back", lambda *_: None)  # a killed process puts nothing back
        with pytest.raises(Killed):
            next(sweep.run_here(sweep.plan(smoke, text, workspace), text))
    again = sweep.plan(smoke, text, workspace)
    assert [cell.run_id for cell in again.pending] == [*names[1:], names[0]]
    assert again.earlier[names[0]].reason == Reason.KILLED
    assert states(again, [])["missing-zero_shot"] == "killed"
    with runs.in_turn(names[0], workspace):
        assert states(again, [])["missing-zero_shot"] == "waiting"
    # a second process that takes the cell over, as on a cluster, is not told that it was tried
    order = again.orders(sweep.Resources())[-1].model_copy(update={"earlier": None})
    assert "meanwhile" not in sweep.carry_out(order, text, None).message


class WorkerKilledError(Exception):
    """Ray's error of that kind."""


class ExhaustedError(WorkerKilledError):
    """Ray's error for want of memory."""


@pytest.mark.parametrize(
    ("found", "error", "expected"),
    [
        (None, WorkerKilledError, Reason.OTHER),
        (Reason.DOWNLOAD, ExhaustedError, Reason.OUT_OF_MEMORY),
        (Reason.DOWNLOAD, WorkerKilledError, Reason.OTHER),
        (Reason.KILLED, ExhaustedError, Reason.OUT_OF_MEMORY),
    ],
)
def test_what_ended_a_worker_takes_the_place_of_an_earlier_reason(found, error, expected, workspace):
    def get(_):
        raise error("it was killed")

    exceptions = SimpleNamespace(RayError=WorkerKilledError, OutOfMemoryError=ExhaustedError)
    earlier = failures.record("x", workspace, found, "before") if found else None
    outcome = sweep._outcome(SimpleNamespace(get=get, exceptions=exceptions), None, "x", workspace, earlier)
    assert (outcome.state, failures.find("x", workspace).reason) == ("failed", expected)


def test_what_a_worker_wrote_down_itself_stands(workspace):
    failed = sweep.Outcome(run_id="x", state="failed", seconds=0, message="not a number")
    ray = SimpleNamespace(get=lambda _: failed.model_dump_json(), exceptions=SimpleNamespace(RayError=OSError))
    earlier = failures.record("x", workspace, Reason.DOWNLOAD, "before")
    own = failures.record("x", workspace, Reason.DIVERGED, "not a number")
    sweep._outcome(ray, None, "x", workspace, earlier)
    assert failures.find("x", workspace) == own


def test_a_model_that_is_off_is_swept_by_its_name(smoke, text, workspace):
    off = ModelSpec(name="other-people", source="random:llama", methods=(), enabled=False)
    study = smoke.model_copy(update={"models": (*smoke.models, off)})
    for pattern in ("other-people/*/*", "other-*/zero_shot/0"):
        (cell,) = sweep.plan(study, text, workspace, only=[pattern]).cells
        assert cell.model == off
    assert off not in {cell.model for cell in sweep.plan(study, text, workspace, only=["*/zero_shot/*"]).cells}
    assert off not in {cell.model for cell in sweep.plan(study, text, workspace).cells}


def test_text_in_other_languages_is_part_of_a_cell(smoke, text, workspace):
    asked = ForgettingSpec(paragraphs=2, window=64, overlap=16)
    study = smoke.model_copy(update={"models": (LLAMA.model_copy(update={"methods": ()}),), "forgetting": None})
    (outcome,) = sweep.run_here(sweep.plan(study, text, workspace), text)
    assert outcome.state == "finished"
    more = sweep.plan(study.model_copy(update={"forgetting": asked}), text, workspace)
    assert len(more.pending) == 1
    (outcome,) = sweep.run_here(more, text)
    assert list((workspace.runs / outcome.run_id / "forgetting").glob("*/paragraphs.parquet"))
    assert more.is_complete(more.cells[0])


def test_only_and_limit_choose(smoke, text, workspace):
    assert len(sweep.plan(smoke, text, workspace).pending) == 4
    one = sweep.plan(smoke, text, workspace, only=["tiny-llama/lora_r*/42"])
    assert [cell.method.name for cell in one.pending] == ["lora_r8"]
    two = sweep.plan(smoke, text, workspace, only=["missing/*", "*/full/*"])
    assert [cell.method.name for cell in two.pending] == ["zero_shot", "full"]
    limited = sweep.plan(smoke, text, workspace, limit=1)
    assert len(limited.pending) == 1
    assert set(states(limited, []).values()) == {"waiting"}
    for only in (["gpt9/*"], ["missing/*", "gpt9/*"]):
        with pytest.raises(SweepError, match=r"no cell of smoke is gpt9/\*; "):
            sweep.plan(smoke, text, workspace, only=only)


def test_cells_of_other_processes_come_last(smoke, text, workspace, monkeypatch):
    planned = sweep.plan(smoke, text, workspace)
    busy = [planned.pending[0].run_id, planned.pending[2].run_id]
    monkeypatch.setattr(sweep, "is_busy", lambda name, _: name in busy)
    done = [outcome.run_id for outcome in sweep.run_here(planned, text)]
    assert done[2:] == busy


def test_a_lock_is_seen(smoke, text, workspace):
    name = smoke.cells(text.fingerprint)[0].run_id
    assert not runs.is_busy(name, workspace)
    with runs._lock(workspace, name):
        assert runs.is_busy(name, workspace)
    with runs.in_turn(name, workspace):
        assert runs.is_busy(name, workspace)
    assert not runs.is_busy(name, workspace)


# --- layouts -----------------------------------------------------------------------------------------------------


def peak(cell: RunSpec, study, layout: Layout, workspace) -> float:
    """Bytes by the formulas, on a processor of this kind."""
    machine = planning.machine_for(gigabytes=1)
    step = step_of(cell, study, planning.shape_of(cell.model, workspace), machine)
    return training_memory(replace(step, layout=layout)).peak


def between(cell: RunSpec, study, workspace) -> tuple[Machine, Layout]:
    """A processor in which the profile's layout does not fit, and the largest one that does."""
    whole = study.training.layout
    ways = planning.layouts(whole.effective_batch, study.training.block_length)
    peaks = {way: peak(cell, study, way, workspace) for way in ways}
    fitting = next(way for way in ways if peaks[way] < peaks[whole])
    memory = (peaks[whole] + peaks[fitting]) / 2 / SAFETY
    return replace(planning.machine_for(gigabytes=1), memory_bytes=memory), fitting


@pytest.fixture(scope="module")
def wide(smoke):
    """Two cells whose activations are what counts: long blocks."""
    training = smoke.training.model_copy(update={"block_length": 256, "tokens": 4 * 256 * 4})
    models = (LLAMA.model_copy(update={"methods": ("full",)}),)
    return smoke.model_copy(update={"models": models, "training": training, "minimal_pairs": None})


def test_each_cell_is_trained_in_the_layout_that_fits(wide, text, workspace):
    _, cell = wide.cells(text.fingerprint)
    machine, expected = between(cell, wide, workspace)
    planned = sweep.plan(wide, text, workspace, machine=machine)
    assert planned.layouts == {cell.run_id: expected}
    first, second = planned.orders(sweep.Resources())
    assert (first.layout, second.layout) == (None, expected)
    assert sweep.Order.model_validate_json(second.model_dump_json()) == second
    outcomes = list(sweep.run_here(planned, text))
    assert [outcome.state for outcome in outcomes] == ["finished", "finished"]
    record = runs.load_run(cell.run_id, workspace).record
    assert Layout(record["micro_batch"], record["accumulation"], record["checkpointing"]) == expected
    assert expected != wide.training.layout
    assert not sweep.plan(wide, text, workspace, machine=replace(machine, memory_bytes=1)).refused
    assert not sweep.everything(wide, text, workspace, replace(machine, memory_bytes=1)).refused


def test_a_cell_that_fits_in_no_layout_is_refused_and_the_others_go_on(smoke, text, workspace):
    base, cell = (smoke.run_spec(text.fingerprint, method=way, model=LLAMA.name) for way in ("zero_shot", "lora_r8"))
    large = MethodSpec(name="large", kind="lora", rank=100_000, lora_alpha=1)
    models = (MISSING, LLAMA.model_copy(update={"methods": ("lora_r8", "large")}))
    study = smoke.model_copy(update={"models": models, "methods": (*smoke.methods, large), "minimal_pairs": None})
    gigabytes = 1.2 * peak(cell, study, study.training.layout, workspace) / 1e9
    planned = sweep.plan(study, text, workspace, machine=planning.machine_for(gigabytes=gigabytes))
    assert [cell.run_id for cell in planned.pending] == [base.run_id, cell.run_id]
    outcomes = list(sweep.run_here(planned, text))
    assert states(planned, outcomes) == {
        "missing-zero_shot": "other",
        "tiny-llama-zero_shot": "finished",
        "tiny-llama-lora_r8": "finished",
        "tiny-llama-large": "out_of_memory",
    }
    (why,) = [each.message for each in failures.list_failures(workspace) if each.reason == Reason.OUT_OF_MEMORY]
    found = re.fullmatch(
        r"not started: it needs (\S+) GB at least \(1 x 4 blocks a step.*\), "
        r"(\S+) GB more than the (\S+) GB that a cell may fill of (\S+) GB",
        why,
    )
    needed, over, usable, memory = map(float, found.groups())
    assert needed - usable == pytest.approx(over, abs=0.011)
    assert (usable, memory) == (pytest.approx(SAFETY * gigabytes, abs=0.006), pytest.approx(gigabytes, abs=0.006))


@pytest.fixture
def bashkir(workspace, home, monkeypatch):
    """Call the command line on a store of its own, with the models that are there already."""
    monkeypatch.setenv("BASHKIR_HOME", str(workspace.root))
    return lambda *words: CliRunner().invoke(cli.app, list(words))


def test_the_smoke_profile_is_swept_in_a_layout_that_fits(bashkir, workspace):
    study = load_study("smoke")
    cell = study.run_spec("x", method="full")
    machine, expected = between(cell, study, workspace)
    size = ("--memory", repr(machine.memory_bytes / 1e9))
    swept = bashkir("sweep", "-p", "smoke", "--only", "tiny-llama/full/*", *size)
    assert swept.exit_code == 0, swept.output
    (run,) = runs.list_runs(workspace)
    assert [run.record[name] for name in ("micro_batch", "accumulation", "checkpointing")] == [
        expected.micro_batch, expected.accumulation, expected.checkpointing
    ]  # fmt: skip
    assert run.run_id == study.run_spec(run.record["corpus_fingerprint"], method="full").run_id
    trained = bashkir("train", "-p", "smoke", "-m", "lora_r8", "--model", "tiny-gpt2", "--memory", "0.01")
    assert "not started: it needs" in str(trained.exception)
    assert [failure.reason for failure in failures.list_failures(workspace)] == [Reason.OUT_OF_MEMORY]
    # what is in the store is found, however small the machine
    assert bashkir("train", "-p", "smoke", "-m", "full", "--memory", "0.01").exit_code == 0


def test_memory_is_of_one_kind_and_not_for_spread_models(bashkir, monkeypatch):
    both = bashkir("sweep", "-p", "smoke", "--memory", "8", "--gpu-memory", "24")
    assert isinstance(both.exception, PlanError)
    spread = bashkir(
        "sweep", "-p", "smoke", "--memory", "24", "--ray", "auto", "--gpus-per-cell", "2",
        "--accelerate-config", str(CONFIGURATIONS / "fsdp.yaml"),
    )  # fmt: skip
    assert "weights are spread over GPUs" in str(spread.exception)
    assert cli._machine(24, None, CONFIGURATIONS / "fsdp.yaml", 4) == planning.machine_for(gpu_gigabytes=24, shards=4)
    assert cli._machine(24, None, CONFIGURATIONS / "ddp.yaml", 4) == planning.machine_for(gpu_gigabytes=24)
    with monkeypatch.context() as patch:
        patch.setattr(cli, "launched", lambda: Launch(rank=0, local_rank=0, processes=3, sharded=True))
        assert cli._machine(24, None).shards == 3
    assert not sweep.is_sharded(CONFIGURATIONS / "ddp.yaml")


def test_options_for_ray_are_refused_without_it():
    with pytest.raises(SweepError, match="go with --ray"):
        CliRunner().invoke(cli.app, ["sweep", "--gpus-per-cell", "1"], standalone_mode=False, catch_exceptions=False)
    with pytest.raises(SweepError, match="whole number"):
        cli._resources("auto", 1.5, 1, None, None)


@pytest.mark.parametrize(
    "address", ["nonsense", "", "host", "host:", ":6379", "host:port", "host:99999", "http://host"]
)
def test_an_address_that_is_none_is_refused_at_once(address, bashkir, workspace):
    """Before the corpus is prepared: Ray itself looks for such a host for minutes."""
    refused = bashkir("sweep", "-p", "smoke", "--ray", address)
    assert isinstance(refused.exception, SweepError)
    assert "is neither auto nor host:port" in str(refused.exception)
    assert not workspace.corpora.exists()


def test_where_a_cluster_listens():
    assert sweep.host_and_port("auto") is None
    assert sweep.host_and_port("10.0.0.1:6379") == ("10.0.0.1", 6379)
    assert sweep.host_and_port("ray://head:10001") == ("head", 10001)
    assert sweep.host_and_port("[::1]:6379") == ("::1", 6379)


def test_a_missing_ray_is_one_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(SweepError, match=r"pip install 'bashkir-utils\[cluster\]'"):
        sweep._ray()


@pytest.fixture
def two_nodes(monkeypatch):
    """A real Ray cluster of two nodes with a processor each, on this machine."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    quick = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 3}
    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, "_system_config": quick}
    )
    second = cluster.add_node(num_cpus=1)
    yield cluster, second
    cluster.shutdown()


class Killer(threading.Thread):
    """Kills a node as soon as a cell that runs on it has written a checkpoint; remembers cell and process."""

    def __init__(self, cluster, node, workspace: Workspace) -> None:
        super().__init__(daemon=True)
        self.cluster, self.node, self.partial = cluster, node, workspace.runs / runs.PARTIAL
        self.killed: tuple[str, int] | None = None

    def run(self) -> None:
        (raylet,) = self.node.all_processes["raylet"]
        while self.killed is None:
            time.sleep(0.02)
            for state in self.partial.glob("*/checkpoint-*/trainer_state.json"):
                cell = state.parent.parent
                process = self.process_of(cell)
                if process and raylet.process.pid in process:
                    self.killed = cell.name, process[0]
                    self.cluster.remove_node(self.node, allow_graceful=False)
                    return

    def process_of(self, cell) -> list[int]:
        """The process that trains a cell, and those above it."""
        try:
            own = psutil.Process(read_json(cell / runs.ATTEMPTS)[-1]["process"])
            return [own.pid, *(parent.pid for parent in own.parents())]
        except (OSError, psutil.NoSuchProcess):
            return []


def test_a_cluster_runs_every_cell_once_though_a_node_dies(smoke, text, home, two_nodes):
    cluster, second = two_nodes
    training = smoke.training.model_copy(update={"tokens": 4 * 64 * 300, "checkpoints": 30})
    study = smoke.model_copy(update={"training": training})
    trained = ["missing/*", "*/full/*", "*/lora_r8/*"]
    planned = sweep.plan(study, text, home, only=trained)
    killer = Killer(cluster, second, home)
    killer.start()
    outcomes = list(sweep.run_on_ray(planned, cluster.address, sweep.Resources()))
    killer.join()
    expected = {"missing-zero_shot": "other", "tiny-llama-full": "finished", "tiny-llama-lora_r8": "finished"}
    assert states(planned, outcomes) == expected
    lost, process = killer.killed
    for run in runs.list_runs(home):
        starts = [attempt["from_step"] for attempt in run.record["attempts"]]
        if run.run_id == lost:
            assert starts == [0, run.record["resumed_from_step"]]
            assert run.record["resumed_from_step"] > 0
            assert run.record["attempts"][0]["process"] == process
        else:
            assert starts == [0]
        assert run.curve["step"].is_unique
        assert run.curve["step"].iloc[-1] == 300
    left = sweep.plan(study, text, home, only=trained)
    assert [cell.model.name for cell in left.pending] == ["missing"]
    assert json.loads((home.runs / failures.FAILED / f"{left.pending[0].run_id}.json").read_text())["machine"]


def test_no_cluster_is_one_line(smoke, text, workspace):
    pytest.importorskip("ray")
    planned = sweep.plan(smoke, text, workspace)
    with pytest.raises(SweepError, match="no Ray cluster at '127"):
        next(sweep.run_on_ray(planned, "127.0.0.1:1", sweep.Resources()))
