"""The figure of chapter 9: how far each fault moves what a study reports."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from ..causes import times
from .style import OKABE_ITO, new_figure, styled

PANELS = (("perplexity_ratio", "token perplexity"), ("bits_ratio", "bits per byte"))
ROW_HEIGHT = 0.36
RAISED, LOWERED = OKABE_ITO[1], OKABE_ITO[0]
SAME = 0.01
"""Ratios this close to 1 are drawn as neither."""

WIDE = 1000
"""Range of ratios from which on only powers of ten are labelled."""


def jumps(measured: pd.DataFrame, title: str) -> Figure:
    """Two panels, token perplexity and bits per byte, broken over healthy (log scale), one row a fault.

    ``measured`` is that of ``causes.table``. A value that is not finite is written, not drawn.
    """
    figure, panels = new_figure(2, width=9.5, height=1.3 + ROW_HEIGHT * len(measured))
    with styled():
        for axes, (column, name) in zip(panels, PANELS, strict=True):
            _draw(axes, measured[column].to_numpy(dtype=float))
            axes.set(xscale="log", xlabel=f"{name}, broken over healthy")
            low, high = axes.get_xlim()
            # over many powers of ten, labels between them would run into each other
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if high / low < WIDE else (1,)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
            names = [str(cause) for cause in measured.index]
            axes.set_yticks(range(len(names)), names if axes is panels[0] else [""] * len(names))
            axes.grid(False, axis="y")
            axes.invert_yaxis()
        figure.suptitle(title)
    return figure


def _draw(axes: Axes, ratios: np.ndarray) -> None:
    axes.axvline(1, color="#7F7F7F", linewidth=1)
    finite = ratios[np.isfinite(ratios)]
    for row, ratio in enumerate(ratios):
        place = ratio if np.isfinite(ratio) else 1.0
        if np.isfinite(ratio):
            axes.plot([1, ratio], [row, row], color=_colour(ratio), marker="", linewidth=2)
            axes.plot(ratio, row, color=_colour(ratio), marker="o", linestyle="none")
        text = times(ratio) if np.isfinite(ratio) else "no number"
        axes.annotate(text, (max(place, 1.0), row), xytext=(7, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_ylim(-0.6, len(ratios) - 0.4)
    # room at the right for the labels, also where nothing moved
    low, high = min([0.9, *finite]), max([1.1, *finite])
    axes.set_xlim(low / (high / low) ** 0.08, high * (high / low) ** 0.35)


def _colour(ratio: float) -> str:
    if abs(ratio - 1) <= SAME:
        return "#7F7F7F"
    return RAISED if ratio > 1 else LOWERED
