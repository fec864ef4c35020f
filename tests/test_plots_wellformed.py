import pandas as pd

from bashkir_utils.errors import wellformed as wf
from bashkir_utils.plots import wellformed as plots
from bashkir_utils.plots.style import plain


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


def test_names_of_unknown_origin_are_no_formulas():
    """Each of them, set as mathematics, would be an error; the title and the rows are drawn as they are."""
    bad = "$\\bad{ $\x1b"
    rows = pd.DataFrame({"model": bad, "class": wf.CLASSES, "share": 1 / 9})
    figure = plots.class_bars(rows, bad)
    figure.canvas.draw()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [plain(bad)]
    dots = pd.DataFrame({"a": [0.5], "a_low": 0.4, "a_high": 0.6}, index=[bad])
    plots.share_dots(dots, {"a": "share"}, bad).canvas.draw()


def test_a_model_without_words_has_a_row_and_no_dot():
    dots = pd.DataFrame({"a": [0.5, float("nan")], "a_low": [0.4, None], "a_high": [0.6, None]}, index=["m", "silent"])
    figure = plots.share_dots(dots, {"a": "share"}, "t")
    figure.canvas.draw()
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["m", "silent"]
