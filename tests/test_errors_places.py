import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_scores import every_character, made_scores

from bashkir_utils.corpus.statistics import word_counts
from bashkir_utils.errors import forms, places
from bashkir_utils.exceptions import RunError
from bashkir_utils.language import Analysis, Entry, analyse
from bashkir_utils.statistics import paired_difference

LN2 = math.log(2)


def groups_of(kind, text) -> list[str]:
    """The group of each character."""
    return [kind.groups[code] for code in kind.codes]


def by_group(scored, text, kind, column="bits_per_byte", **more):
    table = places.place_table(places.score_places({"m": scored}, text, [kind]), samples=50, **more)
    return table.set_index("group")[column].to_dict()


def test_bits_per_byte_of_groups_by_hand():
    # 3 letters of 2 bytes at 2 ln 2 nats each, then a sign of 1 byte at ln 2
    scored, text = made_scores(["аби."], every_character(["аби."], lambda d, i: LN2 if i == 3 else 2 * LN2))
    kind = places.from_units("k", ("word", "sign", "never"), text.units["kind"].tolist(), text)
    table = places.place_table(places.score_places({"m": scored}, text, [kind])).set_index("group")
    assert table["bytes"].to_dict() == {"word": 6, "sign": 1}
    assert table["bits_per_byte"].to_dict() == pytest.approx({"word": 1, "sign": 1})
    assert table["share_of_loss"].to_dict() == pytest.approx({"word": 6 / 7, "sign": 1 / 7})
    assert table["share_of_bytes"].to_dict() == pytest.approx({"word": 6 / 7, "sign": 1 / 7})
    assert table["shared"].tolist() == [0, 0]
    assert table["low"].isna().all(), "one document bears no interval"


def test_a_token_across_a_boundary_is_shared_by_bytes_and_said_to_be():
    scored, text = made_scores(["аб."], [(0, 0, 1, 1.0), (0, 1, 3, 3.0)])
    kind = places.from_units("k", ("word", "sign"), text.units["kind"].tolist(), text)
    table = places.place_table(places.score_places({"m": scored}, text, [kind])).set_index("group")
    assert (table["bits_per_byte"] * table["bytes"] * LN2).to_dict() == pytest.approx({"word": 3, "sign": 1})
    assert table["shared"].to_dict() == pytest.approx({"word": 2 / 3, "sign": 1})


def test_bands_and_their_names():
    assert places.band_names((0, 1, 10, 100)) == ("0", "1–9", "10–99", "100 and more")


def test_groups_by_context_are_those_of_tokens():
    tokens = [(0, 0, 1, 1.0, 0), (0, 1, 2, 2.0, 15), (0, 2, 3, 4.0, 16), (0, 3, 4, 8.0, 5000)]
    scored, text = made_scores(["абвг"], tokens)
    kind = places.ContextKind("position", places.CONTEXT_EDGES)
    found = by_group(scored, text, kind)
    assert found == pytest.approx({"0–15": 3 / 4 / LN2, "16–63": 4 / 2 / LN2, "1,024 and more": 8 / 2 / LN2})


def test_the_largest_sources_are_shown_and_the_rest_put_together():
    texts = ["а" * (20 - i) for i in range(11)]
    scored, text = made_scores(texts, every_character(texts), sources=[f"s{i}" for i in range(11)])
    kind = places.genre(text)
    assert kind.groups == (*(f"s{i}" for i in range(8)), places.OTHER_SOURCES)
    assert by_group(scored, text, kind, "bytes")[places.OTHER_SOURCES] == 2 * (12 + 11 + 10)


def test_a_source_called_like_the_rest_is_among_the_rest():
    texts = ["аа", "бб"]
    scored, text = made_scores(texts, every_character(texts), sources=[places.OTHER_SOURCES, "s"])
    assert by_group(scored, text, places.genre(text), "bytes") == {"s": 4, places.OTHER_SOURCES: 4}


def test_documents_in_quarters_by_length():
    texts = ["a" * size for size in (1, 2, 3, 4, 5, 6, 7, 8)]
    scored, text = made_scores(texts, every_character(texts))
    found = by_group(scored, text, places.document_length(text), "documents")
    assert found == {"1–2 bytes": 2, "3–4 bytes": 2, "5–6 bytes": 2, "7–8 bytes": 2}
    scored, text = made_scores(["aa", "bb"], every_character(["aa", "bb"]))
    assert by_group(scored, text, places.document_length(text), "bytes") == {"2 bytes": 4}


def test_words_by_their_frequency_in_training():
    text = made_scores(["Бал ҡар-бал юҡ 5!"], [])[1]
    kind = places.word_frequency(text, Counter({"бал": 10, "ҡар": 3}))
    found = groups_of(kind, text)
    assert found[:3] == ["10–99"] * 3
    assert found[3:11] == ["1–9"] * 8
    assert found[11:14] == ["unseen"] * 3
    assert set(found[14:]) == {places.NO_WORD}


def test_first_letters_with_the_space_before_them():
    text = made_scores(["Ул  бар."], [])[1]
    first, later, none = places.first_letter(text).groups
    assert groups_of(places.first_letter(text), text) == [first, later, first, first, first, later, later, none]


SENTENCE = "Бүген Азамат 5 китабымды алды. Азамат уҡыны. Рөстәм Зззз менән ыыы."


@pytest.fixture(scope="module")
def sentence():
    return made_scores([SENTENCE], every_character([SENTENCE]))


def labels(kind, text) -> dict[str, set[str]]:
    """Groups of the characters of each unit, white space left out."""
    found = groups_of(kind, text)
    rows = zip(text.units["text"], text.units["inner"], strict=True)
    return {f"{word}@{inner}": set(found[inner : inner + len(word)]) for word, inner in rows}


def test_names_numbers_and_the_rest(sentence):
    _, text = sentence
    found = labels(forms.names_and_numbers(text, forms.read_words(text, analyse)), text)
    kinds = {word.partition("@")[0]: groups for word, groups in found.items()}
    inside, opening = SENTENCE.index("Азамат"), SENTENCE.rindex("Азамат")
    assert found[f"Азамат@{inside}"] == {forms.LISTED_NAME}
    # азамат is a noun too, so a capital at the beginning of a sentence proves nothing
    assert found[f"Азамат@{opening}"] == {forms.OTHER_WORD}
    assert kinds["Рөстәм"] == {forms.LISTED_NAME}
    assert kinds["Зззз"] == {forms.CAPITAL}
    assert kinds["5"] == {forms.NUMBER}
    assert kinds["."] == {forms.SIGN}
    assert kinds["китабымды"] == {forms.OTHER_WORD}
    without = labels(forms.names_and_numbers(text), text)
    assert without[f"Азамат@{inside}"] == {forms.CAPITAL}


def test_stems_and_suffixes(sentence):
    _, text = sentence
    readings = forms.read_words(text, analyse)
    start = SENTENCE.index(" китабымды")
    stems = groups_of(forms.stem_or_suffix(text, readings), text)[start : start + 10]
    assert stems == ["stem"] * 6 + ["suffix"] * 4
    suffixes = groups_of(forms.kind_of_suffix(text, readings), text)[start : start + 10]
    assert suffixes == [forms.NO_SUFFIX] * 6 + ["possessive"] * 2 + ["case"] * 2
    unread = SENTENCE.index("ыыы")
    assert groups_of(forms.stem_or_suffix(text, readings), text)[unread : unread + 3] == [forms.NOT_READ] * 3


def test_parts_of_speech(sentence):
    _, text = sentence
    kinds = labels(forms.part_of_speech(text, forms.read_words(text, analyse)), text)
    found = {word.partition("@")[0]: groups for word, groups in kinds.items()}
    assert found["китабымды"] == {"noun"}
    assert found["менән"] == {"postposition"}
    assert found["Зззз"] == found["ыыы"] == {forms.NOT_READ}


def test_readings_that_disagree_are_ambiguous():
    def one(pos, tags=()):
        return Analysis(Entry("бар", pos, ""), tags, (3,) * len(tags))

    text = made_scores(["а б в"], [])[1]
    known = {"а": [one("noun"), one("verb")], "б": [one("noun"), one("noun", ("PL",))], "в": []}
    known["б"].append(one("verb", ("CVB",)))
    readings = forms.read_words(text, lambda word: known[word])
    assert [readings[word].part for word in "абв"] == [forms.AMBIGUOUS, "noun", forms.NOT_READ]


def test_a_suffix_of_two_readings_is_ambiguous():
    # бара: goes, or the converb; the longer reading, present and third person, has the same cut
    text = made_scores(["бара барам"], [])[1]
    suffixes = groups_of(forms.kind_of_suffix(text, forms.read_words(text, analyse)), text)
    assert suffixes[3] == forms.AMBIGUOUS
    assert suffixes[8:10] == ["tense or mood", "person"]


def test_each_distinct_word_is_read_once():
    asked = []
    text = made_scores(["бар Бар БАР ҡар", "бар"], [])[1]
    forms.read_words(text, lambda word: asked.append(word) or ())
    assert sorted(asked) == ["бар", "ҡар"]


def test_a_capital_that_grows_in_lower_case_has_no_suffixes():
    text = made_scores(["İбар"], [])[1]
    readings = {"İбар".lower(): forms.Reading("noun", ((1, "case"),), False, False)}
    assert set(groups_of(forms.kind_of_suffix(text, readings), text)) == {forms.NO_SUFFIX}


def all_kinds(text):
    return forms.all_kinds(text, word_counts(text.texts), analyse)


@st.composite
def scored_texts(draw):
    texts = draw(
        st.lists(st.text("аҡ -1.\nАz€", min_size=1, max_size=14), min_size=1, max_size=4).map(
            lambda found: [*found, "Азамат китабымды уҡыны."]
        )
    )
    tokens = []
    for document, text in enumerate(texts):
        start = 0
        for _ in range(draw(st.integers(1, 5))):
            end = draw(st.integers(start, len(text)))
            tokens.append((document, start, end, draw(st.floats(0.01, 20)), draw(st.integers(0, 2000))))
            start = end
    return texts, tokens


@settings(max_examples=40, deadline=None)
@given(scored_texts())
def test_the_groups_of_every_kind_sum_to_the_text(made):
    texts, tokens = made
    scored, text = made_scores(texts, tokens)
    scores = places.score_places({"m": scored}, text, all_kinds(text))
    table = places.place_table(scores, samples=20)
    size, loss = sum(len(each.encode()) for each in texts), sum(token[3] for token in tokens)
    assert table["kind"].nunique() == 9
    for _, rows in table.groupby("kind"):
        assert rows["bytes"].sum() == pytest.approx(size)
        assert (rows["bits_per_byte"] * rows["bytes"]).sum() * LN2 == pytest.approx(loss)
        assert rows["share_of_bytes"].sum() == pytest.approx(1)
        assert rows["share_of_loss"].sum() == pytest.approx(1)
        assert rows["shared"].between(0, 1 + 1e-9).all()


def test_another_language_needs_no_analyser():
    text = made_scores(["Kitap aldım. Ali 5 gün."], [])[1]
    kinds = forms.all_kinds(text, {}, None)
    assert {kind.name for kind in kinds} & {forms.PART, forms.MORPHEME, forms.CATEGORY} == set()
    assert len(kinds) == 6


def made_models(texts, *factors):
    noise = np.random.default_rng(0).uniform(0.5, 1.5, sum(map(len, texts)))
    begins = np.cumsum([0, *map(len, texts)])
    made = [
        made_scores(texts, every_character(texts, lambda d, i, f=factor: f * noise[begins[d] + i]))
        for factor in factors
    ]
    return [scored for scored, _ in made], made[0][1]


def test_intervals_are_those_of_a_paired_bootstrap_over_documents():
    texts = [f"сүҙ {'а' * size}" for size in range(4, 16)]
    (one, two), text = made_models(texts, 1.0, 1.5)
    whole = places.from_units("k", ("all",), ["all"] * len(text.units), text)
    scores = places.score_places({"one": one, "two": two}, text, [whole])
    draws = places.place_draws(scores, 400)
    tables = [
        text.documents.assign(nll=scored.tokens.groupby("document")["nll"].sum().to_numpy()) for scored in (one, two)
    ]
    expected = paired_difference(*tables, samples=400)
    low, high = np.sort(draws[:, 0] - draws[:, 1])[[9, -10]]
    assert (low, high) == pytest.approx((expected.low, expected.high))
    table = places.place_table(scores, samples=400)
    assert ((table["low"] < table["bits_per_byte"]) & (table["bits_per_byte"] < table["high"])).all()


def test_groups_in_few_documents_have_no_interval():
    texts = ["бал 5"] * 3 + ["бал"] * 9
    scored, text = made_scores(texts, every_character(texts))
    kind = places.from_units("k", ("word", "number"), text.units["kind"].tolist(), text)
    table = places.place_table(places.score_places({"m": scored}, text, [kind])).set_index("group")
    assert table["documents"].to_dict() == {"word": 12, "number": 3}
    assert np.isfinite(table.loc["word", ["low", "high"]].astype(float)).all()
    assert table.loc["number", ["low", "high"]].isna().all()


def test_the_best_run_of_each_way():
    made = {nats: made_scores(["аб"], [(0, 0, 2, nats)])[0] for nats in (1.0, 2.0, 3.0, math.nan)}
    named = [("full", made[3.0]), ("lora", made[2.0]), ("full", made[1.0]), ("qlora", made[math.nan])]
    assert places.best_of_each(named, 8) == {"full": made[1.0], "lora": made[2.0]}
    assert list(places.best_of_each(named, 8)) == ["full", "lora"]
    assert list(places.best_of_each(named, 1)) == ["full"]


def test_other_documents_are_refused():
    scored, _ = made_scores(["аб"], [(0, 0, 2, 1.0)])
    _, other = made_scores(["аб", "в"], [])
    with pytest.raises(RunError, match="same documents"):
        places.score_places({"m": scored}, other, [places.genre(other)])


def test_one_form_for_every_kind():
    scored, text = made_scores([SENTENCE], every_character([SENTENCE]))
    table = places.place_table(places.score_places({"m": scored}, text, all_kinds(text)))
    assert table.columns.tolist() == [
        "model", "kind", "group", "documents", "bytes", "share_of_bytes", "share_of_loss", "bits_per_byte", "low",
        "high", "shared",
    ]  # fmt: skip
    assert isinstance(table, pd.DataFrame)
    assert table["bits_per_byte"].notna().all()
