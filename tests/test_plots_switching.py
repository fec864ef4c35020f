import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from bashkir_utils.errors.identifier import CLASSES
from bashkir_utils.plots import switching
from bashkir_utils.plots.style import METHOD_COLOURS, plain

CURVES = pd.DataFrame(
    [
        ["full · 1", 1, 0.1, 0.0, 0.2, 10],
        ["full · 1", 5, 0.5, 0.4, 0.6, 7],
        ["full · 2", 3, 0.3, 0.2, 0.4, 10],
        ["lora", 2, 0.0, np.nan, np.nan, 10],
        ["people", 8, 0.05, 0.0, 0.1, 4],
    ],
    columns=["model", "word", "switched", "low", "high", "reached"],
)
KINDS = {"full · 1": "full", "full · 2": "full", "lora": "lora", "unseen": "qlora"}


def confusion():
    index = pd.MultiIndex.from_product([CLASSES, CLASSES], names=["language", "called"])
    share = np.eye(len(CLASSES)).ravel()
    share[1], share[0] = 0.3, 0.7
    table = pd.DataFrame({"share": share, "low": share * 0.9, "high": np.minimum(1, share + 0.05)}, index=index)
    return table.sample(frac=1, random_state=0).loc[list(index)]


def test_confusions_say_share_and_interval_of_every_cell(tmp_path):
    figure = switching.confusions({"lid.176": confusion(), "with letters": confusion()}, "Held out")
    figure.savefig(tmp_path / "figure.png")
    first = figure.axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == list(CLASSES)
    cells = {tuple(map(round, text.get_position())): text for text in first.texts}
    assert cells[1, 0].get_text() == "30%\n27%–35%"
    assert cells[0, 0].get_text() == "70%\n63%–75%"
    assert cells[0, 1].get_text() == "0%"
    assert (cells[0, 0].get_color(), cells[1, 0].get_color()) == ("white", "black")
    assert [axes.get_title() for axes in figure.axes] == ["lid.176", "with letters"]


def test_one_panel_a_method_in_its_colour_with_people_beside(tmp_path):
    figure = switching.switch_curves(CURVES, KINDS, "Bashkir", "Switches")
    figure.savefig(tmp_path / "figure.png")
    assert len(figure.axes) == 2, "a method without a curve has no panel"
    full, lora = figure.axes
    assert [line.get_label() for line in full.lines] == ["full · 1", "full · 2", "people"]
    colours = [to_hex(line.get_color()) for line in full.lines]
    assert colours == [to_hex(METHOD_COLOURS["full"])] * 2 + ["#000000"]
    assert len({line.get_linestyle() for line in full.lines[:2]}) == 2
    assert full.lines[0].get_xydata().tolist() == [[0, 0], [1, 0.1], [5, 0.5], [9, 0.5]], (
        "a text that has ended stays what it is until the figure ends"
    )
    assert full.lines[0].get_drawstyle() == "steps-post"
    assert to_hex(lora.lines[0].get_color()) == to_hex(METHOD_COLOURS["lora"])
    assert full.get_ylabel() == "have left Bashkir"
    assert all(axes.get_xlabel() == "word of the continuation" for axes in figure.axes)


@pytest.mark.parametrize("curves", [CURVES.iloc[:0], CURVES[CURVES["model"] == "people"]])
def test_curves_of_nobody_or_of_people_alone(curves, tmp_path):
    switching.switch_curves(curves, KINDS, "Bashkir", "Switches").savefig(tmp_path / "figure.png")


def test_reliability_draws_intervals_beside_the_line(tmp_path):
    table = pd.DataFrame(
        {"probability": [0.6, 1.0], "right": [0.5, 1.0], "low": [0.4, 0.9], "high": [0.7, 1.0], "weight": 0.5}
    )
    figure = switching.reliability({"sentences": table, "windows": table}, "Held out")
    figure.savefig(tmp_path / "figure.png")
    (axes,) = figure.axes
    assert len(axes.containers) == 2
    assert axes.containers[0].lines[0].get_xydata().tolist() == [[0.6, 0.5], [1.0, 1.0]]
    low, high = axes.get_xlim()
    assert (low, high) == (pytest.approx(0.35), pytest.approx(1.02))


def test_names_of_unknown_origin_are_no_formulas():
    bad = "$\\bad{ $\x1b"
    curves = CURVES.assign(model=CURVES["model"].replace("people", bad))
    figure = switching.switch_curves(curves, KINDS, bad, bad)
    figure.canvas.draw()
    assert figure.axes[0].lines[-1].get_label() == plain(bad)
