"""A chapter on Bashkir becomes one on another language: cells that are tagged ``bashkir`` fold away and do not run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

import nbformat
from nbformat import NotebookNode

from .text import Language

BASHKIR_ONLY = "bashkir"
"""The tag of cells that hold for Bashkir alone."""
STUDIED = "studied"
"""The tag of prose in which *Bashkir* is the language that is studied, whichever that is."""
_PARAMETERS = "parameters"
_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*$")
_VOWELS = frozenset("AEIOUaeiou")


def folded(notebook: NotebookNode, language: Language, profile: str) -> NotebookNode:
    """The chapter for ``language``: folds in the place of Bashkir-only cells, a note at its top, its name, its profile.

    A fold is closed, holds the prose and the code as text, and says that nothing in it was run.

    Args:
        notebook: a chapter as it is stored.
        language: the language of the new book.
        profile: what the parameters cell names.
    """
    chapter = nbformat.from_dict({**notebook, "cells": list(_cells(notebook.cells))})
    for place, cell in enumerate(chapter.cells):
        if place == 0 or STUDIED in cell.metadata.get("tags", []):
            cell.source = renamed(cell.source, language)
    note = nbformat.v4.new_markdown_cell(_note(language), id="language-note")
    chapter.cells.insert(1, note)
    for cell in chapter.cells:
        if _PARAMETERS in cell.metadata.get("tags", []):
            cell.source = cell.source.replace('PROFILE = "demo"', f'PROFILE = "{profile}"')
    return chapter


def _cells(cells: Iterable[NotebookNode]) -> Iterable[NotebookNode]:
    for only_bashkir, group in groupby(cells, key=is_bashkir):
        found = list(group)
        yield from [_fold(found)] if only_bashkir else found


def is_bashkir(cell: NotebookNode) -> bool:
    """Whether a cell holds for Bashkir alone."""
    return BASHKIR_ONLY in cell.metadata.get("tags", [])


def _fold(cells: list[NotebookNode]) -> NotebookNode:
    body = "\n\n".join(_text(cell) for cell in cells)
    longest = max((len(run) for run in re.findall(r"`{3,}", body)), default=3)
    fence = "`" * (longest + 1)
    note = "*Kept from the book on Bashkir. Its code was not run here, so its tables and figures are missing.*"
    source = f"{fence}{{dropdown}} About Bashkir\n{note}\n\n{body}\n{fence}"
    return nbformat.v4.new_markdown_cell(source, id=cells[0].id, metadata={"tags": [BASHKIR_ONLY]})


def _text(cell: NotebookNode) -> str:
    return f"```python\n{cell.source}\n```" if cell.cell_type == "code" else _without_headings(cell.source)


def _without_headings(text: str) -> str:
    """Headings in bold: a directive may hold none."""
    lines, fence = [], ""
    for line in text.splitlines():
        if found := _FENCE.match(line):
            opened = found.group(1)
            # a fence ends with one of its own sign that is at least as long
            fence = opened if not fence else "" if opened.startswith(fence) else fence
        lines.append(line if fence else _HEADING.sub(r"**\1**", line))
    return "\n".join(lines)


def renamed(text: str, language: Language) -> str:
    """``text`` with the language's name in the place of *Bashkir*, and the article that goes with it."""
    article = "an" if language.name[0] in _VOWELS else "a"
    return re.sub(r"\ba Bashkir\b", f"{article} Bashkir", text).replace("Bashkir", language.name)


def _note(language: Language) -> str:
    return (
        f"```{{admonition}} This book is about {language.name}\n"
        f"The text, the runs and the figures of this page are {language.name}. The prose was written for a book on "
        "Bashkir, and what it still says of Bashkir is true of that. What holds for Bashkir alone is folded away under "
        "*About Bashkir* and was not run.\n```"
    )
