"""The models of a study and how each is loaded, as plain ``transformers`` folders with safetensors."""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GgufConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    set_seed,
)

from .exceptions import DownloadError, ModelError
from .packaged import SMOLLM2_PACKAGE, smollm2_gguf
from .packing import END_OF_TEXT
from .processes import launched
from .progress import quiet_libraries
from .study import ModelSpec
from .tokenization import gguf_tokenizer
from .workspace import Workspace, atomic_directory, disk_errors, sha256_file

_TINY = {"vocab_size": 257, "bos_token_id": 256, "eos_token_id": 256, "pad_token_id": 256}
_TINY_LLAMA = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512,
}  # fmt: skip
RANDOM_ARCHITECTURES: dict[str, dict[str, int]] = {
    "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512},
    "phi": {**_TINY_LLAMA, "num_key_value_heads": 4},
    "qwen2": _TINY_LLAMA,
    "llama": _TINY_LLAMA,
    "mistral": _TINY_LLAMA,
}
"""Shapes of the tiny random models: one for each architecture of the paper."""


def quantisation_config() -> BitsAndBytesConfig:
    """QLoRA's storage: 4-bit NormalFloat with double quantisation, computed in bfloat16 (Dettmers et al., 2023)."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def device() -> torch.device:
    """The CUDA device of this process, which is the first one unless a launcher says otherwise, or the processor."""
    return torch.device(f"cuda:{launched().local_rank}" if torch.cuda.is_available() else "cpu")


def load_model(
    spec: ModelSpec, workspace: Workspace, *, dtype: torch.dtype = torch.float32, quantised: bool = False
) -> PreTrainedModel:
    """Load the weights of ``spec`` in ``dtype``, or with their linear layers in NF4.

    Raises:
        ModelError: not a causal language model, no safetensors, or no such folder.
        DownloadError: a Hub model that is not cached and cannot be fetched.
    """
    return load_folder(
        location(spec, workspace),
        revision=_revision(spec),
        dtype=dtype,
        quantised=quantised,
        safetensors=spec.weights_format == "safetensors",
        name=spec.name,
    )


def load_folder(  # noqa: PLR0913 - each says how from_pretrained is called
    where: str,
    *,
    name: str,
    revision: str | None = None,
    dtype: torch.dtype = torch.float32,
    quantised: bool = False,
    safetensors: bool = True,
) -> PreTrainedModel:
    """Load a model from a folder or Hub id; no code from there is run.

    Weights are read as safetensors; with ``safetensors`` false from ``pytorch_model.bin``, by torch's ``weights_only``
    reader, which builds tensors and nothing else.
    """
    try:
        with quiet_libraries():
            return AutoModelForCausalLM.from_pretrained(
                where,
                revision=revision,
                dtype=dtype,
                quantization_config=quantisation_config() if quantised else None,
                device_map=_placement(),
                use_safetensors=safetensors,
                weights_only=True,
                trust_remote_code=False,
            )
    except UnpicklingError as error:
        raise ModelError(f"model {name!r}: cannot load {where}: its weights file holds more than tensors") from error
    except (OSError, ValueError) as error:
        raise _load_error(name, where, error) from error


def _placement() -> dict[str, str] | None:
    """Everything on this process's device; weights that FSDP will spread stay in main memory until it does."""
    return None if launched().sharded else {"": str(device())}


def load_tokenizer(spec: ModelSpec, workspace: Workspace) -> PreTrainedTokenizerBase:
    """Load the tokenizer that belongs to the weights of ``spec``; raises as :func:`load_model` does."""
    where = location(spec, workspace)
    try:
        return AutoTokenizer.from_pretrained(where, revision=_revision(spec), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise _load_error(spec.name, where, error) from error


def location(spec: ModelSpec, workspace: Workspace) -> str:
    """Folder or Hub id that ``from_pretrained`` can read; weights that need converting are converted once."""
    scheme, _, rest = spec.source.partition(":")
    if scheme == "hub":
        return rest
    if scheme == "path":
        if not (Path(rest) / "config.json").is_file():
            raise ModelError(f"model {spec.name!r}: {rest} holds no config.json")
        return rest
    with disk_errors(f"the weights of {spec.name}", ModelError):
        return str(_random_folder(rest, workspace) if scheme == "random" else _packaged_folder(rest, workspace))


def is_random(spec: ModelSpec) -> bool:
    """Whether the weights of ``spec`` are random, so that its figures mean nothing about language."""
    return spec.source.startswith("random:")


def _revision(spec: ModelSpec) -> str | None:
    return spec.revision if spec.source.startswith("hub:") else None


def _load_error(name: str, where: str, error: Exception) -> ModelError | DownloadError:
    message = " ".join(str(error).split())
    offline = ("couldn't connect", "offline", "connection", "cached files", "resolve")
    if not Path(where).exists() and any(sign in message.lower() for sign in offline):
        return DownloadError(f"model {name!r}: {where} is not cached and the Hub cannot be reached; check the network")
    return ModelError(f"model {name!r}: cannot load {where}: {message[:200]}")


def _random_folder(architecture: str, workspace: Workspace) -> Path:
    """A tiny model with random weights (seed 0) and a tokenizer of the 256 bytes."""
    config = random_config(architecture)
    folder = workspace.models / f"random-{architecture}"
    if not folder.is_dir():
        with quiet_libraries(), torch.random.fork_rng(), atomic_directory(folder) as temporary:
            set_seed(0)
            AutoModelForCausalLM.from_config(config).save_pretrained(temporary)
            byte_tokenizer().save_pretrained(temporary)
    return folder


def random_config(architecture: str) -> PretrainedConfig:
    """Shape of the tiny random model of an architecture. Raises ModelError for one that is not known."""
    if architecture not in RANDOM_ARCHITECTURES:
        raise ModelError(f"unknown architecture {architecture!r}; choose {', '.join(sorted(RANDOM_ARCHITECTURES))}")
    return AutoConfig.for_model(architecture, **_TINY, **RANDOM_ARCHITECTURES[architecture])


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer whose 257 entries are the 256 bytes and ``<|endoftext|>``; exact for any text."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(tokenizer_models.BPE(vocab={sign: i for i, sign in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=END_OF_TEXT, eos_token=END_OF_TEXT, pad_token=END_OF_TEXT
    )


def _packaged_folder(package: str, workspace: Workspace) -> Path:
    """SmolLM2's weights, dequantised from the GGUF file of the pip package into a folder with safetensors."""
    if package != SMOLLM2_PACKAGE:
        raise ModelError(f"no weights are known in the pip package {package!r}; there is {SMOLLM2_PACKAGE}")
    gguf = smollm2_gguf(workspace)
    folder = workspace.models / f"{gguf.stem}-{sha256_file(gguf)[:12]}"
    if not folder.is_dir():
        with quiet_libraries(), atomic_directory(folder) as temporary:
            model = AutoModelForCausalLM.from_pretrained(
                gguf.parent,
                gguf_file=gguf.name,
                quantization_config=GgufConfig(dequantize=True),
                dtype=torch.float32,
            )
            model.save_pretrained(temporary)
            gguf_tokenizer(gguf).save_pretrained(temporary)
    return folder
