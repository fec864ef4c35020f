"""Degeneration in numbers: repetition of every order, loops, length, and texts that end early or never begin."""

from __future__ import annotations

import pandas as pd

from .summary import ORDERS, measure

COLUMNS = (
    *(f"rep_{n}" for n in ORDERS),
    *(f"distinct_{n}" for n in ORDERS),
    "longest_loop",
    "loop_share",
    "words",
    "characters",
    "bytes",
    "ended",
    "empty",
)


def degeneration_table(continuations: pd.DataFrame) -> pd.DataFrame:
    """By model, in order of appearance: how far its text falls apart.

    Args:
        continuations: of one decoding, columns model, decoding, continuation, new_tokens, ended. New tokens and
            decoding are missing for text that no model wrote.

    Returns:
        means of the columns of ``summary.measure`` over the continuations that have them; words, characters, bytes
        (UTF-8); ended (share that the model ended itself; NaN for text that no model wrote: it was cut) and empty
        (share without a sign but white space).
    """
    texts = continuations["continuation"]
    table = measure(continuations).assign(
        words=texts.map(lambda text: len(text.split())),
        characters=texts.str.len(),
        bytes=texts.map(lambda text: len(text.encode())),
        ended=continuations["ended"].astype(float).where(continuations["new_tokens"].notna()),
        empty=texts.str.strip().eq(""),
    )
    return table.groupby("model", sort=False)[list(COLUMNS)].mean().astype(float)
