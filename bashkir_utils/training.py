"""One run: train with the ``transformers`` Trainer, checkpoint, resume. The method is a value, the loop is one."""

from __future__ import annotations

import gc
import json
import math
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import pandas as pd
import psutil
import torch
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from .adapt import AnyModel, Precision
from .exceptions import DivergenceError, RunError
from .heap import UNPACKED, giving_back
from .losses import use_causal_cross_entropy
from .pace import EmbeddingsFirst, Pace, embedding_parameters
from .packing import PackedBlocks
from .processes import from_all, from_first, launched
from .progress import Progress, quiet_libraries
from .study import Layout, RunSpec, TrainingSpec

SAMPLING_SECONDS = 0.1
SCHEDULE_UNITS = 1_000_000
"""What a schedule by time is divided into, where one by steps has steps."""
CURVE_COLUMNS = (
    "step", "tokens", "bytes", "seconds", "loss", "bits_per_byte", "validation_loss", "validation_bits_per_byte",
)  # fmt: skip


@dataclass(frozen=True)
class TrainingData:
    """Blocks to train on, and blocks of the validation split to watch."""

    train: PackedBlocks
    validation: PackedBlocks


@dataclass(frozen=True)
class TrainingResult:
    """What one training gave: the loss curve, and what it cost."""

    curve: pd.DataFrame
    """Columns as in ``CURVE_COLUMNS``; losses in nats per token; seconds as in ``train_seconds``.

    In curves of earlier versions the seconds hold validation and checkpoints too.
    """
    steps: int
    """Those that were done, as are the tokens and bytes."""
    tokens_seen: int
    bytes_seen: int
    wall_seconds: float
    train_seconds: float
    """``wall_seconds`` less validation and checkpoints, which a budget in minutes leaves out too.

    In records of earlier versions the writing of checkpoints counts.
    """
    peak_rss_bytes: int
    """Of the process that needed most, as are the two that follow."""
    rss_before_bytes: int
    peak_gpu_bytes: int
    resumed_from_step: int
    processes: int
    layout: Layout
    """Of each process."""
    weights: dict[str, torch.Tensor] | None
    """All weights, in the first process, where FSDP spread them; None where the model holds them."""


class PeakMemory:
    """Largest resident memory of this process inside a ``with`` block, sampled ten times a second, in bytes."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.before_bytes = self.peak_bytes = 0

    def __enter__(self) -> PeakMemory:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self.before_bytes = self.peak_bytes = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLING_SECONDS):
            self.peak_bytes = max(self.peak_bytes, self._process.memory_info().rss)


class _Reporter(TrainerCallback):
    """Writes the seconds of training into the log that checkpoints keep, and reports progress in tokens."""

    def __init__(self, progress: Progress | None, tokens_per_step: int, pace: Pace) -> None:
        self._progress, self._tokens_per_step, self._pace = progress, tokens_per_step, pace
        self._begun, self._before, self._step = time.monotonic(), 0.0, 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._before = max((entry.get("seconds", 0.0) for entry in state.log_history), default=0.0)
        self._begun, self._step = time.monotonic(), state.global_step

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        state.log_history[-1]["seconds"] = self._before + time.monotonic() - self._begun
        state.log_history[-1]["train_seconds"] = self._pace.seconds
        if not _finite(state.log_history[-1]):
            control.should_training_stop = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self._progress is not None:
            self._progress.advance((state.global_step - self._step) * self._tokens_per_step)
        self._step = state.global_step


def step_count(spec: TrainingSpec, blocks: int) -> int:
    """Optimiser steps that the budget pays for, at most where it is in minutes."""
    per_step = spec.batch_size * spec.gradient_accumulation
    if spec.tokens is not None:
        return max(1, math.ceil(spec.tokens / (per_step * spec.block_length)))
    return max(1, math.ceil((spec.epochs or 0) * blocks / per_step))


def blocks_wanted(spec: TrainingSpec) -> int | None:
    """How many blocks the budget can use; None when it is given in epochs and wants all of them."""
    if spec.tokens is None:
        return None
    return step_count(spec, 0) * spec.batch_size * spec.gradient_accumulation


def chosen_layout(spec: TrainingSpec, layout: Layout | None) -> Layout:
    """``layout``, or the profile's own where it is None.

    Raises:
        RunError: its effective batch is not the profile's, so it would train another run.
    """
    if layout is None:
        return spec.layout
    if layout.effective_batch != spec.layout.effective_batch:
        raise RunError(
            f"a layout of {layout.micro_batch} x {layout.accumulation} blocks a step is not for a profile of "
            f"{spec.layout.effective_batch}"
        )
    return layout


def device_batch(layout: Layout, processes: int) -> Layout:
    """The layout of each process, so that every step sees as many blocks as with one; never more of them at once.

    Raises:
        RunError: the blocks of a step cannot be dealt out evenly.
    """
    blocks = layout.effective_batch
    if blocks % processes:
        raise RunError(f"a step of {blocks} blocks cannot be dealt out to {processes} processes: take a divisor of it")
    share = blocks // processes
    at_once = _largest_divisor(share, layout.micro_batch)
    return Layout(at_once, share // at_once, layout.checkpointing)


def layout_line(layout: Layout, processes: int = 1) -> str:
    """How a step is cut, in words."""
    each = f" on each of {processes} processes" if processes > 1 else ""
    again = ", activations computed again" if layout.checkpointing else ""
    return f"{layout.micro_batch} x {layout.accumulation} blocks a step{each}{again}"


def _largest_divisor(number: int, limit: int) -> int:
    return max(divisor for divisor in range(1, limit + 1) if number % divisor == 0)


def train(  # noqa: PLR0913, PLR0917
    model: AnyModel,
    data: TrainingData,
    run: RunSpec,
    precision: Precision,
    folder: Path,
    layout: Layout | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> TrainingResult:
    """Train ``model`` in place, from the newest whole checkpoint under ``folder`` if there is one.

    ``layout`` cuts each step otherwise than the profile does; the checkpoint may be of another one. ``clock`` gives
    seconds, of which those of training are counted.

    Raises:
        DivergenceError: the loss in training or validation stopped being a number, or weights did.
        RunError: the layout has another effective batch, or cannot be dealt out to the processes; or embeddings come
            first, and the method trains none or FSDP spreads them.
    """
    spec, launch = _budget(run), launched()
    own = device_batch(chosen_layout(spec, layout), launch.processes)
    steps = step_count(spec, len(data.train))
    tokens_per_step = spec.batch_size * spec.gradient_accumulation * spec.block_length
    begun = from_first(last_step(folder) if launch.first else 0)
    pace = Pace(spec, steps, clock)
    title, total = f"training {run.run_id}", (steps - begun) * tokens_per_step
    with (
        Progress(title, total=total if spec.minutes is None else None, unit="tokens")
        if launch.first
        else nullcontext() as progress,
        PeakMemory() as memory,
        giving_back(UNPACKED) if run.method.kind == "qlora" else nullcontext(),
        quiet_libraries(),
    ):
        use_causal_cross_entropy(model)
        trainer = _Trainer(
            precision,
            pace,
            model=model,
            args=_arguments(run, own, steps, folder, len(data.validation)),
            train_dataset=data.train,
            eval_dataset=data.validation,
            callbacks=[pace, *_embeddings_first(model, run, pace), _Reporter(progress, tokens_per_step, pace)],
        )
        trainer.train(resume_from_checkpoint=str(folder / f"checkpoint-{begun}") if begun else None)
    history = trainer.state.log_history
    curve = _curve(history, tokens_per_step, data)
    if not all(map(_finite, history)):
        raise DivergenceError(f"the loss is not a finite number: {_ADVICE}")
    # the last update comes after the last loss that is looked at
    if not all(finite for (finite,) in from_all([int(_finite_weights(model))])):
        raise DivergenceError(f"trained weights are not finite numbers: {_ADVICE}")
    tokens = trainer.state.global_step * tokens_per_step
    wall = max((entry.get("seconds", 0.0) for entry in history), default=0.0)
    gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    peak_rss, rss_before, peak_gpu = map(
        max, zip(*from_all([memory.peak_bytes, memory.before_bytes, gpu]), strict=True)
    )
    return TrainingResult(
        curve=curve,
        steps=trainer.state.global_step,
        tokens_seen=tokens,
        bytes_seen=round(tokens * data.train.bytes_per_token),
        wall_seconds=wall,
        train_seconds=pace.seconds,
        peak_rss_bytes=peak_rss,
        rss_before_bytes=rss_before,
        peak_gpu_bytes=peak_gpu,
        resumed_from_step=begun,
        processes=launch.processes,
        layout=own,
        weights=trainer.accelerator.get_state_dict(trainer.model_wrapped) if launch.sharded else None,
    )


def newest_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint that was written whole; half-written ones are removed.

    The Trainer writes ``trainer_state.json`` last, so a checkpoint with a readable one is complete.
    """
    checkpoints = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]))
    for checkpoint in reversed(checkpoints):
        try:
            json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(checkpoint)
        else:
            return checkpoint
    return None


def last_step(folder: Path) -> int:
    """Step of the newest whole checkpoint, 0 without one."""
    checkpoint = newest_checkpoint(folder)
    return int(checkpoint.name.rsplit("-", 1)[1]) if checkpoint else 0


class _Trainer(Trainer):
    """The Trainer with autocast around the loss, and without its printing: :class:`Progress` reports instead.

    Its own setting ``bf16`` would also turn the logits into float32, which nothing here reads. A budget in minutes has
    the formulas of its schedules follow the share of the budget that is spent.
    """

    def __init__(self, precision: Precision, pace: Pace, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        from transformers.trainer_callback import PrinterCallback

        self._precision, self._pace = precision, pace
        self.remove_callback(PrinterCallback)

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None) -> LRScheduler:
        if not self._pace.timed:
            return super().create_scheduler(num_training_steps, optimizer)
        # all that a profile can name are of this kind: a formula of the step
        scheduler = cast(LambdaLR, super().create_scheduler(SCHEDULE_UNITS, optimizer))
        scheduler.lr_lambdas = [partial(_by_share, formula, self._pace) for formula in scheduler.lr_lambdas]
        return scheduler

    def compute_loss_context_manager(self) -> ExitStack:
        stack: ExitStack = super().compute_loss_context_manager()
        if self._precision.autocast:
            stack.enter_context(torch.autocast(self.args.device.type, dtype=torch.bfloat16))
        return stack


def _by_share(formula: Callable[[int], float], pace: Pace, _: int) -> float:
    return formula(round(SCHEDULE_UNITS * pace.share))


_ADVICE = "lower the learning rate or use precision: fp32"


def _finite(entry: dict[str, Any]) -> bool:
    return all(math.isfinite(entry.get(name, 0.0)) for name in ("loss", "eval_loss"))


def _finite_weights(model: AnyModel) -> bool:
    """Whether all that was trained is finite, as far as this process holds it."""
    trained: list[Any] = [each.detach() for each in model.parameters() if each.requires_grad]
    # FSDP spreads a tensor over the processes; each looks at its own part
    parts = (each.to_local() if hasattr(each, "to_local") else each for each in trained)
    return all(bool(torch.isfinite(part).all()) for part in parts)


def _budget(run: RunSpec) -> TrainingSpec:
    if run.training is None:
        raise RunError(f"run {run.run_id} trains nothing")
    return run.training


def _embeddings_first(model: AnyModel, run: RunSpec, pace: Pace) -> list[EmbeddingsFirst]:
    """What trains the embeddings alone in the first share of a run that asks for it."""
    share = _budget(run).embeddings_first
    if share == 0:
        return []
    if launched().sharded:
        raise RunError(f"run {run.run_id}: FSDP does not train embeddings first; launch it with DDP")
    if not embedding_parameters(model):
        raise RunError(f"run {run.run_id}: embeddings_first is {share:g}, and its method trains no embeddings")
    return [EmbeddingsFirst(model, pace, share)]


def _points(spec: TrainingSpec, steps: int) -> dict[str, Any]:
    """When the Trainer logs, validates and saves by itself; by time it does not, and :class:`Pace` tells it when."""
    if spec.minutes is not None:
        return {
            "warmup_steps": round(spec.warmup_share * SCHEDULE_UNITS),
            "logging_strategy": "no",
            "eval_strategy": "no",
            "save_strategy": "no",
        }
    return {
        "warmup_steps": round(spec.warmup_share * steps),
        "logging_strategy": "steps",
        "logging_steps": max(1, steps // spec.log_points),
        "eval_strategy": "steps",
        "eval_steps": max(1, steps // spec.validation_points),
        "save_strategy": "steps",
        "save_steps": max(1, math.ceil(steps / spec.checkpoints)),
    }


def _arguments(run: RunSpec, layout: Layout, steps: int, folder: Path, validation_blocks: int) -> TrainingArguments:
    spec, at_once = _budget(run), layout.micro_batch
    # several processes pad a short last batch with blocks that were scored before, so there is none
    scored_at_once = at_once if launched().processes == 1 else _largest_divisor(validation_blocks, at_once)
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=at_once,
        per_device_eval_batch_size=scored_at_once,
        gradient_accumulation_steps=layout.accumulation,
        # what is frozen at first takes no part in a step then
        ddp_find_unused_parameters=spec.embeddings_first > 0,
        activation_checkpointing=layout.checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False} if layout.checkpointing else None,
        learning_rate=run.method.learning_rate,
        lr_scheduler_type=spec.scheduler,
        weight_decay=spec.weight_decay,
        max_grad_norm=spec.max_grad_norm,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        logging_first_step=True,
        logging_nan_inf_filter=False,
        save_total_limit=1,
        report_to="none",
        disable_tqdm=True,
        seed=run.seed,
        data_seed=run.seed,
        **_points(spec, steps),
    )
    # one process that sees several GPUs would split the batch over all of them, and so multiply it
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _curve(history: list[dict[str, Any]], tokens_per_step: int, data: TrainingData) -> pd.DataFrame:
    """One row a logged step; training loss is the mean since the row before, validation loss that of the moment."""
    bytes_per_token, validation_bytes = data.train.bytes_per_token, data.validation.bytes_per_token
    rows: dict[int, dict[str, float]] = {}
    for entry in history:
        if "loss" not in entry and "eval_loss" not in entry:
            continue
        step = entry["step"]
        row = rows.setdefault(step, {"step": step, "tokens": step * tokens_per_step})
        row["bytes"] = round(row["tokens"] * bytes_per_token)
        # a checkpoint of an earlier version has logged wall time only
        seconds = entry.get("train_seconds", entry.get("seconds", 0.0))
        row["seconds"] = row.get("seconds", seconds)
        if "loss" in entry:
            row["loss"] = entry["loss"]
            row["bits_per_byte"] = entry["loss"] / math.log(2) / bytes_per_token
        else:
            row["validation_loss"] = entry["eval_loss"]
            row["validation_bits_per_byte"] = entry["eval_loss"] / math.log(2) / validation_bytes
    return pd.DataFrame([rows[step] for step in sorted(rows)], columns=list(CURVE_COLUMNS))
