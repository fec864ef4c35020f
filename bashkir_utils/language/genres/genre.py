"""What a genre is, and the people that its texts speak of."""

from __future__ import annotations

from dataclasses import dataclass

from ..inflection import Noun, form_of


@dataclass(frozen=True)
class Genre:
    """Templates of one kind of text, in the notation of :mod:`.grammar`."""

    name: str
    openings: tuple[str, ...]
    """One of them begins the text."""
    body: tuple[str, ...]
    """Some of them follow, in the order in which they stand here."""
    closings: tuple[str, ...]
    """One of them ends the text."""
    body_length: tuple[int, int]
    """Fewest and most templates that are taken from the body."""
    separator: str = " "
    """A space for prose in paragraphs, a line break for texts whose every template is a turn or a step."""


PRONOUN = {"": "ул", "gen": "уның", "dat": "уға", "acc": "уны", "loc": "унда", "abl": "унан"}
"""How a text takes up somebody whom the sentence before named."""


@dataclass(frozen=True)
class Person:
    """Somebody in a text: named in full when first mentioned, later by a pronoun, a name or the occupation."""

    name: Noun
    surname: Noun
    role: Noun

    def called(self, how: str, case: str) -> str:
        """The mention that ``how`` names: ``full``, ``name``, ``role`` or ``pronoun``."""
        if how == "pronoun":
            return PRONOUN[case]
        path = (case,) if case else ()
        if how == "full":
            return f"{self.role} {self.name} {form_of(self.surname, path)}"
        return form_of(self.name if how == "name" else self.role, path)
