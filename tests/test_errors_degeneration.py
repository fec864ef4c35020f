import pandas as pd
import pytest

from bashkir_utils.errors.degeneration import degeneration_table


def test_by_hand():
    rows = [("b", "ҡар яуа ҡар яуа ҡар", True), ("b", "", False), ("a", "бер", False), ("b", " \n", True)]
    table = degeneration_table(pd.DataFrame(rows, columns=["model", "continuation", "ended"]))
    assert table.index.tolist() == ["b", "a"]
    first = table.loc["b"]
    # five words, two of them distinct; four 2-grams, two distinct; three 3-grams, two distinct; two distinct 4-grams
    assert first[["rep_1", "rep_2", "rep_3", "rep_4"]].tolist() == pytest.approx([3 / 5, 1 / 2, 1 / 3, 0])
    assert first[["distinct_1", "distinct_2", "distinct_3", "distinct_4"]].tolist() == pytest.approx(
        [0.4, 0.4, 0.4, 0.4]
    )
    assert first["longest_loop"] == pytest.approx(19 / 3)
    assert first["loop_share"] == pytest.approx(1 / 3)
    assert first[["words", "characters", "bytes"]].tolist() == pytest.approx([5 / 3, 21 / 3, (19 + 15 + 2) / 3])
    assert first[["ended", "empty"]].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert table.loc["a", ["rep_2", "rep_3"]].isna().all()
