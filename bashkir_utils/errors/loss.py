"""Where in the test text the loss is."""

from __future__ import annotations

import math
import re
from typing import Protocol

import pandas as pd

from .letters import count_letters


class Scored(Protocol):
    """What :class:`bashkir_utils.runs.Evaluation` offers to this module."""

    @property
    def documents(self) -> pd.DataFrame:
        """One row for each test document: id, source, nll (nats), tokens, bytes, …."""

    @property
    def words(self) -> pd.DataFrame:
        """One row for each word of them: document, word, nll (nats), bytes."""


def worst_documents(evaluation: Scored, count: int = 5) -> pd.DataFrame:
    """The documents with the most bits per byte, by rank: id, source, bytes, tokens, bits_per_byte."""
    documents = evaluation.documents
    scored = documents.assign(bits_per_byte=documents["nll"] / math.log(2) / documents["bytes"])
    kept = scored.nlargest(count, "bits_per_byte")[["id", "source", "bytes", "tokens", "bits_per_byte"]]
    return kept.set_index(pd.RangeIndex(1, len(kept) + 1, name="rank"))


def worst_words(evaluation: Scored, count: int = 15, *, min_letters: int = 4, min_count: int = 2) -> pd.DataFrame:
    """The words that cost the most bits per byte, worst first, in lower case and without punctuation at their ends.

    Words with fewer than ``min_letters`` letters or ``min_count`` occurrences are left out: one odd name would fill the
    list. Columns: word, count, bits (mean for one occurrence), bits_per_byte, share_of_loss (of all the text's loss).
    """
    words = evaluation.words.assign(word=evaluation.words["word"].map(_bare))
    grouped = words.groupby("word", as_index=False).agg(
        count=("nll", "size"), nll=("nll", "sum"), bytes=("bytes", "sum")
    )
    kept = grouped[(grouped["count"] >= min_count) & (grouped["word"].map(count_letters) >= min_letters)]
    bits = kept["nll"] / math.log(2)
    kept = kept.assign(
        bits=bits / kept["count"], bits_per_byte=bits / kept["bytes"], share_of_loss=kept["nll"] / words["nll"].sum()
    )
    columns = ["word", "count", "bits", "bits_per_byte", "share_of_loss"]
    return kept.nlargest(count, "bits_per_byte")[columns].reset_index(drop=True)


def _bare(word: str) -> str:
    return re.sub(r"^[^\w]+|[^\w]+$", "", word).lower()
