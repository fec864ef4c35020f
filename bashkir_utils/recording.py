"""A study's results written down for good, and beside them what else was measured of its runs.

One machine after another may fill a record: runs of an earlier one stay in it, with their scores. What is measured of
continuations and of places (``errors_record``) is of the runs of one store, and is replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import pandas as pd
from pydantic import Field, ValidationError, field_validator

from .corpus import Corpus
from .exceptions import RunError
from .failures import Failure
from .report import (
    RESULTS_FILE,
    FailedRun,
    PairResults,
    Recorded,
    StudyReport,
    collect,
    load_record,
    write_report,
)
from .runs import Evaluation, Run
from .study import RunSpec, Study
from .throughput import Provenance
from .workspace import disk_errors, read_json, write_json

Measure = TypeVar("Measure", bound="OfRuns")


class OfRuns(Recorded):
    """What was measured of some runs of a recorded study, in a file of its own beside the study's results."""

    runs: tuple[str, ...] = Field(min_length=1)
    provenance: Provenance

    @field_validator("runs")
    @classmethod
    def _each_once(cls, runs: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(runs)) < len(runs):
            raise ValueError("a run comes twice")
        return runs


def recorded_study(folder: Path) -> StudyReport:
    """The study recorded in ``folder``.

    Raises:
        RunError: there is none, or it is damaged.
    """
    if not (folder / RESULTS_FILE).is_file():
        raise RunError(f"{folder.name} holds no recorded study: record its results first")
    return load_record(folder)


def write_beside(measured: OfRuns, folder: Path, file: str) -> Path:
    """Write a measure into the folder of a recorded study, in place of an earlier one; its path.

    Raises:
        RunError: the folder holds no recorded study, or cannot be written.
    """
    recorded_study(folder)
    with disk_errors(file, RunError):
        write_json(folder / file, measured.model_dump(mode="json"))
    return folder / file


def load_beside(kind: type[Measure], folder: Path, file: str) -> tuple[tuple[StudyReport, Measure], ...]:
    """Every recorded study under ``folder`` that has such a file, by name, with what it holds.

    Raises:
        RunError: a record is damaged, or of other runs than its study.
    """
    return tuple(_beside(kind, path) for path in sorted(folder.glob(f"*/{file}")))


def _beside(kind: type[Measure], path: Path) -> tuple[StudyReport, Measure]:
    try:
        measured = kind.model_validate(cast(dict[str, Any], read_json(path)))
    except (OSError, ValueError, ValidationError) as error:
        raise RunError(f"{path.name} in {path.parent.name} is damaged: record it again") from error
    report = recorded_study(path.parent)
    if unknown := set(measured.runs) - {row.run_id for row in report.rows}:
        raise RunError(f"{path.name} in {path.parent.name} is of unknown runs ({sorted(unknown)[0]}): record it again")
    return report, measured


def record_study(  # noqa: PLR0913
    study: Study,
    corpus: Corpus,
    runs: Sequence[Run],
    evaluations: Sequence[Evaluation],
    folder: Path,
    *,
    pairs: PairResults | None = None,
    held_out: pd.DataFrame | None = None,
    failed: Sequence[tuple[RunSpec, Failure]] = (),
    remark: str = "",
    times_comparable: bool = True,
) -> StudyReport:
    """Write a study's results into ``folder`` for the book to show beside live runs.

    Runs of an older record there stay in it as :func:`with_earlier` says, so that several machines fill one record, and
    its remark with them unless there is a new one.
    ``held_out`` is that of ``forgetting_report.collect_held_out``, ``failed`` the cells that have no run and why,
    ``remark`` what a reader must know of how the study was run, ``times_comparable`` whether its runs had the machine
    alike.

    Raises:
        RunError: the folder cannot be written, its record is damaged, or has a run of a budget in minutes that another
            machine trained.
    """
    collected = collect(study, corpus, runs, evaluations, pairs, failed=failed)
    told = {"remark": remark, "times_comparable": times_comparable}
    report = replace(collected, record=collected.record.model_copy(update=told))
    report = report if held_out is None else replace(report, held_out=held_out)
    if (folder / RESULTS_FILE).is_file():
        report = with_earlier(report, _readable(folder), study.all_cells(corpus.fingerprint))
    write_report(report, folder)
    return report


def _readable(folder: Path) -> StudyReport:
    try:
        return load_record(folder)
    except RunError as error:
        raise RunError(f"{error}; nothing was written: remove its folder to begin anew") from error


def with_earlier(report: StudyReport, earlier: StudyReport, cells: Sequence[RunSpec]) -> StudyReport:
    """``report`` with the runs and failures of ``earlier`` that it lacks, in the order of ``cells``.

    Only what is still a cell of the study is kept, and nothing if the two are of different texts or were scored with
    different settings: their losses would not compare.

    Raises:
        RunError: both have a run whose budget is in minutes, of two machines.
    """
    if _scored_as(report) != _scored_as(earlier):
        return report
    _check_machines(report, earlier)
    place = {cell.run_id: index for index, cell in enumerate(cells)}
    kept = {row.run_id for row in earlier.rows} & place.keys() - {row.run_id for row in report.rows}
    added = [row for row in earlier.rows if row.run_id in kept]
    rows = tuple(sorted([*report.rows, *added], key=lambda row: place.get(row.run_id, len(place))))
    told = report.record
    has_run = {(row.model, row.method, row.seed) for row in rows}
    open_cells = {(cell.model.name, cell.method.name, cell.seed) for cell in cells} - has_run
    changed: dict[str, object] = {
        "rows": rows,
        "pairs": _pairs(told.pairs, earlier, kept),
        "failed": _failures(told.failed, earlier.record.failed, open_cells),
    }
    if kept:
        changed |= {
            "remark": told.remark or earlier.record.remark,
            "times_comparable": told.times_comparable and earlier.record.times_comparable,
        }
    return StudyReport(
        told.model_copy(update=changed),
        _of_both(report.documents, earlier.documents, kept),
        _of_both(report.held_out, earlier.held_out, kept),
    )


def _check_machines(report: StudyReport, earlier: StudyReport) -> None:
    """Tokens are the same everywhere, and a newer run of as many replaces an older one; minutes are not."""
    if report.record.settings["training"].get("minutes") is None:
        return
    before = {row.run_id: row.machine for row in earlier.rows}
    for row in report.rows:
        if before.get(row.run_id, row.machine) != row.machine:
            raise RunError(
                f"run {row.run_id} is recorded from another machine ({before[row.run_id]}), whose minutes are another "
                "budget: record this one under a profile of another name"
            )


def _scored_as(report: StudyReport) -> tuple[str, object]:
    return report.record.corpus.fingerprint, report.record.settings["evaluation"]


def _of_both(table: pd.DataFrame, earlier: pd.DataFrame, kept: Collection[str]) -> pd.DataFrame:
    parts = [part for part in (table, earlier[earlier["run_id"].isin(kept)]) if not part.empty]
    return pd.concat(parts, ignore_index=True) if parts else table


def _failures(
    new: Sequence[FailedRun], old: Sequence[FailedRun], open_cells: Collection[object]
) -> tuple[FailedRun, ...]:
    """Of cells without a run, each once; the newer word counts."""
    found = {(each.model, each.method, each.seed): each for each in (*old, *new)}
    return tuple(each for cell, each in found.items() if cell in open_cells)


def _pairs(new: PairResults | None, earlier: StudyReport, kept: Collection[str]) -> PairResults | None:
    """What both made of the same pairs; the new one alone if the pairs differ."""
    old = earlier.record.pairs
    if old is None or (new is not None and _which_pairs(new) != _which_pairs(old)):
        return new
    scored = [row for row in old.accuracies if row.scorer in kept]
    if new is not None:
        return new.model_copy(update={"accuracies": (*new.accuracies, *scored)})
    characters = [row for row in old.accuracies if row.scorer not in {row.run_id for row in earlier.rows}]
    return old.model_copy(update={"accuracies": (*scored, *characters)}) if scored else None


def _which_pairs(pairs: PairResults) -> tuple[object, ...]:
    counts = {(row.phenomenon, row.pairs) for row in pairs.accuracies}
    return pairs.words, pairs.reference_characters, counts
