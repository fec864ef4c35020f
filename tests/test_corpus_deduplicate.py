import itertools
import random

import numpy as np
import pytest
from datasketch import MinHashLSH
from hypothesis import given, settings
from hypothesis import strategies as st

from bashkir_utils.corpus.deduplicate import BANDS, PERMUTATIONS, ROWS, clusters, drop, jaccard, shingles, signature
from bashkir_utils.language import generate_documents

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


def grouped(texts, threshold=0.8):
    return clusters(texts, {key: signature(text) for key, text in texts.items()}, threshold)


def test_clusters_are_those_of_brute_force(family):
    links = {key: {key} for key in family}
    for a, b in itertools.combinations(family, 2):
        if jaccard(shingles(family[a]), shingles(family[b])) >= 0.8:
            merged = links[a] | links[b]
            links |= dict.fromkeys(merged, merged)
    expected = sorted({tuple(sorted(group)) for group in links.values() if len(group) > 1})
    assert [tuple(group) for group in grouped(family)] == expected
    assert expected


def test_pairs_near_the_threshold_fall_on_their_side():
    """Texts of 200 words and the same with the last words changed: similarities from 0.7 to 0.9, about 0.01 apart."""
    rng = random.Random(6)
    near = set()
    for changed in range(10, 37):
        original = [rng.choice(WORDS) for _ in range(200)]
        other = original[:-changed] + [f"{word}ғ" for word in original[-changed:]]
        texts = {"a": " ".join(original), "b": " ".join(other)}
        likeness = jaccard(shingles(texts["a"]), shingles(texts["b"]))
        near.add(round(likeness, 1))
        assert grouped(texts) == ([["a", "b"]] if likeness >= 0.8 else []), likeness
    assert {0.7, 0.8, 0.9} <= near


def test_the_same_sentences_in_another_order_are_one_text():
    sentences = [document.text.replace("\n", " ") for document in generate_documents(6, seed=5)]
    assert shingles(" ".join(sentences)) == shingles(" ".join(reversed(sentences)))
    assert grouped({"a": " ".join(sentences), "b": " ".join(reversed(sentences))}) == [["a", "b"]]


def test_runs_stay_inside_sentences_and_short_ones_are_kept():
    assert shingles("Аҡ ҡар. Бер ике өс дүрт биш алты!\n\n…") == {
        "аҡ ҡар",
        "бер ике өс дүрт биш",
        "ике өс дүрт биш алты",
    }
    assert shingles("— !") == set()


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_order_does_not_matter(rng):
    base = ["бер ике өс дүрт биш алты ете һигеҙ туғыҙ ун " * 8, "көн төн ай йыл ямғыр ҡар ел буран " * 8, "аҡ " * 9]
    texts = {f"{i}": base[i % 3] + ("" if i < 3 else "юл") for i in range(6)}
    keys = list(texts)
    rng.shuffle(keys)
    assert grouped({key: texts[key] for key in keys}, 0.5) == grouped(dict(sorted(texts.items())), 0.5)


def test_the_smallest_of_a_group_stays():
    assert drop([["a", "b", "c"], ["x", "y"]]) == {"b": "a", "c": "a", "y": "x"}


def test_long_documents_are_sketched_in_slices_with_the_same_result(monkeypatch, family):
    text = " ".join(family.values())
    whole = signature(text)
    monkeypatch.setattr("bashkir_utils.corpus.deduplicate.BATCH_SHINGLES", 7)
    assert (signature(text) == whole).all()


def test_the_bands_pass_over_what_the_chapter_says():
    def passed_over(likeness):
        return (1 - likeness**ROWS) ** BANDS

    assert PERMUTATIONS == 128
    assert passed_over(0.8) == pytest.approx(4.7e-8, rel=0.05)
    assert 1 - passed_over(0.5) == pytest.approx(0.87, abs=0.01)
    library = MinHashLSH(threshold=0.8, num_perm=64)
    assert (library.b, library.r) == (5, 11)
    assert (1 - 0.8**library.r) ** library.b == pytest.approx(2 / 3, abs=0.05)
