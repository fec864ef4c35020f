"""Documents as token ids: where one begins, and how many are laid end to end in blocks of one length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from .exceptions import CorpusError, TokenizerError

END_OF_TEXT = "<|endoftext|>"
DOCUMENTS_AT_ONCE = 64
"""How many are given to the tokenizer in one call, which uses all cores unless TOKENIZERS_PARALLELISM is false."""


@dataclass(frozen=True)
class Boundaries:
    """The ids that stand before and after a document; ``after`` is empty where one separator does both."""

    before: tuple[int, ...]
    after: tuple[int, ...]


def boundaries(tokenizer: PreTrainedTokenizerBase) -> Boundaries:
    """The document boundaries that a model has seen in its pretraining.

    A tokenizer that writes a BOS by itself (Llama, Mistral, DeepSeek) gets BOS … EOS. The GPT-2 family, Phi, Qwen and
    SmolLM2 separate documents by ``<|endoftext|>``. Any other gets its EOS as separator.

    Raises:
        TokenizerError: the tokenizer has none of these.
    """
    automatic = tokenizer("", add_special_tokens=True)["input_ids"]
    if tokenizer.bos_token_id is not None and tokenizer.bos_token_id in automatic:
        return Boundaries((tokenizer.bos_token_id,), (tokenizer.eos_token_id,))
    vocabulary = tokenizer.get_vocab()
    separator = vocabulary.get(END_OF_TEXT, tokenizer.eos_token_id)
    if separator is None:
        raise TokenizerError(f"tokenizer {tokenizer.name_or_path!r} has neither BOS, EOS nor {END_OF_TEXT}")
    return Boundaries((separator,), ())


def encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Token ids of ``text`` alone; what looks like a special token in it is text like any other."""
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]


def encode_all(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> Iterator[tuple[str, list[int]]]:
    """Each text with what :func:`encode` gives for it, in order; texts are read ``DOCUMENTS_AT_ONCE`` at a time."""
    left = iter(texts)
    while some := list(islice(left, DOCUMENTS_AT_ONCE)):
        encoded = tokenizer(some, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        yield from zip(some, encoded, strict=True)


def encode_with_offsets(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Token ids as :func:`encode` gives them, and for each the characters of ``text`` that it covers: begin, end.

    A token that ends inside a character covers that character too, as does the token after it.
    """
    encoding = tokenizer(
        text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True, verbose=False
    )
    return encoding["input_ids"], encoding["offset_mapping"]


@dataclass(frozen=True)
class PackedBlocks(Dataset):
    """Blocks of token ids, ``input_ids`` of shape (blocks, block_length), and what text they hold."""

    input_ids: np.ndarray
    documents: int
    bytes_per_token: float
    """UTF-8 bytes of the packed documents over their tokens, boundaries included."""

    def __len__(self) -> int:
        return len(self.input_ids)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        ids = torch.from_numpy(self.input_ids[index].astype(np.int64))
        return {"input_ids": ids, "labels": ids}


def pack(
    tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], block_length: int, *, max_blocks: int | None = None
) -> PackedBlocks:
    """Lay documents end to end, with boundaries between them, and cut the line into blocks; the short rest is dropped.

    Documents are read, ``DOCUMENTS_AT_ONCE`` at a time, until ``max_blocks`` blocks are full. Nothing is padded, so
    every position is text.

    Raises:
        CorpusError: the texts do not fill one block.
    """
    edge = boundaries(tokenizer)
    wanted = float("inf") if max_blocks is None else max_blocks * block_length
    lines: list[np.ndarray] = []
    tokens = n_bytes = 0
    for text, ids in encode_all(tokenizer, texts):
        lines.append(np.fromiter(chain(edge.before, ids, edge.after), dtype=np.int32))
        tokens, n_bytes = tokens + len(lines[-1]), n_bytes + len(text.encode())
        if tokens >= wanted:
            break
    blocks = int(min(tokens // block_length, max_blocks or tokens))
    if blocks == 0:
        raise CorpusError(f"the text has {tokens} tokens, fewer than one block of {block_length}: give more text")
    rows = np.concatenate(lines)[: blocks * block_length].reshape(blocks, block_length)
    return PackedBlocks(input_ids=rows, documents=len(lines), bytes_per_token=n_bytes / tokens)
