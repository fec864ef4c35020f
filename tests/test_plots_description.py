"""What is said of a figure to those who hear it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from bashkir_utils.plots.description import LONGEST, description
from bashkir_utils.plots.figure_data import COLUMNS, figure_table
from bashkir_utils.plots.style import new_figure


def test_a_curve_is_told_by_its_ends_and_its_range():
    figure, (axes,) = new_figure()
    axes.plot([0, 128_000, 256_000], [2.93, 1.25, 1.376], label="full")
    axes.plot([256_000], [1.5], label="LoRA r8")
    axes.axhline(2.5)
    axes.set(xlabel="training tokens", ylabel="bits per byte")
    assert description(figure_table(figure)) == (
        "bits per byte against training tokens. full: from 2.93 at 0 to 1.38 at 256,000, between 1.25 and 2.93. "
        "LoRA r8: 1.5 at 256,000."
    )


def test_bars_with_names_are_told_one_by_one_and_many_are_counted():
    figure, (axes,) = new_figure()
    axes.barh(range(8), [0.25] * 8, label="Bashkir")
    axes.set_yticks(range(8), [f"way {number}" for number in range(8)])
    told = description(figure_table(figure))
    assert told.startswith("Vertical axis against horizontal axis. Bashkir: way 0 0.25; way 1 0.25; ")
    assert told.endswith("way 5 0.25 and 2 more.")


def test_panels_and_cells():
    figure, panels = new_figure(2)
    panels[0].imshow(np.array([[1.0, 2.0], [3.0, np.nan]]))
    panels[1].plot([1], [2])
    panels[1].set_title("second")
    assert description(figure_table(figure)) == (
        "Panel 1: Vertical axis against horizontal axis. Cells from 1 to 3. "
        "Panel second: Vertical axis against horizontal axis. 2 at 1."
    )


def test_what_is_too_much_to_hear_is_left_to_the_data():
    figure, (axes,) = new_figure()
    for number in range(11):
        axes.plot([1, 2], [number, number], label=f"run {number}")
    assert description(figure_table(figure)).endswith(" 3 more series are in the data.")


def test_nothing_drawn_is_nothing_said():
    assert description(pd.DataFrame(columns=list(COLUMNS))) == ""


VALUES = st.none() | st.text(max_size=300) | st.floats()


@settings(deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(("x", "y", "series"), VALUES)), max_size=30))
def test_any_table_is_told_in_one_short_line(rows):
    table = pd.DataFrame(rows, columns=["x", "y", "series"], dtype=object).assign(panel="1")
    told = description(table)
    assert "\n" not in told
    assert len(told) <= LONGEST
