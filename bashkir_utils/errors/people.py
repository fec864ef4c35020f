"""Text that people wrote, in the place of continuations: what every measure says of it is the measure's own floor."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import pandas as pd

PEOPLE = "test documents"


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
