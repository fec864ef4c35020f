"""How far the calibrated identifier can be trusted, always on sentences that it was not fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from ..language import LabelledSentence
from ..minimal_pairs import wilson_interval
from .identifier import CLASSES, LETTER_GROUPS, SURE, Identifier, evidence, fit, lid_probabilities, pieces

FOLDS = 5
BINS = 10
"""Of probability, equally wide, for the expected calibration error."""
ALL = "all"


def folds(table: pd.DataFrame) -> list[tuple[np.ndarray, np.ndarray]]:
    """Positions to fit to and to test on, ``FOLDS`` times; a group of sentences is on one side only.

    ``table`` is that of ``identifier.pieces``. Every class comes on both sides if it has at least ``FOLDS`` groups.
    """
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    return list(splitter.split(table["text"], table["language"], table["group"]))


def held_out_pieces(sentences: Sequence[LabelledSentence], words: int | None) -> pd.DataFrame:
    """The pieces of labelled text as identifiers that were not fitted to them judge them.

    Returns:
        The columns of ``identifier.pieces`` and: ``lid`` (the class that lid.176 alone gives), ``called`` (the
        likeliest class), ``confidence`` (its probability), ``true_probability``, ``squares`` (the sum over classes of
        the squared distance of probability and truth, 0…2; G. W. Brier, 1950), ``own_letters`` (how many of the
        letters that only Bashkir has, of Bashkir and Tatar).
    """
    table = pieces(sentences, words)
    seen = np.stack([evidence(text) for text in table["text"]])
    found = np.empty((len(table), len(CLASSES)))
    for fitted, tested in folds(table):
        rows = table.iloc[fitted]
        identifier = fit(seen[fitted], rows["language"].tolist(), rows["weight"].to_numpy())
        found[tested] = identifier.regression.predict_proba(seen[tested])
    truth = np.array([CLASSES.index(name) for name in table["language"]])
    return table.assign(
        lid=[CLASSES[lid_probabilities(text).argmax()] for text in table["text"]],
        called=[CLASSES[best] for best in found.argmax(axis=1)],
        confidence=found.max(axis=1),
        true_probability=found[np.arange(len(table)), truth],
        squares=((found - np.eye(len(CLASSES))[truth]) ** 2).sum(axis=1),
        own_letters=[sum(sign in LETTER_GROUPS[0] for sign in text.lower()) for text in table["text"]],
    )


def fold_identifiers(sentences: Sequence[LabelledSentence], words: int) -> list[tuple[Identifier, frozenset[str]]]:
    """An identifier for each fold, with the groups of sentences that it was not fitted to."""
    table = pieces(sentences, words)
    seen = np.stack([evidence(text) for text in table["text"]])
    return [
        (
            fit(seen[fitted], table["language"].iloc[fitted].tolist(), table["weight"].to_numpy()[fitted]),
            frozenset(table["group"].iloc[tested]),
        )
        for fitted, tested in folds(table)
    ]


def accuracy(held: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Share of pieces called rightly, by true class and over all, of this identifier and of lid.176 alone.

    Every sentence counts the same. Intervals are Wilson's, with as many trials as sentences: pieces of one sentence
    are not independent.

    Returns:
        by class, then ``all``: sentences, accuracy, low, high, lid_accuracy, lid_low, lid_high.
    """
    groups = {name: held[held["language"] == name] for name in CLASSES} | {ALL: held}
    rows = {name: _accuracy(rows, confidence) for name, rows in groups.items() if len(rows)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("language").astype({"sentences": int})


def accuracy_by_letters(held: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """:func:`accuracy` of Bashkir and Tatar by how many of ҙ ҫ ғ ҡ a piece has; Tatar has none."""
    own = held["own_letters"]
    groups = {
        "Bashkir, none": (held["language"] == "ba") & (own == 0),
        "Bashkir, one": (held["language"] == "ba") & (own == 1),
        "Bashkir, two or more": (held["language"] == "ba") & (own > 1),
        "Tatar": held["language"] == "tt",
    }
    rows = {name: _accuracy(held[kept], confidence) for name, kept in groups.items() if kept.any()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("letters ҙ ҫ ғ ҡ").astype({"sentences": int})


def _accuracy(rows: pd.DataFrame, confidence: float) -> dict[str, float]:
    sentences = rows["sentence"].nunique()
    found: dict[str, float] = {"sentences": sentences}
    for prefix, column in (("", "called"), ("lid_", "lid")):
        share = float(np.average(rows[column] == rows["language"], weights=rows["weight"]))
        low, high = wilson_interval(share * sentences, sentences, confidence)
        found |= {f"{prefix}accuracy": share, f"{prefix}low": low, f"{prefix}high": high}
    return found


def accuracy_by_length(held: Mapping[int, pd.DataFrame], confidence: float) -> pd.DataFrame:
    """Accuracy by the number of words of a window.

    Args:
        held: tables of :func:`held_out_pieces` by the number of words.
        confidence: of the intervals.

    Returns:
        by words: the columns of :func:`accuracy` over all, and the accuracies of Bashkir and of Tatar alone.
    """
    tables = {words: accuracy(pieces_of_length, confidence) for words, pieces_of_length in held.items()}
    rows = {
        words: table.loc[ALL].to_dict() | table.loc[["ba", "tt"], "accuracy"].to_dict()
        for words, table in tables.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("words").astype({"sentences": int})


def confusion(held: pd.DataFrame, column: str, confidence: float) -> pd.DataFrame:
    """What pieces of each language are called.

    Args:
        held: of :func:`held_out_pieces`.
        column: ``called``, or ``lid`` for lid.176 alone.
        confidence: of Wilson's intervals, with as many trials as sentences.

    Returns:
        by language and called (every pair of ``CLASSES``): share of the language's pieces, low, high.
    """
    rows = []
    for language in CLASSES:
        own = held[held["language"] == language]
        sentences = own["sentence"].nunique()
        for name in CLASSES:
            share = float(np.average(own[column] == name, weights=own["weight"]))
            low, high = wilson_interval(share * sentences, sentences, confidence)
            rows.append({"language": language, "called": name, "share": share, "low": low, "high": high})
    return pd.DataFrame(rows).set_index(["language", "called"])


def reliability(held: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Are pieces as often right as their probability says? Bins of equal width, from unsure to sure.

    Returns:
        one row a bin that is not empty: probability (mean), right (share), low, high (Wilson, by sentences), weight
        (share of all pieces).
    """
    bins = np.minimum((held["confidence"].to_numpy() * BINS).astype(int), BINS - 1)
    whole = held["weight"].sum()
    return pd.DataFrame([_bin(rows, whole, confidence) for _, rows in held.groupby(bins)])


def _bin(rows: pd.DataFrame, whole: float, confidence: float) -> dict[str, float]:
    weights, sentences = rows["weight"], rows["sentence"].nunique()
    right = float(np.average(rows["called"] == rows["language"], weights=weights))
    low, high = wilson_interval(right * sentences, sentences, confidence)
    probability = float(np.average(rows["confidence"], weights=weights))
    return {"probability": probability, "right": right, "low": low, "high": high, "weight": weights.sum() / whole}


def calibration_scores(held: pd.DataFrame) -> pd.Series:
    """brier (0…2, 0 is best), log_loss (nats), calibration_error (expected, by the bins of :func:`reliability`).

    Also ``decided``, the share of pieces that are sure enough to be called anything, and ``right_if_decided``.
    The calibration error is that of M. P. Naeini et al. (AAAI 2015).
    """
    weights = held["weight"]
    bins = reliability(held, 0.95)
    decided = held["confidence"] >= SURE
    right = held["called"] == held["language"]
    return pd.Series(
        {
            "brier": np.average(held["squares"], weights=weights),
            "log_loss": np.average(-np.log(held["true_probability"]), weights=weights),
            "calibration_error": ((bins["probability"] - bins["right"]).abs() * bins["weight"]).sum(),
            "decided": np.average(decided, weights=weights),
            "right_if_decided": np.average(right[decided], weights=weights[decided]),
        }
    )
