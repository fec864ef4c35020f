"""Do measures of generated text agree with perplexity, and which way of adaptation is best by each?

Rank correlations are over runs, of which a study has few and related ones, so their intervals are wide and still too
narrow. Choices are made over prompts (or documents): every way is compared on the same ones.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import rankdata

from ..markup import escape_markdown, html_table
from ..statistics import Contrast, compare, draw_weights, draws_needed

MIN_RUNS = 5
"""Fewer runs give no rank correlation worth an interval."""
SAMPLES = 2000
CHOICE_COLUMNS = ("wish", "choose", "value", "worst", "worst_value", "not_worse", "units")


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
            vectorized=False,
            n_resamples=SAMPLES,
            confidence_level=confidence,
            method="percentile" if _perfect(pair) else "BCa",
            random_state=np.random.default_rng(0),
        ).confidence_interval
    return float(found.low), float(found.high)


def _of_draw(first: np.ndarray, second: np.ndarray) -> float:
    value = rank_correlation(first, second)
    return 0.0 if math.isnan(value) else value


def _perfect(pair: np.ndarray) -> bool:
    """Acceleration is not defined where leaving a run out changes nothing."""
    return abs(abs(rank_correlation(pair[:, 0], pair[:, 1])) - 1) < 1e-12


def choices(
    values: pd.DataFrame, wants: Sequence[Want], confidence: float, *, unit: str = "prompt", seed: int = 0
) -> pd.DataFrame:
    """For each want the way of adaptation that is best by its measure, and which others cannot be told from it.

    Args:
        values: one row for each way, unit and whatever is averaged inside (seeds, samples): columns way, ``unit`` and
            the measures. Every way has the same units; NaN is left out of means.
        wants: what to choose by.
        confidence: of the whole family of comparisons of a want (Holm), by a bootstrap over units that draws the same
            ones for every way.
        unit: what is drawn: prompts, documents.
        seed: of the draws.

    Returns:
        one row a want, by wish: choose (the best way), value (its mean over units), worst and worst_value, not_worse
        (list of the ways whose difference to the best has an interval that includes 0), units. A want whose measure no
        unit has for every way (no words to judge) is left out.
    """
    tables = {want: _by_unit(values, want.measure, unit) for want in wants}
    rows = [_choice(table, want, confidence, seed) for want, table in tables.items() if len(table)]
    return pd.DataFrame(rows, columns=list(CHOICE_COLUMNS)).set_index("wish")


def _by_unit(values: pd.DataFrame, measure: str, unit: str) -> pd.DataFrame:
    """Mean of a measure, rows units that every way has, columns ways."""
    table = values.pivot_table(index=unit, columns="way", values=measure, aggfunc="mean", sort=False, dropna=False)
    return table.dropna()


def _choice(table: pd.DataFrame, want: Want, confidence: float, seed: int) -> dict[str, object]:
    means = table.mean()
    order = means.sort_values(ascending=not want.higher_is_better, kind="stable")
    best = str(order.index[0])
    found = _differences(table, best, confidence, seed)
    alike = [str(way) for way in order.index[1:] if not found.loc[way, "excludes_zero"]]
    return {
        "wish": want.wish,
        "choose": best,
        "value": float(order.iloc[0]),
        "worst": str(order.index[-1]),
        "worst_value": float(order.iloc[-1]),
        "not_worse": alike,
        "units": len(table),
    }


def _differences(table: pd.DataFrame, best: str, confidence: float, seed: int) -> pd.DataFrame:
    """Every other way less the best one, corrected for their number."""
    others = [way for way in table.columns if way != best]
    if not others:
        return pd.DataFrame({"excludes_zero": []})
    samples = max(SAMPLES, draws_needed(len(others), confidence))
    matrix = table.to_numpy(dtype=float)
    means = np.concatenate([weights @ matrix / len(table) for weights in draw_weights(len(table), samples, seed)])
    drawn: Mapping[str, np.ndarray] = dict(zip(map(str, table.columns), means.T, strict=True))
    contrasts = {
        str(way): Contrast(float(table[way].mean() - table[best].mean()), drawn[str(way)] - drawn[best])
        for way in others
    }
    return compare(contrasts, confidence, len(table))


def choices_html(table: pd.DataFrame, caption: str) -> str:
    """The table of :func:`choices` as HTML."""
    shown = pd.DataFrame(
        {
            "choose": table["choose"],
            "its mean": table["value"],
            "cannot be told from it": table["not_worse"].map(lambda ways: ", ".join(ways) or "none of the others"),
            "worst": table["worst"],
            "mean of the worst": table["worst_value"],
        }
    )
    return html_table(shown.rename_axis("if you want"), caption)


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
