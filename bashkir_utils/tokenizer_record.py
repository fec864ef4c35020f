"""Tokenizers compared on a corpus, of sizes that only a large text can fill, and kept as numbers beside the studies."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, cast

import pandas as pd
from pydantic import Field, ValidationError

from . import provenance
from .corpus import Corpus
from .exceptions import RunError
from .report import Recorded
from .throughput import Provenance
from .tokenization import sample_texts
from .tokenization.candidates import Entrants
from .tokenization.contest import compare_contenders
from .workspace import disk_errors, read_json, write_json

FOLDER = "contests"
"""Under ``book/recorded``: one file a corpus, by its fingerprint."""


class RecordedContest(Recorded):
    """What :func:`~.tokenization.contest.compare_contenders` found on one corpus."""

    label: str
    """Of the corpus."""
    fingerprint: str
    own: str
    """Name of the model's own tokenizer."""
    training_characters: int
    """On at most so many the others were trained."""
    test_characters: int
    """On at most so many all were measured."""
    rows: tuple[dict[str, str | int | float | None], ...] = Field(min_length=1)
    """One a tokenizer, with its name; a measure that it does not have is None."""
    refused: dict[str, str]
    too_large: tuple[int, ...]
    provenance: Provenance

    @property
    def table(self) -> pd.DataFrame:
        """As it was compared: one row a tokenizer, by its name."""
        return pd.DataFrame(list(self.rows)).set_index("name").rename_axis(None)

    @property
    def line(self) -> str:
        """Corpus, budget, machine, commit and date, in words."""
        about = self.provenance
        return (
            f"{self.label}, fingerprint {self.fingerprint}: trained on at most {self.training_characters:,} characters "
            f"of its training split, measured on at most {self.test_characters:,} of its test split; "
            f"{about.machine.processor}, {about.date[:10]}, commit {about.commit}"
        )


def measure(
    entered: Entrants, corpus: Corpus, *, training_characters: int, test_characters: int = 300_000
) -> RecordedContest:
    """Compare all entrants on the test split of ``corpus``.

    Raises:
        TokenizerError: the test split holds no word.
    """
    texts = sample_texts(corpus.split("test")["text"], test_characters)
    table = compare_contenders(entered.contenders, texts, corpus)
    rows = cast(list[dict[str, Any]], table.rename_axis("name").reset_index().to_dict("records"))
    return RecordedContest(
        label=corpus.label,
        fingerprint=corpus.fingerprint,
        own=entered.own.tokenizer.name,
        training_characters=training_characters,
        test_characters=test_characters,
        rows=tuple({name: _plain(value) for name, value in row.items()} for row in rows),
        refused=dict(entered.grid.refused),
        too_large=entered.grid.too_large,
        provenance=Provenance.model_validate(provenance.collect()),
    )


def _plain(value: str | float) -> str | float | None:
    """A measure as JSON has it: what is not a number is None."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_contest(found: RecordedContest, recorded: Path) -> Path:
    """Write the record under ``book/recorded``, in place of an earlier one of the same corpus; its path.

    Raises:
        RunError: it cannot be written.
    """
    path = recorded / FOLDER / f"{found.fingerprint}.json"
    with disk_errors("the comparison of tokenizers", RunError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, found.model_dump(mode="json"))
    return path


def load_contests(recorded: Path) -> tuple[RecordedContest, ...]:
    """Every recorded comparison, by the fingerprints of their corpora.

    Raises:
        RunError: a record is damaged.
    """
    return tuple(_load(path) for path in sorted((recorded / FOLDER).glob("*.json")))


def _load(path: Path) -> RecordedContest:
    try:
        return RecordedContest.model_validate(cast(dict[str, Any], read_json(path)))
    except (OSError, ValueError, ValidationError) as error:
        raise RunError(f"{path.name} in {path.parent.name} is damaged: record it again") from error
