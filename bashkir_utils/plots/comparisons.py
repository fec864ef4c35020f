"""Figures of seeds and of the components of variance."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..comparisons import Arm, arms, variance_table
from ..report import StudyReport, results_table
from .style import METHOD_COLOURS, METHOD_MARKERS, OKABE_ITO, new_figure, styled

ROW_HEIGHT = 0.38
DIVERGED_COLOUR = "#000000"


def seeds(report: StudyReport, title: str) -> Figure:
    """Bits per byte of every run, one row a way of adaptation, with the mean over seeds; diverged runs are crossed."""
    found = arms(report)
    values = {row.run_id: row.bits_per_byte.value for row in report.rows}
    figure, (axes,) = new_figure(width=8.0, height=1.5 + ROW_HEIGHT * len(found))
    figure.data = results_table(report).reset_index()
    with styled():
        for place, arm in enumerate(found):
            _draw_arm(axes, arm, place)
        kept = {run.run_id for arm in found for run in arm.runs}
        places = {arm.label: place for place, arm in enumerate(found)}
        crossed = [
            (value, places[report.arms[run_id]])
            for run_id, value in values.items()
            if run_id not in kept and math.isfinite(value)
        ]
        if crossed:
            across, down = zip(*crossed, strict=True)
            axes.plot(across, down, "X", color=DIVERGED_COLOUR, linestyle="none", label="diverged, in no mean")
        axes.plot([], [], "|", color="#000000", markersize=14, linestyle="none", label="mean over seeds")
        axes.set_yticks(range(len(found)), [_name(arm) for arm in found])
        axes.set(ylim=(len(found) - 0.5, -0.5), xlabel="bits per byte on the test documents", title=title)
        axes.grid(False, axis="y")
        axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.22), ncols=2)
    return figure


def _draw_arm(axes: Axes, arm: Arm, place: int) -> None:
    across = [run.bits_per_byte.value for run in arm.runs]
    colour = METHOD_COLOURS[arm.kind]
    axes.plot(across, [place] * len(across), METHOD_MARKERS[arm.kind], color=colour, alpha=0.7, linestyle="none")
    if len(across) > 1:
        axes.plot([arm.mean], [place], "|", color="#000000", markersize=16)


def _name(arm: Arm) -> str:
    return f"{arm.label} ({arm.left_out})" if arm.left_out else arm.label


def variance(report: StudyReport, title: str) -> Figure:
    """Standard deviation of every component of variance, in bits per byte, one panel a model."""
    tables = {model: variance_table(report, model) for model in dict.fromkeys(row.model for row in report.rows)}
    tables = {model: table for model, table in tables.items() if not table.empty}
    figure, panels = new_figure(max(len(tables), 1), width=4.0 + 3.5 * max(len(tables), 1), height=3.4)
    with styled():
        for axes, (model, table) in zip(panels, tables.items(), strict=False):
            _draw_components(axes, table)
            axes.set(xlabel="standard deviation, bits per byte", title=model if len(tables) > 1 else title)
        if len(tables) > 1:
            figure.suptitle(title)
        if not tables:
            panels[0].text(0.5, 0.5, "no variance to split", transform=panels[0].transAxes, ha="center")
    return figure


def _draw_components(axes: Axes, table: pd.DataFrame) -> None:
    bars = axes.barh(range(len(table)), table["deviation"], color=OKABE_ITO[0])
    axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=8)
    axes.set_yticks(range(len(table)), [str(name) for name in table.index])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.grid(False, axis="y")
