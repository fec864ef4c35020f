"""Progress of long work: a bar on a terminal, one plain line a minute elsewhere."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from tqdm.auto import tqdm

T = TypeVar("T")
PLAIN_INTERVAL_SECONDS = 60.0


class Progress:
    """Counts units of work and says how fast they go and how long the rest will take."""

    def __init__(self, description: str, *, total: float | None = None, unit: str = "it") -> None:
        self.description, self.total, self.unit = description, total, unit
        self.done = 0.0
        self._begun = self._said = time.monotonic()
        self._bar = (
            tqdm(total=total, desc=description, unit=unit, leave=False, unit_scale=True) if _terminal() else None
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, amount: float = 1) -> None:
        """Count ``amount`` more units as done."""
        self.done += amount
        if self._bar is not None:
            self._bar.update(amount)
        elif time.monotonic() - self._said >= PLAIN_INTERVAL_SECONDS:
            self._said = time.monotonic()
            print(self.line(), file=sys.stderr, flush=True)

    def line(self) -> str:
        """One line: what, how much of how much, units per second, time left."""
        rate = self.done / max(time.monotonic() - self._begun, 1e-9)
        if self.total is None:
            return f"{self.description}: {self.done:,.0f} {self.unit}, {rate:,.1f} {self.unit}/s"
        left = (self.total - self.done) / rate if rate else float("inf")
        share = f"{self.done:,.0f}/{self.total:,.0f} {self.unit}"
        return f"{self.description}: {share}, {rate:,.1f} {self.unit}/s, {left / 60:,.1f} min left"


def track(items: Iterable[T], description: str, *, total: int | None = None, unit: str = "it") -> Iterator[T]:
    """Yield ``items`` and report progress on the way."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Progress(description, total=total, unit=unit) as progress:
        for item in items:
            yield item
            progress.advance()


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Hold back the bars and needless warnings of transformers and peft, which would clutter every page."""
    from transformers.utils import logging as bars

    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        with warnings.catch_warnings(), _no_padding_suspected():
            warnings.filterwarnings("ignore", message=".*_checkpointing.* is deprecated")
            yield
    finally:
        if shown:
            bars.enable_progress_bar()


@contextlib.contextmanager
def _no_padding_suspected() -> Iterator[None]:
    """Hold back GPT-2's warning of unmasked padding: blocks of training have none, but boundaries of the same id."""
    logger, quiet = logging.getLogger("transformers.modeling_utils"), _Unpadded()
    logger.addFilter(quiet)
    try:
        yield
    finally:
        logger.removeFilter(quiet)


class _Unpadded(logging.Filter):
    """Lets all pass but that warning; one of its own for each use, as uses may lie inside each other."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "since your input_ids may be padded" not in record.getMessage()


def _terminal() -> bool:
    return sys.stderr.isatty()
