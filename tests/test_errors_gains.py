import numpy as np
import pytest
from made_scores import every_character, made_scores

from bashkir_utils.errors import gains, places
from bashkir_utils.exceptions import RunError

LN2 = np.log(2)
TEXTS = [f"бал ҡар {'һәм ' * (1 + d % 3)}5." for d in range(20)]


def scored(bits):
    """Each character of a word costs what ``bits`` says of the word and the document."""
    tokens = []
    for d, text in enumerate(TEXTS):
        place = 0
        for word in text.split(" "):
            start = text.index(word, place)
            tokens.append((d, start, start + len(word), bits(word, d) * LN2))
            place = start + len(word)
    return made_scores(TEXTS, tokens)


@pytest.fixture(scope="module")
def pair():
    """The second gains 3 bits on бал everywhere, loses 1 on ҡар, and һәм goes either way by document."""
    first, text = scored(lambda word, d: 9.0)
    change = {"бал": lambda d: -3.0, "ҡар": lambda d: 1.0, "һәм": lambda d: (-1.0) ** d}
    second, _ = scored(lambda word, d: 9.0 + change.get(word, lambda d: 0.0)(d))
    return first, second, text


def test_words_that_one_model_gains(pair):
    first, second, text = pair
    table = gains.word_gains(("one", first), ("two", second), text).set_index("word")
    assert set(table.index) == {"бал", "ҡар", "һәм"}
    assert table["count"].to_dict() == {"бал": 20, "ҡар": 20, "һәм": sum(1 + d % 3 for d in range(20))}
    assert table["documents"].tolist() == [20, 20, 20]
    assert table.loc["бал", ["bits_first", "bits_second", "difference"]].tolist() == pytest.approx([9, 6, 3])
    assert table.loc["ҡар", "difference"] == pytest.approx(-1)
    assert table["gains"].to_dict() == {"бал": "two", "ҡар": "one", "һәм": gains.OPEN}
    assert table.loc["бал", ["low", "high"]].tolist() == pytest.approx([3, 3])
    assert table.index[0] == "бал", "the largest sum of bits comes first"
    assert (table["p_holm"] >= table["p"]).all()


def test_nothing_is_said_of_rare_words(pair):
    first, second, text = pair
    texts = [*TEXTS[:5], *["юҡ юҡ юҡ"] * 2]
    tokens = every_character(texts)
    left, read = made_scores(texts, tokens)
    right, _ = made_scores(texts, [(*token[:3], 0.1) for token in tokens])
    assert gains.word_gains(("a", left), ("b", right), read).empty
    limited = gains.word_gains(("a", first), ("b", second), text, family=1)
    assert limited["word"].tolist() == ["һәм"], "the most frequent are compared, not those with the largest gain"


def test_text_without_a_word_has_no_frequent_words():
    one, text = made_scores(["12 34!"] * 7, every_character(["12 34!"] * 7))
    assert gains.word_gains(("a", one), ("b", one), text).empty


def test_a_word_in_few_documents_is_open_however_clear_the_gain():
    texts = ["бал ҡар"] * 6 + ["ҡар"] * 30
    left, text = made_scores(texts, every_character(texts))
    right, _ = made_scores(texts, every_character(texts, lambda d, i: 0.5))
    table = gains.word_gains(("a", left), ("b", right), text).set_index("word")
    # six documents: no p-value under 2^-5 = 0.031, and the family of two holds the first to 0.025, the next to 0.05
    assert table["p"].to_dict()["бал"] == pytest.approx(2**-5)
    assert table["gains"].to_dict() == {"ҡар": "b", "бал": "b"}
    # with a third word that differs clearly, the second is held to 0.025, which six documents cannot reach
    texts = ["бал ҡар юл"] * 6 + ["ҡар юл"] * 30
    left, text = made_scores(texts, every_character(texts))
    right, _ = made_scores(texts, every_character(texts, lambda d, i: 0.5 + 0.4 * (i % 2) * (-1) ** d))
    table = gains.word_gains(("a", left), ("b", right), text, confidence=0.98).set_index("word")
    assert table.loc["бал", "gains"] == gains.OPEN
    assert np.isinf(table.loc["бал", "high"])


@pytest.fixture(scope="module")
def scores(pair):
    first, second, text = pair
    kinds = [
        places.first_letter(text),
        places.from_units("k", ("word", "number", "sign"), list(text.units["kind"]), text),
    ]
    return places.score_places({"one": first, "two": second}, text, kinds)


def test_groups_that_one_model_gains(scores, pair):
    table = gains.place_gains(scores, "one", "two")
    assert table[["kind", "group"]].drop_duplicates().shape[0] == len(table) == 6
    tables = places.place_table(scores, samples=50)
    bits = {name: rows.set_index(["kind", "group"])["bits_per_byte"] for name, rows in tables.groupby("model")}
    expected = (bits["one"] - bits["two"]).tolist()
    assert table["difference"].tolist() == pytest.approx(expected)
    assert table.groupby("kind")["share_of_bytes"].sum().tolist() == pytest.approx([1, 1])
    by_group = table[table["kind"] == "k"].set_index("group")
    assert by_group.loc["word", "gains"] == "two"
    assert by_group.loc["number", ["difference", "gains"]].tolist() == [pytest.approx(0), gains.OPEN]
    back = gains.place_gains(scores, "two", "one")
    assert back["gains"].tolist() == table["gains"].tolist()
    assert back["difference"].tolist() == pytest.approx((-table["difference"]).tolist())


def test_a_model_gains_nothing_over_itself(pair):
    first, _, text = pair
    assert set(gains.word_gains(("one", first), ("same", first), text)["gains"]) == {gains.OPEN}
    # losses that differ by rounding alone
    again, _ = scored(lambda word, d: 9.0 * (1 + 1e-14))
    assert set(gains.word_gains(("one", first), ("same", again), text)["gains"]) == {gains.OPEN}


def test_a_model_without_scores_is_named(scores):
    with pytest.raises(RunError, match="no scores of 'three'; there are those of one, two"):
        gains.place_gains(scores, "one", "three")


def test_findings_count_what_was_won_and_escape_names(scores, pair):
    first, second, text = pair
    found = gains.place_gains(scores, "one", "two")
    words = gains.word_gains(("one", first), ("two", second), text)
    lines = gains.gain_findings(found, words, "one", "two").splitlines()
    assert len(lines) == 2
    assert "on 1 of 3 frequent words (ҡар)" in lines[0]
    assert "on 1 of 3 frequent words (бал)" in lines[1]
    renamed = words.assign(word="<b>[x](y)", gains="a*b")
    hostile = gains.gain_findings(found, renamed, "a*b", "two")
    assert "<b>" not in hostile
    assert "a\\*b" in hostile


def test_a_single_way_has_nothing_to_be_compared_with():
    scored = object()
    assert gains.best_two({"full": scored, "lora": scored, "qlora": scored}) == ("full", "lora")
    assert gains.best_two({"full": scored}) is None
    assert gains.best_two({}) is None
