"""One look for every figure: colour-blind-safe colours (Okabe and Ito, 2008), one colour for a method everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes

from ..markup import visible_text
from .figure_data import DataFigure

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
METHOD_COLOURS = MappingProxyType(
    {"zero_shot": "#7F7F7F", "full": "#0072B2", "lora": "#D55E00", "qlora": "#009E73", "paper": "#CC79A7"}
)
METHOD_MARKERS = MappingProxyType({"zero_shot": "x", "full": "s", "lora": "o", "qlora": "^", "paper": "D"})
RC: MappingProxyType[Any, Any] = MappingProxyType(
    {
        "figure.dpi": 110,
        "savefig.bbox": "tight",
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "axes.prop_cycle": cycler(color=OKABE_ITO),
        "legend.frameon": False,
    }
)


LABEL_CHARACTERS = 60
"""Of a label that has room."""


@contextmanager
def styled() -> Iterator[None]:
    """Draw inside this block in the book's style; the reader's own settings come back after it."""
    with mpl.rc_context(dict(RC)):
        yield


def new_figure(
    columns: int = 1, *, rows: int = 1, width: float = 7.0, height: float = 3.6, ratios: Sequence[float] | None = None
) -> tuple[DataFigure, list[Axes]]:
    """A figure with ``columns`` axes side by side, row by row; sizes in inches. It is not registered with pyplot.

    ``ratios`` are those of the heights of the rows; None makes them alike.
    """
    with styled():
        figure = DataFigure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, height_ratios=ratios).ravel()
    return figure, list(axes)


def plain(name: str, limit: int = 40) -> str:
    """A name of unknown origin as a label: signs that do not print made visible, and no formula between dollars."""
    return visible_text(name, limit).replace("$", r"\$")
