import pandas as pd

from bashkir_utils.errors import wellformed as wf
from bashkir_utils.plots import wellformed as plots


def test_bars_of_classes_reach_one_and_carry_their_shares():
    rows = [{"model": m, "class": name, "share": 1 / 9} for m in ("a", "b") for name in wf.CLASSES]
    (axes,) = plots.class_bars(pd.DataFrame(rows), "t").axes
    assert len(axes.patches) == 18
    assert abs(sum(patch.get_width() for patch in axes.patches) - 2) < 1e-9
    assert axes.get_xlabel() == "share of words"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list(plots.CLASS_COLOURS)
    assert set(plots.CLASS_COLOURS) == set(wf.CLASSES)


def test_dots_stand_at_their_values_with_their_intervals():
    row = dict.fromkeys(plots.COPY_PANELS, 0.5) | {f"{name}_low": 0.25 for name in plots.COPY_PANELS}
    table = pd.DataFrame([row | {f"{name}_high": 1.0 for name in plots.COPY_PANELS}], index=["a"])
    figure = plots.copies(table, "t")
    assert [axes.get_xlabel() for axes in figure.axes] == list(plots.COPY_PANELS.values())
    line = figure.axes[0].collections[0].get_segments()[0]
    assert line[:, 0].tolist() == [0.25, 1.0]


def test_error_rates_are_drawn_by_treatment():
    table = pd.DataFrame([dict.fromkeys(wf.CLASSES, 1 / 9)] * 3, index=["untouched", "x", "y"])
    (axes,) = plots.error_rates(table, "t").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["untouched", "x", "y"]
