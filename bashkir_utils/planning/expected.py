"""What a profile says that each of its cells needs, ``expected:``, computed again from the formulas and written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ..exceptions import PlanError, ProfileError
from ..study import Expected, ExpectedCell, Study, load_study, profile_path
from ..workspace import Workspace, write_text
from .plan import GIGABYTE, CellPlan, machine_for, plan_study

_BLOCK = re.compile(r"^expected:.*\n(?:[ \t-].*\n|[ \t]*\n(?=[ \t-]))*", re.MULTILINE)
"""The key at the beginning of a line and what is indented, or a list, below it."""


def expected(study: Study, workspace: Workspace) -> tuple[Expected, ...]:
    """The profile's reference machines, each with memory, layout and hours of every cell of the models that are on.

    Raises:
        ModelError: a model whose shape is not known here.
    """
    return tuple(_on(machine, study, workspace) for machine in study.expected)


def _on(reference: Expected, study: Study, workspace: Workspace) -> Expected:
    machine = machine_for(gpu_gigabytes=reference.gpu_memory, tflops=reference.tflops)
    cells = tuple(_cell(plan) for plan in plan_study(study, machine, workspace))
    return reference.model_copy(update={"cells": cells})


def _cell(plan: CellPlan) -> ExpectedCell:
    return ExpectedCell(
        model=plan.model,
        method=plan.method,
        peak_gb=round(plan.memory.peak / GIGABYTE, 2),
        fits=plan.fits,
        batch=f"{plan.layout.micro_batch} x {plan.layout.accumulation}",
        recompute=plan.layout.checkpointing,
        hours=None if plan.hours is None else float(f"{plan.hours:.3g}"),
    )


def write_expected(profile: str | Path, workspace: Workspace) -> Path:
    """Compute ``expected:`` of a profile again for the machines that it names there; all else in the file stays.

    Raises:
        PlanError: the profile names no machine.
        ProfileError: the file cannot be changed in this way, or not be written.
    """
    study, path = load_study(profile), profile_path(profile)
    if not study.expected:
        raise PlanError(f"profile {profile} names no machine: add `expected: [{{gpu_memory: 24, tflops: 50}}]`")
    before = path.read_text(encoding="utf-8")
    own = before if before.endswith("\n") else before + "\n"
    after, found = _BLOCK.subn(lambda _: as_yaml(expected(study, workspace)), own, count=1)
    if not found or _rest(before) != _rest(after):
        raise ProfileError(f"profile {profile}: write `expected:` at the beginning of a line, with all of it below")
    try:
        write_text(path, after)
    except OSError as error:
        raise ProfileError(f"profile {profile}: {path.name} cannot be written") from error
    return path


def _rest(text: str) -> dict[str, Any]:
    return {key: value for key, value in yaml.safe_load(text).items() if key != "expected"}


def as_yaml(machines: tuple[Expected, ...]) -> str:
    """The key ``expected`` with a line a cell."""
    lines = ["expected:"]
    for machine in machines:
        lines += [f"  - gpu_memory: {machine.gpu_memory:g}", f"    tflops: {machine.tflops:g}", "    cells:"]
        lines += [f"      - {_flow(cell)}" for cell in machine.cells]
    return "\n".join(lines) + "\n"


def _flow(cell: ExpectedCell) -> str:
    content = cell.model_dump(mode="json")
    return yaml.safe_dump(content, default_flow_style=True, sort_keys=False, width=1000, allow_unicode=True).strip()
