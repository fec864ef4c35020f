"""Documents in Bashkir, made from templates: plain prose of a few genres, the same for the same seed.

What they say is invented. They are for trying the machinery without a corpus, never for judging a model's Bashkir.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from .genres import GENRES, Genre
from .pools import POOLS


@dataclass(frozen=True)
class GeneratedDocument:
    """One generated text."""

    id: str
    genre: str
    text: str


def generate_documents(count: int, seed: int = 42) -> list[GeneratedDocument]:
    """Write ``count`` documents of 400 to 1,200 characters; genres take turns, no two texts are alike.

    The first documents of a longer list are those of a shorter one with the same seed.
    """
    rng = random.Random(seed)
    documents: list[GeneratedDocument] = []
    seen: set[str] = set()
    while len(documents) < count:
        genre = GENRES[len(documents) % len(GENRES)]
        text = _write(genre, rng)
        if text not in seen:
            seen.add(text)
            documents.append(GeneratedDocument(f"generated-{seed}-{len(documents):06d}", genre.name, text))
    return documents


def _write(genre: Genre, rng: random.Random) -> str:
    """One opening, some sentences of the body in their order, one closing; names stay the same throughout."""
    chosen = [rng.choice(genre.openings)]
    low, high = genre.body_length
    places = sorted(rng.sample(range(len(genre.body)), rng.randint(low, min(high, len(genre.body)))))
    chosen += [genre.body[place] for place in places]
    chosen.append(rng.choice(genre.closings))
    slots = _Slots(rng)
    return _paragraphs([_capitalised(template.format_map(slots)) for template in chosen], genre, rng)


class _Slots(dict[str, object]):
    """What fills ``{name}``: drawn once a document; ``{name2}`` is another of ``{name}``'s pool."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng

    def __missing__(self, name: str) -> object:
        pool = POOLS[name.rstrip("0123456789")]
        taken = list(self.values())
        while (drawn := self._rng.choice(pool)) in taken:
            pass
        self[name] = drawn
        return drawn


def _capitalised(text: str) -> str:
    """With a capital at the beginning of each line and sentence, after a dash or a quotation mark too."""
    return re.sub(r"(^|[.!?] )\W*\w", lambda match: match.group().upper(), text, flags=re.MULTILINE)


def _paragraphs(sentences: list[str], genre: Genre, rng: random.Random) -> str:
    """Sentences joined by the genre's separator, or by spaces with a new paragraph after every three to five."""
    if genre.separator != " ":
        return genre.separator.join(sentences)
    paragraphs = []
    while sentences:
        size = rng.randint(3, 5)
        paragraphs.append(" ".join(sentences[:size]))
        sentences = sentences[size:]
    return "\n\n".join(paragraphs)
