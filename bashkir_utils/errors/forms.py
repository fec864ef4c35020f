"""Kinds of places that need an analyser: parts of speech, stems and suffixes, names.

The analyser sees a word and not its sentence. A word's first reading counts, the one with the fewest suffixes; which of
several is meant in the sentence nobody checks, so shares of suffixes are those of a careful guess.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..language import Analysis
from ..language.categories import CATEGORY_OF, SUFFIX_CATEGORIES, cut_tags
from ..language.morphotactics import STARTS
from .places import NAMES, Kind, TextKind, from_units, neutral_kinds
from .scored_text import ReadText, UnitKind

Reader = Callable[[str], Sequence[Analysis]]
"""Readings of a word in lower case, those with the fewest suffixes first; none for a word that it does not know."""
PART, MORPHEME, CATEGORY = "part of speech", "stem or suffix", "kind of suffix"
NOT_READ, AMBIGUOUS, NO_SUFFIX = "not read", "ambiguous", "no suffix"
NAME_PARTS = frozenset({"name", "place"})
LISTED_NAME, CAPITAL, OTHER_WORD = "name in the lexicon", "other capital inside a sentence", "other word"
NUMBER, SIGN = "number", "sign"
_CATEGORIES = (*SUFFIX_CATEGORIES, AMBIGUOUS)


@dataclass(frozen=True)
class Reading:
    """What is asked of one word."""

    part: str
    """Part of speech of the readings with as few suffixes as the first, ``AMBIGUOUS`` or ``NOT_READ``."""
    suffixes: tuple[tuple[int, str], ...]
    """Where each suffix of the first reading begins (letters), and its category, or ``AMBIGUOUS``."""
    may_be_name: bool
    must_be_name: bool


def read_words(text: ReadText, reader: Reader) -> dict[str, Reading]:
    """Every distinct word of the text, in lower case, read once."""
    units = text.units
    distinct = units.loc[units["kind"] == UnitKind.WORD, "text"].str.lower().unique()
    return {word: _reading(word, reader(word)) for word in distinct}


def _reading(word: str, readings: Sequence[Analysis]) -> Reading:
    if not readings:
        return Reading(NOT_READ, (), may_be_name=False, must_be_name=False)
    first = readings[0]
    parts = {one.entry.pos for one in readings if _added(one) == _added(first)}
    named = [one.entry.pos in NAME_PARTS for one in readings]
    return Reading(
        part=parts.pop() if len(parts) == 1 else AMBIGUOUS,
        suffixes=_suffixes([one for one in readings if one.cuts == first.cuts]),
        may_be_name=any(named),
        must_be_name=all(named),
    )


def _suffixes(readings: Sequence[Analysis]) -> tuple[tuple[int, str], ...]:
    """Cuts of readings that agree on them, each with its category: бара's suffix may be a present or a converb."""
    categories = [{CATEGORY_OF[tag] for tag in tags} for tags in zip(*map(cut_tags, readings), strict=True)]
    return tuple(
        (cut, found.pop() if len(found) == 1 else AMBIGUOUS)
        for cut, found in zip(readings[0].cuts, categories, strict=True)
    )


def _added(one: Analysis) -> int:
    return len(one.tags) - len(one.entry.tags)


def all_kinds(text: ReadText, counts: Mapping[str, int], reader: Reader | None) -> list[Kind]:
    """Every kind of place that can be told.

    Args:
        text: from :func:`.scored_text.read_documents`.
        counts: of words in the training split, as ``corpus.statistics.word_counts`` gives them.
        reader: ``language.analyse`` for Bashkir; None, for another language, leaves parts of speech and suffixes out.
    """
    if reader is None:
        return [*neutral_kinds(text, counts), names_and_numbers(text)]
    readings = read_words(text, reader)
    return [
        *neutral_kinds(text, counts),
        names_and_numbers(text, readings),
        part_of_speech(text, readings),
        kind_of_suffix(text, readings),
        stem_or_suffix(text, readings),
    ]


def part_of_speech(text: ReadText, readings: Mapping[str, Reading]) -> TextKind:
    """By part of speech; ``AMBIGUOUS`` where readings with the fewest suffixes disagree."""
    units = zip(text.units["text"], text.units["kind"], strict=True)
    labels = [readings[word.lower()].part if kind == UnitKind.WORD else str(kind) for word, kind in units]
    return from_units(PART, (*STARTS, AMBIGUOUS, NOT_READ, NUMBER, SIGN), labels, text)


def stem_or_suffix(text: ReadText, readings: Mapping[str, Reading]) -> TextKind:
    """By stem, with the white space before it, or suffix, of the words that were read."""
    groups = ("stem", "suffix", NOT_READ, NUMBER, SIGN)
    units = zip(text.units["text"], text.units["kind"], strict=True)
    labels = [_word_label(readings[word.lower()]) if kind == UnitKind.WORD else str(kind) for word, kind in units]
    codes = from_units(MORPHEME, groups, labels, text).codes
    return TextKind(MORPHEME, groups, np.where(_suffix_codes(text, readings) > 0, groups.index("suffix"), codes))


def _word_label(reading: Reading) -> str:
    return NOT_READ if reading.part == NOT_READ else "stem"


def kind_of_suffix(text: ReadText, readings: Mapping[str, Reading]) -> TextKind:
    """By the category of the suffix, ``AMBIGUOUS`` where readings with the same cuts disagree; else ``NO_SUFFIX``."""
    return TextKind(CATEGORY, (NO_SUFFIX, *_CATEGORIES), _suffix_codes(text, readings))


def _suffix_codes(text: ReadText, readings: Mapping[str, Reading]) -> np.ndarray:
    """Of each character: 0, or 1 + the place of its suffix's category."""
    codes = np.zeros(len(text.character_bytes), dtype=int)
    place = {name: 1 + number for number, name in enumerate(_CATEGORIES)}
    units = text.units[text.units["kind"] == UnitKind.WORD]
    for word, inner in zip(units["text"], units["inner"], strict=True):
        lowered = word.lower()
        # a capital such as İ grows in lower case, and then the cuts are at other places
        if len(lowered) == len(word):
            for cut, category in readings[lowered].suffixes:
                codes[inner + cut : inner + len(word)] = place[category]
    return codes


def names_and_numbers(text: ReadText, readings: Mapping[str, Reading] | None = None) -> TextKind:
    """Names, numbers and the rest.

    A name of the lexicon is a word with a capital that can be read as a form of one; at the beginning of a sentence it
    must have no other reading. Any other word with a capital inside a sentence is a group of its own: mostly names that
    the lexicon lacks, and also headlines in capitals and titles. A full stop is taken for the end of a sentence, so a
    surname after an initial is missed. Without readings, for another language, the first group stays empty.
    """
    groups = (LISTED_NAME, CAPITAL, OTHER_WORD, NUMBER, SIGN)
    units = zip(text.units["text"], text.units["kind"], text.units["sentence_start"], strict=True)
    labels = [
        _name_label(word, opening, (readings or {}).get(word.lower())) if kind == UnitKind.WORD else str(kind)
        for word, kind, opening in units
    ]
    return from_units(NAMES, groups, labels, text)


def _name_label(word: str, opening: bool, reading: Reading | None) -> str:
    if not word[0].isupper():
        return OTHER_WORD
    if reading is not None and (reading.must_be_name if opening else reading.may_be_name):
        return LISTED_NAME
    return OTHER_WORD if opening else CAPITAL
