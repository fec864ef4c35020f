"""Do measures of generated text agree with perplexity, and which way of adaptation is best by each?

Rank correlations are over runs, of which a study has few and related ones, so their intervals are wide and still too
narrow. Choices are made over prompts (or other units): every way is compared on the same ones, and with every other.
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
from scipy.stats import rankdata

from ..markup import escape_markdown, html_table
from ..statistics import bootstrap_ratios, compare

MIN_RUNS = 5
"""Fewer runs give no rank correlation worth an interval."""
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
    """Spearman's rank correlation of two arrays of shape (runs,); NaN where one of them does not vary."""
    ranks = np.vstack([rankdata(first), rankdata(second)])
    if (np.ptp(ranks, axis=1) == 0).any():
        return math.nan
    return float(np.corrcoef(ranks)[0, 1])


def correlations(runs: pd.DataFrame, reference: str, measures: Sequence[str], confidence: float) -> pd.DataFrame:
    """Rank correlation of ``reference`` with each measure over runs.

    Args:
        runs: one row a run, with a column for the reference and one for each measure; NaN where a run has none.
        reference: column to correlate with, such as ``bits_per_byte``.
        measures: the other columns.
        confidence: of the intervals, which draw runs (bias-corrected and accelerated bootstrap; B. Efron, JASA 82,
            1987). They do not know that runs of one method are alike.

    Returns:
        by measure: correlation, low, high (NaN with fewer than ``MIN_RUNS`` runs or where nothing varies), runs.
    """
    rows = {}
    for measure in measures:
        pair = runs[[reference, measure]].replace([np.inf, -np.inf], np.nan).dropna().to_numpy(dtype=float)
        value = rank_correlation(pair[:, 0], pair[:, 1]) if len(pair) >= 2 else math.nan
        low, high = _interval(pair, confidence) if len(pair) >= MIN_RUNS and not math.isnan(value) else (math.nan,) * 2
        rows[measure] = {"correlation": value, "low": low, "high": high, "runs": len(pair)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("measure")


def _interval(pair: np.ndarray, confidence: float) -> tuple[float, float]:
    with warnings.catch_warnings():
        # draws of one run alone have no correlation
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
    """Acceleration is not defined where leaving a run out changes nothing."""
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
    """Markdown list: which measures go with the reference over runs, and which do not; ``names`` says them in words."""
    known = table.dropna(subset=["correlation"])
    if known.empty:
        return f"- With so few runs no measure can be correlated with {escape_markdown(reference)}."
    sure = known[(known["low"] > 0) | (known["high"] < 0)].sort_values("correlation", key=abs, ascending=False)
    unsure = known.drop(index=sure.index)
    lines = [
        f"- {escape_markdown(names.get(str(key), str(key)))} goes with {escape_markdown(reference)}: rank correlation "
        f"{row['correlation']:+.2f} ({row['low']:+.2f} to {row['high']:+.2f}) over {row['runs']:.0f} runs."
        for key, row in sure.iterrows()
    ]
    if len(unsure):
        listed = ", ".join(
            f"{escape_markdown(names.get(str(key), str(key)))} ({row['correlation']:+.2f})"
            for key, row in unsure.iterrows()
        )
        lines.append(
            f"- No agreement can be claimed, since the interval includes 0 or there are too few runs: {listed}."
        )
    return "\n".join(lines)
