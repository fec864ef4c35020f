"""What can be counted of a text: letters, words, how the vocabulary grows."""

from __future__ import annotations

import pydoc
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from ..language import ALPHABET, BASHKIR_LETTERS
from ..markup import is_drawn

ENGLISH_LABEL = "technical English (the help topics of Python)"
MOST_LETTERS = 48
"""As many as a figure has room for."""
_WORD = re.compile(r"[^\W\d_]+")


def words(text: str) -> list[str]:
    """Runs of letters, in lower case."""
    return _WORD.findall(text.lower())


def word_counts(texts: Iterable[str]) -> Counter[str]:
    """How often each word comes."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words(text))
    return counts


def zipf(counts: Counter[str]) -> pd.DataFrame:
    """Columns rank, word, count; the most frequent word has rank 1 (Zipf, 1949)."""
    ordered = counts.most_common()
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(ordered) + 1),
            "word": [word for word, _ in ordered],
            "count": [count for _, count in ordered],
        }
    )


def zipf_exponent(table: pd.DataFrame, *, first: int = 10, last: int = 1000) -> float:
    """Slope s of count ~ rank^-s, least squares in logarithms over ranks ``first`` to ``last``; NaN for fewer words."""
    part = table[(table["rank"] >= first) & (table["rank"] <= last)]
    return -_slope(part["rank"], part["count"])


def heaps(texts: Iterable[str], *, points: int = 60) -> pd.DataFrame:
    """Growth of the vocabulary: columns tokens (running words) and types (different words) (Heaps, 1978)."""
    running = [word for text in texts for word in words(text)]
    if not running:
        return pd.DataFrame({"tokens": [], "types": []})
    marks = np.unique(np.geomspace(1, len(running), points).astype(int))
    # a word is new where it comes first; the running count of those places is the vocabulary
    first_place: dict[str, int] = {}
    for place, word in enumerate(running):
        first_place.setdefault(word, place)
    new = np.zeros(len(running), dtype=np.int64)
    new[list(first_place.values())] = 1
    return pd.DataFrame({"tokens": marks, "types": new.cumsum()[marks - 1]})


def heaps_exponent(growth: pd.DataFrame) -> float:
    """Exponent b of types ~ tokens^b, least squares in logarithms over the later half of the points; NaN for one."""
    part = growth.iloc[len(growth) // 2 :]
    return _slope(part["tokens"], part["types"])


def _slope(x: pd.Series, y: pd.Series) -> float:
    """Slope of a straight line through the logarithms; NaN where there are fewer than two points."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0]) if len(x) > 1 else float("nan")


def letter_frequencies(texts: Iterable[str], alphabet: Sequence[str] = ALPHABET) -> pd.DataFrame:
    """Share of each letter among those of the alphabet: letter, share, own (one of the nine that Russian lacks)."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text.lower())
    found = np.array([counts[letter] for letter in alphabet], dtype=float)
    share = found / max(found.sum(), 1)
    return pd.DataFrame(
        {"letter": list(alphabet), "share": share, "own": [letter in BASHKIR_LETTERS for letter in alphabet]}
    )


def letters_of(texts: Sequence[str], language: str | None) -> pd.DataFrame:
    """As :func:`letter_frequencies`, for any language: of another than Bashkir its commonest letters, none its own."""
    if language == "ba":
        return letter_frequencies(texts)
    counts = Counter(sign for text in texts for sign in text.lower() if sign.isalpha() and is_drawn(sign))
    commonest = [letter for letter, _ in counts.most_common(MOST_LETTERS)]
    return letter_frequencies(texts, commonest).assign(own=False)


def length_summary(documents: pd.DataFrame) -> pd.DataFrame:
    """Quantiles of document lengths in characters and words: rows are the quantiles."""
    quantiles = documents[["characters", "words"]].quantile([0.05, 0.25, 0.5, 0.75, 0.95])
    return quantiles.rename(index=lambda q: f"{q:.0%}").rename_axis("quantile")


def source_mix(documents: pd.DataFrame) -> pd.DataFrame:
    """Documents, characters, words and share of the words for each source, the largest first."""
    mix = documents.groupby("source").agg(
        documents=("id", "size"), characters=("characters", "sum"), words=("words", "sum")
    )
    mix["share_of_words"] = mix["words"] / mix["words"].sum()
    return mix.sort_values("words", ascending=False)


def english_reference() -> list[str]:
    """English text that comes with Python itself, for comparison with a language that hardly inflects."""
    from pydoc_data.topics import topics

    return [pydoc.plain(text) for text in topics.values()]
