"""Figures of words and copies: classes of words, kinds of wrong suffixes, runs copied from the training text."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors import wellformed as words
from .style import LABEL_CHARACTERS, OKABE_ITO, new_figure, plain, styled

CLASS_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        words.ATTESTED: "#0072B2",
        words.READ: "#56B4E9",
        words.REGULAR: "#009E73",
        words.WRONG: "#D55E00",
        words.INVENTED: "#E69F00",
        words.UNREAD: "#CC79A7",
        words.FOREIGN: "#7F7F7F",
        words.BROKEN: "#000000",
        words.NUMBER: "#F0E442",
    }
)
"""The colour of each class of words, in the order in which they are stacked: well-formed ones first."""
_LIGHT = frozenset({"#F0E442", "#56B4E9", "#E69F00"})
COPY_PANELS: Mapping[str, str] = MappingProxyType(
    {
        "longest_words": "longest copied run (words)",
        "longest_characters": "longest copied run (characters)",
        "copied_words": "share of 5-word runs copied",
        "copied_characters": "share of 20-character runs copied",
    }
)
"""Columns of ``errors.memorisation.memorisation_table`` that are drawn, and their axes."""


def class_bars(shares: pd.DataFrame, title: str) -> Figure:
    """Stacked bars of the classes of each model's words (``errors.wellformed.class_shares``), good ones first."""
    table = shares.pivot_table(index="model", columns="class", values="share", sort=False)
    figure, (axes,) = new_figure(width=9.0, height=1.7 + 0.42 * len(table))
    left = np.zeros(len(table))
    with styled():
        for name, colour in CLASS_COLOURS.items():
            values = table[name].to_numpy() if name in table else np.zeros(len(table))
            bars = axes.barh(range(len(table)), values, left=left, color=colour, edgecolor="white", label=name)
            texts = [f"{value:.0%}" if value >= 0.06 else "" for value in values]
            axes.bar_label(bars, texts, label_type="center", fontsize=9, color="black" if colour in _LIGHT else "white")
            left = left + values
        axes.set(xlim=(0, 1), xlabel="share of words")
        axes.set_title(title, parse_math=False)
        axes.grid(False)
        _rows(axes, table.index)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def share_dots(table: pd.DataFrame, names: Mapping[str, str], title: str) -> Figure:
    """One panel a measure: a dot and its interval for each row.

    Args:
        table: by model; for each measure a column, and its interval in the columns with ``_low`` and ``_high`` behind.
        names: measures to draw, and what to write on their axes, with units.
        title: of the figure.
    """
    figure, panels = new_figure(len(names), width=2.6 * len(names) + 1.6, height=1.6 + 0.34 * len(table))
    with styled():
        for axes, (measure, label), colour in zip(panels, names.items(), OKABE_ITO, strict=False):
            value = table[measure].to_numpy(dtype=float)
            ends = [value - table[f"{measure}_low"].to_numpy(), table[f"{measure}_high"].to_numpy() - value]
            reach = np.nan_to_num(np.vstack(ends).astype(float)).clip(min=0)
            axes.errorbar(value, range(len(table)), xerr=reach, fmt="o", color=colour, capsize=3)
            axes.set(xlabel=label, ylim=(-0.6, len(table) - 0.4))
            axes.set_xlim(left=0)
            _rows(axes, table.index if axes is panels[0] else [""] * len(table))
        figure.suptitle(title, parse_math=False)
    return figure


def copies(table: pd.DataFrame, title: str) -> Figure:
    """What each model copied (``errors.memorisation.memorisation_table``), with intervals; one panel a measure."""
    return share_dots(table, COPY_PANELS, title)


def error_rates(table: pd.DataFrame, title: str) -> Figure:
    """What became of words broken on purpose and of untouched ones (``errors.corruptions.error_rates``), as bars."""
    long = table[list(CLASS_COLOURS)].rename_axis("model").reset_index().melt("model", var_name="class")
    return class_bars(long.rename(columns={"value": "share"}), title)


def _rows(axes: Axes, names: pd.Index | list[str]) -> None:
    axes.set_yticks(range(len(names)), [plain(str(name), LABEL_CHARACTERS) for name in names])
    axes.grid(False, axis="y")
    axes.invert_yaxis()
