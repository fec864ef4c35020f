"""Write the folder of a new book: profile, beginnings, settings, pages and chapters, whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template

import nbformat

from .. import book
from .. import corpus as corpora
from ..corpus.identify import knows
from ..exceptions import BookError
from ..study import CorpusSpec, load_study
from ..workspace import Workspace, atomic_directory, disk_errors, write_text
from .folding import folded
from .text import Language, Recognised, beginnings, check_size, named, prompts_table, recognise

COPIED = ("_toc.yml", "genindex.md", "constraints.txt", "LICENSE-TEXT.md")
NEUTRAL_RECORDS = ("plan",)
"""Folders of ``book/recorded`` that hold for every language: what training costs, with random weights."""
FIRST_CHAPTER = "00_language.ipynb"
OPENINGS = ("08_rereading.md",)
"""Templates of first cells of chapters whose own opening speaks of what folds away."""
_IGNORED = shutil.ignore_patterns("recorded", "*-*.svg", "*-*.csv", ".*")


@dataclass(frozen=True)
class NewBook:
    """A book that was written."""

    folder: Path
    profile: Path
    language: Language
    recognised: Recognised | None
    """What the identifier made of the text; None where the code was given."""
    prompts: int
    """How many beginnings were taken from the test split."""
    documents: int
    """Documents that are left of the text."""


def create(  # noqa: PLR0913, PLR0917 - a name, a text and where things are
    folder: Path,
    name: str,
    corpus: str,
    code: str | None = None,
    workspace: Workspace | None = None,
    project: Path | None = None,
) -> NewBook:
    """Write a profile and a book with the chapters of ``project`` for another language.

    Args:
        folder: where to; it must not be there.
        name: the language in English.
        corpus: a source of text, as in :class:`~bashkir_utils.study.CorpusSpec`.
        code: its ISO 639 label; None asks the identifier, and stays None where it is sure of none.
        workspace: where the prepared corpus is kept.
        project: the book that the chapters come from; by default the checkout.

    Raises:
        BookError: the folder is there, or cannot be written; the name or the code is of no use; no book to copy.
        CorpusError, DownloadError: the text cannot be read, or is too little.
    """
    origin, workspace = book.project_folder(project), workspace or Workspace.find()
    asked = named(name, code)
    if folder.exists() or folder.is_symlink():
        raise BookError(f"{folder} is there already; name a folder that is not")
    if corpus == "embedded":
        raise BookError("corpus embedded is generated Bashkir text; give text in the language of the new book")
    source = book.absolute_corpus(corpus)
    recognised = None if code else recognise(source, workspace)
    language = named(asked.name, recognised.code if recognised else code)
    prepared = corpora.prepare(CorpusSpec(source=source, language=language.code), workspace)
    check_size(prepared)
    prompts = beginnings(prepared)
    with disk_errors(f"the book {folder}", BookError), atomic_directory(folder.resolve()) as target:
        _write(target, origin, language, source, prompts)
    profile = folder / f"{language.slug}.yaml"
    return NewBook(folder, profile, language, recognised, len(prompts), len(prepared.documents()))


def _write(target: Path, origin: Path, language: Language, source: str, prompts: list[str]) -> None:
    profile = f"{language.slug}.yaml"
    values = _values(language, source, len(prompts))
    write_text(target / "prompts.tsv", prompts_table(prompts))
    write_text(target / profile, _filled("profile.yaml", values))
    load_study(target / profile)
    write_text(target / "README.md", _filled("README.md", values))
    for name in COPIED:
        if (origin / name).is_file():
            shutil.copyfile(origin / name, target / name)
    write_text(target / "_config.yml", _titled((origin / "_config.yml").read_text(encoding="utf-8"), language))
    _write_pages(target / "book", origin / "book", values)
    _write_chapters(target / "notebooks", origin, language, values)


def _values(language: Language, source: str, prompts: int) -> dict[str, str]:
    return {
        "name": language.name,
        "slug": language.slug,
        "source": json.dumps(source, ensure_ascii=False),
        # quoted: no is Norwegian, and a plain no is false in YAML
        "code": json.dumps(language.code),
        "code_says": _code_says(language.code),
        "prompts": str(prompts),
    }


def _code_says(code: str | None) -> str:
    if code is None:
        return "the identifier was sure of no language, so every document is kept"
    if knows(code):
        return "documents that the identifier takes for another are dropped"
    return "the identifier does not know it, so every document is kept"


def _filled(template: str, values: dict[str, str]) -> str:
    text = (resources.files(__package__) / "templates" / template).read_text(encoding="utf-8")
    return Template(text).substitute(values)


def _titled(settings: str, language: Language) -> str:
    title = json.dumps(f"Adapting Language Models to {language.name}", ensure_ascii=False)
    return re.sub(r"^title:.*$", lambda _: f"title: {title}", settings, count=1, flags=re.MULTILINE)


def _write_pages(target: Path, origin: Path, values: dict[str, str]) -> None:
    shutil.copytree(origin, target, ignore=_IGNORED)
    write_text(target / "index.md", _filled("index.md", values))
    for name in NEUTRAL_RECORDS:
        if (origin / "recorded" / name).is_dir():
            shutil.copytree(origin / "recorded" / name, target / "recorded" / name)
    (target / "recorded").mkdir(exist_ok=True)


def _write_chapters(target: Path, origin: Path, language: Language, values: dict[str, str]) -> None:
    profile = f"../{language.slug}.yaml"
    for path in book.notebooks(origin):
        chapter = nbformat.read(path, as_version=4)
        if path.name == FIRST_CHAPTER:
            chapter.cells = _first_chapter(values)
        else:
            chapter = folded(chapter, language, profile)
            if (opening := f"{path.stem}.md") in OPENINGS:
                chapter.cells[0].source = _filled(opening, values)
        write_text(target / path.name, nbformat.writes(chapter) + "\n")


def _first_chapter(values: dict[str, str]) -> list[nbformat.NotebookNode]:
    """Cells of the template, cut at lines of ``+++``: prose, or code where a part begins with ``%code``."""
    cells = []
    for number, part in enumerate(_filled("00_language.md", values).split("\n+++\n")):
        kind, _, code = part.strip().partition("\n")
        tags = {"tags": kind.split()[1:]} if kind.split()[1:] else {}
        if kind.startswith("%code"):
            cells.append(nbformat.v4.new_code_cell(code, id=f"language-{number:02}", metadata=tags))
        else:
            cells.append(nbformat.v4.new_markdown_cell(part.strip(), id=f"language-{number:02}"))
    return cells


def summary(made: NewBook) -> str:
    """What was found and written, and the next command, in lines for a terminal."""
    profile = made.profile
    return "\n".join(
        [
            _identified(made),
            f"{made.documents:,} documents are left after cleaning; {made.prompts} beginnings of test documents are in "
            f"{made.folder / 'prompts.tsv'}: replace them",
            f"now: bashkir build --book {made.folder} --profile {profile}",
        ]
    )


def _identified(made: NewBook) -> str:
    code, name, found = made.language.code, made.language.name, made.recognised
    if found is None:
        return f"{name} has the code {code}; {_code_says(code)}"
    if code is None:
        return f"the identifier is sure of no language for most of {found.documents:,} documents: all are kept"
    return (
        f"the identifier takes {found.agreeing:,} of {found.documents:,} documents for {code!r}, and the profile asks "
        f"for these; if that is not {name}, begin again with --code"
    )
