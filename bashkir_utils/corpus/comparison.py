"""How texts differ as texts: vocabulary, frequencies, and how much each character surprises after those before it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..study import Specification
from . import statistics

CHARACTERS = 1_000_000
"""Texts are compared on about so many characters each: all of these figures move with the size of the text."""
WORDS = 100_000
"""Running words over which types are counted."""
CONTEXTS = (0, 1, 2, 3, 4)
"""How many characters before are known, for each conditional entropy."""
RANK_POINTS = 80


class TextStatistics(Specification):
    """Counts of one text, without any of its words."""

    characters: int
    words: int
    """Running words that types are counted over; at most ``WORDS``."""
    types: int
    """Different words among them."""
    hapaxes: int
    """Words among them that come once."""
    word_length: float
    """Mean letters of a running word."""
    zipf_exponent: float | None
    heaps_exponent: float | None
    entropies: tuple[float, ...]
    """Bits per character, given as many characters before as ``CONTEXTS`` says."""
    ranks: tuple[tuple[int, float], ...]
    """Rank and share of running words, for some ranks."""
    growth: tuple[tuple[int, int], ...]
    """Running words and different words among them."""

    @property
    def type_token_ratio(self) -> float:
        """Different words among running words, 0…1."""
        return self.types / self.words if self.words else math.nan


def measure_text(texts: Sequence[str]) -> TextStatistics:
    """Measure the first ``CHARACTERS`` characters of the texts, words on the first ``WORDS`` of them."""
    text = "\n".join(texts)[:CHARACTERS]
    running = statistics.words(text)[:WORDS]
    counts = Counter(running)
    ranks, growth = statistics.zipf(counts), statistics.heaps([" ".join(running)])
    return TextStatistics(
        characters=len(text),
        words=len(running),
        types=len(counts),
        hapaxes=sum(count == 1 for count in counts.values()),
        word_length=float(np.mean([len(word) for word in running])) if running else 0.0,
        zipf_exponent=_known(statistics.zipf_exponent(ranks)),
        heaps_exponent=_known(statistics.heaps_exponent(growth)),
        entropies=tuple(conditional_entropy(text, context) for context in CONTEXTS),
        ranks=_points(ranks),
        growth=tuple((int(n), int(v)) for n, v in growth.itertuples(index=False)),
    )


def conditional_entropy(text: str, context: int) -> float:
    """Entropy of a character given the ``context`` characters before it, in bits, from the counts of the text itself.

    H(X | context) = H(blocks of context + 1) - H(blocks of context).

    The blocks of a small text are counted too rarely, which makes the figure too low, the more so the longer the
    context: compare texts of one size.

    Source: C. Shannon, Prediction and Entropy of Printed English, Bell System Technical Journal 30, 1951.
    """
    return _block_entropy(text, context + 1) - _block_entropy(text, context)


def _block_entropy(text: str, length: int) -> float:
    blocks = Counter(text[place : place + length] for place in range(len(text) - length + 1))
    counts = np.fromiter(blocks.values(), dtype=float)
    if not counts.size:
        return 0.0
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def _points(ranks: pd.DataFrame) -> tuple[tuple[int, float], ...]:
    if ranks.empty:
        return ()
    places = np.unique(np.geomspace(1, len(ranks), RANK_POINTS).astype(int)) - 1
    total = int(ranks["count"].sum())
    return tuple((int(ranks["rank"].iloc[place]), float(ranks["count"].iloc[place]) / total) for place in places)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def comparison_table(measured: Mapping[str, TextStatistics]) -> pd.DataFrame:
    """One column a text, one row a measure."""
    columns = {
        name: {
            "characters measured": found.characters,
            "running words measured": found.words,
            "different words": found.types,
            "type/token ratio": found.type_token_ratio,
            "words that come once, of the different ones": found.hapaxes / found.types if found.types else math.nan,
            "letters per running word": found.word_length,
            "Zipf exponent": found.zipf_exponent,
            "Heaps exponent": found.heaps_exponent,
        }
        | {
            f"entropy, bits per character, {context} before": bits
            for context, bits in zip(CONTEXTS, found.entropies, strict=True)
        }
        for name, found in measured.items()
    }
    return pd.DataFrame(columns).rename_axis("measure")
