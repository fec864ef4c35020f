"""Continuations in numbers: every measure of every model in one table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import islice
from types import MappingProxyType

import pandas as pd

from .identifier import CLASSES, UNDECIDED
from .letters import non_bashkir_letter_share
from .repetition import distinct, longest_loop, repeated_ngrams
from .shares import mean_row

ORDERS = (1, 2, 3, 4)
"""Lengths n of the n-grams of rep-n and distinct-n."""
SHARE_COLUMNS: Mapping[str, str] = MappingProxyType({name: f"share_{name}" for name in (UNDECIDED, *CLASSES)})
"""Columns for the shares of a text's words by language; the target has none: its share is ``in_language``."""
MEASURES = (
    "in_language",
    *SHARE_COLUMNS.values(),
    "rep_4",
    "distinct_2",
    "loop_share",
    "non_bashkir_letters",
    "new_tokens",
    "broken_characters",
)
"""What :func:`summarise_continuations` shows of each model, where it was measured."""


def beside_text(continuations: pd.DataFrame, texts: Iterable[str], label: str = "test documents") -> pd.DataFrame:
    """``continuations`` with as many people's texts under them, cut to the median length of a continuation.

    What a measure says of text that people wrote shows how far it can be trusted.
    """
    length = int(continuations["continuation"].str.len().median())
    wanted = continuations["prompt"].nunique()
    people = pd.DataFrame({"continuation": [text[:length] for text in islice(texts, wanted)]}).assign(model=label)
    return pd.concat([continuations, people], ignore_index=True)


def measure(continuations: pd.DataFrame) -> pd.DataFrame:
    """Add to each continuation what can be counted in its own text.

    Args:
        continuations: columns model, decoding (missing for text that no model wrote), continuation and, where a prompt
            has several, sample (from 0; missing for text that no model wrote).

    Returns:
        ``continuations`` with rep_1 … rep_4 (Welleck et al., 2020; NaN for a text too short for such n-grams);
        distinct_1 … distinct_4 (after Li et al., 2016: of as many texts of each model and decoding, the first samples,
        together; lower where they are longer); longest_loop (characters of the longest loop) and loop_share (of the
        characters), NaN for a text without words; non_bashkir_letters (share of its letters; NaN without).
    """
    texts = continuations["continuation"]
    loops = texts.map(lambda text: longest_loop(text).characters if text.split() else math.nan).astype(float)
    return continuations.assign(
        **{f"rep_{n}": [repeated_ngrams(text, n) for text in texts] for n in ORDERS},
        **{f"distinct_{n}": _distinct_together(continuations, n) for n in ORDERS},
        longest_loop=loops,
        loop_share=loops / texts.str.len(),
        non_bashkir_letters=texts.map(non_bashkir_letter_share),
    )


def _distinct_together(continuations: pd.DataFrame, n: int) -> list[float]:
    """distinct-n of the texts of its model and decoding, for each text: of as many as the smallest group has.

    More text has a lower value by itself, so only the first sample of every prompt counts, and no group's surplus.
    """
    groups = continuations.groupby(["model", "decoding"], sort=False, dropna=False).ngroup()
    sample = continuations.get("sample", pd.Series(0, index=continuations.index)).fillna(0)
    first = continuations["continuation"][sample == 0].groupby(groups, sort=False)
    count = int(first.size().min()) if len(continuations) else 0
    found = {group: distinct(own.head(count).tolist(), n) for group, own in first}
    return [found[group] for group in groups]


def summarise_continuations(measured: pd.DataFrame) -> pd.DataFrame:
    """One row for each model, in order of appearance: continuations (how many), then means of ``MEASURES``.

    Args:
        measured: continuations of one decoding with those of ``MEASURES`` that were taken, each of them a column.
    """
    groups = measured.groupby("model", sort=False)
    means = groups[[name for name in MEASURES if name in measured]].mean()
    return groups.size().rename("continuations").to_frame().join(means)


def repetition_table(measured: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """By model: means of rep_4 and loop_share, with intervals that draw prompts, and its distinct_2, one number.

    Args:
        measured: as :func:`measure` gives it, with the prompt of each continuation.
        confidence: of each interval (columns ``…_low`` and ``…_high``); NaN where there is one prompt.
    """
    rows = {}
    for model, own in measured.groupby("model", sort=False):
        row = {"distinct_2": float(own["distinct_2"].mean())}
        for name in ("rep_4", "loop_share"):
            row |= mean_row(own, name, confidence)
        rows[str(model)] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
