"""What a study's models write and where their loss is, recorded as numbers beside the study's results.

The chapter on errors shows it. A record holds one row a continuation with every measure of ``errors_report.measured``,
the same measures of people's text, the loss by place of the best run of each way of adaptation, what the best of them
gains over the second, and what the measures were held against. Beside the study's prompts, it has no more than single
words of the corpus.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pandas as pd
from pandas.api.types import is_numeric_dtype
from pydantic import ValidationError

from .corpus import Corpus
from .corpus.statistics import word_counts
from .errors import forms, people, places, scored_text
from .errors.memorisation import Searched
from .errors.places import Kind
from .errors.wellformed import Vocabulary, well_formed_by_language
from .errors_report import NAMES, SUFFIX_NAMES, evidence, measured_beside_people
from .exceptions import RunError
from .language import analyse, labelled_sentences
from .report import RESULTS_FILE, Recorded, StudyReport, continuations, load_record, write_table
from .runs import Evaluation, Run
from .study import Study
from .two_best import TwoBest, compare_two_best, load_two_best, write_two_best
from .workspace import Workspace, disk_errors, write_json

CONTINUATIONS_FILE, PLACES_FILE = "continuations.parquet", "places.parquet"
PEOPLE_FILE, HELD_AGAINST_FILE = "people.parquet", "held_against.json"
NEEDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        CONTINUATIONS_FILE: ("run_id", "way", "prompt", "decoding"),
        PLACES_FILE: ("kind", "group", "model", "bytes", "bits_per_byte", "low", "high"),
        PEOPLE_FILE: ("way", "prompt"),
    }
)
"""Columns without which a record cannot be shown; older records lack some of the measures, and that is no damage."""
FOLLOWED = ("words", "switched", "at", "into")
"""Columns that come together or not at all."""
MIN_SENTENCES = 10
"""Of a language, for its share of well-formed words to be recorded."""
TEXT = ("continuation", "model", "gloss")
"""What a table of continuations has and a record leaves out: texts of models, and what is known anyway."""
MOST_WAYS = 8


class KnownLanguage(Recorded):
    """How many words of sentences in one language, written for this book, count as well formed."""

    language: str
    """ISO 639-1."""
    sentences: int
    words: int
    well_formed: float
    low: float
    high: float
    attested: float
    """Share of the words that the training text has."""


class HeldAgainst(Recorded):
    """What the measures of a record were held against."""

    searched: Searched
    """For copies."""
    known_languages: tuple[KnownLanguage, ...]
    """Empty where the corpus is not Bashkir."""

    @property
    def well_formed(self) -> pd.DataFrame:
        """As ``errors.wellformed.well_formed_by_language`` gives it."""
        rows = [each.model_dump() for each in self.known_languages]
        return pd.DataFrame(rows, columns=list(KnownLanguage.model_fields)).set_index("language")


@dataclass(frozen=True)
class ErrorRecord:
    """A recorded study with what was measured of its errors."""

    report: StudyReport
    continuations: pd.DataFrame
    """One row a continuation: prompt (the book's or the profile's), kind, decoding, sample, run_id, way, measures."""
    places: pd.DataFrame
    """Of ``errors.places.place_table``; model is a way of adaptation, by its best run; the best way is first."""
    people: pd.DataFrame = field(default_factory=pd.DataFrame)
    """The same measures of people's text, as long as the continuations that models are compared by; way is
    ``errors.people.PEOPLE``. Empty in older records."""
    held_against: HeldAgainst | None = None
    """None in older records."""
    two_best: TwoBest | None = None
    """None in older records, and where only one way was scored."""

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
    study: Study,
    workspace: Workspace,
) -> ErrorRecord:
    """Measure every continuation of ``runs``, which are drawn where they are not stored, and the loss by place.

    Args:
        report: of these runs and others.
        corpus: that they were trained on; its test documents are people's text.
        runs: whose continuations are measured.
        evaluations: of the same test documents; the best of each way is taken apart by place.
        study: how continuations are drawn, and passages scored.
        workspace: with the run store.
    """
    written = continuations(report, runs, study.generation, workspace)
    first = written[written["decoding"] == study.generation.decodings[0].name]
    passages = people.passages(corpus.split("test")["text"], first)
    held_against = evidence(corpus)
    tables = measured_beside_people(report, written, passages, held_against)
    kept, of_people = (table.drop(columns=[name for name in TEXT if name in table]) for table in tables)
    known = HeldAgainst(
        searched=held_against.index.searched,
        known_languages=_known_languages(held_against.vocabulary, report.confidence),
    )
    by_place, two_best = _places(report, corpus, evaluations, study, workspace)
    return ErrorRecord(report, kept, by_place, of_people, known, two_best)


def _known_languages(vocabulary: Vocabulary, confidence: float) -> tuple[KnownLanguage, ...]:
    if not vocabulary.bashkir:
        return ()
    found = well_formed_by_language(labelled_sentences(), vocabulary, confidence)
    return tuple(
        KnownLanguage.model_validate(row)
        for row in found[found["sentences"] >= MIN_SENTENCES].reset_index().to_dict("records")
    )


def place_kinds(text: scored_text.ReadText, corpus: Corpus) -> list[Kind]:
    """Every kind of place in scored text (``errors.forms.all_kinds``), the same for a page and for a record.

    Words are counted in the training text, the parts of one with a hyphen apart; only Bashkir has an analyser.
    """
    reader = analyse if corpus.language == "ba" else None
    return forms.all_kinds(text, word_counts(corpus.split("train")["text"]), reader)


def _places(
    report: StudyReport, corpus: Corpus, evaluations: Iterable[Evaluation], study: Study, workspace: Workspace
) -> tuple[pd.DataFrame, TwoBest | None]:
    """Loss by place, and what the best way gains over the second."""
    evaluations = list(evaluations)
    text = scored_text.read_documents(evaluations[0].documents, corpus.split("test"))
    ways = places.best_of_each(((report.arms[each.run_id], each) for each in evaluations), MOST_WAYS)
    scores = places.score_places(ways, text, place_kinds(text, corpus))
    confidence = report.confidence
    compared = compare_two_best(ways, text, scores, study, workspace, language=corpus.language, confidence=confidence)
    return places.place_table(scores, confidence=confidence), compared


def write_errors(record: ErrorRecord, folder: Path) -> None:
    """Write a record's tables and facts into the folder of its study.

    Raises:
        RunError: the folder holds no recorded study, or cannot be written.
    """
    if not (folder / RESULTS_FILE).is_file():
        raise RunError(f"{folder.name} holds no recorded study: record its results first")
    with disk_errors("the record of errors", RunError):
        write_table(record.continuations, folder / CONTINUATIONS_FILE)
        write_table(record.places, folder / PLACES_FILE)
        write_table(record.people, folder / PEOPLE_FILE)
        write_two_best(record.two_best, folder)
        (folder / HELD_AGAINST_FILE).unlink(missing_ok=True)
        if record.held_against is not None:
            write_json(folder / HELD_AGAINST_FILE, json.loads(record.held_against.model_dump_json()))


def load_errors(folder: Path) -> tuple[ErrorRecord, ...]:
    """Every recorded study under ``folder`` that has a record of errors, by name.

    Raises:
        RunError: a record is damaged, or of other runs than its study.
    """
    return tuple(_load(path.parent) for path in sorted(folder.glob(f"*/{CONTINUATIONS_FILE}")))


def _load(folder: Path) -> ErrorRecord:
    report = load_record(folder)
    rows, places_found = (_read(folder / name) for name in (CONTINUATIONS_FILE, PLACES_FILE))
    of_people = _read(folder / PEOPLE_FILE) if (folder / PEOPLE_FILE).is_file() else pd.DataFrame()
    if unknown := set(rows["run_id"].map(str)) - {row.run_id for row in report.rows}:
        raise RunError(
            f"the record of errors in {folder.name} is of unknown runs ({sorted(unknown)[0]}): record it again"
        )
    held_against = _held_against(folder / HELD_AGAINST_FILE)
    return ErrorRecord(report, rows, places_found, of_people, held_against, load_two_best(folder))


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise _damaged(path, "cannot be read") from error
    needed = NEEDED[path.name] + (FOLLOWED if set(FOLLOWED) & set(table) else ())
    if missing := [name for name in needed if name not in table]:
        raise _damaged(path, f"has no column {', '.join(missing)}")
    if table.empty:
        raise _damaged(path, "has no row")
    measures = [name for name in (*NAMES, *SUFFIX_NAMES, *NEEDED[PLACES_FILE][3:], "words", "at") if name in table]
    if wrong := [name for name in measures if not is_numeric_dtype(table[name])]:
        raise _damaged(path, f"has no numbers in {', '.join(wrong)}")
    return table


def _held_against(path: Path) -> HeldAgainst | None:
    try:
        return HeldAgainst.model_validate_json(path.read_bytes()) if path.is_file() else None
    except (OSError, ValidationError) as error:
        raise _damaged(path, "cannot be read") from error


def _damaged(path: Path, fault: str) -> RunError:
    return RunError(f"the record of errors in {path.parent.name} is damaged: {path.name} {fault}; record it again")
