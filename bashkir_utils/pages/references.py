r"""A Sphinx extension: what leads from one page to another, without a sign of it in the notebooks.

Figures are numbered in their captions and equations by ``\tag{3.4}``, so that a chapter reads the same in JupyterLab.
Here each becomes a target and every mention of one a link to it. The first use of a glossary's term on a page is a link
to what it means, and the index names the chapters that use it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from docutils import nodes
from sphinx import addnodes
from sphinx.domains.std import StandardDomain
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LOGGER = logging.getLogger(__name__)
_CAPTION = re.compile(r"Figure (\d+\.\d+)\.")
_TAG = re.compile(r"\\tag\{(\d+\.\d+)\}")
_MENTION = re.compile(r"\bFigure \d+\.\d+(?!\d)|\b[Ee]quation \(\d+\.\d+\)")
_CHAPTER = re.compile(r"^(\d+)\. (.+)$")
_GLOSSARY = re.compile(r"^```\{glossary\}\n(.*?)^```", re.DOTALL | re.MULTILINE)
_TERM = re.compile(r"^(?![:\s]).+", re.MULTILINE)
_NOT_PROSE = (
    nodes.literal,
    nodes.reference,
    addnodes.pending_xref,
    nodes.title,
    nodes.raw,
    nodes.math,
    nodes.FixedTextElement,
)
"""Nodes in whose text nothing is looked for."""


def setup(app: Sphinx) -> None:
    """Register with Sphinx."""
    app.add_config_value("indexed_glossary", "", "env", str)
    app.add_transform(_IndexTerms)
    app.connect("doctree-read", _note_numbered)
    app.connect("doctree-resolved", _link_mentions)


# --- figures and equations ---------------------------------------------------------------------------------------


def _note_numbered(app: Sphinx, document: nodes.document) -> None:
    """Let every caption and every tagged equation be a target that all pages know by its number."""
    for node in document.findall(nodes.Element):
        if label := _label(node):
            place = label.replace(" ", "-").replace(".", "-")
            node["ids"].append(place)
            _labels(app).note_hyperlink_target(label, app.env.docname, place)


def _label(node: nodes.Element) -> str:
    """What is numbered by a caption or a formula, such as ``figure 3.1``; else nothing."""
    if isinstance(node, nodes.math_block):
        tag = _TAG.search(node.astext())
        return f"equation {tag[1]}" if tag else ""
    if not isinstance(node, nodes.paragraph):
        return ""
    first = next((child for child in node.children if child.astext()), None)
    caption = _CAPTION.fullmatch(first.astext()) if isinstance(first, nodes.strong) else None
    return f"figure {caption[1]}" if caption else ""


def _labels(app: Sphinx) -> StandardDomain:
    return cast(StandardDomain, app.env.get_domain("std"))


def _link_mentions(app: Sphinx, document: nodes.document, page: str) -> None:
    """Link mentions of what there is; text that a corpus or a model wrote may name other figures."""
    known = _labels(app).anonlabels
    for text in list(_prose(document)):
        pieces: list[nodes.Node] = []
        done = 0
        for mention in _MENTION.finditer(text):
            if (label := re.sub("[()]", "", mention[0].lower())) in known:
                target = known[label]
                pieces.append(nodes.Text(text[done : mention.start()]))
                pieces.append(make_refnode(app.builder, page, *target, nodes.Text(mention[0])))
                done = mention.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[done:])])


def _prose(document: nodes.document) -> Iterator[nodes.Text]:
    """The text of a page less headings, code, formulas, links and the labels of captions."""
    for text in document.findall(nodes.Text):
        if not any(isinstance(each, _NOT_PROSE) for each in _above(text)) and not _CAPTION.fullmatch(text):
            yield text


def _names_settings(text: nodes.Text) -> bool:
    """Whether it belongs to the line that says what a page was run with, which explains nothing."""
    return any("run-with" in each.get("classes", ()) for each in _above(text) if isinstance(each, nodes.Element))


def _above(node: nodes.Node) -> Iterator[nodes.Node]:
    while (node := node.parent) is not None:
        yield node


# --- index -------------------------------------------------------------------------------------------------------


def glossary_terms(page: str) -> list[str]:
    """The terms that the glossary on a page of MyST explains, in its order."""
    return [term for block in _GLOSSARY.findall(page) for term in _TERM.findall(block)]


class _IndexTerms(SphinxTransform):
    """Links the first use of each glossary term on a page, and enters it into the index under the title of the page."""

    default_priority = 840  # before Sphinx gathers the entries of the index

    def apply(self, **_: Any) -> None:
        """Put a target and its entry before the first text of the page that holds a term, and link the term."""
        settings = self.app.config.indexed_glossary
        title = next(iter(self.document.findall(nodes.title)), None)
        glossary = Path(settings).with_suffix("").as_posix()
        if not settings or title is None or self.env.docname == glossary:
            return
        patterns = {
            term: re.compile(rf"(?<![\w-]){re.escape(term)}s?(?![\w-])", re.IGNORECASE)
            for term in self._terms(settings)
        }
        entered, linked = set[str](), set[str]()
        for text in [each for each in _prose(self.document) if not _names_settings(each)]:
            found = {term: use for term, pattern in patterns.items() if (use := pattern.search(text))}
            new = [term for term in found if term not in entered]
            for number, term in enumerate(new, start=len(entered)):
                self._enter(text, term, title.astext(), f"index-{number}")
            entered.update(new)
            if glossary in self.env.found_docs:
                linked |= self._link(text, {term: use for term, use in found.items() if term not in linked})

    def _link(self, text: nodes.Text, found: Mapping[str, re.Match[str]]) -> set[str]:
        """Make links of the uses, and say which terms have one: of two that overlap only the one that begins first."""
        pieces: list[nodes.Node] = []
        linked, done = set[str](), 0
        for term, use in sorted(found.items(), key=lambda each: (each[1].start(), -each[1].end())):
            if use.start() >= done:
                pieces += [nodes.Text(text[done : use.start()]), self._reference(term, use[0])]
                linked.add(term)
                done = use.end()
        if pieces:
            text.parent.replace(text, [*pieces, nodes.Text(text[done:])])
        return linked

    def _reference(self, term: str, shown: str) -> nodes.Node:
        inner = nodes.inline("", shown, classes=["std", "std-term"])
        return addnodes.pending_xref(
            "", inner, refdomain="std", reftype="term", reftarget=term, refexplicit=True, refwarn=True,
            refdoc=self.env.docname,
        )  # fmt: skip

    def _terms(self, settings: str) -> list[str]:
        path = Path(self.app.srcdir) / settings
        if not path.is_file():
            _LOGGER.warning("indexed_glossary is %s, which is not there: no term is indexed", settings)
            return []
        return glossary_terms(path.read_text(encoding="utf-8"))

    @staticmethod
    def _enter(text: nodes.Text, term: str, title: str, place: str) -> None:
        # the index is in the order of the alphabet, in which 10 comes before 2
        named = _CHAPTER.sub(r"\2 (chapter \1)", title.replace(";", ","))
        entry = addnodes.index(entries=[("single", f"{term}; {named}", place, "", None)])
        text.parent.insert(text.parent.index(text), [entry, nodes.target("", "", ids=[place])])
