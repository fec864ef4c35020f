"""Texts with a switch at a known word, spliced from held-out labelled sentences, to see what is found of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..language import LabelledSentence
from ..minimal_pairs import wilson_interval
from .calibration import fold_identifiers
from .identifier import CLASSES, Identifier, class_of, decide, read_words
from .switching import WINDOW, first_switch, surest

LENGTH = 25
"""Words of a spliced text."""
LAST_SWITCH = 17
"""No switch falls after so many words, so that enough words follow it."""
TEXTS_A_FOLD = 12
NOWHERE = "no switch"


@dataclass(frozen=True)
class Splice:
    """Words of one language, and then of another."""

    words: tuple[str, ...]
    place: int
    """Of the first word of the other language; ``LENGTH`` for a text without a switch."""
    into: str


def splice(
    sentences: Sequence[LabelledSentence], first: str, into: str, place: int, rng: np.random.Generator
) -> Splice:
    """A text of ``LENGTH`` words in two languages (of ``CLASSES``), from sentences in random order."""
    words = (*_text(sentences, first, place, rng), *_text(sentences, into, LENGTH - place, rng))
    return Splice(words, place, into)


def _text(
    sentences: Sequence[LabelledSentence], language: str, words: int, rng: np.random.Generator
) -> tuple[str, ...]:
    own = [read_words(each.text) for each in sentences if class_of(each.language) == language]
    found: list[str] = []
    while len(found) < words:
        found += own[rng.integers(len(own))]
    return tuple(found[:words])


def detection(sentences: Sequence[LabelledSentence], target: str, confidence: float) -> pd.DataFrame:
    """What is found of switches out of ``target`` in texts spliced from sentences that no identifier was fitted to.

    Texts of one fold share sentences, so the intervals are somewhat too narrow. ``WINDOW``, ``RUN`` and ``SURE`` were
    chosen with the same sentences in view, which flatters the result a little.

    Returns:
        by language that is switched into, the first row for texts without a switch: texts, found (share in which a
        switch is found; in the first row these are false alarms), low, high (Wilson), language_right (share of those
        found), words_off (median distance of the word found from the true one), bias (their mean, positive if late).
    """
    rng = np.random.default_rng(0)
    rows: dict[str, list[tuple[int, str, int | None, str]]] = {}
    for identifier, groups in fold_identifiers(sentences, WINDOW):
        held = [each for each in sentences if each.group in groups]
        for into in (NOWHERE, *(name for name in CLASSES if name != target)):
            made = [_random_splice(held, target, into, rng) for _ in range(TEXTS_A_FOLD)]
            rows.setdefault(into, []).extend(_found(each, identifier, target) for each in made)
    table = {into: _summary(pd.DataFrame(found), confidence) for into, found in rows.items()}
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("into").astype({"texts": int})


def _random_splice(held: Sequence[LabelledSentence], target: str, into: str, rng: np.random.Generator) -> Splice:
    if into == NOWHERE:
        return splice(held, target, target, LENGTH, rng)
    return splice(held, target, into, int(rng.integers(LAST_SWITCH + 1)), rng)


def _found(made: Splice, identifier: Identifier, target: str) -> tuple[int, str, int | None, str]:
    """True place, true language, place found (None without) and language found."""
    windows = [" ".join(made.words[i : i + WINDOW]) for i in range(LENGTH - WINDOW + 1)]
    languages = decide(surest(identifier.probabilities(windows), LENGTH))
    switch = first_switch(languages, target)
    return made.place, made.into, switch.place if switch else None, switch.into if switch else ""


def _summary(rows: pd.DataFrame, confidence: float) -> dict[str, float]:
    place, into, seen, called = (rows[column] for column in rows)
    found = seen.notna()
    low, high = wilson_interval(found.sum(), len(rows), confidence)
    summary = {"texts": len(rows), "found": found.mean(), "low": low, "high": high}
    off = (seen - place)[found].astype(float)
    if not found.any() or (place == LENGTH).all():
        return summary | {"language_right": math.nan, "words_off": math.nan, "bias": math.nan}
    right = (into == called)[found].mean()
    return summary | {"language_right": right, "words_off": off.abs().median(), "bias": off.mean()}
