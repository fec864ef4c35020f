"""Are the words of a continuation words? Each gets exactly one class, the first of these that holds:

1. *broken letters*: it holds U+FFFD, which stands for bytes that are not valid UTF-8;
2. *number*: it holds a digit, or no letter;
3. *foreign letters*: it holds a letter that the Bashkir alphabet lacks;
4. *in the training text*: the training text has it, whatever its case;
5. *read by the analyser*: the lexicon and the rules give it;
6. *form of an attested stem*: the rules give it from a word of the training text that the lexicon cannot read;
7. *wrong suffix*: a suffix in another shape would make it one of the two before (``language.misfits``, by kind). So is
   a word in 5 or 6 only as a verb made of a noun (китаплар), if what it would be in another shape is attested;
8. *invented stem*: it has an ending that the rules allow, on a stem that nobody knows;
9. *unread*: none of these. Names, rare stems and Russian words that the training text lacks are here too.

A word with hyphens that is not in 4 or 5 as a whole gets the last class in this order that one of its parts has.
Without rules of the language only 1, 2, 4 and 9 are told apart.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import pandas as pd

from ..language import ALPHABET, LabelledSentence, analyse
from ..language.misfits import (
    KINDS,
    VERBS_OF_NOUNS,
    doubtful,
    ending,
    is_form,
    misfit,
    mixes_vowels,
    unlisted_entries,
)
from ..language.morphology import MAX_WORD_LETTERS
from .shares import shares

BROKEN, NUMBER, FOREIGN, ATTESTED, READ, REGULAR, WRONG, INVENTED, UNREAD = CLASSES = (
    "broken letters",
    "number",
    "foreign letters",
    "in the training text",
    "read by the analyser",
    "form of an attested stem",
    "wrong suffix",
    "invented stem",
    "unread",
)
"""Classes of words, in the order in which they are tried."""
WELL_FORMED = (ATTESTED, READ, REGULAR)
OUTSIDE = (BROKEN, NUMBER, FOREIGN)
"""Classes of what no rule for words can judge."""
KIND_COLUMNS: Mapping[str, str] = MappingProxyType(
    dict(
        zip(
            KINDS,
            ("wrong_harmony", "wrong_rounding", "wrong_series", "wrong_velar", "wrong_voicing", "wrong_shape"),
            strict=True,
        )
    )
)
"""Columns of :func:`shares_by_continuation` by kind of wrong suffix."""
MIN_STEM_COUNT = 3
"""How often the training text has a word that may be the stem of others: fewer times may be a slip of the pen."""
_LETTERS = frozenset(ALPHABET)
_SIGN = r"(?:[^\W_]|[\ufffd\u0300-\u036f])"
_WORD = re.compile(rf"{_SIGN}+(?:-{_SIGN}+)*")


@dataclass(frozen=True)
class Verdict:
    """What a word is."""

    name: str
    """One of ``CLASSES``."""
    kind: str | None = None
    """Of a wrong suffix: one of ``language.misfits.KINDS``."""
    right: str | None = None
    """The form that the rules give instead."""


@dataclass(frozen=True)
class Vocabulary:
    """What is known of a language's words."""

    counts: Mapping[str, int]
    """Words of the training text in lower case, as ``corpus.attestation.word_counts`` gives them."""
    bashkir: bool = True
    """Whether the alphabet, the lexicon and the rules of Bashkir apply."""

    @cached_property
    def stems(self) -> frozenset[str]:
        """Words that may be stems of others."""
        return frozenset(word for word, count in self.counts.items() if count >= MIN_STEM_COUNT)

    def judge(self, word: str) -> Verdict:
        """The class of one word, in any case."""
        word = unicodedata.normalize("NFC", word).lower()
        if "\ufffd" in word:
            return Verdict(BROKEN)
        if any(map(str.isdigit, word)) or not any(map(str.isalpha, word)):
            return Verdict(NUMBER)
        if self.bashkir and any(sign not in _LETTERS for sign in word if sign != "-"):
            return Verdict(FOREIGN)
        if word in self.counts:
            return Verdict(ATTESTED)
        if not self.bashkir or len(word) > MAX_WORD_LETTERS:
            return Verdict(UNREAD)
        return self._by_rules(word)

    def _by_rules(self, word: str) -> Verdict:
        if not analyse(word) and "-" in word:
            return max(map(self.judge, word.split("-")), key=lambda verdict: CLASSES.index(verdict.name))
        unlisted = unlisted_entries(word, self.stems)
        if not doubtful(word) or is_form(word, unlisted, without=VERBS_OF_NOUNS):
            return Verdict(READ if analyse(word) else REGULAR)
        accepted = READ if analyse(word) else REGULAR if is_form(word, unlisted) else None
        found = misfit(word, unlisted)
        # what only a verb made of a noun can explain is taken for a wrong form of a word that is attested
        if found and (accepted is None or found.right in self.counts):
            return Verdict(WRONG, found.kind, found.right)
        return Verdict(accepted or (INVENTED if ending(word) else UNREAD))


def own_words(prompt: str, continuation: str, *, ended: bool) -> list[str]:
    """The words that a continuation wrote or finished.

    A first piece that goes on with the prompt's last word is joined to it, since only the whole can be judged; a last
    word that stands at the very end is left out unless the model ended the text itself, since it may have been cut.
    """
    text = prompt + continuation
    found = [match for match in _WORD.finditer(text) if match.end() > len(prompt)]
    if found and not ended and found[-1].end() == len(text):
        found.pop()
    return [match.group() for match in found]


def judge_words(continuations: pd.DataFrame, vocabulary: Vocabulary) -> pd.DataFrame:
    """Every word of every continuation with its class.

    Args:
        continuations: columns model, prompt, continuation, ended.
        vocabulary: what is known.

    Returns:
        one row a word: model, prompt, continuation (number of its row, from 0), word (in lower case), class, kind and
        right (of wrong suffixes; else None), mixed (it mixes front and back vowels: ``language.misfits.mixes_vowels``;
        False where Bashkir's rules do not apply).
    """
    rows = [
        (row.model, row.prompt, place, word.lower())
        for place, row in enumerate(continuations.itertuples())
        for word in own_words(str(row.prompt), str(row.continuation), ended=bool(row.ended))
    ]
    table = pd.DataFrame(rows, columns=["model", "prompt", "continuation", "word"])
    verdicts = {word: vocabulary.judge(word) for word in table["word"].unique()}
    found = [verdicts[word] for word in table["word"]]
    table["class"] = [verdict.name for verdict in found]
    table["kind"] = pd.Series([verdict.kind for verdict in found], index=table.index, dtype=object)
    table["right"] = pd.Series([verdict.right for verdict in found], index=table.index, dtype=object)
    table["mixed"] = [vocabulary.bashkir and mixes_vowels(word) for word in table["word"]]
    return table


def shares_by_continuation(words: pd.DataFrame, continuations: int) -> pd.DataFrame:
    """Shares of the words of each continuation; NaN without words.

    Columns: well_formed, wrong_suffix, those of ``KIND_COLUMNS`` (which sum to wrong_suffix), invented_stem and
    mixed_vowels (words that mix front and back vowels). All but the first are shares of the words in letters of the
    language (not of ``OUTSIDE``), and NaN without any: only these can have a wrong suffix, and text in another language
    should not look free of them.

    Args:
        words: of :func:`judge_words`.
        continuations: how many there were.
    """
    inside = words[~words["class"].isin(OUTSIDE)]
    found = {
        "well_formed": _share_of_each(words, words["class"].isin(WELL_FORMED)),
        "wrong_suffix": _share_of_each(inside, inside["class"] == WRONG),
        **{column: _share_of_each(inside, inside["kind"] == kind) for kind, column in KIND_COLUMNS.items()},
        "invented_stem": _share_of_each(inside, inside["class"] == INVENTED),
        "mixed_vowels": _share_of_each(inside, inside["mixed"].astype(bool)),
    }
    return pd.DataFrame(found).reindex(range(continuations)).rename_axis(None)


def _share_of_each(words: pd.DataFrame, marks: pd.Series) -> pd.Series:
    return marks.groupby(words["continuation"]).mean()


def class_shares(words: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Share of each model's words by class, with intervals from drawing prompts; ``words`` is of :func:`judge_words`.

    Returns:
        one row a model (in order of appearance) and class: model, class, share, low, high, words (of the model).
    """
    return shares(words, "class", CLASSES, confidence)


def kind_shares(words: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Share of each model's words that have a wrong suffix of each kind: model, kind, share, low, high, words."""
    return shares(words, "kind", KINDS, confidence)


def well_formed_by_language(
    sentences: Sequence[LabelledSentence], vocabulary: Vocabulary, confidence: float = 0.95
) -> pd.DataFrame:
    """How many words of sentences in a known language count as well formed: what the measure says of other languages.

    The training text holds quotations, names and loans, and each of their words passes as attested from then on.

    Args:
        sentences: whose language is known; they must not come from the training text.
        vocabulary: what is known.
        confidence: of the intervals, which draw sentences.

    Returns:
        by language, in order of appearance: sentences, words, well_formed (share), low, high, and attested (share that
        is well formed because the training text has it).
    """
    rows = [(each.language, str(place), each.text, True) for place, each in enumerate(sentences)]
    table = pd.DataFrame(rows, columns=["model", "prompt", "continuation", "ended"])
    # the number of a sentence stands for a prompt, which words must not be joined to
    words = judge_words(table.assign(continuation=" " + table["continuation"]), vocabulary)
    words = words.assign(mark=words["class"].isin(WELL_FORMED))
    found = shares(words, "mark", (True,), confidence).set_index("model").rename(columns={"share": "well_formed"})
    attested = words["class"].eq(ATTESTED).groupby(words["model"], sort=False).mean().rename("attested")
    counts = table.groupby("model", sort=False).size().rename("sentences")
    joined = found.join(counts).join(attested).rename_axis("language")
    return joined[["sentences", "words", "well_formed", "low", "high", "attested"]]


def well_formed_table(words: pd.DataFrame, models: Iterable[str], confidence: float = 0.95) -> pd.DataFrame:
    """By model: words, and the shares that matter most, with intervals.

    Args:
        words: of :func:`judge_words`.
        models: every model that was asked, once or more often; one that wrote no word has 0 words and NaN.
        confidence: of each interval.

    Returns:
        one row a model, in the order of ``models``. Columns: words; for each of well_formed (the classes of
        ``WELL_FORMED``), wrong_suffix, invented_stem, broken_letters and mixed_vowels the share and, with ``_low`` and
        ``_high``, the ends of its interval.
    """
    marks = {
        "well_formed": words["class"].isin(WELL_FORMED),
        "wrong_suffix": words["class"] == WRONG,
        "invented_stem": words["class"] == INVENTED,
        "broken_letters": words["class"] == BROKEN,
        "mixed_vowels": words["mixed"],
    }
    columns = []
    for name, mark in marks.items():
        found = shares(words.assign(mark=mark.astype(bool)), "mark", (True,), confidence).set_index("model")
        columns.append(found[["share", "low", "high"]].set_axis([name, f"{name}_low", f"{name}_high"], axis=1))
    asked = pd.Index(dict.fromkeys(models), name="model")
    counts = words.groupby("model", sort=False).size().rename("words")
    return pd.concat([counts.reindex(asked, fill_value=0), *(each.reindex(asked) for each in columns)], axis=1)


def examples(words: pd.DataFrame, names: Sequence[str] = (WRONG, INVENTED, UNREAD), count: int = 5) -> pd.DataFrame:
    """The commonest words of each model in some classes: model, class, words with the right form where there is one."""
    kept = words[words["class"].isin(names)]
    shown = kept["word"] + kept["right"].map(lambda right: f" (→ {right})" if isinstance(right, str) else "")
    listed = shown.groupby([kept["model"], kept["class"]], sort=False).agg(
        lambda column: ", ".join(column.value_counts().index[:count])
    )
    return listed.rename("words").reset_index()
