"""The causal language modelling loss, a few rows of logits at a time.

The loss of ``transformers`` makes four float32 tables of tokens x vocabulary. For a small model with a large vocabulary
they are most of the memory and a quarter of the time of a step on a processor. This one gives the same numbers and
keeps one table, in the logits' own format: the gradient.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from peft import PeftModel
from torch.nn.functional import pad
from transformers import PreTrainedModel

from .adapt import AnyModel

IGNORED = -100
"""Label of a token that is not scored, as in ``transformers``."""
CHUNK_NUMBERS = 4_000_000
"""Logits that are held in float32 at a time: 16 MB, about what a processor's cache holds."""


class _SummedCrossEntropy(torch.autograd.Function):
    """Sum over rows of -log softmax(logits)[label]; its gradient, softmax - one-hot, is made in the same pass."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        wants_gradient = ctx.needs_input_grad[0]
        gradient = torch.empty_like(logits) if wants_gradient else None
        rows = max(1, CHUNK_NUMBERS // logits.shape[1])
        total = logits.new_zeros((), dtype=_precise(logits.dtype))
        for start in range(0, len(labels), rows):
            part, wanted = logits[start : start + rows].to(total.dtype), labels[start : start + rows]
            scored = wanted != IGNORED
            picked = torch.where(scored, wanted, 0).unsqueeze(1)
            norms = part.logsumexp(1, keepdim=True)
            total += torch.where(scored, (norms - part.gather(1, picked)).squeeze(1), 0).sum()
            if gradient is not None:
                # a chunk cast from bfloat16 is this function's own; one that is not may be a view of the logits
                softmax = (part - norms).exp_()
                softmax.scatter_add_(1, picked, softmax.new_full(picked.shape, -1))
                gradient[start : start + rows] = softmax.mul_(scored.unsqueeze(1))
        ctx.gradient = gradient
        return total

    @staticmethod
    def backward(ctx: Any, *upstream: torch.Tensor) -> tuple[torch.Tensor, None]:
        # scaled in place and given away: a second table would be as large as the logits
        gradient, ctx.gradient = ctx.gradient, None
        if gradient is None:
            raise RuntimeError("the gradient of this loss was used before; it cannot be asked for twice")
        return gradient.mul_(upstream[0].to(gradient.dtype)), None


def causal_cross_entropy(  # noqa: PLR0913, PLR0917 - the signature that transformers calls
    logits: torch.Tensor,
    labels: torch.Tensor,
    vocab_size: int,
    num_items_in_batch: torch.Tensor | int | None = None,
    ignore_index: int = IGNORED,
    shift_labels: torch.Tensor | None = None,
    **_: Any,
) -> torch.Tensor:
    """Mean loss in nats of each token given those before it; drop-in for ``ForCausalLMLoss`` of ``transformers``.

    Args:
        logits: shape (batch, length, vocab_size), in any floating-point format; summed in float32 or better.
        labels: token ids of shape (batch, length); those that are ``ignore_index`` are not scored.
        vocab_size: last dimension of ``logits``.
        num_items_in_batch: what the sum is divided by, where a step is accumulated; else the tokens scored here.
        shift_labels: labels that are already moved by one place.

    Raises:
        ValueError: another ``ignore_index`` than ``IGNORED``.
    """
    if ignore_index != IGNORED:
        raise ValueError(f"ignore_index is {ignore_index}; only {IGNORED} is known")
    following = pad(labels, (0, 1), value=IGNORED)[..., 1:] if shift_labels is None else shift_labels
    flat = following.reshape(-1).to(logits.device)
    total = _SummedCrossEntropy.apply(logits.reshape(-1, vocab_size), flat)
    if num_items_in_batch is None:
        return total / (flat != IGNORED).sum()
    return total / torch.as_tensor(num_items_in_batch, device=total.device)


def use_causal_cross_entropy(model: AnyModel) -> None:
    """Make ``model``, or the one inside its adapter, compute its loss by :func:`causal_cross_entropy`."""
    inner = cast(PreTrainedModel, model.get_base_model() if isinstance(model, PeftModel) else model)
    inner.loss_function = causal_cross_entropy


def _precise(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)
