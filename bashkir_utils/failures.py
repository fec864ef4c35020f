"""Runs that failed: ``runs/.failed/<run_id>.json`` says of each why, when and on what machine, until it succeeds."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from . import provenance
from .exceptions import BashkirError, DivergenceError, DownloadError, MemoryLimitError
from .study import ModelSpec, RunSpec, Specification
from .workspace import Workspace, read_json, write_json

FAILED = ".failed"
KILLED = "its process was killed, perhaps for want of memory, or its machine stopped"
"""What stands in the store from a run's start until it ends in another way."""
NOT_FINITE, WORSE = "loss not finite", "worse than zero-shot"


class Reason(StrEnum):
    """Why a run failed."""

    OUT_OF_MEMORY = "out_of_memory"
    DIVERGED = "diverged"
    DOWNLOAD = "download"
    KILLED = "killed"
    OTHER = "other"


class Failure(Specification):
    """One failed run."""

    run_id: str
    reason: Reason
    message: str
    """One line."""
    date: str
    machine: dict[str, Any]
    started: bool = True
    """Whether it was tried; else it was held not to fit, by the memory that one sweep was given."""

    def holds_here(self) -> bool:
        """Whether the run would fail here too: it was tried, and neither killed nor too large for another machine."""
        if self.reason == Reason.KILLED:
            return False
        return self.started and (self.reason != Reason.OUT_OF_MEMORY or self.machine == provenance.machine())


def divergence(bits_per_byte: float, zero_shot: float | None) -> str:
    """Why a run counts as diverged: its loss is not finite, or above that of its model as it came.

    Args:
        bits_per_byte: of the run.
        zero_shot: bits per byte of its model as it came, on the same documents; None where it was not scored, or the
            run is that model itself.

    Returns:
        ``NOT_FINITE`` or ``WORSE``; empty where neither is so, or the second cannot be seen.
    """
    if not math.isfinite(bits_per_byte):
        return NOT_FINITE
    return WORSE if zero_shot is not None and bits_per_byte > zero_shot else ""


def reason_of(error: BaseException) -> Reason:
    """The kind of an error."""
    if isinstance(error, MemoryLimitError | MemoryError):
        return Reason.OUT_OF_MEMORY
    if isinstance(error, DivergenceError):
        return Reason.DIVERGED
    return Reason.DOWNLOAD if isinstance(error, DownloadError) else Reason.OTHER


def describe(error: BaseException) -> str:
    """One line: the message, and the type where the error is none of ours."""
    message = " ".join(str(error).split())
    return message if isinstance(error, BashkirError) else f"{type(error).__name__}: {message}"


@contextlib.contextmanager
def recorded(run_id: str, workspace: Workspace) -> Iterator[None]:
    """Record the error that ends the block, and forget an earlier one when the block ends well.

    Until then the run counts as ``Reason.KILLED``: whoever is killed can write nothing down. An interruption by the
    user is no failure, and leaves the one before, unless it was such a mark.
    """
    before = find(run_id, workspace)
    record(run_id, workspace, Reason.KILLED, KILLED)
    try:
        yield
    except Exception as error:
        record(run_id, workspace, reason_of(error), describe(error))
        raise
    except BaseException:
        _put_back(before, run_id, workspace)
        raise
    forget(run_id, workspace)


def _put_back(before: Failure | None, run_id: str, workspace: Workspace) -> None:
    if before is None or before.reason == Reason.KILLED:
        forget(run_id, workspace)
    else:
        _write(before, workspace)


def record(run_id: str, workspace: Workspace, reason: Reason, message: str, *, started: bool = True) -> Failure:
    """Write down that a run failed; the disk may be the reason, so what cannot be written is let go."""
    about = {"date": provenance.now(), "machine": provenance.machine()}
    failure = Failure(run_id=run_id, reason=reason, message=message, started=started, **about)
    _write(failure, workspace)
    return failure


def _write(failure: Failure, workspace: Workspace) -> None:
    with contextlib.suppress(OSError):
        write_json(_path(failure.run_id, workspace), failure.model_dump(mode="json"))


def forget(run_id: str, workspace: Workspace) -> None:
    """Remove what was recorded of a run, if anything was."""
    with contextlib.suppress(OSError):
        _path(run_id, workspace).unlink()


def find(run_id: str, workspace: Workspace) -> Failure | None:
    """The failure of that run, if one is recorded and readable."""
    try:
        return Failure.model_validate(read_json(_path(run_id, workspace)))
    except (OSError, ValueError, ValidationError):
        return None


def undownloaded(model: ModelSpec, failed: Iterable[tuple[RunSpec, Failure]]) -> Failure | None:
    """The failure among ``failed`` that says that the weights of ``model`` cannot be fetched, if there is one.

    Fetching gives up after minutes of silence; a study asks for the same weights once a cell.
    """
    same = (why for cell, why in failed if (cell.model.source, cell.model.revision) == (model.source, model.revision))
    return next((why for why in same if why.reason == Reason.DOWNLOAD), None)


def list_failures(workspace: Workspace) -> list[Failure]:
    """All recorded failures, by name of the run."""
    names = sorted(path.stem for path in (workspace.runs / FAILED).glob("*.json") if not path.name.startswith("."))
    return [failure for name in names if (failure := find(name, workspace)) is not None]


def _path(run_id: str, workspace: Workspace) -> Path:
    return workspace.runs / FAILED / f"{run_id}.json"
