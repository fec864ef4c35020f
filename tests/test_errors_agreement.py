import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from bashkir_utils.errors.agreement import (
    Want,
    choices,
    choices_html,
    correlation_findings,
    correlations,
    rank_correlation,
)

numbers = st.lists(st.integers(0, 9), min_size=3, max_size=20)


def test_rank_correlation_by_hand():
    # ranks 1 2 3 4 and 2 1 4 3: 1 - 6 · (1 + 1 + 1 + 1) / (4 · 15)
    assert rank_correlation(np.array([1, 5, 6, 90]), np.array([2.0, 0.5, 80, 7])) == pytest.approx(0.6)
    assert math.isnan(rank_correlation(np.array([1, 2, 3]), np.array([4, 4, 4])))


@given(numbers, st.randoms())
def test_rank_correlation_is_that_of_scipy_with_ties(first, random):
    second = random.sample(first, len(first))
    if len(set(first)) > 1:
        found = rank_correlation(np.array(first), np.array(second))
        assert found == pytest.approx(spearmanr(first, second).statistic)


def made_runs(count=12):
    rng = np.random.default_rng(3)
    bits = np.linspace(1, 2, count)
    return pd.DataFrame(
        {
            "bits_per_byte": bits,
            "repeats": bits + rng.normal(0, 0.1, count),
            "noise": rng.normal(size=count),
            "same": 1.0,
            "mirror": -bits,
            "missing": np.where(np.arange(count) == 0, math.nan, np.where(np.arange(count) == 1, math.inf, bits)),
        }
    )


def test_what_goes_with_the_reference_has_an_interval_without_0():
    table = correlations(made_runs(), "bits_per_byte", ["repeats", "noise", "same", "mirror", "missing"], 0.95)
    assert table.loc["repeats", "low"] > 0.5
    assert table.loc["repeats", "low"] < table.loc["repeats", "correlation"] <= table.loc["repeats", "high"] <= 1
    assert table.loc["noise", "low"] < 0 < table.loc["noise", "high"]
    assert table.loc["same"].isna().sum() == 3
    assert table.loc["mirror", ["correlation", "high"]].tolist() == pytest.approx([-1, -1])
    assert table["runs"].tolist() == [12, 12, 12, 12, 10], "what is not finite is left out"
    said = correlation_findings(table, "bits per byte", {"repeats": "rep*n"})
    assert said.startswith("- mirror goes with bits per byte: rank correlation -1.00 (-1.00 to -1.00) over 12 runs.")
    assert "- rep\\*n goes with" in said
    assert "No agreement can be claimed, since the interval includes 0 or there are too few runs: noise (" in said
    assert "same" not in said


def test_few_runs_have_no_interval():
    table = correlations(made_runs(4), "bits_per_byte", ["repeats"], 0.95)
    assert table[["low", "high"]].isna().all(axis=None)
    assert "goes with" not in correlation_findings(table, "bits per byte", {})
    one = correlations(made_runs(1), "bits_per_byte", ["repeats"], 0.95)
    assert "no measure can be correlated" in correlation_findings(one, "bits per byte", {})


WANTS = (Want("Bashkir text", "in_language", True), Want("text that does not repeat itself", "rep_4", False))


def made_values():
    """Forty prompts: full and lora are alike in language, zero-shot is far behind; lora repeats least."""
    rng = np.random.default_rng(1)
    rows = []
    for prompt in range(40):
        difficulty = rng.normal(0, 0.2)
        for way, language, repeats in (("zero", 0.2, 0.5), ("full", 0.8, 0.5), ("lora", 0.8, 0.1)):
            for _sample in range(2):
                noise = rng.normal(0, 0.05, 2)
                values = {"in_language": language + difficulty + noise[0], "rep_4": repeats + difficulty + noise[1]}
                rows.append({"way": way, "prompt": f"p{prompt}", **values})
    return pd.DataFrame(rows)


def test_the_best_way_for_each_want_and_what_cannot_be_told_from_it():
    values = made_values()
    table = choices(values, WANTS, 0.95)
    assert {table.loc["Bashkir text", "choose"], *table.loc["Bashkir text", "not_worse"]} == {"full", "lora"}
    assert table.loc["Bashkir text", "worst"] == "zero"
    repeats = table.loc["text that does not repeat itself"]
    assert (repeats["choose"], repeats["not_worse"]) == ("lora", [])
    assert repeats["value"] == pytest.approx(values.query("way == 'lora'").groupby("prompt")["rep_4"].mean().mean())
    page = choices_html(table, "Choices <b>")
    assert "none of the others" in page
    assert "<b>" not in page


def test_the_same_prompts_are_compared():
    """Prompts differ far more than ways, so only a paired comparison sees the difference."""
    rng = np.random.default_rng(2)
    hard = rng.normal(0, 5, 60)
    rows = [
        {"way": way, "prompt": place, "x": value + shift + rng.normal(0, 0.05)}
        for way, shift in (("a", 0.0), ("b", 0.1))
        for place, value in enumerate(hard)
    ]
    table = choices(pd.DataFrame(rows), [Want("more", "x", True)], 0.95)
    assert table["choose"].tolist() == ["b"]
    assert table["not_worse"].tolist() == [[]]


def test_one_way_alone_is_chosen_and_prompts_without_a_value_are_left_out():
    values = pd.DataFrame({"way": ["a", "a", "a"], "prompt": [1, 2, 3], "x": [1.0, 3.0, math.nan]})
    row = choices(values, [Want("more", "x", True)], 0.95).iloc[0]
    assert (row["choose"], row["value"], row["not_worse"], row["units"]) == ("a", 2.0, [], 2)


def test_a_want_that_no_prompt_can_judge_is_left_out():
    rows = [{"way": way, "prompt": place, "x": 1.0, "y": math.nan} for way in "ab" for place in range(3)]
    table = choices(pd.DataFrame(rows), [Want("more x", "x", True), Want("more y", "y", True)], 0.95)
    assert table.index.tolist() == ["more x"]
    none = choices(pd.DataFrame(rows), [Want("more y", "y", True)], 0.95)
    assert none.empty
    assert "choose" in choices_html(none, "Nothing to choose")
