"""Figures of the error analysis and the results: languages, repetition, curves, Pareto fronts, the paper beside us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from ..report import MEASURE_NAMES, StudyReport, may_be_ranked, pareto_front, results_table
from ..study import ZERO_SHOT
from . import interactive
from .style import METHOD_COLOURS, METHOD_MARKERS, OKABE_ITO, new_figure, plain, styled

COST_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "trainable_parameters": "trainable parameters",
        "wall_seconds": "training time, seconds",
        "peak_rss_bytes": "peak memory, bytes",
    }
)
PROGRESS_NAMES: Mapping[str, str] = MappingProxyType({"tokens": "training tokens", "seconds": "training time, seconds"})
MAX_LANGUAGES = 6
LANGUAGE_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "ba": "#0072B2",
        "tt": "#56B4E9",
        "ru": "#D55E00",
        "en": "#E69F00",
        "short": "#BFBFBF",
        "other languages": "#000000",
    }
)
SPARE_COLOURS = ("#009E73", "#CC79A7", "#F0E442", "#999933", "#882255", "#44AA99")
LIGHT_COLOURS = frozenset({"#E69F00", "#56B4E9", "#F0E442", "#BFBFBF"})
REPETITION = ("rep_4", "loop_share", "distinct_2")
ROW_HEIGHT = 0.38
LABEL_GAP = 0.065


def pareto(report: StudyReport, cost: str, title: str) -> Figure:
    """Bits per byte against a cost (a key of ``COST_NAMES``, log scale), intervals drawn, Pareto front joined.

    Zero-shot models have no cost, so each is a horizontal line. Labels stand at the right, with a line to their point.
    A run that diverged is hollow and on no front; one without a finite loss is only named. By times that are not
    comparable there is no front, and the axis says so.
    """
    everything = results_table(report)
    table = everything[np.isfinite(everything["bits_per_byte"])]
    trained = table[table["kind"] != "zero_shot"]
    figure, (axes,) = new_figure(height=4.2)
    figure.data = everything.reset_index()
    ranked = may_be_ranked(report, cost)
    name = COST_NAMES[cost] + ("" if ranked else " (not comparable)")
    figure.interactive = interactive.pareto(report, cost, name)
    with styled():
        if len(trained):
            if ranked:
                _draw_front(axes, trained[trained["diverged"] == ""], cost)
                axes.legend(loc="best")
            _draw_points(axes, trained, cost)
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axes.xaxis.set_major_formatter("{x:g}" if cost == "wall_seconds" else EngFormatter(sep=""))
            axes.xaxis.set_minor_formatter(NullFormatter())
        for value in table.loc[table["method"] == ZERO_SHOT.name, "bits_per_byte"]:
            axes.axhline(value, color=METHOD_COLOURS["zero_shot"], linestyle="--", linewidth=1)
        axes.margins(x=0.15, y=0.15)
        axes.set(xlabel=name, ylabel=f"bits per byte, {report.confidence:.0%} interval", title=title)
        _label_at_right(axes, table, cost)
        if missing := [str(label) for label in everything.index.difference(table.index)]:
            axes.text(0, -0.22, f"loss not finite: {', '.join(missing)}", transform=axes.transAxes, parse_math=False)
    return figure


def _draw_front(axes: Axes, kept: pd.DataFrame, cost: str) -> None:
    front = kept.iloc[pareto_front(kept[cost].tolist(), kept["bits_per_byte"].tolist())]
    axes.plot(
        front[cost], front["bits_per_byte"], color="#000000", linewidth=1, alpha=0.5, label="Pareto front", zorder=1
    )


def _draw_points(axes: Axes, trained: pd.DataFrame, cost: str) -> None:
    for row in trained.to_dict("records"):
        value, kind = row["bits_per_byte"], row["kind"]
        reach = [[max(value - row["bits_per_byte_low"], 0)], [max(row["bits_per_byte_high"] - value, 0)]]
        inside = METHOD_COLOURS[kind] if row["diverged"] == "" else "white"
        axes.errorbar(
            row[cost],
            value,
            yerr=reach,
            capsize=3,
            color=METHOD_COLOURS[kind],
            marker=METHOD_MARKERS[kind],
            markerfacecolor=inside,
        )


def _label_at_right(axes: Axes, table: pd.DataFrame, cost: str) -> None:
    """Name each point in a column beside the axes, far enough apart to be read."""
    ordered = table.sort_values("bits_per_byte")
    bottom, top = axes.get_ylim()
    places = spread(((ordered["bits_per_byte"] - bottom) / (top - bottom)).tolist(), LABEL_GAP)
    right = axes.get_xlim()[1]
    for (label, row), place in zip(ordered.iterrows(), places, strict=True):
        colour = METHOD_COLOURS[row["kind"]]
        axes.annotate(
            str(label),
            (right if row["kind"] == "zero_shot" else row[cost], row["bits_per_byte"]),
            xytext=(1.03, place),
            textcoords="axes fraction",
            va="center",
            color=colour,
            arrowprops={"arrowstyle": "-", "relpos": (0, 0.5), "color": colour, "alpha": 0.5, "linewidth": 0.8},
        )


def spread(places: list[float], gap: float) -> list[float]:
    """Move rising ``places`` as little upwards as keeps them ``gap`` apart, then down as far as they pass 1."""
    apart: list[float] = []
    for place in places:
        apart.append(max(place, apart[-1] + gap) if apart else place)
    ceiling = 1.0
    for position in reversed(range(len(apart))):
        apart[position] = min(apart[position], ceiling)
        ceiling = apart[position] - gap
    return apart


def curves(report: StudyReport, against: str, title: str) -> Figure:
    """Validation bits per byte of every trained run against ``tokens`` or ``seconds``."""
    figure, (axes,) = new_figure(height=4.0)
    styles = ("-", "--", ":", "-.")
    drawn: dict[str, int] = {}
    with styled():
        for row in report.rows:
            points = [(getattr(p, against), p.validation_bits_per_byte) for p in row.curve]
            points = [point for point in points if point[1] is not None]
            if not points:
                continue
            style = styles[drawn.get(row.kind, 0) % len(styles)]
            drawn[row.kind] = drawn.get(row.kind, 0) + 1
            axes.plot(
                *zip(*points, strict=True),
                color=METHOD_COLOURS[row.kind],
                marker=METHOD_MARKERS[row.kind],
                linestyle=style,
                label=report.labels[row.run_id],
            )
        axes.set(xlabel=PROGRESS_NAMES[against], ylabel="validation bits per byte", title=title)
        if drawn:
            axes.legend()
    return figure


def language_bars(shares: pd.DataFrame, title: str) -> Figure:
    """Stacked bars: share of each model's text by the language of its sentence (``errors.language_shares``)."""
    shown = shares.iloc[:, :MAX_LANGUAGES]
    rest = shares.iloc[:, MAX_LANGUAGES:].sum(axis=1)
    if rest.any():
        shown = shown.assign(**{"other languages": rest})
    spare = iter(SPARE_COLOURS)
    colours = [LANGUAGE_COLOURS.get(str(name)) or next(spare) for name in shown.columns]
    return _stacked(shown, colours, "share of characters", title)


def letter_bars(shares: pd.DataFrame, title: str) -> Figure:
    """Stacked bars: share of each model's letters by class (``errors.letters_of_models``)."""
    return _stacked(shares, OKABE_ITO, "share of letters", title)


def repetition_bars(table: pd.DataFrame, title: str) -> Figure:
    """One panel a measure of repetition; each bar carries its value, and its interval where the measure has one.

    ``table`` is that of ``errors.repetition_table``, or any with the measures as columns.
    """
    figure, panels = new_figure(len(REPETITION), width=9.0, height=_height(table))
    rows = range(len(table))
    with styled():
        for axes, measure, colour in zip(panels, REPETITION, OKABE_ITO, strict=False):
            values = table[measure].to_numpy(dtype=float)
            ends = table.reindex(columns=[f"{measure}_low", f"{measure}_high"]).to_numpy(dtype=float).T
            axes.barh(rows, np.nan_to_num(values), color=colour)
            axes.hlines(rows, *ends, color="#000000", linewidth=1)
            for row, value, end in zip(rows, values, np.fmax(values, ends[1]), strict=True):
                shown = "–" if np.isnan(value) else f"{value:.2f}"
                axes.annotate(shown, (np.nan_to_num(end), row), (3, 0), textcoords="offset points", va="center")
            axes.set(xlim=(0, 1.2), xlabel=MEASURE_NAMES[measure])
            _name_rows(axes, [str(label) for label in table.index] if axes is panels[0] else [""] * len(table))
        figure.suptitle(title, parse_math=False)
    return figure


def beside_paper(table: pd.DataFrame, title: str) -> Figure:
    """Two panels, token perplexity (log scale) and bits per byte, of the paper's figures and ours, in one order.

    ``table`` is that of ``report.beside_paper``; ours carry intervals, the paper gives none.
    """
    figure, panels = new_figure(2, width=9.5, height=_height(table))
    names = [
        f"{row.model}, {str(row.method).replace('_', ' ')} ({'paper' if row.kind == 'paper' else 'ours'})"
        for row in table.itertuples()
    ]
    with styled():
        for axes, column in zip(panels, ("token_perplexity", "bits_per_byte"), strict=True):
            _draw_dots(axes, table, column)
            _name_rows(axes, names if axes is panels[0] else [""] * len(table))
        panels[0].set(xscale="log", xlabel="token perplexity (log scale)")
        panels[0].xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        panels[0].xaxis.set_major_formatter("{x:g}")
        panels[0].xaxis.set_minor_formatter(NullFormatter())
        panels[1].set(xlabel="bits per byte")
        panels[1].hlines(
            range(len(table)), table["low"].to_numpy(), table["high"].to_numpy(), color="#000000", zorder=1
        )
        figure.suptitle(title, parse_math=False)
    return figure


def _draw_dots(axes: Axes, table: pd.DataFrame, column: str) -> None:
    for position, (kind, value) in enumerate(zip(table["kind"], table[column], strict=True)):
        axes.plot(value, position, color=METHOD_COLOURS[kind], marker=METHOD_MARKERS[kind], linestyle="none")
        axes.annotate(
            f"{value:.3g}", (value, position), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8
        )
    axes.margins(x=0.15, y=0.12)


def _stacked(shares: pd.DataFrame, colours: Sequence[str], label: str, title: str) -> Figure:
    figure, (axes,) = new_figure(width=8.5, height=_height(shares) + 0.4)
    left = pd.Series(0.0, index=shares.index)
    with styled():
        for column, colour in zip(shares.columns, colours, strict=False):
            values = shares[column].fillna(0)
            bars = axes.barh(
                range(len(shares)), values, left=left, color=colour, edgecolor="white", label=plain(str(column))
            )
            texts = [f"{value:.0%}" if value >= 0.08 else "" for value in values]
            light = colour in LIGHT_COLOURS
            axes.bar_label(bars, texts, label_type="center", color="black" if light else "white", fontsize=9)
            left = left + values
        axes.set(xlim=(0, 1), xlabel=label)
        axes.set_title(title, parse_math=False)
        axes.grid(False)
        _name_rows(axes, [str(name) for name in shares.index])
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def _name_rows(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    axes.grid(False, axis="y")
    axes.invert_yaxis()


def _height(table: pd.DataFrame) -> float:
    return 1.3 + ROW_HEIGHT * len(table)
