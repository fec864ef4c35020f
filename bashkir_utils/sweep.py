"""Many runs: the cells of a study that are not in the store yet, in this process or as tasks of a Ray cluster.

The store is what processes share: its locks see to it that no cell is trained twice, and its checkpoints that a cell
whose process was lost goes on where it was. So on a cluster the store must be on a file system that all machines see.
Where a machine's memory is given, each cell is trained in a layout that fits; one that fits in none is not started.
A cell that failed is tried once by every sweep that begins later, after all others; sweeps that run side by side try it
once between them.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pandas as pd
import yaml

from . import corpus as corpora
from . import failures
from .corpus import Corpus
from .evaluation import Interval
from .exceptions import BashkirError, RunError, SweepError
from .failures import Failure, Reason
from .minimal_pairs import StudyPairs, study_pairs
from .planning import Machine, fitting_layout
from .runs import (
    evaluate,
    forgetting,
    in_turn,
    is_busy,
    is_complete,
    is_stored,
    is_under_way,
    load_run,
    obtain,
    pair_scores,
    stored_bits,
    without_weights,
    zero_shot_bits,
)
from .study import EvaluationSpec, ForgettingSpec, Layout, PairsSpec, RunSpec, Specification, Study
from .workspace import ENVIRONMENT_VARIABLE, Workspace, write_json

ORDERS = ".orders"
CONNECTION_SECONDS = 10
LOST_WORKER_RETRIES = 5
"""How often a cell is started again after its machine or process vanished; each time it goes on from a checkpoint."""


class Resources(Specification):
    """What one cell asks for."""

    gpus: float | None = None
    """A part of one, or a whole number; more than one starts that many processes by ``accelerate launch``. None means
    one where the cluster has any."""
    cpus: float = 1
    memory_bytes: int | None = None
    """Main memory that Ray sets aside for the cell; it does not enforce it."""
    accelerate_config: str | None = None
    """Path of a configuration for ``accelerate launch``; without one, DDP."""


class Order(Specification):
    """One cell with all that another process needs to run it."""

    cell: RunSpec
    evaluation: EvaluationSpec
    minimal_pairs: PairsSpec | None
    forgetting: ForgettingSpec | None = None
    layout: Layout | None = None
    """How each step of its training is cut; None as the profile says."""
    earlier: Failure | None = None
    """How it failed before this sweep."""
    resources: Resources
    home: str
    """The workspace's folder."""


class Outcome(Specification):
    """What became of one cell."""

    run_id: str
    state: Literal["finished", "failed"]
    seconds: float
    message: str = ""
    """Of a failure: one line."""
    bits_per_byte: Interval | None = None
    diverged: str = ""
    """Why a finished cell counts as diverged, by ``failures.divergence`` and the zero-shot scores that there are."""
    pairs_right: float | None = None
    """Share of the minimal pairs, 0…1; None where none were asked for."""


@dataclass(frozen=True)
class Plan:
    """The cells that a sweep is about, those of them that it will run, and how they are scored."""

    cells: tuple[RunSpec, ...]
    pending: tuple[RunSpec, ...]
    study: Study
    pairs: StudyPairs | None
    workspace: Workspace
    layouts: Mapping[str, Layout] = field(default_factory=dict)
    """By run: how its steps are cut, where that is not left to the profile."""
    refused: tuple[Outcome, ...] = ()
    """Cells that are not started, because they do not fit the machine."""
    earlier: Mapping[str, Failure] = field(default_factory=dict)
    """By run: how it failed before this sweep."""

    def orders(self, resources: Resources) -> list[Order]:
        """One order a pending cell."""
        return [
            Order(
                cell=cell,
                evaluation=self.study.evaluation,
                minimal_pairs=self.study.minimal_pairs,
                forgetting=self.study.forgetting,
                layout=self.layouts.get(cell.run_id),
                earlier=self.earlier.get(cell.run_id),
                resources=resources,
                home=str(self.workspace.root.resolve()),
            )
            for cell in self.pending
        ]

    def is_complete(self, cell: RunSpec) -> bool:
        """Whether nothing of the cell is left to do."""
        return is_complete(cell, self.study.evaluation, self.pairs, self.workspace, self.study.forgetting)


def plan(  # noqa: PLR0913
    study: Study,
    corpus: Corpus,
    workspace: Workspace,
    *,
    only: Sequence[str] = (),
    limit: int | None = None,
    machine: Machine | None = None,
) -> Plan:
    """The cells of a study, those chosen by ``only``, and the first ``limit`` of these that the store lacks.

    Cells that failed before come last, those first whose failure is oldest: a limit never keeps to one that fails.

    Args:
        study: what is asked for.
        corpus: its text.
        workspace: the store.
        only: patterns ``model/method/seed`` in which ``*`` stands for anything. A model that is off is meant by its
            name, or a part of it, and not by a mere ``*``.
        limit: how many cells are run at most.
        machine: what every cell has for itself; without one, steps are cut as the profile says.

    Raises:
        SweepError: no cell is of one of these names.
    """
    cells = _chosen(study, corpus.fingerprint, only) if only else study.scored_cells(corpus.fingerprint)
    whole = _whole(cells, study, corpus, workspace)
    pending = [cell for cell in cells if not whole.is_complete(cell)]
    pending.sort(key=lambda cell: whole.earlier[cell.run_id].date if cell.run_id in whole.earlier else "")
    fitting = _fitted(replace(whole, pending=tuple(pending)), machine)
    return replace(fitting, pending=fitting.pending[:limit])


def everything(study: Study, corpus: Corpus, workspace: Workspace, machine: Machine | None = None) -> Plan:
    """All cells of a study; those in the store are loaded again."""
    return _fitted(_whole(study.scored_cells(corpus.fingerprint), study, corpus, workspace), machine)


def _whole(cells: Sequence[RunSpec], study: Study, corpus: Corpus, workspace: Workspace) -> Plan:
    """All these cells, with what is known of their failures when the sweep begins."""
    found = {cell.run_id: failures.find(cell.run_id, workspace) for cell in cells}
    earlier = {name: failure for name, failure in found.items() if failure is not None}
    pairs = study_pairs(corpus, study.minimal_pairs)
    return Plan(tuple(cells), tuple(cells), study, pairs, workspace, earlier=earlier)


def _fitted(planned: Plan, machine: Machine | None) -> Plan:
    """Each pending training cut so that it fits the machine; what fits in no way is pending no more."""
    if machine is None:
        return planned
    layouts: dict[str, Layout] = {}
    refused: dict[str, Outcome] = {}
    for cell in planned.pending:
        name = cell.run_id
        try:
            layout = layout_for(cell, planned.study, machine, planned.workspace)
        except BashkirError as error:
            refused[name] = Outcome(run_id=name, state="failed", seconds=0, message=failures.describe(error))
        else:
            layouts |= {} if layout is None else {name: layout}
    pending = tuple(cell for cell in planned.pending if cell.run_id not in refused)
    return replace(planned, pending=pending, layouts=layouts, refused=tuple(refused.values()))


def layout_for(cell: RunSpec, study: Study, machine: Machine, workspace: Workspace) -> Layout | None:
    """The layout to train a cell in on that machine; None where there is nothing to train any more.

    Raises:
        MemoryLimitError: the cell fits in no layout, which is recorded as its failure.
        ModelError: nothing is known of the model's shape; recorded too.
    """
    if is_stored(cell.run_id, workspace):
        return None
    try:
        return fitting_layout(cell, study, machine, workspace)
    except BashkirError as error:
        why = failures.describe(error)
        failures.record(cell.run_id, workspace, failures.reason_of(error), why, started=False)
        raise


def is_sharded(accelerate_config: Path) -> bool:
    """Whether that configuration of ``accelerate launch`` spreads a model over GPUs, which no plan here is for.

    Raises:
        SweepError: it is not YAML.
    """
    try:
        content = yaml.safe_load(accelerate_config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SweepError(f"{accelerate_config.name} is not a configuration for accelerate launch") from error
    return isinstance(content, dict) and content.get("distributed_type") == "FSDP"


def _chosen(study: Study, corpus: str, patterns: Sequence[str]) -> list[RunSpec]:
    cells = study.all_cells(corpus)
    for pattern in patterns:
        if not any(_is_named(cell, pattern) for cell in cells):
            raise SweepError(f"no cell of {study.name} is {pattern}; a pattern is model/method/seed, as gpt2/*/42")
    return [cell for cell in cells if any(_is_named(cell, pattern) for pattern in patterns)]


def _is_named(cell: RunSpec, pattern: str) -> bool:
    model = pattern.partition("/")[0]
    name = f"{cell.model.name}/{cell.method.name}/{cell.seed}"
    return fnmatch.fnmatchcase(name, pattern) and (cell.model.enabled or model.strip("*") != "")


def run_here(planned: Plan, corpus: Corpus) -> Iterator[Outcome]:
    """Run the pending cells one after the other; those that other processes work on come last.

    What the plan refused comes first, as outcomes. Weights that could not be fetched for one cell are not asked for
    again.
    """
    yield from planned.refused
    waiting, failed = planned.orders(Resources()), list[tuple[RunSpec, Failure]]()
    while waiting:
        order = next((o for o in waiting if not is_busy(o.cell.run_id, planned.workspace)), waiting[0])
        waiting.remove(order)
        if (why := without_weights(order.cell, failed, planned.workspace)) is not None:
            yield Outcome(run_id=order.cell.run_id, state="failed", seconds=0, message=why.message)
            continue
        outcome = carry_out(order, corpus, planned.pairs)
        if outcome.state == "failed" and (found := failures.find(order.cell.run_id, planned.workspace)) is not None:
            failed.append((order.cell, found))
        yield outcome


def carry_out(order: Order, corpus: Corpus, pairs: StudyPairs | None) -> Outcome:
    """Train and score one cell; a failure is an outcome and no error, and the store keeps its reason.

    A cell in which another sweep failed since this one began is not tried again.
    """
    begun = time.monotonic()
    workspace, name = Workspace(Path(order.home)), order.cell.run_id
    try:
        with in_turn(name, workspace):
            tried = failures.find(name, workspace)
            if tried is not None and tried != order.earlier and tried.holds_here():
                message = f"another sweep tried it meanwhile: {tried.message}"
                return Outcome(run_id=name, state="failed", seconds=0, message=message)
            done = _done(order, corpus, pairs, workspace)
    except Exception as error:  # whatever ends one cell, the others go on
        done = Outcome(run_id=name, state="failed", seconds=0, message=failures.describe(error))
    return done.model_copy(update={"seconds": time.monotonic() - begun})


def _done(order: Order, corpus: Corpus, pairs: StudyPairs | None, workspace: Workspace) -> Outcome:
    """Train and score one cell; its seconds are for the caller to count."""
    run = _trained(order, corpus, workspace)
    bits = evaluate(run, corpus, order.evaluation, workspace).summary["bits_per_byte"]
    right = None if pairs is None else float(pair_scores(run, pairs, workspace)["right"].mean())
    if order.forgetting is not None:
        forgetting(run, order.forgetting, workspace)
    why = failures.divergence(bits.value, zero_shot_bits(order.cell, order.evaluation, workspace))
    return Outcome(run_id=run.run_id, state="finished", seconds=0, bits_per_byte=bits, diverged=why, pairs_right=right)


def _trained(order: Order, corpus: Corpus, workspace: Workspace) -> Any:
    if (order.resources.gpus or 0) <= 1 or order.cell.training is None:
        return obtain(order.cell, corpus, workspace, order.layout)
    _launch(order, workspace)
    return load_run(order.cell.run_id, workspace)


def launch_command(order_file: Path, resources: Resources) -> list[str]:
    """The command that trains one cell in as many processes as it has GPUs."""
    settings = ["--config_file", resources.accelerate_config] if resources.accelerate_config else ["--multi_gpu"]
    return [
        sys.executable, "-m", "accelerate.commands.launch", *settings,
        "--num_processes", f"{resources.gpus or 1:.0f}", "--num_machines", "1", "--main_process_port", "0",
        "--mixed_precision", "no", "--dynamo_backend", "no",
        "-m", "bashkir_utils", "cell", str(order_file),
    ]  # fmt: skip


def _launch(order: Order, workspace: Workspace) -> None:
    """Train one cell over several GPUs; its processes record their failure, or stand as killed from their start."""
    name = order.cell.run_id
    order_file = workspace.runs / ORDERS / f"{name}.json"
    failures.forget(name, workspace)
    write_json(order_file, order.model_dump(mode="json"))
    environment = os.environ | {ENVIRONMENT_VARIABLE: order.home}
    try:
        done = subprocess.run(launch_command(order_file, order.resources), env=environment, check=False)
    except KeyboardInterrupt:
        failures.forget(name, workspace)  # the launcher kills the processes, which does not mean that they failed
        raise
    order_file.unlink(missing_ok=True)
    if done.returncode:
        found = failures.find(name, workspace)
        message = found.message if found else f"accelerate launch ended with code {done.returncode}, see its output"
        raise RunError(message)


def run_on_ray(planned: Plan, address: str, resources: Resources) -> Iterator[Outcome]:
    """Run the pending cells as tasks of the Ray cluster at ``address``, each with its resources, as they end.

    A task whose worker or machine is lost is started again by Ray and goes on from the cell's checkpoint. What the plan
    refused comes first, as outcomes.

    Raises:
        SweepError: Ray is not installed, or there is no cluster at that address.
    """
    ray = _ray()
    yield from planned.refused
    with _connected(ray, address):
        available = min(1, ray.cluster_resources().get("GPU", 0))
        asked = resources if resources.gpus is not None else resources.model_copy(update={"gpus": available})
        _warn_if_too_large(ray, asked)
        remote = ray.remote(
            num_cpus=asked.cpus,
            num_gpus=asked.gpus,
            memory=asked.memory_bytes,
            max_retries=LOST_WORKER_RETRIES,
            # a process of its own for each cell: all its memory is free again, and peaks are the cell's
            max_calls=1,
        )
        work = remote(_work)
        tasks = {work.remote(order.model_dump_json()): order.cell.run_id for order in planned.orders(asked)}
        while tasks:
            (done, *_), _ = ray.wait(list(tasks))
            name = tasks.pop(done)
            yield _outcome(ray, done, name, planned.workspace, planned.earlier.get(name))


def _work(order_json: str) -> str:
    """What a Ray worker does with one cell."""
    order = Order.model_validate_json(order_json)
    workspace = Workspace(Path(order.home))
    try:
        corpus = corpora.load(order.cell.corpus, workspace)
    except BashkirError as error:
        hint = f"{error}; {ENVIRONMENT_VARIABLE} must be on a file system that every machine of the cluster sees"
        return Outcome(run_id=order.cell.run_id, state="failed", seconds=0, message=hint).model_dump_json()
    return carry_out(order, corpus, study_pairs(corpus, order.minimal_pairs)).model_dump_json()


def _outcome(ray: ModuleType, task: Any, run_id: str, workspace: Workspace, earlier: Failure | None) -> Outcome:
    """A task's result; what the worker could not write down itself is recorded here, over an ``earlier`` failure."""
    reason = Reason.OTHER
    try:
        outcome = Outcome.model_validate_json(ray.get(task))
    except ray.exceptions.RayError as error:
        if isinstance(error, ray.exceptions.OutOfMemoryError):
            reason = Reason.OUT_OF_MEMORY
        outcome = Outcome(run_id=run_id, state="failed", seconds=0, message=failures.describe(error))
    unwritten = failures.find(run_id, workspace) in (None, earlier) or reason == Reason.OUT_OF_MEMORY
    if outcome.state == "failed" and unwritten:
        failures.record(run_id, workspace, reason, outcome.message)
    return outcome


def _ray() -> ModuleType:
    try:
        import ray
    except ImportError as error:
        raise SweepError("Ray is not installed: pip install 'bashkir-utils[cluster]'") from error
    return ray


@contextlib.contextmanager
def _connected(ray: ModuleType, address: str) -> Iterator[None]:
    try:
        _knock(address)
        ray.init(address=address, log_to_driver=True)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise SweepError(f"no Ray cluster at {address!r}: start one with `ray start --head`") from error
    try:
        yield
    finally:
        ray.shutdown()


def host_and_port(address: str) -> tuple[str, int] | None:
    """Where a Ray cluster listens; None for ``auto``, which finds the one on this machine.

    Raises:
        SweepError: the address is neither ``auto`` nor host:port, which may follow ``ray://``.
    """
    if address == "auto":
        return None
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdecimal() and int(port) < 2**16):
        raise SweepError(f"--ray {address!r} is neither auto nor host:port, as 10.0.0.1:6379")
    return host.strip("[]"), int(port)


def _knock(address: str) -> None:
    """Fail within seconds where nothing listens at host:port; Ray itself would try for minutes."""
    named = host_and_port(address)
    if named is not None:
        socket.create_connection(named, timeout=CONNECTION_SECONDS).close()


def _warn_if_too_large(ray: ModuleType, asked: Resources) -> None:
    """A cluster that grows may get a larger machine yet, so this is no error."""
    wanted = {"GPU": asked.gpus or 0, "CPU": asked.cpus, "memory": asked.memory_bytes or 0}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(node.get(kind, 0) >= amount for kind, amount in wanted.items()) for node in nodes):
        what = ", ".join(f"{amount:g} {kind}" for kind, amount in wanted.items() if amount)
        print(f"no machine of the cluster has {what}: the cells wait until one joins", file=sys.stderr, flush=True)


def table(planned: Plan, outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """What became of every cell that the sweep is about.

    Columns: run, state (``finished``: now; ``found``: before; ``diverged``: either, and scored worse than its model as
    it came; ``waiting``: left by a limit; or the reason of a failure), bits_per_byte, seconds (of this sweep), attempts
    (starts of its training), resumed_from (step).
    """
    now = {outcome.run_id: outcome for outcome in outcomes}
    return pd.DataFrame([_row(cell, now.get(cell.run_id), planned) for cell in planned.cells])


def _row(cell: RunSpec, outcome: Outcome | None, planned: Plan) -> dict[str, Any]:
    row: dict[str, Any] = {"run": cell.run_id, "state": _state(cell, outcome, planned)}
    bits = stored_bits(cell, planned.study.evaluation, planned.workspace)
    row["bits_per_byte"] = "" if bits is None else f"{bits:.4f}"
    row["seconds"] = f"{outcome.seconds:.0f}" if outcome else ""
    stored = (planned.workspace.runs / cell.run_id).is_dir()
    record = load_run(cell.run_id, planned.workspace).record if stored else {}
    row["attempts"] = len(record["attempts"]) if "attempts" in record else ""
    row["resumed_from"] = record.get("resumed_from_step", "")
    return row


def _state(cell: RunSpec, outcome: Outcome | None, planned: Plan) -> str:
    """What :func:`table` calls it; all cells are scored by now, so a base that came after its adapter counts too."""
    failure = failures.find(cell.run_id, planned.workspace)
    now = outcome is not None and outcome.state == "finished"
    if failure is not None and not now and not is_under_way(failure, planned.workspace):
        return str(failure.reason)
    if not now and not planned.is_complete(cell):
        return "waiting"
    spec, workspace = planned.study.evaluation, planned.workspace
    bits = stored_bits(cell, spec, workspace)
    if bits is not None and failures.divergence(bits, zero_shot_bits(cell, spec, workspace)):
        return str(Reason.DIVERGED)
    return "finished" if now else "found"
