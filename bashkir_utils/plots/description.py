"""What a figure shows, in words, for readers who hear the page: kinds of axes, series, where each begins and ends."""

from __future__ import annotations

from numbers import Real
from typing import Any

import pandas as pd

MOST_PANELS = 6
MOST_SERIES = 8
MOST_NAMED = 6
"""Places of an axis with names that are told one by one, for each series."""
LONGEST = 1500
"""Characters; more is no longer listened to."""


def description(table: pd.DataFrame) -> str:
    """Sentences on the numbers of a figure; empty where none are drawn.

    Args:
        table: as :func:`~bashkir_utils.plots.figure_data.figure_table` gives it.
    """
    if table.empty:
        return ""
    panels = list(table.groupby("panel", sort=False))
    told = [_panel(rows, f"Panel {name}: " if len(panels) > 1 else "") for name, rows in panels[:MOST_PANELS]]
    return _cut(" ".join([*told, *_left_out(len(panels), MOST_PANELS, "panels")]))


def _panel(rows: pd.DataFrame, opening: str) -> str:
    axes = f"{_axis_name(rows, 'y') or 'Vertical axis'} against {_axis_name(rows, 'x') or 'horizontal axis'}."
    if "value" in rows and rows["value"].notna().any():
        return f"{opening}{axes} Cells from {_number(rows['value'].min())} to {_number(rows['value'].max())}."
    series = list(rows.assign(series=rows.get("series", "")).groupby("series", sort=False, dropna=False))
    told = [_series(str(name), part) for name, part in series[:MOST_SERIES]]
    return " ".join([f"{opening}{axes}", *filter(None, told), *_left_out(len(series), MOST_SERIES, "series")])


def _axis_name(rows: pd.DataFrame, axis: str) -> str:
    names = rows[f"{axis}_label"] if f"{axis}_label" in rows else pd.Series(dtype=str)
    return next((str(name) for name in names if name), "")


def _series(name: str, rows: pd.DataFrame) -> str:
    """One sentence on what a series does; the unnamed one has no name in front."""
    x, y = ([] if axis not in rows else rows[axis].tolist() for axis in ("x", "y"))
    points = [(a, b) for a, b in zip(x, y, strict=False) if _there(a) and _there(b)]
    opening = f"{name}: " if name else ""
    if not points:
        return ""
    if named := _named(points):
        more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        return f"{opening}{'; '.join(named[:MOST_NAMED])}{more}."
    (x_first, y_first), (x_last, y_last) = points[0], points[-1]
    if len(points) == 1:
        return f"{opening}{_number(y_first)} at {_number(x_first)}."
    lowest, highest = min(b for _, b in points), max(b for _, b in points)
    ends = f"from {_number(y_first)} at {_number(x_first)} to {_number(y_last)} at {_number(x_last)}"
    return f"{opening}{ends}, between {_number(lowest)} and {_number(highest)}."


def _named(points: list[tuple[Any, Any]]) -> list[str]:
    """Name and number of each point, where one of the axes has names and the other numbers."""
    for name, number in ((0, 1), (1, 0)):
        if all(isinstance(point[name], str) and _is_number(point[number]) for point in points):
            return [f"{point[name]} {_number(point[number])}" for point in points]
    return [] if all(_is_number(a) and _is_number(b) for a, b in points) else [f"{a} {b}" for a, b in points]


def _is_number(value: Any) -> bool:
    return isinstance(value, Real)


def _there(value: Any) -> bool:
    return isinstance(value, str) or bool(pd.notna(value))


def _number(value: Any) -> str:
    number = float(value)
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def _left_out(count: int, limit: int, what: str) -> list[str]:
    return [f"{count - limit} more {what} are in the data."] if count > limit else []


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1].rstrip()}…"
