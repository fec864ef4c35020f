"""One text as two tokenizers write it: which of their tokens end at the same character.

Where both end, both have read the same text, so states of two models can be compared there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from transformers import PreTrainedTokenizerBase

from .exceptions import CorpusError
from .packing import boundaries, encode_with_offsets
from .study import DistillationSpec


@dataclass(frozen=True)
class AlignedText:
    """One stretch of text as both tokenizers write it, each after the model's document start.

    The token at ``teacher_places[i]`` of ``teacher_ids`` ends at the same character as the one at ``student_places[i]``
    of ``student_ids``.
    """

    teacher_ids: tuple[int, ...]
    student_ids: tuple[int, ...]
    teacher_places: tuple[int, ...]
    student_places: tuple[int, ...]


def align(teacher: PreTrainedTokenizerBase, student: PreTrainedTokenizerBase, text: str) -> AlignedText:
    """Encode ``text`` with both tokenizers and pair the tokens that end at the same character.

    A token that ends inside a character is in no pair.
    """
    old_ids, old_spans = encode_with_offsets(teacher, text)
    new_ids, new_spans = encode_with_offsets(student, text)
    old_start, new_start = boundaries(teacher).before, boundaries(student).before
    old_ends, new_ends = _ends(old_spans), _ends(new_spans)
    shared = sorted(old_ends.keys() & new_ends.keys())
    return AlignedText(
        teacher_ids=(*old_start, *old_ids),
        student_ids=(*new_start, *new_ids),
        teacher_places=tuple(len(old_start) + old_ends[end] for end in shared),
        student_places=tuple(len(new_start) + new_ends[end] for end in shared),
    )


def _ends(spans: Sequence[tuple[int, int]]) -> dict[int, int]:
    """The characters' ends at which a token ends, and which token it is (the last, if one is empty).

    Where a token ends inside a character, the next one begins with the same character.
    """
    last = (sys.maxsize, sys.maxsize)
    return {end: place for place, ((_, end), after) in enumerate(pairwise([*spans, last])) if 0 < end <= after[0]}


def chunks(text: str, characters: int) -> list[str]:
    """Cut ``text`` at the ends of words into stretches of at most so many characters; nothing is lost.

    White space goes with the word after it, as in most vocabularies. A longer word is cut.
    """
    return re.findall(rf"(?s).{{1,{characters}}}(?<=\S)(?!\S)|.{{1,{characters}}}", text)


def aligned_texts(
    teacher: PreTrainedTokenizerBase,
    student: PreTrainedTokenizerBase,
    texts: Sequence[str],
    spec: DistillationSpec,
    random: np.random.Generator,
) -> list[AlignedText]:
    """As many stretches as the steps of ``spec`` need, or all that there are; those without a pair are left out.

    Args:
        teacher: one tokenizer.
        student: the other.
        texts: cut into stretches of ``spec.chunk_characters``.
        spec: steps, batch and length of a stretch.
        random: the order in which texts are taken.

    Raises:
        CorpusError: the texts have no place where tokens of both end.
    """
    rows: list[AlignedText] = []
    for i in random.permutation(len(texts)):
        if len(rows) >= spec.steps * spec.batch_size:
            break
        found = (align(teacher, student, chunk) for chunk in chunks(texts[i], spec.chunk_characters))
        rows += [row for row in found if row.student_places]
    if not rows:
        raise CorpusError("distillation: the texts have no place where tokens of both tokenizers end")
    return rows
