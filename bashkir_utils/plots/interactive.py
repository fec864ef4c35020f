"""Figures to look closer at: drawn by Bokeh in the reader's browser, beside the picture that needs no script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from bokeh.embed import json_item
from bokeh.models import ColumnDataSource, HoverTool, NumeralTickFormatter, Range1d
from bokeh.models.annotations import TeeHead, Whisker
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure as bokeh_figure

from ..markup import visible_text
from ..report import StudyReport, may_be_ranked, pareto_front, results_table
from .style import METHOD_COLOURS

COST_FIELDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "trainable_parameters": ("trainable parameters", "@trainable_parameters{0,0}"),
        "wall_seconds": ("training time, s", "@wall_seconds{0,0}"),
        "peak_rss_bytes": ("peak memory", "@peak_rss_bytes{0.00 b}"),
    }
)
"""What a pointer on a run is told of its costs: name, and Bokeh's format."""
MARKERS: Mapping[str, str] = MappingProxyType({"full": "square", "lora": "circle", "qlora": "triangle"})
"""Bokeh's names of the signs of ``style.METHOD_MARKERS``."""


def pareto(report: StudyReport, cost: str, cost_name: str) -> str:
    """JSON for Bokeh in the browser: trained runs with a finite loss, against a cost (log scale), and their front.

    By times that are not comparable there is no front. The pointer on a run shows its name, its bits per byte with the
    interval, and every cost.
    """
    table = results_table(report).reset_index()
    trained = table[np.isfinite(table["bits_per_byte"]) & (table["kind"] != "zero_shot")]
    plot = bokeh_figure(
        width=720,
        height=420,
        x_axis_type="log",
        x_axis_label=cost_name,
        y_axis_label=f"bits per byte, {report.confidence:.0%} interval",
        tools="pan,wheel_zoom,box_zoom,reset,save",
        sizing_mode="scale_width",
        y_range=_reach(trained),
    )
    plot.xaxis.formatter = NumeralTickFormatter(format="0a")
    plot.toolbar.logo = None
    if may_be_ranked(report, cost):
        _draw_front(plot, trained[trained["diverged"] == ""], cost)
    runs = [_draw_kind(plot, str(kind), rows, cost) for kind, rows in trained.groupby("kind", sort=False)]
    plot.add_tools(HoverTool(renderers=[*runs], tooltips=_tooltips()))
    return json.dumps(json_item(plot))


def _reach(rows: pd.DataFrame) -> Range1d:
    """Room for every interval: Bokeh counts points alone."""
    ends = rows[["bits_per_byte_low", "bits_per_byte_high", "bits_per_byte"]].to_numpy(dtype=float)
    ends = ends[np.isfinite(ends)]
    if not len(ends):
        return Range1d(start=0.0, end=1.0)
    low, high = float(ends.min()), float(ends.max())
    room = 0.08 * (high - low) or 0.1
    return Range1d(start=low - room, end=high + room)


def _tooltips() -> list[tuple[str, str]]:
    value = ("bits per byte", "@bits_per_byte{0.000} (@bits_per_byte_low{0.000} to @bits_per_byte_high{0.000})")
    return [("run", "@label"), value, *COST_FIELDS.values()]


def _draw_front(plot: bokeh_figure, kept: pd.DataFrame, cost: str) -> None:
    front = kept.iloc[pareto_front(kept[cost].tolist(), kept["bits_per_byte"].tolist())]
    plot.line(
        front[cost].tolist(), front["bits_per_byte"].tolist(), color="black", alpha=0.5, legend_label="Pareto front"
    )


def _draw_kind(plot: bokeh_figure, kind: str, rows: pd.DataFrame, cost: str) -> GlyphRenderer:
    names = ["bits_per_byte", "bits_per_byte_low", "bits_per_byte_high", *COST_FIELDS]
    labels = [visible_text(str(label)) for label in rows["label"]]
    source = ColumnDataSource(rows[names].astype(float).assign(label=labels).reset_index(drop=True))
    colour = METHOD_COLOURS[kind]
    head = TeeHead(size=10, line_color=colour)
    reach = Whisker(base=cost, source=source, line_color=colour, lower_head=head, upper_head=head)
    reach.lower, reach.upper = "bits_per_byte_low", "bits_per_byte_high"
    plot.add_layout(reach)
    fill = ["white" if reason else colour for reason in rows["diverged"]]
    source.add(fill, "fill")
    return plot.scatter(
        cost,
        "bits_per_byte",
        source=source,
        marker=MARKERS[kind],
        size=10,
        line_color=colour,
        fill_color="fill",
        legend_label=kind,
    )
