"""The notation in which genres are written, and how it becomes text.

``{pool}`` is drawn once a document, ``{pool2}`` is another of the same pool, ``{*pool}`` is drawn anew each time;
``{pool.pl.dat}`` is a form of it. ``[...]`` stands in about half of the texts, ``<a|b|c>`` is one of the three. Both
nest. ``{hero.ref.gen}`` is a person: named in full at first, later taken up by a pronoun, by name or by occupation.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from ..inflection import form_of
from .genre import Person

PEOPLE = ("hero", "guest", "elder")
"""Slots that hold a :class:`Person`."""
NAMES = frozenset({"man", "woman", "kin", "beast", "animal", "elder_man", "elder_woman"})
"""Pools of those for whom a pronoun might be taken."""
ATTEMPTS = 20
"""How often another word is drawn where one is already in the text."""
_SPACES = re.compile(" {2,}")
_MARK = re.compile(r"(\{[^{}]*\}|[\[\]<>|])")


@dataclass(frozen=True)
class Mention:
    """How a text named somebody, in the order of the text."""

    person: Person
    how: str
    form: str


@dataclass
class Scene:
    """What one document has spoken of so far."""

    rng: random.Random
    pools: Mapping[str, Sequence[object]]
    slots: dict[str, object] = field(default_factory=dict)
    taken: set[object] = field(default_factory=set)
    people: dict[str, Person] = field(default_factory=dict)
    mentions: list[Mention] = field(default_factory=list)
    sentence: int = 0
    mentioned_in: int = -2
    """The template of the latest mention; a pronoun finds nobody who is further off than the template before."""

    def drawn(self, pool: str) -> object:
        """A word of a pool, if possible one that the text does not hold yet."""
        choices = self.pools[pool]
        for _ in range(ATTEMPTS):
            item = choices[int(self.rng.random() * len(choices))]
            if item not in self.taken:
                break
        self.taken.add(item)
        return item

    def slot(self, name: str) -> object:
        """What the slot holds, drawn when it is first asked for."""
        if name not in self.slots:
            self.slots[name] = self.drawn(name.rstrip("0123456789"))
        return self.slots[name]

    def person(self, name: str) -> Person:
        """Who is in the slot."""
        if name not in self.people:
            self.people[name] = self._somebody()
        return self.people[name]

    def mention(self, person: Person, how: str, case: str) -> str:
        """Name somebody; ``ref`` leaves it to what came before."""
        how = self._how(person) if how == "ref" else how
        form = person.called(how, case)
        self.mentions.append(Mention(person, how, form))
        self.mentioned_in = self.sentence
        return form

    def interrupt(self) -> None:
        """Somebody else was named: a pronoun would find the wrong one."""
        self.mentioned_in = -2

    def _somebody(self) -> Person:
        woman = self.rng.random() < 0.5
        name, role = self.drawn("woman" if woman else "man"), self.drawn("role")
        surname = self.drawn("her_surname" if woman else "surname")
        return Person(name, surname, role)  # type: ignore[arg-type]

    def _how(self, person: Person) -> str:
        if all(one.person is not person for one in self.mentions):
            return "full"
        chance = self.rng.random()
        near = self.sentence - self.mentioned_in <= 1
        if near and self.mentions[-1].person is person and chance < 0.6:
            return "pronoun"
        return "name" if chance < 0.8 else "role"


@dataclass(frozen=True)
class Word:
    """A slot."""

    name: str
    path: tuple[str, ...]
    fresh: bool

    def write(self, scene: Scene, out: list[str]) -> None:
        """Append the form that the slot asks for."""
        if self.name in PEOPLE:
            how, *case = self.path
            out.append(scene.mention(scene.person(self.name), how, case[0] if case else ""))
            return
        if self.name.rstrip("0123456789") in NAMES:
            scene.interrupt()
        item = scene.drawn(self.name) if self.fresh else scene.slot(self.name)
        out.append(form_of(item, self.path))


@dataclass(frozen=True)
class Text:
    """Letters as they stand."""

    text: str

    def write(self, scene: Scene, out: list[str]) -> None:
        """Append them."""
        out.append(self.text)


@dataclass(frozen=True)
class OneOf:
    """One of several sequences."""

    options: tuple[tuple[Word | Text | OneOf, ...], ...]

    def write(self, scene: Scene, out: list[str]) -> None:
        """Append one of them."""
        for part in self.options[int(scene.rng.random() * len(self.options))]:
            part.write(scene, out)


Part = Word | Text | OneOf


@cache
def parsed(template: str) -> tuple[Part, ...]:
    """A template as parts; remembered.

    Raises:
        ValueError: brackets do not match.
    """
    marks = [mark for mark in _MARK.split(template) if mark]
    parts, rest = _sequence(marks, 0, "")
    if rest != len(marks):
        raise ValueError(f"brackets do not match in: {template}")
    return parts


def write(template: str, scene: Scene) -> str:
    """One template as text."""
    out: list[str] = []
    for part in parsed(template):
        part.write(scene, out)
    return _SPACES.sub(" ", "".join(out)).strip()


def words_of(template: str) -> tuple[Word, ...]:
    """Every slot of a template, those of branches too."""
    return tuple(_words(parsed(template)))


def _words(parts: Sequence[Part]) -> list[Word]:
    found: list[Word] = []
    for part in parts:
        if isinstance(part, Word):
            found.append(part)
        elif isinstance(part, OneOf):
            found += [word for option in part.options for word in _words(option)]
    return found


def _sequence(marks: Sequence[str], place: int, ends: str) -> tuple[tuple[Part, ...], int]:
    """Parts up to one of the ending marks, and where that mark is."""
    parts: list[Part] = []
    while place < len(marks) and marks[place] not in {*ends}:
        part, place = _part(marks, place)
        parts.append(part)
    if ends and place == len(marks):
        raise ValueError(f"brackets do not match in: {''.join(marks)}")
    return tuple(parts), place


def _part(marks: Sequence[str], place: int) -> tuple[Part, int]:
    mark = marks[place]
    if mark == "[":
        inside, place = _sequence(marks, place + 1, "]")
        return OneOf((inside, ())), place + 1
    if mark == "<":
        return _one_of(marks, place)
    if mark in {*"]|>"}:
        raise ValueError(f"brackets do not match in: {''.join(marks)}")
    return (_word(mark) if mark.startswith("{") else Text(mark)), place + 1


def _one_of(marks: Sequence[str], place: int) -> tuple[OneOf, int]:
    options = []
    while marks[place] != ">":
        option, place = _sequence(marks, place + 1, "|>")
        options.append(option)
    return OneOf(tuple(options)), place + 1


def _word(mark: str) -> Word:
    name, *path = mark[1:-1].removeprefix("*").split(".")
    return Word(name, tuple(path), mark.startswith("{*"))
