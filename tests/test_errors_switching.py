import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf

from bashkir_utils import errors
from bashkir_utils.errors import switching
from bashkir_utils.errors.identifier import CLASSES, UNDECIDED
from bashkir_utils.errors.switching import RUN, WINDOW, Switch, first_switch, languages_of_words, surest

BASHKIR = "Ҡышҡы урманда тыныслыҡ, ҡар ҡалын булып ята, ағастар аҡ кейем кейгән."
ENGLISH = "Then somebody opened the old wooden door and asked us to come inside at once."
RUSSIAN = "После этого мы долго молчали и смотрели на тёмную воду под мостом."
TATAR = "Шуннан соң без бик озак җырлап утырдык, аннары чәй эчәргә җыендык."

names = st.lists(st.sampled_from([*CLASSES, UNDECIDED]), max_size=30)


def texts(*found):
    return pd.DataFrame({"model": "m", "prompt": [f"p{i}" for i in range(len(found))], "continuation": found})


@pytest.mark.parametrize(("after", "into"), [(ENGLISH, "en"), (RUSSIAN, "ru"), (TATAR, "tt")])
def test_a_switch_at_a_known_word_is_found(after, into):
    (languages,) = languages_of_words([f"{BASHKIR} {after}"])
    switch = first_switch(languages, "ba")
    assert len(languages) == len(f"{BASHKIR} {after}".split())
    assert switch is not None
    assert switch.into == into
    assert abs(switch.place - len(BASHKIR.split())) <= 2


def test_the_target_may_be_another_language():
    table = errors.follow(texts(f"{TATAR} {ENGLISH}", TATAR, BASHKIR), "tt")
    assert table["into"].tolist() == ["en", "", "ba"]
    assert table["tt"].tolist()[1] == len(TATAR.split())
    russian = errors.follow(texts(RUSSIAN, f"{RUSSIAN} {BASHKIR}"), "ru")
    assert russian["switched"].tolist() == [False, True]


@pytest.mark.parametrize("target", ["kk", "other", "undecided", None])
def test_without_a_class_for_the_target_nothing_is_claimed(target):
    assert errors.follow(texts(BASHKIR), target) is None


def test_what_is_not_a_word_is_not_counted():
    table = errors.follow(texts("", "123 — …", f"— 17 {BASHKIR}"), "ba")
    assert table["words"].tolist() == [0, 0, len(BASHKIR.split())]
    assert table["switched"].tolist() == [False] * 3
    assert table["share"].isna().all()


def test_short_texts_are_judged_whole():
    table = errors.follow(texts("The house is green.", "Ҡыҙым ҡайтҡан."), "ba")
    assert table[["switched", "into", "at", "share"]].iloc[0].tolist() == [True, "en", 1, 0.0]
    assert table["ba"].tolist() == [0, 2]


def test_one_endless_word_and_a_long_loop_are_read_quickly():
    (found,) = languages_of_words(["ҡ" * 100_000 + f" {BASHKIR}"])
    assert found[WINDOW:] == ["ba"] * (len(found) - WINDOW)
    (loop,) = languages_of_words([f"{BASHKIR} " * 2000])
    assert set(loop) == {"ba"}


def test_first_switch_by_hand():
    stay, leave = ["ba"] * 4, ["ru"] * RUN
    assert first_switch([*stay, *leave], "ba") == Switch(4, "ru")
    assert first_switch([*stay, *leave[1:]], "ba") is None, "one window alone is no evidence"
    assert first_switch([*stay, *leave[1:], "en", *leave], "ba") == Switch(4 + RUN, "ru")
    assert first_switch([UNDECIDED] * 20, "ba") is None
    assert first_switch([], "ba") is None
    assert first_switch(["ru", "ru"], "ba") == Switch(0, "ru")
    assert first_switch(["ru", "ba"], "ba") is None


@given(names, st.sampled_from([name for name in CLASSES if name != "ba"]), names)
def test_what_comes_after_a_switch_does_not_change_it(before, into, after):
    switched = [*before, *[into] * RUN]
    switch = first_switch(switched, "ba")
    assert switch is not None
    assert switch.place <= len(before)
    assert switched[switch.place : switch.place + RUN] == [switch.into] * RUN
    assert first_switch(switched + after, "ba") == switch


@given(names)
def test_text_in_the_target_alone_never_switches(languages):
    kept = [name if name in ("tt", UNDECIDED) else "tt" for name in languages]
    assert first_switch(kept, "tt") is None


def test_surest_by_hand():
    windows = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])  # of three words each, over five words
    assert surest(windows, 5)[:, 0].tolist() == [0.9, 0.9, 0.9, 0.2, 0.2]
    assert surest(np.array([[0.3, 0.7]]), 2).tolist() == [[0.3, 0.7]] * 2


@given(st.integers(1, 12), st.integers(1, 6), st.randoms())
def test_a_word_takes_a_window_that_it_is_in(count, reach, random):
    best = [random.random() for _ in range(count)]
    windows = np.column_stack([best, np.divide(best, 2)])
    chosen = surest(windows, count + reach - 1)[:, 0]
    for word, value in enumerate(chosen):
        around = best[max(0, word - reach + 1) : word + 1]
        assert value == pytest.approx(max(around))


def followed(rows, model="m"):
    """Rows of (unit, at, switched)."""
    table = pd.DataFrame(rows, columns=["unit", "at", "switched"])
    into = np.where(table["switched"], "en", "")
    return table.assign(model=model, words=table["at"] + RUN, into=into)


def test_kaplan_meier_by_hand():
    """Six texts: switches at words 2, 2 and 5; texts that end unswitched at 3, 5 and 9."""
    rows = [("a", 2, True), ("b", 2, True), ("c", 3, False), ("d", 5, True), ("e", 5, False), ("f", 9, False)]
    table = switching.survival(followed(rows), 0.95)
    assert table["word"].tolist() == [2, 3, 5, 9]
    assert table["surviving"].tolist() == pytest.approx([4 / 6, 4 / 6, 4 / 6 * 2 / 3, 4 / 6 * 2 / 3])
    assert table["followed"].tolist() == [6, 4, 3, 1]
    assert (table["low"] <= table["surviving"]).all()
    assert (table["surviving"] <= table["high"]).all()


@given(st.lists(st.tuples(st.integers(1, 8), st.booleans()), min_size=1, max_size=20), st.randoms())
def test_drawn_survival_is_that_of_the_texts_drawn(rows, random):
    """Weights are the same as writing a text down several times; checked against scipy's estimate."""
    weights = [random.randrange(3) for _ in rows]
    weights[0] = max(weights[0], 1)
    own = followed([("u", at, switched) for at, switched in rows])
    words = np.unique(own["at"])
    found = switching.survival_of_draws(own, words, np.array([weights], dtype=float))[0]
    copies = [row for row, weight in zip(rows, weights, strict=True) for _ in range(weight)]
    expected = ecdf(CensoredData.right_censored([at for at, _ in copies], [not switched for _, switched in copies])).sf
    assert found == pytest.approx(expected.evaluate(words))
    assert (np.diff(found) <= 1e-12).all()


def test_a_prompt_is_drawn_with_all_its_samples():
    """Ten samples of one prompt say no more than one: the interval stays as wide."""
    rows = [("a", 1, True), ("b", 9, False), ("c", 9, False), ("d", 1, True)]
    one = switching.survival(followed(rows), 0.9)
    ten = switching.survival(followed(rows * 10), 0.9)
    assert ten[["surviving", "low", "high"]].to_numpy() == pytest.approx(one[["surviving", "low", "high"]].to_numpy())


def test_models_without_a_switch_or_without_words():
    still = followed([("a", 3, False), ("b", 4, False)], "still")
    silent = followed([("a", 1, False)], "silent").assign(words=0)
    table = switching.survival(pd.concat([still, silent]), 0.95)
    assert table["model"].unique().tolist() == ["still"]
    assert table["surviving"].tolist() == [1, 1]
    assert table[["low", "high"]].isna().all(axis=None)
    assert switching.survival(silent, 0.95).empty
    assert switching.destinations(still).columns.tolist() == ["continuations", "switched", "median_word"]


def test_the_last_words_cannot_show_a_switch_and_do_not_count():
    """A text of 8 words: had it switched after the third word there would be too few left to see it."""
    table = errors.follow(texts(" ".join(BASHKIR.split()[:8])), "ba")
    assert table[["words", "switched", "at"]].iloc[0].tolist() == [8, False, 8 - RUN + 1]


def test_shares_and_destinations_of_models():
    frame = pd.concat(
        [
            texts(BASHKIR, BASHKIR, f"{BASHKIR} {ENGLISH}").assign(model="good"),
            texts(ENGLISH, ENGLISH, RUSSIAN).assign(model="bad"),
            pd.DataFrame({"model": ["people", "silent"], "prompt": [None, None], "continuation": [BASHKIR, ""]}),
        ]
    )
    table = errors.follow(frame, "ba")
    assert table["unit"].nunique() == 3 + 2
    shares = switching.shares(table, "ba", 0.95)
    assert shares.index.tolist() == ["good", "bad", "people", "silent"]
    words, english = len(BASHKIR.split()), len(ENGLISH.split())
    assert shares.loc["good", "in_target"] == pytest.approx(3 * words / (3 * words + english), abs=0.05)
    assert shares.loc["good", "low"] < shares.loc["good", "in_target"] <= shares.loc["good", "high"] == 1
    assert shares.loc["bad", ["in_target", "low", "high"]].tolist() == [0, 0, 0]
    assert math.isnan(shares.loc["silent", "in_target"])
    by_language = shares[[*CLASSES, UNDECIDED]].sum(axis=1)
    assert by_language.tolist()[:3] == pytest.approx([1, 1, 1])
    into = switching.destinations(table)
    assert into.loc["bad", ["into_ru", "into_en", "switched", "median_word"]].tolist() == [1, 2, 1, 1]
    assert into.loc["good", ["into_ru", "into_en"]].tolist() == [0, 1]
    assert "silent" not in into.index
