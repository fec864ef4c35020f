"""Memory of one training step, from a model's shape: the equations of the page "Planning" of the book, in bytes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ..adapt import Precision
from ..losses import CHUNK_NUMBERS
from ..study import Layout, MethodSpec
from .shapes import GATED, Shape

GRADIENT_BYTES = 4
MOMENT_BYTES = 8
"""Two moments of AdamW in float32."""
NF4_BYTES = 1 / 2 + 1 / 64 + 4 / (64 * 256)
"""4 bits, an 8-bit scale for each 64 numbers, a float32 scale for each 256 of those (Dettmers et al., 2023)."""
LIBRARIES_BYTES = 0.61e9
"""Resident memory of a process that trains a model of some thousand numbers: libraries and little else; measured."""
CUDA_CONTEXT_BYTES = 0.7e9
"""Assumption: CUDA context, kernels and cuBLAS workspaces; torch counts only its own, and that is what was measured."""
HEAP_FRAGMENTATION = 0.2
"""Fitted to the measured peaks of ``book/recorded/plan``: what a processor's heap holds beyond what is in use."""
CUDA_FRAGMENTATION = 0.05
"""Assumption: what PyTorch's caching allocator holds beyond what is in use; only the use was measured."""


@dataclass(frozen=True)
class Step:
    """One training step to estimate: model, method, number formats, block length in tokens, layout, device."""

    shape: Shape
    method: MethodSpec
    precision: Precision
    block_length: int
    layout: Layout
    """Of one process."""
    gpu: bool
    shards: int = 1
    """N, processes that each keep a part of weights, gradients and optimiser (FSDP)."""

    @property
    def tokens(self) -> int:
        """T, tokens of one micro batch."""
        return self.layout.micro_batch * self.block_length

    @property
    def stream_bytes(self) -> int:
        """s, bytes of a number of the residual stream: the format of the frozen or trained weights."""
        return 4 if self.precision.weights == torch.float32 else 2

    @property
    def compute_bytes(self) -> int:
        """c, bytes of a number in a product: 2 under bfloat16 autocast."""
        return 2 if self.precision.autocast else self.stream_bytes

    @property
    def branch_bytes(self) -> int:
        """g, bytes of what a linear layer gives: a 4-bit layer gives the format of its input, the others that of c."""
        if not self.method.quantised:
            return self.compute_bytes
        return 4 if self.widened else self.stream_bytes

    @property
    def widened(self) -> bool:
        """Whether LayerNorm and powers are computed in float32: autocast does that on a GPU, and not on a processor."""
        return self.gpu and self.precision.autocast and self.shape.family not in GATED

    @property
    def carried_bytes(self) -> int:
        """Bytes of a number between blocks: what 4-bit layers add in float32 makes the residual stream so."""
        return 4 if self.widened and self.method.quantised else self.stream_bytes

    @property
    def trained(self) -> int:
        """P_t, numbers that training changes."""
        return self.shape.parameters if self.method.kind == "full" else self.adapters + self.trained_rows

    @property
    def adapters(self) -> int:
        """P_a, numbers in the adapters."""
        return self.shape.adapter_parameters(self.method.rank) if self.method.rank else 0

    @property
    def trained_rows(self) -> int:
        """P_e, numbers of the embeddings that are trained beside adapters, which keep the frozen ones too."""
        rows = {"frozen": 0, "new": self.shape.new_entries, "all": self.shape.vocabulary}[self.method.embeddings]
        return rows * self.shape.hidden * (1 if self.shape.tied else 2)


@dataclass(frozen=True)
class Memory:
    """Bytes by cause, all at the moment of the peak; ``peak`` is their sum."""

    weights: float
    optimiser: float
    gradients: float
    copies: float
    """Weights in bfloat16, made by autocast and kept until the backward pass has used them."""
    activations: float
    logits: float
    allocator: float
    """Held by the allocator beyond what is in use."""
    process: float

    @property
    def peak(self) -> float:
        """Largest memory of the process (or, on a GPU, of the card)."""
        parts = (self.weights, self.optimiser, self.gradients, self.copies, self.activations, self.logits)
        return sum(parts) + self.allocator + self.process


def weight_bytes(step: Step) -> float:
    """Weights and adapters, equation (weights).

    QLoRA keeps the linear layers of the blocks in NF4 and embeddings, norms, biases and head in the format of the
    weights. On a processor, and where the checkpoint has that format too, those are views into its file, which stays in
    memory whole.
    """
    shape = step.shape
    adapters = 4 * (step.trained if step.method.rank else 0)  # with the trained copies of embeddings
    if not step.method.quantised:
        return step.stream_bytes * shape.parameters + adapters
    packed = NF4_BYTES * shape.linear_parameters
    whole_file = not step.gpu and shape.stored_bytes == step.stream_bytes
    exact = shape.parameters - (0 if whole_file else shape.linear_parameters)
    return packed + step.stream_bytes * exact + adapters


def gathered_bytes(step: Step) -> float:
    """Weights that a process has whole, equation (sharded): two blocks, one of them fetched early, embeddings, head."""
    if step.shards == 1:
        return 0.0
    blocks = step.stream_bytes * step.shape.linear_parameters + 4 * step.adapters
    return 2 * blocks / step.shape.layers + step.stream_bytes * _outside_blocks(step)


def whole_gradient_bytes(step: Step) -> float:
    """Gradients that a process has whole until each has its part of them, equation (sharded).

    Those of two blocks and of embeddings and head; with accumulation all, which are sent after the last micro batch.
    """
    if step.shards == 1:
        return 0.0
    if step.layout.accumulation > 1:
        return GRADIENT_BYTES * step.trained
    full = step.method.kind == "full"
    blocks = step.shape.linear_parameters if full else step.adapters
    outside = _outside_blocks(step) if full else step.trained_rows
    return GRADIENT_BYTES * (2 * blocks / step.shape.layers + outside)


def _outside_blocks(step: Step) -> int:
    """Numbers of the embeddings and of the head."""
    return step.shape.embedding_parameters * (1 if step.shape.tied else 2)


def copy_bytes(step: Step) -> float:
    """bfloat16 copies of float32 weights that autocast makes, equation (copies); none without autocast.

    Those of trained weights stay in autocast's cache until the forward pass ends; those of frozen ones only for the
    backward pass, which with recomputation makes them again block by block.
    """
    if not step.precision.autocast:
        return 0.0
    adapters = step.trained if step.method.rank else 0
    frozen = step.stream_bytes == 4
    head = step.shape.embedding_parameters if frozen else 0
    kept = step.method.kind == "full" or (step.method.kind == "lora" and not step.layout.checkpointing)
    linears = step.shape.linear_parameters if frozen and kept else 0
    return 2.0 * (adapters + head + linears)


def block_activation_bytes(step: Step) -> float:
    """Bytes that the backward pass needs of one block for each token, equation (activations).

    The sum of norms, inputs of the linear layers, attention, feed-forward part and dropout masks; checked against what
    autograd saves, layer by layer, in ``tests/test_planning.py``.
    """
    parts = (_norm_bytes, _input_bytes, _attention_bytes, _feed_forward_bytes, _dropout_bytes)
    return sum(part(step) for part in parts)


def _norm_bytes(step: Step) -> float:
    """RMSNorm keeps its input in float32 and, when its scale is trained, the normed; LayerNorm its input alone."""
    shape, trained = step.shape, step.method.kind == "full"
    if shape.family not in GATED:
        return shape.block_norms * (4 if step.widened else step.stream_bytes) * shape.hidden
    kept = 4 + (4 if trained else 0)
    normed = 4 if shape.family == "gemma3_text" else step.compute_bytes
    heads = (4 + (normed if trained else 0)) * (shape.attention_width + shape.kv_width)
    return shape.block_norms * kept * shape.hidden + (heads if shape.head_norms else 0)


def _input_bytes(step: Step) -> float:
    """Inputs of the linear layers: under autocast each layer keeps a cast copy of its own, else they share one.

    On a GPU adapters of 4-bit layers take what is in bfloat16 as it is. Those of others, and on a processor all, cast
    it to float32 first: peft's 4-bit layer asks whether autocast is on, which torch answers for GPUs.
    """
    shape, rank = step.shape, step.method.rank or 0
    low_rank = step.compute_bytes * rank * len(shape.linears)
    as_it_is = step.gpu and step.method.quantised and step.stream_bytes == step.compute_bytes and not step.widened
    if step.precision.autocast and not as_it_is:
        # the fused kernel's output is the next layer's input, but phi's comes in another order of dimensions
        shared = 0 if rank or _plain_attention(step) or shape.family == "phi" else shape.attention_width
        return step.compute_bytes * (sum(linear.inputs for linear in shape.linears) - shared) + low_rank
    branches = 1 if shape.family == "phi" else 2
    output = shape.attention_width if _plain_attention(step) or shape.family == "phi" else 0
    return step.compute_bytes * (branches * shape.hidden + output + shape.intermediate) + low_rank


def _plain_attention(step: Step) -> bool:
    """Whether attention is computed as a whole matrix: the processor's fused kernel knows no dropout."""
    return step.shape.attention_dropout and not step.gpu


def _attention_bytes(step: Step) -> float:
    """Queries, keys, values and output of the fused kernel; the plain one adds three float32 matrices of block²."""
    shape = step.shape
    if _plain_attention(step):
        return 12 * shape.attention_width + 12 * shape.heads * step.block_length
    return step.compute_bytes * (2 * shape.attention_width + 2 * shape.kv_width) + 4 * shape.heads


def _feed_forward_bytes(step: Step) -> float:
    """Gate, its activation and the other factor; or the four factors of the tanh form of GELU.

    Where the cube in it is widened, all factors but one are in float32.
    """
    if step.widened:
        return (12 + step.branch_bytes) * step.shape.intermediate
    factors = 3 if step.shape.family in GATED else 4
    return factors * step.branch_bytes * step.shape.intermediate


def _dropout_bytes(step: Step) -> float:
    """Masks of two residual branches: bytes on a GPU, numbers of the branch on a processor."""
    if not step.shape.residual_dropout:
        return 0.0
    return (2.0 if step.gpu else step.compute_bytes + step.branch_bytes) * step.shape.hidden


def activation_bytes(step: Step) -> float:
    """Activations at the end of the forward pass, equations (activations) and (checkpointing)."""
    shape = step.shape
    last_norm = 4 * shape.hidden + (step.compute_bytes * shape.hidden if step.method.kind == "full" else 0)
    block = step.carried_bytes * shape.hidden if step.layout.checkpointing else block_activation_bytes(step)
    return step.tokens * (shape.layers * block + last_norm)


def loss_bytes(step: Step) -> float:
    """Logits, their gradient and the float32 tables of one chunk inside ``losses``, equation (logits)."""
    entries, rows = step.shape.vocabulary * step.tokens, max(1, CHUNK_NUMBERS // step.shape.vocabulary)
    # the chunk, which is a view where the logits are float32, a second table, and what is left of the chunk before
    tables = (step.compute_bytes < 4) + 1 + (rows < step.tokens)
    return 2.0 * step.compute_bytes * entries + 4.0 * tables * step.shape.vocabulary * min(rows, step.tokens)


def training_memory(step: Step) -> Memory:
    """The largest memory of a training step, equation (peak): the costliest of its moments."""
    return max(_moments(step), key=lambda memory: memory.peak)


def _moments(step: Step) -> tuple[Memory, ...]:
    """End of the forward pass, the head's gradient, and the end of the backward pass; also the first block again."""
    copies, activations = copy_bytes(step), activation_bytes(step)
    head = step.shape.embedding_parameters if step.method.kind == "full" or step.method.embeddings == "all" else 0
    own, whole = GRADIENT_BYTES * step.trained / step.shards, whole_gradient_bytes(step)
    # of spread weights the whole gradients are what is held between micro batches
    held = (own if step.shards == 1 else whole) if step.layout.accumulation > 1 else 0
    gradients = own + whole + (4 * head if step.shape.tied else 0)
    block = step.tokens * block_activation_bytes(step)
    # the head's gradient is made in the format of products, and cast to float32 once that of the logits is gone
    logits_gradient = step.compute_bytes * step.shape.vocabulary * step.tokens
    head_gradient = max(step.compute_bytes * head, 4 * head - logits_gradient)
    moments = (
        _memory(step, held, copies, activations, loss_bytes(step)),
        _memory(step, held + head_gradient, _left_copy_bytes(step), activations, logits_gradient),
        _memory(step, gradients, 0.0, block, 0.0),
    )
    if not step.layout.checkpointing:
        return moments
    # beside what the block keeps for its backward pass, three gradients of its feed-forward part are under way
    again = block + 3 * step.carried_bytes * step.tokens * step.shape.intermediate
    return (*moments, _memory(step, held + 4 * head, 0.0, activations + again, 0.0))


def _left_copy_bytes(step: Step) -> float:
    """Copies at the start of the backward pass; with recomputation that of a frozen or trained head alone."""
    frozen_head = 2.0 * step.shape.embedding_parameters if step.stream_bytes == 4 else 0.0
    copies = copy_bytes(step)
    return min(copies, frozen_head) if step.layout.checkpointing else copies


def _memory(step: Step, gradients: float, copies: float, activations: float, logits: float) -> Memory:
    weights = weight_bytes(step) / step.shards + gathered_bytes(step)
    optimiser = MOMENT_BYTES * step.trained / step.shards
    in_use = weights + optimiser + gradients + copies + activations + logits
    return Memory(
        weights=weights,
        optimiser=optimiser,
        gradients=float(gradients),
        copies=copies,
        activations=activations,
        logits=float(logits),
        allocator=in_use * (CUDA_FRAGMENTATION if step.gpu else HEAP_FRAGMENTATION),
        process=CUDA_CONTEXT_BYTES if step.gpu else LIBRARIES_BYTES,
    )


def scoring_memory(step: Step) -> Memory:
    """Largest memory of scoring a batch without gradients, equation (scoring); ``step`` holds batch and window.

    One process scores, with all weights.
    """
    step = replace(step, shards=1)
    shape = step.shape
    # the loss is summed one window at a time, in float32, which bfloat16 logits are cast to
    tables = 1 if step.stream_bytes == 4 else 2
    logits = shape.vocabulary * (step.stream_bytes * step.tokens + 4 * tables * step.block_length)
    widest = step.tokens * step.stream_bytes * (4 * shape.hidden + 3 * shape.intermediate)
    return _memory(step, 0.0, 0.0, float(widest), float(logits))
