"""A calibrated identifier: Bashkir, Tatar, Russian, English or another language, with a probability.

fastText's lid.176 (Joulin et al., 2017) often takes short pieces of Bashkir for Tatar. Here its probabilities are one
kind of evidence and letters the other: ҙ ҫ ғ ҡ are in the Bashkir alphabet and not in the Tatar one, җ the other way
round. A multinomial logistic regression, fitted to the project's labelled sentences, weighs them. It is fitted to
pieces of the length that it is to judge, because a probability that holds for sentences does not hold for four words.
All languages have the same weight in it, as many sentences as there may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ..corpus.identify import probabilities
from ..language import ALPHABET, BASHKIR_LETTERS, TATAR_LETTERS, LabelledSentence, labelled_sentences
from .languages import MIN_LETTERS, SHORT, BySentence, language_by_sentence, split_sentences
from .letters import count_letters

OTHER = "other"
CLASSES = ("ba", "tt", "ru", "en", OTHER)
UNDECIDED = "undecided"
SURE = 0.8
"""A piece whose likeliest language is less probable than this is ``undecided``."""
LETTER_GROUPS: tuple[frozenset[str], ...] = (
    BASHKIR_LETTERS - TATAR_LETTERS,
    TATAR_LETTERS - BASHKIR_LETTERS,
    BASHKIR_LETTERS & TATAR_LETTERS,
    frozenset(ALPHABET) - BASHKIR_LETTERS,
    frozenset("abcdefghijklmnopqrstuvwxyz"),
)
"""Letters by whose alphabet has them: Bashkir, Tatar, both; then those of Russian (which both have) and of English."""
LEAST_PROBABILITY = 1e-4
INVERSE_PENALTY = 10.0
"""C of the regression: less of it makes probabilities too unsure on held-out sentences, more changes nothing."""


def class_of(language: str) -> str:
    """The one of ``CLASSES`` that a language belongs to."""
    return language if language in CLASSES else OTHER


def lid_probabilities(text: str) -> np.ndarray:
    """lid.176's probabilities of the ``CLASSES``, shape (5,); all that is left is ``other``."""
    found = probabilities(text)
    named = [found.get(name, 0.0) for name in CLASSES[:-1]]
    return np.array([*named, max(0.0, 1 - sum(named))])


def evidence(text: str) -> np.ndarray:
    """What the regression sees, shape (11,): logarithms of lid.176's probabilities and of letter counts plus one.

    Capitals are read as small letters: lid.176 takes words in capitals for other languages.
    """
    small = text.lower()
    letters = [sign for sign in small if sign.isalpha()]
    counts = [sum(letter in group for letter in letters) for group in LETTER_GROUPS]
    counts.append(len(letters) - sum(counts))
    return np.concatenate([np.log(lid_probabilities(small) + LEAST_PROBABILITY), np.log1p(counts)])


@dataclass(frozen=True)
class Identifier:
    """The fitted regression."""

    regression: Pipeline

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """Probability of each of ``CLASSES``, shape (texts, 5); without letters all are the same."""
        if not texts:
            return np.empty((0, len(CLASSES)))
        found = self.regression.predict_proba(np.stack([evidence(text) for text in texts]))
        found[[count_letters(text) == 0 for text in texts]] = 1 / len(CLASSES)
        return found


def read_words(text: str) -> list[str]:
    """Words between white space that hold a letter."""
    return [word for word in text.split() if any(map(str.isalpha, word))]


def pieces(sentences: Sequence[LabelledSentence], words: int | None) -> pd.DataFrame:
    """Every stretch of ``words`` words inside a sentence, or the sentences themselves for None.

    Returns:
        text, language (one of ``CLASSES``), group, sentence (its position) and weight: pieces of one sentence share
        the weight 1. Sentences with fewer words than asked for have no piece.
    """
    rows = [
        {"text": piece, "language": class_of(each.language), "group": each.group, "sentence": position}
        for position, each in enumerate(sentences)
        for piece in _cut(each.text, words)
    ]
    table = pd.DataFrame(rows, columns=["text", "language", "group", "sentence"])
    return table.assign(weight=1 / table.groupby("sentence")["text"].transform("size"))


def _cut(text: str, words: int | None) -> list[str]:
    if words is None:
        return [text]
    found = read_words(text)
    return [" ".join(found[i : i + words]) for i in range(len(found) - words + 1)]


def fit(seen: np.ndarray, languages: Sequence[str], weights: np.ndarray) -> Identifier:
    """Fit the regression.

    Args:
        seen: :func:`evidence` of each piece, shape (pieces, 11).
        languages: the true one of ``CLASSES`` of each piece; every class must come.
        weights: of each piece, shape (pieces,). Within each class they are scaled to the same sum.
    """
    targets = [CLASSES.index(name) for name in languages]
    sums = np.bincount(targets, weights, minlength=len(CLASSES))
    balanced = weights / sums[targets] * weights.sum() / len(CLASSES)
    regression = make_pipeline(StandardScaler(), LogisticRegression(C=INVERSE_PENALTY, max_iter=2000))
    regression.fit(seen, targets, logisticregression__sample_weight=balanced)
    return Identifier(regression)


@cache
def calibrated(words: int | None) -> Identifier:
    """The identifier for stretches of ``words`` words, or for sentences (None), fitted to all labelled text."""
    table = pieces(labelled_sentences(), words)
    seen = np.stack([evidence(text) for text in table["text"]])
    return fit(seen, table["language"].tolist(), table["weight"].to_numpy())


def decide(found: np.ndarray) -> list[str]:
    """Likeliest of ``CLASSES`` for each row of probabilities, or ``undecided`` where it is not ``SURE``."""
    return [
        CLASSES[best] if row[best] >= SURE else UNDECIDED for row, best in zip(found, found.argmax(axis=1), strict=True)
    ]


def calibrated_by_sentence(texts: Sequence[str]) -> pd.DataFrame:
    """Language of each sentence by the calibrated identifier; columns as in ``errors.language_by_sentence``.

    The language is one of ``CLASSES``, ``undecided``, or ``short`` for a sentence of fewer than ``MIN_LETTERS``
    letters; confidence is the probability of the likeliest.
    """
    rows = [(i, sentence) for i, text in enumerate(texts) for sentence in split_sentences(text)]
    found = calibrated(None).probabilities([sentence for _, sentence in rows])
    labels = [
        label if count_letters(sentence) >= MIN_LETTERS else SHORT
        for (_, sentence), label in zip(rows, decide(found), strict=True)
    ]
    table = pd.DataFrame(rows, columns=["text", "sentence"])
    return table.assign(language=labels, confidence=found.max(axis=1), characters=table["sentence"].str.len())


def sentence_identifier(target: str | None) -> BySentence:
    """The calibrated identifier where it has a class for ``target``, else lid.176 (``errors.language_by_sentence``)."""
    known = target in CLASSES and target != OTHER
    return calibrated_by_sentence if known else language_by_sentence
