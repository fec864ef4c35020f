"""Two tokenizers on the same bytes: what one writes an entry of the other with, alone and in running text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from .loading import Tokenizer


def sub_tokens(piece: bytes, old: Tokenizer, by_spelling: Mapping[bytes, int]) -> list[int]:
    """The ids of ``old`` that spell ``piece``, as it would write it alone.

    Bytes that are no UTF-8, and pieces that it would write with other bytes (SentencePiece puts a space in front), are
    cut into the longest entries from the left instead. Empty where it lacks a byte of them.
    """
    try:
        ids = old.encode(piece.decode())
    except UnicodeDecodeError:
        return _longest_first(piece, by_spelling)
    spelled = b"".join(old.spellings[i] for i in ids)
    return ids if spelled == piece else _longest_first(piece, by_spelling)


def ids_by_spelling(tokenizer: Tokenizer) -> dict[bytes, int]:
    """The id of each spelling; of several with the same one the smallest that is no byte fallback, if there is one."""
    # what is written last stays
    ordered = sorted(tokenizer.spellings, key=lambda i: (i in tokenizer.byte_ids, i), reverse=True)
    return {tokenizer.spellings[i]: i for i in ordered}


def overlaps(new: Tokenizer, old: Tokenizer, texts: Iterable[str], shape: tuple[int, int]) -> csr_matrix:
    """How often an entry of ``new`` and one of ``old`` share bytes of the texts, shape (new ids, old ids).

    Texts that one of the two writes with other bytes are left out.
    """
    pairs = [_overlapping(new.encode(text), old.encode(text), new, old, len(text.encode())) for text in texts]
    rows, columns = (np.concatenate([np.empty(0, np.int64), *[pair[side] for pair in pairs]]) for side in (0, 1))
    return coo_matrix((np.ones(len(rows)), (rows, columns)), shape=shape).tocsr()


def _overlapping(
    new_ids: Sequence[int], old_ids: Sequence[int], new: Tokenizer, old: Tokenizer, length: int
) -> tuple[np.ndarray, np.ndarray]:
    """Ids of both for every stretch of bytes between two neighbouring cuts of either."""
    new_ends, old_ends = _ends(new_ids, new, length), _ends(old_ids, old, length)
    if new_ends is None or old_ends is None:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    cuts = np.union1d(new_ends, old_ends)
    cuts = cuts[cuts > 0]
    sides = ((new_ids, new_ends), (old_ids, old_ends))
    first, second = (np.asarray(ids, np.int64)[np.searchsorted(ends, cuts)] for ids, ends in sides)
    return first, second


def _ends(ids: Sequence[int], tokenizer: Tokenizer, length: int) -> np.ndarray | None:
    """Where each token ends, in bytes of the text; a space that was put in front lies before it. None: other bytes."""
    ends = np.cumsum([len(tokenizer.spellings[i]) for i in ids], dtype=np.int64)
    ahead = int(ends[-1]) - length if len(ends) else -1
    return ends - ahead if ahead in {0, 1} else None


def _longest_first(piece: bytes, by_spelling: Mapping[bytes, int]) -> list[int]:
    ids: list[int] = []
    while piece:
        end = next((end for end in range(len(piece), 0, -1) if piece[:end] in by_spelling), 0)
        if end == 0:
            return []
        ids.append(by_spelling[piece[:end]])
        piece = piece[end:]
    return ids
