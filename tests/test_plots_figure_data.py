import io

import numpy as np
import pandas as pd
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.core.pylabtools import select_figure_formats
from matplotlib.ticker import FixedLocator, FuncFormatter

from bashkir_utils.markup import CSV_TYPE
from bashkir_utils.plots.figure_data import figure_table
from bashkir_utils.plots.style import new_figure


def records(figure) -> list[dict]:
    return figure_table(figure).to_dict("records")


def test_points_of_lines_and_scatters_have_their_series_and_axes():
    figure, (axes,) = new_figure()
    axes.plot([1, 2], [3, 4], label="a")
    axes.scatter([5], [6], label="b")
    axes.set(xlabel="tokens", ylabel="bits")
    ends = {"panel": "1", "x_label": "tokens", "y_label": "bits"}
    assert records(figure) == [
        {"series": "a", "x": 1, "y": 3} | ends,
        {"series": "a", "x": 2, "y": 4} | ends,
        {"series": "b", "x": 5, "y": 6} | ends,
    ]


def test_a_line_across_the_panel_has_one_coordinate():
    figure, (axes,) = new_figure()
    axes.axhline(2.5, label="as it came")
    axes.axvline(7)
    assert figure_table(figure)[["x", "y"]].replace(np.nan, None).to_numpy().tolist() == [[None, 2.5], [7, None]]


def test_bars_are_named_by_their_ticks_and_stacked_ones_have_their_ends():
    figure, (axes,) = new_figure()
    axes.barh([0, 1], [0.25, 0.5], label="ba")
    axes.barh([0, 1], [0.75, 0.5], left=[0.25, 0.5], label="ru")
    axes.set_yticks([0, 1], ["full", "lora"])
    table = figure_table(figure).set_index(["series", "y"])
    assert table.loc[("ba", "full"), "x"] == 0.25
    assert table.loc[("ru", "lora"), ["x", "low", "high"]].tolist() == [0.5, 0.5, 1.0]


def test_bars_side_by_side_and_bars_at_words_have_their_names():
    figure, (axes, other) = new_figure(2)
    axes.barh([-0.19, 0.81], [1, 2], height=0.38, label="computed")
    axes.barh([0.19, 1.19], [3, 4], height=0.38, label="measured")
    axes.set_yticks([0, 1], ["full", "lora"])
    other.bar(["head", "body"], [5, 6])
    assert figure_table(figure)["y"].tolist() == ["full", "lora", "full", "lora", 5, 6]
    assert figure_table(figure)["x"].tolist() == [1, 2, 3, 4, "head", "body"]


def test_numbers_between_formatted_ticks_stay_numbers():
    figure, (axes,) = new_figure()
    axes.plot([10, 10.3], [1, 2])
    axes.xaxis.set_major_locator(FixedLocator([10, 20]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f} k"))
    assert figure_table(figure)["x"].tolist() == ["10 k", 10.3]


def test_intervals_stand_beside_their_points_and_are_not_drawn_twice():
    figure, (axes,) = new_figure()
    axes.errorbar([1, 2], [10.0, 20.0], yerr=[[1, 2], [3, 4]], capsize=3, label="runs")
    axes.errorbar([5.0], [0], xerr=[[1], [2]], label="lies")
    axes.hlines([4], [6], [8])
    found = figure_table(figure)[["x", "y", "low", "high"]].replace(np.nan, None).to_numpy().tolist()
    assert found == [[1, 10, 9, 13], [2, 20, 18, 24], [5, 0, 4, 7], [None, 4, 6, 8]]


def test_an_interval_that_goes_to_no_number_is_left_empty():
    figure, (axes,) = new_figure()
    axes.errorbar([1, 2], [10.0, 20.0], yerr=[[1, np.nan], [3, np.nan]], label="runs")
    axes.hlines([4, 5], [6, np.nan], [8, np.nan])
    found = figure_table(figure)[["x", "y", "low", "high"]].replace(np.nan, None).to_numpy().tolist()
    assert found == [[1, 10, 9, 13], [2, 20, None, None], [None, 4, 6, 8]]


def test_cells_of_an_image_have_their_row_and_column():
    figure, (axes,) = new_figure()
    axes.imshow(np.array([[1.0, 2.0], [3.0, np.nan]]))
    axes.set_xticks([0, 1], ["p", "q"])
    table = figure_table(figure)
    assert table[["x", "y", "value"]].iloc[2].tolist() == ["p", 1, 3.0]


def test_panels_are_told_apart():
    figure, panels = new_figure(2)
    for number, axes in enumerate(panels):
        axes.plot([0], [number])
    panels[1].set_title("second")
    assert figure_table(figure)["panel"].tolist() == ["1", "second"]


def test_a_notebook_gets_picture_and_data_and_a_given_table_wins():
    figure, (axes,) = new_figure()
    axes.plot([1], [2], label="=cmd()")
    formatter = DisplayFormatter()
    shell = type("Shell", (), {"display_formatter": formatter})()
    select_figure_formats(shell, {"png"})
    found, about = formatter.format(figure)
    assert set(found) >= {"image/png", CSV_TYPE}
    assert about == {"image/png": {"alt": "Vertical axis against horizontal axis. =cmd(): 2 at 1."}}
    assert pd.read_csv(io.StringIO(found[CSV_TYPE]))["series"].tolist() == ["'=cmd()"]
    figure.data = pd.DataFrame({"run": ["a"]})
    assert formatter.format(figure)[0][CSV_TYPE] == "run\na\n"


@pytest.mark.parametrize("empty", [True, False])
def test_a_figure_without_data_offers_none(empty):
    figure, (axes,) = new_figure()
    if not empty:
        axes.plot([1], [1])
    data, about = figure._repr_mimebundle_()
    assert (CSV_TYPE in data) == ("image/png" in about) == (not empty)
