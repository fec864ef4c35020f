"""One run: train with the ``transformers`` Trainer, checkpoint, resume. The method is a value, the loop is one."""

from __future__ import annotations

import gc
import json
import math
import shutil
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd
import psutil
import torch
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from .adapt import AnyModel, Precision
from .exceptions import RunError
from .packing import PackedBlocks
from .progress import Progress, quiet_libraries
from .study import RunSpec, TrainingSpec

SAMPLING_SECONDS = 0.1
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
    """Columns as in ``CURVE_COLUMNS``; losses in nats per token; seconds of training without interruptions."""
    steps: int
    tokens_seen: int
    bytes_seen: int
    wall_seconds: float
    train_seconds: float
    """``wall_seconds`` less the time spent on validation; writing checkpoints counts."""
    peak_rss_bytes: int
    rss_before_bytes: int
    peak_gpu_bytes: int
    resumed_from_step: int


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

    def __init__(self, progress: Progress, tokens_per_step: int) -> None:
        self._progress, self._tokens_per_step = progress, tokens_per_step
        self._begun, self._before, self._step = time.monotonic(), 0.0, 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._before = max((entry.get("seconds", 0.0) for entry in state.log_history), default=0.0)
        self._begun, self._step = time.monotonic(), state.global_step

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        state.log_history[-1]["seconds"] = self._before + time.monotonic() - self._begun
        if not _finite(state.log_history[-1]):
            control.should_training_stop = True

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._progress.advance((state.global_step - self._step) * self._tokens_per_step)
        self._step = state.global_step


def step_count(spec: TrainingSpec, blocks: int) -> int:
    """Optimiser steps that the budget pays for."""
    per_step = spec.batch_size * spec.gradient_accumulation
    if spec.tokens is not None:
        return max(1, math.ceil(spec.tokens / (per_step * spec.block_length)))
    return max(1, math.ceil((spec.epochs or 0) * blocks / per_step))


def blocks_wanted(spec: TrainingSpec) -> int | None:
    """How many blocks the budget can use; None when it is given in epochs and wants all of them."""
    if spec.tokens is None:
        return None
    return step_count(spec, 0) * spec.batch_size * spec.gradient_accumulation


def train(model: AnyModel, data: TrainingData, run: RunSpec, precision: Precision, folder: Path) -> TrainingResult:
    """Train ``model`` in place, from the newest whole checkpoint under ``folder`` if there is one.

    Raises:
        RunError: the loss stopped being a number.
    """
    spec = _budget(run)
    steps = step_count(spec, len(data.train))
    tokens_per_step = spec.batch_size * spec.gradient_accumulation * spec.block_length
    checkpoint = newest_checkpoint(folder)
    begun = int(checkpoint.name.rsplit("-", 1)[1]) if checkpoint else 0
    with (
        Progress(f"training {run.run_id}", total=(steps - begun) * tokens_per_step, unit="tokens") as progress,
        PeakMemory() as memory,
        quiet_libraries(),
    ):
        trainer = _QuietTrainer(
            model=model,
            args=_arguments(run, steps, precision, folder),
            train_dataset=data.train,
            eval_dataset=data.validation,
            callbacks=[_Reporter(progress, tokens_per_step)],
        )
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    history = trainer.state.log_history
    curve = _curve(history, tokens_per_step, data)
    if not all(map(_finite, history)):
        raise RunError("the training loss is not a finite number: lower the learning rate or use precision: fp32")
    tokens = steps * tokens_per_step
    wall = max((entry.get("seconds", 0.0) for entry in history), default=0.0)
    return TrainingResult(
        curve=curve,
        steps=steps,
        tokens_seen=tokens,
        bytes_seen=round(tokens * data.train.bytes_per_token),
        wall_seconds=wall,
        train_seconds=wall - sum(entry.get("eval_runtime", 0.0) for entry in history),
        peak_rss_bytes=memory.peak_bytes,
        rss_before_bytes=memory.before_bytes,
        peak_gpu_bytes=torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
        resumed_from_step=begun,
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


class _QuietTrainer(Trainer):
    """The Trainer without its printing of every log entry; :class:`Progress` reports instead."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        from transformers.trainer_callback import PrinterCallback

        self.remove_callback(PrinterCallback)


def _finite(entry: dict[str, Any]) -> bool:
    return math.isfinite(entry.get("loss", 0.0))


def _budget(run: RunSpec) -> TrainingSpec:
    if run.training is None:
        raise RunError(f"run {run.run_id} trains nothing")
    return run.training


def _arguments(run: RunSpec, steps: int, precision: Precision, folder: Path) -> TrainingArguments:
    spec = _budget(run)
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=spec.batch_size,
        per_device_eval_batch_size=spec.batch_size,
        gradient_accumulation_steps=spec.gradient_accumulation,
        activation_checkpointing=spec.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False} if spec.gradient_checkpointing else None,
        learning_rate=run.method.learning_rate,
        lr_scheduler_type=spec.scheduler,
        warmup_steps=round(spec.warmup_share * steps),
        weight_decay=spec.weight_decay,
        max_grad_norm=spec.max_grad_norm,
        bf16=precision.autocast,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        logging_strategy="steps",
        logging_steps=max(1, steps // spec.log_points),
        logging_first_step=True,
        logging_nan_inf_filter=False,
        eval_strategy="steps",
        eval_steps=max(1, steps // spec.validation_points),
        save_strategy="steps",
        save_steps=max(1, math.ceil(steps / spec.checkpoints)),
        save_total_limit=1,
        report_to="none",
        disable_tqdm=True,
        seed=run.seed,
        data_seed=run.seed,
    )


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
        row["seconds"] = row.get("seconds", entry.get("seconds", 0.0))
        if "loss" in entry:
            row["loss"] = entry["loss"]
            row["bits_per_byte"] = entry["loss"] / math.log(2) / bytes_per_token
        else:
            row["validation_loss"] = entry["eval_loss"]
            row["validation_bits_per_byte"] = entry["eval_loss"] / math.log(2) / validation_bytes
    return pd.DataFrame([rows[step] for step in sorted(rows)], columns=list(CURVE_COLUMNS))
