"""What a genre is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Genre:
    """Templates of one kind of text; ``{slot}`` names a pool of the lexicon, ``{slot.loc}`` a form of what it gives."""

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
