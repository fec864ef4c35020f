"""What one model gains over another on the same text: groups of places and words, paired by document.

What is tested is chosen by how often it comes, never by the size of the gain, and all that is tested is one family for
Holm's correction. So the largest gains of a table are no selection of lucky ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ..exceptions import RunError
from ..markup import escape_markdown
from ..statistics import Contrast, compare, draw_weights, effective_units
from .places import PlaceScores, place_draws
from .scored_text import ReadText, TokenScored, UnitKind, unit_bits

MIN_COUNT, MIN_DOCUMENTS, FAMILY = 5, 6, 60
OPEN = "open"
_DIGITS = 9


def best_two(ways: Mapping[str, TokenScored]) -> tuple[str, str] | None:
    """Names of the first two of ``places.best_of_each``, to be compared; None where there are fewer."""
    names = list(ways)[:2]
    return (names[0], names[1]) if len(names) == 2 else None


def place_gains(  # noqa: PLR0913
    scores: PlaceScores, first: str, second: str, *, samples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Bits per byte of ``first`` less those of ``second``, for every group that both have.

    Returns:
        one row a group: kind, group, documents, share_of_bytes, difference, low, high, p, p_holm, gains. The family of
        Holm's correction is the whole table. ``gains`` names the model with fewer bits, ``OPEN`` where the interval has
        0 in it.

    Raises:
        RunError: there is no such model.
    """
    _check_names(scores, first, second)
    pairs = _pairs(scores, first, second)
    left, right = (_chosen(scores, pairs[side].to_numpy()) for side in ("first", "second"))
    difference = place_draws(left, samples, seed) - place_draws(right, samples, seed)
    value = _bits(left) - _bits(right)
    shared = np.where(right.bytes > 0, left.bytes, 0)
    documents = (shared > 0).sum(axis=1)
    compared = _compared(value, difference, shared, confidence)
    whole = left.bytes.sum(axis=1)
    table = pairs[["kind", "group"]].assign(
        documents=documents, share_of_bytes=whole / pd.Series(whole).groupby(pairs["kind"]).transform("sum")
    )
    return _named(table.join(compared), first, second)


def _check_names(scores: PlaceScores, *names: str) -> None:
    known = scores.rows["model"].unique()
    if unknown := [name for name in names if name not in known]:
        raise RunError(f"no scores of {unknown[0]!r}; there are those of {', '.join(known)}")


def _pairs(scores: PlaceScores, first: str, second: str) -> pd.DataFrame:
    """kind, group, and the rows of both models: first, second."""
    rows = scores.rows.reset_index(names="row")
    left, right = (rows.loc[rows["model"] == name, ["kind", "group", "row"]] for name in (first, second))
    merged = left.merge(right, on=["kind", "group"], suffixes=("_first", "_second"))
    return merged.rename(columns={"row_first": "first", "row_second": "second"})


def _chosen(scores: PlaceScores, rows: np.ndarray) -> PlaceScores:
    return PlaceScores(scores.rows.iloc[rows], scores.nll[rows], scores.bytes[rows])


def _bits(scores: PlaceScores) -> np.ndarray:
    return scores.nll.sum(axis=1) / scores.bytes.sum(axis=1) / np.log(2)


def _compared(value: np.ndarray, draws: np.ndarray, sizes: np.ndarray, confidence: float) -> pd.DataFrame:
    """The table of ``statistics.compare``, its rows counted from 0; draws without the group are left out.

    ``sizes`` is how much of each group every document has, shape (groups, documents); 0 where it lacks the group.
    """
    # sums in another order differ in their last digits, which is no gain
    value, draws = value.round(_DIGITS), draws.round(_DIGITS)
    contrasts = {
        str(place): Contrast(
            float(one), draws[np.isfinite(draws[:, place]), place], units=effective_units(sizes[place])
        )
        for place, one in enumerate(value)
    }
    return compare(contrasts, confidence, (sizes > 0).sum(axis=1).tolist()).reset_index(drop=True)


def _named(table: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    better = np.where(table["difference"] < 0, first, second)
    return table.assign(gains=np.where(table["excludes_zero"], better, OPEN)).drop(columns="excludes_zero")


def word_gains(  # noqa: PLR0913
    first: tuple[str, TokenScored],
    second: tuple[str, TokenScored],
    text: ReadText,
    *,
    family: int = FAMILY,
    samples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Bits for one occurrence of a word under one model less those under another; the space before it is part of it.

    The ``family`` words with most occurrences are compared, in lower case, if they come at least ``MIN_COUNT`` times
    and in ``MIN_DOCUMENTS`` documents; nothing is said of rarer ones. A word's interval needs more documents the more
    words are compared (``statistics.smallest_p``).

    Args:
        first: name and evaluation.
        second: the same.
        text: of the documents of both.
        family: the most words to compare.
        samples: number of bootstrap draws.
        confidence: of the whole family.
        seed: of the draws.

    Returns:
        one row a word, those whose difference costs most bits in the whole text first: word, count, documents,
        bits_first, bits_second (means for one occurrence), difference, low, high, p, p_holm, gains.

    Raises:
        RunError: the evaluations are of other documents, or have a loss that is not finite.
    """
    counts, left, right = _by_word(text, [unit_bits(one, text) for _, one in (first, second)], family)
    total = counts.sum(axis=1)
    value = (left - right).sum(axis=1) / total
    documents = (counts > 0).sum(axis=1)
    with np.errstate(invalid="ignore"):
        drawn = [
            (weights @ (left - right).T.to_numpy()) / (weights @ counts.T.to_numpy())
            for weights in draw_weights(len(text.texts), samples, seed)
        ]
    compared = _compared(value.to_numpy(), np.concatenate(drawn), counts.to_numpy(dtype=float), confidence)
    means = {"bits_first": left.sum(axis=1) / total, "bits_second": right.sum(axis=1) / total}
    table = pd.DataFrame({"count": total, "documents": documents} | means).rename_axis("word").reset_index()
    named = _named(table.join(compared), first[0], second[0])
    order = (named["difference"] * named["count"]).abs().sort_values(ascending=False, kind="stable").index
    return named.loc[order].reset_index(drop=True)


def _by_word(
    text: ReadText, bits: Sequence[np.ndarray], family: int
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Occurrences, and bits of both models, of the words to compare: one row a word, one column a document."""
    is_word = (text.units["kind"] == UnitKind.WORD).to_numpy()
    units = text.units[is_word]
    units = units.assign(word=units["text"].str.lower(), first=bits[0][is_word], second=bits[1][is_word])
    known = units.groupby("word")["document"].agg(["size", "nunique"])
    often = known[(known["size"] >= MIN_COUNT) & (known["nunique"] >= MIN_DOCUMENTS)]
    chosen = often.sort_values("size", ascending=False, kind="stable").index[:family]
    units = units[units["word"].isin(chosen)].assign(count=1)
    count, first, second = (
        units.pivot_table(index="word", columns="document", values=column, aggfunc="sum")
        .reindex(index=chosen, columns=range(len(text.texts)))
        .fillna(0.0)
        for column in ("count", "first", "second")
    )
    return count.astype(int), first, second


def gain_findings(places: pd.DataFrame, words: pd.DataFrame, first: str, second: str) -> str:
    """Markdown list: where and on which words each of two models is ahead, from :func:`place_gains` and word_gains."""
    return "\n".join(
        f"- **{escape_markdown(name)}** is ahead in {_count(places, name)} of {len(places)} groups of places"
        f"{_examples(places, name, 'group')}, and on {_count(words, name)} of {len(words)} frequent words"
        f"{_examples(words, name, 'word')}."
        for name in (first, second)
    )


def _count(table: pd.DataFrame, name: str) -> int:
    return int((table["gains"] == name).sum())


def _examples(table: pd.DataFrame, name: str, column: str) -> str:
    """The three largest gains, in brackets."""
    won = table[table["gains"] == name]
    largest = won.loc[won["difference"].abs().sort_values(ascending=False).index, column].head(3)
    return f" ({', '.join(escape_markdown(str(each)) for each in largest)})" if len(largest) else ""
