"""Letters of text by alphabet."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

import pandas as pd

from ..language import ALPHABET, BASHKIR_LETTERS

_LETTERS = frozenset(ALPHABET)
LETTER_CLASSES = ("Bashkir only", "shared Cyrillic", "other Cyrillic", "Latin", "other script")


def count_letters(text: str) -> int:
    """Characters that Unicode calls letters."""
    return sum(sign.isalpha() for sign in text)


def letter_class(letter: str) -> str:
    """One of ``LETTER_CLASSES``; the letters that Bashkir shares with Russian are ``shared Cyrillic``."""
    small = letter.lower()
    if small in BASHKIR_LETTERS:
        return LETTER_CLASSES[0]
    if small in _LETTERS:
        return LETTER_CLASSES[1]
    name = unicodedata.name(letter, "")
    return LETTER_CLASSES[2] if name.startswith("CYRILLIC") else "Latin" if name.startswith("LATIN") else "other script"


def letters_by_class(texts: Sequence[str]) -> pd.Series:
    """Share of the letters of all texts by class, in the order of ``LETTER_CLASSES``; NaN without letters."""
    letters = Counter(sign for text in texts for sign in unicodedata.normalize("NFC", text) if sign.isalpha())
    classes: Counter[str] = Counter()
    for letter, count in letters.items():
        classes[letter_class(letter)] += count
    counts = pd.Series({name: classes[name] for name in LETTER_CLASSES}, dtype=float)
    return counts / counts.sum()


def non_bashkir_letter_share(text: str) -> float:
    """Share of the letters that are not in the Bashkir alphabet; NaN without letters.

    Russian uses no letter that Bashkir lacks, so this finds Latin and other scripts, and letters of other Cyrillic
    alphabets, but not Russian.
    """
    shares = letters_by_class([text])
    return float(shares.iloc[2:].sum(skipna=False))


def letters_of_models(continuations: pd.DataFrame) -> pd.DataFrame:
    """Share of letters by class for each model: rows are models, columns ``LETTER_CLASSES``."""
    groups = continuations.groupby("model", sort=False)["continuation"]
    return pd.DataFrame({str(model): letters_by_class(texts.tolist()) for model, texts in groups}).T
