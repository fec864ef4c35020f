"""Figures of the chapter on tokenization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..tokenization import TINTS, Tokenizer, visible
from .style import OKABE_ITO, new_figure, styled

# DejaVu Sans Mono has no ҡ: matplotlib takes that sign from the second family.
_MONOSPACE = ("DejaVu Sans Mono", "DejaVu Sans")
_SIGN_WIDTH = 0.62
"""Width of a character of DejaVu Sans Mono over its size."""


def plot_fertility(table: pd.DataFrame) -> Figure:
    """Tokens per word and bytes per token, one bar a tokenizer, from :func:`~bashkir_utils.tokenization.compare`."""
    ordered = table.sort_values("tokens_per_word", ascending=False)
    figure, axes = new_figure(2, width=8.0, height=0.42 * len(ordered) + 1.4)
    with styled():
        _bars(axes[0], ordered["tokens_per_word"], OKABE_ITO[0], "tokens per word (fewer is better)")
        _bars(axes[1], ordered["bytes_per_token"], OKABE_ITO[2], "UTF-8 bytes per token (more is better)")
        axes[1].set_yticklabels([])
        figure.suptitle("How finely each tokenizer cuts the text")
    return figure


def plot_pieces_per_word(pieces: Mapping[str, np.ndarray], *, longest: int = 15) -> Figure:
    """Share of words that lie in at most so many tokens, one line a tokenizer.

    Args:
        pieces: tokens of each word by tokenizer, as :func:`~bashkir_utils.tokenization.pieces_per_word` gives them.
        longest: where the horizontal axis ends, in tokens.
    """
    figure, (axis,) = new_figure(height=4.0)
    counts = np.arange(1, longest + 1)
    markers = "osD^vxP*"
    with styled():
        for index, (name, values) in enumerate(pieces.items()):
            share = [np.mean(values <= count) for count in counts]
            axis.plot(counts, share, marker=markers[index % len(markers)], markersize=4, label=name)
        axis.set(title="How much of a word is kept", xlabel="tokens, at most", ylabel="share of words", ylim=(0, 1.02))
        axis.yaxis.set_major_formatter(PercentFormatter(1))
        axis.set_xticks(counts)
        axis.legend(loc="lower right")
    return figure


def plot_parity(parity: pd.DataFrame) -> Figure:
    """Premium of Bashkir against Russian and English, from :func:`~bashkir_utils.tokenization.compare_parity`."""
    figure, (axis,) = new_figure(height=0.5 * len(parity) + 1.4)
    rows = np.arange(len(parity))[::-1]
    with styled():
        for shift, column, colour, hatch in ((0.2, "against Russian", 0, ""), (-0.2, "against English", 1, "//")):
            bars = axis.barh(rows + shift, parity[column], 0.38, color=OKABE_ITO[colour], hatch=hatch, label=column)
            axis.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
        axis.axvline(1, color="black", linewidth=1, linestyle="--", label="parity")
        axis.set_yticks(rows, parity.index)
        axis.set(title="What a Bashkir sentence costs beside its translation", xlabel="ratio of lengths")
        axis.grid(visible=False, axis="y")
        axis.legend(loc="lower right")
    return figure


def plot_perplexity_against_bits(table: pd.DataFrame) -> Figure:
    """The paper's perplexities and the same as bits per byte, side by side, with their ranks.

    Args:
        table: from :func:`~bashkir_utils.tokenization.paper_perplexities_as_bits_per_byte`.
    """
    figure, axes = new_figure(2, width=8.5, height=0.5 * len(table) + 1.5)
    names = table["model"] + ", " + table["method"]
    panels = (
        ("perplexity (reported)", "rank by perplexity", "perplexity per token, as reported (log scale)", 3),
        ("bits per byte", "rank by bits per byte", "bits per UTF-8 byte, computed here", 0),
    )
    with styled():
        for axis, (column, rank, label, colour) in zip(axes, panels, strict=True):
            bars = axis.barh(names, table[column], 0.6, color=OKABE_ITO[colour])
            texts = [f"{value:.2f} (rank {place})" for value, place in zip(table[column], table[rank], strict=True)]
            axis.bar_label(bars, texts, padding=3, fontsize=8)
            axis.set_xlabel(label)
            axis.invert_yaxis()
            axis.margins(x=0.45)
            axis.grid(visible=False, axis="y")
        # From 1, so that a bar is as long as the bits per token.
        axes[0].set(xscale="log", xlim=(1, table["perplexity (reported)"].max() ** 1.6))
        axes[1].set_yticklabels([])
        figure.suptitle("The same results on two scales (arXiv:2605.04948)")
    return figure


def plot_splits(tokenizers: Sequence[Tokenizer], text: str, *, width: float = 7.5) -> Figure:
    """The tokens of one text as boxes, one strip a tokenizer; a box's edge, not its tint, is a token's end.

    Args:
        tokenizers: one strip each, from the top.
        text: a sentence; ``⟨D2⟩`` stands for a byte that is no whole character, ``␣`` for a space.
        width: inches.
    """
    size = 9.0
    per_line = int((width - 0.4) * 72 / (size * _SIGN_WIDTH))
    strips = [_lines([visible(piece) for piece in each.pieces(text) if piece], per_line) for each in tokenizers]
    height = sum(len(strip) + 1.4 for strip in strips) * size * 1.9 / 72
    figure, (axis,) = new_figure(width=width, height=height + 0.5)
    with styled():
        row = 0.0
        for each, strip in zip(tokenizers, strips, strict=True):
            total = sum(map(len, strip))
            axis.text(0, row, f"{each.name}: {total} tokens", fontsize=size, fontweight="bold", va="center")
            for offset, line in enumerate(strip, start=1):
                _draw_line(axis, line, row + offset, size)
            row += len(strip) + 1.4
        axis.set(xlim=(0, per_line), ylim=(row - 0.6, -0.8), title="How each tokenizer splits the same text")
        axis.axis("off")
    figure.data = pd.DataFrame(
        [(each.name, visible(piece)) for each in tokenizers for piece in each.pieces(text) if piece],
        columns=["tokenizer", "piece"],
    )
    return figure


def _lines(pieces: Sequence[str], per_line: int) -> list[list[str]]:
    """Break the boxes into lines of at most ``per_line`` signs, each box one sign wider than its text."""
    lines: list[list[str]] = [[]]
    used = 0
    for piece in pieces:
        if lines[-1] and used + len(piece) + 1 > per_line:
            lines.append([])
            used = 0
        lines[-1].append(piece)
        used += len(piece) + 1
    return lines


def _draw_line(axis: Axes, pieces: Sequence[str], row: float, size: float) -> None:
    column = 0.0
    for index, piece in enumerate(pieces):
        box = {"boxstyle": "square,pad=0.12", "facecolor": TINTS[index % len(TINTS)], "edgecolor": "#333333"}
        axis.text(
            column + 0.3, row, piece, fontsize=size, family=list(_MONOSPACE), va="center", bbox=box, parse_math=False
        )
        column += len(piece) + 1


def _bars(axis: Axes, values: pd.Series, colour: str, label: str) -> None:
    bars = axis.barh(values.index, values, 0.6, color=colour)
    axis.bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
    axis.set_xlabel(label)
    axis.margins(x=0.15)
    axis.grid(visible=False, axis="y")


def plot_boundaries(table: pd.DataFrame) -> Figure:
    """F1 of token cuts against morpheme boundaries, one bar a tokenizer; marks for cuts between bytes and letters.

    Args:
        table: from :func:`~bashkir_utils.tokenization.compare_boundaries`.
    """
    ordered = table.sort_values("f1")
    figure, (axis,) = new_figure(width=6.4, height=0.42 * len(ordered) + 1.4)
    with styled():
        _bars(axis, ordered["f1"], OKABE_ITO[0], "F1 of cuts against suffix boundaries")
        places = range(len(ordered))
        axis.plot(
            ordered["random_f1"], places, "D", color=OKABE_ITO[5], linestyle="none", label="random cuts between bytes"
        )
        axis.plot(
            ordered["random_letter_f1"],
            places,
            "o",
            color="#000000",
            linestyle="none",
            label="random cuts between letters",
        )
        axis.legend(loc="lower right")
        figure.suptitle("Do tokens end where a suffix begins?")
    return figure
