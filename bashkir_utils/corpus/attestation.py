"""How far rules and lexicon agree with real text: forms that occur, words that can be read, what is missed."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..language import Entry, analyse, core_paradigm, generate_documents, lexicon
from ..language.paradigm import CORE
from ..workspace import write_json
from .identify import identify_many
from .pipeline import Corpus

WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
"""A word: letters, with hyphens inside."""
RANKED_TYPES = 30_000
"""How many of the most frequent word types decide which stems are frequent."""
FREQUENT_STEMS = 300
SAMPLE_WORDS = 100_000
GENERATED_DOCUMENTS = 400
SHOWN_MISSES = 200


@dataclass(frozen=True)
class Attestation:
    """Which generated forms a corpus has."""

    stems: int
    forms: int
    attested: int
    missing: tuple[tuple[str, str, str], ...]
    """Stem, tags and form of what does not occur; the most frequent stems first."""

    @property
    def share(self) -> float:
        """Attested word types among those generated, 0…1."""
        return self.attested / self.forms if self.forms else 0.0


@dataclass(frozen=True)
class Coverage:
    """Which running words have a reading."""

    words: int
    read: int
    by_pos: Mapping[str, int]
    """Running words by the part of speech of their first reading."""
    misses: tuple[tuple[str, int], ...]
    """Words without a reading and how often they occur, most frequent first."""

    @property
    def share(self) -> float:
        """Running words with at least one reading, 0…1."""
        return self.read / self.words if self.words else 0.0


@dataclass(frozen=True)
class LanguageCheck:
    """All of it, on one corpus."""

    corpus: str
    fingerprint: str
    date: str
    stems: int
    attestation: Attestation
    coverage: Coverage
    generated: int
    generated_bashkir: int

    def report(self) -> str:
        """Lines for a terminal."""
        forms, words = self.attestation, self.coverage
        return "\n".join(
            [
                f"{self.corpus}, fingerprint {self.fingerprint}, {self.date}; {self.stems:,} stems in the lexicon",
                f"forms of the {forms.stems} most frequent stems that occur: "
                f"{forms.attested:,} of {forms.forms:,} ({forms.share:.1%})",
                f"running words that are read: {words.read:,} of {words.words:,} ({words.share:.1%})",
                *(f"  {pos}: {count:,} ({count / words.words:.1%})" for pos, count in words.by_pos.items()),
                f"generated documents called Bashkir: {self.generated_bashkir} of {self.generated}",
                "not attested: " + ", ".join(f"{form} ({stem}+{tags})" for stem, tags, form in forms.missing),
                "not read: " + ", ".join(f"{word} {count}" for word, count in words.misses),
            ]
        )

    def write(self, path: Path) -> None:
        """Write the figures as JSON, whole or not at all."""
        shares = {"attested_share": self.attestation.share, "read_share": self.coverage.share}
        write_json(path, {**asdict(self), **shares})


def check_language(corpus: Corpus) -> LanguageCheck:
    """Measure on a corpus: forms against all its documents, words on a sample from its test split."""
    documents = corpus.documents()
    counts = word_counts(documents["text"])
    test = documents[documents["split"] == "test"]["text"]
    generated = [document.text for document in generate_documents(GENERATED_DOCUMENTS)]
    return LanguageCheck(
        corpus.label,
        corpus.fingerprint,
        dt.datetime.now(dt.UTC).date().isoformat(),
        sum(not entry.tags for entry in lexicon()),
        attestation(frequent_entries(counts, FREQUENT_STEMS), counts),
        coverage(test, SAMPLE_WORDS),
        len(generated),
        sum(label == "ba" for label, _ in identify_many(generated)),
    )


def words_of(text: str) -> list[str]:
    """The words of a text in lower case."""
    return [word.lower() for word in WORD.findall(text)]


def word_counts(texts: Iterable[str]) -> Counter[str]:
    """How often each word type occurs."""
    return Counter(word for text in texts for word in words_of(text))


def frequent_entries(counts: Counter[str], number: int) -> list[Entry]:
    """The most frequent entries that have a paradigm, counted by the first readings of the most frequent types."""
    found: Counter[tuple[str, str]] = Counter()
    for word, count in counts.most_common(RANKED_TYPES):
        for one in analyse(word)[:1]:
            found[one.entry.stem, one.entry.pos] += count
    known = {(entry.stem.lower(), entry.pos): entry for entry in lexicon() if entry.pos in CORE}
    return [known[key] for key, _ in found.most_common() if key in known][:number]


def attestation(entries: Sequence[Entry], counts: Mapping[str, int]) -> Attestation:
    """Look for each form of the entries' core paradigms among the words of a corpus."""
    generated = [(entry.stem, tags, form) for entry in entries for tags, form in core_paradigm(entry).items()]
    types = {form.lower() for _, _, form in generated}
    missing = tuple(item for item in generated if not counts.get(item[2].lower()))
    return Attestation(len(entries), len(types), sum(1 for form in types if counts.get(form)), missing)


def coverage(texts: Iterable[str], words: int, misses: int = SHOWN_MISSES) -> Coverage:
    """Read the first ``words`` running words of the texts."""
    counts = Counter(_first(texts, words))
    firsts = {word: readings[0] for word in counts if (readings := analyse(word))}
    by_pos: Counter[str] = Counter()
    for word, reading in firsts.items():
        by_pos[reading.entry.pos] += counts[word]
    missed = sorted(((word, count) for word, count in counts.items() if word not in firsts), key=lambda x: (-x[1], x[0]))
    return Coverage(counts.total(), by_pos.total(), dict(by_pos.most_common()), tuple(missed[:misses]))


def _first(texts: Iterable[str], words: int) -> list[str]:
    running: list[str] = []
    for text in texts:
        running += words_of(text)
        if len(running) >= words:
            break
    return running[:words]
