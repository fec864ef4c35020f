"""What a tokenizer makes of a text: fertility, compression, coverage, parity, Rényi efficiency."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import accumulate, takewhile

import numpy as np
import pandas as pd

from ..exceptions import TokenizerError
from ..language import ALPHABET, BASHKIR_LETTERS, PARALLEL, ParallelSentence
from .loading import Tokenizer

RENYI_ALPHA = 2.5
LETTERS = re.compile(r"[^\W\d_]+")
"""A run of letters: the word without its punctuation."""


@dataclass(frozen=True)
class Measurements:
    """What a tokenizer makes of a text. Shares lie between 0 and 1."""

    tokens: int
    words: int
    """Stretches between white space, as lm-evaluation-harness counts them."""
    characters: int
    bytes: int
    """UTF-8 bytes of the text."""
    tokens_per_word: float
    """Fertility (Rust et al., 2021), over the words above."""
    characters_per_token: float
    bytes_per_token: float
    words_kept_whole: float
    """Share of the runs of letters that no token boundary cuts (1 - Rust et al.'s proportion of continued words)."""
    vocabulary_size: int
    vocabulary_used: int
    """Number of different tokens in the text."""
    vocabulary_used_share: float
    unknown_share: float
    """Share of tokens that stand for text which the vocabulary cannot write."""
    byte_fallback_share: float
    """Share of tokens that hold no whole character, but one or more bytes of it."""
    renyi_efficiency: float
    """Rényi entropy of the token frequencies over its maximum (Zouhar et al., 2023), order 2.5."""
    megabytes_per_second: float
    """UTF-8 megabytes encoded a second on this machine, document by document."""


def sample_texts(texts: Iterable[str], max_characters: int) -> list[str]:
    """The first texts that hold at most ``max_characters`` together, and at least one; none is cut."""
    texts = list(texts)
    lengths = accumulate(len(text) for text in texts)
    count = sum(1 for _ in takewhile(lambda length: length <= max_characters, lengths))
    return texts[: max(count, 1)]


def measure(tokenizer: Tokenizer, texts: Sequence[str]) -> Measurements:
    """Measure a tokenizer on the texts; :class:`Measurements` says what each figure means.

    Raises:
        TokenizerError: the texts hold no word.
    """
    words = sum(len(text.split()) for text in texts)
    if words == 0:
        raise TokenizerError("nothing to measure: the texts hold no word")
    began = time.perf_counter()
    encoded = [tokenizer.encode(text) for text in texts]
    seconds = time.perf_counter() - began
    tokens, n_bytes = sum(map(len, encoded)), sum(len(text.encode()) for text in texts)
    characters = sum(map(len, texts))
    ids, counts = np.unique(np.concatenate([np.asarray(row, dtype=np.int64) for row in encoded]), return_counts=True)
    return Measurements(
        tokens=tokens,
        words=words,
        characters=characters,
        bytes=n_bytes,
        tokens_per_word=tokens / words,
        characters_per_token=characters / tokens,
        bytes_per_token=n_bytes / tokens,
        words_kept_whole=_share_of_ones(np.concatenate([_pieces_per_word(tokenizer, row) for row in encoded])),
        vocabulary_size=tokenizer.vocabulary_size,
        vocabulary_used=len(ids),
        vocabulary_used_share=len(ids) / tokenizer.vocabulary_size,
        unknown_share=_share(ids, counts, tokenizer.unknown_ids),
        byte_fallback_share=_share(ids, counts, _fallback_ids(tokenizer, ids)),
        renyi_efficiency=renyi_efficiency(counts, tokenizer.vocabulary_size),
        megabytes_per_second=n_bytes / 1e6 / seconds,
    )


def compare(loaded: Iterable[Tokenizer], texts: Sequence[str]) -> pd.DataFrame:
    """One row of :class:`Measurements` for each tokenizer, indexed by name, with its label and provenance."""
    rows = [
        {"tokenizer": each.name, **asdict(measure(each, texts)), "label": each.label, "provenance": each.provenance}
        for each in loaded
    ]
    return pd.DataFrame(rows).set_index("tokenizer")


def pieces_per_word(tokenizer: Tokenizer, texts: Iterable[str]) -> np.ndarray:
    """In how many tokens each run of letters lies, in the order of the texts; a token across two words counts in both.

    Returns:
        integers, shape (words,), each at least 1.
    """
    rows = [_pieces_per_word(tokenizer, tokenizer.encode(text)) for text in texts]
    return np.concatenate([np.empty(0, dtype=np.int64), *rows])


def _pieces_per_word(tokenizer: Tokenizer, ids: Sequence[int]) -> np.ndarray:
    """As :func:`pieces_per_word`, for one encoded document; the words are those that the tokens spell."""
    pieces = [tokenizer.spellings[i] for i in ids]
    # Each byte that is no UTF-8 becomes one lone surrogate, so that offsets in bytes stay exact.
    text = b"".join(pieces).decode(errors="surrogateescape")
    offsets = np.concatenate([[0], np.cumsum(_byte_lengths(text))])
    spans = np.array([match.span() for match in LETTERS.finditer(text)], dtype=np.int64).reshape(-1, 2)
    begins, ends = offsets[spans[:, 0]], offsets[spans[:, 1]]
    boundaries = np.cumsum([len(piece) for piece in pieces])
    return 1 + np.searchsorted(boundaries, ends, "left") - np.searchsorted(boundaries, begins, "right")


def _byte_lengths(text: str) -> np.ndarray:
    """UTF-8 bytes of each character; 1 for a surrogate that stands for a stray byte."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    lengths = 1 + (codes > 0x7F).astype(np.int64) + (codes > 0x7FF) + (codes > 0xFFFF)
    return np.where((codes >= 0xDC80) & (codes <= 0xDCFF), 1, lengths)


def _share_of_ones(counts: np.ndarray) -> float:
    return float(np.mean(counts == 1)) if len(counts) else float("nan")


def _share(ids: np.ndarray, counts: np.ndarray, chosen: Iterable[int]) -> float:
    return float(counts[np.isin(ids, list(chosen))].sum() / counts.sum())


def _fallback_ids(tokenizer: Tokenizer, ids: Iterable[int]) -> set[int]:
    """Of ``ids``, the fallback bytes and the entries with no whole character."""
    return {i for i in map(int, ids) if i in tokenizer.byte_ids or is_fragment(tokenizer.spellings[i])}


def is_fragment(piece: bytes) -> bool:
    """Whether the bytes, a space at the front aside, hold parts of characters and no whole one."""
    signs = piece.removeprefix(b" ").decode(errors="surrogateescape")
    return bool(signs) and all("\udc80" <= sign <= "\udcff" for sign in signs)


def renyi_efficiency(counts: np.ndarray, vocabulary_size: int, alpha: float = RENYI_ALPHA) -> float:
    """Rényi entropy of order ``alpha`` of the token frequencies over the logarithm of the vocabulary size.

    ``H_a(p) / log |V|`` with ``H_a(p) = log(sum p_i ** a) / (1 - a)`` (Zouhar et al., 2023). 1 means that all entries
    come equally often. It is no proof of quality: Cognetta et al. (2024) give counterexamples.
    """
    probabilities = counts / counts.sum()
    entropy = math.log(float(np.sum(probabilities**alpha))) / (1 - alpha)
    return max(entropy, 0.0) / math.log(vocabulary_size)


def premium(length: Callable[[str], int], pairs: Iterable[tuple[str, str]]) -> float:
    """Mean ratio of the lengths of translated sentences, first over second (Petrov et al., 2023); parity is 1."""
    return float(np.mean([length(first) / length(second) for first, second in pairs]))


def compare_parity(loaded: Iterable[Tokenizer], sentences: Sequence[ParallelSentence] = PARALLEL) -> pd.DataFrame:
    """What Bashkir costs beside the same sentences in Russian and in English: :func:`premium` in tokens.

    Returns:
        columns ``against Russian`` and ``against English``; rows ``characters``, ``UTF-8 bytes`` and the tokenizers.
    """
    lengths: dict[str, Callable[[str], int]] = {"characters": len, "UTF-8 bytes": lambda text: len(text.encode())}
    lengths |= {each.name: partial(_token_count, each) for each in loaded}
    russian = [(each.bashkir, each.russian) for each in sentences]
    english = [(each.bashkir, each.english) for each in sentences]
    rows = {
        name: {"against Russian": premium(length, russian), "against English": premium(length, english)}
        for name, length in lengths.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("tokenizer")


def _token_count(tokenizer: Tokenizer, text: str) -> int:
    return len(tokenizer.encode(text))


def entries_with_letters(loaded: Iterable[Tokenizer], letters: Iterable[str] = BASHKIR_LETTERS) -> pd.DataFrame:
    """How many vocabulary entries hold each letter, small or capital: what the vocabulary knows of Bashkir.

    Returns:
        one row a letter, in alphabetical order, one column a tokenizer.
    """
    ordered = sorted(letters, key=ALPHABET.index)
    columns = {each.name: [_entries_with(each, letter) for letter in ordered] for each in loaded}
    return pd.DataFrame(columns, index=pd.Index(ordered, name="letter"))


def _entries_with(tokenizer: Tokenizer, letter: str) -> int:
    forms = letter.encode(), letter.upper().encode()
    return sum(any(form in piece for form in forms) for piece in tokenizer.spellings.values())
