import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bashkir_utils.corpus import statistics

TEXTS = ["Аҡ ҡар яуа, аҡ!", "Ҡар аҡ; 12 юл"]


def test_words_are_runs_of_letters_in_lower_case():
    assert statistics.words("Өфө-Рим 2x4, һыу_һыу") == ["өфө", "рим", "x", "һыу", "һыу"]


def test_zipf_table_by_hand():
    table = statistics.zipf(statistics.word_counts(TEXTS))
    assert table["word"].tolist()[:2] == ["аҡ", "ҡар"]
    assert table["count"].tolist() == [3, 2, 1, 1]
    assert table["rank"].tolist() == [1, 2, 3, 4]


def test_exponents_of_exact_power_laws():
    ranks = np.arange(1, 2001)
    table = pd.DataFrame({"rank": ranks, "count": 1e6 / ranks**1.2})
    assert statistics.zipf_exponent(table) == pytest.approx(1.2)
    tokens = np.geomspace(1, 1e6, 50)
    assert statistics.heaps_exponent(pd.DataFrame({"tokens": tokens, "types": 3 * tokens**0.7})) == pytest.approx(0.7)


@given(st.lists(st.text(alphabet="аәб ", max_size=30), max_size=8))
def test_heaps_ends_at_all_types_and_never_falls(texts):
    growth = statistics.heaps(texts)
    running = [word for text in texts for word in statistics.words(text)]
    if not running:
        assert growth.empty
        return
    assert growth["tokens"].iloc[-1] == len(running)
    assert growth["types"].iloc[-1] == len(set(running))
    assert growth["types"].is_monotonic_increasing
    for tokens, types in growth.itertuples(index=False):
        assert types == len(set(running[:tokens]))


def test_letter_shares_add_up_and_nine_are_marked():
    table = statistics.letter_frequencies(["аҡ Аҡ xyz"])
    assert table["share"].sum() == pytest.approx(1)
    assert table.set_index("letter")["share"]["ҡ"] == pytest.approx(0.5)
    assert table.loc[table["own"], "letter"].tolist() == ["ғ", "ҙ", "ҡ", "ң", "ө", "ҫ", "ү", "һ", "ә"]
    assert len(table) == 42


def test_letters_of_another_language_are_its_commonest_and_none_is_marked():
    table = statistics.letters_of(["Ĉa ĉa ab, 12 \u200b"], "eo")
    assert dict(zip(table["letter"], table["share"], strict=True)) == {"ĉ": 2 / 6, "a": 3 / 6, "b": 1 / 6}
    assert table["letter"].tolist() == ["a", "ĉ", "b"]
    assert not table["own"].any()
    assert statistics.letters_of(["аҡ"], "ba").equals(statistics.letter_frequencies(["аҡ"]))


def test_source_mix_by_words():
    documents = pd.DataFrame({"id": [1, 2, 3], "source": list("aab"), "characters": [5, 5, 9], "words": [1, 2, 9]})
    mix = statistics.source_mix(documents)
    assert mix.index.tolist() == ["b", "a"]
    assert mix["share_of_words"].tolist() == [0.75, 0.25]


def test_the_english_reference_is_english_and_large():
    counts = statistics.word_counts(statistics.english_reference())
    assert counts.most_common(1)[0][0] == "the"
    assert sum(counts.values()) > 50_000


def test_too_few_words_have_no_exponent():
    for texts in ([], ["12 34"], ["бара бара"]):
        assert np.isnan(statistics.zipf_exponent(statistics.zipf(statistics.word_counts(texts))))
        growth = statistics.heaps(texts)
        assert np.isnan(statistics.heaps_exponent(growth)) or len(growth) > 1
