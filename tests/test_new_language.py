"""A book for another language: written whole or not at all, Bashkir-only cells folded, and built from end to end."""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from made_language import esperanto_sentence, invented_sentence, write_texts
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bashkir_utils import book, cli
from bashkir_utils import corpus as corpora
from bashkir_utils.corpus import findings
from bashkir_utils.exceptions import BashkirError, BookError, CorpusError
from bashkir_utils.language import PROMPTS, chosen_prompts
from bashkir_utils.new_language import BASHKIR_ONLY, Language, NewBook, create, folded, named, recognise, summary
from bashkir_utils.new_language.folder import _filled, _values
from bashkir_utils.new_language.folding import STUDIED, is_bashkir, renamed
from bashkir_utils.new_language.text import GLOSS, _majority
from bashkir_utils.study import CorpusSpec, load_study, profile_path
from bashkir_utils.workspace import BOOK_VARIABLE, Workspace, read_json, recorded_folder

CHECKOUT = Path(__file__).resolve().parent.parent
ESPERANTO = Language("Esperanto", "eo")
CYRILLIC = re.compile("[\u0400-\u052f]")
CYRILLIC_WORD = re.compile("[\u0400-\u052f]{4}")
"""A model with random weights may write a letter or two."""
SMOKE_KEYS = ("models", "methods", "seeds", "tokenizers", "training", "evaluation", "forgetting")


# --- names, codes, identification --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "slug"), [("Chuvash", "chuvash"), ("  Upper   Sorbian ", "upper-sorbian"), ("Võro", "võro")]
)
def test_a_name_can_stand_in_sentences_and_in_file_names(name, slug):
    language = named(name, None)
    assert language.slug == slug
    assert language.name == " ".join(name.split())


@pytest.mark.parametrize("name", ["", " ", "a/b", "../x", "<b>", "$x$", "x\u202e", "`{raw}`", "1", "-", "x" * 61])
def test_a_name_that_cannot_is_refused(name):
    with pytest.raises(BookError, match="give a language's name"):
        named(name, None)


@pytest.mark.parametrize("code", ["", "c", "CV", "cv-RU", "null", "c\nv"])
def test_a_code_of_another_form_is_refused(code):
    with pytest.raises(BookError, match="ISO 639"):
        named("Chuvash", code)


def test_bashkir_has_its_book():
    with pytest.raises(BookError, match="is Bashkir"):
        named("Anything", "ba")


def test_a_label_needs_more_than_half_of_the_documents_and_probability():
    assert _majority([("eo", 0.9)] * 2 + [("io", 0.9)]).code == "eo"
    assert _majority([("eo", 0.9)] * 2 + [("io", 0.9)]).agreeing == 2
    assert _majority([("eo", 0.9), ("io", 0.9)]).code is None
    assert _majority([("eo", 0.49)] * 3).code is None
    assert _majority([("und", 0.0)] * 3 + [("eo", 1.0)]).code is None
    assert _majority([]).code is None


@pytest.mark.parametrize(("sentence", "code"), [(esperanto_sentence, "eo"), (invented_sentence, None)])
def test_a_language_is_recognised_or_not(sentence, code, tmp_path, workspace):
    found = recognise(str(write_texts(tmp_path / "t.txt", sentence, documents=20)), workspace)
    assert (found.code, found.documents, found.agreeing) == (code, 20, 20 if code else 0)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("eo", r"\*\*knows this language\*\*, as `eo`: it called 20 of 20"),
        ("xzz", r"\*\*does not know this language\*\*.* It has no label `xzz`, so every document was kept"),
        (None, r"\*\*does not know this language\*\*.* No label was asked for"),
    ],
)
def test_the_corpus_chapter_says_whether_the_identifier_knows_the_language(language, said, tmp_path, workspace):
    source = write_texts(tmp_path / "t.txt", esperanto_sentence, documents=20)
    corpus = corpora.prepare(CorpusSpec(source=str(source), language=language), workspace)
    assert re.search(said, findings.identification(corpus))


# --- folding -----------------------------------------------------------------------------------------------------


@pytest.fixture
def chapter() -> nbformat.NotebookNode:
    tagged = {"tags": [BASHKIR_ONLY]}
    fenced = "````{dropdown} Solution\n```python\n# no heading\n```\n# nor this\n````"
    return new_notebook(
        cells=[
            new_markdown_cell("# 2. Words\n\nHow much of a Bashkir word? Bashkir it is."),
            new_code_cell('PROFILE = "demo"\nCORPUS = ""', metadata={"tags": ["parameters"]}),
            new_code_cell("x = 1"),
            new_markdown_cell("## A word that grows\n\n*Китап* is a book.", metadata=tagged),
            new_code_cell("print('китап')", metadata=tagged),
            new_markdown_cell(f"{fenced}\n\n### After", metadata=tagged),
            new_markdown_cell("## Measures of Bashkir"),
            new_markdown_cell("Text that is not Bashkir.", metadata={"tags": [STUDIED]}),
        ]
    )


def test_tagged_cells_become_one_closed_fold_without_code_to_run(chapter):
    cells = folded(chapter, ESPERANTO, "../x.yaml").cells
    assert [cell.cell_type for cell in cells] == [
        "markdown",
        "markdown",
        "code",
        "code",
        "markdown",
        "markdown",
        "markdown",
    ]
    fold = cells[4].source
    assert fold.startswith("`````{dropdown} About Bashkir\n")
    assert fold.endswith("\n`````")
    assert ":open:" not in fold
    assert "was not run" in fold
    assert "**A word that grows**" in fold
    assert "```python\nprint('китап')\n```" in fold
    assert "\n# no heading\n" in fold
    assert "\n# nor this\n" in fold
    assert "\n**After**\n" in fold


def test_other_cells_stay_and_the_top_names_the_language(chapter):
    made = folded(chapter, ESPERANTO, "../x.yaml")
    nbformat.validate(made)
    assert made.cells[0].source == "# 2. Words\n\nHow much of an Esperanto word? Esperanto it is."
    assert "This book is about Esperanto" in made.cells[1].source
    assert made.cells[2].source == 'PROFILE = "../x.yaml"\nCORPUS = ""'
    assert made.cells[3].source == "x = 1"
    assert made.cells[5].source == "## Measures of Bashkir", "a fact about Bashkir stays one"
    assert made.cells[6].source == "Text that is not Esperanto."
    assert chapter.cells[6].source == "## Measures of Bashkir", "the chapter itself stays as it was"
    assert chapter.cells[7].source == "Text that is not Bashkir."
    assert chapter.cells[2].source == "x = 1"
    assert chapter.cells[1].source.startswith('PROFILE = "demo"')


def test_the_article_follows_the_name():
    assert renamed("a Bashkir word", Language("Chuvash", None)) == "a Chuvash word"
    assert renamed("teach some Bashkir", Language("Udmurt", None)) == "teach some Udmurt"


# --- the chapters as they are tagged ------------------------------------------------------------------------------


def chapters() -> list[Path]:
    return [path for path in book.notebooks(CHECKOUT) if path.name != "00_language.ipynb"]


def names(cells: list[nbformat.NotebookNode], context: type[ast.expr_context]) -> set[str]:
    code = "\n".join(line for cell in cells for line in cell.source.splitlines() if not line.startswith("%"))
    found = {
        node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name) and isinstance(node.ctx, context)
    }
    if context is ast.Store:
        tree = list(ast.walk(ast.parse(code)))
        found |= {
            alias.asname or alias.name.split(".")[0]
            for node in tree
            if hasattr(node, "names")
            for alias in node.names
            if isinstance(alias, ast.alias)
        }
        found |= {node.name for node in tree if isinstance(node, ast.FunctionDef | ast.ExceptHandler) and node.name}
        found |= {node.arg for node in tree if isinstance(node, ast.arg)}
    return found


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_what_stays_needs_nothing_that_folds_away(path):
    cells = [
        cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code" and not is_bashkir(cell)
    ]
    for number, cell in enumerate(cells):
        missing = names([cell], ast.Load) - names(cells[: number + 1], ast.Store) - set(dir(builtins))
        assert not missing, (path.stem, cell.source, missing)


@pytest.mark.parametrize("path", chapters(), ids=lambda path: path.stem)
def test_code_that_stays_holds_no_bashkir(path):
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and not is_bashkir(cell):
            assert not CYRILLIC.search(cell.source), cell.source
            assert not re.search(r"\bPROMPTS\b|labelled_sentences\(|inflect\(|in PARALLEL", cell.source), cell.source


# --- the folder ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Made:
    book: NewBook
    text: Path
    workspace: Workspace


def made_in(base: Path, sentence, name: str) -> Made:
    workspace, text = Workspace(base / "home"), write_texts(base / "texts.txt", sentence)
    return Made(create(base / "made", name, str(text), None, workspace, CHECKOUT), text, workspace)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Made:
    return made_in(tmp_path_factory.mktemp("esperanto"), esperanto_sentence, "Esperanto")


def test_the_profile_is_a_study_of_the_language(made):
    assert made.book.profile == made.book.folder / "esperanto.yaml"
    study, original = load_study(made.book.profile), load_study("study")
    assert (study.name, study.corpus.language, study.corpus.source) == ("esperanto", "eo", str(made.text))
    assert study.methods == original.methods
    assert study.models == original.models
    assert study.training == original.training
    assert study.minimal_pairs is None


def test_prompts_are_beginnings_of_test_documents_and_say_so(made):
    study = load_study(made.book.profile)
    prompts = chosen_prompts(study.generation)
    texts = [" ".join(text.split()) for text in corpora.prepare(study.corpus, made.workspace).split("test")["text"]]
    assert len(prompts) == made.book.prompts == study.generation.prompts > 5
    for prompt in prompts:
        assert any(text.startswith(prompt.text) for text in texts)
        assert prompt.gloss == GLOSS
    assert not {prompt.text for prompt in prompts} & {prompt.text for prompt in PROMPTS}


def test_the_book_has_the_same_chapters_under_the_title_of_the_language(made):
    folder = made.book.folder
    assert [p.relative_to(folder) for p in book.contents(folder)] == [
        p.relative_to(CHECKOUT) for p in book.contents(CHECKOUT)
    ]
    settings = yaml.safe_load((folder / "_config.yml").read_text("utf-8"))
    assert settings == yaml.safe_load((CHECKOUT / "_config.yml").read_text("utf-8")) | {
        "title": "Adapting Language Models to Esperanto"
    }
    assert (folder / "constraints.txt").read_bytes() == (CHECKOUT / "constraints.txt").read_bytes()
    assert "# Adapting language models to Esperanto" in (folder / "book" / "index.md").read_text("utf-8")


def test_no_result_of_bashkir_is_taken_along(made):
    recorded = made.book.folder / "book" / "recorded"
    assert [path.name for path in recorded.iterdir()] == ["plan"]
    assert not list((made.book.folder / "book" / "static").glob("results-*"))


def test_results_of_a_book_are_its_own(made, tmp_path, monkeypatch):
    monkeypatch.setenv(BOOK_VARIABLE, str(made.book.folder))
    assert recorded_folder() == made.book.folder.resolve() / "book" / "recorded"
    monkeypatch.setenv(BOOK_VARIABLE, str(tmp_path))
    assert recorded_folder() == CHECKOUT / "book" / "recorded"


def test_chapters_are_valid_and_name_their_profile(made):
    for path in book.notebooks(made.book.folder):
        chapter = nbformat.read(path, as_version=4)
        nbformat.validate(chapter)
        (parameters,) = [cell for cell in chapter.cells if "parameters" in cell.metadata.get("tags", [])]
        assert (path.parent / ast.literal_eval(parameters.source.splitlines()[0].split(" = ")[1])).resolve() == (
            made.book.profile.resolve()
        )
        for cell in chapter.cells:
            assert cell.cell_type == "markdown" or not is_bashkir(cell)


def test_the_readme_of_the_folder_names_verbs_and_files_that_are_there(made):
    text = (made.book.folder / "README.md").read_text("utf-8")
    commands = re.findall(r"^(bashkir .*?)\s+#", text, re.MULTILINE)
    assert commands == ["bashkir corpus --profile esperanto.yaml", "bashkir build --book . --profile esperanto.yaml"]
    for name in re.findall(r"^\| `([\w./-]+?)`", text, re.MULTILINE):
        assert (made.book.folder / name).exists(), name


def test_a_second_book_does_not_overwrite_the_first(made):
    with pytest.raises(BookError, match="is there already"):
        create(made.book.folder, "Esperanto", str(made.text), None, made.workspace, CHECKOUT)


def test_an_unknown_language_keeps_every_document_and_says_so(tmp_path):
    made = made_in(tmp_path, invented_sentence, "Zqo")
    assert load_study(made.book.profile).corpus.language is None
    assert made.book.documents == 120
    assert "sure of no language" in summary(made.book)
    assert "language: null # the identifier was sure of no language" in made.book.profile.read_text("utf-8")


def test_a_code_of_ones_own_is_kept_though_the_identifier_does_not_know_it(tmp_path, workspace):
    text = write_texts(tmp_path / "t.txt", invented_sentence)
    made = create(tmp_path / "made", "Zqo", str(text), "xzz", workspace, CHECKOUT)
    assert load_study(made.profile).corpus.language == "xzz"
    assert made.recognised is None
    assert "does not know it, so every document is kept" in summary(made)


def test_norwegian_is_a_language_and_not_false():
    values = _values(Language("Null", "no"), "a: b # c", 3)
    content = yaml.safe_load(_filled("profile.yaml", values))
    assert content["corpus"] == {"source": "a: b # c", "language": "no", "min_characters": 200}
    assert content["name"] == "null"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--name", "a/b", "--corpus", "{text}"], "give a language's name"),
        (["--name", "Zqo", "--corpus", "{text}", "--code", "Zqo1"], "ISO 639"),
        (["--name", "Zqo", "--corpus", "none.txt"], "no such file"),
        (["--name", "Zqo", "--corpus", "embedded"], "generated Bashkir text"),
        (["--name", "Zqo", "--corpus", "{few}"], "falls into the"),
        (["--name", "Zqo", "--corpus", "{poor}"], "fewer than 512 words come twice"),
        (["--name", "Zqo", "--corpus", "{text}", "--code", "ba"], "is Bashkir"),
        (["--name", "Russian", "--corpus", "{text}", "--code", "ru"], "is left for language 'ru'"),
    ],
)
def test_what_is_refused_ends_in_one_line_and_leaves_nothing(arguments, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BASHKIR_HOME", str(tmp_path / "home"))
    text = write_texts(tmp_path / "t.txt", invented_sentence, documents=30)
    few = write_texts(tmp_path / "few.txt", invented_sentence, documents=2)
    poor = write_texts(tmp_path / "poor.txt", esperanto_sentence, documents=40)
    filled = [argument.format(text=text, few=few, poor=poor) for argument in arguments]
    monkeypatch.setattr("sys.argv", ["bashkir", "new-language", str(tmp_path / "made"), *filled])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    said = capsys.readouterr().err
    assert stopped.value.code == BashkirError.exit_code
    assert reason in said
    assert len(said.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["few.txt", "poor.txt", "t.txt"]


def test_a_failure_on_the_way_leaves_nothing(tmp_path, workspace, monkeypatch):
    text = write_texts(tmp_path / "t.txt", invented_sentence)

    def broken(*_: object) -> None:
        raise CorpusError("broken")

    monkeypatch.setattr("bashkir_utils.new_language.folder._write_chapters", broken)
    with pytest.raises(CorpusError):
        create(tmp_path / "made", "Zqo", str(text), None, workspace, CHECKOUT)
    assert not [path for path in tmp_path.iterdir() if "made" in path.name]


# --- the whole book under small random models ---------------------------------------------------------------------


@dataclass(frozen=True)
class Built:
    edition: book.Edition
    index: Path

    def executed(self) -> list[nbformat.NotebookNode]:
        paths = [self.edition.executed / path.name for path in book.notebooks(self.edition.project)]
        return [nbformat.read(path, as_version=4) for path in paths]

    def page(self, name: str) -> BeautifulSoup:
        return BeautifulSoup((self.index.parent / f"{name}.html").read_text("utf-8"), "html.parser")


def small(profile: Path) -> Path:
    """The profile of a new book with the models, methods and budgets of ``smoke``."""
    mine = yaml.safe_load(profile.read_text("utf-8"))
    smoke = yaml.safe_load(profile_path("smoke").read_text("utf-8"))
    mine |= {key: smoke[key] for key in SMOKE_KEYS}
    mine["generation"] = smoke["generation"] | {"prompts_file": "prompts.tsv"}
    path = profile.with_name("small.yaml")
    path.write_text(yaml.safe_dump(mine, allow_unicode=True), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Built:
    """Every chapter of a new book, run and set; a Sphinx warning would fail this."""
    made = made_in(tmp_path_factory.mktemp("whole"), esperanto_sentence, "Esperanto")
    profile = small(made.book.profile)
    index = book.build(str(profile), None, made.workspace, project=made.book.folder)
    return Built(book.open_edition(str(profile), None, made.workspace, made.book.folder), index)


def test_every_chapter_runs_and_every_page_is_set_without_a_warning(built):
    log = (built.edition.folder / "jupyter-book.log").read_text()
    assert not re.search(r"\b(WARNING|ERROR|CRITICAL)\b", log)
    for path in book.contents(built.edition.project):
        assert (built.index.parent / path.relative_to(built.edition.project).with_suffix(".html")).is_file()
    for chapter in built.executed():
        code = [cell for cell in chapter.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in code if cell.source.strip())
        assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]


def outputs(cell: nbformat.NotebookNode) -> str:
    kinds = ("text/html", "text/markdown", "text/plain")
    return "\n".join(output.get("data", {}).get(kind, "") for output in cell.outputs for kind in kinds)


def test_no_cell_on_bashkir_ran_and_no_output_shows_bashkir(built):
    for chapter in built.executed():
        for cell in chapter.cells:
            if cell.cell_type == "code":
                assert not is_bashkir(cell)
                assert not CYRILLIC_WORD.search(outputs(cell)), cell.source
                assert "Recorded study" not in outputs(cell)


def test_bashkir_is_in_closed_folds_that_say_so(built):
    folds = built.page("notebooks/02_tokenization").select("details.sd-dropdown")
    about = [fold for fold in folds if "About Bashkir" in fold.select_one("summary").get_text()]
    assert len(about) > 4
    assert not any(fold.has_attr("open") for fold in about)
    assert all("was not run" in fold.get_text() for fold in about)


def test_chapters_speak_of_the_language(built):
    corpus = built.page("notebooks/01_corpus").get_text()
    assert "knows this language, as eo: it called 120 of 120 documents so" in corpus
    assert "This book is about Esperanto" in corpus
    assert "Adapting Language Models to Esperanto" in built.page("book/index").get_text()
    assert "random weights" in built.page("notebooks/07_results").get_text()


def test_the_status_page_names_every_chapter(built):
    text = built.page("book/status").get_text("|", strip=True)
    for path in book.notebooks(built.edition.project):
        assert f"{path.stem}|{read_json(built.edition.executed / f'{path.stem}.json')['seconds']:.1f}" in text
