import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from bashkir_utils.errors.agreement import (
    Want,
    against,
    choices,
    choices_html,
    corrected,
    correlation_findings,
    correlations,
    permutation_p,
    rank_correlation,
    smallest_p,
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


def made_ways(count=12):
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


def correlated(ways, measures, reference="bits_per_byte"):
    return corrected({"one": correlations(ways, reference, measures, 0.95)}, 0.95)["one"]


@given(st.permutations(range(5)))
@settings(max_examples=10, deadline=None)
def test_p_is_exact_for_few_ways(order):
    """By an implementation of its own: the share of all 120 orders that are as far out, on either side."""
    first, second = np.arange(5.0), np.array(order, dtype=float)
    own = rank_correlation(first, second)
    every = np.array([rank_correlation(first, np.array(each, dtype=float)) for each in permutations(range(5))])
    tail = min((every >= own - 1e-9).mean(), (every <= own + 1e-9).mean())
    assert permutation_p(first, second) == pytest.approx(min(1, 2 * tail))


def test_the_smallest_p_is_that_of_a_perfect_order():
    assert permutation_p(np.arange(5.0), np.arange(5.0)) == pytest.approx(smallest_p(5)) == pytest.approx(2 / 120)
    assert permutation_p(np.arange(12.0), np.arange(12.0)) < 0.001


def test_what_goes_with_the_reference_and_what_is_the_same_for_all():
    table = correlated(made_ways(), ["repeats", "noise", "same", "mirror", "missing"])
    assert table.loc["repeats", "low"] > 0.5
    assert table.loc["repeats", "low"] < table.loc["repeats", "correlation"] <= table.loc["repeats", "high"] <= 1
    assert table.loc["noise", "low"] < 0 < table.loc["noise", "high"]
    assert table.loc["same", ["correlation", "low", "high", "p"]].isna().all()
    assert table.loc["mirror", ["correlation", "high"]].tolist() == pytest.approx([-1, -1])
    assert table["ways"].tolist() == [12, 12, 12, 12, 10], "what is not finite is left out"
    assert table["claimed"].tolist() == [True, False, False, True, True]
    assert set(table["tests"]) == {4}, "what is the same for all was not tested"
    said = correlation_findings(table, "bits per byte", {"repeats": "rep*n"})
    assert (
        "- mirror goes with bits per byte: rank correlation -1.00 (-1.00 to -1.00, drawing ways) over 12 ways" in said
    )
    assert "corrected for 4 tests)." in said
    assert "- rep\\*n goes with" in said
    assert "No agreement with bits per byte can be claimed (permutation test, Holm): noise (" in said
    assert said.endswith("- The same for all ways, so that nothing can go with it: same.")


def test_few_ways_have_no_interval_and_nothing_can_be_claimed_of_them():
    table = correlated(made_ways(4), ["repeats", "mirror"])
    assert table[["low", "high"]].isna().all(axis=None)
    said = correlation_findings(table, "bits per byte", {})
    assert "Too few ways to say what goes with bits per byte" in said
    assert "of 4 ways not even a perfect rank correlation could be told from chance, with 2 tested together" in said
    assert "goes with bits per byte:" not in said
    one = correlated(made_ways(1), ["repeats"])
    assert "no measure can be correlated" in correlation_findings(one, "bits per byte", {})
    unknown = correlated(made_ways(6).assign(pairs=math.nan), ["repeats"], "pairs")
    assert "not known for any way" in correlation_findings(unknown, "pairs", {})


def test_every_test_of_a_page_counts():
    """Six ways in perfect order are a claim alone (p = 2/720) and none among twenty measures."""
    ways = pd.DataFrame({"bits_per_byte": np.arange(6.0), **{f"m{i}": np.arange(6.0) for i in range(20)}})
    alone = correlations(ways, "bits_per_byte", ["m0"], 0.95)
    assert corrected({"a": alone}, 0.95)["a"]["claimed"].tolist() == [True]
    many = correlations(ways, "bits_per_byte", [f"m{i}" for i in range(10)], 0.95)
    assert corrected({"a": many}, 0.95)["a"]["claimed"].all()
    both = corrected({"a": many, "b": many}, 0.95)
    assert not both["a"]["claimed"].any()
    assert not both["b"]["possible"].any()


def test_chance_is_hardly_ever_claimed():
    """Six ways and thirteen measures that have nothing to do with the loss: about one page in twenty may err."""
    rng = np.random.default_rng(5)
    trials = 40
    names = [f"m{i}" for i in range(13)]
    pages = [pd.DataFrame(rng.normal(size=(6, 14)), columns=["bits_per_byte", *names]) for _ in range(trials)]
    claims = 0
    for page in pages:
        table = pd.DataFrame({name: [permutation_p(page["bits_per_byte"], page[name]), 6] for name in names}).T
        table.columns = ["p", "ways"]
        claims += int(corrected({"page": table}, 0.95)["page"]["claimed"].any())
    # with 5% it would be more than 6 of 40 in one case of a hundred
    assert claims <= 6


def test_one_way_against_the_others():
    values = made_values()
    table = against(values, "in_language", "full", 0.95)
    assert table["value"].to_dict() == pytest.approx(values.groupby("way")["in_language"].mean().to_dict())
    assert table["excludes_zero"].to_dict() == {"zero": True, "full": False, "lora": False}
    assert table.loc["zero", "difference"] == pytest.approx(table.loc["zero", "value"] - table.loc["full", "value"])
    assert np.isnan(table.loc["full", "difference"])
    assert against(values, "in_language", "nobody", 0.95).empty


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
                rows.append({"way": way, "run_id": way, "prompt": f"p{prompt}", **values})
    return pd.DataFrame(rows)


def test_the_best_way_for_each_want_and_what_cannot_be_told_from_it():
    values = made_values()
    table = choices(values, WANTS, 0.95)
    assert {table.loc["Bashkir text", "choose"], *table.loc["Bashkir text", "not_worse"]} == {"full", "lora"}
    assert table.loc["Bashkir text", ["worst", "worse"]].tolist() == ["zero", ["zero"]]
    repeats = table.loc["text that does not repeat itself"]
    assert (repeats["choose"], repeats["not_worse"], repeats["left_out"]) == ("lora", [], [])
    assert repeats["value"] == pytest.approx(values.query("way == 'lora'").groupby("prompt")["rep_4"].mean().mean())
    page = choices_html(table, "Choices <b>")
    best, other = table.loc["Bashkir text", "choose"], table.loc["Bashkir text", "not_worse"][0]
    assert f">open between {best}, {other}</td>" in page
    assert '">lora</td>' in page
    assert page.count(">40</td>") == 2, "over how many prompts"
    assert "<b>" not in page


def test_the_same_prompts_are_compared():
    """Prompts differ far more than ways, so only a paired comparison sees the difference."""
    rng = np.random.default_rng(2)
    hard = rng.normal(0, 5, 60)
    rows = [
        {"way": way, "run_id": way, "prompt": place, "x": value + shift + rng.normal(0, 0.05)}
        for way, shift in (("a", 0.0), ("b", 0.1))
        for place, value in enumerate(hard)
    ]
    table = choices(pd.DataFrame(rows), [MORE], 0.95)
    assert table["choose"].tolist() == ["b"]
    assert table["not_worse"].tolist() == [[]]


MORE = Want("more", "x", True)


def noise(rng, ways, seeds, seed_deviation):
    """Sixty prompts, ways that are equal: prompts share their difficulty, a seed moves all prompts of a run."""
    hard = rng.normal(0, 1, 60)
    rows = [
        {"way": f"w{way}", "run_id": f"w{way} s{seed}", "prompt": prompt, "x": value}
        for way in range(ways)
        for seed in range(seeds)
        for prompt, value in enumerate(hard + rng.normal(0, seed_deviation) + rng.normal(0, 0.25, 60))
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("ways", "seeds", "seed_deviation"), [(8, 1, 0.0), (6, 3, 0.05)])
def test_equal_ways_are_hardly_ever_told_apart(ways, seeds, seed_deviation):
    """The best of many is the best by chance: comparing it with the others alone claims something in 20% and more."""
    rng = np.random.default_rng(11)
    trials = 80
    claims = sum(
        bool(choices(noise(rng, ways, seeds, seed_deviation), [MORE], 0.95)["worse"].iloc[0]) for _ in range(trials)
    )
    # with 5% it would be more than 9 of 80 in one case of a hundred
    assert claims <= 9


def test_seeds_that_differ_as_much_as_the_ways_leave_the_choice_open():
    """One seed each would claim that b is better; three seeds of each show that another might have been worse."""
    rng = np.random.default_rng(0)
    means = {"a": (0.0, 0.3, -0.3), "b": (0.2, 0.5, -0.1)}
    rows = [
        {"way": way, "run_id": f"{way}{seed}", "prompt": prompt, "x": mean + rng.normal(0, 0.05)}
        for way, seeds in means.items()
        for seed, mean in enumerate(seeds)
        for prompt in range(60)
    ]
    values = pd.DataFrame(rows)
    assert choices(values, [MORE], 0.95)["not_worse"].tolist() == [["a"]]
    first = values[values["run_id"].isin(["a0", "b0"])]
    assert choices(first, [MORE], 0.95)["worse"].tolist() == [["a"]]


def test_one_way_alone_is_chosen_and_prompts_without_a_value_are_left_out():
    values = pd.DataFrame({"way": "a", "run_id": "a", "prompt": [1, 2, 3], "x": [1.0, 3.0, math.nan]})
    table = choices(values, [MORE], 0.95)
    row = table.iloc[0]
    assert (row["choose"], row["value"], row["not_worse"], row["worse"], row["units"]) == ("a", 2.0, [], [], 2)
    assert "a: no other to compare" in choices_html(table, "Choices")


def test_a_way_without_text_is_left_out_and_named_and_takes_no_prompt_from_the_others():
    values = made_values()
    values.loc[values["way"] == "zero", "rep_4"] = math.nan
    values.loc[(values["way"] == "full") & (values["prompt"] == "p0"), "rep_4"] = math.nan
    table = choices(values, WANTS, 0.95)
    row = table.loc["text that does not repeat itself"]
    assert (row["choose"], row["worse"], row["units"], row["left_out"]) == ("lora", ["full"], 39, ["zero"])
    assert table.loc["Bashkir text", ["units", "left_out"]].tolist() == [40, []]
    assert '">zero</td>' in choices_html(table.loc[[row.name]], "Choices")


def test_one_silent_seed_leaves_its_way_out():
    """The mean of the seeds that did write would be a choice among them."""
    values = noise(np.random.default_rng(3), 3, 2, 0.0)
    values.loc[values["run_id"] == "w1 s0", "x"] = math.nan
    assert choices(values, [MORE], 0.95)["left_out"].tolist() == [["w1"]]


def test_a_tie_is_open():
    rows = [{"way": way, "run_id": way, "prompt": place, "x": 1.0} for way in "ab" for place in range(9)]
    table = choices(pd.DataFrame(rows), [MORE], 0.95)
    assert table["not_worse"].tolist() == [["b"]]
    assert "open: no way can be told from the best" in choices_html(table, "Choices")


def test_what_no_way_can_be_judged_by_says_so():
    rows = [{"way": way, "run_id": way, "prompt": place, "x": math.nan} for way in "ab" for place in range(3)]
    table = choices(pd.DataFrame(rows), [MORE], 0.95)
    assert table["choose"].tolist() == [""]
    assert table["left_out"].tolist() == [["a", "b"]]
    assert "cannot be judged" in choices_html(table, "Choices")
    assert choices(pd.DataFrame(rows), [], 0.95).empty
