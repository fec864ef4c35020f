"""BPE and Unigram on a handful of words, each step shown: small and slow, to be read beside :mod:`.trained`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise

import pandas as pd

from ..exceptions import TokenizerError

LONGEST_WORD = 16
"""Letters; a word of n letters can be cut in 2 to the power n - 1 ways."""


def merge_steps(words: Mapping[str, int], steps: int) -> pd.DataFrame:
    """The first merges of BPE on letters (Sennrich et al., 2016): again and again, join the most frequent neighbours.

    Args:
        words: how often each word occurs.
        steps: merges at most; of equally frequent pairs the first in alphabetical order is joined.

    Returns:
        one row a merge, indexed by ``merge`` from 1: ``joined`` (the new entry), ``times`` (how often the pair
        occurred) and ``words`` (all words as they are written after it).
    """
    cut = {word: list(word) for word in words}
    rows = []
    for step in range(1, steps + 1):
        pairs = Counter[tuple[str, str]]()
        for word, count in words.items():
            for pair in pairwise(cut[word]):
                pairs[pair] += count
        if not pairs:
            break
        pair, times = min(pairs.items(), key=lambda each: (-each[1], each[0]))
        cut = {word: _join(parts, pair) for word, parts in cut.items()}
        written = ", ".join("-".join(parts) for parts in cut.values())
        rows.append({"merge": step, "joined": "".join(pair), "times": times, "words": written})
    return pd.DataFrame(rows, columns=["merge", "joined", "times", "words"]).set_index("merge")


def _join(parts: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    for part in parts:
        # what was joined just now is longer than pair[0], so overlapping pairs are joined from the left
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return out


def unigram_cuts(word: str, probabilities: Mapping[str, float]) -> pd.DataFrame:
    """All ways to write a word in entries, as Unigram sees them (Kudo, 2018): pieces are drawn independently.

    Args:
        word: at most ``LONGEST_WORD`` letters.
        probabilities: of each entry.

    Returns:
        the likeliest first: ``cut``, ``probability`` (the product over its pieces), ``share`` of all ways together.

    Raises:
        TokenizerError: the word is longer.
    """
    if len(word) > LONGEST_WORD:
        raise TokenizerError(f"a word of {len(word)} letters has too many cuts to list; give at most {LONGEST_WORD}")
    rows = [("-".join(cut), math.prod(probabilities[piece] for piece in cut)) for cut in _cuts(word, probabilities)]
    table = pd.DataFrame(rows, columns=["cut", "probability"]).sort_values("probability", ascending=False)
    return table.assign(share=table["probability"] / table["probability"].sum()).reset_index(drop=True)


def _cuts(word: str, entries: Mapping[str, float]) -> Iterator[tuple[str, ...]]:
    if not word:
        yield ()
    for end in range(1, len(word) + 1):
        if word[:end] in entries:
            for rest in _cuts(word[end:], entries):
                yield (word[:end], *rest)
