"""Whole tables of forms: the core paradigm of each part of speech, for chapters and for checking against text."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from .lexicon import Entry
from .morphology import inflect

CASES = ("", "GEN", "DAT", "ACC", "LOC", "ABL")
PERSONS = ("1SG", "2SG", "3SG", "1PL", "2PL", "3PL")
OWNERS = ("", "P1SG", "P2SG", "P3", "P1PL", "P2PL")
TENSES = ("PRS", "PST", "PERF", "FUT", "AOR", "COND")

_NOMINAL = tuple("+".join(filter(None, tags)) for tags in product(("", "PL"), ("", "P3"), CASES))
CORE: Mapping[str, tuple[str, ...]] = {
    "noun": _NOMINAL,
    "verb": (
        *("PRS+3SG", "PRS+3PL", "PST+3SG", "PST+3PL", "PERF+3SG", "FUT+3SG", "AOR+3SG", "COND+3SG"),
        *("NEG+PRS+3SG", "NEG+PERF+3SG", "CVB", "CVB_ANT", "INF", "VN", "VN+P3", "VN+GEN", "PTCP_PST+LOC", "IMP+3SG"),
    ),
    "adjective": ("", "CMPR", "P3", "PL"),
    "numeral": ("", "ORD", "P3"),
    "place": tuple("+".join(filter(None, (case,))) for case in CASES),
}
"""Tags of the forms that any frequent word of the part of speech should have in a large corpus."""


def core_paradigm(entry: Entry) -> dict[str, str]:
    """Form by tags; for a part of speech without a paradigm only the stem itself."""
    return {tags: inflect(entry, tags) for tags in CORE.get(entry.pos, ("",))}


def declension(entry: Entry, *, owner: str = "", plural: bool = False) -> dict[str, str]:
    """The six cases, of one number and with one possessive suffix."""
    before = [*(["PL"] if plural else []), *([owner] if owner else [])]
    return {case or "NOM": inflect(entry, [*before, *([case] if case else [])]) for case in CASES}


def conjugation(entry: Entry, tense: str, *, negative: bool = False) -> dict[str, str]:
    """The six persons of one tense."""
    return {person: inflect(entry, [*(["NEG"] if negative else []), tense, person]) for person in PERSONS}
