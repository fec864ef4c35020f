"""Do a tokenizer's cuts fall where a suffix begins? Boundary precision, recall and F1, beside those of random cuts.

The measure is that of unsupervised word segmentation: Creutz and Lindén, Morpheme segmentation gold standards for
Finnish and English, 2004; Kurimo et al., Morpho Challenge, 2010.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import pandas as pd

from ..language import segment
from .loading import Tokenizer

WORD = re.compile(r"[^\W\d_]+")
MAX_TYPES = 10_000


@dataclass(frozen=True)
class BoundaryAgreement:
    """Of the cuts inside words that have suffixes; each word type counts as often as it occurs."""

    precision: float
    """Token cuts that are morpheme boundaries."""
    recall: float
    """Morpheme boundaries that are token cuts."""
    random_precision: float
    """Expected precision of as many cuts at random places between the same letters' bytes."""
    random_recall: float
    random_letter_precision: float
    """The same for as many cuts as the tokenizer has between letters, at random places between letters."""
    random_letter_recall: float
    cuts_per_word: float

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return _harmonic(self.precision, self.recall)

    @property
    def random_f1(self) -> float:
        """The same for random cuts between bytes."""
        return _harmonic(self.random_precision, self.random_recall)

    @property
    def random_letter_f1(self) -> float:
        """The same for random cuts between letters."""
        return _harmonic(self.random_letter_precision, self.random_letter_recall)


def segmented_words(texts: Iterable[str], types: int = MAX_TYPES) -> dict[tuple[str, ...], int]:
    """The most frequent word types that the analyser cuts, and how often each occurs; letters in lower case."""
    counts = Counter(word.lower() for text in texts for word in WORD.findall(text))
    cut = ((segment(word), count) for word, count in counts.most_common(types))
    return {morphemes: count for morphemes, count in cut if len(morphemes) > 1}


def boundary_agreement(tokenizer: Tokenizer, words: Mapping[tuple[str, ...], int]) -> BoundaryAgreement:
    """Compare a tokenizer's cuts in words after a space with the morpheme boundaries."""
    hits = cuts = boundaries = letter_cuts = 0
    chance = letter_chance = 0.0
    for morphemes, count in words.items():
        true = _ends(len(morpheme.encode()) for morpheme in morphemes)
        found = token_cuts(tokenizer, "".join(morphemes))
        between_letters = _ends(len(letter.encode()) for letter in "".join(morphemes))
        at_letters = found & between_letters
        places = len("".join(morphemes).encode()) - 1
        hits += count * len(true & found)
        cuts += count * len(found)
        boundaries += count * len(true)
        chance += count * len(true) * len(found) / places
        letter_cuts += count * len(at_letters)
        letter_chance += count * len(true) * len(at_letters) / len(between_letters)
    return BoundaryAgreement(
        precision=_ratio(hits, cuts),
        recall=_ratio(hits, boundaries),
        random_precision=_ratio(chance, cuts),
        random_recall=_ratio(chance, boundaries),
        random_letter_precision=_ratio(letter_chance, letter_cuts),
        random_letter_recall=_ratio(letter_chance, boundaries),
        cuts_per_word=_ratio(cuts, sum(words.values())),
    )


def compare_boundaries(loaded: Iterable[Tokenizer], texts: Sequence[str], types: int = MAX_TYPES) -> pd.DataFrame:
    """One row a tokenizer: precision, recall, F1, that of random cuts between bytes and letters, cuts per word.

    Only the ``types`` most frequent words are looked at; see :func:`segmented_words`.
    """
    words = segmented_words(texts, types)
    rows = {each.name: boundary_agreement(each, words) for each in loaded}
    columns = ("precision", "recall", "f1", "random_f1", "random_letter_f1", "cuts_per_word")
    table = {name: [getattr(found, column) for column in columns] for name, found in rows.items()}
    return pd.DataFrame.from_dict(table, orient="index", columns=columns).rename_axis("tokenizer")


def token_cuts(tokenizer: Tokenizer, word: str) -> set[int]:
    """Byte offsets inside a word, after a space, at which a token ends."""
    lengths = [len(piece) for piece in tokenizer.pieces(f" {word}")]
    size = len(word.encode())
    before = sum(lengths) - size
    return {end - before for end in accumulate(lengths) if 0 < end - before < size}


def _ends(lengths: Iterable[int]) -> set[int]:
    return set(list(accumulate(lengths))[:-1])


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _harmonic(precision: float, recall: float) -> float:
    return _ratio(2 * precision * recall, precision + recall)
