"""Wrong shapes of words, each made by breaking one rule at one suffix.

A breach takes the word as it stands before the suffix and the suffix's arc, and gives the word with the suffix wrongly
added, once for each way to be wrong. Suffixes after it are added by the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ..lexicon import Entry
from ..morphology import Form, follow, start
from ..morphotactics import ARCS, Arc, pattern_of
from ..phonology import alternative, is_front, is_rounded

Breach = Callable[[Form, Arc], Iterator[Form]]
_SERIES = {"L": "лдтҙ", "N": "ндтҙ", "г": "к", "к": "г", "ғ": "ҡ", "ҡ": "ғ"}
"""The consonants that a suffix of the pattern may begin with; for velars, the other one of the same harmony."""


def misshape(entry: Entry, tags: str, at: str, breach: Breach) -> tuple[str, ...]:
    """The forms of an entry in which the suffix ``at`` breaks a rule and all others follow theirs."""
    steps = list(_steps(entry, tags.split("+")))
    place = next(number for number, (_, arc) in enumerate(steps) if arc.tag == at)
    form, arc = steps[place]
    return tuple(_finish(wrong, [later for _, later in steps[place + 1 :]]) for wrong in breach(form, arc))


def disorder(entry: Entry, tags: str) -> str:
    """The form in which the first two suffixes have changed places."""
    first, second, *rest = (arc for _, arc in _steps(entry, tags.split("+")))
    return _finish(start(entry)[0], [second, first, *rest])


def other_harmony(form: Form, arc: Arc) -> Iterator[Form]:
    """Back vowels (and ҡ, ғ) after a front stem, front ones after a back stem."""
    front = is_front(form.text) if form.front is None else form.front
    yield replace(form, front=not front).add(arc.pattern)


def other_rounding(form: Form, arc: Arc) -> Iterator[Form]:
    """ы, е where о, ө belong, and the reverse."""
    rounded = is_rounded(form.text) if form.rounded is None else form.rounded
    yield replace(form, rounded=not rounded).add(arc.pattern)


def other_consonant(form: Form, arc: Arc) -> Iterator[Form]:
    """Each consonant that the suffix begins with after other stems."""
    pattern = alternative(form.text, arc.pattern)
    right = form.add(pattern)
    initial = right.text[right.cuts[-1]]
    for letter in _SERIES.get(pattern[0], _SERIES.get(initial, "")):
        if letter != initial:
            yield form.add(letter + pattern[1:])


def unvoiced(form: Form, arc: Arc) -> Iterator[Form]:
    """A final п, к or ҡ that stays as it is before a vowel."""
    yield replace(form, oblique=form.text).add(arc.pattern)


def affirmative(form: Form, arc: Arc) -> Iterator[Form]:
    """The affirmative ending after the negative suffix: -р for -ҫ, -рға for -ҫҡа."""
    yield form.add(arc.pattern.replace("ҫ", "р"))


def plain_case(form: Form, arc: Arc) -> Iterator[Form]:
    """The case ending that bare nouns take."""
    yield form.add(pattern_of("noun", arc.tag))


def _steps(entry: Entry, tags: Sequence[str]) -> Iterator[tuple[Form, Arc]]:
    """Each suffix with the form that it is added to."""
    form, state = start(entry)
    for tag in tags:
        arc = next(arc for arc in ARCS[state] if arc.tag == tag)
        yield form, arc
        form, state = follow(entry, form, arc)


def _finish(form: Form, arcs: Sequence[Arc]) -> str:
    for arc in arcs:
        form = form.add(arc.pattern)
    return form.text
