"""The notebooks as they are stored: clean, small cells, one template."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from bashkir_utils.book import contents, notebooks

PROJECT = Path(__file__).resolve().parent.parent
STORED = sorted((PROJECT / "notebooks").glob("*.ipynb"))
PARAMETERS = 'PROFILE = "demo"\nCORPUS = ""'
HEADINGS = ["## What was found", "## Exercises", "## Further reading"]
LONGEST_CELL = 15
LONGEST_FUNCTION = 5


@pytest.fixture(params=STORED, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: nbformat.NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def python(cell: nbformat.NotebookNode) -> ast.Module:
    return ast.parse("\n".join(line for line in cell.source.splitlines() if not line.startswith("%")))


def test_every_notebook_is_in_the_table_of_contents():
    assert notebooks(PROJECT) == STORED


def test_every_prose_page_is_in_the_table_of_contents():
    pages = {path for path in contents(PROJECT) if path.suffix == ".md"}
    assert pages == {*(PROJECT / "book").glob("*.md"), PROJECT / "genindex.md"}


def test_is_valid_and_stored_without_outputs(notebook):
    nbformat.validate(notebook)
    assert notebook.nbformat == 4
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code(notebook))


def test_kernel_is_the_plain_one(notebook):
    assert notebook.metadata.kernelspec.name == "python3"


def test_has_exactly_one_parameters_cell_with_working_defaults(notebook):
    tagged = [cell for cell in code(notebook) if "parameters" in cell.metadata.get("tags", [])]
    assert [cell.source for cell in tagged] == [PARAMETERS]


def test_code_cells_are_short(notebook):
    assert all(len(cell.source.splitlines()) < LONGEST_CELL for cell in code(notebook))


def test_functions_are_a_few_lines_and_there_are_no_classes(notebook):
    for cell in code(notebook):
        for node in ast.walk(python(cell)):
            assert not isinstance(node, ast.ClassDef)
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < LONGEST_FUNCTION


def test_follows_the_template(notebook):
    text = prose(notebook)
    assert re.match(r"# \d+\. \S", text)
    for item in ("**Question.**", "**You will be able to**", "**Time and hardware"):
        assert item in text.split("\n## ")[0]
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert [heading for heading in headings if heading in HEADINGS] == HEADINGS


def test_exercises_have_folded_solutions(notebook):
    exercises = prose(notebook).split("\n## Exercises")[1].split("\n## Further reading")[0]
    asked = len(re.findall(r"^\*\*\d\. ", exercises, re.MULTILINE))
    folded = len(re.findall(r"^`{3,}\{dropdown\} Solution|^:class: dropdown", exercises, re.MULTILINE))
    assert 2 <= asked <= 3
    assert folded == asked


def test_every_citation_is_in_the_bibliography():
    keys = set(re.findall(r"^@\w+\{([^,]+),", (PROJECT / "book/references.bib").read_text("utf-8"), re.MULTILINE))
    texts = [prose(nbformat.read(path, as_version=4)) for path in STORED]
    texts += [path.read_text("utf-8") for path in (PROJECT / "book").glob("*.md")]
    cited = {
        key.strip()
        for text in texts
        for group in re.findall(r"\{cite(?::\w+)?\}`([^`]+)`", text)
        for key in group.split(",")
    }
    assert cited
    assert cited <= keys


def test_every_bibliography_entry_can_be_found():
    entries = re.split(r"^@", (PROJECT / "book/references.bib").read_text("utf-8"), flags=re.MULTILINE)[1:]
    keys = [entry.split("{")[1].split(",")[0] for entry in entries]
    assert len(keys) == len(set(keys))
    assert all(re.search(r"\b(doi|eprint|url|isbn|publisher|institution)\s*= \{", entry) for entry in entries)


NUMBERED = re.compile(r"\*\*(Figure) (\d+)\.(\d+)\.\*\*|\\tag\{(\d+)\.(\d+)\}")
MENTIONED = re.compile(r"\b(Figure) (\d+\.\d+)(?!\d)|\b[Ee]quation \((\d+\.\d+)\)")


def test_figures_and_equations_are_counted_from_one_in_each_chapter():
    for path in STORED:
        found = NUMBERED.findall(prose(nbformat.read(path, as_version=4)))
        chapter = int(path.name[:2])
        figures = [(int(first), int(second)) for kind, first, second, *_ in found if kind]
        equations = [(int(first), int(second)) for kind, *_, first, second in found if not kind]
        for each in (figures, equations):
            assert each == [(chapter, number) for number in range(1, len(each) + 1)], path.name


def test_every_equation_on_a_line_of_its_own_has_a_number():
    for path in STORED:
        text = prose(nbformat.read(path, as_version=4))
        assert text.count("\n$$\n") == 2 * text.count(r"\tag{"), path.name


def test_every_figure_and_equation_that_is_mentioned_is_there():
    text = "\n".join(prose(nbformat.read(path, as_version=4)) for path in STORED)
    pages = "\n".join(path.read_text(encoding="utf-8") for path in sorted((PROJECT / "book").glob("*.md")))
    there = {f"Figure {a}.{b}" if kind else f"{c}.{d}" for kind, a, b, c, d in NUMBERED.findall(text)}
    mentioned = {f"Figure {figure}" if kind else equation for kind, figure, equation in MENTIONED.findall(text + pages)}
    assert mentioned <= there
    assert {"Figure 3.5", "3.4"} <= mentioned
