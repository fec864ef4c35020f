"""Figures of the chapter on vocabularies: what more entries buy, by the way in which they are learned."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import OKABE_ITO, new_figure, plain, styled

_MARKERS = "osD^vP*X"
_DASHES = ("--", ":", "-.")
REFERENCES = ("own", "trimmed")
"""Families whose number of entries was not chosen; they are lines across the figure."""


def plot_bytes_per_token(table: pd.DataFrame, title: str = "What more entries buy") -> Figure:
    """UTF-8 bytes a token against the number of entries, one line a family; a model's own tokenizer lies across.

    Args:
        table: from :func:`~bashkir_utils.tokenization.contest.compare_contenders`.
        title: above the figure.
    """
    figure, (axis,) = new_figure(height=4.0)
    with styled():
        _lines(axis, table, "bytes_per_token")
        axis.set(title=title, ylabel="UTF-8 bytes per token (more is better)", ylim=(0, None))
        _finish(axis, table)
    return figure


def plot_boundary_f1(table: pd.DataFrame, title: str = "Do tokens end where a suffix begins?") -> Figure:
    """F1 of cuts against morpheme boundaries by entries; a thin line is what random cuts between letters reach.

    Args:
        table: from :func:`~bashkir_utils.tokenization.contest.compare_contenders`, for a language with an analyser.
        title: above the figure.
    """
    figure, (axis,) = new_figure(height=4.0)
    with styled():
        _lines(axis, table, "f1", chance="random_letter_f1")
        axis.set(title=title, ylabel="F1 of cuts against suffix boundaries", ylim=(0, 1))
        _finish(axis, table)
    return figure


def _lines(axis: Axes, table: pd.DataFrame, column: str, chance: str | None = None) -> None:
    learned = table[~table["family"].isin(REFERENCES)].sort_values("vocabulary_size")
    for index, (family, rows) in enumerate(learned.groupby("family", sort=False)):
        colour, marker = OKABE_ITO[index % len(OKABE_ITO)], _MARKERS[index % len(_MARKERS)]
        sizes = rows["vocabulary_size"]
        axis.plot(sizes, rows[column], color=colour, marker=marker, label=plain(str(family)))
        if chance:
            axis.plot(sizes, rows[chance], ":", color=colour, marker=marker, markersize=3, linewidth=0.7)
    references = table[table["family"].isin(REFERENCES)]
    for index, (name, value) in enumerate(references[column].items()):
        axis.axhline(
            value, color="#555555", linewidth=1.2, linestyle=_DASHES[index % len(_DASHES)], label=plain(str(name))
        )


def _finish(axis: Axes, table: pd.DataFrame) -> None:
    sizes = sorted({int(size) for size in table.loc[~table["family"].isin(REFERENCES), "vocabulary_size"]})
    axis.set_xscale("log", base=2)
    axis.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30 if len(sizes) > 5 else 0)
    axis.minorticks_off()
    axis.set_xlabel("entries in the vocabulary (log scale)")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
