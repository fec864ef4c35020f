import itertools
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from safetensors.torch import load_file

from bashkir_utils import corpus, runs, sweep
from bashkir_utils.exceptions import RunError
from bashkir_utils.processes import Launch, from_all, from_first, launched
from bashkir_utils.study import CorpusSpec, EvaluationSpec, Layout, RunSpec, TrainingSpec
from bashkir_utils.training import device_batch, train
from bashkir_utils.workspace import Workspace, write_json

from conftest import METHODS

CONFIGURATIONS = Path(__file__).parent.parent / "book" / "cluster"
SCORING = EvaluationSpec(max_bytes=2000, window=64, overlap=16, bootstrap_samples=20)
TRAINING = TrainingSpec(
    block_length=32, batch_size=4, gradient_accumulation=2, tokens=32 * 8 * 12, precision="fp32",
    log_points=12, validation_points=2, validation_blocks=6, checkpoints=4,
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def text(home):
    return corpus.prepare(CorpusSpec(embedded_documents=120), home)


@pytest.fixture
def spec(tiny, text) -> RunSpec:
    return RunSpec(model=tiny, method=METHODS["full"], seed=3, training=TRAINING, corpus=text.fingerprint)


@pytest.fixture
def alone(spec, text, home):
    """The same run in one process."""
    return runs.obtain(spec, text, home)


def beside(home: Workspace, folder: Path) -> Workspace:
    """A store of its own with the same corpora and models."""
    for name in ("corpora", "models"):
        (folder / name).symlink_to(home.root / name)
    return Workspace(folder)


def assert_same(run, alone):
    assert run.record["processes"] == 2
    assert run.record["tokens_seen"] == alone.record["tokens_seen"] == 32 * 8 * 12
    assert run.curve["step"].tolist() == alone.curve["step"].tolist()
    for column in ("loss", "validation_loss"):
        np.testing.assert_allclose(run.curve[column], alone.curve[column], atol=1e-3)
    assert run.record["peak_rss_bytes"] >= run.record["rss_before_bytes"] > 0


def test_two_processes_learn_what_one_does(spec, alone, text, home, tmp_path, monkeypatch):
    """By accelerate launch, as a sweep calls it for a cell with two GPUs; without any, PyTorch takes gloo and CPUs.

    Of the layout 2 x 4, computed again, each process takes its half: 2 x 2.
    """
    store = beside(home, tmp_path)
    order = sweep.Order(
        cell=spec,
        evaluation=SCORING,
        minimal_pairs=None,
        layout=Layout(2, 4, True),
        resources=sweep.Resources(gpus=2),
        home=str(store.root),
    )
    outcome = sweep.carry_out(order, text, None)
    assert (outcome.state, outcome.message) == ("finished", "")
    run = runs.load_run(spec.run_id, store)
    assert_same(run, alone)
    assert {name: run.record[name] for name in asdict(Layout(2, 2, True))} == asdict(Layout(2, 2, True))
    assert "2 x 2 blocks a step on each of 2 processes, activations computed again" in runs.model_card(spec, run.record)
    assert not list((store.runs / sweep.ORDERS).iterdir())
    one = runs.evaluate(alone, text, SCORING, home).summary["bits_per_byte"]
    assert outcome.bits_per_byte.value == pytest.approx(one.value, abs=1e-3)


SHARDED_ON_PROCESSORS = """
    import os
    import accelerate.state
    from accelerate.utils import DistributedType
    from torch.distributed.tensor import DTensor
    from bashkir_utils import cli, runs, training
    begin = accelerate.state.PartialState.__init__
    def claim_gpus(self, *arguments, **settings):
        # accelerate shards on accelerators only; PyTorch does it with gloo too
        fresh = not self._shared_state
        begin(self, *arguments, **settings)
        if fresh and self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type = DistributedType.MULTI_GPU
    accelerate.state.PartialState.__init__ = claim_gpus
    step_end, save = training._Reporter.on_step_end, runs._save_weights
    def stop(self, args, state, control, **others):
        step_end(self, args, state, control, **others)
        if state.global_step == int(os.environ["STOP_AT"]):
            os._exit(9)
    def say(spec, made, weights, folder):
        print("SHARDED", all(isinstance(each, DTensor) for each in made.model.parameters()))
        save(spec, made, weights, folder)
    training._Reporter.on_step_end, runs._save_weights = stop, say
    cli.main()
"""


def sharded(spec: RunSpec, store: Workspace, tmp_path: Path) -> list[str]:
    """The command that trains ``spec`` by FSDP in two processes on processors."""
    (tmp_path / "sharded.py").write_text(textwrap.dedent(SHARDED_ON_PROCESSORS))
    order = sweep.Order(
        cell=spec, evaluation=SCORING, minimal_pairs=None, resources=sweep.Resources(), home=str(store.root)
    )
    write_json(tmp_path / "order.json", order.model_dump(mode="json"))
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(CONFIGURATIONS / "fsdp.yaml")]
    return [*command, "--num_processes", "2", str(tmp_path / "sharded.py"), "cell", str(tmp_path / "order.json")]


def test_sharded_weights_learn_the_same_and_are_written_whole(spec, alone, text, home, tmp_path):
    store = beside(home, tmp_path)
    command = sharded(spec, store, tmp_path)

    def launch(stop_at: int) -> subprocess.CompletedProcess:
        environment = os.environ | {"STOP_AT": str(stop_at), "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert launch(stop_at=8).returncode
    finished = launch(stop_at=-1)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.split() == ["SHARDED", "True"]
    run = runs.load_run(spec.run_id, store)
    assert [attempt["from_step"] for attempt in run.record["attempts"]] == [0, 6]
    assert_same(run, alone)
    (mine, _), (expected, _) = run.load(store), alone.load(home)
    for name, weight in expected.state_dict().items():
        np.testing.assert_allclose(mine.state_dict()[name], weight, atol=1e-3, err_msg=name)


def test_an_adapter_on_sharded_weights_learns_the_same(spec, text, home, tmp_path):
    """What the page on clusters and its script for SLURM do: LoRA by FSDP."""
    lora = spec.model_copy(update={"method": METHODS["lora"]})
    alone = runs.obtain(lora, text, home)
    store = beside(home, tmp_path)
    environment = os.environ | {"STOP_AT": "-1", "OMP_NUM_THREADS": "1"}
    command = sharded(lora, store, tmp_path)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["SHARDED", "True"]
    run = runs.load_run(lora.run_id, store)
    assert_same(run, alone)
    mine, expected = (load_file(each.folder / "adapter" / "adapter_model.safetensors") for each in (run, alone))
    assert mine.keys() == expected.keys()
    for name, weight in expected.items():
        np.testing.assert_allclose(mine[name], weight, atol=1e-3, err_msg=name)
    run.load(store)


BY_OWN_CLOCKS = """
    import itertools, os
    from functools import partial
    from bashkir_utils import cli, pace, runs, training
    take, waiting = pace.Pace.on_optimizer_step, []
    def look(own, args, state, control, model, **others):
        waiting.append([each.grad is None for each in model.parameters() if not each.requires_grad])
        take(own, args, state, control, model=model, **others)
    pace.Pace.on_optimizer_step = look
    ticks = itertools.count()
    speed = 50.0 if int(os.environ["RANK"]) else 1.0
    runs.train = partial(training.train, clock=lambda: speed * next(ticks))
    try:
        cli.main()
    finally:
        # in one piece: two processes write to one pipe
        print(f"\\nWITHOUT GRADIENT {all(map(all, waiting))} {sum(map(bool, waiting))}\\n", end="", flush=True)
"""


def test_the_first_clock_stops_both_and_embeddings_come_first_in_both(spec, text, home, tmp_path, monkeypatch):
    """The second process's clock runs fifty times as fast; alone, a run by the first one's clock learns the same."""
    training = TRAINING.model_copy(update={"minutes": 0.25, "tokens": 32 * 8 * 24, "embeddings_first": 0.5})
    timed = spec.model_copy(update={"training": training})
    ticks = itertools.count()
    monkeypatch.setattr(runs, "train", partial(train, clock=lambda: float(next(ticks))))
    alone = runs.obtain(timed, text, home)
    store = beside(home, tmp_path)
    (tmp_path / "clocks.py").write_text(textwrap.dedent(BY_OWN_CLOCKS))
    order = sweep.Order(
        cell=timed, evaluation=SCORING, minimal_pairs=None, resources=sweep.Resources(), home=str(store.root)
    )
    write_json(tmp_path / "order.json", order.model_dump(mode="json"))
    launcher = sweep.launch_command(tmp_path / "order.json", sweep.Resources(gpus=2))
    command = [*launcher[: launcher.index("-m", 3)], str(tmp_path / "clocks.py"), "cell", str(tmp_path / "order.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = runs.load_run(timed.run_id, store)
    assert (run.record["processes"], alone.record["processes"]) == (2, 1)
    assert 1 < run.record["steps"] == alone.record["steps"] < 24
    waited = re.findall(r"WITHOUT GRADIENT True (\d+)", done.stdout)
    assert len(waited) == 2
    assert 0 < int(waited[0]) == int(waited[1]) < run.record["steps"]
    assert run.record["budget"] == {"tokens": 32 * 8 * 24, "minutes": 0.25, "ended_by": "minutes"}
    assert run.curve["step"].tolist() == alone.curve["step"].tolist()
    for column in ("loss", "validation_loss"):
        np.testing.assert_allclose(run.curve[column], alone.curve[column], atol=1e-3)


def test_four_bit_weights_are_not_sharded(spec, text, workspace, monkeypatch):
    monkeypatch.setattr(runs, "launched", lambda: Launch(rank=0, local_rank=0, processes=1, sharded=True))
    with pytest.raises(RunError, match="launch qlora with DDP"):
        runs.obtain(spec.model_copy(update={"method": METHODS["qlora"]}), text, workspace)


@pytest.mark.parametrize(
    ("batch", "accumulation", "processes", "expected"),
    [
        (4, 2, 1, (4, 2)),
        (4, 2, 2, (4, 1)),
        (4, 2, 4, (2, 1)),
        (16, 2, 8, (4, 1)),
        (6, 3, 2, (3, 3)),
        (1, 32, 8, (1, 4)),
    ],
)
def test_a_step_sees_as_many_blocks_with_any_number_of_processes(batch, accumulation, processes, expected):
    own = device_batch(Layout(batch, accumulation, True), processes)
    assert own == Layout(*expected, True)
    assert own.effective_batch * processes == batch * accumulation
    assert own.micro_batch <= batch


def test_a_batch_that_cannot_be_dealt_out_is_refused():
    with pytest.raises(RunError, match="8 blocks cannot be dealt out to 3 processes"):
        device_batch(TRAINING.layout, 3)


def test_without_a_launcher_there_is_one_process(monkeypatch):
    for name in ("LOCAL_RANK", "RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert launched() == Launch(rank=0, local_rank=0, processes=1, sharded=False)
    assert (from_first(7), from_all([1, 2])) == (7, [[1, 2]])
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("RANK", "9")
    monkeypatch.setenv("WORLD_SIZE", "16")
    assert launched() == Launch(rank=9, local_rank=1, processes=16, sharded=False)
    assert not launched().first


def test_only_training_is_launched(tmp_path):
    environment = os.environ | {"LOCAL_RANK": "0", "WORLD_SIZE": "2", "BASHKIR_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "bashkir_utils", "runs"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "bashkir: error: accelerate launch is for `bashkir train`, not for `bashkir runs`\n"


@pytest.mark.parametrize(("name", "flag"), [("ddp", "multi_gpu"), ("fsdp", "use_fsdp")])
def test_accelerate_reads_the_configurations(name, flag):
    path = CONFIGURATIONS / f"{name}.yaml"
    asked = launch_command_parser().parse_args(["--config_file", str(path), "-m", "bashkir_utils", "train"])
    arguments, defaults, _ = _validate_launch_command(asked)
    assert getattr(arguments, flag)
    assert arguments.mixed_precision == "no"
    assert set(yaml.safe_load(path.read_text()).get("fsdp_config", {})) <= set(vars(arguments))
    assert load_config_from_file(str(path)).num_processes == defaults.num_processes == 2
