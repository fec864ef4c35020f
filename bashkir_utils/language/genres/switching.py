"""Russian words in Bashkir speech: how many, which, and where they stand."""

from __future__ import annotations

import random
import re

SWITCHED_SHARE = 0.01
"""How many of 100 running words of a dialogue or a family story are Russian on average: one."""
SWITCHING_GENRES = frozenset({"dialogue", "family story"})
"""The genres in which people switch."""
RUSSIAN = ("конечно", "короче", "кстати", "вообще", "понимаешь", "знаешь", "представляешь", "значит", "естественно")
"""What is put in; all of them stand between commas or at an end and agree with nothing."""
COUNTERPARTS = {"әлбиттә": "конечно", "ярай": "ладно"}
"""Bashkir words in whose place a Russian one may stand."""
OPENERS = (
    "Мин|Беҙ|Ул|Улар|Һин|Был|Бер|Кисә|Бөгөн|Иртәгә|Хәҙер|Иртән|Кис|Өйҙә|Юҡ|Бар|Барам|Килә|Эйе|Үҫә|Ишеттем|"
    "Йәй|Ҡыш|Көҙ|Яҙ|Һуңынан|Кистәрен|Йылына|Уны|Уға|Үҙем|Тик|Шуға|Элек|Әле"
)
"""Words whose first letter may become small when a Russian word comes before them."""
WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
"""A running word; numbers and dashes do not count."""
_COUNTERPART = rf"(?P<same>(?i:\b(?:{'|'.join(COUNTERPARTS)})\b))"
_START = rf"(?P<start>(?:^(?:— )?|(?<=[.!?] )))(?P<opener>(?:{OPENERS})\b)(?=[^.!?\n]*\.)"
_END = r"(?P<end>(?<=[^\W\d_])\.(?=\s|$))"
_SITE = re.compile(f"{_COUNTERPART}|{_START}|{_END}", re.MULTILINE)


def switch(text: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    """The text with Russian words in it, and these words in their order as they are written there."""
    wanted = int(SWITCHED_SHARE * len(WORD.findall(text)) + rng.random())
    sites = list(_SITE.finditer(text))
    chosen = sorted(rng.sample(range(len(sites)), min(wanted, len(sites))))
    words: list[str] = []
    for place, drawn in reversed(list(zip(chosen, rng.sample(RUSSIAN, len(chosen)), strict=True))):
        text, word = _switched(text, sites[place], drawn)
        words.insert(0, word)
    return text, tuple(words)


def _switched(text: str, site: re.Match[str], word: str) -> tuple[str, str]:
    """One Russian word at one place, and the word as written."""
    if site["same"]:
        word = COUNTERPARTS[site["same"].lower()]
        word = word.capitalize() if site["same"][0].isupper() else word
        new = word
    elif site["opener"]:
        word = word.capitalize()
        new = f"{site['start']}{word}, {site['opener'][0].lower()}{site['opener'][1:]}"
    else:
        new = f", {word}."
    return text[: site.start()] + new + text[site.end() :], word
