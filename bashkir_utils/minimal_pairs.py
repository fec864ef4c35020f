"""Scoring minimal pairs: which of two sentences a model finds more probable, and how often that is the right one.

A pair counts as right when the summed log-probability of the grammatical sentence is the higher one (A. Warstadt et
al., BLiMP, TACL 8, 2020); a tie counts half. The two sentences differ in one word, so nothing is divided by length.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from scipy.stats import norm
from transformers import PreTrainedTokenizerBase

from .adapt import AnyModel
from .corpus import Corpus
from .corpus.statistics import word_counts
from .evaluation import score_documents
from .language.pairs import MinimalPair, all_pairs
from .study import EvaluationSpec, PairsSpec
from .tokenization import sample_texts

WINDOW = 512
"""Context in tokens; longer than any sentence of the pairs, even as single bytes, so that none is cut."""
BASELINE_ORDERS: Mapping[str, int] = MappingProxyType({"character unigram": 1, "character 5-gram": 5})
"""The character models that stand beside every language model, and the length of their n-grams."""


@dataclass(frozen=True)
class StudyPairs:
    """The pairs that every run of a study scores, with the text that they were balanced by."""

    pairs: tuple[MinimalPair, ...]
    texts: tuple[str, ...]
    """The first documents of the training split: they also train the character models."""
    batch_size: int

    @property
    def word_counts(self) -> Counter[str]:
        """How often each word of the texts occurs, in lower case."""
        return word_counts(self.texts)


def asks_for_pairs(corpus: Corpus, spec: PairsSpec | None) -> bool:
    """Whether runs on a corpus score minimal pairs: the profile wants them, and the corpus is Bashkir."""
    return spec is not None and corpus.language == "ba"


def study_pairs(corpus: Corpus, spec: PairsSpec | None) -> StudyPairs | None:
    """The minimal pairs for runs on a corpus; None where the profile asks for none or the corpus is not Bashkir.

    Words are balanced by their frequencies in the first ``spec.reference_characters`` of the training split.
    """
    if spec is None or not asks_for_pairs(corpus, spec):
        return None
    texts = tuple(sample_texts(corpus.split("train")["text"], spec.reference_characters))
    pairs = all_pairs(spec.pairs, spec.seed, frequencies=word_counts(texts))
    return StudyPairs(pairs, texts, spec.batch_size)


@dataclass(frozen=True)
class CharacterModel:
    """Character n-grams with Witten-Bell interpolation, down to a uniform guess over characters seen and one unseen.

    Source: S. Chen and J. Goodman, An Empirical Study of Smoothing Techniques for Language Modeling, Computer Speech
    and Language 13, 1999, section 2.5.
    """

    order: int
    """Characters of an n-gram: 1 knows only how frequent each character is."""
    counts: Mapping[str, int]
    """How often each n-gram of each length up to ``order`` occurs."""
    followers: Mapping[str, tuple[int, int]]
    """For each context, how often it was followed and by how many different characters."""

    def log_probability(self, text: str) -> float:
        """Summed natural logarithm of each character's probability after those before it, in nats.

        The first characters of a text have a shorter context. Its end is not predicted.
        """
        return sum(
            math.log(self.probability(text[max(0, place - self.order + 1) : place], character))
            for place, character in enumerate(text)
        )

    def probability(self, context: str, character: str) -> float:
        """Probability (0…1) of a character after a context of at most ``order`` - 1 characters."""
        shorter = self.probability(context[1:], character) if context else 1 / (self.followers[""][1] + 1)
        total, kinds = self.followers.get(context, (0, 0))
        if not total:
            return shorter
        return (self.counts.get(context + character, 0) + kinds * shorter) / (total + kinds)


def train_characters(texts: Iterable[str], order: int) -> CharacterModel:
    """Count the n-grams of every length up to ``order`` within each text.

    Raises:
        ValueError: the order is below 1, or there is no character to count.
    """
    if order < 1:
        raise ValueError(f"order is {order}; it must be at least 1")
    counts: Counter[str] = Counter()
    for text in texts:
        for length in range(1, order + 1):
            counts.update(text[start : start + length] for start in range(len(text) - length + 1))
    if not counts:
        raise ValueError("the texts hold no characters")
    totals: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for gram, count in counts.items():
        totals[gram[:-1]] += count
        kinds[gram[:-1]] += 1
    return CharacterModel(order, counts, {context: (totals[context], kinds[context]) for context in totals})


def score_pairs(
    model: AnyModel, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[MinimalPair], batch_size: int = 16
) -> pd.DataFrame:
    """Score both sentences of each pair with a causal language model.

    Each sentence is a document of its own after the model's document start, as in
    :func:`~bashkir_utils.evaluation.score_documents`.

    Args:
        model: any causal model; it is used as it stands, on its device.
        tokenizer: the model's own.
        pairs: of any phenomena.
        batch_size: sentences scored together; it changes the time and nothing else but rounding.

    Returns:
        One row a pair: ``id``, ``phenomenon``, ``good`` and ``bad`` (the sentences' log-probabilities in nats), and
        ``right`` (1, 0, or 0.5 for a tie).

    Raises:
        TokenizerError: the tokenizer has no token that begins a document.
    """
    sentences = [sentence for pair in pairs for sentence in (pair.good, pair.bad)]
    spec = EvaluationSpec(window=WINDOW, batch_size=batch_size)
    nll = score_documents(model, tokenizer, sentences, spec).documents["nll"].to_numpy()
    return _scores(pairs, -nll[0::2], -nll[1::2])


def score_pairs_by_characters(model: CharacterModel, pairs: Sequence[MinimalPair]) -> pd.DataFrame:
    """The same table from a character model: what spelling alone tells."""
    good, bad = (
        np.array([model.log_probability(sentence) for sentence in sentences])
        for sentences in ([pair.good for pair in pairs], [pair.bad for pair in pairs])
    )
    return _scores(pairs, good, bad)


def score_baselines(asked: StudyPairs) -> dict[str, pd.DataFrame]:
    """The table of :func:`score_pairs` for each model of ``BASELINE_ORDERS``, trained on the study's own text."""
    return {
        name: score_pairs_by_characters(train_characters(asked.texts, order), asked.pairs)
        for name, order in BASELINE_ORDERS.items()
    }


def accuracy_by_phenomenon(scores: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Share of pairs that are right, with Wilson's score interval.

    Args:
        scores: of :func:`score_pairs`.
        confidence: of the interval, 0…1.

    Returns:
        One row a phenomenon, in the order of the scores: ``pairs``, ``accuracy``, ``low``, ``high`` (0…1). Ties count
        half, and the interval takes their sum as it is.
    """
    grouped = scores.groupby("phenomenon", sort=False)["right"]
    rows = {
        name: {"pairs": len(right), "accuracy": right.mean()}
        | dict(zip(("low", "high"), wilson_interval(right.sum(), len(right), confidence), strict=True))
        for name, right in grouped
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("phenomenon").astype({"pairs": int})


def wilson_interval(successes: float, trials: int, confidence: float) -> tuple[float, float]:
    """Wilson's score interval for a share, without continuity correction.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, 1927.
    """
    z = float(norm.ppf((1 + confidence) / 2))
    share, spread = successes / trials, z * z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def _scores(pairs: Sequence[MinimalPair], good: np.ndarray, bad: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [pair.id for pair in pairs],
            "phenomenon": [pair.phenomenon for pair in pairs],
            "good": good,
            "bad": bad,
            "right": (good > bad) + (good == bad) / 2,
        }
    )
