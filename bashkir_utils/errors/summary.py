"""Continuations in numbers: every measure of every model in one table."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import pandas as pd

from .languages import language_shares
from .letters import non_bashkir_letter_share
from .repetition import distinct, longest_loop, repeated_ngrams

MEASURES = ("rep_4", "distinct_2", "loop_share", "non_bashkir_letters", "new_tokens", "broken_characters")


def beside_text(continuations: pd.DataFrame, texts: Iterable[str], label: str = "test documents") -> pd.DataFrame:
    """``continuations`` with as many people's texts under them, cut to the median length of a continuation.

    What a measure says of text that people wrote shows how far it can be trusted.
    """
    length = int(continuations["continuation"].str.len().median())
    wanted = continuations["prompt"].nunique()
    people = pd.DataFrame({"continuation": [text[:length] for text in islice(texts, wanted)]}).assign(model=label)
    return pd.concat([continuations, people], ignore_index=True)


def measure(continuations: pd.DataFrame) -> pd.DataFrame:
    """Add to each continuation: rep_4, loop_share (of its characters), non_bashkir_letters (share of its letters)."""
    texts = continuations["continuation"]
    return continuations.assign(
        rep_4=texts.map(repeated_ngrams),
        loop_share=texts.map(lambda text: longest_loop(text).characters / max(len(text), 1)),
        non_bashkir_letters=texts.map(non_bashkir_letter_share),
    )


def summarise_continuations(continuations: pd.DataFrame, language: str | None = "ba") -> pd.DataFrame:
    """One row for each model, in order of appearance: its continuations in numbers.

    Columns: in_language (share of characters in sentences of ``language``; left out if that is None); rep_4,
    loop_share, non_bashkir_letters, new_tokens and broken_characters as means over continuations; distinct_2 over all.
    """
    measured = measure(continuations).groupby("model", sort=False)
    table = measured[[name for name in MEASURES if name != "distinct_2"]].mean()
    table["distinct_2"] = measured["continuation"].agg(lambda texts: distinct(texts.tolist()))
    table = table[list(MEASURES)]
    if language is not None:
        shares = language_shares(continuations)
        table.insert(0, "in_language", shares.get(language, pd.Series(0.0, index=shares.index)))
    return table
