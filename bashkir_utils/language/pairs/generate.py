"""Sentences from frames: the same pairs for the same seed, none twice."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from types import MappingProxyType

import pandas as pd

from ...exceptions import LanguageError
from ..morphology import inflect
from .model import Contrast, Frame, MinimalPair, Phenomenon
from .sentences import SENTENCES
from .wordforms import WORDFORMS
from .words import PHRASES, words

PHENOMENA: Mapping[str, Phenomenon] = MappingProxyType({one.name: one for one in (*WORDFORMS, *SENTENCES)})
"""Every phenomenon by its name; first those whose wrong word is no word, then those whose wrong word is one."""
PAIRS = 200
"""Pairs of each phenomenon, if nothing else is asked for."""
ATTEMPTS = 50
"""How often a sentence is drawn again, if it was drawn before, until the phenomenon counts as used up."""
_SLOT = re.compile(r"\{([a-z]+)(\d*)(?:\.([A-Z0-9+]+))?\}")


def generate_pairs(
    phenomenon: str, count: int = PAIRS, seed: int = 42, *, frequencies: Mapping[str, int] | None = None
) -> tuple[MinimalPair, ...]:
    """Minimal pairs of one phenomenon, all different, the same for the same arguments.

    Frames take turns, and within a frame the words that differ take turns, so that nothing repeats before it must.

    Args:
        phenomenon: a name of :data:`PHENOMENA`.
        count: how many.
        seed: of what is drawn.
        frequencies: how often word forms, in lower case, occur in a corpus. Where both members are words, only the
            contrasts whose members are most alike in frequency are used: the better half of each frame's, or as many
            as give each pair of the frame its own. None takes all.

    Raises:
        LanguageError: the phenomenon is unknown, or has fewer different sentences than asked for.
    """
    if phenomenon not in PHENOMENA:
        raise LanguageError(f"unknown phenomenon '{phenomenon}'; known: {', '.join(PHENOMENA)}")
    rule = PHENOMENA[phenomenon]
    rng = random.Random(f"{phenomenon} {seed}")
    wanted = math.ceil(count / len(rule.frames))
    decks = [_deck(frame, rng, wanted, None if rule.nonword else frequencies) for frame in rule.frames]
    seen: set[str] = set()
    return tuple(_pair(rule, number, decks, seen, rng) for number in range(count))


def all_pairs(
    count: int = PAIRS, seed: int = 42, *, frequencies: Mapping[str, int] | None = None
) -> tuple[MinimalPair, ...]:
    """The pairs of every phenomenon; arguments and errors are those of :func:`generate_pairs`."""
    return tuple(pair for name in PHENOMENA for pair in generate_pairs(name, count, seed, frequencies=frequencies))


def word_balance(pairs: Sequence[MinimalPair], counts: Mapping[str, int]) -> pd.DataFrame:
    """How frequent the words are in which the pairs differ.

    Args:
        pairs: of any phenomena.
        counts: how often word forms, in lower case, occur in a corpus.

    Returns:
        One row a phenomenon, in the order of the pairs: ``pairs``; ``good`` and ``bad``, the median corpus counts;
        ``good_more_frequent``, the share of pairs whose right word is the more frequent (0…1, equal ones count half).
    """
    rows = {}
    for name in dict.fromkeys(pair.phenomenon for pair in pairs):
        good, bad = zip(
            *(
                (counts.get(pair.good_word.lower(), 0), counts.get(pair.bad_word.lower(), 0))
                for pair in pairs
                if pair.phenomenon == name
            ),
            strict=True,
        )
        wins = sum((a > b) + (a == b) / 2 for a, b in zip(good, bad, strict=True))
        rows[name] = {
            "pairs": len(good),
            "good": median(good),
            "bad": median(bad),
            "good_more_frequent": wins / len(good),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("phenomenon")


def _deck(
    frame: Frame, rng: random.Random, wanted: int, frequencies: Mapping[str, int] | None
) -> Iterator[tuple[Frame, Contrast]]:
    """The frame with its contrasts in random order, again and again."""
    contrasts = list(frame.contrasts())
    if not contrasts:
        raise LanguageError(f"no word of the lexicon fits '{frame.text}'")
    rng.shuffle(contrasts)
    if frequencies is not None:
        contrasts.sort(key=lambda one: _distance(one, frequencies))
        contrasts = contrasts[: max(wanted, len(contrasts) // 2)]
        rng.shuffle(contrasts)
    while True:
        for contrast in contrasts:
            yield frame, contrast


def _distance(contrast: Contrast, frequencies: Mapping[str, int]) -> float:
    """How far apart the members' counts are, as an absolute log ratio; one is added to each count."""
    good, bad = (frequencies.get(word.lower(), 0) + 1 for word in (contrast.good, contrast.bad))
    return abs(math.log(good / bad))


def _pair(
    rule: Phenomenon,
    number: int,
    decks: Sequence[Iterator[tuple[Frame, Contrast]]],
    seen: set[str],
    rng: random.Random,
) -> MinimalPair:
    for _ in range(ATTEMPTS):
        frame, contrast = next(decks[number % len(decks)])
        text = _fill(frame, contrast, rng)
        good, bad = (_sentence(text, word) for word in (contrast.good, contrast.bad))
        if good not in seen and bad not in seen:
            seen.update((good, bad))
            return MinimalPair(rule.name, good, bad, contrast.good, contrast.bad, f"{rule.name}-{number + 1:03d}")
    raise LanguageError(f"{rule.name} has no more than {number} different pairs; ask for fewer")


def _fill(frame: Frame, contrast: Contrast, rng: random.Random) -> str:
    """The sentence with everything but ``{word}``."""
    given = dict(contrast.fills) | {"word": "{word}"}
    drawn: dict[str, str] = {}

    def word_for(slot: re.Match[str]) -> str:
        group, _, tags = slot.groups()
        if group in given:
            return given[group]
        stems = PHRASES[group] if group in PHRASES else tuple(entry.stem for entry in words(group))
        key = slot.group(1) + slot.group(2)
        if key not in drawn:
            taken = {*drawn.values(), *given.values()}
            drawn[key] = rng.choice([stem for stem in stems if stem not in taken])
        return _inflected(group, drawn[key], tags) if tags else drawn[key]

    return _SLOT.sub(word_for, frame.text)


def _inflected(group: str, stem: str, tags: str) -> str:
    return inflect(next(entry for entry in words(group) if entry.stem == stem), tags)


def _sentence(text: str, word: str) -> str:
    sentence = text.replace("{word}", word)
    return sentence[0].upper() + sentence[1:]
