"""Nouns and verbs that the documents need, inflected by the rules of :mod:`.phonology`.

Words are values whose properties are their forms, so that a template can say ``{village.loc}``.

Source: N. Poppe, Bashkir Manual, Indiana University, 1964 (declension, possessive suffixes, conjugation).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from .phonology import attach, ends_in_vowel, is_front, voice_final

Owner = Literal["", "first singular", "third"]


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
    owner: Owner = ""
    """Which possessive suffix the form ends in; the cases after it differ."""

    def __str__(self) -> str:
        return self.form

    @property
    def pl(self) -> Noun:
        """Plural, -лар and its seven other shapes."""
        return replace(self, form=self._with("LAр"), before_vowel=None)

    @property
    def gen(self) -> str:
        """Genitive, -ның."""
        return self._with("NIң")

    @property
    def acc(self) -> str:
        """Accusative, -ны; -н after the third person's possessive."""
        return self._with("н" if self.owner == "third" else "NI")

    @property
    def dat(self) -> str:
        """Dative, -ға; -на and -а after possessives."""
        return self._with({"third": "нA", "first singular": "A"}.get(self.owner, "GA"))

    @property
    def loc(self) -> str:
        """Locative, -ла; -нда after the third person's possessive."""
        return self._with("нNA" if self.owner == "third" else "LA")

    @property
    def abl(self) -> str:
        """Ablative, -нан."""
        return self._with("нAн" if self.owner == "third" else "NAн")

    @property
    def his(self) -> Noun:
        """With the third person's possessive, -ы after consonants and -һы after vowels."""
        return self._owned("third", "I", "һI")

    @property
    def my(self) -> Noun:
        """With the first person's possessive, -ым or -м."""
        return self._owned("first singular", "Iм", "м")

    def _owned(self, owner: Owner, after_consonant: str, after_vowel: str) -> Noun:
        if ends_in_vowel(self.form):
            return replace(self, form=self._with(after_vowel), owner=owner)
        stem = self.before_vowel or voice_final(self.form)
        owned = attach(stem, after_consonant, front=self.front, rounded=self.rounded)
        return replace(self, form=owned, before_vowel=None, owner=owner)

    def _with(self, pattern: str) -> str:
        return attach(self.form, pattern, front=self.front, rounded=self.rounded)


@dataclass(frozen=True)
class Verb:
    """A verb's stem, with whatever stands before it (бесән сап, mow hay)."""

    stem: str

    def __str__(self) -> str:
        return self.stem

    @property
    def present(self) -> str:
        """Third person singular, -а after consonants (бара), -й after vowels (уҡый)."""
        return self._joined("A", "й")

    @property
    def past(self) -> str:
        """Definite past, third person: барҙы, килде, китте, уҡыны."""
        return attach(self.stem, "NI")

    @property
    def past_i(self) -> str:
        """Definite past, first person singular."""
        return attach(self.stem, "NIм")

    @property
    def past_we(self) -> str:
        """Definite past, first person plural."""
        return attach(self.stem, "NIK")

    @property
    def past_they(self) -> str:
        """Definite past, third person plural."""
        return attach(self.stem, "NILAр")

    @property
    def perfect(self) -> str:
        """Indefinite past and participle, -ған."""
        return attach(self.stem, "GAн")

    @property
    def converb(self) -> str:
        """-ып after consonants, -п after vowels."""
        return self._joined("Iп", "п")

    @property
    def infinitive(self) -> str:
        """-ырға after consonants, -рға after vowels."""
        return self._joined("IрGA", "рGA")

    @property
    def noun(self) -> Noun:
        """Verbal noun, -ыу after consonants and -у after vowels: барыу, килеү, уҡыу, эшләү."""
        return Noun(self._joined("I", "") + ("ү" if is_front(self.stem) else "у"))

    def _joined(self, after_consonant: str, after_vowel: str) -> str:
        if ends_in_vowel(self.stem):
            return attach(self.stem, after_vowel)
        return attach(voice_final(self.stem), after_consonant)
