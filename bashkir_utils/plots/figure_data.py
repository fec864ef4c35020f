"""The numbers behind a figure, read from what is drawn, so that every figure of the book can be downloaded as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryFormatter
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator, FuncFormatter

from ..markup import CSV_TYPE, csv_text
from .description import description

INTERACTIVE_TYPE = "application/vnd.bashkir.interactive"
"""The type of an output's interactive copy; ``book`` puts it on the page."""
PICTURE_TYPE = "image/png"
BESIDE = 0.45
"""How far from its tick a bar or point with a name may lie; names are 1 apart."""
COLUMNS = ("panel", "series", "x", "y", "low", "high", "value", "x_label", "y_label")


class DataFigure(Figure):
    """A figure that hands its numbers to a notebook beside its picture."""

    data: pd.DataFrame | None = None
    """Replaces what would be read from the figure."""
    interactive: str | None = None
    """The same figure for a browser: JSON of ``interactive``."""

    @property
    def table(self) -> pd.DataFrame:
        """The numbers that a reader can take: ``data``, or what is drawn."""
        return figure_table(self) if self.data is None else self.data

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """The data, and as metadata of the picture what it shows in words."""
        drawn, table = figure_table(self), self.table
        bundle = {} if table.empty else {CSV_TYPE: csv_text(table)}
        interactive = {} if self.interactive is None else {INTERACTIVE_TYPE: self.interactive}
        words = description(drawn)
        return bundle | interactive, {PICTURE_TYPE: {"alt": words}} if words else {}


def figure_table(figure: Figure) -> pd.DataFrame:
    """One row for each point, bar, interval or cell that is drawn; columns of ``COLUMNS`` that hold something.

    low and high are the ends of an interval along the axis on which it lies (of a bar that begins elsewhere than at 0,
    its ends); ``value`` is that of a cell of an image. Positions on an axis with named ticks are those names.
    """
    rows = [row for number, axes in enumerate(figure.axes, 1) for row in _panel(axes, number)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.loc[:, [name for name in table if not table[name].isna().all() and any(table[name] != "")]]


def _panel(axes: Axes, number: int) -> Iterator[dict[str, Any]]:
    common = {"panel": axes.get_title() or str(number), **_axis_labels(axes)}
    drawn = [*_containers(axes), *_lines(axes), *_collections(axes), *_images(axes)]
    for row in drawn:
        named = {name: _named(axis, row.get(name)) for name, axis in (("x", axes.xaxis), ("y", axes.yaxis))}
        yield {**common, **row, **named}


def _axis_labels(axes: Axes) -> dict[str, str]:
    return {"x_label": " ".join(axes.get_xlabel().split()), "y_label": " ".join(axes.get_ylabel().split())}


def _named(axis: Axis, place: Any) -> Any:
    """The name of a tick where the axis has names, else the number; bars beside each other share a name."""
    if place is None or not (_has_names(axis) or _has_formatted_ticks(axis)):
        return place
    places = np.asarray(axis.get_majorticklocs(), dtype=float)
    nearest = int(np.argmin(np.abs(places - float(place)))) if places.size else 0
    reach = BESIDE if _has_names(axis) else 1e-6
    if not places.size or abs(places[nearest] - float(place)) > reach:
        return place
    # a dollar is escaped in a label, or it would begin a formula
    return axis.get_major_formatter().format_ticks(list(places))[nearest].replace(r"\$", "$") or place


def _has_names(axis: Axis) -> bool:
    """Whether each tick was given a name, as ``set_xticks(places, names)`` does, or its places are words."""
    formatter = axis.get_major_formatter()
    given = isinstance(formatter, FuncFormatter) and isinstance(formatter.func, partial)
    return given or isinstance(formatter, FixedFormatter | StrCategoryFormatter)


def _has_formatted_ticks(axis: Axis) -> bool:
    return isinstance(axis.get_major_locator(), FixedLocator) and isinstance(axis.get_major_formatter(), FuncFormatter)


def _label(artist: Any) -> str:
    label = str(artist.get_label())
    return "" if label.startswith("_") else label


def _containers(axes: Axes) -> Iterator[dict[str, Any]]:
    for container in axes.containers:
        if isinstance(container, BarContainer):
            yield from _bars(container)
        elif isinstance(container, ErrorbarContainer):
            yield from _errorbars(container)


def _bars(container: BarContainer) -> Iterator[dict[str, Any]]:
    lies = container.orientation == "horizontal"
    for bar in container.patches:
        place = bar.get_y() + bar.get_height() / 2 if lies else bar.get_x() + bar.get_width() / 2
        start, size = (bar.get_x(), bar.get_width()) if lies else (bar.get_y(), bar.get_height())
        ends = {} if start == 0 else {"low": start, "high": start + size}
        yield {"series": _label(container), **({"x": size, "y": place} if lies else {"x": place, "y": size}), **ends}


def _errorbars(container: ErrorbarContainer) -> Iterator[dict[str, Any]]:
    line, _, reaches = container.lines
    segments = [segment for reach in reaches for segment in reach.get_segments()]
    upright = bool(container.has_yerr)
    if line is None:
        yield from (_interval(segment, _label(container)) for segment in segments if segment.size)
        return
    for place, (x, y) in enumerate(zip(*map(np.atleast_1d, line.get_data(orig=False)), strict=True)):
        ends = _ends(segments[place], upright) if place < len(segments) else (None, None)
        yield {"series": _label(container), "x": x, "y": y, "low": ends[0], "high": ends[1]}


def _ends(segment: np.ndarray, upright: bool) -> tuple[float | None, float | None]:
    """Low and high end of a stroke; one that goes to no number is empty."""
    if not segment.size:
        return None, None
    along = segment[:, 1 if upright else 0]
    return float(along.min()), float(along.max())


def _lines(axes: Axes) -> Iterator[dict[str, Any]]:
    for line in axes.lines:
        if not _of_errorbar(axes, line):
            yield from _points(axes, line)


def _of_errorbar(axes: Axes, line: Line2D) -> bool:
    inside = [each for each in axes.containers if isinstance(each, ErrorbarContainer)]
    return any(line is each.lines[0] or line in each.lines[1] for each in inside)


def _points(axes: Axes, line: Line2D) -> Iterator[dict[str, Any]]:
    """The points of a line; a line across the whole panel has one coordinate only."""
    by_x, by_y = line.get_transform().contains_branch_seperately(axes.transData)
    points = zip(*map(np.asarray, line.get_data(orig=False)), strict=True)
    if by_x and by_y:
        yield from ({"series": _label(line), "x": x, "y": y} for x, y in points)
    elif by_x or by_y:
        x, y = next(points)
        yield {"series": _label(line), **({"x": x} if by_x else {"y": y})}


def _collections(axes: Axes) -> Iterator[dict[str, Any]]:
    reaches = [reach for each in axes.containers if isinstance(each, ErrorbarContainer) for reach in each.lines[2]]
    for collection in axes.collections:
        if isinstance(collection, PathCollection):
            yield from ({"series": _label(collection), "x": x, "y": y} for x, y in np.asarray(collection.get_offsets()))
        elif isinstance(collection, LineCollection) and collection not in reaches:
            drawn = (segment for segment in collection.get_segments() if segment.size)
            yield from (_interval(segment, _label(collection)) for segment in drawn)


def _interval(segment: np.ndarray, label: str) -> dict[str, Any]:
    """An interval that lies along one axis, at its place on the other."""
    (x, y), (x_end, y_end) = segment[0], segment[-1]
    if y == y_end:
        return {"series": label, "y": y, "low": min(x, x_end), "high": max(x, x_end)}
    return {"series": label, "x": x, "low": min(y, y_end), "high": max(y, y_end)}


def _images(axes: Axes) -> Iterator[dict[str, Any]]:
    for image in axes.images:
        array = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
        if array.ndim == 2:
            for (y, x), value in np.ndenumerate(array):
                yield {"series": _label(image), "x": x, "y": y, "value": value}
