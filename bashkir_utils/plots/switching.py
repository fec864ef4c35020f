"""Figures of code-switching: what the identifier confuses, how far its probabilities hold, when models switch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from .style import LABEL_CHARACTERS, METHOD_COLOURS, OKABE_ITO, new_figure, plain, styled

LINES = ("-", "--", ":", "-.")
PEOPLE_COLOUR = "#000000"
DARK = 0.5
"""Shares above this are written in white."""


def confusions(tables: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """One panel a method of identification: share of the pieces of each language (rows) by what they are called.

    ``tables`` are those of ``errors.calibration.confusion``; under each share above 0 stands its interval.
    """
    figure, panels = new_figure(len(tables), width=4.6 * len(tables), height=4.6)
    with styled():
        for axes, (name, table) in zip(panels, tables.items(), strict=True):
            _draw_confusion(axes, table)
            axes.set(xlabel="called", ylabel="language" if axes is panels[0] else "", title=name)
        figure.suptitle(title)
    return figure


def _draw_confusion(axes: Axes, table: pd.DataFrame) -> None:
    names = list(dict.fromkeys(table.index.get_level_values("language")))
    grid = table["share"].unstack().loc[names, names].to_numpy()
    axes.imshow(grid, cmap="Blues", vmin=0, vmax=1)
    axes.grid(False)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    for row, language in enumerate(names):
        for column, called in enumerate(names):
            cell = table.loc[(language, called)]
            interval = f"\n{cell['low']:.0%}–{cell['high']:.0%}" if cell["share"] else ""
            colour = "white" if cell["share"] > DARK else "black"
            axes.text(column, row, f"{cell['share']:.0%}{interval}", ha="center", va="center", fontsize=8, color=colour)


def reliability(tables: Mapping[str, pd.DataFrame], title: str) -> Figure:
    """Share of pieces that are right against the probability given to them, with intervals.

    ``tables`` are those of ``errors.calibration.reliability``, by what the pieces are. On the line the two agree.
    """
    figure, (axes,) = new_figure(width=5.4, height=4.4)
    with styled():
        axes.plot([0, 1], [0, 1], color="#000000", linestyle="--", linewidth=1, label="as probable as right")
        for (name, table), colour, marker in zip(tables.items(), OKABE_ITO, "osD^vP", strict=False):
            reach = np.vstack([table["right"] - table["low"], table["high"] - table["right"]]).clip(min=0)
            axes.errorbar(
                table["probability"], table["right"], yerr=reach, fmt=marker, color=colour, capsize=3, label=name
            )
        lowest = min(float(table[["probability", "low"]].min().min()) for table in tables.values())
        axes.set(xlim=(lowest - 0.05, 1.02), ylim=(lowest - 0.05, 1.02), title=title)
        axes.set(xlabel="probability given", ylabel="share that is right")
        axes.legend(loc="lower right")
    return figure


def switch_curves(curves: pd.DataFrame, kinds: Mapping[str, str], language: str, title: str) -> Figure:
    """Share of continuations that have left the language by each word, one panel a method, bands for intervals.

    Args:
        curves: of ``errors.switching.switched_by_word``.
        kinds: method of each model; models without one (texts that people wrote) stand in every panel in black.
        language: its name for the axis.
        title: of the figure.
    """
    people = [name for name in dict.fromkeys(curves["model"]) if name not in kinds]
    present = list(dict.fromkeys(kinds[name] for name in dict.fromkeys(curves["model"]) if name in kinds))
    figure, panels = new_figure(max(1, len(present)), width=max(5.5, 3.3 * len(present)), height=3.8)
    last = int(curves["word"].max()) if len(curves) else 1
    with styled():
        for axes, kind in zip(panels, present or [""], strict=True):
            own = [name for name in dict.fromkeys(curves["model"]) if kinds.get(name) == kind]
            for place, name in enumerate(own):
                _draw_curve(axes, curves, name, last, METHOD_COLOURS[kind], LINES[place % len(LINES)])
            for name in people:
                _draw_curve(axes, curves, name, last, PEOPLE_COLOUR, "-")
            axes.set(xlim=(0, last + 1), ylim=(-0.02, 1.04), xlabel="word of the continuation")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.yaxis.set_major_formatter(PercentFormatter(1))
            if axes.lines:
                axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8)
        panels[0].set_ylabel(f"have left {plain(language)}")
        figure.suptitle(title, parse_math=False)
    return figure


def _draw_curve(  # noqa: PLR0913, PLR0917
    axes: Axes, curves: pd.DataFrame, name: str, last: int, colour: str, line: str
) -> None:
    own = curves[curves["model"] == name]
    # what has switched by a model's last word has switched by every later one
    words = np.concatenate([[0], own["word"], [last + 1]])
    values = {
        column: np.concatenate([[0.0], own[column].astype(float), own[column].tail(1).astype(float)])
        for column in ("switched", "low", "high")
    }
    axes.step(
        words, values["switched"], where="post", color=colour, linestyle=line, label=plain(name, LABEL_CHARACTERS)
    )
    axes.fill_between(words, values["low"], values["high"], step="post", color=colour, alpha=0.15, linewidth=0)
