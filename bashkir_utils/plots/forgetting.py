"""Figure of forgetting: what is lost in other languages against what is gained in the one that is learned."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..forgetting_report import LANGUAGES, forgetting_table, why_empty
from ..report import StudyReport
from .style import METHOD_COLOURS, METHOD_MARKERS, new_figure, styled


def forgetting_against_gain(report: StudyReport, title: str) -> Figure:
    """One panel a language: change of bits per byte (up is forgotten) against the gain on the test documents.

    Each mark is a row of ``forgetting_table``. A dotted line leads from what QLoRA's training does to the whole change,
    rounding to 4 bits included.
    """
    table = forgetting_table(report)
    languages = list(dict.fromkeys(table["language"])) if len(table) else []
    figure, panels = new_figure(max(len(languages), 1), width=4.6 * max(len(languages), 1), height=4.2)
    with styled():
        for axes, language in zip(panels, languages, strict=False):
            _draw(axes, table[table["language"] == language])
            axes.set_title(LANGUAGES.get(str(language), str(language)))
        if not languages:
            panels[0].text(0.5, 0.5, why_empty(report), transform=panels[0].transAxes, ha="center", wrap=True)
        figure.suptitle(title)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    axes.axhline(0, color="#000000", linestyle="--", linewidth=1)
    seen: set[str] = set()
    named = False
    for row in rows.to_dict("records"):
        ends = [row["difference"] - row["low"], row["high"] - row["difference"]]
        reach = [[end] for end in ends] if np.isfinite(ends).all() else None
        kind = str(row["kind"])
        axes.errorbar(
            row["gain"],
            row["difference"],
            yerr=reach,
            capsize=3,
            color=METHOD_COLOURS[kind],
            marker=METHOD_MARKERS[kind],
            # ways of one kind share its colour: all but the first are hollow
            markerfacecolor="white" if kind in seen else METHOD_COLOURS[kind],
            linestyle="none",
            label=str(row["label"]),
        )
        seen.add(kind)
        if row["change"] == "training" and np.isfinite(row["whole"]):
            axes.plot(
                [row["gain"], row["whole_gain"]],
                [row["difference"], row["whole"]],
                linestyle=":",
                marker=".",
                markevery=[1],
                color=METHOD_COLOURS[kind],
                label=None if named else "with the rounding",
            )
            named = True
    axes.set(xlabel="gain on the test documents, bits per byte", ylabel="change, bits per byte (up: forgotten)")
    axes.margins(x=0.2, y=0.15)
    axes.legend(fontsize=8)
