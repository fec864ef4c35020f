"""What a minimal pair is, and what a phenomenon is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class MinimalPair:
    """Two sentences that differ in one word; only the first is grammatical."""

    phenomenon: str
    good: str
    bad: str
    good_word: str
    """The word in which they differ, without the punctuation that may touch it in the sentence."""
    bad_word: str
    id: str
    """``phenomenon-001``, ``phenomenon-002``, ... in the order of generation."""


@dataclass(frozen=True)
class Contrast:
    """A right and a wrong word, with the words elsewhere in the sentence that make them so."""

    good: str
    bad: str
    fills: tuple[tuple[str, str], ...] = ()
    """Slot and word: the subject that the verb agrees with, the object that it takes."""


@dataclass(frozen=True)
class Frame:
    """A sentence with slots; ``{word}`` is the place where the pair differs.

    ``{name}`` draws a word of the group ``name``, ``{name.GEN}`` its genitive; ``{name2}`` draws another of the group.
    """

    text: str
    gloss: str
    """What the sentence says; ``_`` stands for the word in which the pair differs."""
    contrasts: Callable[[], tuple[Contrast, ...]]
    """All that may fill ``{word}``."""


@dataclass(frozen=True)
class Phenomenon:
    """A rule of the grammar and the sentences that test it."""

    name: str
    description: str
    """The rule, with an example."""
    difference: str
    """What is wrong with the second word."""
    nonword: bool
    """Whether the wrong word is no word of Bashkir at all; a model of spelling may then tell it without any grammar."""
    frames: tuple[Frame, ...]
