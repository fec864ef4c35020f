"""Paragraphs of English and Russian written for this project, to measure what a model forgets; never trained on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..exceptions import LanguageError

FOLDER = Path(__file__).parent / "heldout"


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of the held-out text."""

    id: str
    """Language and place, as ``en-01``."""
    language: str
    """ISO 639-1 label."""
    genre: str
    text: str


def held_out_languages() -> tuple[str, ...]:
    """Labels of the languages that have held-out text."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.tsv")))


@cache
def held_out(language: str) -> tuple[Paragraph, ...]:
    """All paragraphs of a language; any first few of them are of different genres.

    Raises:
        LanguageError: there is no such text, or its file is damaged.
    """
    if language not in held_out_languages():
        raise LanguageError(f"no held-out text in {language!r}; there is {', '.join(held_out_languages())}")
    lines = (FOLDER / f"{language}.tsv").read_text(encoding="utf-8").splitlines()
    return tuple(_paragraph(language, place, line) for place, line in enumerate(lines, start=1))


def _paragraph(language: str, place: int, line: str) -> Paragraph:
    genre, tab, text = line.partition("\t")
    if not (tab and genre and text.strip()):
        raise LanguageError(f"{language}.tsv, line {place}: expected a genre, a tab and a text")
    return Paragraph(f"{language}-{place:02d}", language, genre, text)
