import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bashkir_utils.corpus.comparison import CONTEXTS, comparison_table, conditional_entropy, measure_text


def test_entropies_of_texts_that_can_be_counted_by_hand():
    """Two letters in turn: one bit each, and none once the letter before is known."""
    text = "аб" * 2000
    assert conditional_entropy(text, 0) == pytest.approx(1)
    assert conditional_entropy(text, 1) == pytest.approx(0, abs=1e-3)
    # а is followed by а or б, б by а: blocks аа, аб, ба in thirds of the places
    third = "ааб" * 2000
    blocks = math.log2(3)
    single = -(2 / 3) * math.log2(2 / 3) - (1 / 3) * math.log2(1 / 3)
    assert conditional_entropy(third, 1) == pytest.approx(blocks - single, abs=1e-3)


@given(st.text(alphabet="абвгҙ ", min_size=200, max_size=400))
def test_knowing_more_never_surprises_more(text):
    """Up to what the ends of the text do to the counts."""
    entropies = [conditional_entropy(text, context) for context in CONTEXTS]
    assert all(later <= earlier + 0.1 for earlier, later in itertools.pairwise(entropies))


def test_words_are_counted():
    found = measure_text(["Китап китап ат.", "Ат, бала!"])
    assert (found.words, found.types, found.hapaxes) == (5, 3, 1)
    assert found.type_token_ratio == pytest.approx(3 / 5)
    assert found.word_length == pytest.approx((5 + 5 + 2 + 2 + 4) / 5)
    assert found.ranks[0] == (1, pytest.approx(0.4))
    assert found.growth[-1] == (5, 3)
    assert found.zipf_exponent is None


def test_only_so_much_of_a_text_counts(monkeypatch):
    monkeypatch.setattr("bashkir_utils.corpus.comparison.CHARACTERS", 100)
    monkeypatch.setattr("bashkir_utils.corpus.comparison.WORDS", 5)
    found = measure_text(["бал ат " * 500])
    assert (found.characters, found.words) == (100, 5)


def test_nothing_to_count_is_no_error():
    found = measure_text([])
    assert (found.characters, found.words, found.entropies[0]) == (0, 0, 0)
    table = comparison_table({"empty": found, "full": measure_text(["ат бала ат"])})
    assert math.isnan(table.loc["type/token ratio", "empty"])
    assert table.loc["different words", "full"] == 2


def test_generated_text_repeats_itself_more_than_english(texts):
    """What the chapter says of the text of its demo."""
    from bashkir_utils.corpus.statistics import english_reference

    size = sum(map(len, texts))
    english = "\n".join(english_reference())[:size]
    assert measure_text(texts).entropies[4] < measure_text([english]).entropies[4]
