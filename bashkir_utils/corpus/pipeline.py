"""From raw documents to a clean, split, content-addressed corpus; every step is counted."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock
from pydantic import BaseModel, ConfigDict

from .. import provenance
from ..exceptions import CorpusError
from ..markup import escape_markdown
from ..progress import track
from ..study import CorpusSpec
from ..workspace import Workspace, atomic_directory, disk_errors, fingerprint, read_json, write_json
from . import cleaning, deduplicate, identify
from .sources import RawDocument, Source, cleaning_settings, open_source

PIPELINE_VERSION = 3
"""Part of every fingerprint: raise it when the same text would come out different."""
SPLITS = {"train": 0.8, "validation": 0.1, "test": 0.1}
CHUNK_DOCUMENTS = 400
EXAMPLES = 8
EXCERPT_CHARACTERS = 200
SHARES_OF_DOCUMENTS = ("read", "unicode", "look-alikes", "white space")
_REMEDIES = {
    "empty": "give files with text",
    "too short": "join short texts, or lower corpus.min_characters",
    "too long": "part documents (a blank line does it in a txt file), or raise corpus.max_characters",
    "not UTF-8": "convert the text to UTF-8",
}
DROPPING_STEPS = ("length", "language", "exact duplicates", "near duplicates")


class Manifest(BaseModel):
    """What a prepared corpus is: source, settings, versions, and every count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    label: str
    source_sha256: str
    settings: dict[str, Any]
    language_known: bool
    """Whether the identifier knows the language that was asked for; if not, every document was kept."""
    counts: dict[str, dict[str, int]]
    """For each split: documents, characters, words, bytes."""
    funnel: list[dict[str, Any]]
    confusion: list[dict[str, Any]]
    dropped: list[dict[str, Any]]
    duplicates: dict[str, int]
    """Numbers of copies: how many groups of near duplicates have that many documents."""
    replaced_characters: int
    """Bytes that were no UTF-8 and stand as U+FFFD."""
    mended_documents: int
    provenance: dict[str, Any]


@dataclass(frozen=True)
class Corpus:
    """A prepared corpus on disk."""

    folder: Path
    manifest: Manifest

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that stand for the content and its cleaning."""
        return self.manifest.fingerprint

    @property
    def label(self) -> str:
        """What to call it where a number stands."""
        return self.manifest.label

    @property
    def markdown_label(self) -> str:
        """The label for Markdown: it may be a file's name, so all its signs are escaped."""
        return escape_markdown(self.label)

    @property
    def language(self) -> str | None:
        """ISO 639 label that the documents were kept for; None if every language was."""
        language = self.manifest.settings.get("language")
        return None if language is None else str(language)

    def documents(self) -> pd.DataFrame:
        """All documents: id, split, source, text, characters, words, bytes; in the order of their content's hash."""
        return pd.read_parquet(self.folder / "documents.parquet")

    def split(self, name: str) -> pd.DataFrame:
        """The documents of ``train``, ``validation`` or ``test``.

        Raises:
            CorpusError: there is no split of that name, or it is empty.
        """
        if name not in SPLITS:
            raise CorpusError(f"unknown split {name!r}; choose {', '.join(SPLITS)}")
        found = pd.read_parquet(self.folder / "documents.parquet", filters=[("split", "==", name)])
        if found.empty:
            documents = sum(counts["documents"] for counts in self.manifest.counts.values())
            raise CorpusError(
                f"corpus {self.label}: none of its {documents} documents falls into the {name} split; give more of them"
            )
        return found.drop(columns="split").reset_index(drop=True)

    def funnel(self) -> pd.DataFrame:
        """One row a step: documents, characters and words that came out of it, and documents that it dropped."""
        columns = ["step", "documents", "dropped_documents", "characters", "words"]
        return pd.DataFrame(self.manifest.funnel, columns=columns)

    def confusion(self) -> pd.DataFrame:
        """Identified languages of the documents that were long enough: language, documents, characters, kept."""
        return pd.DataFrame(self.manifest.confusion, columns=["language", "documents", "characters", "kept"])

    def dropped(self) -> pd.DataFrame:
        """Examples of what was dropped: step, reason, excerpt of at most 200 characters. Untrusted text: escape it."""
        return pd.DataFrame(self.manifest.dropped, columns=["step", "reason", "excerpt"])


@dataclass
class _Cleaned:
    """One document after its own steps; ``reason`` says why it was dropped, if it was."""

    digest: str
    source: str
    text: str
    sizes: list[tuple[int, int]]
    """Characters and words after reading and after each changing step."""
    replaced: int
    mended: bool
    step: str = ""
    reason: str = ""
    language: str = ""
    signature: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.uint32))


def prepare(spec: CorpusSpec, workspace: Workspace) -> Corpus:
    """The corpus that ``spec`` asks for, from the store if the same content was prepared the same way before.

    Raises:
        CorpusError: the source is missing, damaged or empty, holds no text in the language asked for, or the disk is
            full.
        DownloadError: the source is remote and cannot be fetched.
    """
    source = open_source(spec, workspace)
    settings = cleaning_settings(spec)
    name = fingerprint([PIPELINE_VERSION, source.sha256, settings])
    folder = workspace.corpora / name
    with disk_errors("the corpus", CorpusError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(workspace.corpora / f".{name}.lock"):
            if not folder.is_dir():
                frame, manifest = _build(source, spec, settings, name)
                with atomic_directory(folder) as temporary:
                    frame.to_parquet(temporary / "documents.parquet", index=False, row_group_size=5000)
                    write_json(temporary / "manifest.json", manifest.model_dump(mode="json"))
    return Corpus(folder, _manifest(folder))


def load(name: str, workspace: Workspace) -> Corpus:
    """The prepared corpus of that fingerprint.

    Raises:
        CorpusError: it is not in the store, or damaged.
    """
    folder = workspace.corpora / name
    if not folder.is_dir():
        raise CorpusError(f"no corpus {name} in {workspace.corpora}; prepare it with `bashkir corpus`")
    return Corpus(folder, _manifest(folder))


def _manifest(folder: Path) -> Manifest:
    try:
        return Manifest.model_validate(read_json(folder / "manifest.json"))
    except (OSError, ValueError) as error:
        raise CorpusError(
            f"corpora/{folder.name}/manifest.json is missing, damaged or of another version; "
            f"delete corpora/{folder.name}, and it is prepared again"
        ) from error


def _build(source: Source, spec: CorpusSpec, settings: dict[str, Any], name: str) -> tuple[pd.DataFrame, Manifest]:
    documents = list(track(_clean_all(source.documents(), spec), "cleaning", total=source.count, unit="documents"))
    if not documents:
        raise CorpusError(
            f"corpus {source.label}: it holds no documents; give text (of a folder or zip, .txt files are read)"
        )
    duplicates = _drop_duplicates(documents, spec.near_duplicate_threshold)
    kept = sorted((document for document in documents if not document.step), key=lambda document: document.digest)
    if not kept:
        raise CorpusError(_nothing_left(source, spec, documents))
    frame = _frame(kept)
    sizes = frame.groupby("split")[["characters", "words", "bytes"]].sum()
    manifest = Manifest(
        fingerprint=name,
        label=source.label,
        source_sha256=source.sha256,
        settings=settings,
        language_known=spec.language is None or identify.knows(spec.language),
        counts={
            split: {"documents": int((frame["split"] == split).sum()), **_integers(sizes, split)} for split in SPLITS
        },
        funnel=_funnel(documents),
        confusion=_confusion(documents),
        dropped=_examples(documents),
        duplicates={str(size): count for size, count in sorted(duplicates.items())},
        replaced_characters=sum(document.replaced for document in documents),
        mended_documents=sum(document.mended for document in documents),
        provenance=provenance.collect(),
    )
    return frame, manifest


def _integers(sizes: pd.DataFrame, split: str) -> dict[str, int]:
    if split not in sizes.index:
        return {"characters": 0, "words": 0, "bytes": 0}
    return {str(column): int(sizes[column][split]) for column in sizes.columns}


def _nothing_left(source: Source, spec: CorpusSpec, documents: list[_Cleaned]) -> str:
    reasons = Counter(document.reason for document in documents)
    remedy = _REMEDIES.get(reasons.most_common(1)[0][0], "check corpus.language")
    found = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    return (
        f"corpus {source.label}: none of its {len(documents)} documents is left for language {spec.language!r}; "
        f"dropped as {found}; {remedy}"
    )


def _clean_all(raw: Iterator[RawDocument], spec: CorpusSpec) -> Iterator[_Cleaned]:
    """Clean in this process while there is little, on all processors when there is more than one chunk."""
    first = list(islice(raw, CHUNK_DOCUMENTS))
    yield from _clean_chunk(first, spec)
    second = list(islice(raw, CHUNK_DOCUMENTS))
    if not second:
        return
    try:
        yield from _clean_in_processes(second, raw, spec)
    except BrokenProcessPool as error:
        raise CorpusError(
            "a process that cleans text was killed or could not start: free some memory, and in a script of your own "
            "call this under `if __name__ == '__main__':`"
        ) from error


def _clean_in_processes(chunk: list[RawDocument], raw: Iterator[RawDocument], spec: CorpusSpec) -> Iterator[_Cleaned]:
    # spawned, since a notebook's process may hold threads that do not survive a fork
    context = multiprocessing.get_context("spawn")
    workers = min(os.cpu_count() or 1, 8)
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting = [pool.submit(_clean_chunk, chunk, spec)]
        while chunk := list(islice(raw, CHUNK_DOCUMENTS)):
            waiting.append(pool.submit(_clean_chunk, chunk, spec))
            if len(waiting) > 2 * workers:
                yield from waiting.pop(0).result()
        for future in waiting:
            yield from future.result()


def _clean_chunk(chunk: Iterable[RawDocument], spec: CorpusSpec) -> list[_Cleaned]:
    filters = spec.language is not None and identify.knows(spec.language)
    return [_clean(document, spec, spec.language if filters else None) for document in chunk]


def _clean(raw: RawDocument, spec: CorpusSpec, language: str | None) -> _Cleaned:
    text = raw.data.decode("utf-8-sig", errors="replace")
    replaced = text.count("\ufffd")
    sizes = [_size(text)]
    mended = False
    for step, change in cleaning.STEPS:
        before, text = text, change(text)
        sizes.append(_size(text))
        mended |= step == "look-alikes" and text != before
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    document = _Cleaned(digest, raw.source, text, sizes, replaced, mended)
    _judge(document, spec, language, truncated=raw.truncated)
    if not document.step:
        document.signature = deduplicate.signature(text)
    return document


def _judge(document: _Cleaned, spec: CorpusSpec, language: str | None, *, truncated: bool) -> None:
    """Set the step and reason for which the document is dropped, if it is."""
    length = len(document.text)
    if document.replaced > spec.max_undecodable_share * max(length, 1):
        document.step, document.reason = "length", "not UTF-8"
    elif truncated or length > spec.max_characters:
        document.step, document.reason = "length", "too long"
    elif length < spec.min_characters:
        document.step, document.reason = "length", "too short" if length else "empty"
    else:
        document.language, _ = identify.identify(document.text)
        if language is not None and document.language != language:
            document.step, document.reason = "language", document.language


def _size(text: str) -> tuple[int, int]:
    return len(text), len(text.split())


def _drop_duplicates(documents: list[_Cleaned], threshold: float) -> Counter[int]:
    """Mark exact, then near duplicates; returns how many groups of near duplicates have which size."""
    first: dict[str, _Cleaned] = {}
    for document in sorted((d for d in documents if not d.step), key=lambda d: (d.digest, d.source)):
        if document.digest in first:
            document.step, document.reason = "exact duplicates", "copy"
        else:
            first[document.digest] = document
    texts = {digest: document.text for digest, document in first.items()}
    signatures = {digest: document.signature for digest, document in first.items()}
    groups = deduplicate.clusters(texts, signatures, threshold)
    for digest in deduplicate.drop(groups):
        first[digest].step, first[digest].reason = "near duplicates", "near copy"
    return Counter(len(group) for group in groups)


def _frame(kept: list[_Cleaned]) -> pd.DataFrame:
    rows = [
        {
            "id": document.digest[:16],
            "split": split_of(document.digest),
            "source": document.source,
            "text": document.text,
            "characters": len(document.text),
            "words": len(document.text.split()),
            "bytes": len(document.text.encode("utf-8", "replace")),
        }
        for document in kept
    ]
    return pd.DataFrame(rows)


def split_of(digest: str) -> str:
    """The split of a document, by the last 32 bits of its content's SHA-256: 80, 10 and 10 per cent.

    The first bits give the order of documents, so the two do not go together.
    """
    position, edge = int(digest[-8:], 16) / 2**32, 0.0
    for name, share in SPLITS.items():
        edge += share
        if position < edge:
            return name
    return name


def _funnel(documents: list[_Cleaned]) -> list[dict[str, Any]]:
    rows = []
    alive = documents
    for number, step in enumerate(SHARES_OF_DOCUMENTS):
        sizes = np.array([document.sizes[number] for document in alive], dtype=np.int64)
        rows.append(_row(step, len(alive), 0, int(sizes[:, 0].sum()), int(sizes[:, 1].sum())))
    for step in DROPPING_STEPS:
        before, alive = len(alive), [document for document in alive if document.step != step]
        sizes = np.array([document.sizes[-1] for document in alive], dtype=np.int64).reshape(-1, 2)
        rows.append(_row(step, len(alive), before - len(alive), int(sizes[:, 0].sum()), int(sizes[:, 1].sum())))
    return rows


def _row(step: str, documents: int, dropped: int, characters: int, words: int) -> dict[str, Any]:
    return {
        "step": step, "documents": documents, "dropped_documents": dropped, "characters": characters, "words": words,
    }  # fmt: skip


def _confusion(documents: list[_Cleaned]) -> list[dict[str, Any]]:
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for document in documents:
        if document.language:
            row = found[document.language]
            row[0], row[1] = row[0] + 1, row[1] + len(document.text)
            row[2] += document.step != "language"
    return [
        {"language": language, "documents": count, "characters": characters, "kept": kept}
        for language, (count, characters, kept) in sorted(found.items(), key=lambda item: -item[1][0])
    ]


def _examples(documents: list[_Cleaned]) -> list[dict[str, Any]]:
    """A few dropped documents for each step and reason, the same whatever the order of the input."""
    found: dict[tuple[str, str], list[_Cleaned]] = defaultdict(list)
    for document in documents:
        if document.step:
            found[document.step, document.reason].append(document)
    rows = []
    for (step, reason), dropped in sorted(found.items(), key=lambda item: (DROPPING_STEPS.index(item[0][0]), item[0])):
        for document in sorted(dropped, key=lambda d: d.digest)[:EXAMPLES]:
            excerpt = document.text[:EXCERPT_CHARACTERS].encode("utf-8", "replace").decode()
            rows.append({"step": step, "reason": reason, "excerpt": excerpt})
    return rows
