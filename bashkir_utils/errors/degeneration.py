"""Degeneration in numbers: repetition of every order, loops, length, and texts that end early or never begin."""

from __future__ import annotations

import math

import pandas as pd

from .repetition import distinct, longest_loop, repeated_ngrams

ORDERS = (1, 2, 3, 4)
"""Lengths n of the n-grams of rep-n and distinct-n."""


def degeneration_table(continuations: pd.DataFrame) -> pd.DataFrame:
    """By model, in order of appearance: how far its text falls apart.

    Args:
        continuations: columns model, continuation, ended.

    Returns:
        columns rep_1 … rep_4 (Welleck et al., 2020; mean over continuations that are long enough to have such n-grams;
        NaN if none is), distinct_1 … distinct_4 (Li et al., 2016; over all of them, and so lower for more text),
        longest_loop (characters of the longest loop, mean), loop_share (of the characters, mean; 0 for empty text),
        words, characters, bytes (means; UTF-8), ended (share that the model ended itself) and empty (share without a
        sign but white space).
    """
    rows = {str(model): _row(own) for model, own in continuations.groupby("model", sort=False)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def _row(own: pd.DataFrame) -> dict[str, float]:
    texts = own["continuation"].astype(str).tolist()
    loops = [longest_loop(text).characters for text in texts]
    frame = pd.DataFrame(
        {
            "longest_loop": loops,
            "loop_share": [loop / max(len(text), 1) for loop, text in zip(loops, texts, strict=True)],
            "words": [len(text.split()) for text in texts],
            "characters": [len(text) for text in texts],
            "bytes": [len(text.encode()) for text in texts],
            "ended": own["ended"].astype(float).to_numpy(),
            "empty": [float(not text.strip()) for text in texts],
        }
    )
    return {
        **{f"rep_{n}": _repetition(texts, n) for n in ORDERS},
        **{f"distinct_{n}": distinct(texts, n) for n in ORDERS},
        **{str(name): float(value) for name, value in frame.mean().items()},
    }


def _repetition(texts: list[str], n: int) -> float:
    long_enough = [text for text in texts if len(text.split()) >= n]
    return sum(repeated_ngrams(text, n) for text in long_enough) / len(long_enough) if long_enough else math.nan
