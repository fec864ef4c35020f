"""Tables of Bashkir for the book; every form comes from the rules and stands beside its Latin letters."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..exceptions import LanguageError
from .lexicon import Entry, entries_of
from .morphology import analyse, inflect, parts
from .morphotactics import TAGS
from .paradigm import CASES, OWNERS, PERSONS, TENSES
from .transliteration import LATIN, SOUNDS, transliterate

CASE_NAMES = {"": "nominative"} | {tag: TAGS[tag].split(" ")[0] for tag in CASES if tag}


def letters_table() -> pd.DataFrame:
    """The nine letters that Russian lacks, with the Latin sign of this book and the sound."""
    rows = [{"letter": f"{x.upper()} {x}", "Latin": LATIN[x], "sound": sound} for x, sound in SOUNDS.items()]
    return pd.DataFrame(rows).set_index("letter")


def suffix_table(stems: Sequence[str], tags: Sequence[str]) -> pd.DataFrame:
    """One row a noun, one column a suffix: which shape each noun asks for. Raises LanguageError for an unknown noun."""
    rows = {
        f"{stem} ({transliterate(stem)}, {entry.gloss})": {
            TAGS[tag]
            .split(",")[0]
            .split(" ")[0]: f"{'-'.join(parts(entry, tag))} ({transliterate(inflect(entry, tag))})"
            for tag in tags
        }
        for stem, entry in ((stem, _nominal(stem)) for stem in stems)
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("noun")


def growth_table(stem: str, tags: Sequence[str]) -> pd.DataFrame:
    """A word that grows by one suffix a row, with what each adds. Raises LanguageError for an unknown word."""
    entry = _nominal(stem)
    rows = [{"word": inflect(entry), "added": "", "meaning": entry.gloss}]
    for count, tag in enumerate(tags, start=1):
        form = inflect(entry, tags[:count])
        rows.append({"word": form, "added": f"-{parts(entry, tags[:count])[-1]}", "meaning": TAGS[tag]})
    table = pd.DataFrame(rows)
    table.insert(1, "Latin", table["word"].map(transliterate))
    return table.set_index("word")


def declension_table(stem: str) -> pd.DataFrame:
    """Cases down, possessive persons across, singular. Raises LanguageError for an unknown noun."""
    entry = _nominal(stem)
    columns = {
        TAGS.get(owner, "—"): [_with_latin(inflect(entry, [tag for tag in (owner, case) if tag])) for case in CASES]
        for owner in OWNERS
    }
    return pd.DataFrame(columns, index=pd.Index(list(CASE_NAMES.values()), name="case"))


def conjugation_table(stem: str, *, negative: bool = False) -> pd.DataFrame:
    """Persons down, tenses across. Raises LanguageError for an unknown verb."""
    before = ["NEG"] if negative else []
    columns = {
        TAGS[tense]: [_with_latin(inflect(stem, [*before, tense, person], pos="verb")) for person in PERSONS]
        for tense in TENSES
    }
    return pd.DataFrame(columns, index=pd.Index([TAGS[person] for person in PERSONS], name="person"))


def reading_table(words: str) -> pd.DataFrame:
    """Every reading of every word."""
    rows = [
        {
            "word": word,
            "Latin": transliterate(word),
            "stem": reading.entry.stem,
            "part of speech": reading.entry.pos,
            "gloss": reading.entry.gloss,
            "suffixes": ", ".join(TAGS.get(tag, tag) for tag in reading.tags),
        }
        for word in words.split()
        for reading in analyse(word)
    ]
    return pd.DataFrame(rows)


def _with_latin(form: str) -> str:
    return f"{form} ({transliterate(form)})"


def _nominal(stem: str) -> Entry:
    entry = next((entry for entry in entries_of(stem) if entry.pos != "verb"), None)
    if entry is None:
        raise LanguageError(f"'{stem}' is not in the lexicon as a noun")
    return entry
