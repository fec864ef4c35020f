import random

import pytest

from bashkir_utils import tokenization
from bashkir_utils.tokenization import boundary_agreement, compare_boundaries, segmented_words, token_cuts

WORDS = {("китап", "тар"): 3, ("бала", "лар", "ға"): 1}


class Cutter:
    """Cuts a word, after a space, into pieces of so many letters."""

    def __init__(self, letters):
        self.name, self.letters = f"every {letters}", letters

    def pieces(self, text):
        word = text[1:]
        parts = [word[i : i + self.letters] for i in range(0, len(word), self.letters)]
        return [part.encode() for part in (" " + parts[0], *parts[1:])]


def test_cuts_are_byte_offsets_inside_the_word():
    assert token_cuts(Cutter(5), "китаптар") == {10}
    assert token_cuts(Cutter(100), "китаптар") == set()


def test_known_agreement():
    """Cuts after letter 5: китап|тар (a boundary, three times), балал|арға (none, once); boundaries 3 + 2."""
    found = boundary_agreement(Cutter(5), WORDS)
    assert found.precision == pytest.approx(3 / 4)
    assert found.recall == pytest.approx(3 / 5)
    assert found.f1 == pytest.approx(2 * 0.75 * 0.6 / 1.35)
    assert found.cuts_per_word == 1


def test_random_cuts_are_expected_ones():
    rng = random.Random(3)
    found = boundary_agreement(Cutter(5), WORDS)
    hits = 0
    for _ in range(20_000):
        for morphemes, count in WORDS.items():
            size = len("".join(morphemes).encode())
            ends = {len("".join(morphemes[:i]).encode()) for i in range(1, len(morphemes))}
            hits += count * (rng.randrange(1, size) in ends)
    assert found.random_precision == pytest.approx(hits / 20_000 / 4, abs=0.005)


def test_random_cuts_between_letters_are_expected_ones():
    """One cut in 7 places for китаптар (three times, one boundary), one in 8 for балаларға (two boundaries)."""
    found = boundary_agreement(Cutter(5), WORDS)
    assert found.random_letter_precision == pytest.approx((3 * 1 / 7 + 2 / 8) / 4)
    assert found.random_letter_recall == pytest.approx((3 * 1 / 7 + 2 / 8) / 5)


def test_words_without_suffixes_do_not_count():
    assert segmented_words(["Китаптар китаптар ыыы китап"]) == {("китап", "тар"): 2}
    nothing = boundary_agreement(Cutter(3), {})
    assert (nothing.precision, nothing.f1, nothing.random_f1) == (0, 0, 0)


def test_bytes_find_every_boundary_and_no_cut_finds_none():
    table = compare_boundaries([tokenization.load_tokenizer("bytes")], ["китаптар балаларға"])
    assert table.loc["bytes", "recall"] == 1
    assert table.loc["bytes", "f1"] == pytest.approx(table.loc["bytes", "random_f1"])


def test_cuts_inside_letters_are_not_counted_between_letters():
    """Bytes cut китаптар at all 7 places between letters, and at 8 more inside them."""
    found = boundary_agreement(tokenization.load_tokenizer("bytes"), {("китап", "тар"): 1})
    assert found.cuts_per_word == 15
    assert found.random_letter_precision == pytest.approx(1 / 7)
    assert found.random_letter_recall == pytest.approx(1)
