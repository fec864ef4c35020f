"""Shares with intervals that draw prompts: words of one continuation are alike, so words must not be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ..statistics import Contrast, draw_weights, interval

SAMPLES = 2000


def shares(things: pd.DataFrame, column: str, values: Sequence[str | bool], confidence: float) -> pd.DataFrame:
    """Share of each model's things that have each value, with bootstrap intervals over prompts.

    Args:
        things: one row a thing: model, prompt and ``column``; missing values count in the total alone.
        column: what to count.
        values: what to count it as.
        confidence: of each interval; percentile bootstrap that draws prompts with all they hold.

    Returns:
        one row a model (in order of appearance) and value: model, ``column``, share, low, high, words (things of the
        model).
    """
    rows = []
    for model, own in things.groupby("model", sort=False):
        units = pd.factorize(own["prompt"])[0]
        totals = np.bincount(units).astype(float)
        for value in values:
            hits = np.bincount(units, weights=own[column].eq(value).to_numpy(dtype=float))
            low, high = _ends(hits, totals, confidence)
            share = float(hits.sum() / totals.sum())
            rows.append({"model": model, column: value, "share": share, "low": low, "high": high, "words": len(own)})
    return pd.DataFrame(rows, columns=["model", column, "share", "low", "high", "words"])


def mean_interval(values: np.ndarray, units: np.ndarray, confidence: float) -> tuple[float, float]:
    """Interval of the mean of ``values``, shape (things,), drawing the units they belong to, shape (things,)."""
    codes = pd.factorize(units)[0]
    return _ends(np.bincount(codes, weights=values), np.bincount(codes).astype(float), confidence)


def mean_row(things: pd.DataFrame, name: str, confidence: float) -> dict[str, float]:
    """Mean of a column over the things that have it, and its ends as ``…_low`` and ``…_high``, drawing prompts."""
    known = things.dropna(subset=[name])
    low, high = mean_interval(known[name].to_numpy(dtype=float), known["prompt"].to_numpy(), confidence)
    return {name: float(known[name].mean()), f"{name}_low": low, f"{name}_high": high}


def _ends(sums: np.ndarray, totals: np.ndarray, confidence: float) -> tuple[float, float]:
    """Of a ratio of sums over units; NaN with fewer than two units, of which nothing can be drawn."""
    if len(totals) < 2:
        return math.nan, math.nan
    drawn = np.concatenate([weights @ sums / (weights @ totals) for weights in draw_weights(len(totals), SAMPLES, 0)])
    found = interval(Contrast(float(sums.sum() / totals.sum()), drawn), 1 - confidence)
    return found.low, found.high
