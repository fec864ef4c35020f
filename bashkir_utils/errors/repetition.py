"""Repetition in continuations, counted in words and not in tokens, so that models with different tokenizers compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAX_PERIOD = 200


@dataclass(frozen=True)
class Loop:
    """A unit of text that is repeated without a break; ``characters`` counts all its copies."""

    unit: str
    characters: int


def repeated_ngrams(text: str, n: int = 4) -> float:
    """rep-n of Welleck et al. (2020): 1 - distinct n-grams / n-grams of one text, over words; NaN if it has none."""
    ngrams = _ngrams(text.split(), n)
    return 1 - len(set(ngrams)) / len(ngrams) if ngrams else math.nan


def distinct(texts: Sequence[str], n: int = 2) -> float:
    """distinct-n: distinct n-grams of words of all texts together over all their n-grams; NaN without any.

    Li et al. (2016) divide by the number of words. A text of w words has only w - n + 1 n-grams, so that short texts
    could not reach 1 by that: it would measure length. Of more text it is lower all the same: compare as much.
    """
    ngrams = [ngram for text in texts for ngram in _ngrams(text.split(), n)]
    return len(set(ngrams)) / len(ngrams) if ngrams else math.nan


def longest_loop(text: str, *, max_period: int = MAX_PERIOD) -> Loop:
    """The longest stretch that is one unit of at most ``max_period`` characters, at least twice in a row.

    Of units that cover the same stretch, the shortest is given. Loops inside a word are found as well, since byte-level
    models often fall into those.
    """
    signs = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    best = Loop("", 0)
    for period in range(1, min(max_period, len(signs) // 2) + 1):
        start, length = _longest_run(signs[:-period] == signs[period:])
        if length >= period and length + period > best.characters:
            best = Loop(text[start : start + period], length + period)
    return best


def _longest_run(same: np.ndarray) -> tuple[int, int]:
    """Start and length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], same.astype(np.int8), [0]))))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    if not len(lengths):
        return 0, 0
    longest = int(lengths.argmax())
    return int(starts[longest]), int(lengths[longest])


def _ngrams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
