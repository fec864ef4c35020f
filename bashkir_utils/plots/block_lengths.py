"""The figure of what a short context costs along a document."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from .style import OKABE_ITO, new_figure, styled


def worth_by_place(table: pd.DataFrame, title: str) -> Figure:
    """What the short window costs in each stretch of a document, with intervals; no bar where there is no bound.

    ``table`` is that of ``block_lengths.worth_by_place``.
    """
    figure, (axes,) = new_figure(height=3.4)
    bounded = table[np.isfinite(table[["low", "high"]]).all(axis=1)]
    with styled():
        axes.axhline(0, color="#7F7F7F", linewidth=1)
        axes.vlines(bounded.index, bounded["low"], bounded["high"], color=OKABE_ITO[0], linewidth=2)
        axes.plot(table.index, table["difference"], "o", color=OKABE_ITO[0], linestyle="none")
        labels = [f"{place:,}\n({count})" for place, count in zip(table.index, table["documents"], strict=True)]
        axes.set_xticks(table.index, labels)
        axes.set(
            xlabel="first token of a stretch (documents that reach it)",
            ylabel="cost of the short window,\nbits per token",
            title=title,
        )
    return figure
