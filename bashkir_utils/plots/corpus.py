"""Figures of the chapter on the corpus."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter, StrMethodFormatter

from ..corpus.comparison import CONTEXTS, TextStatistics
from .style import OKABE_ITO, new_figure, plain, styled

_LINES = ("-", "--", ":", "-.")


def plot_funnel(funnel: pd.DataFrame) -> Figure:
    """Documents left after each step, from :meth:`~bashkir_utils.corpus.Corpus.funnel`."""
    figure, (axis,) = new_figure(height=0.36 * len(funnel) + 1.2)
    rows = np.arange(len(funnel))[::-1]
    with styled():
        axis.barh(rows, funnel["documents"], color=OKABE_ITO[0])
        axis.barh(
            rows,
            funnel["dropped_documents"],
            left=funnel["documents"],
            color=OKABE_ITO[1],
            hatch="//",
            edgecolor="white",
            label="dropped here",
        )
        axis.set_yticks(rows, funnel["step"].tolist())
        axis.set(xlabel="documents", title="What each step leaves")
        for row, left, dropped in zip(rows, funnel["documents"], funnel["dropped_documents"], strict=True):
            axis.text(left + dropped, row, f" {left:,}" + (f" (−{dropped:,})" if dropped else ""), va="center")
        axis.margins(x=0.18)
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        if funnel["dropped_documents"].any():
            axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.08))
    return figure


def plot_lengths(documents: pd.DataFrame) -> Figure:
    """Histogram of document lengths in characters, logarithmic."""
    figure, (axis,) = new_figure(height=3.0)
    lengths = documents["characters"]
    bins = np.geomspace(max(lengths.min(), 1), lengths.max() + 1, 40).tolist()
    with styled():
        axis.hist(lengths, bins=bins, color=OKABE_ITO[0])
        axis.axvline(lengths.median(), color=OKABE_ITO[1], linestyle="--", label=f"median {lengths.median():,.0f}")
        axis.set(xscale="log", xlabel="characters in a document", ylabel="documents", title="How long documents are")
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axis.legend()
    return figure


def plot_zipf(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Count against rank for each text, both logarithmic, from :func:`~bashkir_utils.corpus.statistics.zipf`."""
    figure, (axis,) = new_figure(height=3.8)
    with styled():
        for index, (name, table) in enumerate(tables.items()):
            share = table["count"] / table["count"].sum()
            axis.plot(table["rank"], share, linestyle=_LINES[index % 4], label=plain(name))
        axis.set(xscale="log", yscale="log", xlabel="rank of the word", ylabel="share of running words")
        axis.set_title("Zipf's law")
        axis.legend()
    return figure


def plot_heaps(growths: Mapping[str, pd.DataFrame]) -> Figure:
    """Different words against running words for each text, from :func:`~bashkir_utils.corpus.statistics.heaps`."""
    figure, (axis,) = new_figure(height=3.8)
    with styled():
        for index, (name, growth) in enumerate(growths.items()):
            axis.plot(growth["tokens"], growth["types"], linestyle=_LINES[index % 4], label=plain(name))
        axis.set(xscale="log", yscale="log", xlabel="running words", ylabel="different words")
        axis.set_title("Growth of the vocabulary (Heaps' law)")
        axis.legend()
    return figure


def plot_entropies(measured: Mapping[str, TextStatistics]) -> Figure:
    """Bits per character against how many characters before are known, a line for each text."""
    figure, (axis,) = new_figure(height=3.8)
    with styled():
        for index, (name, found) in enumerate(measured.items()):
            axis.plot(CONTEXTS, found.entropies, linestyle=_LINES[index % 4], marker="o", label=plain(name))
        axis.set(xlabel="characters known before", ylabel="entropy, bits per character", xticks=CONTEXTS)
        axis.set_ylim(bottom=0)
        axis.set_title("How much the next character surprises")
        axis.legend()
    return figure


def plot_letters(table: pd.DataFrame) -> Figure:
    """Share of each letter; letters marked as the language's own have a colour and a hatch, and then there is a key."""
    figure, (axis,) = new_figure(width=9.0, height=3.0)
    places = np.arange(len(table))
    own = table["own"].to_numpy(dtype=bool)
    with styled():
        axis.bar(places[~own], table["share"][~own], color=OKABE_ITO[0], label="also in Russian")
        axis.bar(
            places[own], table["share"][own], color=OKABE_ITO[1], hatch="//", edgecolor="white", label="not in Russian"
        )
        axis.set_xticks(places, table["letter"].tolist())
        axis.set(ylabel="share of all letters", title="How often each letter comes")
        axis.yaxis.set_major_formatter(PercentFormatter(1))
        axis.grid(axis="x", visible=False)
        if own.any():
            axis.legend()
    return figure


def plot_sources(mix: pd.DataFrame) -> Figure:
    """Share of the words from each source, from :func:`~bashkir_utils.corpus.statistics.source_mix`."""
    shown = mix.head(15)[::-1]
    figure, (axis,) = new_figure(height=0.32 * len(shown) + 1.2)
    with styled():
        places = np.arange(len(shown))
        axis.barh(places, shown["share_of_words"], color=OKABE_ITO[0])
        axis.set_yticks(places, [plain(str(name)) for name in shown.index])
        axis.set(xlabel="share of all words", title="Where the words come from")
        axis.xaxis.set_major_formatter(PercentFormatter(1))
    return figure
