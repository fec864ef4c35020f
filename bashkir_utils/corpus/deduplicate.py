"""Documents that say the same: exact copies by hash, near copies by MinHash and locality-sensitive hashing.

Broder, On the resemblance and containment of documents, 1997; the library is ``datasketch``.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from datasketch import MinHash, MinHashLSH

from ..progress import track

SHINGLE_WORDS = 5
BANDS, ROWS = 32, 4
"""A pair of similarity J is looked at with probability 1 - (1 - J^ROWS)^BANDS: all but 5 in 100 million at 0.8, and 87
in 100 at 0.5. The library's own choice for 0.8 with 64 numbers, 5 bands of 11, passes over two pairs in three there."""
PERMUTATIONS = BANDS * ROWS
BATCH_SHINGLES = 4096
SCHEME: Literal["affine32"] = "affine32"
_SENTENCE_END = re.compile(r"[.!?…]+[\"»”)]*\s+|\n+")
_WORD = re.compile(r"\w+")


def shingles(text: str) -> set[str]:
    """All runs of five lower-case words inside sentences, and shorter sentences whole.

    No run crosses the end of a sentence, so a text and the same text with its sentences in another order are the same.
    """
    found: set[str] = set()
    for sentence in _SENTENCE_END.split(text.lower()):
        words = _WORD.findall(sentence)
        found.update(" ".join(words[i : i + SHINGLE_WORDS]) for i in range(max(len(words) - SHINGLE_WORDS, 0) + 1))
    return found - {""}


def jaccard(first: set[str], second: set[str]) -> float:
    """Size of the intersection over that of the union; 1 for two empty sets."""
    union = len(first | second)
    return len(first & second) / union if union else 1.0


def signature(text: str) -> np.ndarray:
    """MinHash signature of the shingles, shape (PERMUTATIONS,), dtype uint32."""
    sketch = MinHash(num_perm=PERMUTATIONS, hashfunc=zlib.crc32, scheme=SCHEME)
    encoded = [shingle.encode() for shingle in shingles(text)]
    for i in range(0, len(encoded), BATCH_SHINGLES):
        sketch.update_batch(encoded[i : i + BATCH_SHINGLES])
    return sketch.hashvalues.astype(np.uint32)


def clusters(texts: Mapping[str, str], signatures: Mapping[str, np.ndarray], threshold: float) -> list[list[str]]:
    """Groups of keys linked by a Jaccard similarity of at least ``threshold``; sorted, singletons left out.

    The bands only propose pairs; each proposed pair is compared exactly. The groups are connected components: a pair of
    documents at the threshold is in one group unless the bands passed over it (see ``BANDS``), and the order of the
    input does not matter.
    """
    index = MinHashLSH(num_perm=PERMUTATIONS, params=(BANDS, ROWS))
    parent = {key: key for key in signatures}
    for key, values in track(signatures.items(), "near duplicates", total=len(signatures), unit="documents"):
        sketch = MinHash(num_perm=PERMUTATIONS, hashvalues=values, hashfunc=zlib.crc32, scheme=SCHEME)
        proposed = [other for other in index.query(sketch) if _root(parent, other) != _root(parent, key)]
        own = shingles(texts[key]) if proposed else set()
        for other in proposed:
            if jaccard(own, shingles(texts[other])) >= threshold:
                parent[_root(parent, other)] = _root(parent, key)
        index.insert(key, sketch)
    groups: dict[str, list[str]] = {}
    for key in parent:
        groups.setdefault(_root(parent, key), []).append(key)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def _root(parent: dict[str, str], key: str) -> str:
    while parent[key] != key:
        parent[key] = parent[parent[key]]
        key = parent[key]
    return key


def drop(groups: Sequence[Sequence[str]]) -> dict[str, str]:
    """Each key that goes, and the one of its group that stays: the smallest."""
    return {key: group[0] for group in groups for key in group[1:]}
