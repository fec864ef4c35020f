"""What continuations copied from the training text: runs of words and characters that occur there verbatim.

The training text is searched by a suffix array (U. Manber and G. Myers, Suffix Arrays, SIAM Journal on Computing 22,
1993; the library is ``pydivsufsort``, bindings to Y. Mori's libdivsufsort). Unlike a table of hashed n-grams it gives
the longest run from every place, not only whether runs of one length occur, and says where. It takes four bytes for
each byte of text, so how much is searched has a limit.

White space counts as one space, whatever it is; otherwise a run must be the same sign for sign. Only the continuation
is searched for: the prompt's words can count as copied only where the model wrote them again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydivsufsort import divsufsort, sa_search

from ..exceptions import CorpusError
from ..markup import escape_html, lang_attribute
from .shares import mean_row

MAX_CHARACTERS = 20_000_000
"""Of training text that are searched unless the caller says otherwise; about 190 MB of memory in Cyrillic."""
WORDS, CHARACTERS = 5, 20
"""Lengths of the n-grams whose share is counted."""
CONTEXT = 120
"""Characters shown on each side of a copied run."""
_BETWEEN = b"\xff"
MEASURES = ("longest_words", "longest_characters", "copied_words", "copied_characters")


@dataclass(frozen=True)
class Place:
    """Where a run of text first stands in the training text."""

    document: int
    """Its place in the order of the index."""
    start: int
    """Offset in bytes into the index."""


@dataclass(frozen=True)
class Searched:
    """How much of the training text copies were searched in."""

    documents: int
    characters: int
    of_characters: int

    @property
    def line(self) -> str:
        """Plain text that says so."""
        return (
            f"Searched: the first {self.documents:,} training documents, {self.characters:,} of "
            f"{self.of_characters:,} characters ({self.characters / max(self.of_characters, 1):.0%})."
        )


@dataclass(frozen=True)
class CopyIndex:
    """Training documents that can be searched for any run of text."""

    ids: tuple[str, ...]
    sources: tuple[str, ...]
    data: bytes
    """The documents in UTF-8, white space made one space, each between two spaces, with a byte between them that UTF-8
    never has: so no run crosses the end of a document."""
    suffixes: np.ndarray
    """The suffix array, shape (bytes,)."""
    starts: tuple[int, ...]
    """Where each document begins in ``data``."""
    characters: int
    """Of text that are searched."""
    of_characters: int
    """Of text that there are."""

    @property
    def searched(self) -> Searched:
        """How much can be found in it."""
        return Searched(len(self.ids), self.characters, self.of_characters)

    def holds(self, run: str) -> bool:
        """Whether any document has this run; it must not be empty."""
        return sa_search(self.data, self.suffixes, run.encode())[0] > 0

    def find(self, run: str) -> Place | None:
        """The first document, in the order of the index, that has this run."""
        count, first = sa_search(self.data, self.suffixes, run.encode())
        if not count:
            return None
        start = int(self.suffixes[first : first + count].min())
        return Place(bisect_right(self.starts, start) - 1, start)

    def around(self, place: Place, length: int) -> tuple[str, str]:
        """What stands before and after a run of so many bytes in its document, at most ``CONTEXT`` characters each."""
        end = self.starts[place.document + 1] - 1 if place.document + 1 < len(self.starts) else len(self.data)
        before = self.data[self.starts[place.document] : place.start].decode()
        after = self.data[place.start + length : end].decode()
        return before[-CONTEXT:].lstrip(), after[:CONTEXT].rstrip()


def index_documents(documents: pd.DataFrame, max_characters: int = MAX_CHARACTERS) -> CopyIndex:
    """Make documents searchable, from the first on, until there are ``max_characters`` of text.

    Runs read the training documents in their order in the corpus, so what a run with a small budget was trained on is
    searched first. The last document is taken whole.

    Args:
        documents: columns id, source, text.
        max_characters: about how much to search.

    Raises:
        CorpusError: there is no document, or nothing may be searched.
    """
    sizes = documents["text"].map(len).astype(int)
    kept = documents[(sizes.cumsum() - sizes) < max_characters]
    if kept.empty:
        raise CorpusError("nothing to search for copies: give training documents and a limit above 0")
    pieces = [f" {' '.join(text.split())} ".encode() for text in kept["text"]]
    starts = np.cumsum([0, *(len(piece) + 1 for piece in pieces[:-1])])
    data = _BETWEEN.join(pieces)
    return CopyIndex(
        ids=tuple(map(str, kept["id"])),
        sources=tuple(map(str, kept["source"])),
        data=data,
        suffixes=divsufsort(data),
        starts=tuple(map(int, starts)),
        characters=int(sizes[kept.index].sum()),
        of_characters=int(sizes.sum()),
    )


def coverage_line(index: CopyIndex) -> str:
    """Plain text: how much of the training text was searched."""
    return index.searched.line


def run_lengths(units: int, holds: Callable[[int, int], bool]) -> np.ndarray:
    """Longest run that is held from each place on, shape (units,).

    Args:
        units: how many there are.
        holds: whether units ``[start, end)`` are held; if they are, so is every part of them. It is asked at most twice
            as often as there are units, since a run from the next place is at most one unit shorter.
    """
    lengths = np.zeros(units, dtype=int)
    end = 0
    for start in range(units):
        end = max(end, start)
        while end < units and holds(start, end + 1):
            end += 1
        lengths[start] = end - start
    return lengths


@dataclass(frozen=True)
class Copied:
    """What one continuation copied."""

    longest_words: int
    """The longest run of whole words; a first piece that goes on with the prompt's last word is none."""
    longest_characters: int
    copied_words: float
    """Share of its runs of ``WORDS`` words that occur in the training text; NaN if it has none."""
    copied_characters: float
    """The same for runs of ``CHARACTERS`` characters."""
    run: str
    """The longest run of characters; of several, the first."""
    place: Place | None


def copied(index: CopyIndex, prompt: str, continuation: str, *, ended: bool) -> Copied:
    """Search a continuation in the training text.

    Words are what stands between white space. A first one that is joined to the prompt's last word, and a last one at
    the end of a text that the model did not end, may be parts of words and are left out of the runs of words.
    """
    text = " ".join(continuation.split())
    characters = run_lengths(len(text), lambda start, end: index.holds(text[start:end]))
    words = _whole_words(prompt, continuation, ended=ended)
    runs = run_lengths(len(words), lambda start, end: index.holds(f" {' '.join(words[start:end])} "))
    longest = int(characters.argmax()) if len(characters) else 0
    run = text[longest : longest + int(characters.max(initial=0))]
    return Copied(
        longest_words=int(runs.max(initial=0)),
        longest_characters=len(run),
        copied_words=_share(runs, WORDS),
        copied_characters=_share(characters, CHARACTERS),
        run=run,
        place=index.find(run) if run else None,
    )


def _whole_words(prompt: str, continuation: str, *, ended: bool) -> list[str]:
    words = continuation.split()
    joined = bool(words) and not prompt[-1:].isspace() and prompt != "" and not continuation[0].isspace()
    cut = bool(words) and not ended and not continuation[-1].isspace()
    return words[int(joined) : len(words) - cut]


def _share(lengths: np.ndarray, size: int) -> float:
    ngrams = len(lengths) - size + 1
    return float((lengths[:ngrams] >= size).mean()) if ngrams > 0 else float("nan")


def memorised(continuations: pd.DataFrame, index: CopyIndex) -> pd.DataFrame:
    """Add to each continuation what it copied.

    Args:
        continuations: columns model, prompt, continuation, ended.
        index: of the training text.

    Returns:
        ``continuations`` with the columns ``MEASURES``, run (the longest run of characters), document and source (id
        and source of the first training document that has it; None where nothing is copied) and found (HTML: that
        place, escaped, with the run marked).
    """
    found = [
        copied(index, str(row.prompt), str(row.continuation), ended=bool(row.ended))
        for row in continuations.itertuples()
    ]
    places = [one.place for one in found]
    return continuations.assign(
        **{name: [getattr(one, name) for one in found] for name in (*MEASURES, "run")},
        document=_objects([place and index.ids[place.document] for place in places], continuations.index),
        source=_objects([place and index.sources[place.document] for place in places], continuations.index),
        found=[_marked(index, one) for one in found],
    )


def _objects(values: list[Any], index: pd.Index) -> pd.Series:
    return pd.Series(values, index=index, dtype=object)


def _marked(index: CopyIndex, one: Copied) -> str:
    if one.place is None:
        return ""
    before, after = index.around(one.place, len(one.run.encode()))
    return _with_mark(before, one.run, after)


def memorisation_table(memorised: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """By model (in order of appearance): continuations, and each of ``MEASURES`` as mean over continuations.

    ``_low`` and ``_high`` are the ends of the mean's interval, from drawing prompts; ``most_words`` is the longest run
    of words of all the continuations.
    """
    rows = {}
    for model, own in memorised.groupby("model", sort=False):
        row: dict[str, float] = {"continuations": len(own), "most_words": own["longest_words"].max()}
        for name in MEASURES:
            row |= mean_row(own, name, confidence)
        rows[str(model)] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def nearest_html(
    memorised: pd.DataFrame, models: Sequence[str] | None = None, count: int = 1, *, language: str | None = None
) -> str:
    """The continuations with the longest copied runs of each model, beside the training document that has the run.

    Both are escaped and have the copied part marked.

    Args:
        memorised: of :func:`memorised`.
        models: those that are shown; None shows all.
        count: continuations of each.
        language: ISO 639-1 of the text, for the page.
    """
    blocks = []
    for model, own in memorised.groupby("model", sort=False):
        if models is not None and model not in models:
            continue
        kept = own[own["run"] != ""].nlargest(count, "longest_characters")
        blocks += [_pair(str(model), row, language) for row in kept.to_dict("records")]
    head = "".join(f'<th scope="col">{name}</th>' for name in ("model", "it wrote", "a training document has"))
    return (
        '<table class="bashkir-table tex2jax_ignore mathjax_ignore"><caption>The longest copied runs</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(blocks)}</tbody></table>"
    )


def _pair(model: str, row: dict[Any, Any], language: str | None) -> str:
    before, run, after = " ".join(row["continuation"].split()).partition(row["run"])
    prompt = f"<em>{escape_html(str(row['prompt'])[-CONTEXT:])}</em>"
    wrote = f"{prompt} {_with_mark(before[-CONTEXT:], run, after[:CONTEXT])}"
    origin = f"{row['document']}, {row['source']}; {row['longest_characters']} characters"
    cell = '<td style="text-align:left;overflow-wrap:anywhere">'
    text = f"<bdi{lang_attribute(language)}>"
    return (
        f'<tr><th scope="row" style="overflow-wrap:anywhere;min-width:6em">{escape_html(model)}</th>'
        f"{cell}{text}{wrote}</bdi></td>"
        f"{cell}{text}{row['found']}</bdi> <small>(<bdi>{escape_html(origin)}</bdi>)</small></td></tr>"
    )


def _with_mark(before: str, run: str, after: str) -> str:
    return f"{escape_html(before)}<mark>{escape_html(run)}</mark>{escape_html(after)}"
