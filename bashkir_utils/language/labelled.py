"""Sentences whose language is known, written for this project, to fit and to test language identification.

They are kept in ``labelled.tsv``: language, group and sentence. Sentences of one group say the same in several
languages, and so does what is cut out of them: a group is never split between fitting and testing. Many of the Bashkir
and Tatar sentences hold none of the letters that only one of the two has, since those are the hard ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..exceptions import LanguageError

FILE = Path(__file__).parent / "labelled.tsv"


@dataclass(frozen=True)
class LabelledSentence:
    """One sentence of a known language."""

    language: str
    """ISO 639-1 label."""
    group: str
    """Shared by sentences of the same meaning."""
    text: str


def read_labelled(path: Path) -> tuple[LabelledSentence, ...]:
    """The sentences of a file with a line for each: language, group and sentence, with tabs between.

    Raises:
        LanguageError: a line is of another form.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(_sentence(path.name, place, line) for place, line in enumerate(lines, start=1))


def _sentence(name: str, place: int, line: str) -> LabelledSentence:
    cells = line.split("\t")
    if len(cells) != 3 or not all(cell.strip() for cell in cells):
        raise LanguageError(f"{name}, line {place}: expected a language, a group and a sentence, with tabs")
    return LabelledSentence(*cells)


@cache
def labelled_sentences() -> tuple[LabelledSentence, ...]:
    """The sentences that come with the project."""
    return read_labelled(FILE)
