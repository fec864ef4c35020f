"""Figures of what people said of texts."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from ..rating import PEOPLE, QUESTIONS
from .style import OKABE_ITO, new_figure, plain, styled


def means(summary: pd.DataFrame, title: str) -> Figure:
    """Mean of each question for each way with its interval, one panel a question; people's text is a diamond.

    Args:
        summary: from :func:`~bashkir_utils.rating.summarise_ratings`.
        title: says whose ratings they are.
    """
    figure, panels = new_figure(len(QUESTIONS), width=9.0, height=0.38 * len(summary) + 1.5)
    rows = range(len(summary))
    with styled():
        for axes, (name, words) in zip(panels, QUESTIONS.items(), strict=True):
            axes.hlines(rows, summary[f"{name}_low"].to_numpy(), summary[f"{name}_high"].to_numpy(), color="#000000")
            for row, (way, value) in enumerate(summary[name].items()):
                people = way == PEOPLE
                axes.plot(value, row, marker="D" if people else "o", color=OKABE_ITO[1 if people else 0])
            axes.set(xlim=(-0.05, 1.05) if name == "in_bashkir" else (0.8, 5.2), xlabel=words)
            labels = [plain(str(way)) for way in summary.index]
            axes.set_yticks(list(rows), labels if axes is panels[0] else [""] * len(summary))
            axes.invert_yaxis()
        figure.suptitle(title, parse_math=False)
    return figure
