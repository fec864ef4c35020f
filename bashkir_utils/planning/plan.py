"""What a study asks of a machine: for each cell the layout that fits, its memory and its hours."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace

import pandas as pd
import psutil

from ..adapt import bfloat16_hardware, precision_on
from ..exceptions import MemoryLimitError, PlanError
from ..study import Layout, RunSpec, Study, TrainingSpec
from ..training import device_batch, layout_line
from ..workspace import Workspace
from .costs import bytes_per_token, forward_flops, hours, training_bytes, training_flops, training_tokens
from .memory import Memory, Step, scoring_memory, training_memory
from .shapes import Shape, shape_of

GIGABYTE = 1e9
SAFETY = 0.9
"""Share of a machine's memory that a cell may fill: the formulas are held to 15% of what was measured."""
BUSY_TOKENS = 1024
"""Smaller micro batches leave a processor or a GPU waiting, so recomputation is chosen before them."""
GPU_TFLOPS, CPU_TFLOPS = 50.0, 0.3
"""Assumptions: operations sustained by one recent GPU in bfloat16, and by two cores; `--tflops` replaces them."""

UNPINNED = "* without a revision in the profile: what the Hub has newest, which may change"


_bytes_per_token = functools.cache(bytes_per_token)
"""Several models and machines share a tokenizer, and measuring it takes seconds."""


@dataclass(frozen=True)
class Machine:
    """What is planned for."""

    memory_bytes: float
    gpu: bool
    bfloat16: bool
    tflops: float
    """Sustained 10¹² floating-point operations a second."""
    tokens_per_second: float | None = None
    """Measured training throughput; replaces the operations where it is given."""
    shards: int = 1
    """GPUs of that memory that one training spreads weights, gradients and optimiser over (FSDP)."""

    def __post_init__(self) -> None:
        for what, value in (("memory", self.memory_bytes), ("tflops", self.tflops), ("speed", self.tokens_per_second)):
            if value is not None and not 0 < value < float("inf"):
                raise PlanError(f"{what} must be a number above 0, not {value:g}")
        if self.shards > 1 and not self.gpu:
            raise PlanError("weights are spread over GPUs: give the memory of one")

    @property
    def usable_bytes(self) -> float:
        """What a cell may fill."""
        return SAFETY * self.memory_bytes


@dataclass(frozen=True)
class CellPlan:
    """One model and method on one machine: layout, memory and hours of each of its runs."""

    model: str
    method: str
    enabled: bool
    pinned: bool
    """Whether the profile says which revision of the model is meant."""
    runs: int
    """Seeds."""
    parameters: int
    trained: int
    layout: Layout
    memory: Memory
    fits: bool
    tokens: float | None
    """Trained on in one run, or scored; None where the number is not known."""
    hours: float | None
    """Of one run; None where the number of tokens is not known."""


def machine_for(
    *,
    gpu_gigabytes: float | None = None,
    gigabytes: float | None = None,
    tflops: float | None = None,
    tokens_per_second: float | None = None,
    shards: int = 1,
) -> Machine:
    """A GPU with that memory, or a processor (with this machine's memory and number formats, unless it is given).

    A GPU is taken to multiply bfloat16. Figures that are not given are assumptions: ``GPU_TFLOPS``, ``CPU_TFLOPS``.

    Raises:
        PlanError: both memories are given, a figure is not above 0, or weights are spread over what are no GPUs.
    """
    if gpu_gigabytes is not None and gigabytes is not None:
        raise PlanError("give the memory of a GPU or of a processor, not both")
    gpu = gpu_gigabytes is not None
    given = gpu_gigabytes if gpu else gigabytes
    memory = psutil.virtual_memory().total if given is None else given * GIGABYTE
    assumed = GPU_TFLOPS if gpu else CPU_TFLOPS
    bfloat16 = gpu or bfloat16_hardware()[0]
    return Machine(memory, gpu, bfloat16, assumed if tflops is None else tflops, tokens_per_second, shards)


def layouts(effective_batch: int, block_length: int) -> list[Layout]:
    """Every way to cut a step of ``effective_batch`` blocks, the one to be preferred first.

    Whole micro batches only, so that each step sees the same blocks. Without recomputation as long as a micro batch
    has ``BUSY_TOKENS``, then with it; smaller micro batches without recomputation come last.
    """
    sizes = [size for size in range(effective_batch, 0, -1) if effective_batch % size == 0]
    busy = [size for size in sizes if size * block_length >= BUSY_TOKENS or size == effective_batch]
    idle = [size for size in sizes if size not in busy]
    order = [(size, False) for size in busy] + [(size, True) for size in sizes] + [(size, False) for size in idle]
    return [Layout(size, effective_batch // size, again) for size, again in order]


def choose_layout(step: Step, machine: Machine) -> tuple[Layout, Memory, bool]:
    """The first layout whose peak fits the machine, with the effective batch of ``step``; else the smallest one.

    Where weights are spread over GPUs, the peak is that of one, with its part of the batch.

    Raises:
        RunError: the blocks of a step cannot be dealt out evenly to so many GPUs.
    """
    ways = layouts(step.layout.effective_batch, step.block_length)
    estimates = [(way, training_memory(_recut(step, device_batch(way, step.shards)))) for way in ways]
    for way, memory in estimates:
        if memory.peak <= machine.usable_bytes:
            return way, memory, True
    way, memory = min(estimates, key=lambda estimate: estimate[1].peak)
    return way, memory, False


def fitting_layout(cell: RunSpec, study: Study, machine: Machine, workspace: Workspace) -> Layout | None:
    """The layout to train a cell in on that machine, of the profile's effective batch; None where nothing is trained.

    Raises:
        MemoryLimitError: the cell fits in none; the message says by how much.
        ModelError: a model whose shape is not known here.
    """
    step = step_of(cell, study, shape_of(cell.model, workspace), machine)
    layout, memory, fits = _fitted(step, cell, machine)
    if not fits:
        way = f" ({layout_line(layout)})" if cell.training else ""
        raise MemoryLimitError(
            f"not started: it needs {memory.peak / GIGABYTE:.2f} GB at least{way}, "
            f"{(memory.peak - machine.usable_bytes) / GIGABYTE:.2f} GB more than the "
            f"{machine.usable_bytes / GIGABYTE:.2f} GB that a cell may fill of {machine.memory_bytes / GIGABYTE:.2f} GB"
        )
    return layout if cell.training else None


def _fitted(step: Step, cell: RunSpec, machine: Machine) -> tuple[Layout, Memory, bool]:
    """Layout and memory of a cell and whether it fits; what is only scored is scored as its profile says."""
    if cell.training is not None:
        return choose_layout(step, machine)
    memory = scoring_memory(step)
    return step.layout, memory, memory.peak <= machine.usable_bytes


def plan_study(
    study: Study,
    machine: Machine,
    workspace: Workspace,
    *,
    models: Iterable[str] | None = None,
    text_megabytes: float | None = None,
) -> list[CellPlan]:
    """Plan every cell of a study, one entry for all seeds; nothing is downloaded.

    Args:
        models: names of models, on or off; by default those that are on.
        text_megabytes: training text in 10⁶ UTF-8 bytes, for a budget in epochs; the paper's own corpus is known.

    Raises:
        PlanError: the text has no size above 0.
        ModelError: a model whose shape is not known here.
        ProfileError: an unknown model.
    """
    if text_megabytes is not None and not 0 < text_megabytes < float("inf"):
        raise PlanError(f"megabytes of text must be a number above 0, not {text_megabytes:g}")
    known_bytes = training_bytes(study.corpus) if text_megabytes is None else text_megabytes * 1e6
    names = [model.name for model in study.enabled_models] if models is None else list(models)
    plans = []
    for name in names:
        shape = shape_of(study.model(name), workspace)
        text = _Text(known_bytes, _bytes_per_token(shape.tokenizer, workspace) if shape.tokenizer else None)
        cells = [cell for cell in study.scored_model_cells("", name) if _first(cell, study)]
        plans += [_plan_cell(study, shape, machine, text, cell) for cell in cells]
    return plans


def _first(cell: RunSpec, study: Study) -> bool:
    return cell.training is None or cell.seed == study.seeds[0]


@dataclass(frozen=True)
class _Text:
    """Bytes of the training text, and bytes of each token of one tokenizer; None where they are not known."""

    text_bytes: float | None
    token_bytes: float | None


def _plan_cell(study: Study, shape: Shape, machine: Machine, text: _Text, cell: RunSpec) -> CellPlan:
    step = step_of(cell, study, shape, machine)
    layout, memory, fits = _fitted(step, cell, machine)
    if cell.training is None:
        tokens = study.evaluation.max_bytes / text.token_bytes if text.token_bytes else None
        duration = None if tokens is None else hours(tokens, forward_flops(step), machine.tflops)
    else:
        most = training_tokens(cell.training, text.text_bytes, text.token_bytes)
        tokens, duration = _training_budget(cell.training, _recut(step, layout), machine, most)
    return CellPlan(
        model=cell.model.name,
        method=cell.method.name,
        enabled=cell.model.enabled,
        pinned=cell.model.pinned,
        runs=1 if cell.training is None else len(study.seeds),
        parameters=shape.parameters,
        trained=step.trained,
        layout=layout,
        memory=memory,
        fits=fits,
        tokens=tokens,
        hours=duration,
    )


def step_of(cell: RunSpec, study: Study, shape: Shape, machine: Machine) -> Step:
    """One step of a cell as its profile cuts it; for zero-shot, one batch of windows that are scored."""
    wanted = cell.training.precision if cell.training else "auto"
    precision = precision_on(
        wanted, cell.method, bfloat16=machine.bfloat16, gpu=machine.gpu, hardware="the machine planned for"
    )
    training, evaluation = cell.training, study.evaluation
    return Step(
        shape=shape,
        method=cell.method,
        precision=precision,
        block_length=training.block_length if training else evaluation.window,
        layout=training.layout if training else Layout(evaluation.batch_size, 1, False),
        gpu=machine.gpu,
        # 4-bit weights are not spread, and neither are those that are only scored
        shards=1 if training is None or cell.method.kind == "qlora" else machine.shards,
    )


def _training_budget(
    training: TrainingSpec, step: Step, machine: Machine, most: float | None
) -> tuple[float | None, float | None]:
    """Tokens and hours of one run: ``most`` tokens, or as many as its minutes are enough for."""
    if training.minutes is None:
        return most, None if most is None else _training_hours(step, machine, most)
    limit = training.minutes / 60
    within = limit / _training_hours(step, machine, 1.0)
    if most is None or most > within:
        return within, limit
    return most, _training_hours(step, machine, most)


def _training_hours(step: Step, machine: Machine, tokens: float) -> float:
    if machine.tokens_per_second is not None:
        return tokens / machine.tokens_per_second / 3600
    return hours(tokens, training_flops(step), machine.tflops)


def _recut(step: Step, layout: Layout) -> Step:
    return replace(step, layout=layout)


def plan_table(plans: Iterable[CellPlan]) -> pd.DataFrame:
    """One row a cell, GB of 10⁹ bytes; hours of one run, missing where they are not known.

    A ``*`` after the model's name says that the profile pins no revision of it.
    """
    return pd.DataFrame([_row(plan) for plan in plans])


def _row(plan: CellPlan) -> dict[str, object]:
    memory = plan.memory
    cut = f"{plan.layout.micro_batch} x {plan.layout.accumulation}"
    return {
        "model": f"{plan.model}{'' if plan.pinned else '*'}{'' if plan.enabled else ' (off)'}",
        "method": plan.method,
        "trained": plan.trained,
        "weights GB": (memory.weights + memory.copies) / GIGABYTE,
        "optimiser GB": memory.optimiser / GIGABYTE,
        "gradients GB": memory.gradients / GIGABYTE,
        "activations GB": memory.activations / GIGABYTE,
        "logits GB": memory.logits / GIGABYTE,
        "peak GB": memory.peak / GIGABYTE,
        "fits": "yes" if plan.fits else "no",
        "batch": cut,
        "recompute": "yes" if plan.layout.checkpointing else "no",
        "tokens": plan.tokens,
        "hours": plan.hours,
        "runs": plan.runs,
    }


def _count(number: float) -> str:
    return "?" if pd.isna(number) else f"{number:,.0f}"


def describe_plan(study: Study, machine: Machine, plans: list[CellPlan]) -> str:
    """The plan as text: what was assumed, the table, and the hours of all runs that fit."""
    table = plan_table(plans)
    shown = {"trained": "{:,.0f}".format, "tokens": _count}
    kind = "a GPU" if machine.gpu else "a processor"
    spread = f" ({machine.shards} of them share a model, by formulas that nothing was measured for)"
    speed = f"{machine.tflops:g} TFLOP/s"
    if machine.tokens_per_second is not None:
        speed = f"{machine.tokens_per_second:g} tokens/s"
    fitting = [plan for plan in plans if plan.fits]
    known = [plan.hours * plan.runs for plan in fitting if plan.hours is not None]
    loose = [] if all(plan.pinned for plan in plans) else [UNPINNED]
    return "\n".join(
        [
            f"profile {study.name} on {kind} with {machine.memory_bytes / GIGABYTE:.1f} GB, "
            f"of which {SAFETY:.0%} may be used; {speed}{spread if machine.shards > 1 else ''}",
            table.to_string(index=False, formatters=shown, float_format="{:.2f}".format, na_rep="?"),
            *loose,
            f"{len(fitting)} of {len(plans)} cells fit; {sum(known):.1f} hours for the {len(known)} of known length",
        ]
    )
