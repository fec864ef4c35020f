"""Tokenizers compared: one table, and what it shows in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from ..corpus import Corpus
from ..markup import escape_markdown
from .candidates import MADE_OF_OWN, Contender, segmenter
from .measures import compare
from .morphemes import compare_boundaries

BOUNDARY_TYPES = 2_000
"""The most frequent words of the text, whose cuts are compared with morphemes."""
MEASURES = (
    "tokens_per_word", "bytes_per_token", "words_kept_whole", "renyi_efficiency", "precision", "recall", "f1",
)  # fmt: skip
"""What might tell which tokenizer is best without training a model."""
SHOWN = ["family", "vocabulary_size", *MEASURES, "random_f1", "random_letter_f1", "megabytes_per_second"]


def compare_contenders(
    contenders: Sequence[Contender], texts: Sequence[str], corpus: Corpus, types: int = BOUNDARY_TYPES
) -> pd.DataFrame:
    """One row a tokenizer, by its name: family, :func:`~.measures.compare`, :func:`~.morphemes.compare_boundaries`.

    Args:
        contenders: names must differ.
        texts: text that none of them was trained on, such as the test split.
        corpus: where the texts are from; in a language without an analyser the columns on boundaries are left out.
        types: the most frequent words whose cuts are compared with morphemes.

    Raises:
        TokenizerError: the texts hold no word.
    """
    loaded = [each.tokenizer for each in contenders]
    table = compare(loaded, texts)
    table.insert(0, "family", [each.family for each in contenders])
    if segmenter(corpus) is None:
        return table
    return table.join(compare_boundaries(loaded, texts, types))


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that a chapter prints, rounded to three digits."""
    return table[[column for column in SHOWN if column in table]].round(3)


def contest_findings(table: pd.DataFrame, own: str, *, refused: Mapping[str, str], too_large: Sequence[int]) -> str:
    """What the table shows, as a Markdown list; every number comes from it.

    Args:
        table: from :func:`compare_contenders`.
        own: name of the model's own tokenizer, which the others are compared with.
        refused: as in a :class:`~.candidates.TrainedGrid`, like the next.
        too_large: sizes that were not tried.
    """
    learned = table[~table["family"].isin(MADE_OF_OWN)]
    lines = [_length_finding(learned, table[table.index == own].iloc[0], own)] if len(learned) else []
    if len(learned) and learned["family"].nunique() > 1:
        lines.append(_algorithm_finding(learned))
    if "f1" in table and {"bpe", "bpe+morphemes"} <= set(learned["family"]):
        lines.append(_morpheme_finding(learned))
    return "\n".join(f"- {line}" for line in [*lines, *_left_out(refused, too_large)])


def _length_finding(learned: pd.DataFrame, own: pd.Series, name: str) -> str:
    row = learned.sort_values("bytes_per_token").iloc[-1]
    return (
        f"`{name}` spends {own['tokens_per_word']:.2f} tokens on a word; `{row.name}`, which writes most in a token, "
        f"{row['tokens_per_word']:.2f}: {row['bytes_per_token']:.2f} bytes a token against "
        f"{own['bytes_per_token']:.2f}, or {row['bytes_per_token'] / own['bytes_per_token']:.1f} times the text in the "
        f"same number of tokens. It keeps {row['words_kept_whole']:.0%} of the words whole, the model's own "
        f"{own['words_kept_whole']:.0%}."
    )


def _algorithm_finding(learned: pd.DataFrame) -> str:
    size = int(_sizes_of_all(learned).max())
    same = learned[learned["vocabulary_size"] == size].sort_values("bytes_per_token", ascending=False)
    listed = ", ".join(f"{row.family} {row.bytes_per_token:.2f}" for row in same.itertuples())
    return f"At {size:,} entries, the largest size that most kinds have, bytes a token are: {listed}."


def _sizes_of_all(learned: pd.DataFrame) -> pd.Series:
    """Sizes by the number of families that have them: those that most families have."""
    counts = learned.groupby("vocabulary_size")["family"].nunique()
    return pd.Series(counts.index[counts == counts.max()])


def _morpheme_finding(learned: pd.DataFrame) -> str:
    wide = learned.pivot_table(index="vocabulary_size", columns="family", values=["f1", "bytes_per_token"])
    both = wide.dropna(subset=[("f1", "bpe"), ("f1", "bpe+morphemes")])
    if both.empty:
        return "No size was trained both with and without morphemes."
    size = int(both.index.max())
    row = both.loc[size]
    gained = row["f1", "bpe+morphemes"] - row["f1", "bpe"]
    paid = row["bytes_per_token", "bpe+morphemes"] / row["bytes_per_token", "bpe"] - 1
    return (
        f"Respecting morphemes takes the F1 of BPE's cuts from {row['f1', 'bpe']:.2f} to "
        f"{row['f1', 'bpe+morphemes']:.2f} at {size:,} entries ({gained:+.2f}), and changes the bytes a token by "
        f"{paid:+.0%}."
    )


def _left_out(refused: Mapping[str, str], too_large: Sequence[int]) -> Iterable[str]:
    if too_large:
        sizes = " and ".join(f"{size:,}" for size in too_large)
        yield f"Not tried: {sizes} entries; the training text has fewer words that come twice."
    for name, reason in refused.items():
        yield f"Not in the table: `{name}`; {escape_markdown(reason)}."
