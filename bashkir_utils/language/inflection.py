"""Nouns and verbs that the documents need, inflected by the rules of :mod:`.phonology`.

Words are values whose properties are their forms, so that a template can say ``{village.loc}``.

Source: N. Poppe, Bashkir Manual, Indiana University, 1964 (declension, possessive suffixes, conjugation).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from .morphology import Form
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

    def _with(self, tag: str) -> str:
        form = Form(self.form, front=self.front, rounded=self.rounded, oblique=self.before_vowel)
        return form.add(pattern_of(self.owner, tag)).text


@dataclass(frozen=True)
class Verb:
    """A verb's stem, with whatever stands before it (бесән сап, mow hay)."""

    stem: str

    def __str__(self) -> str:
        return self.stem

    @property
    def present(self) -> str:
        """Third person singular, -а after consonants (бара), -й after vowels (уҡый)."""
        return self._with("PRS")

    @property
    def past(self) -> str:
        """Definite past, third person: барҙы, килде, китте, уҡыны."""
        return self._with("PST")

    @property
    def past_i(self) -> str:
        """Definite past, first person singular."""
        return self._past("1SG")

    @property
    def past_we(self) -> str:
        """Definite past, first person plural."""
        return self._past("1PL")

    @property
    def past_they(self) -> str:
        """Definite past, third person plural."""
        return self._past("3PL")

    @property
    def perfect(self) -> str:
        """Indefinite past and participle, -ған."""
        return self._with("PERF")

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

    def _with(self, tag: str) -> str:
        return Form(self.stem).add(pattern_of("verb", tag)).text

    def _past(self, person: str) -> str:
        return Form(self.past).add(pattern_of("short", person)).text
