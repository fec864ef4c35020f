"""Test text as characters and words, and the loss of tokens shared out over the characters that they cover.

Tokenizers cut a text in different places, so the loss of a word, a suffix or a letter can only be compared after it
was shared out. The rule: a token's loss is spread over the UTF-8 bytes of the characters that it covers. A character
that no token covers (tokenizers leave out a space before a word) belongs to the next token, at a document's end to the
last. A character that several tokens cover (bytes of one letter) counts for each of them with an equal part of its
bytes. So the losses and bytes of any groups of characters or tokens sum to those of the text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import pandas as pd

from ..exceptions import RunError

_UNIT = re.compile(
    r"(?P<word>[^\W\d_]+(?:-[^\W\d_]+)*)|(?P<number>\d+(?:[.,:]\d+)*(?:-?[^\W\d_]+)?)|(?P<sign>(?:[^\w\s]|_)+)"
)
_ENDS_A_SENTENCE = re.compile(r"[.!?…:\n]")


class UnitKind(StrEnum):
    """What a unit of text is."""

    WORD = "word"
    NUMBER = "number"
    """Digits, with a suffix or a unit of measure joined to them: 2024-се."""
    SIGN = "sign"


class TokenScored(Protocol):
    """What :class:`bashkir_utils.runs.Evaluation` offers to this module."""

    @property
    def documents(self) -> pd.DataFrame:
        """One row for each test document: id, source, bytes, …."""

    @property
    def tokens(self) -> pd.DataFrame:
        """One row for each token: document, start, end (characters of the document), context, nll (nats)."""


@dataclass(frozen=True)
class ReadText:
    """The scored documents as one line of characters, cut into units: words, numbers and signs between them."""

    documents: pd.DataFrame
    """Columns id, source, bytes; in the order of the evaluation."""
    texts: tuple[str, ...]
    begins: np.ndarray
    """Where each document begins in the line, and the line's length; shape (documents + 1,)."""
    character_bytes: np.ndarray
    """UTF-8 bytes of each character."""
    units: pd.DataFrame
    """document, start (of the white space before it), inner (without it), end (places in the line), text, kind
    (:class:`UnitKind`), sentence_start. Trailing white space belongs to a document's last unit."""
    unit_of: np.ndarray
    """The unit of each character."""

    @property
    def document_of(self) -> np.ndarray:
        """The document of each character."""
        return np.repeat(np.arange(len(self.texts)), np.diff(self.begins))


@dataclass(frozen=True)
class Pieces:
    """Where each token meets each character; all arrays have one place for each piece, in the order of the tokens."""

    token: np.ndarray
    character: np.ndarray
    context: np.ndarray
    """Tokens that the model saw before the piece's token."""
    nll: np.ndarray
    """The piece's part of its token's loss, in nats."""
    bytes: np.ndarray
    """The piece's part of its character's bytes."""


def read_documents(documents: pd.DataFrame, test: pd.DataFrame) -> ReadText:
    """The text of the documents of an evaluation.

    Args:
        documents: of the evaluation, with the columns id and source.
        test: the test split, with the columns id and text.

    Raises:
        RunError: a document of the evaluation is not in the test split.
    """
    by_id = test.drop_duplicates("id").set_index("id")["text"]
    if not documents["id"].isin(by_id.index).all():
        raise RunError("the evaluation has documents that are not in the test split: evaluate on this corpus")
    texts = tuple(by_id.loc[documents["id"]])
    begins = np.cumsum([0, *map(len, texts)])
    rows = [row for place, text in enumerate(texts) for row in _units(place, text, int(begins[place]))]
    units = pd.DataFrame(rows, columns=["document", "start", "inner", "end", "text", "kind", "sentence_start"])
    units = units.astype({"document": int, "start": int, "inner": int, "end": int, "sentence_start": bool})
    sizes = _character_bytes("".join(texts))
    bytes_ = np.bincount(np.repeat(np.arange(len(texts)), np.diff(begins)), weights=sizes, minlength=len(texts))
    return ReadText(
        documents=documents[["id", "source"]].reset_index(drop=True).assign(bytes=bytes_.astype(int)),
        texts=texts,
        begins=begins,
        character_bytes=sizes,
        units=units,
        unit_of=np.repeat(np.arange(len(units)), units["end"] - units["start"]),
    )


def _character_bytes(text: str) -> np.ndarray:
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    return 1 + (points >= 0x80).astype(int) + (points >= 0x800) + (points >= 0x10000)


def _units(document: int, text: str, begin: int) -> Iterator[tuple[int, int, int, int, str, str, bool]]:
    """Units of one document, which is one unit itself where it holds nothing but white space."""
    found = [(match.start(), match.end(), match.lastgroup) for match in _UNIT.finditer(text)]
    if not found and text:
        found = [(0, len(text), UnitKind.SIGN)]
    start, opening = 0, True
    for place, (inner, end, kind) in enumerate(found):
        opening |= bool(_ENDS_A_SENTENCE.search(text[start:inner]))
        last = len(text) if place == len(found) - 1 else end
        yield document, begin + start, begin + inner, begin + last, text[inner:end], str(kind), opening
        opening = kind == UnitKind.SIGN and (opening or bool(_ENDS_A_SENTENCE.search(text[inner:end])))
        start = end


def check_same_documents(scored: TokenScored, text: ReadText) -> None:
    """Refuse an evaluation of other documents than those of the text.

    Raises:
        RunError: the documents differ.
    """
    if scored.documents["id"].tolist() != text.documents["id"].tolist():
        raise RunError("the runs were not scored on the same documents; evaluate all with the same settings")


def cut_pieces(scored: TokenScored, text: ReadText) -> Pieces:
    """Share the tokens' losses out over characters, by the rule of this module.

    Raises:
        RunError: the evaluation is of other documents than the text, or a loss is not finite.
    """
    check_same_documents(scored, text)
    tokens = scored.tokens
    if not np.isfinite(tokens["nll"]).all():
        raise RunError("a run whose loss is not finite has no place of loss: leave runs that diverged out")
    start, end = _covered(tokens, text)
    length = end - start
    token = np.repeat(np.arange(len(tokens)), length)
    character = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length) + start[token]
    sizes = text.character_bytes[character].astype(float)
    of_token = np.bincount(token, weights=sizes, minlength=len(tokens))
    covering = np.bincount(character, minlength=len(text.character_bytes))
    return Pieces(
        token=token,
        character=character,
        context=tokens["context"].to_numpy()[token],
        nll=tokens["nll"].to_numpy()[token] * sizes / of_token[token],
        bytes=sizes / covering[character],
    )


def _covered(tokens: pd.DataFrame, text: ReadText) -> tuple[np.ndarray, np.ndarray]:
    """First and last + 1 place in the line of each token's characters, gaps before it included; never empty."""
    document = tokens["document"].to_numpy()
    first, past = text.begins[document], text.begins[document + 1]
    if (first == past).any():
        raise RunError("the evaluation has tokens of a document without text")
    start, end = tokens["start"].to_numpy() + first, tokens["end"].to_numpy() + first
    reached = np.maximum(np.concatenate([[0], np.maximum.accumulate(end)[:-1]]), first)
    start = np.minimum(start, reached) if len(tokens) else start
    last = np.append(document[1:] != document[:-1], True)[: len(tokens)]
    end = np.where(last, np.maximum(end, past), end)
    # a token without characters stands for the one after it, at the end for the one before it
    start = np.where(start == end, np.minimum(start, past - 1), start)
    return start, np.maximum(end, start + 1)


def unit_bits(scored: TokenScored, text: ReadText) -> np.ndarray:
    """Loss of each unit of the text in bits, shape (units,); the white space before a unit belongs to it.

    Raises:
        RunError: as :func:`cut_pieces`.
    """
    pieces = cut_pieces(scored, text)
    owner = text.unit_of[pieces.character]
    return np.bincount(owner, weights=pieces.nll, minlength=len(text.units)) / math.log(2)
