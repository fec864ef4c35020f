"""Loss by place: bits per byte of parts of the test text, such as a genre, rare words or the beginning of a window.

A kind of place parts the whole text into groups; losses and bytes are shared out by the rule of :mod:`.scored_text`, so
the groups of a kind sum to the text. Intervals come from drawing documents, the same ones for every model and group.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol, TypeVar

import numpy as np
import pandas as pd

from ..statistics import Contrast, draw_weights, interval, smallest_p
from .scored_text import Pieces, ReadText, TokenScored, UnitKind, cut_pieces

GENRES_SHOWN = 8
OTHER_SOURCES = "other sources"
CONTEXT_EDGES = (0, 16, 64, 256, 1024)
FREQUENCY_EDGES = (0, 1, 10, 100, 1000, 10_000)
NO_WORD = "numbers and signs"
LENGTH_BANDS = 4
GENRE, LENGTH, POSITION = "genre or source", "document length", "tokens before it in the window"
FREQUENCY, FIRST_LETTER, NAMES = "word frequency in training", "place in the word", "names and numbers"

Scored = TypeVar("Scored", bound=TokenScored)


class Kind(Protocol):
    """A way to part the text into groups."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Its groups, in the order in which they are shown."""

    def of(self, pieces: Pieces) -> np.ndarray:
        """The group of each piece, as a place in ``groups``."""


@dataclass(frozen=True)
class TextKind:
    """Groups of characters."""

    name: str
    groups: tuple[str, ...]
    codes: np.ndarray
    """The group of each character of the text."""

    def of(self, pieces: Pieces) -> np.ndarray:
        """The group of each piece."""
        return self.codes[pieces.character]


@dataclass(frozen=True)
class ContextKind:
    """Groups of tokens, by the number of tokens that the model saw before them."""

    name: str
    edges: tuple[int, ...]
    """The least number of each group; the first is 0."""

    @property
    def groups(self) -> tuple[str, ...]:
        """Bands between the edges."""
        return band_names(self.edges)

    def of(self, pieces: Pieces) -> np.ndarray:
        """The group of each piece."""
        return np.searchsorted(self.edges, pieces.context, side="right") - 1


@dataclass(frozen=True)
class PlaceScores:
    """Loss and bytes of every group under every model."""

    rows: pd.DataFrame
    """model, kind, group, shared (share of the group's loss from tokens that also lie in another group)."""
    nll: np.ndarray
    """Nats; shape (rows, documents)."""
    bytes: np.ndarray
    """Shape (rows, documents)."""


# ----------------------------------------------------------------------------------------------------- kinds of places


def band_names(edges: Sequence[int]) -> tuple[str, ...]:
    """Names of the bands that begin at rising whole numbers: 0, 1–9, 10–99, 100 and more."""
    return (*(_span(low, high - 1) for low, high in pairwise(edges)), f"{edges[-1]:,} and more")


def _span(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"


def from_units(name: str, groups: Sequence[str], labels: Sequence[str], text: ReadText) -> TextKind:
    """Groups of whole units; ``labels`` has the group of each."""
    place = {group: code for code, group in enumerate(groups)}
    codes = np.array([place[label] for label in labels], dtype=int)
    return TextKind(name, tuple(groups), codes[text.unit_of])


def neutral_kinds(text: ReadText, counts: Mapping[str, int]) -> list[Kind]:
    """The kinds of places that need to know nothing of the language.

    Args:
        text: from :func:`.scored_text.read_documents`.
        counts: of words in the training split, as ``corpus.statistics.word_counts`` gives them.
    """
    return [
        genre(text),
        document_length(text),
        ContextKind(POSITION, CONTEXT_EDGES),
        first_letter(text),
        word_frequency(text, counts),
    ]


def genre(text: ReadText) -> TextKind:
    """By source: the genre of a generated text. Beyond the ``GENRES_SHOWN`` with most bytes: other sources."""
    sizes = text.documents.groupby("source")["bytes"].sum().sort_values(ascending=False, kind="stable")
    shown = [str(source) for source in sizes.index[:GENRES_SHOWN]]
    groups = (*(source for source in shown if source != OTHER_SOURCES), OTHER_SOURCES)
    place = {source: code for code, source in enumerate(groups)}
    codes = np.array([place.get(str(source), len(groups) - 1) for source in text.documents["source"]], dtype=int)
    return TextKind(GENRE, groups, codes[text.document_of])


def document_length(text: ReadText) -> TextKind:
    """By the quarter of the documents, by length in bytes, that the document is in."""
    sizes = text.documents["bytes"].to_numpy()
    edges = np.quantile(sizes, np.arange(1, LENGTH_BANDS) / LENGTH_BANDS)
    _, codes = np.unique(np.searchsorted(edges, sizes, side="left"), return_inverse=True)
    members = [sizes[codes == band] for band in range(codes.max() + 1)]
    groups = tuple(f"{_span(each.min(), each.max())} bytes" for each in members)
    return TextKind(LENGTH, groups, codes[text.document_of])


def word_frequency(text: ReadText, counts: Mapping[str, int]) -> TextKind:
    """By how often the word comes in the training split; a word with a hyphen is as rare as its rarest part."""
    names = ("unseen", *band_names(FREQUENCY_EDGES)[1:])

    def band(word: str) -> str:
        count = min(counts.get(part, 0) for part in word.lower().split("-"))
        return names[int(np.searchsorted(FREQUENCY_EDGES, count, side="right")) - 1]

    known = {word: band(word) for word in words(text).unique()}
    labels = [
        known[word] if kind == UnitKind.WORD else NO_WORD
        for word, kind in zip(text.units["text"], text.units["kind"], strict=True)
    ]
    return from_units(FREQUENCY, (*names, NO_WORD), labels, text)


def words(text: ReadText) -> pd.Series:
    """The units that are words, as they are written."""
    return text.units.loc[text.units["kind"] == UnitKind.WORD, "text"]


def first_letter(text: ReadText) -> TextKind:
    """A word's first letter, with the white space before it, against the letters after it."""
    groups = ("space and first letter", "letters after it", NO_WORD)
    units = text.units
    is_word = (units["kind"] == UnitKind.WORD).to_numpy()
    codes = np.where(is_word, 1, 2)[text.unit_of]
    first = np.arange(len(codes)) <= units["inner"].to_numpy()[text.unit_of]
    return TextKind(FIRST_LETTER, groups, np.where(is_word[text.unit_of] & first, 0, codes))


# --------------------------------------------------------------------------------------------------------------- scores


def best_of_each(named: Iterable[tuple[str, Scored]], count: int) -> dict[str, Scored]:
    """For each name the evaluation with the least loss, such as a way's best seed; the ``count`` best, best first.

    All must be of the same documents. Those with a loss that is not finite are left out.
    """
    losses = [(float(one.tokens["nll"].to_numpy().sum()), name, one) for name, one in named]
    ordered = sorted((each for each in losses if math.isfinite(each[0])), key=lambda each: each[0])
    found: dict[str, Scored] = {}
    for _, name, one in ordered:
        found.setdefault(name, one)
    return dict(list(found.items())[:count])


def score_places(scored: Mapping[str, TokenScored], text: ReadText, kinds: Sequence[Kind]) -> PlaceScores:
    """Sum loss and bytes by model, kind, group and document.

    Args:
        scored: evaluations by the name of their model; all of the documents of ``text``.
        text: from :func:`.scored_text.read_documents`.
        kinds: ways to part the text.

    Raises:
        RunError: an evaluation is of other documents, or has a loss that is not finite.
    """
    sums = [each for model, one in scored.items() for each in _sums(model, cut_pieces(one, text), text, kinds)]
    rows = pd.concat([rows for rows, _, _ in sums], ignore_index=True)
    losses, sizes = np.vstack([nll for _, nll, _ in sums]), np.vstack([bytes_ for _, _, bytes_ in sums])
    filled = sizes.sum(axis=1) > 0
    return PlaceScores(rows[filled].reset_index(drop=True), losses[filled], sizes[filled])


def _sums(
    model: str, pieces: Pieces, text: ReadText, kinds: Sequence[Kind]
) -> Iterator[tuple[pd.DataFrame, np.ndarray, np.ndarray]]:
    """Of each kind: its rows, nats and bytes."""
    documents = len(text.texts)
    document = text.document_of[pieces.character]
    begins = np.flatnonzero(np.diff(pieces.token, prepend=-1))
    for kind in kinds:
        codes = kind.of(pieces)
        shape = (len(kind.groups), documents)
        cell = codes * documents + document
        losses, sizes = (
            np.bincount(cell, weights=weights, minlength=math.prod(shape)).reshape(shape)
            for weights in (pieces.nll, pieces.bytes)
        )
        rows = pd.DataFrame({"model": model, "kind": kind.name, "group": list(kind.groups)})
        shared = _shared(codes, begins, pieces, len(kind.groups))
        yield rows.assign(shared=shared / _above_zero(losses.sum(axis=1))), losses, sizes


def _shared(codes: np.ndarray, begins: np.ndarray, pieces: Pieces, groups: int) -> np.ndarray:
    """Nats of each group that come from tokens that lie in another one too; shape (groups,)."""
    if not len(codes):
        return np.zeros(groups)
    across = np.minimum.reduceat(codes, begins) != np.maximum.reduceat(codes, begins)
    crossing = np.repeat(across, np.diff(begins, append=len(codes)))
    return np.bincount(codes, weights=pieces.nll * crossing, minlength=groups)


def _above_zero(values: np.ndarray) -> np.ndarray:
    return np.where(values > 0, values, 1.0)


def place_draws(scores: PlaceScores, samples: int, seed: int = 0) -> np.ndarray:
    """Bits per byte of each row under each bootstrap draw of documents, shape (samples, rows).

    NaN where a draw has no document with the group. The draws are the same for every row, so rows can be subtracted.
    """
    parts = []
    for weights in draw_weights(scores.nll.shape[1], samples, seed):
        with np.errstate(invalid="ignore", divide="ignore"):
            parts.append((weights @ scores.nll.T) / (weights @ scores.bytes.T) / math.log(2))
    return np.concatenate(parts)


def place_table(scores: PlaceScores, *, samples: int = 2000, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Bits per byte of every group under every model.

    Returns:
        one row a model, kind and group: model, kind, group, documents (that have it), bytes, share_of_bytes,
        share_of_loss (of the model's loss on the whole text), bits_per_byte, low, high, shared. The interval is a
        percentile interval for this one group; NaN where so few documents have the group that they bear none.
    """
    nll, sizes = scores.nll.sum(axis=1), scores.bytes.sum(axis=1)
    together = scores.rows.assign(nll=nll, bytes=sizes).groupby(["model", "kind"])[["nll", "bytes"]].transform("sum")
    value = nll / sizes / math.log(2)
    documents = (scores.bytes > 0).sum(axis=1)
    draws = place_draws(scores, samples, seed)
    ends = [
        _ends(value[row], draws[:, row], 1 - confidence) if smallest_p(documents[row]) <= 1 - confidence else _NO_ENDS
        for row in range(len(value))
    ]
    return scores.rows[["model", "kind", "group"]].assign(
        documents=documents,
        bytes=sizes,
        share_of_bytes=sizes / together["bytes"],
        share_of_loss=nll / _above_zero(together["nll"].to_numpy()),
        bits_per_byte=value,
        low=[low for low, _ in ends],
        high=[high for _, high in ends],
        shared=scores.rows["shared"],
    )


_NO_ENDS = (math.nan, math.nan)


def _ends(value: float, draws: np.ndarray, level: float) -> tuple[float, float]:
    found = interval(Contrast(value, draws[np.isfinite(draws)]), level)
    return (found.low, found.high) if math.isfinite(found.low) else _NO_ENDS
