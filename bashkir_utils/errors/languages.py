"""In which language continuations are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

import pandas as pd

from ..corpus.identify import identify_many
from .letters import count_letters

MIN_LETTERS = 12
"""Sentences with fewer letters are called ``short``: the identifier guesses on them."""
SHORT = "short"
_SENTENCE = re.compile(r"[^\n]+?(?:(?<=[.!?…])[»”\"')\]]{0,3}(?=\s|$)|$)", re.MULTILINE)


def split_sentences(text: str) -> list[str]:
    """Sentences of ``text``: cut after ``. ! ? …`` (and closing quotes) before white space, and at line ends."""
    return [piece for match in _SENTENCE.finditer(text) if (piece := match.group().strip())]


def language_by_sentence(texts: Sequence[str]) -> pd.DataFrame:
    """Language of each sentence by fastText's lid.176 (Joulin et al., 2016).

    Returns:
        One row for each sentence: text (its position in ``texts``), sentence, language (ISO 639-1, or ``short`` for
        fewer than ``MIN_LETTERS`` letters), confidence (0 to 1), characters.
    """
    rows = [(i, sentence) for i, text in enumerate(texts) for sentence in split_sentences(text)]
    found = identify_many([sentence for _, sentence in rows])
    table = [
        {
            "text": i,
            "sentence": sentence,
            "language": label if count_letters(sentence) >= MIN_LETTERS else SHORT,
            "confidence": confidence,
            "characters": len(sentence),
        }
        for (i, sentence), (label, confidence) in zip(rows, found, strict=True)
    ]
    return pd.DataFrame(table, columns=["text", "sentence", "language", "confidence", "characters"])


BySentence = Callable[[Sequence[str]], pd.DataFrame]
"""A function from texts to the columns of :func:`language_by_sentence`."""


def language_shares(continuations: pd.DataFrame, by_sentence: BySentence = language_by_sentence) -> pd.DataFrame:
    """Share of the characters of each model's continuations by language of their sentence.

    Args:
        continuations: columns model and continuation.
        by_sentence: what tells the language of sentences.

    Returns:
        One row for each model (in order of appearance), one column for each language, commonest first; rows sum to 1,
        or to 0 where a model wrote nothing.
    """
    sentences = by_sentence(continuations["continuation"].tolist())
    owners = continuations["model"].to_numpy()[sentences["text"].to_numpy(dtype=int)]
    counts = sentences.assign(model=owners).pivot_table(
        index="model", columns="language", values="characters", aggfunc="sum", fill_value=0
    )
    counts = counts.reindex(continuations["model"].unique(), fill_value=0).sort_index(
        axis=1, key=lambda languages: -counts[languages].sum().to_numpy()
    )
    return counts.div(counts.sum(axis=1).clip(lower=1), axis=0).rename_axis(columns=None)


def share_in(texts: Sequence[str], language: str, by_sentence: BySentence = language_by_sentence) -> list[float]:
    """Of each text: share of the characters of its sentences that are in ``language``; NaN for one without letters."""
    sentences = by_sentence(texts)
    totals = sentences.groupby("text")["characters"].sum()
    found = sentences[sentences["language"] == language].groupby("text")["characters"].sum()
    shares = (found / totals).reindex(range(len(texts)), fill_value=0.0).fillna(0.0)
    return [float(share) if count_letters(text) else math.nan for share, text in zip(shares, texts, strict=True)]
