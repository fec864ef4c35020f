import itertools
import random

import numpy as np
import pytest
from datasketch import MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st

from bashkir_utils.corpus.deduplicate import PERMUTATIONS, clusters, drop, jaccard, shingles, signature

WORDS = [f"һүҙ{i}" for i in range(400)]


def variant(words, share, rng):
    """The same text with that share of its words replaced."""
    return [rng.choice(WORDS) if rng.random() < share else word for word in words]


@pytest.fixture(scope="module")
def family():
    """Sixty documents in groups of a text and two variants, with all degrees of likeness."""
    rng = random.Random(4)
    texts = {}
    for group in range(20):
        original = [rng.choice(WORDS) for _ in range(150)]
        texts[f"{group}-0"] = " ".join(original)
        texts[f"{group}-1"] = " ".join(variant(original, 0.005, rng))
        texts[f"{group}-2"] = " ".join(variant(original, 0.3, rng))
    return texts


def test_known_jaccard():
    assert jaccard(shingles("a b c d e f"), shingles("b c d e f g")) == pytest.approx(1 / 3)
    assert jaccard(shingles("A b"), shingles("a B")) == 1
    assert jaccard(set(), set()) == 1


def test_signatures_estimate_jaccard(family):
    keys = sorted(family)
    errors = []
    for first, second in itertools.pairwise(keys):
        estimate = np.mean(signature(family[first]) == signature(family[second]))
        errors.append(estimate - jaccard(shingles(family[first]), shingles(family[second])))
    assert np.max(np.abs(errors)) < 0.25
    assert abs(np.mean(errors)) < 0.05


def test_clusters_agree_with_brute_force(family):
    """All pairs clearly above the threshold are found, none clearly below."""
    found = {
        frozenset((a, b))
        for group in clusters({key: signature(text) for key, text in family.items()}, 0.8)
        for a in group
        for b in group
        if a < b
    }
    for a in family:
        for b in family:
            if a < b:
                likeness = jaccard(shingles(family[a]), shingles(family[b]))
                if likeness >= 0.93:
                    assert frozenset((a, b)) in found, (a, b, likeness)
                if likeness <= 0.6:
                    assert frozenset((a, b)) not in found, (a, b, likeness)
    assert found


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_order_does_not_matter(rng):
    base = ["бер ике өс дүрт биш алты ете һигеҙ туғыҙ ун " * 8, "көн төн ай йыл ямғыр ҡар ел буран " * 8, "аҡ " * 9]
    texts = {f"{i}": base[i % 3] + ("" if i < 3 else "юл") for i in range(6)}
    keys = list(texts)
    rng.shuffle(keys)
    signatures = {key: signature(texts[key]) for key in keys}
    assert clusters(signatures, 0.5) == clusters(dict(sorted(signatures.items())), 0.5)


def test_the_smallest_of_a_group_stays():
    assert drop([["a", "b", "c"], ["x", "y"]]) == {"b": "a", "c": "a", "y": "x"}


def test_long_documents_are_sketched_in_slices_with_the_same_result(monkeypatch, family):
    text = " ".join(family.values())
    whole = signature(text)
    monkeypatch.setattr("bashkir_utils.corpus.deduplicate.BATCH_SHINGLES", 7)
    assert (signature(text) == whole).all()


def test_the_bands_are_those_that_the_chapter_names():
    index = MinHashLSH(threshold=0.8, num_perm=PERMUTATIONS)
    assert (index.b, index.r, PERMUTATIONS) == (5, 11, 64)
    assert 1 - (1 - 0.8**index.r) ** index.b == pytest.approx(1 / 3, abs=0.05)
