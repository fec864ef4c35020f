"""Inflection and analysis: both walk the same arcs and attach suffixes by the same rules."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from ..exceptions import LanguageError
from .lexicon import Entry, entries_of, lexicon
from .morphotactics import ARCS, UNFINISHED, Arc
from .phonology import (
    alternative,
    attach,
    count_vowels,
    ends_in_vowel,
    has_vowel,
    is_front,
    simplify_final,
    sounds,
    voice_final,
)

MAX_WORD_LETTERS = 60
"""Longer strings without a space are no words and are not analysed."""


@dataclass(frozen=True)
class Form:
    """A word under construction."""

    text: str
    front: bool | None = None
    rounded: bool | None = None
    oblique: str | None = None
    cuts: tuple[int, ...] = ()
    """Where its suffixes begin, as offsets into ``text``."""

    def add(self, pattern: str) -> Form:
        """With one more suffix, in the shape that the word asks for."""
        pattern = alternative(self.text, pattern)
        if not pattern:
            return self
        stem = self._before(pattern)
        front = is_front(self.text) if self.front is None else self.front
        text = attach(stem, pattern, front=front, rounded=self.rounded)
        cut = len(stem.removesuffix("ь")) - (stem.endswith("й") and pattern[0] == "A" and not front)
        if has_vowel(pattern):
            return Form(text, cuts=(*self.cuts, cut))
        return replace(self, text=text, oblique=None, cuts=(*self.cuts, cut))

    def _before(self, pattern: str) -> str:
        if pattern[0] in "AIU" and not ends_in_vowel(self.text):
            return self.oblique or voice_final(simplify_final(self.text))
        return simplify_final(self.text)

    def begins(self, word: str) -> bool:
        """Whether ``word`` may still come of it: it begins with one of the shapes that suffixes leave of a word."""
        bare = simplify_final(self.text)
        shapes = [bare, self.oblique or voice_final(bare)]
        if self.text.endswith(("й", "ь")):
            shapes.append(self.text[:-1] + ("я" if self.text.endswith("й") else ""))
        return word.startswith(tuple(shapes))


@dataclass(frozen=True)
class Analysis:
    """One way to read a word."""

    entry: Entry
    tags: tuple[str, ...]
    cuts: tuple[int, ...]
    """Where the suffixes begin, as offsets into the word."""

    def __str__(self) -> str:
        return "+".join((self.entry.stem, *self.tags))


def inflect(stem: str | Entry, tags: str | Sequence[str] = (), *, pos: str | None = None) -> str:
    """The form of a stem that the tags name: ``inflect("китап", "PL+P1SG+DAT")`` is китаптарыма.

    Args:
        stem: an entry, or a stem of the lexicon in any case.
        tags: of :data:`.morphotactics.TAGS`, in the order of the suffixes; a string with + between them, or a sequence.
        pos: chooses among entries with the same stem (яҙ is a noun and a verb); None takes the first that has the form.

    Raises:
        LanguageError: the stem is unknown, or it has no such form; the message says what could follow.
    """
    return _form(stem, tags, pos).text


def parts(stem: str | Entry, tags: str | Sequence[str] = (), *, pos: str | None = None) -> tuple[str, ...]:
    """The form that :func:`inflect` gives, cut into stem and suffixes; arguments and errors are the same."""
    form = _form(stem, tags, pos)
    return _cut(form.text, form.cuts)


def _form(stem: str | Entry, tags: str | Sequence[str], pos: str | None) -> Form:
    wanted = tuple(tag for tag in tags.split("+") if tag) if isinstance(tags, str) else tuple(tags)
    entries = (stem,) if isinstance(stem, Entry) else _known(stem, pos)
    outcomes = [_walk(entry, wanted) for entry in entries]
    found = next((outcome for outcome in outcomes if isinstance(outcome, Form)), None)
    if found is None:
        raise LanguageError(str(outcomes[0]))
    return found


@lru_cache(maxsize=200_000)
def analyse(word: str) -> tuple[Analysis, ...]:
    """All readings of a word, empty for what is no word of the lexicon.

    Those with the fewest suffixes come first; among them those without a second person, which texts rarely have, and
    then those with the longest stem. Nothing looks at the sentence.

    Letter case does not matter. A word with a hyphen is read as one stem of the lexicon, or else by its last part if
    all its parts can be read. Words with letters of other alphabets, empty strings and strings of more than
    ``MAX_WORD_LETTERS`` letters have no reading.
    """
    word = word.lower()
    if not word or len(word) > MAX_WORD_LETTERS:
        return ()
    found = {
        Analysis(entry, (*entry.tags, *tags), form.cuts): None
        for entry in candidates(word)
        for tags, form in _readings(entry, word)
    }
    if not found and "-" in word.strip("-"):
        return _by_parts(word)
    return tuple(sorted(found, key=_rank))


def _rank(one: Analysis) -> tuple[int, int, int, tuple[str, ...]]:
    added = one.tags[len(one.entry.tags) :]
    return len(added), sum("2" in tag for tag in added), -len(one.entry.stem), one.tags


def segment(word: str) -> tuple[str, ...]:
    """A word cut into stem and suffixes by its first reading; whole where there is none.

    A letter that belongs to two (the я of уҡыясаҡ's second half, the т of туристар) stays whole, with the suffix or the
    stem that most of it comes from.
    """
    readings = analyse(word)
    return _cut(word, readings[0].cuts if readings else ())


def _cut(word: str, cuts: Sequence[int]) -> tuple[str, ...]:
    return tuple(word[start:end] for start, end in itertools.pairwise((0, *cuts, len(word))) if end > start)


def following(entry: Entry, tags: Sequence[str] = ()) -> tuple[str, ...]:
    """The tags that may come next.

    Raises:
        LanguageError: the entry has no form with these tags.
    """
    form, state = start(entry)
    for tag in tags:
        step = next(steps(entry, form, state, tag), None)
        if step is None:
            raise LanguageError(f"{entry.stem} ({entry.pos}) has no form {'+'.join(tags)}")
        form, state = step
    return tuple(dict.fromkeys(arc.tag for arc in ARCS[state] if _fits(arc, form)))


def _known(stem: str, pos: str | None) -> tuple[Entry, ...]:
    found = (entry for entry in entries_of(stem) if pos in {None, entry.pos})
    # a name and a noun may differ by their first letter alone
    entries = tuple(sorted(found, key=lambda entry: entry.stem != stem))
    if not entries:
        near = difflib.get_close_matches(stem.lower(), _stems(), n=3)
        hint = f"; near to it: {', '.join(near)}" if near else ""
        raise LanguageError(f"'{stem}' is not in the lexicon{f' as {pos}' if pos else ''}{hint}")
    return entries


@cache
def _stems() -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.stem.lower() for entry in lexicon()))


def start(entry: Entry) -> tuple[Form, str]:
    """The bare stem, and the state that it is in."""
    return Form(entry.stem, front=entry.front, rounded=entry.rounded, oblique=entry.oblique), entry.start


def _fits(arc: Arc, form: Form) -> bool:
    if arc.single is not None and arc.single != (count_vowels(form.text) == 1):
        return False
    return (not arc.after or form.text.endswith(arc.after)) and not (arc.unless and form.text.endswith(arc.unless))


def steps(entry: Entry, form: Form, state: str, tag: str | None = None) -> Iterator[tuple[Form, str]]:
    """What the arcs with this tag lead to; a form of the entry's own comes before the rules."""
    for arc in ARCS[state]:
        if arc.tag == tag and _fits(arc, form):
            yield follow(entry, form, arc)


def follow(entry: Entry, form: Form, arc: Arc) -> tuple[Form, str]:
    """The form with one more suffix, and the state after it; a first suffix may have a form of the entry's own."""
    if not form.cuts and arc.tag in entry.forms:
        irregular = entry.forms[arc.tag]
        return Form(irregular, cuts=(len(_common_prefix([entry.stem, irregular])),)), arc.to
    return form.add(arc.pattern), arc.to


def _walk(entry: Entry, tags: Sequence[str]) -> Form | str:
    """The form, or what is wrong with the tags."""
    form, state = start(entry)
    for place, tag in enumerate(tags):
        step = next(steps(entry, form, state, tag), None)
        if step is None:
            after = "+".join((entry.stem, *tags[:place]))
            return f"{tag} cannot follow {after} ({entry.pos}); {_listed(following(entry, tags[:place]))} can"
        form, state = step
    if tags and state in UNFINISHED:
        return f"{'+'.join((entry.stem, *tags))} is no whole word; {_listed(following(entry, tags))} must follow"
    return form


def _listed(tags: Iterable[str]) -> str:
    return ", ".join(tags) or "nothing"


@cache
def _kernels() -> dict[str, tuple[Entry, ...]]:
    """Entries by the part of them that no suffix changes."""
    found: dict[str, list[Entry]] = {}
    for entry in lexicon():
        shapes = [entry.stem, *([entry.oblique] if entry.oblique else []), *entry.forms.values()]
        kernel = _common_prefix([shape.lower() for shape in shapes])
        kernel = kernel[: len(entry.stem) - 1] if len(entry.stem) > 1 and entry.start != "fixed" else kernel
        oblique = entry.oblique.lower() if entry.oblique else None
        found.setdefault(kernel, []).append(replace(entry, stem=entry.stem.lower(), oblique=oblique))
    return {kernel: tuple(entries) for kernel, entries in found.items()}


def _common_prefix(words: Sequence[str]) -> str:
    columns = itertools.takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False))
    return "".join(column[0] for column in columns)


def _readings(entry: Entry, word: str) -> Iterator[tuple[tuple[str, ...], Form]]:
    if not (start(entry)[0].begins(word) or entry.forms):
        return
    for tags, form in walk(entry, word, lambda longer: longer.begins(word)):
        if form.text == word:
            yield tags, form


def walk(
    entry: Entry, word: str, promising: Callable[[Form], bool], arcs: Mapping[str, Sequence[Arc]] = ARCS
) -> Iterator[tuple[tuple[str, ...], Form]]:
    """Tags and forms of the whole words on the way from an entry to ``word``.

    A suffix is tried if its first letter, or one that alternates with it, stands in ``word`` where the suffix would
    begin, and is kept if ``promising`` holds of the form with it.
    """
    heard = sounds(word)
    form, state = start(entry)
    waiting: list[tuple[tuple[str, ...], Form, str]] = [((), form, state)]
    while waiting:
        tags, form, state = waiting.pop()
        if state not in UNFINISHED:
            yield tags, form
        for arc in arcs[state]:
            if (_may_begin(arc.pattern, form, heard) or arc.tag in entry.forms) and _fits(arc, form):
                longer, after = follow(entry, form, arc)
                if promising(longer):
                    waiting.append(((*tags, arc.tag), longer, after))


def _may_begin(pattern: str, form: Form, heard: str) -> bool:
    """A quick first look that most fail; a suffix may begin in the stem's last letters (власть, властар)."""
    shape = alternative(form.text, pattern)
    end = max(len(form.text), len(form.oblique or ""))
    near = heard[max(len(form.text) - 2, 0) : end + 1]
    return not shape or sounds(shape[0]) in near or (shape[0] in "йA" and "я" in near)


def candidates(word: str) -> Iterator[Entry]:
    """Entries, in lower case, that ``word`` may come of: it begins with the part of them that no suffix changes."""
    for end in range(1, len(word) + 1):
        yield from _kernels().get(word[:end], ())


def _by_parts(word: str) -> tuple[Analysis, ...]:
    *first, last = word.split("-")
    if not all(first) or not last or not all(analyse(part) for part in first):
        return ()
    shift = len(word) - len(last)
    return tuple(replace(one, cuts=tuple(cut + shift for cut in one.cuts)) for one in analyse(last))
