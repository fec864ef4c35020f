"""The language of a book: what it is called, its label, and beginnings of texts in it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from ..corpus import Corpus
from ..corpus.findings import sample
from ..corpus.identify import UNKNOWN, identify
from ..corpus.pipeline import SPLITS
from ..corpus.sources import open_source
from ..exceptions import BookError, CorpusError
from ..study import CorpusSpec
from ..tokenization import candidates
from ..workspace import Workspace

READ_DOCUMENTS = 1000
"""How many documents the identifier is asked about."""
READ_CHARACTERS = 1_000_000
"""How much of the training split the chapter on vocabularies reads."""
SURE = 0.5
"""Least probability of a document's label that counts."""
BEGINNING_WORDS = 6
BEGINNINGS = 12
GLOSS = "(beginning of a test document, taken by the tool: write here what it says in English)"
KIND = "beginning of a test document"
_NAME = re.compile(r"[^\W\d_][\w '’()-]{0,59}")
_CODE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True)
class Language:
    """A language that a book is made for."""

    name: str
    """In English, as it is to stand in sentences."""
    code: str | None
    """ISO 639 label; None where there is none that the identifier gives."""

    @property
    def slug(self) -> str:
        """The name as part of file names."""
        return re.sub(r"[^\w]+", "-", self.name.lower()).strip("-")


@dataclass(frozen=True)
class Recognised:
    """What the identifier makes of some documents."""

    code: str | None
    """The label that it is sure of for more than half of them, if there is one."""
    documents: int
    """Of these, how many were asked about."""
    agreeing: int
    """How many it took for ``code`` with a probability of at least ``SURE``; 0 without a code."""


def named(name: str, code: str | None) -> Language:
    """The language of that name, if the name can stand in titles and sentences, and the code in a profile.

    Raises:
        BookError: one of them cannot, or the language is Bashkir.
    """
    name = " ".join(unicodedata.normalize("NFC", name).split())
    if not _NAME.fullmatch(name):
        raise BookError(
            f"name {name[:80]!r}: give a language's name of at most 60 letters, spaces, hyphens, apostrophes"
        )
    if code is not None and not _CODE.fullmatch(code):
        raise BookError(f"code {code[:80]!r}: give an ISO 639 code, two or three small letters (cv, chv)")
    if code == "ba":
        raise BookError(
            "code 'ba' is Bashkir, which has its book; a relative that is taken for it needs a --code of its own"
        )
    return Language(name, code)


def recognise(source: str, workspace: Workspace) -> Recognised:
    """Ask the identifier about the first ``READ_DOCUMENTS`` documents of a source.

    Raises:
        CorpusError, DownloadError: as :func:`~bashkir_utils.corpus.sources.open_source`.
    """
    raw = islice(open_source(CorpusSpec(source=source), workspace).documents(), READ_DOCUMENTS)
    return _majority(identify(document.data.decode("utf-8", "replace")) for document in raw)


def _majority(found: Iterable[tuple[str, float]]) -> Recognised:
    labels = [label if score >= SURE else UNKNOWN for label, score in found]
    sure = Counter(label for label in labels if label != UNKNOWN).most_common(1)
    if not sure or 2 * sure[0][1] <= len(labels):
        return Recognised(None, len(labels), 0)
    return Recognised(sure[0][0], len(labels), sure[0][1])


def check_size(corpus: Corpus) -> None:
    """Raise CorpusError unless each split has documents, and the training split words enough for a vocabulary."""
    for split in SPLITS:
        corpus.split(split)
    if not candidates.sizes_for(sample(corpus.split("train")["text"], READ_CHARACTERS)):
        raise CorpusError(
            f"corpus {corpus.label}: fewer than {candidates.SIZES[0]} words come twice in its training split, too few "
            "to learn a tokenizer from; give more text"
        )


def beginnings(corpus: Corpus) -> list[str]:
    """First words of at most ``BEGINNINGS`` documents of the test split, all different: no model is trained on them."""
    first = (" ".join(text.split()[:BEGINNING_WORDS]) for text in corpus.split("test")["text"])
    return list(dict.fromkeys(filter(None, first)))[:BEGINNINGS]


def prompts_table(texts: Iterable[str]) -> str:
    """The lines of a file of prompts, labelled as what they are."""
    return "".join(f"{KIND}\t{text}\t{GLOSS}\n" for text in texts)
