import numpy as np
import pandas as pd

from bashkir_utils.plots.rating import means
from bashkir_utils.rating import PEOPLE, QUESTIONS


def test_every_way_has_its_mean_and_interval_and_people_another_mark():
    columns = {f"{name}{end}": [2.0 + shift, 3.0 + shift] for name in QUESTIONS for end, shift in ENDS.items()}
    figure = means(pd.DataFrame(columns, index=["$full$\x1b", PEOPLE]), "Who rated")
    figure.canvas.draw()
    assert figure.get_suptitle() == "Who rated"
    assert [axes.get_xlabel() for axes in figure.axes] == list(QUESTIONS.values())
    for axes in figure.axes:
        assert [line.get_marker() for line in axes.lines] == ["o", "D"]
        assert [line.get_xdata()[0] for line in axes.lines] == [2.0, 3.0]
        (intervals,) = axes.collections
        assert np.array_equal([path.vertices[:, 0] for path in intervals.get_paths()], [[1.5, 2.5], [2.5, 3.5]])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [r"\$full\$⟨U+001B⟩", PEOPLE]


ENDS = {"": 0, "_low": -0.5, "_high": 0.5}
