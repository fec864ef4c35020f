"""One document made clean: Unicode, look-alike letters, white space. Each step counts what it changes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from types import MappingProxyType

LOOK_ALIKES = MappingProxyType(dict(zip("aceopxykhəɵABCEHKMOPTXYƏƟ", "асеорхукһәөАВСЕНКМОРТХУӘӨ", strict=True)))
"""Latin letters (and IPA cousins) drawn like a Cyrillic one, and that one. Latin ``H`` is Cyrillic ``Н``: the Bashkir
``Һ`` has a shape of its own, its small letter has not."""
_TABLE = str.maketrans(dict(LOOK_ALIKES))
_WORD = re.compile(r"[^\W\d_]+")
_LOOK_ALIKE = re.compile(f"[{''.join(LOOK_ALIKES)}]")
# page breaks, vertical tabs, separators and NEL end a line; Python's own list of line boundaries has them too
_LINE_ENDS = re.compile(r"\r\n|[\r\x0b\x0c\x1c-\x1e\x85]")
# control and format characters but tab and newline; zero-width ones and the soft hyphen split words for no reader
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")


def normalise_unicode(text: str) -> str:
    """NFC (Unicode Standard Annex 15), Unix line ends, and no control or zero-width characters."""
    return _CONTROL.sub("", unicodedata.normalize("NFC", _LINE_ENDS.sub("\n", text)))


def mend_look_alikes(text: str) -> str:
    """Turn Latin look-alikes into Cyrillic, only inside words whose other letters are all Cyrillic.

    A word must hold at least one other letter: ``CD`` and ``pH`` stay as they are.
    """
    return _WORD.sub(_mend_word, text) if _LOOK_ALIKE.search(text) else text


def _mend_word(match: re.Match[str]) -> str:
    word = match.group()
    if not _LOOK_ALIKE.search(word):
        return word
    others = [sign for sign in word if sign not in LOOK_ALIKES]
    if others and all("\u0400" <= sign <= "\u052f" for sign in others):
        return word.translate(_TABLE)
    return word


def tidy_white_space(text: str) -> str:
    """One space between words, no spaces at line ends, at most one blank line."""
    lines = [_SPACES.sub(" ", line).strip() for line in text.split("\n")]
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


STEPS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("unicode", normalise_unicode),
    ("look-alikes", mend_look_alikes),
    ("white space", tidy_white_space),
)
"""The steps that change text, in order."""
