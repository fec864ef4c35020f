"""The lexicon: stems with part of speech, gloss and what is irregular about them, from readable files.

The files are in ``stems/`` beside this module, one a part of speech, tab-separated; ``stems/README.md`` says how a
line is written and corrected.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ..exceptions import LanguageError
from .alphabet import ALPHABET
from .morphotactics import STARTS, TAGS

FOLDER = Path(__file__).parent / "stems"
COLUMNS = ("stem", "pos", "gloss", "irregular")
FORM_COLUMNS = ("form", "lemma", "tags", "gloss")
HARMONY = {"front": True, "back": False}
REMARKS = ("class", "loan", "transitive", "case", "note")
"""Keys that say something of a word and change none of its forms."""
CLASSES = frozenset(
    {
        *("abstract", "animal", "body", "event", "food", "group"),
        *("person", "place", "plant", "substance", "thing", "time"),
    }
)
"""What a noun may mean."""
REMARK_VALUES = {"class": CLASSES, "loan": frozenset({"ru"}), "transitive": frozenset({"no"})}
FORM_TAGS = frozenset(
    {
        *TAGS,
        *("ATTR", "COLL", "DEM", "INDEF", "NOM", "POSS1PL"),
        *("POSS2PL", "POSS3", "PRON", "QUANT", "SG", "SUBST"),
    }
)
"""Tags of listed forms: those of suffixes, and kinds of pronouns."""
_SPELLED = frozenset(ALPHABET) | frozenset("-")


@dataclass(frozen=True)
class Entry:
    """One stem, or one whole form of a pronoun."""

    stem: str
    pos: str
    gloss: str
    front: bool | None = None
    """Overrides vowel harmony; None lets the last vowel decide."""
    rounded: bool | None = None
    """Overrides rounding; False for loans such as завод."""
    oblique: str | None = None
    """The stem before a vowel where voicing does not give it: халыҡ, халҡ-; банк, банк-."""
    forms: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Irregular results of single suffixes, by tag: ``CAUS`` of кил is килтер."""
    remarks: Mapping[str, str] = field(default_factory=dict, hash=False)
    tags: tuple[str, ...] = ()
    """What a listed form already is: миңә is ``1SG``, ``DAT``."""

    @property
    def start(self) -> str:
        """The state of :data:`.morphotactics.ARCS` that its forms begin in."""
        return STARTS[self.pos]


@cache
def lexicon() -> tuple[Entry, ...]:
    """Every entry of the project's own lexicon, in the order of its files."""
    return tuple(entry for path in sorted(FOLDER.glob("*.tsv")) for entry in read_lexicon(path))


@cache
def entries_of(stem: str) -> tuple[Entry, ...]:
    """The entries with this stem; names are found with and without their capital."""
    return _by_stem().get(stem.lower(), ())


def read_lexicon(path: Path) -> list[Entry]:
    """The entries of one file.

    Raises:
        LanguageError: a line is malformed; the message names file and line.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LanguageError(f"{path.name} cannot be read: {error}") from error
    rows = csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    header = tuple(next(rows, ()))
    if header not in {COLUMNS, FORM_COLUMNS}:
        raise LanguageError(f"{path.name} line 1: the columns must be {', '.join(COLUMNS)}")
    read = _entry if header == COLUMNS else _form
    return list(_checked(path, rows, read))


def _checked(path: Path, rows, read) -> Iterator[Entry]:  # type: ignore[no-untyped-def]
    for number, row in enumerate(rows, start=2):
        try:
            yield read(row)
        except ValueError as error:
            raise LanguageError(f"{path.name} line {number}: {error}") from error


def _entry(row: list[str]) -> Entry:
    stem, pos, gloss, irregular = _columns(row)
    if pos not in STARTS:
        raise ValueError(f"unknown part of speech '{pos}'; known: {', '.join(STARTS)}")
    keys = _pairs(irregular)
    forms = {tag: _spelled(keys.pop(tag)) for tag in list(keys) if tag in TAGS}
    oblique, harmony, rounded = (keys.pop(key, None) for key in ("oblique", "harmony", "rounded"))
    if harmony not in {None, *HARMONY} or rounded not in {None, "no"}:
        raise ValueError("harmony is front or back, rounded is no")
    if unknown := set(keys) - set(REMARKS):
        raise ValueError(f"unknown key '{min(unknown)}'")
    for key, known in REMARK_VALUES.items():
        if key in keys and keys[key] not in known:
            raise ValueError(f"{key} is {', '.join(sorted(known))}, not '{keys[key]}'")
    return Entry(
        _spelled(stem),
        pos,
        gloss,
        front=HARMONY[harmony] if harmony else None,
        rounded=False if rounded else None,
        oblique=_spelled(oblique) if oblique else None,
        forms=forms,
        remarks=keys,
    )


def _form(row: list[str]) -> Entry:
    form, lemma, tags, gloss = _columns(row)
    if unknown := [tag for tag in tags.split("+") if tag not in FORM_TAGS]:
        raise ValueError(f"unknown tag '{unknown[0]}'")
    return Entry(_spelled(form), "pronoun", gloss, remarks={"lemma": lemma}, tags=tuple(tags.split("+")))


def _columns(row: list[str]) -> list[str]:
    if len(row) != len(COLUMNS):
        raise ValueError(f"{len(row)} columns where {len(COLUMNS)} belong")
    stripped = [cell.strip() for cell in row]
    if not all(stripped[:3]):
        raise ValueError("one of the first three columns is empty")
    return stripped


def _pairs(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(";") if part.strip()]
    if any(not equals or not value.strip() for _, equals, value in pairs):
        raise ValueError(f"'{text}' is not key=value; key=value")
    keys = [key.strip() for key, _, _ in pairs]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise ValueError(f"the key '{twice[0]}' stands twice")
    return {key: value.strip() for key, (_, _, value) in zip(keys, pairs, strict=True)}


def _spelled(word: str) -> str:
    if foreign := set(word.lower()) - _SPELLED:
        raise ValueError(f"'{word}' holds '{min(foreign)}', which is no letter of the Bashkir alphabet")
    if not any(letter.isalpha() for letter in word):
        raise ValueError(f"'{word}' holds no letter")
    return word


@cache
def _by_stem() -> dict[str, tuple[Entry, ...]]:
    found: dict[str, list[Entry]] = {}
    for entry in lexicon():
        found.setdefault(entry.stem.lower(), []).append(entry)
    return {stem: tuple(entries) for stem, entries in found.items()}
