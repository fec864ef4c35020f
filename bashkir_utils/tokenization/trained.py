"""Train a tokenizer on a text: byte-level BPE or Unigram, and BPE whose merges stop at the end of a morpheme.

Byte-level means that the alphabet is the 256 bytes, so any text can be written and comes back exactly (A. Radford et
al., 2019). BPE is that of R. Sennrich et al. (2016), trained by the ``tokenizers`` library; Unigram is that of T. Kudo
(2018), trained by SentencePiece. Both come out as a tokenizer of the ``tokenizers`` library.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
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
_CHUNK = re.compile(r"[^\S\x1c-\x1f]*[\S\x1c-\x1f]+|[^\S\x1c-\x1f]+")
"""Ends only where white space begins, where the pre-tokenizer always cuts; four controls are space to Python alone."""
_ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
_AS_IT_IS: Mapping[str, Any] = MappingProxyType(
    {
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "split_by_unicode_script": False,
        "split_by_number": False,
        "split_by_whitespace": False,
        "character_coverage": 1.0,
        "unk_id": 0,
        "bos_id": -1,
        "eos_id": -1,
    }
)
"""SentencePiece's settings that leave a piece as it is; the entry with id 0 becomes the special one."""
Algorithm = Literal["bpe", "unigram"]
Segment = Callable[[str], Sequence[str]]
"""A word's morphemes, which written together are the word."""


def train_tokenizer(
    texts: Iterable[str], *, entries: int, algorithm: Algorithm = "bpe", segment: Segment | None = None
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
    return train_on_counts(count_pieces(texts, segment), entries=entries, algorithm=algorithm)


def count_pieces(texts: Iterable[str], segment: Segment | None = None) -> Counter[str]:
    """How often each stretch that no entry crosses occurs, in byte-level signs: all that a trainer needs of a text.

    Several sizes can be trained on one count; ``segment`` is that of :func:`train_tokenizer`.
    """
    lines = texts if segment is None else _with_seams(list(texts), segment)
    chunks = Counter(chunk for line in lines for chunk in _CHUNK.findall(line))
    cutting = _cutting(seams=segment is not None)
    counts: Counter[str] = Counter()
    for chunk, times in chunks.items():
        for piece, _ in cutting.pre_tokenize_str(chunk):
            counts[piece] += times
    return counts


def train_on_counts(
    counts: Mapping[str, int], *, entries: int, algorithm: Algorithm = "bpe"
) -> PreTrainedTokenizerFast:
    """:func:`train_tokenizer` on pieces that :func:`count_pieces` counted."""
    if entries <= BYTES + 1:
        raise TokenizerError(f"{entries} entries: there must be more than the {BYTES} bytes and {END_OF_TEXT}")
    core = _unigram(counts, entries) if algorithm == "unigram" else _bpe(counts, entries)
    core.pre_tokenizer = _cutting(seams=False)
    core.decoder = decoders.ByteLevel()
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


def _bpe(counts: Mapping[str, int], entries: int) -> Backend:
    core = Backend(tokenizer_models.BPE())
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = tokenizer_trainers.BpeTrainer(
        vocab_size=entries,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=_ALPHABET,
        max_token_length=LONGEST_PIECE,
        min_frequency=2,
        show_progress=False,
    )
    # byte-level signs hold no white space, so a piece comes out of this line as it went in
    core.train_from_iterator((" ".join([piece] * times) for piece, times in counts.items()), trainer)
    return core


def _unigram(counts: Mapping[str, int], entries: int) -> Backend:
    """SentencePiece's trainer: on one thread six times as fast as that of ``tokenizers``, which is a port of it."""
    model = io.BytesIO()
    # each byte once more, so that the trainer keeps it
    lines = [*((sign, 1) for sign in _ALPHABET), *counts.items()]
    SentencePieceTrainer.train(
        sentence_iterator=(f"{piece}\t{times}" for piece, times in lines),
        input_format="tsv",
        model_writer=model,
        model_type="unigram",
        vocab_size=entries,
        hard_vocab_limit=False,
        max_sentencepiece_length=LONGEST_PIECE,
        num_threads=1,  # the order of sums is part of the result
        minloglevel=2,
        **_AS_IT_IS,
    )
    learned = SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [(learned.id_to_piece(i), learned.get_score(i)) for i in range(1, learned.vocab_size())]
    core = Backend(tokenizer_models.Unigram([(END_OF_TEXT, 0.0), *pieces]))
    core.add_special_tokens([END_OF_TEXT])
    return core


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
