"""How far rules and lexicon agree with real text: forms that occur, words that can be read, what is missed."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ..exceptions import LanguageError
from ..language import Entry, analyse, core_paradigm, generate_documents, lexicon
from ..language.paradigm import CORE
from ..markup import escape_markdown
from ..study import Specification
from ..workspace import write_json
from .comparison import TextStatistics, measure_text
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


class Attestation(Specification):
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


class Coverage(Specification):
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


class LanguageCheck(Specification):
    """All of it, on one corpus."""

    corpus: str
    fingerprint: str
    date: str
    stems: int
    attestation: Attestation
    coverage: Coverage
    text: TextStatistics
    """Of the test split, for comparison with other texts."""
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
                *(f"  {pos}: {count:,} ({count / max(words.words, 1):.1%})" for pos, count in words.by_pos.items()),
                f"generated documents called Bashkir: {self.generated_bashkir} of {self.generated}",
                "not attested: " + ", ".join(f"{form} ({stem}+{tags})" for stem, tags, form in forms.missing),
                "not read: " + ", ".join(f"{word} {count}" for word, count in words.misses),
            ]
        )

    def write(self, path: Path) -> None:
        """Write the figures as JSON, whole or not at all."""
        write_json(path, json.loads(self.model_dump_json()))

    def table(self) -> pd.DataFrame:
        """The three shares, with what they are shares of."""
        forms, words = self.attestation, self.coverage
        rows = {
            f"forms of the {forms.stems} most frequent stems that occur": (forms.attested, forms.forms),
            "running words that have a reading": (words.read, words.words),
            "generated documents identified as Bashkir": (self.generated_bashkir, self.generated),
        }
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["count", "of"])
        return table.assign(share=table["count"] / table["of"])


def check_language(corpus: Corpus) -> LanguageCheck:
    """Measure on a corpus: forms against all its documents, words on a sample from its test split.

    Raises:
        LanguageError: the corpus is not Bashkir.
    """
    if corpus.language != "ba":
        raise LanguageError(f"rules and lexicon are Bashkir, and {corpus.label} was prepared for {corpus.language!r}")
    documents = corpus.documents()
    counts = word_counts(documents["text"])
    test = documents[documents["split"] == "test"]["text"]
    generated = [document.text for document in generate_documents(GENERATED_DOCUMENTS)]
    return LanguageCheck(
        corpus=corpus.label,
        fingerprint=corpus.fingerprint,
        date=dt.datetime.now(dt.UTC).date().isoformat(),
        stems=sum(not entry.tags for entry in lexicon()),
        attestation=attestation(frequent_entries(counts, FREQUENT_STEMS), counts),
        coverage=coverage(test, SAMPLE_WORDS),
        text=measure_text(test.tolist()),
        generated=len(generated),
        generated_bashkir=sum(label == "ba" for label, _ in identify_many(generated)),
    )


def load_check(path: Path) -> LanguageCheck:
    """A check that was written before.

    Raises:
        LanguageError: the file is missing or damaged.
    """
    try:
        return LanguageCheck.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise LanguageError(f"{path.name} holds no language check; make one with `bashkir language check`") from error


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
    attested = sum(1 for form in types if counts.get(form))
    return Attestation(stems=len(entries), forms=len(types), attested=attested, missing=missing)


def coverage(texts: Iterable[str], words: int, misses: int = SHOWN_MISSES) -> Coverage:
    """Read the first ``words`` running words of the texts."""
    counts = Counter(_first(texts, words))
    firsts = {word: readings[0] for word in counts if (readings := analyse(word))}
    by_pos: Counter[str] = Counter()
    for word, reading in firsts.items():
        by_pos[reading.entry.pos] += counts[word]
    missed = sorted(
        ((word, count) for word, count in counts.items() if word not in firsts), key=lambda x: (-x[1], x[0])
    )
    return Coverage(
        words=counts.total(),
        read=by_pos.total(),
        by_pos=dict(by_pos.most_common()),
        misses=tuple(missed[:misses]),
    )


def _first(texts: Iterable[str], words: int) -> list[str]:
    running: list[str] = []
    for text in texts:
        running += words_of(text)
        if len(running) >= words:
            break
    return running[:words]


def findings(check: LanguageCheck) -> str:
    """What a check found, as Markdown."""
    forms, words = check.attestation, check.coverage
    return "\n".join(
        [
            f"- Of {forms.forms:,} forms that the rules give for the {forms.stems} most frequent stems, "
            f"{forms.share:.1%} occur in {escape_markdown(check.corpus)}.",
            f"- {words.share:.1%} of {words.words:,} running words have at least one reading; "
            f"the rest are names, rare stems and what the rules do not cover.",
            f"- {check.generated_bashkir:,} of {check.generated:,} generated documents are identified as Bashkir.",
        ]
    )
