"""Figures of loss by place: groups of the test text under several models, and what one gains over another."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..errors.gains import OPEN
from ..exceptions import RunError
from ..markup import visible_text
from .style import OKABE_ITO, new_figure, styled

COLUMNS = 2
ROW_HEIGHT = 0.3
LABEL_CHARACTERS = 34
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST_MODELS = len(MARKERS)
_LOOKS = tuple((colour, marker, colour) for colour, marker in zip(OKABE_ITO, MARKERS, strict=True))
_OPEN_LOOK = ("#7F7F7F", "D", "white")
"""Colour, marker and the marker's inside."""


def loss_by_place(table: pd.DataFrame, title: str, *, confidence: float) -> Figure:
    """Bits per byte of every group with its interval, one panel a kind, one colour and one marker a model.

    Args:
        table: from ``errors.places.place_table``, of at most ``MOST_MODELS`` models.
        title: of the figure.
        confidence: of the table's intervals.

    Raises:
        RunError: there are more models than can be told apart.
    """
    models = list(dict.fromkeys(table["model"]))
    if len(models) > MOST_MODELS:
        raise RunError(f"{len(models)} models cannot be told apart in one figure; choose {MOST_MODELS}")
    panels = {str(kind): _groups(rows) for kind, rows in table.groupby("kind", sort=False)}
    ends = table[["bits_per_byte", "low", "high"]].to_numpy()
    margin = 0.04 * (np.nanmax(ends) - np.nanmin(ends)) or 0.1
    limits = (np.nanmin(ends) - margin, np.nanmax(ends) + margin)
    figure, axes = _panels(list(panels.values()))
    with styled():
        for each, (kind, groups) in zip(axes, panels.items(), strict=False):
            for place, model in enumerate(models):
                rows = table[(table["kind"] == kind) & (table["model"] == model)]
                _draw_model(each, rows, groups, place, len(models))
            _name_groups(each, groups, kind)
            each.set(xlim=limits, xlabel=f"bits per byte, {confidence:.0%} interval")
        _legend(figure, axes[0], [(_inert(model), *look) for model, look in zip(models, _LOOKS, strict=False)])
        figure.suptitle(title, parse_math=False)
    return figure


def gains(table: pd.DataFrame, first: str, second: str, title: str) -> Figure:
    """Bits per byte of ``first`` less those of ``second`` in every group, one panel a kind; open where 0 is possible.

    ``table`` is that of ``errors.gains.place_gains``; a group that bears no interval is a hollow point without a line.
    """
    panels = {str(kind): _groups(rows) for kind, rows in table.groupby("kind", sort=False)}
    looks = {first: _LOOKS[0], second: _LOOKS[1], OPEN: _OPEN_LOOK}
    figure, axes = _panels(list(panels.values()))
    with styled():
        for each, (kind, groups) in zip(axes, panels.items(), strict=False):
            each.axvline(0, color="#000000", linestyle="--", linewidth=1)
            for name, look in looks.items():
                _draw_gains(each, table[(table["kind"] == kind) & (table["gains"] == name)], groups, look)
            _name_groups(each, groups, kind)
            each.set(xlabel="difference, bits per byte")
        _legend(
            figure,
            axes[0],
            [(_inert(name) if name == OPEN else f"{_inert(name)} is ahead", *look) for name, look in looks.items()],
        )
        figure.suptitle(visible_text(title), parse_math=False)
    return figure


def _groups(rows: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(rows["group"]))


def _panels(groups: Sequence[Sequence[str]]) -> tuple[Figure, list[Axes]]:
    """Axes in ``COLUMNS`` columns, as high as the kind with most groups; what is left over is taken away."""
    rows = math.ceil(len(groups) / COLUMNS)
    heights = [max(map(len, groups[row * COLUMNS : (row + 1) * COLUMNS])) for row in range(rows)]
    figure, axes = new_figure(
        COLUMNS, rows=rows, width=10.5, height=1.4 + sum(0.9 + ROW_HEIGHT * height for height in heights)
    )
    grid = axes[0].get_gridspec()
    if grid is not None:
        grid.set_height_ratios([0.9 + ROW_HEIGHT * height for height in heights])
    for spare in axes[len(groups) :]:
        spare.remove()
    return figure, axes[: len(groups)]


def _draw_model(axes: Axes, rows: pd.DataFrame, groups: Sequence[str], place: int, models: int) -> None:
    """Models stand a little apart, so that their intervals can be told."""
    height = [groups.index(group) + (place - (models - 1) / 2) * 0.7 / models for group in rows["group"]]
    colour, marker, _ = _LOOKS[place]
    value = rows["bits_per_byte"].to_numpy()
    reach = np.vstack([value - rows["low"], rows["high"] - value])
    axes.errorbar(
        value,
        height,
        xerr=np.nan_to_num(reach).clip(min=0),
        fmt=marker,
        color=colour,
        markersize=4,
        linewidth=1,
    )


def _draw_gains(axes: Axes, rows: pd.DataFrame, groups: Sequence[str], look: tuple[str, str, str]) -> None:
    colour, marker, inside = look
    value = rows["difference"].to_numpy(dtype=float)
    reach = np.vstack([value - rows["low"], rows["high"] - value])
    axes.errorbar(
        value,
        [groups.index(group) for group in rows["group"]],
        xerr=np.where(np.isfinite(reach), reach, 0).clip(min=0),
        fmt=marker,
        color=colour,
        markerfacecolor=inside,
        markersize=5,
        linewidth=1,
        capsize=2,
    )


def _legend(figure: Figure, axes: Axes, entries: Sequence[tuple[str, str, str, str]]) -> None:
    handles = [
        axes.plot([], [], marker, color=colour, markerfacecolor=inside, linestyle="none", label=name)[0]
        for name, colour, marker, inside in entries
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 3))


def _name_groups(axes: Axes, groups: Sequence[str], kind: str) -> None:
    axes.set_yticks(range(len(groups)), [_inert(group) for group in groups])
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.set_title(kind, loc="left", fontsize=10, parse_math=False)


def _inert(name: str) -> str:
    """A name of unknown origin for a figure; its dollar signs stay signs."""
    return visible_text(name, LABEL_CHARACTERS).replace("$", r"\$")
