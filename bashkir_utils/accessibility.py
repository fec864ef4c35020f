"""A Sphinx extension: what a screen reader needs and Markdown, MyST-NB and pandas do not write into a page.

The language of words in another script, the scope of a table's headers, what a figure shows; and, for the search, where
a cell of a table ends. Which language a script stands for is a setting of the book, ``marked_scripts`` in
``_config.yml``: ``{CYRILLIC: ba}``. Words of a third language in that script are marked by hand, ``[…]{.language-tt}``
in MyST, and stay as they are marked.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from bs4 import BeautifulSoup, NavigableString, Tag
from docutils import nodes
from sphinx.application import Sphinx

_NOT_PROSE = frozenset({"script", "style", "svg", "math", "textarea", "option", "title"})
"""Elements in which no span may stand, or whose text nobody reads aloud."""
_CELL_END = re.compile(r"(</(?:caption|dd|dt|h\d|li|p|section|summary|t[dhr])>)(?=<)")
_CAPTION = re.compile(r"^Figure \d+\.\d+\.\s+.{20,}?[.!?](?=\s|$)", re.DOTALL)
"""The label and the first sentence, or more sentences where that is a mere name."""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_config_value("marked_scripts", {}, "html", dict)
    app.connect("doctree-read", _on_document)
    app.connect("html-page-context", _on_page, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _on_document(_app: Sphinx, document: nodes.document) -> None:
    describe_figures(document)
    part_cells(document)


def _on_page(
    app: Sphinx, _page: str, _template: str, context: dict[str, Any], _document: nodes.document | None
) -> None:
    context["script_files"] = [each for each in context["script_files"] if not _is_thebe(each)]
    if body := context.get("body"):
        context["body"] = accessible(body, app.config.marked_scripts)


def _is_thebe(script: Any) -> bool:
    """Thebe runs cells on a server elsewhere: nothing here starts it, and its script, set twice, is an error."""
    return "thebe" in f"{script.filename} {script.attributes.get('body', '')}"


def accessible(body: str, scripts: Mapping[str, str]) -> str:
    """The HTML of a page with languages marked and the headers of its tables given a scope.

    Args:
        body: HTML, as Sphinx wrote it.
        scripts: ISO 639-1 of the language that a script stands for, by the script's name in Unicode (``CYRILLIC``).
    """
    page = BeautifulSoup(body, "html.parser")
    for script, language in scripts.items():
        _mark_language(page, _runs(script), language)
    _scope_headers(page)
    _list_citations(page)
    return str(page)


# --- languages ---------------------------------------------------------------------------------------------------


@lru_cache
def _runs(script: str) -> re.Pattern[str]:
    """Words of a script, and what stands between two of them that is no letter of another."""
    letters = "".join(
        chr(code) for code in range(sys.maxunicode + 1) if unicodedata.name(chr(code), "").startswith(f"{script} ")
    )
    word = f"[{re.escape(letters)}]"
    return re.compile(rf"{word}(?:[^\w\n]*{word})*")


def _mark_language(page: BeautifulSoup, runs: re.Pattern[str], language: str) -> None:
    for text in page.find_all(string=runs):
        if type(text) is NavigableString and not any(map(_settled, text.parents)):
            text.replace_with(*_pieces(page, text, runs, language))


def _settled(parent: Tag) -> bool:
    return parent.name in _NOT_PROSE or parent.has_attr("lang") or "math" in parent.get_attribute_list("class")


def _pieces(page: BeautifulSoup, text: str, runs: re.Pattern[str], language: str) -> list[NavigableString | Tag]:
    """The text in parts, each run of the script in a span of its own."""
    pieces: list[NavigableString | Tag] = []
    done = 0
    for run in runs.finditer(text):
        span = page.new_tag("span", attrs={"lang": language})
        span.string = run.group()
        pieces += [NavigableString(text[done : run.start()]), span]
        done = run.end()
    return [*pieces, NavigableString(text[done:])]


# --- tables ------------------------------------------------------------------------------------------------------


def _scope_headers(page: BeautifulSoup) -> None:
    """Pandas and docutils leave it open what a header is the header of."""
    for header in page.find_all("th", scope=False):
        header["scope"] = "col" if header.find_parent("thead") else "row"


def _list_citations(page: BeautifulSoup) -> None:
    """DPUB-ARIA 1.1 withdrew the role that docutils gives to an entry: its list holds list items."""
    for entry in page.find_all(role="doc-biblioentry"):
        entry["role"] = "listitem"


def part_cells(document: nodes.document) -> None:
    """Put a line end after cells and items in HTML outputs, which is not seen.

    Sphinx strips the tags when it gathers words for its search, and would make one word of the words of two cells.
    """
    for output in document.findall(nodes.raw):
        if "html" in output.get("format", "").split():
            output.children[:] = [nodes.Text(_CELL_END.sub("\\1\n", output.astext()))]


# --- figures -----------------------------------------------------------------------------------------------------


def describe_figures(document: nodes.document) -> None:
    """Give every image without a text alternative the first sentence of the caption that follows it.

    Where no caption follows in its section, the alternative names the section. Images that share a caption are counted.
    """
    waiting: list[nodes.image] = []
    heading = ""
    for node in document.findall():
        if isinstance(node, nodes.title):
            _describe(waiting, f"Figure of the section “{heading}”")
            waiting, heading = [], node.astext()
        elif isinstance(node, nodes.image) and not node.get("alt"):
            waiting.append(node)
        elif isinstance(node, nodes.paragraph) and (caption := _CAPTION.match(node.astext())):
            _describe(waiting, " ".join(caption.group().split()))
            waiting = []
    _describe(waiting, f"Figure of the section “{heading}”")


def _describe(images: list[nodes.image], text: str) -> None:
    for number, image in enumerate(images, start=1):
        image["alt"] = text if len(images) == 1 else f"{text} ({number} of {len(images)})"
