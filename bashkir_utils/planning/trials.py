"""What the cells of a study cost here: a few steps on random weights of their shapes, beside what the plan expects.

Nothing is downloaded. Random weights cost what trained ones do, and say nothing of language.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError, model_validator

from .. import provenance
from ..exceptions import PlanError
from ..study import Layout, MethodSpec, RunSpec, Specification, Study
from ..workspace import Workspace, check_writable, disk_errors, read_json, write_json
from .costs import training_flops
from .measure import measure_run, trial_run, write_random_model
from .memory import Step
from .plan import GIGABYTE, Machine, choose_layout, machine_for, step_of
from .shapes import shape_of

LABEL = "random weights: cost only"


class Cost(Specification):
    """What was measured of one cell, in SI units."""

    autocast: bool
    gpu: bool
    peak_bytes: int
    """Resident memory of the process, or what torch had in use on a GPU."""
    step_seconds: tuple[float, ...]
    """Of each optimiser step; the first one is no measure of the others."""
    threads: int
    commit: str | None
    date: str


class Conditions(Specification):
    """What a row was made under, beside the machine."""

    usable_bytes: float
    """What a cell might fill, by the planner's rule."""
    versions: dict[str, str]
    glibc_tunables: str
    remark: str = ""
    """What a reader must know of how it was measured."""

    def differences(self, other: Conditions) -> list[str]:
        """What these have otherwise than ``other``: package and version, memory, settings, remark."""
        packages = sorted(self.versions.keys() | other.versions.keys())
        pairs = {package: (self.versions.get(package), other.versions.get(package)) for package in packages}
        found = [f"{package} {own or 'absent'}" for package, (own, its) in pairs.items() if own != its]
        if self.usable_bytes != other.usable_bytes:
            found.append(f"{self.usable_bytes / GIGABYTE:.1f} GB usable")
        if self.glibc_tunables != other.glibc_tunables:
            found.append(f"GLIBC_TUNABLES {self.glibc_tunables or 'not set'}")
        if self.remark != other.remark:
            found.append(self.remark or "without the remark")
        return found


class CostRow(Specification):
    """One model and method: what the plan expects, and what was measured or why nothing was."""

    model: str
    source: str
    method: MethodSpec
    parameters: int
    trained: int
    block_length: int
    micro_batch: int
    accumulation: int
    checkpointing: bool
    estimated_bytes: float
    """Of what ``Cost.peak_bytes`` measures."""
    flops_per_token: float
    measured: Cost | None = None
    reason: str = ""
    """Why nothing was measured."""
    conditions: Conditions

    @property
    def layout(self) -> Layout:
        """How an optimiser step is cut."""
        return Layout(self.micro_batch, self.accumulation, self.checkpointing)

    @property
    def tokens_per_second(self) -> float | None:
        """Training tokens a second at the median step after the first; None where nothing was measured."""
        if self.measured is None:
            return None
        tokens = self.layout.effective_batch * self.block_length
        return tokens / statistics.median(self.measured.step_seconds[1:])


class CostRecord(Specification):
    """All cells of a profile on one machine, as a JSON file holds them."""

    profile: str
    label: str = LABEL
    machine: str
    rows: tuple[CostRow, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _rows_have_conditions(cls, content: Any) -> Any:
        """Files written before rows had conditions hold one set for all of them."""
        if not isinstance(content, dict) or "versions" not in content:
            return content
        shared = {name: content[name] for name in Conditions.model_fields if name in content}
        others = {name: value for name, value in content.items() if name not in shared}
        return others | {"rows": [{"conditions": shared} | row for row in content.get("rows", ())]}

    @property
    def measured(self) -> tuple[CostRow, ...]:
        """The rows with a measurement, in order."""
        return tuple(row for row in self.rows if row.measured)

    @property
    def conditions(self) -> tuple[Conditions, ...]:
        """Under which the measurements were made, the most frequent first; those that differ, once each."""
        found = [row.conditions for row in self.measured]
        once = [each for place, each in enumerate(found) if each not in found[:place]]
        return tuple(sorted(once, key=found.count, reverse=True))


@dataclass(frozen=True)
class Trials:
    """What is tried: a study's cells on this machine, with so many optimiser steps of so many blocks each."""

    study: Study
    machine: Machine
    workspace: Workspace
    blocks: int | None = None
    """Blocks of an optimiser step; the profile's where it is None."""
    steps: int = 4

    def __post_init__(self) -> None:
        if self.steps < 2:
            raise PlanError(f"{self.steps} steps: the first one is not counted, so take two at least")

    def cells(self, model: str) -> list[RunSpec]:
        """The cells of a model that train, one for all seeds."""
        cells = self.study.model_cells("", model)
        return [cell for cell in cells if cell.training and cell.seed == self.study.seeds[0]]

    def step(self, cell: RunSpec) -> Step:
        """One step of a cell, cut as the profile cuts it."""
        step = step_of(cell, self.study, shape_of(cell.model, self.workspace), self.machine)
        return step if self.blocks is None else replace(step, layout=Layout(self.blocks, 1, False))


def this_machine(*, gpu_gigabytes: float | None = None, gigabytes: float | None = None) -> Machine:
    """The GPU that is here, or else the processor, with all its memory or with as much of it as is given.

    Raises:
        PlanError: the memory that is given is that of the other kind of device.
    """
    if not torch.cuda.is_available():
        if gpu_gigabytes is not None:
            raise PlanError("no GPU is here to measure on: give --memory, of the processor, or none")
        return machine_for(gigabytes=gigabytes)
    if gigabytes is not None:
        raise PlanError("cells are measured on the GPU that is here: give --gpu-memory, or none")
    whole = torch.cuda.get_device_properties(0).total_memory / GIGABYTE
    return machine_for(gpu_gigabytes=whole if gpu_gigabytes is None else gpu_gigabytes)


def record_costs(trials: Trials, path: Path, *, remark: str = "") -> Iterator[CostRow]:
    """Train each cell for a few steps and give one row a cell, which the file at ``path`` keeps.

    Cells that the file has measured in the same layout are not measured again, so an interrupted call can be repeated;
    their rows keep the conditions that they were measured under. A cell that the plan says does not fit is not tried.
    Random weights of one model at a time are on disk.

    Raises:
        PlanError: nothing can be written there, which is tried first; or the file holds another profile or machine.
    """
    with disk_errors(path.name, PlanError):
        check_writable(path)
    record, conditions = _begun(trials, path), _conditions(trials, remark)
    for model in trials.study.enabled_models:
        with tempfile.TemporaryDirectory() as folder:
            for cell in trials.cells(model.name):
                expected, fits = _expected(trials, cell, conditions)
                row = _known(record, expected) or _measured(trials, cell, expected, Path(folder) / "model", fits=fits)
                others = [each for each in record.rows if (each.model, each.method) != (row.model, row.method)]
                record = record.model_copy(update={"rows": (*others, row)})
                with disk_errors(path.name, PlanError):
                    write_json(path, record.model_dump(mode="json"))
                yield row


def read_costs(path: Path) -> CostRecord:
    """The record that :func:`record_costs` wrote.

    Raises:
        PlanError: it is missing or damaged.
    """
    try:
        return CostRecord.model_validate(read_json(path))
    except (OSError, ValueError, TypeError, ValidationError) as error:
        raise PlanError(f"no costs can be read from {path.name}: measure them with `bashkir plan --costs`") from error


def recorded_costs(folder: Path) -> tuple[CostRecord, ...]:
    """The records in ``folder``, one a machine: ``costs.json`` and those with more in their names, by name.

    Raises:
        PlanError: one is damaged.
    """
    return tuple(read_costs(path) for path in sorted(folder.glob("costs*.json"), key=lambda path: path.stem))


def describe_cost(row: CostRow) -> str:
    """One line: the cell, its estimated and measured peak in GB, and its speed."""
    cell, expected = f"{row.model} {row.method.name}", f"estimated {row.estimated_bytes / GIGABYTE:.2f} GB"
    if row.measured is None:
        return f"{cell}: {expected}; not measured: {row.reason}"
    return (
        f"{cell}: {expected}, measured {row.measured.peak_bytes / GIGABYTE:.2f} GB "
        f"({row.estimated_bytes / row.measured.peak_bytes - 1:+.1%}), {row.tokens_per_second:.1f} tokens/s"
    )


def _conditions(trials: Trials, remark: str) -> Conditions:
    return Conditions(
        usable_bytes=trials.machine.usable_bytes,
        versions=provenance.versions(),
        glibc_tunables=os.environ.get("GLIBC_TUNABLES", ""),
        remark=remark,
    )


def _begun(trials: Trials, path: Path) -> CostRecord:
    about = provenance.machine()
    machine = ", ".join(f"{about[key]}" for key in ("processor", "accelerator"))
    found = CostRecord(profile=trials.study.name, machine=machine)
    if not path.is_file():
        return found
    before = read_costs(path)
    if (before.profile, before.machine) != (found.profile, found.machine):
        raise PlanError(f"{path.name} holds profile {before.profile} on {before.machine}: name another file")
    return before


def _expected(trials: Trials, cell: RunSpec, conditions: Conditions) -> tuple[CostRow, bool]:
    """The row of a cell before anything is measured, and whether the cell fits."""
    asked = trials.step(cell)
    layout, memory, fits = choose_layout(asked, trials.machine)
    step = replace(asked, layout=layout)
    row = CostRow(
        model=cell.model.name,
        source=cell.model.source,
        method=cell.method,
        parameters=step.shape.parameters,
        trained=step.trained,
        block_length=step.block_length,
        micro_batch=layout.micro_batch,
        accumulation=layout.accumulation,
        checkpointing=layout.checkpointing,
        estimated_bytes=memory.peak - (memory.process + memory.allocator if step.gpu else 0.0),
        flops_per_token=training_flops(step),
        conditions=conditions,
    )
    usable = trials.machine.usable_bytes / GIGABYTE
    reason = f"needs {memory.peak / GIGABYTE:.1f} GB by the plan, and {usable:.1f} GB may be used"
    return (row if fits else row.model_copy(update={"reason": reason})), fits


def _known(record: CostRecord, expected: CostRow) -> CostRow | None:
    """What the record has measured of this cell in this layout, beside the present estimate."""
    for row in record.rows:
        same = (row.model, row.method, row.block_length, row.layout)
        if row.measured and same == (expected.model, expected.method, expected.block_length, expected.layout):
            found = {"measured": row.measured, "reason": "", "conditions": row.conditions}
            return expected.model_copy(update=found)
    return None


def _measured(trials: Trials, cell: RunSpec, expected: CostRow, folder: Path, *, fits: bool) -> CostRow:
    """The row with what was measured, or with the reason why nothing was; ``folder`` keeps the model's weights."""
    if not fits:
        return expected
    shape = shape_of(cell.model, trials.workspace)
    if not folder.is_dir():
        write_random_model(shape, folder)
    run = trial_run(
        f"path:{folder}",
        cell.method,
        expected.block_length,
        expected.layout,
        precision=trials.study.training.precision,
        steps=trials.steps,
    )
    limit = None if trials.machine.gpu else trials.machine.memory_bytes
    try:
        found = measure_run(run, shape.vocabulary, trials.workspace, limit)
    except PlanError as error:
        return expected.model_copy(update={"reason": str(error).partition(" failed: ")[2]})
    cost = Cost(
        autocast=found.autocast,
        gpu=found.gpu,
        peak_bytes=found.peak,
        step_seconds=found.step_seconds,
        threads=found.threads,
        commit=provenance.commit(),
        date=provenance.now(),
    )
    return expected.model_copy(update={"measured": cost})
