"""Documents that say the same: exact copies by hash, near copies by MinHash and locality-sensitive hashing.

Broder, On the resemblance and containment of documents, 1997; the library is ``datasketch``.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from datasketch import MinHash, MinHashLSH

SHINGLE_WORDS = 5
PERMUTATIONS = 64
BATCH_SHINGLES = 4096
SCHEME: Literal["affine32"] = "affine32"


def shingles(text: str) -> set[str]:
    """All runs of five lower-case words; the whole text where it has fewer."""
    words = text.lower().split()
    if len(words) <= SHINGLE_WORDS:
        return {" ".join(words)}
    return {" ".join(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1)}


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


def clusters(signatures: Mapping[str, np.ndarray], threshold: float) -> list[list[str]]:
    """Groups of keys linked by an estimated Jaccard similarity of at least ``threshold``; sorted, singletons left out.

    The groups are connected components, so that no document of one group resembles a document outside it, and they do
    not depend on the order of the input.
    """
    index = MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS)
    parent = {key: key for key in signatures}
    for key, values in signatures.items():
        sketch = MinHash(num_perm=PERMUTATIONS, hashvalues=values, hashfunc=zlib.crc32, scheme=SCHEME)
        for other in index.query(sketch):
            if np.mean(signatures[other] == values) >= threshold:
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
