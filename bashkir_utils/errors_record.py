"""What a study's models write and where their loss is, recorded as numbers beside the study's results: no text.

The chapter on errors shows it. A record holds one row a continuation with every measure of ``errors_report.measured``,
and the loss by place of the best run of each way of adaptation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from .corpus import Corpus
from .corpus.statistics import word_counts
from .errors import forms, places, scored_text
from .errors.places import Kind
from .errors_report import evidence, measured
from .exceptions import RunError
from .language import analyse
from .report import RESULTS_FILE, StudyReport, continuations, load_record, write_table
from .runs import Evaluation, Run
from .study import GenerationSpec
from .workspace import Workspace, disk_errors

CONTINUATIONS_FILE, PLACES_FILE = "continuations.parquet", "places.parquet"
TEXT = ("continuation", "model", "gloss")
"""What a table of continuations has and a record leaves out: texts of models, and what is known anyway."""
MOST_WAYS = 8


@dataclass(frozen=True)
class ErrorRecord:
    """A recorded study with what was measured of its errors."""

    report: StudyReport
    continuations: pd.DataFrame
    """One row a continuation: prompt (the book's or the profile's), kind, decoding, sample, run_id, way, measures."""
    places: pd.DataFrame
    """Of ``errors.places.place_table``; model is a way of adaptation, by its best run; the best way is first."""

    @property
    def decodings(self) -> tuple[str, ...]:
        """Ways of drawing, in the order of the record; the first is the one that models are compared by."""
        return tuple(dict.fromkeys(self.continuations["decoding"]))

    def best_places(self, count: int) -> pd.DataFrame:
        """The loss by place of the ``count`` ways with the least loss."""
        return self.places[self.places["model"].isin(list(dict.fromkeys(self.places["model"]))[:count])]

    def drawn_by(self, decoding: str) -> pd.DataFrame:
        """The rows of one way of drawing."""
        return self.continuations[self.continuations["decoding"] == decoding]


def measure_errors(  # noqa: PLR0913, PLR0917
    report: StudyReport,
    corpus: Corpus,
    runs: Sequence[Run],
    evaluations: Iterable[Evaluation],
    spec: GenerationSpec,
    workspace: Workspace,
) -> ErrorRecord:
    """Measure every continuation of ``runs``, which are drawn where they are not stored, and the loss by place.

    Args:
        report: of these runs and others.
        corpus: that they were trained on.
        runs: whose continuations are measured.
        evaluations: of the same test documents; the best of each way is taken apart by place.
        spec: how continuations are drawn.
        workspace: with the run store.
    """
    written = continuations(report, runs, spec, workspace)
    table = measured(report, written, evidence(corpus))
    kept = table.drop(columns=[name for name in TEXT if name in table])
    return ErrorRecord(report, kept, _places(report, corpus, evaluations))


def place_kinds(text: scored_text.ReadText, corpus: Corpus) -> list[Kind]:
    """Every kind of place in scored text (``errors.forms.all_kinds``), the same for a page and for a record.

    Words are counted in the training text, the parts of one with a hyphen apart; only Bashkir has an analyser.
    """
    reader = analyse if corpus.language == "ba" else None
    return forms.all_kinds(text, word_counts(corpus.split("train")["text"]), reader)


def _places(report: StudyReport, corpus: Corpus, evaluations: Iterable[Evaluation]) -> pd.DataFrame:
    evaluations = list(evaluations)
    text = scored_text.read_documents(evaluations[0].documents, corpus.split("test"))
    kinds = place_kinds(text, corpus)
    named = ((report.arms[each.run_id], each) for each in evaluations)
    scores = places.score_places(places.best_of_each(named, MOST_WAYS), text, kinds)
    return places.place_table(scores, confidence=report.confidence)


def write_errors(record: ErrorRecord, folder: Path) -> None:
    """Write a record's two tables into the folder of its study.

    Raises:
        RunError: the folder holds no recorded study, or cannot be written.
    """
    if not (folder / RESULTS_FILE).is_file():
        raise RunError(f"{folder.name} holds no recorded study: record its results first")
    with disk_errors("the record of errors", RunError):
        write_table(record.continuations, folder / CONTINUATIONS_FILE)
        write_table(record.places, folder / PLACES_FILE)


def load_errors(folder: Path) -> tuple[ErrorRecord, ...]:
    """Every recorded study under ``folder`` that has a record of errors, by name.

    Raises:
        RunError: a record is damaged, or of other runs than its study.
    """
    return tuple(_load(path.parent) for path in sorted(folder.glob(f"*/{CONTINUATIONS_FILE}")))


def _load(folder: Path) -> ErrorRecord:
    report = load_record(folder)
    try:
        rows = pd.read_parquet(folder / CONTINUATIONS_FILE)
        places_found = pd.read_parquet(folder / PLACES_FILE)
        runs = set(rows["run_id"])
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"the record of errors in {folder.name} is damaged: record it again") from error
    if unknown := runs - {row.run_id for row in report.rows}:
        raise RunError(
            f"the record of errors in {folder.name} is of unknown runs ({sorted(unknown)[0]}): record it again"
        )
    return ErrorRecord(report, rows, places_found)
