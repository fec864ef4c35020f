"""Bashkir in Latin letters, for readers who do not read Cyrillic.

One sign or pair of signs for each letter, after the Latin alphabets in use for Turkic languages: ҙ is ź (as *th* in
*this*), ҫ is ś (as *th* in *thin*), ҡ is q, ң is ñ (as *ng* in *sing*), ы is ı. It is a reading aid of this book, not a
library standard, and it cannot be turned back without loss.
"""

from __future__ import annotations

from .phonology import BACK_VOWELS, FRONT_VOWELS

LATIN = dict(
    zip(
        "абвгғдҙёжзийкҡлмнңоөпрсҫтуүфхһцчшщъыьэәюя",
        (
            *("a", "b", "v", "g", "ğ", "d", "ź", "yo", "j", "z", "i", "y", "k", "q", "l", "m", "n", "ñ", "o", "ö", "p"),
            *("r", "s", "ś", "t", "u", "ü", "f", "x", "h", "ts", "ç", "ş", "şç", "", "ı", "", "e", "ä", "yu", "ya"),
        ),
        strict=True,
    )
)
"""The Latin signs of each letter but е, which is ye at the beginning of a word and after a vowel, ь or ъ, else e."""
SOUNDS = {
    "ә": "[æ] as in “cat”",
    "ө": "[ø] as in French “feu”",
    "ү": "[y] as in French “tu”",
    "ғ": "[ʁ] as the r in French “rue”",
    "ҡ": "[q], a k from far back in the mouth",
    "ң": "[ŋ] as in “sing”",
    "ҙ": "[ð] as in “this”",
    "ҫ": "[θ] as in “thin”",
    "һ": "[h] as in “hat”",
}
"""How the nine letters sound that the Russian alphabet lacks (Poppe, Bashkir Manual, 1964)."""
_VOWELS = BACK_VOWELS | FRONT_VOWELS


def transliterate(text: str) -> str:
    """The text in Latin letters; у and ү after a vowel are w; every other sign stays as it is."""
    return "".join(
        _latin(letter, text[place - 1 : place] if place else "", text[place + 1 : place + 2])
        for place, letter in enumerate(text)
    )


def _latin(letter: str, before: str, after: str) -> str:
    small = letter.lower()
    after_vowel = before.lower() in _VOWELS and before != ""
    if small == "е":
        signs = "ye" if not before.isalpha() or after_vowel or before.lower() in "ьъ" else "e"
    elif small in {"у", "ү"} and after_vowel:
        signs = "w"
    else:
        signs = LATIN.get(small, small)
    if letter == small:
        return signs
    in_capitals = after.isupper() or (before.isupper() and not after.isalpha())
    return signs.upper() if in_capitals else signs.capitalize()
