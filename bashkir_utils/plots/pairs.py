"""Figure of the minimal pairs: accuracy by phenomenon and method over what spelling alone tells."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ..minimal_pairs import BASELINE_ORDERS
from ..pairs_report import interval_table, pairs_table
from ..report import StudyReport
from .style import METHOD_COLOURS, METHOD_MARKERS, new_figure, styled

ROW_HEIGHT = 0.42
SPELLING_COLOUR = "#D9D9D9"
SPREAD = 0.6
"""Share of a row's height over which the methods' marks are spread."""


def pair_accuracies(report: StudyReport, title: str) -> Figure:
    """One row a phenomenon: a grey bar for the better character model, a mark with its interval for each scored run."""
    table, intervals = pairs_table(report), interval_table(report)
    figure, (axes,) = new_figure(width=8.5, height=1.6 + ROW_HEIGHT * len(table))
    with styled():
        spelling = table[list(BASELINE_ORDERS)].max(axis=1)
        axes.barh(range(len(table)), spelling, 0.86, color=SPELLING_COLOUR, label="spelling alone (character n-gram)")
        seen: set[str] = set()
        rows = [row for row in report.rows if report.labels[row.run_id] in table.columns]
        for position, row in enumerate(rows):
            own = intervals.xs(report.labels[row.run_id], level="scorer").loc[table.index]
            offset = SPREAD * ((position + 0.5) / len(rows) - 0.5)
            reach = [own["accuracy"] - own["low"], own["high"] - own["accuracy"]]
            places = [place + offset for place in range(len(table))]
            bars = axes.errorbar(
                own["accuracy"],
                places,
                xerr=reach,
                fmt=METHOD_MARKERS[row.kind],
                color=METHOD_COLOURS[row.kind],
                markersize=4,
                linewidth=1,
                label=report.labels[row.run_id],
            )
            # runs of one method share its colour: all but the first are hollow
            bars.lines[0].set_markerfacecolor("white" if row.kind in seen else METHOD_COLOURS[row.kind])
            seen.add(row.kind)
        axes.axvline(0.5, color="#000000", linestyle=":", linewidth=1, label="chance")
        axes.set_yticks(range(len(table)), [str(name).replace("_", " ") for name in table.index])
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(PercentFormatter(1))
        axes.set(xlim=(0, 1.02), xlabel=f"pairs right, {report.confidence:.0%} interval", title=title)
        axes.grid(False, axis="y")
        axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.06), ncols=3)
    return figure
