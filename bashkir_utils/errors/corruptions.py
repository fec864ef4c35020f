"""How often the classes of words are wrong: real words as they are, and the same words broken on purpose.

The words are broken letter by letter, by a table that knows nothing of the rules by which they are judged.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import pandas as pd

from ..language import Analysis, analyse
from ..language.phonology import VOWELS
from .wellformed import CLASSES, INVENTED, WRONG, Vocabulary

UNTOUCHED = "untouched"
MIN_STEM = 4
"""Letters of a stem whose words are broken."""
_HARMONY = str.maketrans("аәыеоөуүҡкғг", "әаеыөоүукҡгғ")
_ROUNDING = str.maketrans("ыеоө", "оөые")
_SERIES_TAGS = frozenset({"PL", "GEN", "ACC", "LOC", "ABL"})
_SERIES = "лндтҙ"
_CONSONANTS = "бгғдҙйкҡлмнңпрсҫтхһш"


def flip_harmony(word: str, reading: Analysis, draw: random.Random) -> str | None:
    """Every suffix with front vowels for back ones, or back for front, and ҡ ғ к г to match: китаптар, китаптәр."""
    del draw
    cut = reading.cuts[0]
    return _changed(word, word[:cut] + word[cut:].translate(_HARMONY))


def flip_last(word: str, reading: Analysis, draw: random.Random) -> str | None:
    """The same in the last suffix alone: китаптарға, китаптаргә."""
    del draw
    cut = reading.cuts[-1]
    return _changed(word, word[:cut] + word[cut:].translate(_HARMONY))


def change_rounding(word: str, reading: Analysis, draw: random.Random) -> str | None:
    """ы and е of the suffixes for о and ө, or the other way round: ҡоштоң, ҡоштың."""
    del draw
    cut = reading.cuts[0]
    return _changed(word, word[:cut] + word[cut:].translate(_ROUNDING))


def change_series(word: str, reading: Analysis, draw: random.Random) -> str | None:
    """The consonant of a plural or case for another of л н д т ҙ: китаптар, китаплар; None without such a suffix."""
    tags = reading.tags[len(reading.entry.tags) :]
    if len(tags) != len(reading.cuts):
        return None
    cuts = zip(tags, reading.cuts, strict=True)
    # the one-letter accusative has no series
    places = [cut for tag, cut in cuts if tag in _SERIES_TAGS and word[cut] in _SERIES and word[cut + 1 :]]
    if not places:
        return None
    place = draw.choice(places)
    return word[:place] + draw.choice([sign for sign in _SERIES if sign != word[place]]) + word[place + 1 :]


def invent_stem(word: str, reading: Analysis, draw: random.Random) -> str | None:
    """The stem's consonants for others, but its last letter, so that the suffixes still fit: урмандан, уҡлындан."""
    cut = reading.cuts[0]
    stem = "".join(sign if sign in VOWELS else draw.choice(_CONSONANTS) for sign in word[: cut - 1])
    return _changed(word, stem + word[cut - 1 :])


Corruption = Callable[[str, Analysis, random.Random], str | None]
CORRUPTIONS: Mapping[str, Corruption] = MappingProxyType(
    {
        "harmony of all suffixes": flip_harmony,
        "harmony of the last suffix": flip_last,
        "rounding": change_rounding,
        "consonant series": change_series,
        "invented stem": invent_stem,
    }
)
"""Ways to break a word, each of which gives None where it changes nothing."""
CAUGHT: Mapping[str, str] = MappingProxyType(
    {name: INVENTED if name == "invented stem" else WRONG for name in CORRUPTIONS}
)
"""The class that a word broken in each way should get."""


def _changed(word: str, broken: str) -> str | None:
    return None if broken == word else broken


def corrupt(words: Iterable[str], seed: int = 0) -> pd.DataFrame:
    """Every word in every way: columns corruption, word, broken.

    Words that the analyser cannot read, that have no suffix, and whose stem has fewer than ``MIN_STEM`` letters are
    left out. So the test is of stems that the lexicon has.
    """
    draw = random.Random(seed)
    rows = [
        (name, word, broken)
        for word in words
        for reading in analyse(word)[:1]
        if reading.cuts and reading.cuts[0] >= MIN_STEM and "-" not in word
        for name, way in CORRUPTIONS.items()
        if (broken := way(word, reading, draw)) is not None
    ]
    return pd.DataFrame(rows, columns=["corruption", "word", "broken"])


def error_rates(words: Iterable[str], vocabulary: Vocabulary, *, types: int = 100, seed: int = 0) -> pd.DataFrame:
    """How words are judged as they are, and broken in each way.

    Args:
        words: running words of text that the vocabulary was not counted on, in lower case.
        vocabulary: what is known.
        types: how many different words are broken, drawn evenly from those that can be; also drawn words that the
            training text lacks are judged untouched, apart.
        seed: of the draws.

    Returns:
        one row a treatment (untouched running words; untouched words that the training text lacks; each corruption):
        words, caught (share that gets the class it should; NaN for untouched ones, which have none to get), flagged
        (share called wrong suffix or invented stem), and the share of each of ``CLASSES``.
    """
    running = list(words)
    kinds = sorted(set(running))
    random.Random(seed).shuffle(kinds)
    broken = corrupt(kinds[: types * 5], seed)
    kept = broken[broken["word"].isin(broken["word"].unique()[:types])]
    unknown = [word for word in kinds if word not in vocabulary.counts]
    groups = {
        f"{UNTOUCHED}, running words": running,
        f"{UNTOUCHED}, not in the training text": unknown[:types],
        **{str(name): rows["broken"].tolist() for name, rows in kept.groupby("corruption", sort=False)},
    }
    return pd.DataFrame({name: _judged(name, group, vocabulary) for name, group in groups.items() if group}).T


def _judged(name: str, words: list[str], vocabulary: Vocabulary) -> pd.Series:
    names = pd.Series({word: vocabulary.judge(word).name for word in set(words)})[words]
    classes = names.value_counts(normalize=True).reindex(CLASSES, fill_value=0.0)
    caught = classes[CAUGHT[name]] if name in CAUGHT else float("nan")
    found = {"words": float(len(words)), "caught": caught, "flagged": classes[WRONG] + classes[INVENTED]}
    return pd.concat([pd.Series(found), classes])
