import math
from dataclasses import dataclass

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bashkir_utils import errors

BASHKIR = "Бөгөн беҙ урманға барҙыҡ һәм күп еләк йыйҙыҡ."
RUSSIAN = "Сегодня мы ходили в лес и собрали много вкусных ягод."
ENGLISH = "Today we went to the forest and picked a lot of sweet berries."


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Бер. Ике! Өс? Дүрт…", ["Бер.", "Ике!", "Өс?", "Дүрт…"]),
        ("«Кил!» Ул килде.", ["«Кил!»", "Ул килде."]),
        ("Өҫтөндә 3.5 кг\n\nяңы юл", ["Өҫтөндә 3.5 кг", "яңы юл"]),
        ("a.b.c", ["a.b.c"]),
        ("Шулай... Эйе.", ["Шулай...", "Эйе."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences(text, sentences):
    assert errors.split_sentences(text) == sentences


@given(st.text(alphabet="аБ .!?…»\n\t", max_size=60))
def test_sentences_lose_nothing_but_white_space(text):
    assert "".join("".join(errors.split_sentences(text)).split()) == "".join(text.split())


def test_sentences_of_a_hostile_text_are_found_in_linear_time():
    for text in ("." * 200_000 + "x", "ҡ" * 200_000, "." + "»" * 200_000 + "x"):
        assert "".join(errors.split_sentences(text)) == text


def test_language_of_each_sentence():
    table = errors.language_by_sentence([f"{BASHKIR} {RUSSIAN}", "Ауыл.", ENGLISH])
    assert table["text"].tolist() == [0, 0, 1, 2]
    assert table["language"].tolist() == ["ba", "ru", errors.SHORT, "en"]
    assert table["characters"].tolist() == [len(BASHKIR), len(RUSSIAN), 5, len(ENGLISH)]
    assert table["confidence"].between(0, 1.001).all()


def test_language_of_nothing():
    assert errors.language_by_sentence([]).empty
    assert errors.language_by_sentence([""]).columns.tolist()[0] == "text"


def continuations(texts):
    return pd.DataFrame(
        [
            {"model": m, "continuation": t, "new_tokens": len(t), "broken_characters": t.count("\ufffd")}
            for m, t in texts
        ]
    ).assign(decoding="nucleus")


def test_language_shares_weigh_by_characters_and_keep_silent_models():
    shares = errors.language_shares(
        continuations([("b", BASHKIR), ("b", RUSSIAN), ("a", ENGLISH), ("silent", ""), ("a", ENGLISH)])
    )
    assert shares.index.tolist() == ["b", "a", "silent"]
    assert shares.loc["b", "ba"] == pytest.approx(len(BASHKIR) / (len(BASHKIR) + len(RUSSIAN)))
    assert shares.loc["a", "en"] == 1
    assert shares.loc["silent"].sum() == 0
    assert shares.columns[0] == "en", "the commonest language comes first"


def test_peoples_text_is_put_beside_as_long_as_a_continuation():
    table = continuations([("b", "x" * 10), ("b", "y" * 20), ("a", "z" * 30)]).assign(prompt=["p", "q", "p"])
    beside = errors.beside_text(table, [BASHKIR, RUSSIAN, ENGLISH])
    assert beside["model"].tolist() == ["b", "b", "a", "test documents", "test documents"]
    assert beside["continuation"].tolist()[3:] == [BASHKIR[:20], RUSSIAN[:20]]


def test_rep_n_as_welleck_defines_it():
    assert errors.repeated_ngrams("a b a b a b", 2) == pytest.approx(1 - 2 / 5)
    assert errors.repeated_ngrams("a b c d e", 4) == 0
    assert math.isnan(errors.repeated_ngrams("a b", 4)), "a text without 4-grams is not free of repetition"
    assert errors.repeated_ngrams("a a a a a", 4) == pytest.approx(1 / 2)


def test_distinct_n_over_n_grams():
    # a b, b a, a b; a b
    assert errors.distinct(["a b a b", "a b"], 2) == pytest.approx(2 / 4)
    assert errors.distinct(["a b", "c d"], 2) == 1, "short texts that repeat nothing are not said to"
    assert math.isnan(errors.distinct(["a", "b"], 2))
    assert errors.distinct(["a b c"], 1) == 1
    assert math.isnan(errors.distinct(["", " "], 2))


@pytest.mark.parametrize(
    ("text", "unit", "characters"),
    [
        ("", "", 0),
        ("абв", "", 0),
        ("xyz ала-ала-ала-ала", "ала-", 15),
        ("ҡҡҡҡҡҡҡ", "ҡ", 7),
        ("юл бар юл бар юл бар!", "юл бар ", 20),
        ("aab", "a", 2),
    ],
)
def test_longest_loop(text, unit, characters):
    loop = errors.longest_loop(text)
    assert loop.characters == characters
    assert sorted(loop.unit) == sorted(unit)


def brute_loop(text):
    best = 0
    for period in range(1, len(text) // 2 + 1):
        for start in range(len(text)):
            stop = start + period
            while stop < len(text) and text[stop] == text[stop - period]:
                stop += 1
            best = max(best, stop - start if stop - start >= 2 * period else 0)
    return best


@given(st.text(alphabet="аб", max_size=24))
def test_longest_loop_agrees_with_brute_force(text):
    loop = errors.longest_loop(text)
    assert loop.characters == brute_loop(text)
    if loop.unit:
        assert loop.unit * 2 in text


@pytest.mark.parametrize(
    ("letter", "kind"),
    [("ҡ", 0), ("Һ", 0), ("я", 1), ("Ё", 1), ("і", 2), ("җ", 2), ("h", 3), ("É", 3), ("ა", 4), ("中", 4)],
)
def test_letter_classes(letter, kind):
    assert errors.letter_class(letter) == errors.LETTER_CLASSES[kind]


def test_letters_by_class_counts_letters_only_in_one_normal_form():
    shares = errors.letters_by_class(["Ҡала 12, h!", "і"])
    assert shares.tolist() == pytest.approx([1 / 6, 3 / 6, 1 / 6, 1 / 6, 0])
    assert errors.letters_by_class(["а\u0308"])["other Cyrillic"] == 1, "ӓ, a letter of Mari, in two signs"
    assert errors.letters_by_class(["12 !"]).isna().all()


def test_share_of_letters_that_are_not_bashkir():
    assert errors.non_bashkir_letter_share("аҡ hі") == pytest.approx(0.5), "the second of these is Ukrainian"
    assert errors.non_bashkir_letter_share(RUSSIAN) == 0, "stated in the docstring: Russian has no letter of its own"
    assert math.isnan(errors.non_bashkir_letter_share("\ufffd 1"))


def test_summary_of_continuations():
    texts = [("good", BASHKIR), ("bad", "la la la la la la la la"), ("good", ""), ("bad", "һыу\ufffd")]
    measured = errors.measure(continuations(texts)).assign(in_language=[1.0, 0.0, math.nan, 0.5])
    table = errors.summarise_continuations(measured)
    assert table.index.tolist() == ["good", "bad"]
    taken = [name for name in errors.MEASURES if name not in errors.SHARE_COLUMNS.values()]
    assert table.columns.tolist() == ["continuations", *taken], "a measure that was not taken is not shown"
    assert table["continuations"].tolist() == [2, 2]
    assert table["in_language"].tolist() == [1, 0.25], "a text without words is in no language"
    assert table.loc["bad", "rep_4"] == pytest.approx(1 - 1 / 5), "one word has no 4-grams"
    assert table.loc["bad", "loop_share"] == pytest.approx((1 + 0) / 2)
    assert table.loc["bad", "distinct_2"] == pytest.approx(1 / 7), "of seven 2-grams one is distinct"
    assert table.loc["bad", "non_bashkir_letters"] == pytest.approx(0.5)
    assert table.loc["bad", "broken_characters"] == 0.5
    assert table.loc["good", "new_tokens"] == len(BASHKIR) / 2


def test_a_silent_model_has_no_measure_of_its_text():
    table = errors.measure(continuations([("silent", ""), ("silent", " \n")]))
    assert table[["rep_1", "rep_4", "distinct_1", "longest_loop", "loop_share"]].isna().all(axis=None)
    assert errors.summarise_continuations(table).loc["silent", ["rep_4", "loop_share", "distinct_2"]].isna().all()


def test_texts_of_a_model_are_together_for_distinct_n_and_its_decodings_apart():
    """The same two words in two texts are two distinct of four."""
    rows = continuations([("m", "a b"), ("m", "a b"), ("other", "a b"), ("other", "c d")])
    greedy = rows.assign(decoding="greedy", continuation=["x", "y", "z", "z"])
    table = errors.measure(pd.concat([rows, greedy], ignore_index=True))
    assert table["distinct_1"].tolist() == [0.5, 0.5, 1, 1, 1, 1, 0.5, 0.5]


def test_as_many_texts_of_everyone_count_for_distinct_n():
    """Two samples a prompt have more text, and so a lower value, than one; people's text has none."""
    rows = continuations([("m", "a b"), ("m", "a b"), ("m", "c d"), ("m", "c d")]).assign(sample=[0, 1, 0, 1])
    greedy = continuations([("m", "a b"), ("m", "c d")]).assign(sample=0, decoding="greedy")
    people = pd.DataFrame({"model": "people", "continuation": ["a b", "c d"]})
    both = errors.measure(pd.concat([rows, greedy, people], ignore_index=True))
    assert set(both["distinct_1"]) == {1.0}
    fewer = errors.measure(pd.concat([continuations([("m", "a b"), ("m", "a b")]), people.head(1)], ignore_index=True))
    assert set(fewer["distinct_1"]) == {1.0}, "people wrote one text, so one of the model's counts"


def test_what_was_not_measured_is_not_in_the_summary():
    assert "in_language" not in errors.summarise_continuations(errors.measure(continuations([("m", BASHKIR)])))


def test_letters_of_models():
    table = errors.letters_of_models(continuations([("a", "ҡ"), ("b", "x"), ("a", "x")]))
    assert table.index.tolist() == ["a", "b"]
    assert table.loc["a"].tolist() == [0.5, 0, 0, 0.5, 0]


@dataclass(frozen=True)
class Scores:
    documents: pd.DataFrame
    words: pd.DataFrame


SCORES = Scores(
    pd.DataFrame(
        {
            "id": ["a", "b", "c"], "source": "s", "nll": [10.0, 40.0, 30.0], "tokens": [5, 6, 7], "bytes": [10, 20, 10],
        }
    ),
    pd.DataFrame(
        {
            "document": [0, 0, 1, 1, 2, 2, 2],
            "word": ["Урман,", "«урман»", "йылға", "йылға", "ит", "ит", "бер-тапҡыр"],
            "nll": [6.0, 10.0, 5.0, 3.0, 50.0, 50.0, 60.0],
            "bytes": [13, 16, 10, 10, 4, 4, 21],
        }
    ),
)  # fmt: skip


def test_worst_documents():
    worst = errors.worst_documents(SCORES, 2)
    assert worst["id"].to_dict() == {1: "c", 2: "b"}
    assert worst["bits_per_byte"].tolist() == pytest.approx([3 / math.log(2), 2 / math.log(2)])


def test_worst_words_are_grouped_without_case_and_punctuation_and_rare_or_short_ones_left_out():
    worst = errors.worst_words(SCORES)
    assert worst["word"].tolist() == ["урман", "йылға"]
    assert worst["count"].tolist() == [2, 2]
    assert worst.loc[0, "bits"] == pytest.approx(8 / math.log(2))
    assert worst.loc[0, "bits_per_byte"] == pytest.approx(16 / 29 / math.log(2))
    assert worst.loc[0, "share_of_loss"] == pytest.approx(16 / 184)


def test_worst_words_of_a_text_without_any():
    assert errors.worst_words(Scores(SCORES.documents, SCORES.words.iloc[:0])).empty
