"""Text of unknown origin made inert: corpus documents, continuations and file names in HTML and Markdown."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

EXCERPT = 600
"""Characters shown of a text; the rest is an ellipsis."""
CSV_TYPE = "application/vnd.bashkir.csv"
"""The type of an output's data beside its picture or table; ``book`` makes files of them."""
TABLE_CLASSES = "bashkir-table tex2jax_ignore mathjax_ignore"
SORTABLE = "bashkir-sortable"
"""The class of tables that the pages' script makes sortable."""
_NUMBER_STARTS = frozenset("+-–0123456789")
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Printable for Python, and nothing is drawn: Unicode's ``Default_Ignorable_Code_Point``, and Braille's blank."""
_LONG_WORD = re.compile(r"\S{30}")
_MARKDOWN_SIGNS = re.compile(r"([!-/:-@\[-`{-~])")
_FORMULA_SIGNS = re.compile(r"([$@\\])")
"""What begins a formula for MathJax (``$``, ``\\(``, ``\\begin``), and what JupyterLab marks the place of one with."""


@dataclass(frozen=True)
class TableWithData:
    """A table for a page, and its numbers for readers to download."""

    html: str
    data: pd.DataFrame

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html, CSV_TYPE: csv_text(self.data)}


@dataclass(frozen=True)
class Ordered:
    """A cell that shows a text and is sorted by a number; None, of what is missing, is below all others."""

    text: str
    order: float | None


def visible_text(text: str, limit: int = EXCERPT) -> str:
    """At most ``limit`` characters; ``↵`` for line ends, ``⟨U+…⟩`` for what cannot be seen (ANSI codes, bidi marks)."""
    shown = "".join(map(_visible_sign, text[:limit]))
    return shown + ("…" if len(text) > limit else "")


def _visible_sign(sign: str) -> str:
    if sign == "\n":
        return " ↵ "
    return sign if is_drawn(sign) else f"⟨U+{ord(sign):04X}⟩"


def is_drawn(sign: str) -> bool:
    """Whether something is seen where this character stands; a space counts."""
    return sign.isprintable() and not _INVISIBLE.match(sign)


def terminal_text(text: str) -> str:
    """Text of unknown origin for a terminal: line ends and tabs stay, what else does not print becomes ``⟨U+…⟩``."""
    return "".join(sign if sign in "\n\t" else _visible_sign(sign) for sign in text)


def escape_html(text: str, limit: int = EXCERPT) -> str:
    """Text of unknown origin for HTML: no markup, nothing invisible, not endless."""
    return html.escape(visible_text(text, limit))


def escape_markdown(text: str, limit: int = EXCERPT) -> str:
    """Text of unknown origin for Markdown: all ASCII punctuation is escaped, so no link, HTML, role or formula.

    MathJax reads the page and not the Markdown: escaped signs are formulas for it, unless an element stands in them.
    """
    parts = _FORMULA_SIGNS.split(visible_text(text, limit))
    shown = [_MARKDOWN_SIGNS.sub(r"\\\1", part) for part in parts]
    return "".join(f"{part}<span></span>" if place % 2 else part for place, part in enumerate(shown))


def csv_text(frame: pd.DataFrame) -> str:
    """CSV without the index; a text that a spreadsheet would compute begins with an apostrophe.

    See https://owasp.org/www-community/attacks/CSV_Injection.
    """
    safe = frame.map(_csv_cell).rename(columns=lambda name: _csv_cell(str(name)))
    return safe.to_csv(index=False, lineterminator="\n")


def _csv_cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = visible_text(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def lang_attribute(language: str | None) -> str:
    """The attribute that tells a browser the language of an element, with a space before it; empty where unknown."""
    return f' lang="{escape_html(language)}"' if language else ""


def html_table(frame: pd.DataFrame, caption: str, *, text: Sequence[str] = (), language: str | None = None) -> str:
    """A table whose cells are escaped, headed by the index.

    Underscores in the names of columns become spaces.

    Args:
        frame: the cells; strings, numbers, bools or None.
        caption: of the table.
        text: columns, or the name of the index, that hold text of ``language``.
        language: ISO 639-1, for the page; None where it is not known.
    """
    lang = lang_attribute(language)
    names = [str(name).replace("_", " ") for name in (frame.index.name or "", *frame.columns)]
    head = "".join(_text_element("th", ' scope="col"', name) for name in names)
    heading = f' scope="row"{lang}' if frame.index.name in text else ' scope="row"'
    body = "".join(
        f"<tr>{_text_element('th', heading, _shown(index))}"
        + "".join(
            _cell(value, lang if name in text else None) for name, value in zip(frame.columns, values, strict=True)
        )
        + "</tr>"
        for index, values in zip(frame.index, frame.itertuples(index=False, name=None), strict=True)
    )
    # MathJax, where a page loads it, would read $…$ in a table cell as a formula
    return (
        f'<table class="{TABLE_CLASSES}">{_text_element("caption", "", caption)}'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )


def sortable_table(frame: pd.DataFrame, caption: str, *, choices: Sequence[str] = ()) -> str:
    """A table as :func:`html_table` makes it, that the pages of the book let a reader sort and filter.

    Without JavaScript it is read as it stands. It scrolls inside its own region, which the keyboard reaches.

    Args:
        frame: the cells, as of :func:`html_table`, or :class:`Ordered`.
        caption: of the table.
        choices: columns, or the name of the index, with few values, of which a reader can choose one.
    """
    names = [frame.index.name or "", *frame.columns]
    places = " ".join(str(names.index(name)) for name in choices)
    table = html_table(frame, caption).replace(
        f'class="{TABLE_CLASSES}"', f'class="{TABLE_CLASSES} {SORTABLE}" data-choices="{places}"', 1
    )
    return f'<div class="bashkir-scroll" role="region" tabindex="0" aria-label="{escape_html(caption)}">{table}</div>'


def _text_element(tag: str, attributes: str, text: str) -> str:
    """An element with a text whose long words break, so that none makes the table wider than its words need."""
    style = ' style="overflow-wrap:anywhere;min-width:12em"' if _LONG_WORD.search(text) else ""
    return f"<{tag}{attributes}{style}>{escape_html(text)}</{tag}>"


def _cell(value: object, lang: str | None) -> str:
    """A cell; ``lang`` is the attribute of text of a language, None of anything else."""
    if isinstance(value, str) and lang is not None:
        return f'<td{lang} style="text-align:left;overflow-wrap:anywhere">{escape_html(value)}</td>'
    if isinstance(value, Ordered):
        order = "" if value.order is None or not math.isfinite(value.order) else f"{value.order:.12g}"
        return f'<td data-order="{order}" style="text-align:right;white-space:nowrap">{escape_html(value.text)}</td>'
    text = isinstance(value, str) and value[:1] not in _NUMBER_STARTS
    style = "text-align:left;overflow-wrap:anywhere" if text else "text-align:right;white-space:nowrap"
    return f'<td style="{style}">{escape_html(_shown(value))}</td>'


def _shown(value: Any) -> str:
    """A cell as text: numbers with separators, ``–`` for what is missing."""
    formats: dict[type, Callable[[Any], str]] = {str: str, bool: lambda true: "yes" if true else "no"}
    if type(value) in formats:
        return formats[type(value)](value)
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value) or abs(value) >= 1e9:
        return f"{value:.3g}"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:.4g}"
