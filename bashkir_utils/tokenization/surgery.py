"""Change the vocabulary of a BPE tokenizer that a model came with: trim it to a text's entries, or learn more merges.

Both leave a plain tokenizer that ``transformers`` saves and loads, and say which old entry each new one was.
"""

from __future__ import annotations

import heapq
import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tokenizers import Tokenizer as Backend
from tokenizers import pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ..exceptions import TokenizerError

NEW = -1
"""Stands for the old id of an entry that the old vocabulary lacks."""
ROLES = ("bos_token", "eos_token", "pad_token", "unk_token")
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
Pair = tuple[str, str]


@dataclass(frozen=True)
class ChangedTokenizer:
    """A tokenizer with other entries than the one that it was made of."""

    tokenizer: PreTrainedTokenizerFast
    old_ids: tuple[int, ...]
    """For each new id the old one, or ``NEW``."""


def trim_tokenizer(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str]) -> ChangedTokenizer:
    """Keep the entries that ``texts`` use, what they are merged from, the bytes that there are, and special entries.

    Texts with the same pieces are cut as before: of the merges that BPE applies to them none is lost, and no other one
    can come first. Other text costs more tokens, down to single bytes, and comes back as exactly as by ``tokenizer``.

    Raises:
        TokenizerError: not a BPE tokenizer.
    """
    state = _state(tokenizer)
    model = state["model"]
    backend = Backend.from_str(json.dumps(state))
    backend.encode_special_tokens = True
    used = {i for text in texts for i in backend.encode(text, add_special_tokens=False).ids}
    added = {entry["content"] for entry in state["added_tokens"]}
    wanted = {piece for piece, i in model["vocab"].items() if i in used or piece in added or _is_byte(piece)}
    kept = _with_ancestors(wanted, _pairs(model))
    old = sorted(i for piece, i in model["vocab"].items() if piece in kept)
    new = {i: place for place, i in enumerate(old)}
    model["vocab"] = {piece: new[i] for piece, i in model["vocab"].items() if piece in kept}
    model["merges"] = [list(pair) for pair in _pairs(model) if {*pair, "".join(pair)} <= kept]
    _renumber_special(state, new)
    return ChangedTokenizer(_rebuilt(state, tokenizer), tuple(old))


def extend_tokenizer(tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], new_entries: int) -> ChangedTokenizer:
    """Go on with BPE where the tokenizer's own training stopped: ``new_entries`` more merges, learned on ``texts``.

    The algorithm is that of R. Sennrich et al. (2016): join the most frequent pair of neighbours, again and again. Old
    merges keep their rank, so old entries mean what they meant; new ones come after them.

    Raises:
        TokenizerError: not a BPE tokenizer, or the texts have too few pairs that come twice.
    """
    state = _state(tokenizer)
    entries = state["model"]["vocab"]
    learned = _learn_merges(_counted_words(Backend.from_str(json.dumps(state)), texts), new_entries, entries)
    first = max(entries.values()) + 1
    fresh = _fresh(learned, entries)
    if len(fresh) < new_entries:
        raise TokenizerError(f"the text gives {len(fresh)} new entries and not {new_entries}: give more text")
    state["model"]["vocab"] |= {piece: first + place for place, piece in enumerate(fresh)}
    old = _pairs(state["model"])
    state["model"]["merges"] = [list(pair) for pair in dict.fromkeys((*old, *learned))]
    return ChangedTokenizer(_rebuilt(state, tokenizer), (*range(first), *[NEW] * len(fresh)))


def _state(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str()) if tokenizer.is_fast else {"model": {}}
    if state["model"].get("type") != "BPE":
        raise TokenizerError(f"tokenizer {tokenizer.name_or_path!r} is no BPE: its vocabulary can only be replaced")
    # an added entry that is not in the vocabulary would be given the number after the last one, whatever its own was
    state["model"]["vocab"] |= {entry["content"]: entry["id"] for entry in state["added_tokens"]}
    return state


def _pairs(model: dict[str, Any]) -> list[Pair]:
    """Merges in the order of their rank; older files write a pair as one string."""
    return [
        (pair[0], pair[1]) for pair in (each.split(" ") if isinstance(each, str) else each for each in model["merges"])
    ]


def _is_byte(piece: str) -> bool:
    return piece in _ALPHABET or bool(_BYTE.fullmatch(piece))


_ALPHABET = frozenset(pre_tokenizers.ByteLevel.alphabet())


def _with_ancestors(wanted: set[str], pairs: Sequence[Pair]) -> set[str]:
    """``wanted`` and all that they are merged from, by any merge that makes them."""
    makers: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        makers["".join(pair)].append(pair)
    found, open_ends = set(wanted), list(wanted)
    while open_ends:
        for part in {part for pair in makers[open_ends.pop()] for part in pair} - found:
            found.add(part)
            open_ends.append(part)
    return found


def _renumber_special(state: dict[str, Any], new: dict[int, int]) -> None:
    for entry in state["added_tokens"]:
        entry["id"] = new[entry["id"]]
    template = (state.get("post_processor") or {}).get("special_tokens") or {}
    for entry in template.values():
        entry["ids"] = [new[i] for i in entry["ids"]]


def _rebuilt(state: dict[str, Any], tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerFast:
    roles = {role: str(value) for role in ROLES if (value := getattr(tokenizer, role, None)) is not None}
    return PreTrainedTokenizerFast(tokenizer_object=Backend.from_str(json.dumps(state)), **roles)


def _counted_words(backend: Backend, texts: Iterable[str]) -> dict[tuple[str, ...], int]:
    """How often each piece of the pre-tokenizer occurs, as the entries that it is written with."""
    counts: Counter[str] = Counter()
    for text in texts:
        normal = backend.normalizer.normalize_str(text) if backend.normalizer else text
        cut = backend.pre_tokenizer.pre_tokenize_str(normal) if backend.pre_tokenizer else [(normal, (0, 0))]
        counts.update(piece for piece, _ in cut)
    return {tuple(token.value for token in backend.model.tokenize(word)): count for word, count in counts.items()}


class _Pairs:
    """How often each pair of neighbours occurs, and in which words; kept up to date while pairs are joined."""

    def __init__(self, words: dict[tuple[str, ...], int]) -> None:
        self.words = [list(word) for word in words]
        self.weights = list(words.values())
        self.counts: Counter[Pair] = Counter()
        self.places: defaultdict[Pair, set[int]] = defaultdict(set)
        for place in range(len(self.words)):
            self._count(place, 1)
        self.heap = [(-count, pair) for pair, count in self.counts.items()]
        heapq.heapify(self.heap)

    def most_frequent(self) -> tuple[Pair, int] | None:
        """The commonest pair, the first in alphabetical order among equals; entries of the heap may be outdated."""
        while self.heap:
            count, pair = heapq.heappop(self.heap)
            if self.counts[pair] == -count and count:
                return pair, -count
        return None

    def join(self, pair: Pair) -> None:
        """Write ``pair`` as one piece wherever it stands."""
        changed: set[Pair] = set()
        for place in self.places.pop(pair):
            changed |= self._count(place, -1)
            self.words[place] = _joined(self.words[place], pair)
            changed |= self._count(place, 1)
        for each in changed:
            if self.counts[each] > 0:
                heapq.heappush(self.heap, (-self.counts[each], each))

    def _count(self, place: int, sign: int) -> set[Pair]:
        word = self.words[place]
        found = list(pairwise(word))
        for pair in found:
            self.counts[pair] += sign * self.weights[place]
            if sign > 0:
                self.places[pair].add(place)
        return set(found)


def _joined(word: list[str], pair: Pair) -> list[str]:
    out: list[str] = []
    place = 0
    while place < len(word):
        if tuple(word[place : place + 2]) == pair:
            out.append(pair[0] + pair[1])
            place += 2
        else:
            out.append(word[place])
            place += 1
    return out


def _learn_merges(words: dict[tuple[str, ...], int], count: int, known: Collection[str]) -> list[Pair]:
    """Merges in the order of their rank until they make ``count`` pieces that are not known yet, or the text ends."""
    pairs, learned, made = _Pairs(words), list[Pair](), set[str]()
    while len(made) < count and (found := pairs.most_frequent()) is not None and found[1] > 1:
        learned.append(found[0])
        if (piece := "".join(found[0])) not in known:
            made.add(piece)
        pairs.join(found[0])
    return learned


def _fresh(learned: Sequence[Pair], known: Collection[str]) -> list[str]:
    """The pieces that the merges make and that are not known yet, each once, in their order."""
    return list(dict.fromkeys("".join(pair) for pair in learned if "".join(pair) not in known))
