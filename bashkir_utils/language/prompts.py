"""Beginnings for models to continue: those written for this project, in ``prompts.tsv``, or a profile's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..exceptions import LanguageError
from ..study import GenerationSpec

FILE = Path(__file__).parent / "prompts.tsv"
KINDS = ("news", "talk", "encyclopedia", "instruction", "story", "cut word")


@dataclass(frozen=True)
class Prompt:
    """The start of a text."""

    kind: str
    """Of the project's own: one of ``KINDS``; a ``cut word`` ends inside a word."""
    text: str
    gloss: str
    """What it says, in English."""


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """The prompts of a file with a line for each: kind, text and gloss, with tabs between.

    Raises:
        LanguageError: the file cannot be read, has no line, or has one of another form or with a text that came before.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LanguageError(f"prompts {path.name}: no such file, or no UTF-8 text") from error
    prompts = tuple(_prompt(path.name, place, line) for place, line in enumerate(lines, start=1))
    texts = [prompt.text for prompt in prompts]
    if not texts or len(set(texts)) < len(texts):
        raise LanguageError(f"prompts {path.name}: there must be a line, and no text may stand in two of them")
    return prompts


def _prompt(name: str, place: int, line: str) -> Prompt:
    cells = line.split("\t")
    if len(cells) != 3 or not all(cell.strip() for cell in cells):
        raise LanguageError(
            f"{name}, line {place}: expected a kind, a text and a gloss, with tabs between; the book's kinds are "
            f"{', '.join(KINDS)}"
        )
    return Prompt(*map(str.strip, cells))


PROMPTS: tuple[Prompt, ...] = read_prompts(FILE)
"""The prompts in the order in which studies take them: every six in a row are of the six kinds."""


def chosen_prompts(spec: GenerationSpec) -> tuple[Prompt, ...]:
    """The first ``spec.prompts`` prompts of the profile's file, or of the project's where it names none.

    Raises:
        LanguageError: the profile's file is no table of prompts (:func:`read_prompts`).
    """
    known = PROMPTS if spec.prompts_file is None else read_prompts(Path(spec.prompts_file))
    return known[: spec.prompts]


def language_of_prompts(spec: GenerationSpec, language: str | None) -> str | None:
    """ISO 639-1: Bashkir of the project's own prompts, and of a profile's own ``language``, that of its text."""
    return "ba" if spec.prompts_file is None else language
