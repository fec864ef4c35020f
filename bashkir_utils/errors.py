"""What goes wrong in continuations (language, repetition, letters) and in test text (worst documents and words).

Repetition is counted in words, not in tokens, so that models with different tokenizers can be compared.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
import pandas as pd

from .corpus.identify import identify_many
from .language import ALPHABET, BASHKIR_LETTERS

MIN_LETTERS = 12
"""Sentences with fewer letters are called ``short``: the identifier guesses on them."""
SHORT = "short"
MAX_PERIOD = 200
_SENTENCE = re.compile(r"[^\n]+?(?:(?<=[.!?…])[»”\"')\]]{0,3}(?=\s|$)|$)", re.MULTILINE)
_LETTERS = frozenset(ALPHABET)
LETTER_CLASSES = ("Bashkir only", "shared Cyrillic", "other Cyrillic", "Latin", "other script")
MEASURES = ("rep_4", "distinct_2", "loop_share", "non_bashkir_letters", "new_tokens", "broken_characters")


class Scored(Protocol):
    """What :class:`bashkir_utils.runs.Evaluation` offers to this module."""

    @property
    def documents(self) -> pd.DataFrame:
        """One row for each test document: id, source, nll (nats), tokens, bytes, …."""

    @property
    def words(self) -> pd.DataFrame:
        """One row for each word of them: document, word, nll (nats), bytes."""


@dataclass(frozen=True)
class Loop:
    """A unit of text that is repeated without a break; ``characters`` counts all its copies."""

    unit: str
    characters: int


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


def beside_text(continuations: pd.DataFrame, texts: Iterable[str], label: str = "test documents") -> pd.DataFrame:
    """``continuations`` with as many people's texts under them, cut to the median length of a continuation.

    What a measure says of text that people wrote shows how far it can be trusted.
    """
    length = int(continuations["continuation"].str.len().median())
    wanted = continuations["prompt"].nunique()
    people = pd.DataFrame({"continuation": [text[:length] for text in islice(texts, wanted)]}).assign(model=label)
    return pd.concat([continuations, people], ignore_index=True)


def language_shares(continuations: pd.DataFrame) -> pd.DataFrame:
    """Share of the characters of each model's continuations by language of their sentence.

    Args:
        continuations: columns model and continuation.

    Returns:
        One row for each model (in order of appearance), one column for each language, commonest first; rows sum to 1,
        or to 0 where a model wrote nothing.
    """
    sentences = language_by_sentence(continuations["continuation"].tolist())
    owners = continuations["model"].to_numpy()[sentences["text"].to_numpy(dtype=int)]
    counts = sentences.assign(model=owners).pivot_table(
        index="model", columns="language", values="characters", aggfunc="sum", fill_value=0
    )
    counts = counts.reindex(continuations["model"].unique(), fill_value=0).sort_index(
        axis=1, key=lambda languages: -counts[languages].sum().to_numpy()
    )
    return counts.div(counts.sum(axis=1).clip(lower=1), axis=0).rename_axis(columns=None)


def repeated_ngrams(text: str, n: int = 4) -> float:
    """rep-n of Welleck et al. (2020): 1 - distinct n-grams / n-grams of one text, over words; 0 if it has none."""
    ngrams = _ngrams(text.split(), n)
    return 1 - len(set(ngrams)) / len(ngrams) if ngrams else 0.0


def distinct(texts: Sequence[str], n: int = 2) -> float:
    """distinct-n of Li et al. (2016): distinct n-grams of all texts over their words; NaN without words."""
    words = [text.split() for text in texts]
    total = sum(map(len, words))
    return len({ngram for line in words for ngram in _ngrams(line, n)}) / total if total else math.nan


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


def measure(continuations: pd.DataFrame) -> pd.DataFrame:
    """Add to each continuation: rep_4, loop_share (of its characters), non_bashkir_letters (share of its letters)."""
    texts = continuations["continuation"]
    return continuations.assign(
        rep_4=texts.map(repeated_ngrams),
        loop_share=texts.map(lambda text: longest_loop(text).characters / max(len(text), 1)),
        non_bashkir_letters=texts.map(non_bashkir_letter_share),
    )


def summarise_continuations(continuations: pd.DataFrame, language: str | None = "ba") -> pd.DataFrame:
    """One row for each model, in order of appearance: its continuations in numbers.

    Columns: in_language (share of characters in sentences of ``language``; left out if that is None); rep_4,
    loop_share, non_bashkir_letters, new_tokens and broken_characters as means over continuations; distinct_2 over all.
    """
    measured = measure(continuations).groupby("model", sort=False)
    table = measured[[name for name in MEASURES if name != "distinct_2"]].mean()
    table["distinct_2"] = measured["continuation"].agg(lambda texts: distinct(texts.tolist()))
    table = table[list(MEASURES)]
    if language is not None:
        shares = language_shares(continuations)
        table.insert(0, "in_language", shares.get(language, pd.Series(0.0, index=shares.index)))
    return table


def letters_of_models(continuations: pd.DataFrame) -> pd.DataFrame:
    """Share of letters by class for each model: rows are models, columns ``LETTER_CLASSES``."""
    groups = continuations.groupby("model", sort=False)["continuation"]
    return pd.DataFrame({str(model): letters_by_class(texts.tolist()) for model, texts in groups}).T


def worst_documents(evaluation: Scored, count: int = 5) -> pd.DataFrame:
    """The documents with the most bits per byte, by rank: id, source, bytes, tokens, bits_per_byte."""
    documents = evaluation.documents
    scored = documents.assign(bits_per_byte=documents["nll"] / math.log(2) / documents["bytes"])
    kept = scored.nlargest(count, "bits_per_byte")[["id", "source", "bytes", "tokens", "bits_per_byte"]]
    return kept.set_index(pd.RangeIndex(1, len(kept) + 1, name="rank"))


def worst_words(evaluation: Scored, count: int = 15, *, min_letters: int = 4, min_count: int = 2) -> pd.DataFrame:
    """The words that cost the most bits per byte, worst first, in lower case and without punctuation at their ends.

    Words with fewer than ``min_letters`` letters or ``min_count`` occurrences are left out: one odd name would fill the
    list. Columns: word, count, bits (mean for one occurrence), bits_per_byte, share_of_loss (of all the text's loss).
    """
    words = evaluation.words.assign(word=evaluation.words["word"].map(_bare))
    grouped = words.groupby("word", as_index=False).agg(
        count=("nll", "size"), nll=("nll", "sum"), bytes=("bytes", "sum")
    )
    kept = grouped[(grouped["count"] >= min_count) & (grouped["word"].map(count_letters) >= min_letters)]
    bits = kept["nll"] / math.log(2)
    kept = kept.assign(
        bits=bits / kept["count"], bits_per_byte=bits / kept["bytes"], share_of_loss=kept["nll"] / words["nll"].sum()
    )
    columns = ["word", "count", "bits", "bits_per_byte", "share_of_loss"]
    return kept.nlargest(count, "bits_per_byte")[columns].reset_index(drop=True)


def _bare(word: str) -> str:
    return re.sub(r"^[^\w]+|[^\w]+$", "", word).lower()


def _ngrams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
