"""Figures of the chapter that reads the paper again."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from ..rereading import SEEDS
from .figure_data import DataFigure
from .style import OKABE_ITO, new_figure, styled

REPORTED_COLOUR, COMPUTED_COLOUR, SOURCE_COLOUR = OKABE_ITO[3], OKABE_ITO[0], OKABE_ITO[5]


def converted(table: pd.DataFrame, title: str) -> DataFigure:
    """Perplexities as reported and the same in bits per byte, with both intervals, in one order of rows.

    ``table`` is that of ``rereading.converted_table``.
    """
    ordered = table.sort_values("perplexity")
    places = range(len(ordered))
    figure, (left, right) = new_figure(2, width=9.0, height=1.7 + 0.45 * len(ordered))
    drawn = ["perplexity", "bits_per_byte", "low", "high", "source_low", "source_high"]
    figure.data = ordered[drawn].rename_axis("result").reset_index()
    with styled():
        left.plot(ordered["perplexity"], places, "D", color=REPORTED_COLOUR, linestyle="none")
        _label(left, ordered["perplexity"], "{:.2f}")
        left.set(xscale="log", xlabel="perplexity per token, as reported (log scale)")
        left.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        left.xaxis.set_major_formatter("{x:g}")
        left.xaxis.set_minor_formatter(NullFormatter())
        left.set_yticks(places, [str(name) for name in ordered.index])
        intervals = (
            ("source_low", "source_high", 6, SOURCE_COLOUR, "other sources"),
            ("low", "high", 2, "#000000", "other documents"),
        )
        for low, high, width, colour, label in intervals:
            ends = ordered[low].to_numpy(), ordered[high].to_numpy()
            right.hlines(places, *ends, linewidth=width, color=colour, label=label)
        right.plot(ordered["bits_per_byte"], places, "o", color=COMPUTED_COLOUR, linestyle="none")
        _label(right, ordered["bits_per_byte"], "{:.3f}")
        right.set(xlabel="bits per byte, computed here")
        right.set_yticks(places, [""] * len(ordered))
        right.legend(loc="lower center", fontsize=8)
        for axes in (left, right):
            axes.invert_yaxis()
            axes.margins(x=0.18, y=0.2)
            axes.grid(False, axis="y")
        figure.suptitle(title)
    return figure


def _label(axes: Axes, values: pd.Series, form: str) -> None:
    for place, value in enumerate(values):
        shown = form.format(value)
        axes.annotate(shown, (value, place), xytext=(0, 7), textcoords="offset points", ha="center", fontsize=8)


def ratios(table: pd.DataFrame, needed: float, title: str) -> Figure:
    """Ratio of bytes per token of two tokenizers by source, beside the ratio at which the order turns around.

    Args:
        table: of ``rereading.source_ratios``.
        needed: that ratio, from ``rereading.pair_table``.
        title: of the figure.
    """
    ordered = table.sort_values("ratio")
    figure, (axes,) = new_figure(width=7.5, height=1.6 + 0.32 * max(len(ordered), 1))
    with styled():
        axes.plot(ordered["ratio"], range(len(ordered)), "o", color=COMPUTED_COLOUR, linestyle="none", label="a source")
        axes.axvline(needed, color="#000000", linestyle="--", linewidth=1, label="order turns to the right of this")
        axes.set_yticks(range(len(ordered)), [f"{name} ({row['documents']:.0f})" for name, row in ordered.iterrows()])
        for label in axes.get_yticklabels():
            label.set_parse_math(False)
        axes.set(xlabel="ratio of bytes per token", title=title)
        axes.grid(False, axis="y")
        axes.margins(x=0.1)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=2)
    return figure


def hidden_seed(table: pd.DataFrame, reported: float, title: str) -> Figure:
    """Bits per byte of the good seeds and of the mean loss, against the perplexity assumed for the good ones.

    ``table`` is that of ``rereading.hidden_seed_table``.
    """
    figure, (axes,) = new_figure(height=3.8)
    with styled():
        axes.plot(table.index, table["others_bits"], "o-", color=COMPUTED_COLOUR, label=f"{SEEDS - 1} seeds of {SEEDS}")
        axes.plot(table.index, table["mean_bits"], "s-", color=OKABE_ITO[1], label="mean of the losses")
        axes.axhline(
            float(table["others_bits"].loc[reported]),
            color="#000000",
            linestyle="--",
            linewidth=1,
            label=f"perplexity {reported:g} taken at its word",
        )
        axes.set(xscale="log", xlabel=f"perplexity of {SEEDS - 1} seeds, assumed (log scale)", ylabel="bits per byte")
        axes.set_title(title)
        axes.legend()
    return figure
