import numpy as np
import pandas as pd
import pytest

from bashkir_utils.errors.gains import OPEN
from bashkir_utils.exceptions import RunError
from bashkir_utils.plots import places as plots


def made_table(models=("one", "two"), kinds=("k", "l", "m")):
    rows = [
        {"model": model, "kind": kind, "group": f"$g_{group}$", "bits_per_byte": 1 + m + group, "low": 0.5 + m + group,
         "high": np.nan if group else 1.75 + m}
        for m, model in enumerate(models)
        for kind in kinds
        for group in range(2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def drawn(container):
    """Values, and the ends of the intervals."""
    points, _, (bars,) = container.lines
    return points.get_xdata().tolist(), [segment[:, 0].tolist() for segment in bars.get_segments()]


def test_a_panel_for_each_kind_and_points_with_their_intervals():
    figure = plots.loss_by_place(made_table(), "Loss", confidence=0.9)
    figure.canvas.draw()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["k", "l", "m"]
    first = figure.axes[0]
    assert [label.get_text() for label in first.get_yticklabels()] == [r"\$g_0\$", r"\$g_1\$"]
    assert drawn(first.containers[0]) == ([1, 2], [[0.5, 1.75], [1.5, 2]])
    assert drawn(first.containers[1])[0] == [2, 3]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1, "kinds are compared on one axis"
    assert first.get_xlabel() == "bits per byte, 90% interval"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]
    markers = {container.lines[0].get_marker() for container in first.containers}
    assert len(markers) == 2, "models differ by more than their colour"


def test_too_many_models_are_refused():
    table = made_table([f"m{i}" for i in range(9)])
    with pytest.raises(RunError, match="9 models"):
        plots.loss_by_place(table, "Loss", confidence=0.95)


def test_gains_are_told_by_marker_and_open_ones_are_hollow():
    table = pd.DataFrame(
        {
            "kind": "k",
            "group": ["a", "b", "c"],
            "difference": [-1.0, 2.0, 0.5],
            "low": [-1.5, 1.0, -np.inf],
            "high": [-0.5, 3.0, np.inf],
            "gains": ["one", "two", OPEN],
        }
    )
    figure = plots.gains(table, "one", "two", "Gains of one\u202eless $two$\n")
    assert figure.get_suptitle() == "Gains of one⟨U+202E⟩less $two$ ↵ ", "a way's name stands in it"
    figure.canvas.draw()
    (axes,) = figure.axes
    found = [drawn(container) for container in axes.containers]
    assert found == [([-1], [[-1.5, -0.5]]), ([2], [[1, 3]]), ([0.5], [[0.5, 0.5]])]
    assert len({container.lines[0].get_marker() for container in axes.containers}) == 3
    assert axes.containers[2].lines[0].get_markerfacecolor() == "white"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one is ahead", "two is ahead", OPEN]
