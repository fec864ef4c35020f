"""Where a continuation leaves the language it should be in, and for which other.

A window of ``WINDOW`` words slides over a text, and the calibrated identifier gives each window a probability for each
language. A word takes the language of the surest window that it is in: where two languages meet, the windows that hold
only one of them are the sure ones, so the border stays where it is. A switch is ``RUN`` words in a row in one other
language, which one window alone cannot make: it takes two windows that agree.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..statistics import draw_weights
from .identifier import CLASSES, OTHER, UNDECIDED, calibrated, decide, read_words
from .shares import mean_interval

WINDOW = 5
"""Words. Longer windows are surer, shorter ones see where the switch falls; see ``calibration.accuracy_by_length``."""
RUN = WINDOW + 1
"""Words in a row in one other language that make a switch: one more than a window holds."""
LONGEST_WORD = 100
"""Letters read of a word, so that one endless word does not hide its neighbours."""
DRAWS = 1000


@dataclass(frozen=True)
class Switch:
    """The first words outside the target language."""

    place: int
    """Of the first of them, from 0, among words that hold a letter."""
    into: str
    """One of ``CLASSES``."""


def knows_target(language: str | None) -> bool:
    """Whether the calibrated identifier has a class of its own for ``language``."""
    return language in CLASSES and language != OTHER


def window_probabilities(texts: Sequence[str]) -> list[np.ndarray]:
    """Probabilities of ``CLASSES`` for every window of each text, shape (windows, 5).

    A text with fewer than ``WINDOW`` words has one window, judged as a sentence is; one without words has none.
    """
    windows = [_windows(text) for text in texts]
    short, full = calibrated(None), calibrated(WINDOW)
    # loops repeat the same windows many times over
    long = list(dict.fromkeys(each for found in windows for each in found if len(each) == WINDOW))
    brief = list(dict.fromkeys(each for found in windows for each in found if len(each) < WINDOW))
    known = dict(zip(long, full.probabilities([" ".join(each) for each in long]), strict=True))
    known |= dict(zip(brief, short.probabilities([" ".join(each) for each in brief]), strict=True))
    return [np.array([known[each] for each in found]).reshape(-1, len(CLASSES)) for found in windows]


def _windows(text: str) -> list[tuple[str, ...]]:
    words = [word[:LONGEST_WORD] for word in read_words(text)]
    if len(words) < WINDOW:
        return [tuple(words)] if words else []
    return [tuple(words[i : i + WINDOW]) for i in range(len(words) - WINDOW + 1)]


def surest(windows: np.ndarray, words: int) -> np.ndarray:
    """For each word the probabilities of the surest window that it is in, shape (words, classes).

    Args:
        windows: shape (windows, classes): window i holds the words i to i + (words - windows).
        words: number of them.
    """
    reach = words - len(windows) + 1
    best = windows.max(axis=1)
    starts = [max(0, place - reach + 1) for place in range(words)]
    chosen = [start + int(best[start : place + 1].argmax()) for place, start in enumerate(starts)]
    return windows[chosen]


def languages_of_words(texts: Sequence[str]) -> list[list[str]]:
    """One of ``CLASSES`` or ``undecided`` for each word of each text that holds a letter."""
    found = window_probabilities(texts)
    return [
        decide(surest(windows, len(read_words(text)))) if len(windows) else []
        for text, windows in zip(texts, found, strict=True)
    ]


def first_switch(languages: Sequence[str], target: str) -> Switch | None:
    """The first ``RUN`` words in a row in one language other than ``target``; all words of a shorter text will do."""
    run = min(RUN, len(languages))
    for place in range(len(languages) - run + 1 if run else 0):
        into = languages[place]
        if into not in (target, UNDECIDED) and all(name == into for name in languages[place : place + run]):
            return Switch(place, into)
    return None


def follow(continuations: pd.DataFrame, target: str | None) -> pd.DataFrame | None:
    """Follow each continuation word by word.

    Args:
        continuations: columns model, prompt and continuation; a text without a prompt is a unit of its own.
        target: ISO 639-1 of the language that the text should be in.

    Returns:
        None if the calibrated identifier has no class for ``target`` (``errors.language_by_sentence`` may know it).
        Else one row a continuation: model, unit (what is drawn for intervals), words (that hold a letter), counts of
        words by language (``CLASSES`` and ``undecided``), switched, at (number of the first word outside the target,
        from 1; NaN without), share (of the words that stand before the switch; NaN without), into (empty without).
    """
    if target is None or not knows_target(target):
        return None
    texts = continuations["continuation"].tolist()
    rows = [_followed(languages, target) for languages in languages_of_words(texts)]
    prompts = continuations["prompt"].tolist()
    units = [prompt if isinstance(prompt, str) else f"text {i}" for i, prompt in enumerate(prompts)]
    found = pd.DataFrame(rows, columns=["words", *CLASSES, UNDECIDED, "switched", "at", "share", "into"])
    found.insert(0, "model", continuations["model"].to_numpy())
    found.insert(1, "unit", units)
    return found


def _followed(languages: list[str], target: str) -> dict[str, object]:
    switch, words = first_switch(languages, target), len(languages)
    counts = {name: languages.count(name) for name in (*CLASSES, UNDECIDED)}
    return {
        "words": words,
        **counts,
        "switched": switch is not None,
        "at": switch.place + 1 if switch else math.nan,
        "share": switch.place / words if switch else math.nan,
        "into": switch.into if switch else "",
    }


def shares(followed: pd.DataFrame, target: str, confidence: float) -> pd.DataFrame:
    """Share of each model's words by language, with an interval for the target that draws prompts.

    Returns:
        by model, in order of appearance: words, in_target, low, high, then the shares of all languages. NaN without
        words.
    """
    rows = {model: _shares(own, target, confidence) for model, own in followed.groupby("model", sort=False)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model").astype({"words": int})


def _shares(own: pd.DataFrame, target: str, confidence: float) -> dict[str, float]:
    names = [*CLASSES, UNDECIDED]
    words = own["words"].sum()
    by_unit = own.groupby("unit", sort=False)[["words", target]].sum().to_numpy(dtype=float)
    drawn = np.concatenate([weights @ by_unit for weights in draw_weights(len(by_unit), DRAWS, 0)])
    drawn = drawn[drawn[:, 0] > 0]
    low, high = _interval(drawn[:, 1] / drawn[:, 0], confidence) if len(drawn) else (math.nan, math.nan)
    by_language = {name: own[name].sum() / words if words else math.nan for name in names}
    return {"words": words, "in_target": by_language[target], "low": low, "high": high, **by_language}


def _interval(draws: np.ndarray, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def switched_by_word(followed: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Share of each model's continuations that have left the target language by each word.

    The cumulative incidence of a first switch, over all continuations that have words: a text that has ended without
    one counts as one that did not switch, at every later word too. (To follow texts only as long as they last, as a
    product-limit estimate does, would not do: texts in the target language have fewer words in as many tokens, so that
    those that stay would drop out first.)

    Returns:
        one row a model and word at which its share changes, with the first word and the last of its longest text:
        model, word (from 1), switched (0…1), low, high (from drawing prompts with all their samples; NaN before any
        switch: nothing varies then, and with one prompt), reached (continuations with so many words). Continuations
        without words are left out, and models with nothing else.
    """
    known = followed[followed["words"] > 0]
    tables = [_by_word(own, confidence).assign(model=model) for model, own in known.groupby("model", sort=False)]
    columns = ["model", "word", "switched", "low", "high", "reached"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _by_word(own: pd.DataFrame, confidence: float) -> pd.DataFrame:
    at = own["at"].where(own["switched"].astype(bool), math.inf).to_numpy(dtype=float)
    rows = []
    for word in np.unique([1, *at[np.isfinite(at)], own["words"].max()]).astype(int):
        gone = (at <= word).astype(float)
        low, high = mean_interval(gone, own["unit"].to_numpy(), confidence) if gone.any() else (math.nan, math.nan)
        reached = int((own["words"] >= word).sum())
        rows.append({"word": word, "switched": gone.mean(), "low": low, "high": high, "reached": reached})
    return pd.DataFrame(rows)


def destinations(followed: pd.DataFrame) -> pd.DataFrame:
    """Into which language each model switches first.

    Returns:
        by model: continuations (with words), switched (share of them), median_word (at which switches fall, from 1;
        NaN without) and counts of switches into each of ``CLASSES`` that came up.
    """
    known = followed[followed["words"] > 0]
    groups = known.groupby("model", sort=False)
    table = pd.DataFrame({"continuations": groups.size(), "switched": groups["switched"].mean()})
    switched = known[known["switched"]]
    table["median_word"] = switched.groupby("model", sort=False)["at"].median()
    counts = pd.crosstab(switched["model"], switched["into"]) if len(switched) else pd.DataFrame()
    named = [name for name in CLASSES if name in counts]
    into = counts.reindex(index=table.index, columns=named, fill_value=0).add_prefix("into_")
    return table.join(into)
