"""Texts in a second and in an invented language, written by small grammars of the tests."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path


def listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


# Esperanto: the identifier knows it as eo
NOUNS = listed(
    "libro,domo,arbo,hundo,kato,rivero,urbo,vojo,floro,birdo,monto,lampo,fenestro,pordo,tablo,ĝardeno,ŝipo,ĉevalo"
)
ADJECTIVES = listed(
    "granda,malgranda,bela,nova,malnova,blanka,nigra,ruĝa,trankvila,rapida,feliĉa,ĝoja,varma,freŝa,longa"
)
VERBS = listed("vidas,amas,trovas,aĉetas,serĉas,portas,montras,memoras,forgesas,pentras,lavas,konstruas,ŝanĝas")
PEOPLE = listed("la patro,la patrino,mia frato,nia najbaro,la instruisto,juna knabino,maljuna viro,la ĝardenisto")
PLACES = listed("en la urbo,apud la rivero,sur la monto,antaŭ la domo,malantaŭ la ĝardeno,sub la arbo")
TIMES = listed("Hodiaŭ,Hieraŭ,Ĉiutage,Matene,Vespere,Dimanĉe,Kiam estas varme")
# of no language: the identifier is sure of nothing
SYLLABLES = listed("zqo,kxu,vvi,pjø,tsþ,ngwa,ðyr,hhul,xæb,qqe")


def esperanto_sentence(chance: random.Random) -> str:
    """A sentence of subject, verb, object and place."""
    noun, adjective = chance.choice(NOUNS), chance.choice(ADJECTIVES)
    thing = f"la {adjective}n {noun}n" if chance.random() < 0.7 else f"multajn {adjective}jn {noun}jn"
    words = chance.choice(PEOPLE), chance.choice(VERBS), thing, chance.choice(PLACES)
    return f"{chance.choice(TIMES)} {' '.join(words)}."


def invented_sentence(chance: random.Random) -> str:
    """Some words of a few syllables that are of no language."""
    words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 3))) for _ in range(chance.randint(5, 9))]
    return " ".join(words).capitalize() + "."


def write_texts(path: Path, sentence: Callable[[random.Random], str], documents: int = 120, seed: int = 5) -> Path:
    """A txt file of documents of twelve sentences, with blank lines between."""
    chance = random.Random(seed)
    texts = (" ".join(sentence(chance) for _ in range(12)) for _ in range(documents))
    path.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    return path
