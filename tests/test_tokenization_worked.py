"""The worked examples, counted by hand, and beside an independent implementation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bashkir_utils.exceptions import TokenizerError
from bashkir_utils.tokenization.surgery import _learn_merges
from bashkir_utils.tokenization.worked import merge_steps, unigram_cuts


def test_merges_counted_by_hand():
    """ка 5 + 2, ал 2, ар 5: к+а, then ка+р."""
    found = merge_steps({"кар": 5, "кал": 2, "ар": 1}, 2)
    assert list(found["joined"]) == ["ка", "кар"]
    assert list(found["times"]) == [7, 5]
    assert found.loc[2, "words"] == "кар, ка-л, а-р"


def test_equal_letters_are_joined_from_the_left():
    assert merge_steps({"ааааа": 1}, 1).loc[1, "words"] == "аа-аа-а"


def test_it_ends_when_all_words_are_whole():
    assert len(merge_steps({"аб": 3}, 10)) == 1


@given(st.dictionaries(st.text("абв", min_size=1, max_size=6), st.integers(1, 5), min_size=1, max_size=5))
def test_the_quick_learner_learns_the_same_merges(words):
    # two merges may make one piece, which then counts once
    learned = _learn_merges({tuple(word): count for word, count in words.items()}, 4, ())[:4]
    slow = merge_steps(words, 4)
    again = slow[slow["times"] > 1]["joined"]
    assert ["".join(pair) for pair in learned] == list(again)


def test_cuts_and_their_probabilities():
    found = unigram_cuts("кар", {"к": 0.1, "а": 0.2, "р": 0.1, "ка": 0.3, "ар": 0.05})
    assert list(found["cut"]) == ["ка-р", "к-ар", "к-а-р"]
    assert list(found["probability"]) == pytest.approx([0.03, 0.005, 0.002])
    assert found["share"].sum() == pytest.approx(1)


def test_a_word_that_cannot_be_written_has_no_cut_and_a_long_one_is_refused():
    assert unigram_cuts("б", {"а": 1.0}).empty
    with pytest.raises(TokenizerError, match="at most"):
        unigram_cuts("а" * 40, {"а": 1.0})
