import math
from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bashkir_utils.errors import wellformed as wf
from bashkir_utils.errors.people import passages
from bashkir_utils.errors.shares import mean_interval, shares
from bashkir_utils.language import LabelledSentence
from bashkir_utils.language.misfits import FRONT_BACK

VOCABULARY = wf.Vocabulary(Counter({"смартфон": 3, "йәшел": 1, "диктант": 2}))


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("ҡар\ufffd", wf.BROKEN),
        ("2024", wf.NUMBER),
        ("2024-се", wf.NUMBER),
        ("forest", wf.FOREIGN),
        ("җир", wf.FOREIGN),
        ("урмaн", wf.FOREIGN),  # a Latin a
        ("Йәшел", wf.ATTESTED),
        ("китаптарға", wf.READ),
        ("смартфондар", wf.REGULAR),
        ("китаптәр", wf.WRONG),
        ("смартфонтар", wf.WRONG),
        ("мыжыҡтарға", wf.INVENTED),
        ("мбжҡтр", wf.UNREAD),
        ("йәшел-йәшел", wf.READ),
        ("йәшел-китаптәр", wf.WRONG),
        ("ҡ" * 100_000, wf.UNREAD),
    ],
)
def test_class_of_a_word(word, name):
    assert VOCABULARY.judge(word).name == name


def test_a_wrong_suffix_has_a_kind_and_a_right_form():
    assert VOCABULARY.judge("Китаптәр") == wf.Verdict(wf.WRONG, FRONT_BACK, "китаптар")


def test_a_rare_word_of_the_training_text_is_no_stem():
    assert VOCABULARY.judge("смартфондар").name == wf.REGULAR
    assert wf.Vocabulary(Counter({"смартфон": 2})).judge("смартфондар").name == wf.INVENTED


def test_a_plural_that_only_a_verb_made_of_a_noun_explains():
    counts = Counter({"смартфон": 3, "смартфондар": 1, "китаптар": 1})
    assert [wf.Vocabulary(counts).judge(word).name for word in ("смартфонлар", "китаплар")] == [wf.WRONG] * 2
    assert [VOCABULARY.judge(word).name for word in ("смартфонлар", "китаплар")] == [wf.REGULAR, wf.READ]


def test_a_decomposed_letter_is_the_same_letter():
    assert VOCABULARY.judge("и\u0306әшел").name == wf.ATTESTED


def test_without_rules_only_the_training_text_decides():
    other = wf.Vocabulary(Counter({"forest": 1}), bashkir=False)
    assert [other.judge(word).name for word in ("Forest", "китап", "a1", "\ufffd")] == [
        wf.ATTESTED,
        wf.UNREAD,
        wf.NUMBER,
        wf.BROKEN,
    ]


@given(st.text(max_size=20) | st.text(alphabet="аәбдкҡлнрт-", max_size=12))
@settings(max_examples=60)
def test_every_string_has_one_class(text):
    assert VOCABULARY.judge(text).name in wf.CLASSES


@pytest.mark.parametrize(
    ("prompt", "continuation", "ended", "words"),
    [
        ("Ҡош тауышы ишет", "елә. Ул килде.", True, ["ишетелә", "Ул", "килде"]),
        ("Ҡош тауышы ишет", " елә", True, ["елә"]),
        ("Ул", " килде. Мин", False, ["килде"]),
        ("Ул", " килде. Мин", True, ["килде", "Мин"]),
        ("Ул", " килде.", False, ["килде"]),
        ("Ул", "", True, []),
        ("Ул", " ҡар\ufffd", False, []),
        ("Ул", " ҡар\ufffd ", False, ["ҡар\ufffd"]),
        ("", "борон-борон 3,5", True, ["борон-борон", "3", "5"]),
    ],
)
def test_words_of_a_continuation(prompt, continuation, ended, words):
    assert wf.own_words(prompt, continuation, ended=ended) == words


def table(*rows):
    return pd.DataFrame(rows, columns=["model", "prompt", "continuation", "ended"])


def test_shares_by_model_counted_by_hand():
    judged = wf.judge_words(
        table(
            ("b", "Ул", " йәшел китаптәр китаптәр", True), ("b", "Мин", " йәшел", True), ("a", "Ул", " forest", True)
        ),
        VOCABULARY,
    )
    found = wf.class_shares(judged).set_index(["model", "class"])
    assert found.index.get_level_values("model").unique().tolist() == ["b", "a"]
    assert found.loc[("b", wf.WRONG), "share"] == 0.5
    assert found.loc[("b", wf.ATTESTED), "share"] == 0.5
    assert found.loc[("a", wf.FOREIGN), "share"] == 1
    # draws of the two prompts give 2/3, 2/4 or 0 of wrong suffixes
    assert found.loc[("b", wf.WRONG), "low"] == 0
    assert found.loc[("b", wf.WRONG), "high"] == pytest.approx(2 / 3)
    kinds = wf.kind_shares(judged).set_index(["model", "kind"])
    assert kinds.loc[("b", FRONT_BACK), "share"] == 0.5
    summary = wf.well_formed_table(judged, ["b", "b", "silent", "a"])
    assert summary.index.tolist() == ["b", "silent", "a"]
    assert summary.index.name == "model"
    assert summary.loc["silent", "words"] == 0
    assert summary.loc["silent"].drop("words").isna().all()
    assert summary.loc["b", ["words", "well_formed", "wrong_suffix", "mixed_vowels"]].tolist() == [4, 0.5, 0.5, 0.5]
    assert wf.examples(judged).to_dict("records") == [
        {"model": "b", "class": wf.WRONG, "words": "китаптәр (→ китаптар)"}
    ]


def test_text_in_another_language_is_not_free_of_wrong_suffixes():
    """Half of a text's words can have no wrong suffix: of the two that can, one has."""
    judged = wf.judge_words(
        table(
            ("m", "Ул", " forest йәшел китаптәр 17", True),
            ("m", "Мин", " the forest 17 is green \ufffd", True),
            ("m", "Беҙ", "", True),
        ),
        VOCABULARY,
    )
    found = wf.shares_by_continuation(judged, 3)
    assert found["well_formed"].tolist() == pytest.approx([1 / 4, 0, math.nan], nan_ok=True)
    assert found["wrong_suffix"].tolist() == pytest.approx([1 / 2, math.nan, math.nan], nan_ok=True)
    assert found["invented_stem"].tolist() == pytest.approx([0, math.nan, math.nan], nan_ok=True)


def test_wrong_suffixes_of_a_text_by_kind_and_breaks_of_harmony_sum_to_what_they_are_parts_of():
    # урмантар: consonant series; китаптәр: harmony, and it mixes the vowels, as көнбайыш does; forest is not judged
    text = table(("a", "Ул", " урмантар китаптәр forest көнбайыш.", False))
    found = wf.shares_by_continuation(wf.judge_words(text, VOCABULARY), 1).iloc[0]
    assert found["wrong_suffix"] == pytest.approx(2 / 3)
    kinds = found[list(wf.KIND_COLUMNS.values())]
    assert kinds[kinds > 0].to_dict() == pytest.approx({"wrong_harmony": 1 / 3, "wrong_series": 1 / 3})
    assert found["mixed_vowels"] == pytest.approx(2 / 3)


def test_what_the_measure_says_of_sentences_in_other_languages():
    sentences = [
        LabelledSentence("ba", "1", "Ул китаптарға"),
        LabelledSentence("ru", "2", "Диктант лингвистов"),
        LabelledSentence("ru", "3", "Диктант"),
        LabelledSentence("en", "4", "forest"),
    ]
    found = wf.well_formed_by_language(sentences, VOCABULARY)
    assert found.index.tolist() == ["ba", "ru", "en"]
    assert found["sentences"].tolist() == [1, 2, 1]
    assert found["words"].tolist() == [2, 3, 1]
    # диктант is in the training text: a Russian word passes, and that is what the reader is told
    assert found["well_formed"].tolist() == pytest.approx([1, 2 / 3, 0])
    assert found["attested"].tolist() == pytest.approx([0, 2 / 3, 0])
    assert found.loc["ru", "low"] < 2 / 3 < found.loc["ru", "high"]


def test_shares_of_every_model_sum_to_one():
    judged = wf.judge_words(table(("a", "Ул", " бер 2 three дүрттәр мбжҡтр \ufffd ҡар", False)), VOCABULARY)
    assert wf.class_shares(judged)["share"].sum() == pytest.approx(1)


def test_one_prompt_has_no_interval():
    found = shares(pd.DataFrame({"model": "a", "prompt": "p", "x": [1, 0]}), "x", (1,), 0.95)
    assert found["share"].item() == 0.5
    assert found[["low", "high"]].isna().all(axis=None)


def test_interval_of_a_mean_draws_units_and_not_things():
    units = pd.Series(["a"] * 50 + ["b"] * 50)
    low, high = mean_interval(pd.Series([0.0] * 50 + [1.0] * 50).to_numpy(), units.to_numpy(), 0.95)
    assert (low, high) == (0, 1)


def test_passages_of_people_have_the_models_lengths():
    asked = table(("m", "х" * 10, "у" * 30, False), ("m", "х" * 10, "у" * 30, False), ("m", "ц" * 10, "у" * 30, False))
    texts = ["ҡыҫҡа", "бер ике өс дүрт биш " * 10, "х" * 100, "артыҡ " * 100]
    found = passages(texts, asked)
    assert found["prompt"].tolist() == ["бер ике өс", "х" * 10]
    assert found["continuation"].str.len().tolist() == [30, 30]
    assert found["continuation"][0].startswith(" дүрт")
    assert not found["ended"].any()
    assert len(passages(texts, asked, count=3)) == 3
