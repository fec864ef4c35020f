import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
    """Rows of (unit, words, number of the first word outside, or None)."""
    table = pd.DataFrame(rows, columns=["unit", "words", "at"]).astype({"at": float})
    switched = table["at"].notna()
    return table.assign(model=model, switched=switched, into=np.where(switched, "en", ""))


def test_share_switched_by_hand():
    """Six texts: switches at words 2, 2 and 5; the others end unswitched after 3, 5 and 9 words."""
    rows = [("a", 8, 2), ("b", 8, 2), ("c", 3, None), ("d", 11, 5), ("e", 5, None), ("f", 9, None)]
    table = switching.switched_by_word(followed(rows), 0.95)
    assert table["word"].tolist() == [1, 2, 5, 11]
    assert table["switched"].tolist() == pytest.approx([0, 2 / 6, 3 / 6, 3 / 6])
    assert table["reached"].tolist() == [6, 6, 5, 1]
    assert table.loc[0, ["low", "high"]].isna().all()
    later = table.iloc[1:]
    assert (later["low"] <= later["switched"]).all()
    assert (later["switched"] <= later["high"]).all()


def test_texts_that_stay_and_are_short_are_not_lost():
    """People's Bashkir has nine words where English has thirty: one text in five turns English, and four stay."""
    stay = [(f"stay {place}", 9, None) for place in range(96)]
    leave = [(f"leave {place}", 30, 2 + place % 6) for place in range(24)]
    last = switching.switched_by_word(followed(stay + leave), 0.95).iloc[-1]
    assert last["word"] == 30
    assert last["switched"] == pytest.approx(0.2)
    assert 0.1 < last["low"] < 0.2 < last["high"] < 0.3


def test_short_bashkir_texts_and_long_ones_that_turn_english_from_end_to_end():
    nine = " ".join(BASHKIR.split()[:9])
    start = " ".join(BASHKIR.split()[:5])
    table = errors.follow(texts(*[nine] * 8, *[f"{start} {ENGLISH} {ENGLISH}"] * 2), "ba")
    curve = switching.switched_by_word(table, 0.95)
    assert curve["switched"].iloc[-1] == pytest.approx(0.2)


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30) | st.none()), min_size=1, max_size=20))
def test_the_share_switched_only_grows_and_ends_at_the_share_of_texts_that_switch(rows):
    made = followed([(f"u{place}", max(words, at or 1), at) for place, (words, at) in enumerate(rows)])
    table = switching.switched_by_word(made, 0.9)
    assert (np.diff(table["switched"]) >= 0).all()
    assert table["switched"].iloc[-1] == pytest.approx(made["switched"].mean())
    for row in table.itertuples():
        assert row.switched == pytest.approx((made["at"] <= row.word).mean())


def test_intervals_of_the_share_switched_are_wide_enough():
    """Forty prompts with two samples each that go together: 90% intervals cover the truth about nine times in ten."""
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(100):
        leaves = rng.random(40) < 0.3
        rows = [(f"p{i}", 12, 3 if left else None) for i, left in enumerate(leaves) for _sample in range(2)]
        last = switching.switched_by_word(followed(rows), 0.9).iloc[-1]
        covered.append(last["low"] <= 0.3 <= last["high"])
    assert np.mean(covered) > 0.8


def test_a_prompt_is_drawn_with_all_its_samples():
    """Ten samples of one prompt say no more than one: the interval stays as wide."""
    rows = [("a", 8, 1), ("b", 9, None), ("c", 9, None), ("d", 8, 1)]
    one = switching.switched_by_word(followed(rows), 0.9)
    ten = switching.switched_by_word(followed(rows * 10), 0.9)
    assert ten[["switched", "low", "high"]].to_numpy() == pytest.approx(one[["switched", "low", "high"]].to_numpy())


def test_models_without_a_switch_or_without_words():
    still = followed([("a", 3, None), ("b", 4, None)], "still")
    silent = followed([("a", 0, None)], "silent")
    table = switching.switched_by_word(pd.concat([still, silent]), 0.95)
    assert table["model"].unique().tolist() == ["still"]
    assert table["switched"].tolist() == [0, 0]
    assert table[["low", "high"]].isna().all(axis=None)
    assert switching.switched_by_word(silent, 0.95).empty
    assert switching.destinations(still).columns.tolist() == ["continuations", "switched", "median_word"]


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
