"""The perplexities of arXiv 2605.04948 on a scale that does not depend on the tokenizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ..workspace import Workspace
from .loading import load_tokenizers
from .measures import compare


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
    bytes_per_token = measured["bytes_per_token"][reported.tokenizer]
    return {
        "model": reported.model,
        "method": reported.method,
        "tokenizer": reported.tokenizer,
        "tokenizer is": measured["label"][reported.tokenizer],
        "perplexity (reported)": reported.perplexity,
        "tokens per word": measured["tokens_per_word"][reported.tokenizer],
        "bytes per token": bytes_per_token,
        "bits per byte": bits_per_byte(reported.perplexity, bytes_per_token),
    }
