"""The letters of Bashkir: 33 of the Russian alphabet and nine of its own, in the order of dictionaries."""

from __future__ import annotations

ALPHABET: tuple[str, ...] = tuple("абвгғдҙеёжзийкҡлмнңоөпрсҫтуүфхһцчшщъыьэәюя")
"""The 42 lower-case letters, in alphabetical order (Poppe, Bashkir Manual, 1964; the order in force since 1940)."""

BASHKIR_LETTERS: frozenset[str] = frozenset("әөүғҡңҙҫһ")
"""The nine letters that the Russian alphabet lacks."""

TATAR_LETTERS: frozenset[str] = frozenset("әөүңһҗ")
"""The six letters of Tatar that the Russian alphabet lacks; all but җ are Bashkir as well."""
