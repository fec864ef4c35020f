import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_results import documents
from scipy.stats import ttest_1samp, ttest_ind

from bashkir_utils.exceptions import RunError
from bashkir_utils.statistics import (
    Contrast,
    Variance,
    bootstrap,
    compare,
    effective_units,
    holm,
    interval,
    mean_contrast,
    over_seeds,
    paired_difference,
    seeds_apart,
    standard_error,
    variance_components,
)

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=7)


def test_seeds_are_summarised_by_mean_and_sample_deviation():
    found = over_seeds([1.0, 2.0, 4.0])
    assert (found.mean, found.deviation, found.runs) == (pytest.approx(7 / 3), pytest.approx(math.sqrt(7 / 3)), 3)
    assert math.isnan(over_seeds([1.5]).deviation)
    for broken in ([], [1.0, math.nan], [math.inf]):
        with pytest.raises(ValueError, match="finite"):
            over_seeds(broken)


# --- paired difference -------------------------------------------------------------------------------------------


def test_paired_difference_knows_what_separate_intervals_hide():
    shared = documents(0.9, 1)
    worse = shared.assign(nll=shared["nll"] + 0.02 * shared["bytes"])
    found = paired_difference(worse, shared.sample(frac=1, random_state=3))
    assert (found.value, found.low, found.high) == pytest.approx([0.02 / math.log(2)] * 3)


def test_paired_difference_of_like_runs_includes_zero_and_covers_as_promised():
    rng = np.random.default_rng(1)
    sizes = rng.integers(200, 900, 60)
    misses = 0
    for trial in range(120):
        first, second = (
            pd.DataFrame({"id": range(60), "bytes": sizes, "nll": sizes * rng.normal(1, 0.1, 60)}) for _ in range(2)
        )
        found = paired_difference(first, second, samples=300, seed=trial)
        misses += not found.low <= 0 <= found.high
    assert 1 <= misses <= 18, "a 95% interval misses about one time in twenty"


def test_paired_difference_agrees_with_scipys_bootstrap():
    from scipy.stats import bootstrap as scipys

    first, second = documents(0.9, 1), documents(0.92, 2)
    ours = paired_difference(first, second, samples=4000)
    theirs = scipys(
        ((first["nll"] - second["nll"]).to_numpy(), first["bytes"].to_numpy()),
        lambda nll, size, axis: nll.sum(axis) / math.log(2) / size.sum(axis),
        paired=True, vectorized=True, method="percentile", n_resamples=4000, rng=0,
    ).confidence_interval  # fmt: skip
    width = theirs.high - theirs.low
    assert abs(ours.low - theirs.low) < 0.1 * width
    assert abs(ours.high - theirs.high) < 0.1 * width


@pytest.mark.parametrize(
    "other",
    [
        documents(0.9, 1).iloc[1:],
        documents(0.9, 1).assign(bytes=7),
        documents(0.9, 1).assign(id=lambda d: d["id"] + "x"),
        pd.concat([documents(0.9, 1).iloc[1:], documents(0.9, 1).iloc[1:2]]),
    ],
)
def test_scores_of_other_documents_are_not_compared(other):
    with pytest.raises(RunError, match="same documents"):
        paired_difference(documents(0.9, 1), other)


# --- seeds in the bootstrap --------------------------------------------------------------------------------------


def test_the_value_of_a_method_is_the_mean_of_its_seeds_losses():
    sizes = np.array([100.0, 300.0])
    losses = {"a": np.array([[70.0, 200.0], [90.0, 240.0]]), "b": np.array([[50.0, 150.0]])}
    found = bootstrap(losses, sizes, samples=10)
    assert found.values["a"] == pytest.approx((270 + 330) / 2 / 400 / math.log(2))
    assert found.difference("a", "b").value == pytest.approx((300 - 200) / 400 / math.log(2))


@pytest.mark.parametrize("others", [[1.1, 1.2], [1.1, 1.3, 1.15, 1.2, 1.18]])
def test_where_documents_are_all_alike_the_interval_is_welchs(others):
    """Two samples of seeds, as SciPy tests them; the bits of a seed are its level over ln 2."""
    levels = {"a": [0.9, 1.0, 1.25], "b": others}
    losses = {name: np.repeat(np.array(values)[:, None] * 100, 40, axis=1) for name, values in levels.items()}
    found = compare({"a": bootstrap(losses, np.full(40, 100.0), samples=100).difference("a", "b")}, 0.9, 40).iloc[0]
    expected = ttest_ind(levels["a"], others, equal_var=False)
    assert found["p"] == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval(0.9)
    assert (found["low"], found["high"]) == pytest.approx((ends.low / math.log(2), ends.high / math.log(2)))


def test_where_seeds_are_all_alike_the_interval_is_that_of_paired_documents():
    rng = np.random.default_rng(4)
    shared, own = rng.normal(100, 20, 25), rng.normal(0.5, 2, 25)
    losses = {"a": np.stack([shared + own] * 3), "b": np.stack([shared] * 3)}
    drawn = bootstrap(losses, np.full(25, 100.0), samples=20_000)
    found, expected = compare({"a": drawn.difference("a", "b")}, 0.95, 25).iloc[0], ttest_1samp(own, 0)
    assert found["p"] == pytest.approx(expected.pvalue, rel=0.05)
    ends = np.array(expected.confidence_interval()) / 100 / math.log(2)
    assert found[["low", "high"]].tolist() == pytest.approx(ends.tolist(), abs=0.02 * np.ptp(ends))


def test_a_few_long_documents_weigh_as_much_as_fewer_equal_ones():
    assert effective_units(np.full(7, 3.0)) == pytest.approx(7)
    # (1 + 1 + 4)² / (1 + 1 + 16)
    assert effective_units(np.array([1.0, 1.0, 4.0])) == pytest.approx(2)
    drawn = bootstrap({"a": np.ones((1, 3)), "b": np.ones((1, 3))}, np.array([1.0, 1.0, 4.0]), 10)
    assert drawn.difference("a", "b").units == pytest.approx(2)


def test_one_seed_over_documents_of_one_size_is_students_paired_test():
    own = np.random.default_rng(9).normal(0.5, 2, 12)
    drawn = bootstrap({"a": (100 + own)[None], "b": np.full((1, 12), 100.0)}, np.full(12, 100.0), samples=40_000)
    found, expected = compare({"a": drawn.difference("a", "b")}, 0.95, 12).iloc[0], ttest_1samp(own, 0)
    assert found["p"] == pytest.approx(expected.pvalue, rel=0.05)
    ends = np.array(expected.confidence_interval()) / 100 / math.log(2)
    assert found[["low", "high"]].tolist() == pytest.approx(ends.tolist(), abs=0.02 * np.ptp(ends))


def test_the_degrees_of_freedom_by_hand():
    """Documents: draws of variance 2, times 5/4 for five documents, 4 degrees; seeds: 1.5 and 1 with 2 degrees each."""
    contrast = Contrast(3.0, np.array([3 - math.sqrt(2), 3 + math.sqrt(2)]), (Variance(1.5, 2), Variance(1.0, 2)))
    found = standard_error(contrast, 5)
    assert found.value == pytest.approx(math.sqrt(5))
    assert found.degrees == pytest.approx(25 / (2.5**2 / 4 + 1.5**2 / 2 + 1 / 2))
    # of unequal documents that weigh as much as three: draws times 3/2, 2 degrees
    uneven = standard_error(Contrast(3.0, contrast.draws, units=3.0), 5)
    assert (uneven.value, uneven.degrees) == (pytest.approx(math.sqrt(3)), pytest.approx(2))


def test_a_mean_of_contrasts_has_the_variance_of_a_mean():
    one = Contrast(1.0, np.array([1.0, 3.0]), (Variance(8.0, 2),))
    mean = mean_contrast([one, Contrast(3.0, np.array([2.0, 4.0]))])
    assert (mean.value, mean.draws.tolist(), mean.seeds) == (2.0, [1.5, 3.5], (Variance(2.0, 2),))


def test_where_nothing_varies_a_difference_is_certain_and_none_is_none():
    table = compare(
        {name: Contrast(x, np.full(9, x), (Variance(0, 2),)) for name, x in (("a", 0.5), ("b", 0.0))}, 0.95, 40
    )
    assert table["p"].tolist() == [2.0**-39, 1.0]
    assert table.loc["a", ["low", "high"]].tolist() == [0.5, 0.5]
    assert table["excludes_zero"].tolist() == [True, False]


def test_with_several_seeds_a_handful_of_documents_still_supports_no_claim():
    clear = {"one": Contrast(1.0, np.full(99, 1.0), (Variance(1e-9, 2),))}
    for few in (1, 5):
        assert not compare(clear, 0.95, few)["excludes_zero"].any()
    assert compare(clear, 0.95, 6)["excludes_zero"].all()


NOISE = {"seeds dominate": (0.02, 0.02), "documents dominate": (0.002, 0.05)}
"""Standard deviation between seeds, and of a way by document (nats per byte)."""


def drawn_ways(rng, seeds: int, noise: tuple[float, float], shift: float = 0.0, samples: int = 200):
    """Five ways on 60 documents that differ in nothing but chance, the last of them by ``shift``."""
    shared = rng.normal(1, 0.25, 60)
    losses = {
        name: shared
        + rng.normal(0, noise[0], (seeds, 1))
        + rng.normal(0, noise[1], 60)
        + rng.normal(0, 0.01, (seeds, 60))
        for name in "abcde"
    }
    shifted = losses | {"e": losses["e"] + shift}
    return bootstrap({name: 100 * nats for name, nats in shifted.items()}, np.full(60, 100.0), samples)


@pytest.mark.parametrize("noise", NOISE)
def test_families_of_ways_of_three_seeds_that_do_not_differ_are_rarely_called(noise):
    """Ten pairs of five ways."""
    rng, trials, called = np.random.default_rng(2), 200, 0
    for _ in range(trials):
        drawn = drawn_ways(rng, 3, NOISE[noise])
        pairs = {x + y: drawn.difference(x, y) for x, y in combinations("abcde", 2)}
        called += compare(pairs, 0.95, 60)["excludes_zero"].any()
    assert called <= 0.09 * trials


def with_drawn_seeds(drawn, rng) -> dict[str, np.ndarray]:
    """Draws to which each way adds a mean of two seeds drawn from its three; the spread of the seeds is known."""
    found = {}
    for name, draws in drawn.draws.items():
        seeds = rng.normal(size=3)
        seeds = (seeds - seeds.mean()) / seeds.std(ddof=1) * math.sqrt(3 * drawn.seeds[name].value)
        found[name] = draws + seeds[rng.integers(3, size=(len(draws), 2))].mean(axis=1)
    return found


def test_drawn_seeds_would_call_far_too_many_families():
    """What chapter 7 says against drawing three seeds: they have six means, and so no tail."""
    rng, trials, called = np.random.default_rng(6), 50, 0
    for _ in range(trials):
        draws = with_drawn_seeds(drawn_ways(rng, 3, NOISE["seeds dominate"], samples=4000), rng)
        values = {name: each.mean() for name, each in draws.items()}
        pairs = [Contrast(values[x] - values[y], draws[x] - draws[y]) for x, y in combinations("abcde", 2)]
        ends = [interval(pair, 0.05 / len(pairs)) for pair in pairs]
        called += any(end.low > 0 or end.high < 0 for end in ends)
    assert called >= 0.2 * trials


def test_a_pair_of_three_seeds_is_called_as_often_as_it_says_and_a_large_difference_is_found():
    rng, trials, called, found = np.random.default_rng(3), 150, 0, 0
    for _ in range(trials):
        drawn = drawn_ways(rng, 3, NOISE["seeds dominate"], shift=0.2)
        called += compare({"ab": drawn.difference("a", "b")}, 0.95, 60)["excludes_zero"].iloc[0]
        found += compare({"ae": drawn.difference("a", "e")}, 0.95, 60)["excludes_zero"].iloc[0]
    assert called <= 0.09 * trials
    assert found >= 0.9 * trials


def test_one_seed_is_held_fixed_and_documents_are_drawn_alike_for_all():
    rng = np.random.default_rng(0)
    hard = rng.normal(200, 50, 30)
    found = bootstrap({"a": hard[None], "b": hard[None] + 7}, np.full(30, 100.0), samples=500)
    difference = found.difference("b", "a").draws
    assert difference == pytest.approx(np.full(500, 0.07 / math.log(2)))
    assert found.draws["a"].std() > 0.05


def test_another_method_in_the_family_changes_nothing_for_the_others():
    rng = np.random.default_rng(0)
    losses = {"a": rng.normal(200, 20, (3, 30)), "b": rng.normal(190, 20, (2, 30))}
    sizes = rng.integers(50, 300, 30).astype(float)
    alone, beside = (bootstrap(each, sizes, 300) for each in (losses, losses | {"c": losses["a"] + 1}))
    assert (alone.difference("a", "b").draws == beside.difference("a", "b").draws).all()


def test_losses_that_are_no_numbers_are_refused():
    with pytest.raises(RunError, match="diverged"):
        bootstrap({"a": np.array([[1.0, math.nan]])}, np.array([1.0, 2.0]), 10)


def test_many_documents_are_drawn_in_pieces(monkeypatch):
    from bashkir_utils import statistics

    losses, sizes = {"a": np.arange(1.0, 41.0)[None]}, np.full(40, 100.0)
    whole = bootstrap(losses, sizes, 50).draws["a"]
    monkeypatch.setattr(statistics, "CHUNK", 120)
    assert (bootstrap(losses, sizes, 50).draws["a"] == whole).all()


# --- p-values and Holm -------------------------------------------------------------------------------------------


def test_with_too_few_draws_a_percentile_interval_says_nothing():
    clear = Contrast(1.0, np.ones(99))
    assert interval(clear, 0.05).low == 1
    assert math.isinf(interval(clear, 0.005).low)


def test_p_values_of_no_difference_are_uniform():
    rng = np.random.default_rng(3)
    found = []
    for trial in range(150):
        losses = {name: rng.normal(200, 30, (1, 50)) for name in "ab"}
        drawn = bootstrap(losses, np.full(50, 100.0), 400, trial)
        found.append(compare({"ab": drawn.difference("a", "b")}, 0.95, 50)["p"].iloc[0])
    from scipy.stats import kstest

    assert kstest(found, "uniform").pvalue > 0.001
    assert 1 <= sum(p <= 0.1 for p in found) <= 32


def test_holm_by_hand():
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.2, 0.9, 0.8]) == pytest.approx([0.6, 1.0, 1.0])
    assert len(holm([])) == 0


@given(P_VALUES)
def test_holm_is_bonferroni_over_every_group_that_holds_a_comparison(p_values):
    """Closed testing (R. Marcus, E. Peritz and K. R. Gabriel, 1976): an independent way to the same numbers."""
    everything = range(len(p_values))
    groups = [group for size in range(1, len(p_values) + 1) for group in combinations(everything, size)]
    expected = [
        max(min(1.0, len(group) * min(p_values[i] for i in group)) for group in groups if one in group)
        for one in everything
    ]
    assert holm(p_values) == pytest.approx(expected)


@settings(deadline=None)
@given(st.lists(st.floats(-4, 4), min_size=1, max_size=6), st.sampled_from([0.8, 0.9, 0.95]))
def test_corrected_intervals_and_corrected_p_values_say_the_same(values, confidence):
    contrasts = {str(i): Contrast(value, np.array([value - 1, value + 1])) for i, value in enumerate(values)}
    table = compare(contrasts, confidence, 50)
    apart = (table["p_holm"] - (1 - confidence)).abs() > 1e-9
    assert (table["excludes_zero"] == (table["p_holm"] <= 1 - confidence))[apart].all()
    assert (table["p_holm"] >= table["p"]).all()


def test_an_empty_family_is_an_empty_table():
    assert compare({}, 0.95, 50).empty


def test_a_handful_of_documents_supports_no_claim_however_many_draws():
    clear = {"one": Contrast(1.0, np.ones(9999))}
    assert compare(clear, 0.95, 6)["p"].tolist() == [2**-5]
    assert compare(clear, 0.95, 6)["excludes_zero"].all()
    few = compare(clear, 0.95, 5)
    assert few["p_holm"].tolist() == [0.0625]
    assert not few["excludes_zero"].any()
    assert np.isinf(few["high"]).all()


def test_contrasts_may_come_from_different_numbers_of_documents():
    clear = Contrast(1.0, np.ones(9999))
    table = compare({"rare": clear, "frequent": clear}, 0.95, [6, 50])
    assert table["p"].tolist() == [2**-5, 2**-49]
    assert table["excludes_zero"].tolist() == [True, True], "the second is held to 0.05 after the first"
    three = compare({"rare": clear, "frequent": clear, "rarer": clear}, 0.95, [6, 50, 3])
    assert three["excludes_zero"].tolist() == [False, True, False]
    assert np.isinf(three["low"]).tolist() == [True, False, True]


def test_seeds_apart_is_welchs_test():
    first, second = [1.0, 1.2, 1.1], [1.4, 2.0, 1.7, 1.6]
    assert seeds_apart(first, second) == pytest.approx(ttest_ind(first, second, equal_var=False).pvalue)
    assert seeds_apart([2.0, 2.0], [3.0, 3.0]) == 0
    assert seeds_apart([2.0, 2.0], [2.0, 2.0]) == 1
    assert math.isnan(seeds_apart([2.0], [3.0, 4.0]))


@given(st.integers(2, 12), st.integers(1, 5))
def test_few_documents_leave_intervals_and_p_values_in_agreement(documents, size):
    contrasts = {str(i): Contrast(i / 2, np.array([i / 2 - 0.3, i / 2 + 0.3])) for i in range(size)}
    table = compare(contrasts, 0.95, documents)
    assert (table["excludes_zero"] == (table["p_holm"] <= 0.05 + 1e-9)).all()


LIKE_THE_RECORD = np.array([300, 400, 500, 600, 700, 900, 1e3, 1.2e3, 1.5e3, 2e3, 3e3, 4e3, 6e3, 9e3, 12e3, 16e3, 19e3])
"""Bytes of documents of which the long ones decide, as in the recorded study: seven equal ones weigh as much."""
TEXTS = {"ten": np.full(10, 1000.0), "uneven": LIKE_THE_RECORD}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("seeds", [1, 3])
def test_families_of_no_difference_hold_a_false_claim_as_rarely_as_the_book_says(text, seeds):
    """Ten pairs of five equal ways on few documents, where percentile intervals err in 12 to 20% of the families."""
    rng, sizes, trials, called, uncorrected = np.random.default_rng(5), TEXTS[text], 200, 0, 0
    for trial in range(trials):
        shared = rng.normal(1, 0.2, len(sizes))
        losses = {name: (shared + rng.normal(0, 0.01, (1, len(sizes)))) * sizes for name in "abcde"}
        noisy = {name: nats + rng.normal(0, 1e-3, (seeds, len(sizes))) * sizes for name, nats in losses.items()}
        drawn = bootstrap(noisy, sizes, 300, trial)
        table = compare({a + b: drawn.difference(a, b) for a, b in combinations("abcde", 2)}, 0.95, len(sizes))
        uncorrected += (table["p"] <= 0.05).any()
        called += table["excludes_zero"].any()
    assert called <= 0.085 * trials
    assert uncorrected > 2 * called


# --- components of variance --------------------------------------------------------------------------------------


def test_two_way_components_by_hand():
    """3 rows, 2 columns; their means are 2, 4, 9 and 4, 6; the grand mean is 5."""
    values = np.array([[1.0, 3.0], [2.0, 6.0], [9.0, 9.0]])
    # rows: 2 * ((2-5)^2 + (4-5)^2 + (9-5)^2) / 2 = 26; columns: 3 * (1 + 1) / 1 = 6
    # rest: residuals 0, 0, -1, 1, 1, -1: sum of squares 4, degrees 2: 2
    table = variance_components(values, ["row", "column"])
    assert table["degrees"].tolist() == [2, 1, 2]
    assert table["estimate"].tolist() == pytest.approx([(26 - 2) / 2, (6 - 2) / 3, 2])
    assert table.index.tolist() == ["row", "column", "row × column"]
    assert table["share"].sum() == pytest.approx(1)


def test_three_way_components_by_the_textbooks_equations():
    values = np.random.default_rng(1).normal(0, 1, (4, 3, 5)) + np.arange(4)[:, None, None]
    table = variance_components(values, ["method", "seed", "document"])
    a, b, c = values.shape
    grand = values.mean()
    m = values.mean(axis=(1, 2)) - grand
    ms = values.mean(axis=2) - values.mean(axis=(1, 2))[:, None] - values.mean(axis=(0, 2)) + grand
    md = values.mean(axis=1) - values.mean(axis=(1, 2))[:, None] - values.mean(axis=(0, 1)) + grand
    ms_m, ms_ms = b * c * (m**2).sum() / (a - 1), c * (ms**2).sum() / ((a - 1) * (b - 1))
    ms_md = b * (md**2).sum() / ((a - 1) * (c - 1))
    s, d = values.mean(axis=(0, 2)) - grand, values.mean(axis=(0, 1)) - grand
    sd = values.mean(axis=0) - values.mean(axis=(0, 2))[:, None] - values.mean(axis=(0, 1)) + grand
    ss_rest = ((values - grand) ** 2).sum() - sum(
        (b * c * (m**2).sum(), c * (ms**2).sum(), b * (md**2).sum(), a * (sd**2).sum(),
         a * c * (s**2).sum(), a * b * (d**2).sum())
    )  # fmt: skip
    ms_rest = ss_rest / ((a - 1) * (b - 1) * (c - 1))
    assert table.loc["method", "estimate"] == pytest.approx((ms_m - ms_ms - ms_md + ms_rest) / (b * c))
    assert table.loc["method × seed", "estimate"] == pytest.approx((ms_ms - ms_rest) / c)
    assert table.loc["method × seed × document", "estimate"] == pytest.approx(ms_rest)


def test_components_are_recovered_from_simulated_effects():
    truth = {(0,): 0.3, (1,): 0.05, (2,): 0.5, (0, 1): 0.1, (0, 2): 0.15, (1, 2): 0.02, (0, 1, 2): 0.04}
    shape, found = (8, 7, 40), []
    for trial in range(60):
        rng = np.random.default_rng(trial)
        values = sum(
            rng.normal(0, math.sqrt(variance), [size if axis in group else 1 for axis, size in enumerate(shape)])
            for group, variance in truth.items()
        )
        found.append(variance_components(values, ["method", "seed", "document"])["estimate"].to_numpy())
    standard_errors = np.std(found, axis=0) / math.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - list(truth.values())) < 4 * standard_errors).all()


def test_components_need_two_levels_and_a_name_for_each_factor():
    for values, names in ((np.zeros((1, 3)), ["a", "b"]), (np.zeros((2, 3)), ["a"])):
        with pytest.raises(ValueError, match="two levels"):
            variance_components(values, names)
    assert variance_components(np.ones((2, 3)), ["a", "b"])["share"].tolist() == [0, 0, 0]
