"""Token distillation: input embeddings that make a changed vocabulary read as the old one did.

The method is that of K. Dobler, D. Elliott and G. de Melo, Token Distillation: Attention-aware Input Embeddings for New
Tokens (arXiv 2505.20133). A word of several old tokens is put together by the layers of the model and not by the table
of embeddings, so no mean of rows of that table can hold it. The new row is learned instead: the student, which reads
the new token, shall have the hidden states of the teacher, which reads the old ones.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import mse_loss
from transformers import PreTrainedModel, PreTrainedTokenizerBase, get_linear_schedule_with_warmup

from .adapt import choose_precision, keep_differentiable
from .aligned_texts import AlignedText, aligned_texts
from .exceptions import DivergenceError, ModelError
from .progress import track
from .study import DistillationSpec, MethodSpec

CURVE_COLUMNS = ("step", "seconds", "loss")
_TRAINED = MethodSpec(name="distillation", kind="full")


@dataclass(frozen=True)
class DistillationResult:
    """What a distillation read and how its loss fell; the embeddings are in the student."""

    curve: pd.DataFrame
    """Columns step, from 1; seconds since the call; loss: mean squared error of the batch before that step's update."""
    seconds: float
    """Of the whole call, encoding included."""
    tokens: int
    """That the student read, document starts included and padding not."""
    teacher_tokens: int
    """The same of the teacher."""
    aligned: int
    """Places where hidden states were compared."""


def distil_embeddings(  # noqa: PLR0913, PLR0917 - two models with their tokenizers
    teacher: PreTrainedModel,
    teacher_tokenizer: PreTrainedTokenizerBase,
    student: PreTrainedModel,
    student_tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    spec: DistillationSpec,
    *,
    trained_ids: Sequence[int] | None = None,
) -> DistillationResult:
    """Train the student's input embeddings, in place, until its hidden states are the teacher's.

    With h(x, k) the state of the last layer, after its norm and before the head, at token k of text x, the loss is the
    mean of (h_student(x, k) - h_teacher(x, k'))² over the pairs (k, k') of :func:`~.aligned_texts.align` and over the
    components of h (Dobler et al., the objective on hidden states; ``MSE-on-hiddens`` in their code). All else in the
    student is frozen. Where input and output embeddings are one matrix it moves as such; an output matrix of its own
    stays.

    Kept from the paper: last layer, loss, AdamW without weight decay, linear decay of the learning rate. Otherwise:

    - All tokens of a text may be new at once, while the paper puts one new token at a time into old ones: a replaced
      vocabulary leaves no old ones.
    - The texts are a sample and not snippets looked up for each token (100 of 50 tokens each in the paper), so frequent
      entries get most of the budget. The row of a token that does not occur stays as it is.
    - No warm-up, and a higher learning rate than the paper's 1e-4, since a step moves thousands of rows and there are
      few steps.
    - Dropout is off in both models, so that equal embeddings give a loss of 0; their code leaves it on.
    - Output embeddings are not learned; their code trains untied ones on the next token, as ordinary training does
      afterwards.

    Args:
        teacher: the model with its old vocabulary; may be quantised.
        teacher_tokenizer: the old tokenizer.
        student: the same model with the rows of the new vocabulary; embeddings of shape (entries, hidden) in float32.
        student_tokenizer: the new tokenizer.
        texts: read in an order drawn with the seed, as far as the steps need, and again from the first if too few.
        spec: budget and optimisation.
        trained_ids: rows that may move, such as the new ones of an extended vocabulary; the others stay bit for bit.
            None means all.

    Returns:
        the curve and the costs. The same seed gives the same embeddings on the same machine.

    Raises:
        ModelError: models of different width, embeddings not in float32, too few rows for the tokenizer, or ids of rows
            that are not there.
        CorpusError: the texts have no place where tokens of both end.
        DivergenceError: the loss or its gradient stopped being a finite number.
    """
    begun = time.monotonic()
    frozen = _frozen_rows(_embeddings(student).weight, trained_ids)
    _check(teacher, student, student_tokenizer)
    random = np.random.default_rng(spec.seed)
    rows = aligned_texts(teacher_tokenizer, student_tokenizer, texts, spec, random)
    curve, read = list[tuple[int, float, float]](), list[AlignedText]()
    with _trains_only_embeddings(teacher, student):
        for batch, loss in _steps(teacher, student, frozen, _batches(rows, spec, random), spec):
            curve.append((len(curve) + 1, time.monotonic() - begun, loss))
            read += batch
    return DistillationResult(
        curve=pd.DataFrame(curve, columns=list(CURVE_COLUMNS)),
        seconds=time.monotonic() - begun,
        tokens=sum(len(row.student_ids) for row in read),
        teacher_tokens=sum(len(row.teacher_ids) for row in read),
        aligned=sum(len(row.student_places) for row in read),
    )


def _steps(
    teacher: PreTrainedModel,
    student: PreTrainedModel,
    frozen: torch.Tensor,
    batches: Iterable[list[AlignedText]],
    spec: DistillationSpec,
) -> Iterator[tuple[list[AlignedText], float]]:
    """Each batch with its loss, after the update that it led to."""
    weight = _embeddings(student).weight
    optimizer = torch.optim.AdamW([weight], lr=spec.learning_rate, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, spec.steps)
    for batch in track(batches, "distillation", total=spec.steps, unit="step"):
        with torch.no_grad():
            wanted = _states(teacher, [(row.teacher_ids, row.teacher_places) for row in batch])
        found = _states(student, [(row.student_ids, row.student_places) for row in batch])
        loss = mse_loss(found, wanted.to(found.device))
        (gradient,) = torch.autograd.grad(loss, weight)
        weight.grad = gradient.masked_fill(frozen, 0.0)
        if not (torch.isfinite(loss) and torch.isfinite(gradient).all()):
            raise DivergenceError("distillation: the loss is not a finite number; lower the learning rate")
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        yield batch, loss.item()


def _embeddings(model: PreTrainedModel) -> torch.nn.Embedding:
    return cast(torch.nn.Embedding, model.get_input_embeddings())


def _check(teacher: PreTrainedModel, student: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    weight, width = _embeddings(student).weight, _embeddings(teacher).weight.shape[1]
    if weight.shape[1] != width:
        raise ModelError(f"distillation: the student has {weight.shape[1]} hidden units and the teacher {width}")
    if weight.dtype != torch.float32:
        raise ModelError(f"distillation: embeddings are trained in float32, not {weight.dtype}")
    if len(weight) < len(tokenizer):
        raise ModelError(f"distillation: {len(weight)} embeddings for a tokenizer of {len(tokenizer)} entries")


def _frozen_rows(weight: torch.Tensor, trained_ids: Sequence[int] | None) -> torch.Tensor:
    """True at the rows that stay; shape (entries, 1)."""
    if trained_ids is None:
        return torch.zeros(len(weight), 1, dtype=torch.bool, device=weight.device)
    ids = torch.tensor(trained_ids, dtype=torch.long, device=weight.device)
    if ((ids < 0) | (ids >= len(weight))).any():
        raise ModelError(f"distillation: trained_ids must lie between 0 and {len(weight) - 1}")
    return torch.ones(len(weight), 1, dtype=torch.bool, device=weight.device).index_fill_(0, ids, False)


def _batches(
    rows: Sequence[AlignedText], spec: DistillationSpec, random: np.random.Generator
) -> Iterator[list[AlignedText]]:
    """One batch a step; every row comes once before any comes again."""
    order: list[int] = []
    for _ in range(spec.steps):
        while len(order) < spec.batch_size:
            order += random.permutation(len(rows)).tolist()
        yield [rows[i] for i in order[: spec.batch_size]]
        del order[: spec.batch_size]


def _states(model: PreTrainedModel, lines: Sequence[tuple[Sequence[int], Sequence[int]]]) -> torch.Tensor:
    """States of the last layer at the places of each line of ids, one after the other; shape (places, hidden)."""
    ids = torch.zeros(len(lines), max(len(line) for line, _ in lines), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, (line, _) in enumerate(lines):
        ids[row, : len(line)] = torch.tensor(line)
        mask[row, : len(line)] = 1
    autocast = choose_precision("auto", _TRAINED).autocast
    with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=autocast):
        output = model.base_model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device), use_cache=False)
    rows = [row for row, (_, places) in enumerate(lines) for _ in places]
    return output.last_hidden_state[rows, [place for _, places in lines for place in places]].float()


@contextmanager
def _trains_only_embeddings(teacher: PreTrainedModel, student: PreTrainedModel) -> Iterator[None]:
    """Gradients for the student's input embeddings alone and no dropout; afterwards all is as it was."""
    embeddings = _embeddings(student)
    padding = embeddings.padding_idx
    asked = [(each, each.requires_grad) for each in student.parameters()]
    modes = [(each, each.training) for model in (teacher, student) for each in model.modules()]
    keep_differentiable(student)
    teacher.eval()
    student.eval().requires_grad_(False)
    embeddings.requires_grad_(True)
    # torch keeps gradients from this row, which in a new vocabulary can be any entry
    embeddings.padding_idx = None
    try:
        yield
    finally:
        embeddings.padding_idx = padding
        for parameter, wanted in asked:
            parameter.requires_grad_(wanted)
        for module, training in modes:
            module.training = training
