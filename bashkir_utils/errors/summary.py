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
        continuations: columns model, decoding (missing for text that no model wrote) and continuation.

    Returns:
        ``continuations`` with rep_1 … rep_4 (Welleck et al., 2020; NaN for a text too short for such n-grams);
        distinct_1 … distinct_4 (Li et al., 2016: of all the texts of its model and decoding together, and so lower
        where they are longer); longest_loop (characters of the longest loop) and loop_share (of the characters), NaN
        for a text without words; non_bashkir_letters (share of its letters; NaN without).
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
    """distinct-n of all the texts of its model and decoding, for each text."""
    groups = continuations.groupby(["model", "decoding"], sort=False, dropna=False)
    found = groups["continuation"].agg(lambda own: distinct(own.tolist(), n)).astype(float).tolist()
    return [found[group] for group in groups.ngroup()]


def summarise_continuations(measured: pd.DataFrame) -> pd.DataFrame:
    """One row for each model, in order of appearance: continuations (how many), then means of ``MEASURES``.

    Args:
        measured: continuations of one decoding with those of ``MEASURES`` that were taken, each of them a column.
    """
    groups = measured.groupby("model", sort=False)
    means = groups[[name for name in MEASURES if name in measured]].mean()
    return groups.size().rename("continuations").to_frame().join(means)
