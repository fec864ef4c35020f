"""Text that people wrote, in the place of continuations: what every measure says of it is the measure's own floor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from statistics import median

import pandas as pd
from transformers import PreTrainedTokenizerBase

from ..packing import encode
from .identifier import read_words

PEOPLE = "test documents"
TEXTS = 100
CHARACTERS_A_TOKEN = 20
"""More than tokens of running text have: what a text is cut to before it is encoded."""


def passages(
    texts: Iterable[str], continuations: pd.DataFrame, *, count: int | None = None, label: str = PEOPLE
) -> pd.DataFrame:
    """As many texts as there are prompts, each cut into a prompt and a continuation of the models' median lengths.

    The prompt ends before a word. Texts that are too short for both are passed over.

    Args:
        texts: of people; from documents that no model was trained on.
        continuations: columns prompt and continuation, whose lengths (characters) are copied.
        count: how many passages; None takes as many as there are prompts.
        label: of the rows.

    Returns:
        columns model (the label), prompt, continuation, ended (False: all are cut).
    """
    before = int(continuations["prompt"].drop_duplicates().str.len().median())
    length = max(int(continuations["continuation"].str.len().median()), 1)
    wanted = count or continuations["prompt"].nunique()
    long_enough = (text for text in texts if len(text) >= 2 * before + length)
    cut = [_cut(text, before, length) for text in islice(long_enough, wanted)]
    rows = [(label, prompt, continuation, False) for prompt, continuation in cut]
    return pd.DataFrame(rows, columns=["model", "prompt", "continuation", "ended"])


def _cut(text: str, before: int, length: int) -> tuple[str, str]:
    space = text.find(" ", before)
    place = space if 0 <= space <= 2 * before else before
    return text[:place], text[place : place + length]


def length_line(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], tokens: Sequence[int]) -> str:
    """Markdown: how many words of people's text stand in so many tokens, as the median over the first ``TEXTS`` texts.

    The last word counts though it may be cut.
    """
    read = list(islice(texts, TEXTS))
    parts = [f"{count} tokens hold {_words_in(tokenizer, read, count):.0f} words" for count in dict.fromkeys(tokens)]
    return f"Of text that people wrote, {' and '.join(parts)} (medians)."


def _words_in(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], tokens: int) -> float:
    begun = (encode(tokenizer, text[: tokens * CHARACTERS_A_TOKEN])[:tokens] for text in texts)
    return median(len(read_words(str(tokenizer.decode(ids)))) for ids in begun)
