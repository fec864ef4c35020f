"""Which suffix may follow which: the order of Bashkir suffixes as states and arcs.

A word is a walk that begins in the state of its part of speech. Each arc adds one suffix, written as a pattern of
:mod:`.phonology`; an empty pattern is an ending that has no sound of its own (the third person singular).

Source: N. Poppe, Bashkir Manual, Indiana University, 1964 (declension, conjugation, order of suffixes); А. А. Юлдашев
(ed.), Грамматика современного башкирского литературного языка, Наука, 1981.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TAGS: Mapping[str, str] = {
    "PL": "plural",
    "P1SG": "my",
    "P2SG": "your (one person)",
    "P3": "his, her, its, their",
    "P1PL": "our",
    "P2PL": "your (several, polite)",
    "GEN": "genitive",
    "DAT": "dative (to)",
    "ACC": "accusative",
    "LOC": "locative (in, at)",
    "ABL": "ablative (from)",
    "REL": "belonging to a place or time",
    "POSS": "belonging to somebody (predicate)",
    "PROP": "having",
    "PRIV": "lacking",
    "ABSTR": "quality, collection, place of",
    "AGT": "who does or makes",
    "DIM": "small, dear",
    "SIM": "like",
    "EQU": "in the manner or language of",
    "CMPR": "comparative",
    "ORD": "ordinal number",
    "DISTR": "so many each",
    "APPROX": "about so many",
    "VERB": "verb made from a noun or adjective",
    "VERB_REFL": "the same, reflexive: to become",
    "VERB_RECP": "the same, reciprocal or gradual",
    "1SG": "I",
    "2SG": "you (one person)",
    "3SG": "he, she, it",
    "1PL": "we",
    "2PL": "you (several, polite)",
    "3PL": "they",
    "CAUS": "causative",
    "PASS": "passive",
    "REFL": "reflexive",
    "RECP": "reciprocal",
    "NEG": "negation",
    "PRS": "present",
    "PST": "definite past (seen)",
    "PERF": "indefinite past (heard of)",
    "PLUP": "past before the past",
    "FUT": "definite future",
    "AOR": "indefinite future",
    "COND": "conditional",
    "IMP": "imperative",
    "DES": "wish",
    "PTCP_PST": "past participle",
    "PTCP_FUT": "future participle",
    "PTCP_AOR": "participle of the indefinite future",
    "PTCP_AGT": "present participle, who does",
    "PTCP_NEC": "participle of what is to be done",
    "POT": "able, worth",
    "INT": "with the intention",
    "CVB": "converb: doing, having done",
    "CVB_A": "converb: while doing",
    "CVB_ANT": "converb: after",
    "CVB_LIM": "converb: until, before",
    "CVB_NEG": "converb: without doing",
    "CVB_PRIV": "converb: without doing, not yet having done",
    "INF": "infinitive",
    "VN": "verbal noun",
    "Q": "question",
    "ASSERT": "surely, probably",
    "PLEASE": "request",
}
"""Each tag and what it means."""


@dataclass(frozen=True)
class Arc:
    """One suffix."""

    tag: str
    pattern: str
    to: str
    """The state after it."""
    after: tuple[str, ...] = ()
    """What the stem may end in; empty for any."""
    unless: tuple[str, ...] = ()
    """What the stem may not end in."""
    single: bool | None = None
    """Whether the stem has one syllable; None for any number."""


def _persons(of: Mapping[str, str], to: str = "finite") -> tuple[Arc, ...]:
    return tuple(Arc(tag, pattern, to) for tag, pattern in of.items())


_PREDICATE = {"1SG": "мIн", "2SG": "һIң", "1PL": "бIҙ", "2PL": "һIGIҙ"}
_PRESENT = {"1SG": "Iм/м", "2SG": "һIң", "3SG": "", "1PL": "бIҙ", "2PL": "һIGIҙ", "3PL": "LAр"}
_PARTICIPLE = {**_PREDICATE, "3SG": "", "3PL": "LAр"}
_SHORT = {"1SG": "м", "2SG": "ң", "3SG": "", "1PL": "K", "2PL": "GIҙ", "3PL": "LAр"}

_PARTICLES = (Arc("Q", "мI", "end"), Arc("ASSERT", "LIр", "end"))
_POSSESSIVES = (
    Arc("P1SG", "Iм/м", "owned.person"),
    Arc("P2SG", "Iң/ң", "owned.person"),
    Arc("P3", "I/һI", "owned.third"),
    Arc("P1PL", "IбIҙ/бIҙ", "owned.several"),
    Arc("P2PL", "IGIҙ/GIҙ", "owned.several"),
)
_CASES = (
    Arc("GEN", "NIң", "case"),
    Arc("DAT", "GA", "case"),
    Arc("ACC", "NI", "case"),
    Arc("LOC", "LA", "place"),
    Arc("ABL", "NAн", "case"),
)
_OTHER_CASES = tuple(arc for arc in _CASES if arc.tag != "DAT")
_NOMINAL = (
    Arc("SIM", "LAй", "adjective"),
    Arc("EQU", "сA", "case"),
    Arc("PROP", "лI", "adjective"),
    Arc("PRIV", "һIҙ", "adjective"),
    Arc("POSS", "NIKI", "owned.third"),
    *_persons(_PREDICATE),
    *_PARTICLES,
)
_DERIVED = (
    Arc("ABSTR", "лIK", "noun"),
    Arc("AGT", "сI", "noun"),
    Arc("DIM", "KAй", "noun"),
    Arc("VERB", "лA", "verb"),
    Arc("VERB_REFL", "лAн", "verb"),
    Arc("VERB_RECP", "лAш", "verb"),
)
_VOWELS = tuple("аәоөыеяэ")
_TENSES = (
    Arc("PRS", "A/й", "present"),
    Arc("PST", "NI", "short"),
    Arc("PERF", "GAн", "perfect"),
    Arc("PLUP", "GAйнI", "short"),
    Arc("FUT", "AсAK/йAсAK", "perfect"),
    Arc("COND", "һA", "short"),
    Arc("PTCP_PST", "GAн", "participle"),
    Arc("PTCP_FUT", "AсAK/йAсAK", "participle"),
    Arc("PTCP_AGT", "IUсI/UсI", "noun"),
    Arc("PTCP_NEC", "AһI/йһI", "participle"),
    Arc("VN", "IU/U", "noun"),
    Arc("CVB_ANT", "GAс", "end"),
    Arc("CVB_LIM", "GAнсI", "end"),
    Arc("INT", "мAKсI", "perfect"),
    Arc("DES", "GI", "wish"),
    Arc("IMP", "", "imperative"),
)

ARCS: Mapping[str, tuple[Arc, ...]] = {
    "noun": (Arc("PL", "LAр", "plural"), *_POSSESSIVES, *_CASES, *_NOMINAL, *_DERIVED),
    "plural": (*_POSSESSIVES, *_CASES, *_NOMINAL),
    "owned.person": (Arc("DAT", "A", "case"), *_OTHER_CASES, *_NOMINAL),
    "owned.several": (*_CASES, *_NOMINAL),
    "owned.third": (
        Arc("EQU", "нсA", "case"),
        Arc("GEN", "NIң", "case"),
        Arc("DAT", "нA", "case"),
        Arc("ACC", "н", "case"),
        Arc("LOC", "нLA", "place"),
        Arc("ABL", "нAн", "case"),
        *_NOMINAL,
    ),
    "case": _PARTICLES,
    "place": (Arc("REL", "GI", "adjective"), *_persons(_PREDICATE), *_PARTICLES),
    "adjective": (
        Arc("CMPR", "IрAK/рAK", "compared"),
        Arc("PL", "LAр", "plural"),
        *_POSSESSIVES,
        *_CASES,
        *_NOMINAL,
        *_DERIVED,
    ),
    "compared": (Arc("PL", "LAр", "plural"), *_POSSESSIVES, *_CASES, *_persons(_PREDICATE), *_PARTICLES),
    "adverb": (
        Arc("CMPR", "IрAK/рAK", "compared"),
        Arc("REL", "GI", "adjective"),
        *_persons(_PREDICATE),
        *_PARTICLES,
    ),
    "numeral": (
        Arc("ORD", "IнсI/нсI", "adjective"),
        Arc("DISTR", "Aр/шAр", "end"),
        Arc("APPROX", "лAп", "adverb"),
        Arc("PL", "LAр", "plural"),
        *_POSSESSIVES,
        *_CASES,
        *_NOMINAL,
        *_DERIVED,
    ),
    "verb": (
        Arc("CAUS", "т", "verb", after=_VOWELS),
        Arc("CAUS", "т", "verb", after=("й", "р"), single=False),
        Arc("CAUS", "LIр", "verb", after=("й", "р"), single=True),
        Arc("CAUS", "LIр", "verb", after=tuple("бгғдҙжзкҡлмнңпсҫтуүфхһцчшщ")),
        Arc("PASS", "л", "verb", after=_VOWELS, unless=("ла", "лә")),
        Arc("PASS", "н", "verb", after=("ла", "лә")),
        Arc("REFL", "н", "verb", after=_VOWELS),
        Arc("PASS", "Iл", "verb", after=tuple("бвгғдҙжзйкҡмнңпрсҫтуүфхһцчшщ")),
        Arc("PASS", "Iн", "verb", after=("л",)),
        Arc("REFL", "Iн", "verb", after=tuple("бвгғдҙжзйкҡмңпрсҫтуүфхһцчшщ")),
        Arc("RECP", "Iш/ш", "verb"),
        Arc("NEG", "мA", "negative"),
        *_TENSES,
        Arc("AOR", "Iр/р", "perfect"),
        Arc("PTCP_AOR", "Iр/р", "participle"),
        Arc("POT", "IрлIK/рлIK", "adjective"),
        Arc("INF", "IрGA/рGA", "end"),
        Arc("CVB", "Iп/п", "end"),
        Arc("CVB_A", "A/й", "end"),
    ),
    "negative": (
        *_TENSES,
        Arc("AOR", "ҫ", "perfect"),
        Arc("PTCP_AOR", "ҫ", "participle"),
        Arc("POT", "ҫлIK", "adjective"),
        Arc("INF", "ҫGA", "end"),
        Arc("CVB_A", "й", "end"),
        Arc("CVB_NEG", "йсA", "end"),
        Arc("CVB_PRIV", "йIнсA", "end"),
    ),
    "present": _persons(_PRESENT),
    "short": _persons(_SHORT),
    "perfect": _persons(_PARTICIPLE),
    "participle": (Arc("PL", "LAр", "plural"), *_POSSESSIVES, *_CASES, Arc("SIM", "LAй", "case")),
    "wish": (Arc("P1SG", "м", "owned.person"), Arc("P2SG", "ң", "owned.person"), Arc("P3", "һI", "owned.third")),
    "imperative": (
        Arc("1SG", "AйIм/йIм", "finite"),
        Arc("2SG", "", "asked"),
        Arc("3SG", "һIн", "finite"),
        Arc("1PL", "AйIK/йIK", "finite"),
        Arc("2PL", "IGIҙ/GIҙ", "asked"),
        Arc("3PL", "һIнLAр", "finite"),
    ),
    "asked": (Arc("PLEASE", "сI", "end"),),
    "finite": _PARTICLES,
    "name": (Arc("PL", "LAр", "plural"), *_POSSESSIVES, *_CASES, *_NOMINAL, Arc("DIM", "KAй", "noun")),
    "pronoun": (Arc("REL", "GI", "adjective"), *_persons(_PREDICATE), *_PARTICLES),
    "postposition": (Arc("REL", "GI", "adjective"), *_PARTICLES),
    "fixed": _PARTICLES,
    "end": (),
}
"""The suffixes that may follow in each state. A part of speech is a state; ``fixed`` stands for words without forms."""

UNFINISHED = frozenset({"verb", "negative", "present", "short", "perfect", "imperative", "wish"})
"""States in which no word ends. A verb's bare stem is its dictionary form; in a text it is the imperative."""

STARTS: Mapping[str, str] = {
    "noun": "noun",
    "verb": "verb",
    "adjective": "adjective",
    "adverb": "adverb",
    "numeral": "numeral",
    "name": "name",
    "place": "name",
    "pronoun": "pronoun",
    "postposition": "postposition",
    "conjunction": "fixed",
    "particle": "fixed",
    "interjection": "fixed",
}
"""The state in which each part of speech begins."""


def pattern_of(state: str, tag: str) -> str:
    """The pattern of the first arc with this tag."""
    return next(arc.pattern for arc in ARCS[state] if arc.tag == tag)
