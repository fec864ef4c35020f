"""The right and the wrong words of each phenomenon, checked against all readings of the wrong one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

from ..lexicon import Entry, lexicon
from ..morphology import Analysis, analyse, inflect
from ..paradigm import CASES, OWNERS, PERSONS
from .model import Contrast
from .shapes import Breach, disorder, misshape
from .words import DEEDS, entry_of, words

Right = Callable[[Analysis], bool]
"""Whether a reading of a word would make it right in its place."""
Wrong = Callable[[str], tuple[str, ...]]
"""The wrong particles for a right one."""
SUBJECTS = {"1SG": "мин", "2SG": "һин", "3SG": "ул", "1PL": "беҙ", "2PL": "һеҙ", "3PL": "улар"}
POSSESSORS = {"P1SG": "минең", "P2SG": "һинең", "P3": "уның", "P1PL": "беҙҙең", "P2PL": "һеҙҙең"}
REFLEXIVES = dict(zip(PERSONS, ("үҙем", "үҙең", "үҙе", "үҙебеҙ", "үҙегеҙ", "үҙҙәре"), strict=True))
UNENDING = frozenset({"бар", "ҡайт", "кил", "йөҙ"})
"""Verbs of DEEDS that one does not do to the end."""
_THIRD = {"3SG", "3PL"}


def ends_in(tags: str) -> Right:
    """Readings that end in these suffixes."""
    wanted = tuple(tags.split("+"))
    return lambda reading: reading.tags[-len(wanted) :] == wanted


def has(tag: str) -> Right:
    """Readings with this suffix anywhere."""
    return lambda reading: tag in reading.tags


def bare(reading: Analysis) -> bool:
    """A stem without suffixes."""
    return not reading.tags


def caseless(reading: Analysis) -> bool:
    """A nominative, of any number or owner."""
    return reading.entry.pos != "verb" and not set(CASES[1:]) & set(reading.tags)


@cache
def misshapen(group: str, tags: str, at: str, breach: Breach) -> tuple[Contrast, ...]:
    """Forms of a group's words, right and with one suffix misshapen, where that is no word."""
    return tuple(
        contrast for entry in words(group) for contrast in _nonwords(entry, tags, misshape(entry, tags, at, breach))
    )


@cache
def unvoiced_finals(group: str, tags: str, breach: Breach) -> tuple[Contrast, ...]:
    """The same for native words that end in п, к or ҡ, at the first suffix."""
    return tuple(
        contrast
        for entry in words(group)
        if entry.stem[-1] in "пкҡ" and entry.oblique is None and "loan" not in entry.remarks
        for contrast in _nonwords(entry, tags, misshape(entry, tags, tags.partition("+")[0], breach))
    )


@cache
def disordered(group: str, tags: str) -> tuple[Contrast, ...]:
    """Forms of a group's words, right and with the first two suffixes exchanged, where that is no word."""
    return tuple(contrast for entry in words(group) for contrast in _nonwords(entry, tags, [disorder(entry, tags)]))


@cache
def misshapen_deeds(tags: str, at: str, breach: Breach, persons: tuple[str, ...] = ()) -> tuple[Contrast, ...]:
    """Verbs with their objects; with persons, the verb agrees with a subject pronoun.

    Args:
        tags: of the form; ``{person}`` in them stands for each of the persons.
        at: the suffix that is misshapen.
        breach: what is done to it.
        persons: the subjects; none where the form has no person.
    """
    return tuple(
        Contrast(one.good, one.bad, (*_subject(person), ("what", what)))
        for what, entry in _deeds()
        for person in persons or ("",)
        for one in _nonwords(entry, tags.format(person=person), misshape(entry, tags.format(person=person), at, breach))
    )


@cache
def inflected(group: str, good: str, bad: tuple[str, ...], right: Right) -> tuple[Contrast, ...]:
    """Two forms of each of a group's words, where the wrong one has no reading that would be right."""
    return tuple(
        Contrast(inflect(entry, good), wrong)
        for entry in words(group)
        for wrong in (inflect(entry, tags) for tags in bad)
        if wrong != inflect(entry, good) and is_wrong(wrong, right)
    )


@cache
def owned(group: str, case: str = "") -> tuple[Contrast, ...]:
    """A noun after a possessor's genitive, with that possessor's suffix and with another's."""
    tail = f"+{case}" if case else ""
    return tuple(
        Contrast(inflect(entry, good + tail), wrong, (("owner", POSSESSORS[good]),))
        for entry in words(group)
        for good in OWNERS[1:]
        for wrong in (inflect(entry, bad + tail) for bad in OWNERS[1:] if bad != good)
        if is_wrong(wrong, ends_in(good + tail)) and is_wrong(wrong, bare)
    )


@cache
def agreeing(tense: str) -> tuple[Contrast, ...]:
    """A verb after a subject pronoun, in its person and in another.

    The third persons do not stand against each other: a plural subject may take a singular verb.
    """
    return tuple(
        Contrast(inflect(entry, f"{tense}+{person}"), wrong, (*_subject(person), ("what", what)))
        for what, entry in _deeds()
        for person in PERSONS
        for wrong in (inflect(entry, f"{tense}+{other}") for other in PERSONS if _disagree(person, other))
        if all(is_wrong(wrong, ends_in(fitting)) for fitting in (_THIRD if person in _THIRD else {person}))
    )


@cache
def reflexive() -> tuple[Contrast, ...]:
    """The reflexive pronoun of the subject's person and of another, with a verb that agrees with the subject."""
    return tuple(
        Contrast(
            REFLEXIVES[person],
            REFLEXIVES[other],
            (*_subject(person), ("what", what), ("verb", inflect(entry, f"PST+{person}"))),
        )
        for what, entry in _deeds()
        for person in PERSONS
        for other in PERSONS
        if _disagree(person, other)
    )


@cache
def moods(good: str, bad: str) -> tuple[Contrast, ...]:
    """A verb after a subject pronoun, in the tense or mood that the sentence asks for and in another."""
    return tuple(
        Contrast(inflect(entry, f"{good}+{person}"), wrong, (*_subject(person), ("what", what)))
        for what, entry in _deeds()
        for person in PERSONS
        for wrong in (inflect(entry, f"{bad}+{person}"),)
        if is_wrong(wrong, has(good))
    )


@cache
def nonfinite(good: str, bad: str) -> tuple[Contrast, ...]:
    """A verb in two forms without person; verbs that have no natural end are left out."""
    return tuple(
        Contrast(inflect(entry, good), wrong, (("what", what),))
        for what, entry in _deeds()
        for wrong in (inflect(entry, bad),)
        if entry.stem not in UNENDING and is_wrong(wrong, has(good))
    )


@cache
def pronouns(good: str, bad: tuple[str, ...]) -> tuple[Contrast, ...]:
    """Personal pronouns in two cases; ``улар`` is left out, because it stands bare where the others are genitive."""
    forms = {
        (one.remarks["lemma"], one.tags[1], one.tags[2]): one.stem
        for one in lexicon()
        if one.tags[:1] == ("PRON",) and len(one.tags) == 3 and one.tags[1] != "3PL"
    }
    return tuple(
        Contrast(form, forms[lemma, person, other])
        for (lemma, person, case), form in forms.items()
        if case == good
        for other in bad
    )


@cache
def particles(group: str, wrong: Wrong) -> tuple[Contrast, ...]:
    """The particle "also" after a word: ла, лә, да, дә, та, тә, ҙа, ҙә, in the shape that the word before it asks for.

    The shape is that of the locative, written apart. Words that change before a suffix are left out.
    """
    return tuple(
        Contrast(right, bad, (("host", entry.stem),))
        for entry in words(group)
        for right in (inflect(entry, "LOC").removeprefix(entry.stem),)
        if len(right) == 2
        for bad in wrong(right)
    )


def other_vowel(particle: str) -> tuple[str, ...]:
    """The particle of the other harmony."""
    return (particle[0] + ("а" if particle[1] == "ә" else "ә"),)


def other_initial(particle: str) -> tuple[str, ...]:
    """The particles of the same harmony that begin with another consonant."""
    return tuple(letter + particle[1] for letter in "лдтҙ" if letter != particle[0])


def is_wrong(word: str, right: Right) -> bool:
    """Whether a word can be read, and no reading of it would be right."""
    readings = analyse(word)
    return bool(readings) and not any(map(right, readings))


def _nonwords(entry: Entry, tags: str, wrong: Iterable[str]) -> Iterator[Contrast]:
    good = inflect(entry, tags)
    return (Contrast(good, bad) for bad in dict.fromkeys(wrong) if bad != good and not analyse(bad))


@cache
def _deeds() -> tuple[tuple[str, Entry], ...]:
    return tuple((what, entry_of(verb, "verb")) for what, verb in DEEDS)


def _subject(person: str) -> Sequence[tuple[str, str]]:
    return (("subject", SUBJECTS[person]),) if person else ()


def _disagree(person: str, other: str) -> bool:
    return person != other and not {person, other} <= _THIRD
