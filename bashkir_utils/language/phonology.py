"""Which shape a Bashkir suffix takes: vowel harmony, rounding, and the consonant that the suffix begins with.

A suffix is written as a pattern: ``A`` is the low vowel (а or ә), ``I`` the high one (ы, е, о or ө), ``K`` is ҡ or к,
``G`` is ғ, г, ҡ or к, ``U`` is у or ү, and ``L`` and ``N`` begin the two series of suffixes. ``Iм/м`` gives the
shapes after a consonant and after a vowel. After a vowel they are л and н (plural
-лар, genitive -ның); elsewhere they fall together: ҙ after р, ҙ and the glides й, у, ү, и, д after the other voiced
consonants of native words, т after the rest.

Source: N. Poppe, Bashkir Manual, Indiana University, 1964 (vowel harmony, suffix alternations); А. А. Юлдашев (ed.),
Грамматика современного башкирского литературного языка, Наука, 1981.
"""

from __future__ import annotations

from ..exceptions import LanguageError

BACK_VOWELS = frozenset("аоуыёюя")
FRONT_VOWELS = frozenset("әөүеэи")
GLIDES = frozenset("йуүи")
VOICELESS = frozenset("пткҡсҫшщхһфцчбвгд")
"""With б, в, г, д, which end only loans and are pronounced without voice there: клубтар, заводтар."""
VOICED_BEFORE_VOWEL = {"п": "б", "к": "г", "ҡ": "ғ"}
VOWELS = BACK_VOWELS | FRONT_VOWELS
_FULL_VOWELS = VOWELS - GLIDES
_SOUNDS = str.maketrans("әеоөэүкгғлнтҙб" + "AIKGULN", "аыыыыуҡҡҡддддп" + "аыҡҡудд")


def sounds(word: str) -> str:
    """A word or a pattern with one letter for all that alternate: а ә, ы е о ө, у ү, ҡ к ғ г, л н д т ҙ, п б."""
    return word.translate(_SOUNDS)


def is_front(stem: str) -> bool:
    """Whether suffixes take front vowels: the last vowel decides; a final ь makes a stem front, no vowel back."""
    if stem.endswith("ь"):
        return True
    return _last_vowel(stem) in FRONT_VOWELS


def is_rounded(stem: str) -> bool:
    """Whether high suffix vowels are written о or ө: after о and ө only, never after у and ү."""
    return _last_vowel(stem) in {"о", "ө"}


def count_vowels(stem: str) -> int:
    """Vowel letters, which are as many as syllables but for у and ү that glide."""
    return sum(letter in VOWELS for letter in stem)


def ends_in_vowel(stem: str) -> bool:
    """Whether the stem ends in a full vowel; у, ү and и close a syllable as glides, so they do not count."""
    return stem[-1:].lower() in _FULL_VOWELS


def has_vowel(pattern: str) -> bool:
    """Whether a suffix holds a vowel, which then decides the harmony of all that follow."""
    return (
        not BACK_VOWELS.isdisjoint(pattern) or not FRONT_VOWELS.isdisjoint(pattern) or not {*"AIU"}.isdisjoint(pattern)
    )


def alternative(stem: str, pattern: str) -> str:
    """The part of a pattern that this stem takes: before the stroke after a consonant, behind it after a vowel."""
    after_consonant, stroke, after_vowel = pattern.partition("/")
    return after_vowel if stroke and ends_in_vowel(stem) else after_consonant


def attach(stem: str, pattern: str, *, front: bool | None = None, rounded: bool | None = None) -> str:
    """Add one suffix, in the shape that the stem asks for.

    The spelling contracts й + а to я (уҡыясаҡ) and ст + т to ст (туристар, августа); -сс and -зд of loans lose their
    last letter (:func:`simplify_final`).

    Args:
        stem: in any case; a final ь is dropped before the suffix.
        pattern: letters, with ``A I K G U L N`` and the stroke as the module says.
        front: overrides harmony, for loans that keep the Russian stress (университет, университеттар).
        rounded: overrides rounding, for the same loans (завод, заводы).

    Raises:
        LanguageError: there is no stem.
    """
    if not stem.removesuffix("ь"):
        raise LanguageError("a suffix needs a stem before it")
    front = is_front(stem) if front is None else front
    word = simplify_final(stem).removesuffix("ь")
    for letter in alternative(stem, pattern):
        word += _letter(letter, word, front, is_rounded(word) if rounded is None else rounded)
    return word.replace("йа", "я").replace("стт", "ст")


def simplify_final(stem: str) -> str:
    """The stem before any suffix, as loans are written: класс, класта; поезд, поезы."""
    return stem[:-1] if stem.endswith(("сс", "зд")) else stem


def voice_final(stem: str) -> str:
    """The stem before a suffix that begins with a vowel: китап, китаб-; аяҡ, аяғ-; артист, артис-."""
    if stem.endswith("ст"):
        return stem[:-1]
    return stem[:-1] + VOICED_BEFORE_VOWEL.get(stem[-1:], stem[-1:])


def _last_vowel(stem: str) -> str:
    return next((letter for letter in reversed(stem.lower()) if letter in VOWELS), "")


def _letter(letter: str, before: str, front: bool, rounded: bool) -> str:
    if letter == "A":
        return "ә" if front else "а"
    if letter == "I":
        return _high_vowel(front, rounded)
    if letter == "U":
        return "ү" if front else "у"
    if letter in {"K", "G"}:
        return _velar(letter, before, front)
    if letter in {"L", "N"}:
        return _dental(letter, before)
    return letter


def _high_vowel(front: bool, rounded: bool) -> str:
    if rounded:
        return "ө" if front else "о"
    return "е" if front else "ы"


def _velar(letter: str, before: str, front: bool) -> str:
    if letter == "K" or before[-1].lower() in VOICELESS:
        return "к" if front else "ҡ"
    return "г" if front else "ғ"


def _dental(letter: str, before: str) -> str:
    if ends_in_vowel(before):
        return "л" if letter == "L" else "н"
    if before[-1].lower() in GLIDES or before[-1].lower() in "рҙ":
        return "ҙ"
    return "т" if before[-1].lower() in VOICELESS else "д"
