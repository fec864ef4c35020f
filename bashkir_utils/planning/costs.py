"""Time of a run, from its floating-point operations: equations (forward) to (hours) of the page "Planning"."""

from __future__ import annotations

from ..language import generate_documents
from ..study import CorpusSpec, TrainingSpec
from ..tokenization import load_tokenizer, measure
from ..training import step_count
from ..workspace import Workspace
from .memory import Step

SAMPLE_DOCUMENTS = 100
"""Generated documents on which bytes per token and per character are measured: no text need be there to plan."""
PAPER_CORPUS = "hub:BashkirNLPWorld/bashkir-web-corpus"
PAPER_CHARACTERS, PAPER_TRAIN_SHARE = 278_174_165, 57_254 / 71_567
"""Characters of the paper's corpus and the share of its documents that it trained on (arXiv 2605.04948)."""


def forward_flops(step: Step) -> float:
    """Floating-point operations of the forward pass for each token, equation (forward)."""
    shape = step.shape
    return _block_flops(step) + 2.0 * shape.embedding_parameters


def _block_flops(step: Step) -> float:
    shape = step.shape
    return 2.0 * (shape.linear_parameters + step.adapters + shape.layers * shape.attention_width * step.block_length)


def training_flops(step: Step) -> float:
    """Floating-point operations of training for each token, equation (training).

    The backward pass costs the forward pass once for the gradients of the activations and once more for those of the
    weights, which frozen weights do not have. Checkpointing computes the blocks again.
    """
    shape, forward = step.shape, forward_flops(step)
    if step.method.kind == "full":
        weights = forward
    else:
        weights = 2.0 * (step.trained + shape.layers * shape.attention_width * step.block_length)
    again = _block_flops(step) if step.layout.checkpointing else 0.0
    return 2 * forward + weights + again


def hours(tokens: float, flops_per_token: float, tflops: float) -> float:
    """Equation (hours): ``tokens`` at a sustained rate of ``tflops`` · 10¹² operations a second."""
    return tokens * flops_per_token / (tflops * 1e12 * 3600)


def bytes_per_token(tokenizer: str, workspace: Workspace) -> float:
    """UTF-8 bytes of Bashkir for each token of a tokenizer of ``tokenization``, measured on generated documents."""
    return measure(load_tokenizer(tokenizer, workspace), _sample()).bytes_per_token


def training_bytes(corpus: CorpusSpec) -> float | None:
    """UTF-8 bytes of the training split of the paper's corpus, from its reported characters; None for any other."""
    if corpus.source != PAPER_CORPUS:
        return None
    texts = _sample()
    bytes_per_character = sum(len(text.encode()) for text in texts) / sum(len(text) for text in texts)
    return PAPER_CHARACTERS * PAPER_TRAIN_SHARE * bytes_per_character


def training_tokens(training: TrainingSpec, text_bytes: float | None, token_bytes: float | None) -> float | None:
    """Tokens that a run sees; None where the budget is in epochs and the text or the tokenizer is not known."""
    per_step = training.batch_size * training.gradient_accumulation * training.block_length
    if training.tokens is not None:
        return float(step_count(training, 0) * per_step)
    if text_bytes is None or token_bytes is None:
        return None
    return float(step_count(training, int(text_bytes / token_bytes / training.block_length)) * per_step)


def _sample() -> list[str]:
    return [document.text for document in generate_documents(SAMPLE_DOCUMENTS)]
