"""The solutions of the exercises run, each chapter's behind the chapter itself, as a reader would paste them."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from whole_book import CHECKOUT, Built

from bashkir_utils import book
from bashkir_utils.workspace import BOOK_VARIABLE, ENVIRONMENT_VARIABLE

SOLUTION = re.compile(r"````\{dropdown\} Solution\n(.*?)^````$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def solutions(chapter: nbformat.NotebookNode) -> list[str]:
    """The code of every folded solution, in the order of the page."""
    prose = "\n\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")
    return [code for solution in SOLUTION.findall(prose) for code in CODE.findall(solution)]


def with_solutions(path: Path) -> nbformat.NotebookNode:
    """A chapter under the smoke profile, with its solutions as its last cells."""
    chapter = nbformat.read(path, as_version=4)
    for cell in chapter.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = cell.source.replace('"demo"', '"smoke"')
    chapter.cells += [nbformat.v4.new_code_cell(code) for code in solutions(chapter)]
    return chapter


@pytest.mark.parametrize("path", book.notebooks(CHECKOUT), ids=lambda path: path.stem)
def test_every_solution_runs_behind_its_chapter(
    path: Path, built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    chapter = with_solutions(path)
    assert any('PROFILE = "smoke"' in cell.source for cell in chapter.cells)
    assert solutions(chapter), "a chapter without a solution that can be run"
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(built.edition.workspace.root))
    monkeypatch.setenv(BOOK_VARIABLE, str(CHECKOUT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    client = NotebookClient(chapter, kernel_name="python3", resources={"metadata": {"path": built.edition.executed}})
    client.execute()
