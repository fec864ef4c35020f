"""Beginnings for models to continue, written for this project and kept in ``prompts.tsv``: kind, text, gloss."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..exceptions import LanguageError

FILE = Path(__file__).parent / "prompts.tsv"
KINDS = ("news", "talk", "encyclopedia", "instruction", "story", "cut word")


@dataclass(frozen=True)
class Prompt:
    """The start of a text."""

    kind: str
    """One of ``KINDS``; a ``cut word`` ends inside a word."""
    text: str
    gloss: str
    """What it says, in English."""


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """The prompts of a file with a line for each: kind, text and gloss, with tabs between.

    Raises:
        LanguageError: a line is of another form.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(_prompt(path.name, place, line) for place, line in enumerate(lines, start=1))


def _prompt(name: str, place: int, line: str) -> Prompt:
    cells = line.split("\t")
    if len(cells) != 3 or cells[0] not in KINDS or not all(cell.strip() for cell in cells):
        raise LanguageError(
            f"{name}, line {place}: expected a kind ({', '.join(KINDS)}), a text and a gloss, with tabs"
        )
    return Prompt(*cells)


PROMPTS: tuple[Prompt, ...] = read_prompts(FILE)
"""The prompts in the order in which studies take them: every six in a row are of the six kinds."""
