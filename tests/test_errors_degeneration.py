import pandas as pd
import pytest

from bashkir_utils.errors import measure, repetition_table, summarise_continuations
from bashkir_utils.errors.degeneration import degeneration_table


def made(rows):
    frame = pd.DataFrame(rows, columns=["model", "continuation", "ended"])
    return frame.assign(decoding="nucleus", new_tokens=9)


def test_by_hand():
    rows = [("b", "ҡар яуа ҡар яуа ҡар", True), ("b", "", False), ("b", " \n", True), *[("a", "бер", False)] * 3]
    table = degeneration_table(made(rows))
    assert table.index.tolist() == ["b", "a"]
    first = table.loc["b"]
    # five words, two of them distinct; four 2-grams, two distinct; three 3-grams, two distinct; two distinct 4-grams;
    # the texts without words have no repetition and no loop
    assert first[["rep_1", "rep_2", "rep_3", "rep_4"]].tolist() == pytest.approx([3 / 5, 1 / 2, 1 / 3, 0])
    assert first[["distinct_1", "distinct_2", "distinct_3", "distinct_4"]].tolist() == pytest.approx(
        [2 / 5, 2 / 4, 2 / 3, 1]
    )
    assert first["longest_loop"] == 19
    assert first["loop_share"] == 1
    assert first[["words", "characters", "bytes"]].tolist() == pytest.approx([5 / 3, 21 / 3, (19 + 15 + 2) / 3])
    assert first[["ended", "empty"]].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert table.loc["a", ["rep_2", "rep_3"]].isna().all()


def test_people_are_not_said_to_have_gone_on():
    """Their text was cut, and nobody knows where it ends."""
    people = pd.DataFrame({"model": ["people"], "continuation": ["ҡар яуа"], "ended": [False]})
    table = degeneration_table(pd.concat([made([("m", "ҡар", True), ("m", "ҡар", False)]), people]))
    assert table["ended"].isna().tolist() == [False, True]
    assert table.loc["m", "ended"] == 0.5
    assert table.loc["people", "distinct_2"] == 1


def test_one_page_has_one_value_of_rep_4():
    """Two short texts beside one that repeats itself: neither table counts the short ones as free of repetition."""
    rows = made([("m", "a b c d a b c d a", True), ("m", "a b", True), ("m", "", True)])
    by_table = degeneration_table(rows).loc["m"]
    by_summary = summarise_continuations(measure(rows).assign(broken_characters=0)).loc["m"]
    assert by_table["rep_4"] == by_summary["rep_4"] == pytest.approx(1 - 4 / 6)
    assert by_table["loop_share"] == by_summary["loop_share"] == pytest.approx((1 + 0) / 2)


def test_repetition_has_intervals_that_draw_prompts():
    """Two prompts, one looping and one not: of a draw either, both or the other, so the ends are those of either."""
    loop, plain = "ҡар " * 8, "бер ике өс дүрт биш алты"
    alone = [("alone", plain, True), ("alone", "", True)]
    rows = made([*[("m", loop, True)] * 8, *[("m", plain, True)] * 4, *alone])
    table = repetition_table(measure(rows.assign(prompt=[*"aaaaaaaabbbb", "c", "d"])), 0.95)
    both = table.loc["m"]
    # eight times one word: five 4-grams, one of them distinct
    assert both["rep_4"] == pytest.approx(0.8 * 8 / 12)
    assert both[["rep_4_low", "rep_4_high"]].tolist() == pytest.approx([0, 0.8])
    assert both["loop_share_low"] == 0
    assert both["loop_share_high"] == 1
    # the text without words counts in neither, and one prompt can be drawn in one way
    assert table.loc["alone", "rep_4"] == 0
    assert table.loc["alone", ["rep_4_low", "rep_4_high"]].isna().all()


def test_repetition_agrees_with_the_summary():
    rows = made([("m", "ҡар яуа ҡар яуа ҡар", True), ("m", "бер", True), ("n", "", True)])
    measured = measure(rows.assign(prompt=["a", "b", "a"]))
    summary = summarise_continuations(measured)
    pd.testing.assert_frame_equal(
        repetition_table(measured, 0.95)[["rep_4", "loop_share", "distinct_2"]],
        summary[["rep_4", "loop_share", "distinct_2"]],
    )
