import io
import math

import pandas as pd
import pytest

from bashkir_utils.plots import causes

TABLE = pd.DataFrame(
    {"perplexity_ratio": [37.5, 1.0, 0.5, math.nan, math.inf], "bits_ratio": [2.0, 1.0, 0.1, math.nan, 3.0]},
    index=pd.Index(["raised", "same", "lowered", "nothing", "endless"], name="cause"),
)


def test_every_fault_has_a_row_and_its_ratio_written():
    figure = causes.jumps(TABLE, "Jumps")
    figure.savefig(io.BytesIO())
    first, second = figure.axes
    assert [text.get_text() for text in first.get_yticklabels()] == list(TABLE.index)
    assert [text.get_text() for text in first.texts] == ["× 37.5", "× 1", "× 0.5", "no number", "no number"]
    assert [text.get_text() for text in second.texts] == ["× 2", "× 1", "× 0.1", "no number", "× 3"]


def test_only_what_is_a_number_is_drawn_and_where_it_is():
    first = causes.jumps(TABLE, "Jumps").axes[0]
    dots = [line for line in first.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in dots] == [37.5, 1.0, 0.5]
    assert len({line.get_color() for line in dots}) == 3
    assert first.get_xscale() == "log"
    assert first.get_xlim()[0] < 0.5
    assert first.get_xlim()[1] > 37.5


@pytest.mark.parametrize("values", [[1.0, 1.0], [math.nan, math.nan]])
def test_a_table_in_which_nothing_moved_can_be_drawn(values):
    table = pd.DataFrame({"perplexity_ratio": values, "bits_ratio": values}, index=["a", "b"])
    causes.jumps(table, "Nothing").savefig(io.BytesIO())
