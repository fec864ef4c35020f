"""What the best way of a study gains over the second best: in groups of places, on frequent words, along one passage.

The two were chosen by their loss, as a reader would choose them. The passage is made of the study's prompts, which a
record holds anyway: beginnings of texts that were written for the book, or a profile's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype, is_string_dtype
from pydantic import ValidationError, model_validator

from .errors import coloured, gains
from .errors.places import PlaceScores
from .errors.scored_text import ReadText, TokenScored, read_documents, unit_bits
from .evaluation import score_documents
from .exceptions import RunError
from .language import chosen_prompts, language_of_prompts
from .report import Recorded, write_table
from .runs import Evaluation, load_run
from .study import EvaluationSpec, GenerationSpec, Study
from .workspace import Workspace, write_text

GAINS_FILE, PASSAGE_FILE = "gains.parquet", "passage.json"
WORD = "word"
"""Kind of the rows of words in a written table."""
BEGINNINGS, CUT_WORD = 8, "cut word"
"""How many texts begin in the passage, and the kind of prompt that it leaves out."""
NUMBERS = ("documents", "difference", "low", "high", "p", "p_holm")
WORD_COLUMNS = (
    "word", "count", "documents", "bits_first", "bits_second", "difference", "low", "high", "p", "p_holm", "gains",
)  # fmt: skip
"""Of ``errors.gains.word_gains``."""
_OF_WORDS = ("count", "bits_first", "bits_second")
COLUMNS = ("kind", "group", "gains", "first", "second", "language", *_OF_WORDS, *NUMBERS)


class Passage(Recorded):
    """A text and what each of its units costs under two ways of adaptation."""

    text: str
    language: str | None
    """ISO 639-1; None where it is not known."""
    bits: tuple[tuple[str, tuple[float, ...]], ...]
    """For each way its name and the bits of every unit of ``read``."""

    @model_validator(mode="after")
    def _every_unit_has_its_bits(self) -> Passage:
        units = len(self.read.units)
        if len(self.bits) != 2 or any(len(each) != units for _, each in self.bits):
            raise ValueError(f"expected the bits of {units} units of text under two ways")
        return self

    @property
    def read(self) -> ReadText:
        """The text as one document."""
        return _read(self.text)

    def loss_html(self) -> str:
        """The passage coloured by loss, once for each way."""
        losses = {name: np.array(each) for name, each in self.bits}
        return coloured.loss_html(self.read, losses, 0, language=self.language, characters=len(self.text))

    def difference_html(self) -> str:
        """The passage once, each word marked by the way that pays fewer bits for it."""
        first, second = ((name, np.array(each)) for name, each in self.bits)
        return coloured.difference_html(self.read, first, second, 0, language=self.language, characters=len(self.text))


@dataclass(frozen=True)
class TwoBest:
    """The two ways with the least loss, compared on the same text."""

    first: str
    second: str
    places: pd.DataFrame
    """Of ``errors.gains.place_gains``."""
    words: pd.DataFrame
    """Of ``errors.gains.word_gains``."""
    passage: Passage
    language: str | None = None
    """Of the words, ISO 639-1; None where it is not known."""


def compare_two_best(  # noqa: PLR0913
    ways: Mapping[str, Evaluation],
    text: ReadText,
    scores: PlaceScores,
    study: Study,
    workspace: Workspace,
    *,
    language: str | None,
    confidence: float,
) -> TwoBest | None:
    """Compare the first two of ``ways``; None where there are fewer.

    Args:
        ways: evaluations by way, the best first (``errors.places.best_of_each``).
        text: that they are of.
        scores: of these ways (``errors.places.score_places``).
        study: its prompts make the passage, and its windows score it.
        workspace: with the run store.
        language: of the text, ISO 639-1; None where it is not known.
        confidence: of each family of comparisons.
    """
    names = gains.best_two(ways)
    if names is None:
        return None
    first, second = names
    passage = beginnings(study.generation)
    scored = [(name, _passage_bits(passage, ways[name].run_id, study.evaluation, workspace)) for name in names]
    return TwoBest(
        first=first,
        second=second,
        places=gains.place_gains(scores, first, second, confidence=confidence),
        words=gains.word_gains((first, ways[first]), (second, ways[second]), text, confidence=confidence),
        passage=Passage(text=passage, language=language_of_prompts(study.generation, language), bits=tuple(scored)),
        language=language,
    )


def beginnings(spec: GenerationSpec) -> str:
    """Beginnings of texts from all over the study's prompts, a line each.

    Those that end inside a word are left out, unless there are no others.
    """
    whole = [prompt.text for prompt in chosen_prompts(spec) if prompt.kind != CUT_WORD]
    return "\n".join(_spread(whole or [prompt.text for prompt in chosen_prompts(spec)]))


def _spread(texts: Sequence[str]) -> Iterable[str]:
    return (texts[place] for place in sorted({len(texts) * step // BEGINNINGS for step in range(BEGINNINGS)}))


@dataclass(frozen=True)
class _Scored:
    documents: pd.DataFrame
    tokens: pd.DataFrame


def _read(passage: str) -> ReadText:
    document = pd.DataFrame({"id": ["passage"], "source": ["passage"], "text": [passage]})
    return read_documents(document, document)


def _passage_bits(passage: str, run_id: str, spec: EvaluationSpec, workspace: Workspace) -> tuple[float, ...]:
    model, tokenizer = load_run(run_id, workspace).load(workspace)
    text = _read(passage)
    scored: TokenScored = _Scored(text.documents, score_documents(model, tokenizer, [passage], spec).tokens)
    return tuple(round(float(each), 4) for each in unit_bits(scored, text))


# ------------------------------------------------------------------------------------------------------------- on disk


def write_two_best(found: TwoBest | None, folder: Path) -> None:
    """Write both files of a record, or take away those of an earlier one."""
    if found is None:
        for name in (GAINS_FILE, PASSAGE_FILE):
            (folder / name).unlink(missing_ok=True)
        return
    words = found.words.rename(columns={"word": "group"}).assign(kind=WORD)
    table = pd.concat([found.places, words], ignore_index=True).assign(
        first=found.first, second=found.second, language=found.language
    )
    write_table(table, folder / GAINS_FILE)
    write_text(folder / PASSAGE_FILE, found.passage.model_dump_json(indent=2) + "\n")


def load_two_best(folder: Path) -> TwoBest | None:
    """What :func:`write_two_best` wrote; None in a record without it.

    Raises:
        RunError: a file is damaged, or one of the two is missing.
    """
    if not any((folder / name).exists() for name in (GAINS_FILE, PASSAGE_FILE)):
        return None
    try:
        table = pd.read_parquet(folder / GAINS_FILE)
        passage = Passage.model_validate_json((folder / PASSAGE_FILE).read_bytes())
    except (OSError, ValueError, ValidationError) as error:
        raise _damaged(folder) from error
    if not _is_whole(table):
        raise _damaged(folder)
    first, second = str(table["first"].iloc[0]), str(table["second"].iloc[0])
    if [name for name, _ in passage.bits] != [first, second]:
        raise _damaged(folder)
    of_words = table["kind"] == WORD
    places, words = table[~of_words], table[of_words].rename(columns={"group": WORD})
    return TwoBest(
        first=first,
        second=second,
        places=places.drop(columns=["first", "second", "language", *_OF_WORDS]).reset_index(drop=True),
        words=words[list(WORD_COLUMNS)].reset_index(drop=True),
        passage=passage,
        language=None if pd.isna(table["language"].iloc[0]) else str(table["language"].iloc[0]),
    )


def _is_whole(table: pd.DataFrame) -> bool:
    """Whether a table has every column, its names and numbers, and a row of places."""
    return (
        set(COLUMNS) <= set(table)
        and all(is_string_dtype(table[name]) and table[name].notna().all() for name in ("kind", "group"))
        and all(is_numeric_dtype(table[name]) for name in (*NUMBERS, *_OF_WORDS))
        and bool((table["kind"] != WORD).any())
    )


_BY_WAY: Mapping[str, str] = MappingProxyType({"bits_first": "bits, {first}", "bits_second": "bits, {second}"})


def _damaged(folder: Path) -> RunError:
    return RunError(f"the record of what two ways gain in {folder.name} is damaged: record it again")


def word_table(words: pd.DataFrame, first: str, second: str, rows: int = 15) -> pd.DataFrame:
    """The first rows of ``errors.gains.word_gains`` as a chapter shows them: bits under the names of the ways."""
    named = {column: name.format(first=first, second=second) for column, name in _BY_WAY.items()}
    return words.drop(columns="p").head(rows).rename(columns=named).set_index("word")
