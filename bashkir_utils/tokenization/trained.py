"""Train a tokenizer on a text: byte-level BPE or Unigram, and BPE whose merges stop at the end of a morpheme.

Byte-level means that the alphabet is the 256 bytes, so any text can be written and comes back exactly (A. Radford et
al., 2019). BPE is that of R. Sennrich et al. (2016), Unigram that of T. Kudo (2018); both are trained by the
``tokenizers`` library.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

from tokenizers import Tokenizer as Backend
from tokenizers import decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
from tokenizers import trainers as tokenizer_trainers
from transformers import PreTrainedTokenizerFast

from ..exceptions import TokenizerError

END_OF_TEXT = "<|endoftext|>"
BYTES = 256
LONGEST_PIECE = 32
"""Bytes of an entry at most: twice the longest suffix chain that is common, and no runs of dashes."""
SEAM = "\ue000"
"""A private sign that stands between two morphemes while merges are learned, and never in a text."""
SEGMENTED_TYPES = 50_000
"""The most frequent words that are cut into morphemes; the rest is too rare to move a merge."""
_WORD = re.compile(r"[^\W\d_]+")
Segment = Callable[[str], Sequence[str]]
"""A word's morphemes, which written together are the word."""


def train_tokenizer(
    texts: Iterable[str], *, entries: int, algorithm: Literal["bpe", "unigram"] = "bpe", segment: Segment | None = None
) -> PreTrainedTokenizerFast:
    """Train a byte-level tokenizer with one special entry, ``<|endoftext|>``, which begins and ends documents.

    Args:
        texts: what to train on, such as the training split.
        entries: size of the vocabulary, with the 256 bytes and the special entry.
        algorithm: ``bpe`` or ``unigram``.
        segment: cuts a word into morphemes; with it no entry is learned across a cut. Only the training sees the cuts:
            the tokenizer that comes out is a plain one, and may write a new word with a piece that crosses one.

    Returns:
        a tokenizer that ``transformers`` saves and loads like any other; each digit is a token of its own.

    Raises:
        TokenizerError: fewer entries than bytes, or the text has too little for so many.
    """
    if entries <= BYTES + 1:
        raise TokenizerError(f"{entries} entries: there must be more than the {BYTES} bytes and {END_OF_TEXT}")
    unigram = algorithm == "unigram"
    core = Backend(tokenizer_models.Unigram() if unigram else tokenizer_models.BPE())
    core.decoder = decoders.ByteLevel()
    lines = list(texts) if segment is None else list(_with_seams(list(texts), segment))
    core.pre_tokenizer = _cutting(seams=segment is not None)
    core.train_from_iterator(lines, _trainer(entries, unigram))
    core.pre_tokenizer = _cutting(seams=False)
    if core.get_vocab_size() < entries:
        raise TokenizerError(
            f"the text gives {core.get_vocab_size()} entries and not {entries}: give more text, or ask for fewer"
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=END_OF_TEXT, eos_token=END_OF_TEXT, pad_token=END_OF_TEXT
    )


def _cutting(*, seams: bool) -> pre_tokenizers.PreTokenizer:
    """What no entry crosses: words with the space before them, single digits, and seams, which vanish."""
    steps = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    return pre_tokenizers.Sequence([*([pre_tokenizers.Split(SEAM, "removed")] if seams else []), *steps])


def _trainer(entries: int, unigram: bool) -> tokenizer_trainers.Trainer:
    settings: dict[str, Any] = {
        "vocab_size": entries,
        "special_tokens": [END_OF_TEXT],
        "initial_alphabet": sorted(pre_tokenizers.ByteLevel.alphabet()),
        "show_progress": False,
    }
    if unigram:
        return tokenizer_trainers.UnigramTrainer(max_piece_length=LONGEST_PIECE, **settings)
    return tokenizer_trainers.BpeTrainer(max_token_length=LONGEST_PIECE, min_frequency=2, **settings)


def _with_seams(texts: Sequence[str], segment: Segment) -> Iterator[str]:
    """The texts with a seam between the morphemes of their frequent words; a word's case is kept."""
    counts = Counter(word.lower() for text in texts for word in _WORD.findall(text))
    ends: dict[str, list[int]] = {}
    for word, _ in counts.most_common(SEGMENTED_TYPES):
        morphemes = segment(word)
        if len(morphemes) > 1 and "".join(morphemes) == word:
            ends[word] = _ends(morphemes)

    def seamed(match: re.Match[str]) -> str:
        word = match.group()
        pieces = zip([0, *ends.get(word.lower(), [])], [*ends.get(word.lower(), []), len(word)], strict=True)
        return SEAM.join(word[begin:end] for begin, end in pieces)

    for text in texts:
        yield _WORD.sub(seamed, text.replace(SEAM, ""))


def _ends(morphemes: Sequence[str]) -> list[int]:
    """Where all morphemes but the last end, in characters."""
    places = [0]
    for morpheme in morphemes[:-1]:
        places.append(places[-1] + len(morpheme))
    return places[1:]
