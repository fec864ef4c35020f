"""Do measures of generated text agree with perplexity, and which way of adaptation is best by each?

Rank correlations are over ways of adaptation, of which a study has few; all that stand on a page are tested as one
family, by permutation. Choices are made over prompts (or other units): every way is compared on the same ones, and with
every other.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import permutation_test, rankdata

from ..markup import escape_markdown, html_table
from ..statistics import ROUNDING, bootstrap_ratios, compare, holm, seeds_apart

MIN_WAYS = 5
"""Fewer ways give no rank correlation worth an interval."""
ORDERS = 10_000
"""Of the ways, that a permutation test looks at: all there are for seven of them."""
SAMPLES = 2000
MIN_SHARED = 0.5
"""Share of the units that ways must have in common to be compared."""
CHOICE_COLUMNS = ("choose", "value", "not_worse", "worse", "worst", "worst_value", "units", "left_out")


@dataclass(frozen=True)
class Want:
    """Something a reader may want of a model, and the measure that stands for it."""

    wish: str
    """In words, to follow "if you want"."""
    measure: str
    """Column of the measured table."""
    higher_is_better: bool


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's rank correlation of two arrays of shape (ways,); NaN where one of them does not vary."""
    ranks = np.vstack([rankdata(first), rankdata(second)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return math.nan
    return float(np.corrcoef(ranks)[0, 1])


def correlations(ways: pd.DataFrame, reference: str, measures: Sequence[str], confidence: float) -> pd.DataFrame:
    """Rank correlation of ``reference`` with each measure over ways of adaptation.

    Runs of one way that differ in their seed are near copies, and are no cases of their own: a row is a way. Whether a
    correlation is more than chance a permutation test says, exact for up to seven ways (R. A. Fisher, The Design of
    Experiments, 1935, section 21): all orders of the ways are equally likely if the two have nothing to do with each
    other. Ways of one model are alike too, and the test does not know it.

    Args:
        ways: one row a way (means over its seeds), with a column for the reference and one for each measure; NaN where
            a way has none.
        reference: column to correlate with, such as ``bits_per_byte``.
        measures: the other columns.
        confidence: of the intervals, each for itself, which draw ways (bias-corrected and accelerated bootstrap; B.
            Efron, JASA 82, 1987). They are to look at: of so few ways they are too narrow, and no claim rests on them.

    Returns:
        by measure: correlation, low, high (NaN with fewer than ``MIN_WAYS`` ways or where nothing varies), p
        (two-sided, not corrected), ways, same (whether all ways have one value).
    """
    rows = {}
    for measure in measures:
        pair = ways[[reference, measure]].replace([np.inf, -np.inf], np.nan).dropna().to_numpy(dtype=float)
        value = rank_correlation(pair[:, 0], pair[:, 1]) if len(pair) >= 2 else math.nan
        known = not math.isnan(value)
        low, high = _interval(pair, confidence) if len(pair) >= MIN_WAYS and known else (math.nan,) * 2
        rows[measure] = {
            "correlation": value,
            "low": low,
            "high": high,
            "p": permutation_p(pair[:, 0], pair[:, 1]) if known else math.nan,
            "ways": len(pair),
            "same": len(pair) >= 2 and bool(np.ptp(pair[:, 1]) == 0),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("measure")


def permutation_p(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p-value of Spearman's rank correlation of two arrays that vary, shape (ways,).

    From all orders of the ways where these are at most ``ORDERS``, else from as many random ones.
    """
    one, other = (ranks - ranks.mean() for ranks in (rankdata(first), rankdata(second)))
    found = permutation_test(
        (one,),
        lambda drawn, axis=-1: (drawn * other).sum(axis=axis),
        permutation_type="pairings",
        vectorized=True,
        n_resamples=ORDERS,
        random_state=np.random.default_rng(0),
    )
    return float(found.pvalue)


def corrected(tables: Mapping[str, pd.DataFrame], confidence: float) -> dict[str, pd.DataFrame]:
    """Tables of :func:`correlations` that stand on one page, as one family of tests (Holm).

    Returns:
        the same tables with tests (how many the family has), p_holm, claimed (p_holm is at most 1 - confidence) and
        possible (whether any result of so few ways could have been claimed).
    """
    together = pd.concat(tables.values(), keys=tables.keys())
    tested = together[together["p"].notna()]
    least = min((smallest_p(int(ways)) for ways in tested["ways"]), default=1.0)
    level = 1 - confidence + ROUNDING
    together["tests"] = len(tested)
    together["p_holm"] = pd.Series(holm(tested["p"].tolist()), index=tested.index, dtype=float)
    together["claimed"] = together["p_holm"] <= level
    together["possible"] = least * len(tested) <= level
    return {name: pd.DataFrame(together.loc[name]) for name in tables}


def smallest_p(ways: int) -> float:
    """The smallest two-sided p-value that :func:`permutation_p` can give: that of a perfect order, and its reverse."""
    return min(1.0, 2 / min(math.factorial(ways), ORDERS))


def _interval(pair: np.ndarray, confidence: float) -> tuple[float, float]:
    with warnings.catch_warnings():
        # draws of one way alone have no correlation
        warnings.simplefilter("ignore")
        found = scipy_bootstrap(
            (pair[:, 0], pair[:, 1]),
            _of_draw,
            paired=True,
            vectorized=True,
            n_resamples=SAMPLES,
            confidence_level=confidence,
            method="percentile" if _perfect(pair) else "BCa",
            random_state=np.random.default_rng(0),
        ).confidence_interval
    return float(found.low), float(found.high)


def _of_draw(first: np.ndarray, second: np.ndarray, axis: int = -1) -> np.ndarray:
    """Rank correlations along ``axis``; 0 where one of the two does not vary."""
    ranks = [rankdata(values, axis=axis) for values in (first, second)]
    one, other = (each - each.mean(axis=axis, keepdims=True) for each in ranks)
    scale = np.sqrt((one**2).sum(axis=axis) * (other**2).sum(axis=axis))
    return np.divide((one * other).sum(axis=axis), scale, out=np.zeros_like(scale), where=scale > 0)


def _perfect(pair: np.ndarray) -> bool:
    """Acceleration is not defined where leaving a way out changes nothing."""
    return abs(abs(rank_correlation(pair[:, 0], pair[:, 1])) - 1) < 1e-12


def choices(
    values: pd.DataFrame, wants: Sequence[Want], confidence: float, *, unit: str = "prompt", seed: int = 0
) -> pd.DataFrame:
    """For each want the way of adaptation that is best by its measure, and which others cannot be told from it.

    The best way is found in the same data, so a comparison of it with the others alone would claim too much: all pairs
    of ways are compared, as one family (``statistics.compare``: Holm; Student's t over units and seeds where a way has
    several, and draws of units where none has).

    Args:
        values: one row for each way, run, unit and whatever is averaged inside (samples): columns way, run_id (one for
            each seed), ``unit`` and the measures; NaN is left out of means.
        wants: what to choose by.
        confidence: of the family of a want.
        unit: what is drawn: prompts, phenomena.
        seed: of the draws.

    Returns:
        one row a want, by wish: choose (the best way; empty where none can be judged), value (its mean over units and
        seeds), not_worse (ways that cannot be told from it), worse (ways that can), worst and worst_value, units,
        left_out (ways that have a value for too few units: see ``MIN_SHARED``).
    """
    ways = list(dict.fromkeys(values["way"]))
    rows = {want.wish: _choice(values, want, confidence, unit, seed) for want in wants}
    return choice_table(rows, ways)


def choice_table(rows: Mapping[str, Mapping[str, object]], ways: Sequence[str]) -> pd.DataFrame:
    """Rows of :func:`choice_row` by wish, with left_out: those of ``ways`` that a row does not compare."""
    complete = {
        wish: {**row, "left_out": [way for way in ways if way not in _compared(row)]} for wish, row in rows.items()
    }
    table = pd.DataFrame.from_dict(complete, orient="index", columns=list(CHOICE_COLUMNS))
    return table.rename_axis("wish")


def choice_over_seeds(values: Mapping[str, Sequence[float]], want: Want, confidence: float) -> dict[str, object]:
    """One row of :func:`choices` for what a run has one value of, such as its cost: Welch's t over seeds.

    All pairs of ways are one family (Holm). A way with one seed cannot be told from any. Where every way has one,
    nothing is tested: larger is worse, and the row says so (units is NaN).

    Args:
        values: of each seed, by way.
        want: what to choose by.
        confidence: of the family.
    """
    means = {way: float(np.mean(of_seeds)) for way, of_seeds in values.items()}
    best = choice_row(means, want, [], 0)["choose"]
    if all(len(of_seeds) == 1 for of_seeds in values.values()):
        return choice_row(means, want, [way for way in means if means[way] != means.get(str(best))], math.nan)
    found = {pair: seeds_apart(values[pair[0]], values[pair[1]]) for pair in combinations(values, 2)}
    tested = [pair for pair, p in found.items() if not math.isnan(p)]
    adjusted = holm([found[pair] for pair in tested])
    told = [set(pair) for pair, p in zip(tested, adjusted, strict=True) if p <= 1 - confidence + ROUNDING]
    return choice_row(means, want, [way for way in means if {way, best} in told], max(map(len, values.values())))


def choice_row(means: Mapping[str, float], want: Want, worse: Sequence[str], units: float) -> dict[str, object]:
    """One row of :func:`choices` without left_out.

    Args:
        means: by way; may be empty.
        want: what to choose by.
        worse: ways that can be told from the best one.
        units: over which the means are; NaN where nothing was drawn.
    """
    order = sorted(means, key=lambda way: -means[way] if want.higher_is_better else means[way])
    best, worst = (order[0], order[-1]) if order else ("", "")
    return {
        "choose": best,
        "value": means.get(best, math.nan),
        "not_worse": [way for way in order[1:] if way not in worse],
        "worse": [way for way in order[1:] if way in worse],
        "worst": worst,
        "worst_value": means.get(worst, math.nan),
        "units": units,
    }


def _compared(row: Mapping[str, Any]) -> list[str]:
    return [row["choose"], *row["not_worse"], *row["worse"]]


def _choice(values: pd.DataFrame, want: Want, confidence: float, unit: str, seed: int) -> dict[str, object]:
    by_way = _by_way(values, want.measure, unit)
    if not by_way:
        return choice_row({}, want, [], 0)
    units = next(iter(by_way.values())).shape[1]
    pairs = list(combinations(by_way, 2))
    drawn = bootstrap_ratios(by_way, np.ones(units), SAMPLES, seed)
    found = compare({str(i): drawn.difference(*pair) for i, pair in enumerate(pairs)}, confidence, units)
    told = [set(pair) for pair, apart in zip(pairs, found["excludes_zero"], strict=True) if apart]
    best = choice_row(drawn.values, want, [], units)["choose"]
    return choice_row(drawn.values, want, [way for way in by_way if {way, best} in told], units)


def against(
    values: pd.DataFrame, measure: str, reference: str, confidence: float, *, unit: str = "prompt"
) -> pd.DataFrame:
    """Every way less one that was not chosen by this measure: one family (``statistics.compare``).

    Args:
        values: as of :func:`choices`.
        measure: a column of it.
        reference: the way that the others are compared with.
        confidence: of the family.
        unit: what is drawn.

    Returns:
        by way: value (mean over units and seeds), difference, low, high, p, p_holm, excludes_zero; the reference has
        NaN for all but the first, and False. Empty where it cannot be compared.
    """
    by_way = _by_way(values, measure, unit)
    if reference not in by_way:
        return pd.DataFrame(columns=["value", "difference", "low", "high", "p", "p_holm", "excludes_zero"])
    units = by_way[reference].shape[1]
    others = [way for way in by_way if way != reference]
    drawn = bootstrap_ratios(by_way, np.ones(units), SAMPLES)
    found = compare({way: drawn.difference(way, reference) for way in others}, confidence, units)
    found = found.reindex(list(by_way)).assign(excludes_zero=lambda table: table["excludes_zero"].eq(True))
    found.insert(0, "value", pd.Series(drawn.values))
    return found.rename_axis("way")


def _by_way(values: pd.DataFrame, measure: str, unit: str) -> dict[str, np.ndarray]:
    """Means of a measure by way, shape (runs, units): of units that every run has, and of ways that leave enough."""
    table = values.groupby(["way", "run_id", unit], sort=False)[measure].mean().unstack(unit)
    known = table.notna().groupby(level="way", sort=False).all()
    known = known.loc[:, known.any()]
    # one way that wrote nothing must not take every unit from the others
    while known.size and known.all().mean() < MIN_SHARED:
        known = known.drop(known.sum(axis=1).idxmin())
    if not known.size:
        return {}
    units = known.columns[known.all()]
    return {str(way): table.loc[way, units].to_numpy(dtype=float) for way in known.index}


def choices_html(table: pd.DataFrame, caption: str) -> str:
    """The table of :func:`choices` as HTML, with what may be chosen in words."""
    shown = pd.DataFrame(
        {
            "choose": [_verdict(row) for row in table.to_dict("records")],
            "best here": table["choose"],
            "its mean": table["value"],
            "worst here": table["worst"],
            "mean of the worst": table["worst_value"],
            "units compared": table["units"],
            "not compared": table["left_out"].map(", ".join),
        },
        index=table.index,
    )
    return html_table(shown.rename_axis("if you want"), caption)


def _verdict(row: Mapping[Any, Any]) -> str:
    best, alike, worse = row["choose"], row["not_worse"], row["worse"]
    if not best:
        return "cannot be judged"
    if math.isnan(row["units"]):
        return " or ".join([best, *alike]) + " (measured, not tested)"
    if not alike and not worse:
        return f"{best}: no other to compare"
    if not worse:
        return "open: no way can be told from the best"
    return f"open between {', '.join([best, *alike])}" if alike else best


def correlation_findings(table: pd.DataFrame, reference: str, names: Mapping[str, str]) -> str:
    """Markdown list: which measures go with the reference over ways, which do not, and which are the same for all.

    Args:
        table: of :func:`corrected`.
        reference: in words.
        names: measures in words.
    """
    known = table.dropna(subset=["correlation"]).sort_values("correlation", key=abs, ascending=False)
    to = escape_markdown(reference)
    if not table["ways"].any():
        return f"- Nothing can be correlated with {to}: it is not known for any way."
    lines = [f"- {sentence}" for sentence in (*_of_known(known, to, names), *_of_same(table, names))]
    return "\n".join(lines)


def _of_known(known: pd.DataFrame, to: str, names: Mapping[str, str]) -> list[str]:
    if known.empty:
        return [f"With so few ways no measure can be correlated with {to}."]
    if not known["possible"].any():
        return [
            f"**Too few ways to say what goes with {to}**: of {known['ways'].max():.0f} ways not even a perfect rank "
            f"correlation could be told from chance, with {known['tests'].max():.0f} tested together (Holm). Seen, and "
            f"no claim: {_listed(known, names)}."
        ]
    sure, unsure = known[known["claimed"]], known[~known["claimed"].astype(bool)]
    found = [
        f"{_named(key, names)} goes with {to}: rank correlation {row['correlation']:+.2f}"
        f"{_ends_of(row['low'], row['high'])} over {row['ways']:.0f} ways (p = {row['p_holm']:.2g}, corrected for "
        f"{row['tests']:.0f} tests)."
        for key, row in sure.iterrows()
    ]
    if len(unsure):
        found.append(f"No agreement with {to} can be claimed (permutation test, Holm): {_listed(unsure, names)}.")
    return found


def _of_same(table: pd.DataFrame, names: Mapping[str, str]) -> list[str]:
    same = table.index[table["same"].astype(bool)]
    if not len(same):
        return []
    return [f"The same for all ways, so that nothing can go with it: {', '.join(_named(key, names) for key in same)}."]


def _listed(table: pd.DataFrame, names: Mapping[str, str]) -> str:
    return ", ".join(f"{_named(key, names)} ({row['correlation']:+.2f})" for key, row in table.iterrows())


def _named(key: object, names: Mapping[str, str]) -> str:
    return escape_markdown(names.get(str(key), str(key)))


def _ends_of(low: float, high: float) -> str:
    return "" if math.isnan(low) else f" ({low:+.2f} to {high:+.2f}, drawing ways)"
