"""Figures of ways with another vocabulary: bits per byte after equal time, against minutes, and against operations."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter

from ..report import StudyReport
from ..vocabulary_report import GROUP_NAMES, best_runs, budget_names, budget_table, by_budget, training_curves
from .figure_data import DataFigure
from .style import OKABE_ITO, new_figure, plain, styled

GROUP_LINES = MappingProxyType({"own": "-", "changed": "--", "nothing": ":"})
AXES_NAMES = MappingProxyType({"minutes": "training time, minutes", "flops": "floating-point operations of training"})
GROUP_LOOKS = MappingProxyType(
    {"own": (OKABE_ITO[0], "o"), "changed": (OKABE_ITO[1], "s"), "nothing": (OKABE_ITO[2], "^")}
)
ROW_HEIGHT, LEADERS_HEIGHT, MARKS = 0.34, 0.7, "osD^vPX*"


def ranking(reports: Sequence[StudyReport], title: str) -> Figure:
    """Bits per byte of every way after equal time, the best on top, one panel a budget; intervals over documents.

    Colour and mark say where the vocabulary comes from. Runs that diverged are left out.
    """
    table = budget_table(reports)
    table = table[~table["diverged"].astype(bool) & np.isfinite(table["bits_per_byte"].astype(float))]
    names = budget_names(table)
    parts = [(names[machine, minutes], rows.reset_index()) for machine, minutes, rows in by_budget(table)]
    heights = [1.3 + ROW_HEIGHT * len(rows) for _, rows in parts] or [1.3]
    figure, axes = new_figure(rows=len(heights), width=8.0, height=sum(heights), ratios=heights)
    with styled():
        for each, (name, rows) in zip(axes, parts, strict=False):
            _draw_ranking(each, rows)
            each.set_title(plain(name, 90))
        # beside the panels: inside, the worst way would lie under it
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small")
        figure.suptitle(plain(title, 90))
    return figure


def _draw_ranking(axes: Axes, rows: pd.DataFrame) -> None:
    for name in GROUP_LOOKS:
        part = rows[rows["group"] == name]
        _draw_group(axes, name, part, part.index)
    axes.set_yticks(range(len(rows)), [plain(str(way), 48) for way in rows["way"]])
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel="bits per byte on test documents")
    axes.grid(False, axis="y")


def leaders(reports: Sequence[StudyReport], title: str) -> DataFigure:
    """Bits per byte of the best way of each group, one line a budget; one mark a seed, intervals over documents."""
    table = budget_table(reports)
    names, parts = budget_names(table), by_budget(table)
    figure, (axes,) = new_figure(width=8.0, height=1.6 + LEADERS_HEIGHT * len(parts))
    with styled():
        for place, (_, _, rows) in enumerate(parts):
            _draw_leaders(axes, rows, place)
        labels = [plain(names[machine, minutes], 90).replace(" on ", "\non ", 1) for machine, minutes, _ in parts]
        axes.set_yticks(range(len(parts)), labels)
        axes.set(ylim=(len(parts) - 0.5, -0.5), xlabel="bits per byte on test documents")
        axes.grid(False, axis="y")
        handles, found = axes.get_legend_handles_labels()
        once = dict(zip(found, handles, strict=True))
        figure.legend(once.values(), once, loc="outside lower center", ncols=3, fontsize="small")
        axes.set_title(plain(title, 90))
    return figure


def _draw_leaders(axes: Axes, rows: pd.DataFrame, place: int) -> None:
    """Each group a little lower than the one before, so that intervals do not cover each other."""
    for step, name in enumerate(GROUP_LOOKS):
        best = best_runs(rows[rows["group"] == name])
        if not best.empty:
            _draw_group(axes, name, best, [place + 0.2 * (step - 1)] * len(best))


def _draw_group(axes: Axes, name: str, rows: pd.DataFrame, heights: Sequence[float] | pd.Index) -> None:
    """Marks and intervals of one group's runs, each at its height."""
    colour, marker = GROUP_LOOKS[name]
    bits = rows["bits_per_byte"]
    axes.errorbar(
        bits,
        heights,
        xerr=[bits - rows["low"], rows["high"] - bits],
        color=colour,
        marker=marker,
        linestyle="none",
        capsize=2,
        label=GROUP_NAMES[name],
    )


def budgets(table: pd.DataFrame, cost: str, title: str) -> DataFigure:
    """Bits per byte against a cost (a key of ``AXES_NAMES``, log scale), a line for each way, seed and machine.

    Intervals are those over documents. ``table`` is a ``budget_table``. The stroke says where the vocabulary comes
    from; a way has its colour and mark with every seed and on every machine. Of more ways than there are colours each
    has those of where its vocabulary comes from. Runs that diverged are left out.
    """
    table = table[~table["diverged"].astype(bool) & np.isfinite(table["bits_per_byte"].astype(float))]
    figure, (axes,) = new_figure(width=8.0, height=4.6)
    told = dict.fromkeys(("machine", "minutes", "way", "group", cost, "bits_per_byte", "low", "high"))
    figure.data = table.reindex(columns=list(told))
    looks = _looks(table)
    with styled():
        for (_, arm, _), points in table.groupby(["machine", "arm", "seed"], sort=False):
            _draw_way(axes, points.sort_values(cost), cost, *looks[str(arm)])
        if len(table):
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
            if cost == "minutes":
                axes.set_xticks(sorted(table["minutes"].unique()))
            axes.xaxis.set_major_formatter("{x:g}" if cost == "minutes" else EngFormatter(sep=""))
            handles, labels = axes.get_legend_handles_labels()
            once = dict(zip(labels, handles, strict=True))
            figure.legend(once.values(), once, loc="outside lower center", ncols=2, fontsize="small")
        axes.set_xlabel(AXES_NAMES[cost])
        axes.set_ylabel("bits per byte on test documents")
        axes.set_title(plain(title, 90))
    return figure


def _looks(table: pd.DataFrame) -> dict[str, tuple[tuple[str, str], str]]:
    """Colour and mark of each way, and what the legend says of it."""
    groups = table.groupby("arm", sort=False)["group"].first()
    if len(groups) > len(OKABE_ITO):
        return {str(arm): (GROUP_LOOKS[group], GROUP_NAMES[group]) for arm, group in groups.items()}
    return {
        str(arm): (look(place), f"{plain(str(arm), 44)} ({GROUP_NAMES[group]})")
        for place, (arm, group) in enumerate(groups.items())
    }


def look(place: int) -> tuple[str, str]:
    """Colour and mark of the way with this number: each next round of colours has the marks one further."""
    return OKABE_ITO[place % len(OKABE_ITO)], MARKS[(place + place // len(OKABE_ITO)) % len(MARKS)]


def _draw_way(axes: Axes, points: pd.DataFrame, cost: str, seen: tuple[str, str], label: str) -> None:
    bits = points["bits_per_byte"]
    colour, marker = seen
    axes.errorbar(
        points[cost],
        bits,
        yerr=[bits - points["low"], points["high"] - bits],
        color=colour,
        linestyle=GROUP_LINES[str(points["group"].iloc[0])],
        marker=marker,
        capsize=2,
        label=label,
    )


def progress(reports: Sequence[StudyReport], title: str) -> Figure:
    """Validation bits per byte against the minutes trained, one panel a budget: the best way of each group, every seed.

    It is scored on a few blocks of the validation split, as many tokens of each vocabulary and so not the same text:
    levels do not compare.
    """
    table, points = budget_table(reports), training_curves(reports)
    names, parts = budget_names(table), by_budget(table)
    figure, axes = new_figure(rows=max(len(parts), 1), width=8.0, height=2.8 * max(len(parts), 1) + 0.6)
    with styled():
        for each, (machine, minutes, rows) in zip(axes, parts, strict=False):
            there = points[(points["machine"] == machine) & (points["budget"] == minutes)]
            _draw_progress(each, rows, there)
            each.set_title(plain(names[machine, minutes], 90))
        figure.suptitle(plain(title, 90))
    return figure


def _draw_progress(axes: Axes, rows: pd.DataFrame, points: pd.DataFrame) -> None:
    for name, (colour, marker) in GROUP_LOOKS.items():
        for run in best_runs(rows[rows["group"] == name]).itertuples():
            own = points[points["run_id"] == run.run_id]
            label = f"{plain(str(run.way), 44)} ({GROUP_NAMES[name]})"
            axes.plot(own["minutes"], own["bits_per_byte"], color=colour, marker=marker, label=label)
    axes.set(xlabel="minutes trained", ylabel="validation bits per byte")
    if axes.lines:
        axes.legend(fontsize="small")
