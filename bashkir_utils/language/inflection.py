"""Nouns, verbs and what people do to things, as values whose properties are their forms.

A template of :mod:`.genres` says ``{village.loc}`` or ``{deed.past_we}``. All forms come from the rules of
:mod:`.morphology`; what is irregular about a word comes from the lexicon where the word is listed.

Source: N. Poppe, Bashkir Manual, Indiana University, 1964 (declension, possessive suffixes, conjugation).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, reduce
from typing import Literal

from .lexicon import Entry, entries_of
from .morphology import Form, inflect
from .morphotactics import pattern_of

Owner = Literal["noun", "owned.person", "owned.third"]


@dataclass(frozen=True)
class Noun:
    """A noun, or a noun phrase that is inflected at its end."""

    form: str
    front: bool | None = None
    """Overrides vowel harmony; None lets the last vowel decide."""
    rounded: bool | None = None
    """Overrides rounding; False for loans such as завод."""
    before_vowel: str | None = None
    """The stem before -ы where voicing does not give it: халыҡ, халҡ-; банк, банк-."""
    owner: Owner = "noun"
    """The state of the morphotactics that the form is in: the cases after possessive suffixes differ."""

    def __str__(self) -> str:
        return self.form

    @property
    def pl(self) -> Noun:
        """Plural, -лар and its seven other shapes."""
        return replace(self, form=self._with("PL"), before_vowel=None)

    @property
    def gen(self) -> str:
        """Genitive, -ның."""
        return self._with("GEN")

    @property
    def acc(self) -> str:
        """Accusative, -ны; -н after the third person's possessive."""
        return self._with("ACC")

    @property
    def dat(self) -> str:
        """Dative, -ға; -на and -а after possessives."""
        return self._with("DAT")

    @property
    def loc(self) -> str:
        """Locative, -ла; -нда after the third person's possessive."""
        return self._with("LOC")

    @property
    def abl(self) -> str:
        """Ablative, -нан."""
        return self._with("ABL")

    @property
    def his(self) -> Noun:
        """With the third person's possessive, -ы after consonants and -һы after vowels."""
        return replace(self, form=self._with("P3"), before_vowel=None, owner="owned.third")

    @property
    def my(self) -> Noun:
        """With the first person's possessive, -ым or -м."""
        return replace(self, form=self._with("P1SG"), before_vowel=None, owner="owned.person")

    @property
    def having(self) -> str:
        """-лы: with such a thing."""
        return self._with("PROP")

    @property
    def more(self) -> str:
        """Comparative of an adjective, -ыраҡ and -раҡ."""
        return self._form().add(pattern_of("adjective", "CMPR")).text

    def _with(self, tag: str) -> str:
        return self._form().add(pattern_of(self.owner, tag)).text

    def _form(self) -> Form:
        return Form(self.form, front=self.front, rounded=self.rounded, oblique=self.before_vowel)


@dataclass(frozen=True)
class Verb:
    """A verb's stem, with whatever stands before it (бесән сап, mow hay)."""

    stem: str

    def __str__(self) -> str:
        return self.stem

    @property
    def present(self) -> str:
        """Third person singular, -а after consonants (бара), -й after vowels (уҡый)."""
        return self._with("PRS+3SG")

    @property
    def present_we(self) -> str:
        """Present, first person plural."""
        return self._with("PRS+1PL")

    @property
    def present_they(self) -> str:
        """Present, third person plural."""
        return self._with("PRS+3PL")

    @property
    def past(self) -> str:
        """Definite past, third person: барҙы, килде, китте, уҡыны."""
        return self._with("PST+3SG")

    @property
    def past_i(self) -> str:
        """Definite past, first person singular."""
        return self._with("PST+1SG")

    @property
    def past_you(self) -> str:
        """Definite past, second person singular."""
        return self._with("PST+2SG")

    @property
    def past_we(self) -> str:
        """Definite past, first person plural."""
        return self._with("PST+1PL")

    @property
    def past_they(self) -> str:
        """Definite past, third person plural."""
        return self._with("PST+3PL")

    @property
    def perfect(self) -> str:
        """Indefinite past and participle, -ған."""
        return self._with("PERF+3SG")

    @property
    def not_done(self) -> str:
        """Negative participle, -маған."""
        return self._with("NEG+PTCP_PST")

    @property
    def future_we(self) -> str:
        """Definite future, first person plural."""
        return self._with("FUT+1PL")

    @property
    def if_you(self) -> str:
        """Conditional, second person singular: барһаң."""
        return self._with("COND+2SG")

    @property
    def if_they(self) -> str:
        """Conditional, third person singular: барһа."""
        return self._with("COND+3SG")

    @property
    def after(self) -> str:
        """-ғас: after somebody did it."""
        return self._with("CVB_ANT")

    @property
    def converb(self) -> str:
        """-ып after consonants, -п after vowels."""
        return self._with("CVB")

    @property
    def infinitive(self) -> str:
        """-ырға after consonants, -рға after vowels."""
        return self._with("INF")

    @property
    def noun(self) -> Noun:
        """Verbal noun, -ыу after consonants and -у after vowels: барыу, килеү, уҡыу, эшләү."""
        return Noun(self._with("VN"))

    def _with(self, tags: str) -> str:
        before, space, last = self.stem.rpartition(" ")
        return before + space + _conjugated(last, tags)


@dataclass(frozen=True)
class Deed(Verb):
    """A verb with what it is done to: күлдәк тек, sew a shirt."""

    thing: Noun
    """What is made, picked or bought; it is the last word before the verb."""

    @property
    def result(self) -> Noun:
        """The thing after a participle, as in a relative clause: теккән күлдәк."""
        verb = self.stem.rpartition(" ")[2]
        return replace(self.thing, form=f"{_conjugated(verb, 'PTCP_PST')} {self.thing.form}", before_vowel=None)


def listed_noun(phrase: str) -> Noun:
    """A noun or a phrase, with what the lexicon says of its last word's irregularities."""
    before, space, last = phrase.rpartition(" ")
    entry = next((entry for entry in entries_of(last) if entry.pos in {"noun", "name", "place"}), None)
    if entry is None:
        return Noun(phrase)
    oblique = entry.oblique and before + space + entry.oblique
    return Noun(phrase, front=entry.front, rounded=entry.rounded, before_vowel=oblique)


def noun_of(entry: Entry) -> Noun:
    """An entry of the lexicon as a noun."""
    return Noun(entry.stem, front=entry.front, rounded=entry.rounded, before_vowel=entry.oblique)


def deed(phrase: str, verb: str) -> Deed:
    """What the verb's stem does to the phrase's noun."""
    return Deed(f"{phrase} {verb}", listed_noun(phrase))


@cache
def form_of(item: object, path: tuple[str, ...]) -> str:
    """A form by its properties' names, remembered: ``form_of(noun, ("pl", "dat"))``."""
    return str(reduce(getattr, path, item))


@cache
def _conjugated(stem: str, tags: str) -> str:
    return inflect(_verb_entry(stem), tags)


@cache
def _verb_entry(stem: str) -> Entry:
    listed = next((entry for entry in entries_of(stem) if entry.pos == "verb"), None)
    return listed or Entry(stem, "verb", "")
