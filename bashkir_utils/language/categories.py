"""What kind of suffix a tag is: the groups in which suffixes are counted."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .morphology import Analysis, start, steps

_TAGS_OF: Mapping[str, tuple[str, ...]] = {
    "plural": ("PL",),
    "possessive": ("P1SG", "P2SG", "P3", "P1PL", "P2PL", "POSS"),
    "case": ("GEN", "DAT", "ACC", "LOC", "ABL"),
    "tense or mood": ("PRS", "PST", "PERF", "PLUP", "FUT", "AOR", "COND", "IMP", "DES", "INT"),
    "person": ("1SG", "2SG", "3SG", "1PL", "2PL", "3PL"),
    "voice": ("CAUS", "PASS", "REFL", "RECP"),
    "negation": ("NEG",),
    "participle, converb, infinitive": (
        *("PTCP_PST", "PTCP_FUT", "PTCP_AOR", "PTCP_AGT", "PTCP_NEC", "POT", "INF", "VN"),
        *("CVB", "CVB_A", "CVB_ANT", "CVB_LIM", "CVB_NEG", "CVB_PRIV"),
    ),
    "word formation": (
        *("REL", "PROP", "PRIV", "ABSTR", "AGT", "DIM", "SIM", "EQU", "CMPR", "ORD", "DISTR", "APPROX"),
        *("VERB", "VERB_REFL", "VERB_RECP"),
    ),
    "particle": ("Q", "ASSERT", "PLEASE"),
}
SUFFIX_CATEGORIES = tuple(_TAGS_OF)
CATEGORY_OF: Mapping[str, str] = MappingProxyType({tag: name for name, tags in _TAGS_OF.items() for tag in tags})
"""The category of each tag of :data:`.morphotactics.TAGS`."""


def cut_tags(one: Analysis) -> tuple[str, ...]:
    """The tag of the suffix that begins at each of the reading's cuts; a suffix without a sound (3SG) has no cut."""
    form, state = start(one.entry)
    found: list[str] = []
    for tag in one.tags[len(one.entry.tags) :]:
        longer, state = next(steps(one.entry, form, state, tag))
        found += [tag] * (len(longer.cuts) - len(form.cuts))
        form = longer
    return tuple(found)
