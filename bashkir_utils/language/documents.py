"""Documents in Bashkir, made by a grammar: prose of several genres, the same for the same seed.

What they say is invented. They are for trying the machinery without a corpus, never for judging a model's Bashkir.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from .genres import GENRES, SWITCHING_GENRES, Genre, Mention, Scene, switch, write
from .pools import POOLS

_BEGINNING = re.compile(r"(?:^|[.!?] |: (?=«))\W*\w", re.MULTILINE)
SHORTEST, LONGEST = 400, 1200
"""Characters of a document."""


@dataclass(frozen=True)
class GeneratedDocument:
    """One generated text."""

    id: str
    genre: str
    text: str
    switched: tuple[str, ...] = ()
    """The Russian words that were put in, in their order, as they are written."""
    mentions: tuple[Mention, ...] = ()
    """How the text names its people, in its order."""


def generate_documents(count: int, seed: int = 42) -> list[GeneratedDocument]:
    """Write ``count`` documents of 400 to 1,200 characters; genres take turns, no two texts are alike.

    The first documents of a longer list are those of a shorter one with the same seed. In dialogues and family stories
    one word in a hundred is Russian on average (:data:`.genres.SWITCHED_SHARE`); ``switched`` says which.
    """
    rng = random.Random(seed)
    documents: list[GeneratedDocument] = []
    seen: set[str] = set()
    while len(documents) < count:
        document = _document(f"generated-{seed}-{len(documents):06d}", GENRES[len(documents) % len(GENRES)], rng)
        if document.text not in seen and SHORTEST <= len(document.text) <= LONGEST:
            seen.add(document.text)
            documents.append(document)
    return documents


def _document(name: str, genre: Genre, rng: random.Random) -> GeneratedDocument:
    scene = Scene(rng, POOLS)
    sentences = []
    for scene.sentence, template in enumerate(_plan(genre, rng)):
        sentences.append(_capitalised(write(template, scene)))
    text = _paragraphs(sentences, genre, rng)
    text, switched = switch(text, rng) if genre.name in SWITCHING_GENRES else (text, ())
    return GeneratedDocument(name, genre.name, text, switched, tuple(scene.mentions))


def _plan(genre: Genre, rng: random.Random) -> list[str]:
    """One opening, some templates of the body in their order, one closing."""
    low, high = genre.body_length
    places = sorted(rng.sample(range(len(genre.body)), rng.randint(low, min(high, len(genre.body)))))
    return [rng.choice(genre.openings), *(genre.body[place] for place in places), rng.choice(genre.closings)]


def _capitalised(text: str) -> str:
    """With a capital at the beginning of each line, sentence and quotation, after a dash or a quotation mark too."""
    return _BEGINNING.sub(lambda match: match.group().upper(), text)


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
