"""Raters that are no people, to show what ratings look like before anybody has rated."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from .exports import FORM, LANGUAGES, VERSION, Export, Rating
from .kit import Key, KeyItem

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
MOST_WORDS = 12
"""Words from which on a simulated rater is as content as can be."""


def simulated_exports(key: Key, raters: int = 2, seed: int = 0) -> tuple[Export, ...]:
    """Exports of so many raters who count words and add chance: they say nothing of any model, and must be labelled so.

    The same texts get the same ratings, whatever names a kit has given them.

    Args:
        key: of the kit that they pretend to rate.
        raters: how many.
        seed: of the chance.
    """
    generator = np.random.default_rng(seed)
    return tuple(_export(key, f"simulated rater {number}", generator) for number in range(1, raters + 1))


def _export(key: Key, rater: str, generator: np.random.Generator) -> Export:
    ratings = tuple(_rating(name, key.items[name].continuation, generator) for name in _by_origin(key))
    return Export(form=FORM, version=VERSION, kit=key.kit, rater=rater, exported=WHEN, ratings=ratings)


def _by_origin(key: Key) -> list[str]:
    """Names of the texts by where these come from: the names themselves are random."""
    return sorted(key.items, key=lambda name: _origin(key.items[name]))


def _origin(item: KeyItem) -> tuple[str, str, str, str]:
    return item.way, item.run_id or "", item.prompt, item.continuation


def _rating(name: str, text: str, generator: np.random.Generator) -> Rating:
    base = 1 + 4 * min(len(text.split()), MOST_WORDS) / MOST_WORDS
    fluency, adequacy = (int(np.clip(round(base + generator.normal(0, 0.7)), 1, 5)) for _ in range(2))
    language = LANGUAGES[0] if generator.random() < base / 5 else LANGUAGES[2]
    given = {"id": name, "language": language, "fluency": fluency, "adequacy": adequacy, "rated": WHEN}
    return Rating.model_validate(given)
