"""Words that are no words: a suffix in the wrong shape on a known stem, a right ending on a stem that nobody knows.

A wrong suffix is found by walking the arcs of :mod:`.morphotactics` as the analyser does, but blind to the letters that
alternate (:mod:`.phonology`): the walk gives the right form, and what differs from the word names the mistake.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from ..exceptions import LanguageError
from .lexicon import Entry
from .morphology import MAX_WORD_LETTERS, Form, analyse, candidates, inflect, walk
from .morphotactics import ARCS, Arc
from .phonology import BACK_VOWELS, VOICED_BEFORE_VOWEL, VOWELS, count_vowels, simplify_final, sounds, voice_final

FRONT_BACK, ROUNDING, SERIES, VELAR, VOICING, SHAPE = KINDS = (
    "front or back vowels",
    "rounded vowel",
    "consonant series",
    "ҡ ғ or к г",
    "voiced or voiceless",
    "after vowel or consonant",
)
"""Kinds of wrong suffixes; a word with several has the first of them."""
MIN_STEM = 3
"""Letters of a lexicon stem below which a word is not taken for a wrong form of it."""
MIN_UNLISTED = 4
"""Letters of a stem that only the training text knows."""
MIN_ENDING = 2
"""Letters of an ending that makes a word look like Bashkir."""
_VELARS, _BACK_VELARS = frozenset("ҡкғг"), frozenset("ҡғ")
_SURE_FRONT, _SURE_BACK = frozenset("әөү"), frozenset("аоуы")
_VOWELS = (frozenset("аә"), frozenset("ыеоө"), frozenset("уү"))
VERBS_OF_NOUNS = frozenset({"VERB", "VERB_REFL", "VERB_RECP"})
"""Suffixes that make a verb of a noun."""
_HIGH_VOWELS = ("ы", "е", "о", "ө", "и")
_DENTALS = frozenset("лндтҙ")
_VOICE_PAIRS = tuple(set(pair) for pair in VOICED_BEFORE_VOWEL.items())
_SWAPPED = "*"


@dataclass(frozen=True)
class Misfit:
    """A suffix that exists, in a shape that its stem does not take."""

    kind: str
    """One of ``KINDS``."""
    right: str
    """The form that the rules give."""
    stem: str


def mixes_vowels(word: str) -> bool:
    """Whether a word has both a vowel that is only front (ә ө ү) and one that is only back (а о у ы).

    The rule needs no lexicon. Native stems and their suffixes never mix them (Poppe, 1964); compounds, Arabic and
    Persian loans (ғаилә) and Russian endings of names (Хәсәнов) do. е, и, э and the letters of Russian loans ё, ю, я
    say nothing, so it misses breaks such as *барҙе*.
    """
    letters = set(word.lower())
    return not _SURE_FRONT.isdisjoint(letters) and not _SURE_BACK.isdisjoint(letters)


def unlisted_entries(word: str, stems: Container[str]) -> tuple[Entry, ...]:
    """Nominal entries for the beginnings of ``word`` that are in ``stems`` and that the lexicon cannot read.

    The lexicon says which loans keep the back vowels of Russian. An unlisted stem that may be such a loan (its last
    vowel is е, и or another that says nothing, or it mixes front and back ones) has an entry for each harmony, and one
    with о beyond its start for each rounding.
    """
    beginnings = (word[:end] for end in range(len(word) - 1, MIN_UNLISTED - 1, -1))
    shapes = itertools.chain.from_iterable((one, *_unvoiced(one)) for one in beginnings)
    found = (stem for stem in shapes if stem in stems and not analyse(stem))
    return tuple(entry for stem in found for entry in _variants(stem))


def _unvoiced(stem: str) -> Iterator[str]:
    for voiceless, voiced in VOICED_BEFORE_VOWEL.items():
        if stem.endswith(voiced):
            yield stem[:-1] + voiceless


def _variants(stem: str) -> Iterator[Entry]:
    vowels = [letter for letter in stem if letter in VOWELS]
    foreign = vowels[-1:] == [] or vowels[-1] not in _SURE_FRONT | _SURE_BACK or mixes_vowels(stem)
    loan_o = "о" in stem[2:]
    entry = Entry(stem, "adjective", "")
    for harmony in (True, False) if foreign else (None,):
        for rounded in (None, False) if loan_o else (None,):
            yield replace(entry, front=harmony, rounded=rounded)


def is_form(word: str, entries: Iterable[Entry], *, without: frozenset[str] = frozenset()) -> bool:
    """Whether the rules give ``word`` (in lower case) as a form of an entry, by no suffix in ``without``."""
    return any(
        form.text == word and without.isdisjoint(tags)
        for entry in entries
        for tags, form in walk(entry, word, lambda longer: longer.begins(word))
    )


@lru_cache(maxsize=200_000)
def ending(word: str) -> str | None:
    """The longest ending of at least ``MIN_ENDING`` letters that the rules allow on what is left of ``word``.

    What is left needs two letters, one of them a vowel, and need not be known. None where nothing fits.
    """
    if len(word) > MAX_WORD_LETTERS:
        return None
    for end in range(2, len(word) - MIN_ENDING + 1):
        stem = word[:end]
        if count_vowels(stem) and is_form(word, (Entry(stem, "adjective", ""), Entry(stem, "verb", ""))):
            return word[end:]
    return None


def doubtful(word: str) -> bool:
    """Whether a word has no reading but as a verb made of a noun: китаплар is a wrong plural, not "they bookify"."""
    return all(not VERBS_OF_NOUNS.isdisjoint(one.tags) for one in analyse(word))


def misfit(word: str, unlisted: Iterable[Entry] = ()) -> Misfit | None:
    """How a word that is no form of a known stem differs from one that is; None where no suffix explains it.

    The stem must be there letter by letter, but for the voicing of its last one. Of several explanations the one with
    the fewest wrong letters is given, then the one with the longest stem.

    Args:
        word: in lower case; one with a reading that is not :func:`doubtful` is no misfit.
        unlisted: entries beside those of the lexicon, as :func:`unlisted_entries` gives them.
    """
    if len(word) > MAX_WORD_LETTERS or not doubtful(word):
        return None
    known = [entry for entry in candidates(word) if len(entry.stem) >= MIN_STEM and not entry.tags]
    # an unlisted word that ends like a possessed one takes the cases of either
    sure = [entry for entry in unlisted if not entry.stem.endswith(_HIGH_VOWELS)]
    found = [one for entry in (*known, *sure) for one in _explanations(entry, word)]
    return min(found, key=lambda one: one[0])[1] if found else None


def _explanations(entry: Entry, word: str) -> Iterator[tuple[tuple[int, int, int, str], Misfit]]:
    skeleton = _skeleton(word)
    for tags, form in walk(entry, word, lambda longer: _leads_to(longer, skeleton), _arcs()):
        if form.cuts and _skeleton(form.text) == skeleton:
            kinds = [*_wrong_letters(form, word), *(SHAPE for tag in tags if tag.endswith(_SWAPPED))]
            right = _regular(entry, tags) if kinds and None not in kinds and kinds.count(SHAPE) <= 1 else None
            if right not in {None, word}:
                kind = min(filter(None, kinds), key=KINDS.index)
                derived = sum(tag in VERBS_OF_NOUNS for tag in tags)
                yield (len(kinds), derived, -len(entry.stem), str(right)), Misfit(kind, str(right), entry.stem)


def _wrong_letters(form: Form, word: str) -> list[str | None]:
    """The kind of each letter of ``word`` that the form has not; None for one that no rule of suffixes would make."""
    right, letters = _spread(form.text), _spread(word)
    cuts = [cut + form.text[:cut].count("я") for cut in form.cuts]
    return [_kind(right, place, cuts, sign) for place, sign in enumerate(letters) if sign != right[place]]


def _kind(right: str, place: int, cuts: Sequence[int], wrong: str) -> str | None:
    pair = {right[place], wrong}
    if place < cuts[0]:
        return VOICING if place == cuts[0] - 1 and pair in _VOICE_PAIRS else None
    if pair <= _DENTALS:
        return SERIES if place in cuts or (place - 1 in cuts and right[place - 1] == "н") else None
    if pair <= _VELARS:
        return VELAR if len(pair & _BACK_VELARS) == 1 else VOICING
    if any(pair <= kind for kind in _VOWELS):
        return FRONT_BACK if len(pair & BACK_VOWELS) == 1 else ROUNDING
    return None


def _regular(entry: Entry, tags: Sequence[str]) -> str | None:
    """The form with these suffixes, all in their right shape; None where the right shape of one bars the next."""
    try:
        return inflect(entry, [tag.removesuffix(_SWAPPED) for tag in tags])
    except LanguageError:
        return None


def _spread(word: str) -> str:
    """я after a stem's й or a vowel is written for йа, whose front counterpart йә has two letters."""
    return word.replace("я", "йа")


def _skeleton(word: str) -> str:
    return sounds(_spread(word))


def _leads_to(form: Form, skeleton: str) -> bool:
    bare = simplify_final(form.text)
    shapes = [bare, form.oblique or voice_final(bare)]
    if bare.endswith("ь"):
        shapes.append(bare[:-1])
    return skeleton.startswith(tuple(map(_skeleton, shapes)))


@cache
def _arcs() -> Mapping[str, tuple[Arc, ...]]:
    """The arcs, and beside each that has one shape after vowels and one after consonants, two that always take one."""
    return {
        state: (*arcs, *(swapped for arc in arcs if "/" in arc.pattern for swapped in _halves(arc)))
        for state, arcs in ARCS.items()
    }


def _halves(arc: Arc) -> Iterator[Arc]:
    for half in arc.pattern.split("/"):
        yield replace(arc, tag=arc.tag + _SWAPPED, pattern=half)
