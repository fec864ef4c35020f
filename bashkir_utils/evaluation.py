"""How well a model predicts text: one pass scores every token once, and every metric comes from that.

Bits per byte and word perplexity are defined as in lm-evaluation-harness: the summed log-likelihood of the documents
over their UTF-8 bytes, or over the words that ``re.split(r"\\s+", document)`` gives.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerBase

from .adapt import AnyModel
from .packing import boundaries, encode_with_offsets
from .progress import track
from .study import EvaluationSpec

UNITS = MappingProxyType(
    {
        "bits_per_byte": "bytes",
        "bits_per_character": "characters",
        "token_perplexity": "tokens",
        "word_perplexity": "words",
    }
)
"""Each metric and the column of the documents that it is divided by."""


@dataclass(frozen=True)
class Interval:
    """A value with the ends of its bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Window:
    """A piece of one document: ids of shape (length,), the first of which only give context."""

    document: int
    ids: tuple[int, ...]
    first_scored: int
    """Index in ``ids`` of the first token that this window scores."""
    offset: int
    """Index in the document (its first token is 0) of the token that ``first_scored`` points at."""


@dataclass(frozen=True)
class DocumentScores:
    """What one pass over the documents gave, from the whole to its parts; nll is in nats.

    ``documents``: document, nll, tokens, bytes, characters, words. ``words``: document, word, nll, bytes. ``tokens``:
    document, start, end (characters of the document), context (tokens that the model saw before it), nll.
    """

    documents: pd.DataFrame
    words: pd.DataFrame
    tokens: pd.DataFrame


def choose_documents(test: pd.DataFrame, spec: EvaluationSpec) -> pd.DataFrame:
    """The test documents that are scored: in the order given, short enough, until ``max_bytes``; at least one.

    Documents longer than ``max_document_bytes`` are passed over so that no single one dominates the sum.
    """
    fitting = test[test["bytes"] <= spec.max_document_bytes]
    fitting = fitting if len(fitting) else test.nsmallest(1, "bytes")
    keep = (fitting["bytes"].cumsum() <= spec.max_bytes).to_numpy(copy=True)
    keep[0] = True
    return fitting[keep].reset_index(drop=True)


def score_documents(
    model: AnyModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], spec: EvaluationSpec
) -> DocumentScores:
    """Negative log-likelihood of each text, in nats, given nothing but the model's document start.

    Every token is scored exactly once. A text longer than ``spec.window`` is read in windows that overlap by
    ``spec.overlap`` tokens, which give context and are not scored again. Padding is never scored.
    """
    encoded = [encode_with_offsets(tokenizer, text) for text in texts]
    start, offsets = boundaries(tokenizer).before, [offsets for _, offsets in encoded]
    losses = score_ids(model, start, [ids for ids, _ in encoded], spec)
    contexts = [context_sizes(len(start), len(ids), spec) for ids, _ in encoded]
    return DocumentScores(
        documents=pd.DataFrame([_document_row(i, text, losses[i]) for i, text in enumerate(texts)]),
        words=_word_rows(texts, offsets, losses),
        tokens=_token_rows(offsets, contexts, losses),
    )


def score_ids(
    model: AnyModel, start: Sequence[int], lines: Sequence[Sequence[int]], spec: EvaluationSpec
) -> list[np.ndarray]:
    """Negative log-likelihood in nats of each token id of each line, after the ids of ``start``, which are not scored.

    Windows as in :func:`score_documents`. One array a line, of the line's length.
    """
    losses = [np.zeros(len(ids)) for ids in lines]
    windows = [window for i, ids in enumerate(lines) for window in cut_windows(i, start, ids, spec)]
    # windows of like length share a batch, so that little is padded
    windows.sort(key=lambda window: len(window.ids))
    training = model.training
    model.eval()
    for batch in track(_batches(windows, spec.batch_size), "scoring", unit="batch"):
        for window, nll in zip(batch, _score_batch(model, batch), strict=True):
            losses[window.document][window.offset : window.offset + len(nll)] = nll
    model.train(training)
    return losses


def cut_windows(document: int, start: Sequence[int], ids: Sequence[int], spec: EvaluationSpec) -> Iterator[Window]:
    """Windows over start + ids, at most ``spec.window`` long, in which each id is scored once.

    Every window after the first begins ``spec.overlap`` tokens before the first token that it scores.
    """
    line = [*start, *ids]
    scored = len(start)
    while scored < len(line):
        begin = max(0, scored - spec.overlap) if scored > len(start) else 0
        end = min(len(line), begin + spec.window)
        yield Window(document, tuple(line[begin:end]), scored - begin, scored - len(start))
        scored = end


def context_sizes(start: int, length: int, spec: EvaluationSpec) -> np.ndarray:
    """How many tokens the model sees before each of ``length`` tokens that follow ``start`` ids; shape (length,)."""
    sizes = [
        np.arange(window.first_scored, len(window.ids)) for window in cut_windows(0, [0] * start, [0] * length, spec)
    ]
    return np.concatenate(sizes) if sizes else np.zeros(0, dtype=int)


def summarise(documents: pd.DataFrame, spec: EvaluationSpec, *, seed: int = 0) -> dict[str, Interval]:
    """Metrics over all documents, each with a percentile bootstrap interval over documents (Efron, 1979).

    The documents are drawn with replacement; a metric is recomputed from the drawn sums, so long documents count by
    their length, as in the value itself.
    """
    draws = np.random.default_rng(seed).integers(len(documents), size=(spec.bootstrap_samples, len(documents)))
    nll = documents["nll"].to_numpy()
    tail = (1 - spec.confidence) / 2
    summary = {}
    for metric, unit in UNITS.items():
        units = documents[unit].to_numpy()
        with np.errstate(over="ignore"):
            samples = to_metric(metric, nll[draws].sum(axis=1) / units[draws].sum(axis=1))
        value = float(to_metric(metric, np.asarray(nll.sum() / units.sum())))
        low, high = np.quantile(samples, [tail, 1 - tail])
        summary[metric] = Interval(value, float(low), float(high))
    return summary


def to_metric(metric: str, nats_per_unit: np.ndarray) -> np.ndarray:
    """Nats per unit as bits (``bits_per_…``) or as a perplexity, exp(nats)."""
    return nats_per_unit / math.log(2) if metric.startswith("bits") else np.exp(nats_per_unit)


def count_words(text: str) -> int:
    """Words as lm-evaluation-harness counts them."""
    return len(re.split(r"\s+", text))


def _batches(windows: list[Window], size: int) -> list[list[Window]]:
    return [windows[i : i + size] for i in range(0, len(windows), size)]


@torch.inference_mode()
def _score_batch(model: AnyModel, batch: list[Window]) -> list[np.ndarray]:
    """Losses in nats of the scored tokens of each window; right padding is masked and never scored."""
    longest = max(len(window.ids) for window in batch)
    ids = torch.zeros(len(batch), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, window in enumerate(batch):
        ids[row, : len(window.ids)] = torch.tensor(window.ids)
        mask[row, : len(window.ids)] = 1
    ids, mask = ids.to(model.device), mask.to(model.device)
    logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    results = []
    for row, window in enumerate(batch):
        predicted = logits[row, window.first_scored - 1 : len(window.ids) - 1]
        wanted = ids[row, window.first_scored : len(window.ids)]
        precise = predicted if predicted.dtype == torch.float64 else predicted.float()
        results.append(cross_entropy(precise, wanted, reduction="none").double().cpu().numpy())
    return results


def _document_row(document: int, text: str, nll: np.ndarray) -> dict[str, float]:
    return {
        "document": document,
        "nll": float(nll.sum()),
        "tokens": len(nll),
        "bytes": len(text.encode()),
        "characters": len(text),
        "words": count_words(text),
    }


def _word_rows(texts: Sequence[str], offsets: list[list[tuple[int, int]]], losses: list[np.ndarray]) -> pd.DataFrame:
    """Loss of each whitespace-separated word; white space belongs to the word after it, the last to the last word."""
    rows = []
    for document, (text, spans, nll) in enumerate(zip(texts, offsets, losses, strict=True)):
        words = list(re.finditer(r"\S+", text))
        if not words:
            continue
        ends = np.array([word.end() for word in words])
        last = np.array([max(start, end - 1) for start, end in spans], dtype=int)
        owner = np.minimum(np.searchsorted(ends, last, side="right"), len(words) - 1)
        sums = np.bincount(owner, weights=nll, minlength=len(words))
        rows += [
            {"document": document, "word": word.group(), "nll": loss, "bytes": len(word.group().encode())}
            for word, loss in zip(words, sums, strict=True)
        ]
    return pd.DataFrame(rows, columns=["document", "word", "nll", "bytes"])


def _token_rows(
    offsets: Sequence[Sequence[tuple[int, int]]], contexts: Sequence[np.ndarray], losses: Sequence[np.ndarray]
) -> pd.DataFrame:
    """Loss of each token, in the order of the text."""
    counts = [len(nll) for nll in losses]
    spans = np.array([span for document in offsets for span in document], dtype=np.int32).reshape(-1, 2)
    return pd.DataFrame(
        {
            "document": np.repeat(np.arange(len(losses), dtype=np.int32), counts),
            "start": spans[:, 0],
            "end": spans[:, 1],
            "context": np.concatenate([np.zeros(0, dtype=np.int32), *contexts]).astype(np.int32),
            "nll": np.concatenate([np.zeros(0), *losses]),
        }
    )
