"""The picture of the front page: bits per byte of every way of adaptation, as a file that is the same each time."""

from __future__ import annotations

import io

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from ..comparisons import Arm, arms
from ..report import StudyReport
from .figure_data import DataFigure
from .style import METHOD_COLOURS, METHOD_MARKERS, new_figure, plain, styled

ROW_HEIGHT = 0.42
ID_SALT = "bashkir"
"""Without one, Matplotlib draws the ids inside an SVG at random."""


def ways(report: StudyReport) -> DataFigure:
    """Mean bits per byte of every way that has a run, with its range (``Arm.range``) and its value beside it."""
    found = [arm for arm in arms(report) if arm.runs]
    figure, (axes,) = new_figure(height=1.3 + ROW_HEIGHT * len(found))
    rows = [(arm.label, arm.mean, *arm.range, len(arm.runs)) for arm in found]
    figure.data = pd.DataFrame(rows, columns=["way", "bits_per_byte", "low", "high", "runs"])
    with styled():
        for place, arm in enumerate(found):
            low, high = arm.range
            colour = METHOD_COLOURS[arm.kind]
            axes.plot([low, high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
            axes.plot(arm.mean, place, METHOD_MARKERS[arm.kind], color=colour)
            axes.annotate(f"{arm.mean:.3f}", (high, place), (8, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(found)), [plain(arm.label) for arm in found])
        axes.set(
            ylim=(len(found) - 0.5, -0.5), xlabel=f"bits per byte on the test documents\n({_lines(report, found)})"
        )
        axes.margins(x=0.12)
        axes.grid(False, axis="y")
    return figure


def _lines(report: StudyReport, found: list[Arm]) -> str:
    """What the lines of the picture are."""
    over_documents = f"{report.confidence:.0%} interval over documents"
    if all(len(arm.runs) == 1 for arm in found):
        return over_documents
    return f"range over seeds; of one run, {over_documents}"


def as_svg(figure: Figure, description: str) -> bytes:
    """A figure as SVG on white, without date or version, described for those who cannot see it."""
    metadata = {"Title": description, "Date": None, "Creator": None}
    stream = io.BytesIO()
    with styled(), mpl.rc_context({"svg.hashsalt": ID_SALT}):
        figure.savefig(stream, format="svg", metadata=metadata, facecolor="white")
    return stream.getvalue()
