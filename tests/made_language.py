"""Texts in a second and in an invented language, written by small grammars of the tests."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path


def listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


# Esperanto: the identifier knows it as eo
NOUNS = listed("libr,dom,arb,hund,kat,river,urb,voj,flor,bird,mont,lamp,fenestr,pord,tabl,ĝarden,ŝip,ĉeval")
DERIVED = listed(",et,eg,ar,aĵ,ej,ul")
ADJECTIVES = listed("grand,bel,nov,blank,nigr,ruĝ,trankvil,rapid,feliĉ,ĝoj,varm,freŝ,long")
VERBS = listed("vid,am,trov,aĉet,serĉ,port,montr,memor,forges,pentr,lav,konstru,ŝanĝ")
PEOPLE = listed("la patro,la patrino,mia frato,nia najbaro,la instruisto,juna knabino,maljuna viro,la ĝardenisto")
PLACES = listed("en la urbo,apud la rivero,sur la monto,antaŭ la domo,malantaŭ la ĝardeno,sub la arbo")
TIMES = listed("Hodiaŭ,Hieraŭ,Ĉiutage,Matene,Vespere,Dimanĉe,Kiam estas varme")
# of no language: the identifier is sure of nothing
SYLLABLES = listed("zqo,kxu,vvi,pjø,tsþ,ngwa,ðyr,hhul,xæb,qqe")


def esperanto_object(chance: random.Random) -> str:
    """A noun with its adjective, in the accusative, one or many."""
    ending = chance.choice(("n", "jn"))
    adjective = chance.choice(("", "mal")) + chance.choice(ADJECTIVES)
    return f"la {adjective}a{ending} {chance.choice(NOUNS)}{chance.choice(DERIVED)}o{ending}"


def esperanto_sentence(chance: random.Random) -> str:
    """Somebody does something with two things somewhere."""
    stem = chance.choice(("", "re", "ek")) + chance.choice(VERBS) + chance.choice(("", "ad"))
    verb = stem + chance.choice(("as", "is", "os", "us"))
    things = f"{esperanto_object(chance)} kaj {esperanto_object(chance)}"
    return f"{chance.choice(TIMES)} {chance.choice(PEOPLE)} {verb} {things} {chance.choice(PLACES)}."


def invented_sentence(chance: random.Random) -> str:
    """Some words of a few syllables that are of no language."""
    words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 3))) for _ in range(chance.randint(5, 9))]
    return " ".join(words).capitalize() + "."


def write_texts(path: Path, sentence: Callable[[random.Random], str], documents: int = 120, seed: int = 5) -> Path:
    """A txt file of documents of fourteen sentences, with blank lines between."""
    chance = random.Random(seed)
    texts = (" ".join(sentence(chance) for _ in range(14)) for _ in range(documents))
    path.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    return path
