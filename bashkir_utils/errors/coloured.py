"""Text coloured by loss, for several models side by side, and the difference of two models, word by word.

Nothing depends on telling hues apart: loss is shown by the lightness of one hue and by the thickness of an underline,
dear words carry their bits as a number, and in the difference each word has its sign, and solid or dotted lines. The
text may come from anywhere: it is escaped, and what cannot be seen is made visible.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from ..exceptions import RunError
from ..markup import EXCERPT, escape_html, lang_attribute, visible_text
from .scored_text import ReadText

LOSS_EDGES = (4, 8, 16, 32)
"""Bits of a word at which the next level begins: each level takes twice the bits."""
GAIN_EDGES = (1, 3, 9)
"""Bits of difference at which the next level begins; below the first a word is not marked."""
NUMBERED_FROM = 3
"""Level of loss from which a word carries its bits."""
Palette = Mapping[str, str | tuple[str, ...]]
LIGHT: Palette = MappingProxyType(
    {
        "page": "#FFFFFF",
        "text": "#111111",
        "rule": "#111111",
        "loss": ("#E4EEF7", "#C0D8EC", "#93BDDF", "#64A0D0"),
        "first": ("#DCEBF7", "#A9CDE9", "#6AA9DA"),
        "second": ("#FCE8CF", "#F8C98C", "#F0A63C"),
    }
)
DARK: Palette = MappingProxyType(
    {
        "page": "#121212",
        "text": "#F2F2F2",
        "rule": "#F2F2F2",
        "loss": ("#13283B", "#17405F", "#1B5A87", "#2270AA"),
        "first": ("#12304A", "#17507C", "#1F6CA6"),
        "second": ("#41290A", "#6B410C", "#92560B"),
    }
)
"""Colours of the light and the dark theme: one hue for loss; blue and orange, after Okabe and Ito, for a difference."""
PALETTES = (LIGHT, DARK)
_UNDERLINE = (1, 2, 3, 5)


@dataclass(frozen=True)
class _Mark:
    """How one word is drawn."""

    classes: str
    title: str
    note: str = ""
    """Shown after the word in small type."""


def loss_html(
    text: ReadText,
    bits: Mapping[str, np.ndarray],
    document: int,
    *,
    language: str | None = None,
    characters: int = EXCERPT,
) -> str:
    """The beginning of a document coloured by the loss of each word, once for each model, side by side.

    Args:
        text: from :func:`.scored_text.read_documents`.
        bits: of each unit (:func:`.scored_text.unit_bits`), by the name of the model.
        document: its place in ``text``.
        language: ISO 639-1 of the text, for the page.
        characters: how many of the document are shown, cut after a whole word.

    Raises:
        RunError: there is no such document.
    """
    _check_document(text, document)
    columns = "".join(
        f"<section><h4>{escape_html(name)}: {_mean(text, losses, document)} bits per byte</h4>"
        f"{_passage(text, document, characters, language, _loss_marker(losses))}</section>"
        for name, losses in bits.items()
    )
    return _page(columns, _loss_legend())


def difference_html(  # noqa: PLR0913
    text: ReadText,
    first: tuple[str, np.ndarray],
    second: tuple[str, np.ndarray],
    document: int,
    *,
    language: str | None = None,
    characters: int = EXCERPT,
) -> str:
    """The same passage once, each word marked by the model that pays fewer bits for it; arguments as in loss_html.

    ``+`` and blue: ``first`` gains, it pays fewer bits; ``−`` and orange: ``second`` does.

    Raises:
        RunError: there is no such document.
    """
    _check_document(text, document)
    passage = _passage(text, document, characters, language, _gain_marker(second[1] - first[1]))
    head = f"<h4>What {escape_html(first[0])} gains over {escape_html(second[0])}, in bits</h4>"
    return _page(f"<section>{head}{passage}</section>", _gain_legend(first[0], second[0]))


def document_of_largest_gain(text: ReadText, first: np.ndarray, second: np.ndarray) -> int:
    """The document on which two models differ most, in bits per byte; by place in ``text``."""
    difference = np.bincount(text.units["document"], weights=first - second, minlength=len(text.texts))
    return int(np.argmax(np.abs(difference) / np.maximum(text.documents["bytes"].to_numpy(), 1)))


def _check_document(text: ReadText, document: int) -> None:
    if not 0 <= document < len(text.texts):
        raise RunError(f"there is no document {document}; the text has {len(text.texts)}")


def _mean(text: ReadText, losses: np.ndarray, document: int) -> str:
    total = losses[(text.units["document"] == document).to_numpy()].sum()
    return f"{total / max(text.documents['bytes'].iloc[document], 1):.3f}"


# ---------------------------------------------------------------------------------------------------------------- words


def _passage(text: ReadText, document: int, characters: int, language: str | None, mark: Callable[[int], _Mark]) -> str:
    begin = int(text.begins[document])
    units = text.units[(text.units["document"] == document) & (text.units["inner"] < begin + characters)]
    spans = zip(units.index, units["start"], units["inner"], units["end"], strict=True)
    words = "".join(
        _word(text.texts[document][start - begin : end - begin], inner - start, characters, mark(unit))
        for unit, start, inner, end in spans
    )
    cut = len(units) and units["end"].iloc[-1] < text.begins[document + 1]
    return f"<p{lang_attribute(language)}>{words}{' …' if cut else ''}</p>"


def _word(written: str, inner: int, limit: int, mark: _Mark) -> str:
    """White space first, so that lines can break there; line ends stay line ends."""
    space = "↵<br>" * written[:inner].count("\n") or (" " if inner else "")
    note = f"<sub>{html.escape(mark.note)}</sub>" if mark.note else ""
    shown = html.escape(visible_text(written[inner:].rstrip("\n "), limit))
    return f'{space}<span class="{mark.classes}" title="{html.escape(mark.title)}">{shown}{note}</span>'


def loss_levels(bits: np.ndarray) -> np.ndarray:
    """The level of each loss, 0 to ``len(LOSS_EDGES)``; an element of class ``l1`` is coloured as level 1."""
    return np.searchsorted(LOSS_EDGES, bits, side="right")


def _loss_marker(losses: np.ndarray) -> Callable[[int], _Mark]:
    levels = loss_levels(losses)

    def mark(unit: int) -> _Mark:
        level = int(levels[unit])
        note = f"{losses[unit]:.0f}" if level >= NUMBERED_FROM else ""
        return _Mark(f"l{level}", f"{losses[unit]:.1f} bits", note)

    return mark


def _gain_marker(gains: np.ndarray) -> Callable[[int], _Mark]:
    levels = np.searchsorted(GAIN_EDGES, np.abs(gains), side="right")

    def mark(unit: int) -> _Mark:
        level, side = int(levels[unit]), "a" if gains[unit] > 0 else "b"
        title = f"{gains[unit]:+.1f} bits".replace("-", "−")
        note = f"{gains[unit]:+.0f}".replace("-", "−") if level else ""
        return _Mark(f"{side}{level}" if level else "l0", title, note)

    return mark


# ----------------------------------------------------------------------------------------------------- page and legend


def level_names() -> list[str]:
    """What each level of loss means, in bits of a word."""
    bounds = [0, *LOSS_EDGES]
    return [f"{low}–{high} bits" for low, high in pairwise(bounds)] + [f"{bounds[-1]} and more"]


def style_sheet() -> str:
    """CSS of the colours of both themes, for elements inside one of class ``bashkir-loss``."""
    return _STYLE


def _loss_legend() -> str:
    items = "".join(f'<li><span class="l{level}">{name}</span></li>' for level, name in enumerate(level_names()))
    return f"{items}<li>a word with the space before it; small numbers are bits</li>"


def _gain_legend(first: str, second: str) -> str:
    items = "".join(
        f'<li><span class="{side}{level}">{sign}{edge}</span></li>'
        for side, sign in (("a", "+"), ("b", "−"))
        for level, edge in enumerate(GAIN_EDGES, start=1)
    )
    return (
        f"{items}<li>+, blue, solid line: {escape_html(first)} pays so many bits less; "
        f"−, orange, dotted line: {escape_html(second)} does. From {GAIN_EDGES[0]} bit on.</li>"
    )


def _page(columns: str, legend: str) -> str:
    # MathJax, where a page loads it, would read $…$ in the text as a formula
    return (
        f"<style>{_STYLE}</style>"
        '<div class="bashkir-loss tex2jax_ignore mathjax_ignore">'
        f'<ul class="legend">{legend}</ul><div class="columns">{columns}</div></div>'
    )


def _variables(palette: Palette) -> str:
    single = {name: value for name, value in palette.items() if isinstance(value, str)}
    steps = {
        f"{name}{level}": colour
        for name, colours in palette.items()
        if isinstance(colours, tuple)
        for level, colour in enumerate(colours, start=1)
    }
    return ";".join(f"--{name}:{value}" for name, value in (single | steps).items())


def _rules() -> str:
    """One rule for each level: background, and the underline that says the same without colour."""
    levels = [
        *(("l", "loss", level, "solid") for level in range(1, len(LOSS_EDGES) + 1)),
        *(("a", "first", level, "solid") for level in range(1, len(GAIN_EDGES) + 1)),
        *(("b", "second", level, "dotted") for level in range(1, len(GAIN_EDGES) + 1)),
    ]
    return "".join(
        f".bashkir-loss .{side}{level}{{background:var(--{name}{level});"
        f"border-bottom:{_UNDERLINE[level - 1]}px {line} var(--rule)}}"
        for side, name, level, line in levels
    )


_STYLE = (
    f".bashkir-loss{{{_variables(LIGHT)};background:var(--page);color:var(--text);padding:.5rem .75rem;font-size:1rem}}"
    f"@media (prefers-color-scheme:dark){{html:not([data-theme=light]) .bashkir-loss{{{_variables(DARK)}}}}}"
    f"html[data-theme=dark] .bashkir-loss{{{_variables(DARK)}}}"
    ".bashkir-loss .columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(16rem,1fr));gap:.5rem 1.5rem}"
    ".bashkir-loss section{min-width:0}"
    ".bashkir-loss h4{color:inherit;font-size:1rem;margin:.5rem 0;overflow-wrap:anywhere}"
    ".bashkir-loss p{color:inherit;line-height:2.2;margin:0;overflow-wrap:anywhere;unicode-bidi:isolate}"
    ".bashkir-loss ul.legend{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;margin:0;padding:0}"
    ".bashkir-loss ul.legend li{margin:0;padding:0}"
    ".bashkir-loss span{unicode-bidi:isolate}"
    ".bashkir-loss span:not(.l0){padding:0 .15em;border-radius:.15em;-webkit-box-decoration-break:clone;"
    "box-decoration-break:clone}"
    ".bashkir-loss sub{font-size:.7em;margin-left:.2em;line-height:1;vertical-align:-.1em}" + _rules()
)
