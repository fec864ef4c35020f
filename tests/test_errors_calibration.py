import math

import numpy as np
import pandas as pd
import pytest

from bashkir_utils.errors import calibration, identifier
from bashkir_utils.errors.switching import WINDOW
from bashkir_utils.language import labelled_sentences

SENTENCES = labelled_sentences()


@pytest.fixture(scope="module")
def whole():
    return calibration.held_out_pieces(SENTENCES, None)


@pytest.fixture(scope="module")
def windows():
    return calibration.held_out_pieces(SENTENCES, WINDOW)


def test_no_group_is_on_both_sides_and_every_piece_is_tested_once():
    table = identifier.pieces(SENTENCES, WINDOW)
    tested = []
    for fitted, held in calibration.folds(table):
        assert not set(table["group"].iloc[fitted]) & set(table["group"].iloc[held])
        assert set(table["language"].iloc[fitted]) == set(table["language"].iloc[held]) == set(identifier.CLASSES)
        tested.extend(held)
    assert sorted(tested) == list(range(len(table)))


def test_an_identifier_never_sees_its_own_fold(monkeypatch):
    """What is held out of one fit is what that fit's identifier is then asked about."""
    seen_by_fit, real = [], calibration.fit
    marks = {}

    def mark(text):
        marks[text] = len(marks)
        return np.full(11, marks[text], dtype=float)

    def remember(seen, languages, weights):
        seen_by_fit.append({int(row[0]) for row in seen})
        return real(seen, languages, weights)

    monkeypatch.setattr(calibration, "evidence", mark)
    monkeypatch.setattr(calibration, "fit", remember)
    calibration.held_out_pieces(SENTENCES, None)
    everything = set(range(len(SENTENCES)))
    held = [everything - seen for seen in seen_by_fit]
    assert len(held) == calibration.FOLDS
    assert set().union(*held) == everything
    assert sum(map(len, held)) == len(everything), "every sentence is left out of exactly one fit"

    group = [each.group for each in SENTENCES]
    for (_, groups), own in zip(calibration.fold_identifiers(SENTENCES, 1), held, strict=True):
        assert groups
        assert not {group[i] for i in own} & {group[i] for i in everything - own}


def made_held():
    """Two Bashkir sentences (one of two pieces), one Tatar; others so that every class comes."""
    rows = [
        ("ba", 0, 0.5, "ba", "tt", 0.9, 1),
        ("ba", 0, 0.5, "tt", "tt", 0.6, 0),
        ("ba", 1, 1.0, "ba", "ba", 0.7, 3),
        ("tt", 2, 1.0, "tt", "other", 0.8, 0),
        ("ru", 3, 1.0, "ru", "ru", 1.0, 0),
        ("en", 4, 1.0, "en", "en", 1.0, 0),
        ("other", 5, 1.0, "other", "other", 1.0, 0),
    ]
    columns = ["language", "sentence", "weight", "called", "lid", "confidence", "own_letters"]
    return pd.DataFrame(rows, columns=columns).assign(true_probability=0.5, squares=0.25)


def wilson(share, trials, z=1.959963984540054):
    """Both ends as roots of (p - share)² = z² p (1 - p) / trials."""
    roots = np.roots([1 + z * z / trials, -(2 * share + z * z / trials), share * share])
    return sorted(float(root.real) for root in roots)


def test_accuracy_by_hand():
    table = calibration.accuracy(made_held(), 0.95)
    assert table.index.tolist() == ["ba", "tt", "ru", "en", "other", "all"]
    assert table.loc["ba", ["sentences", "accuracy", "lid_accuracy"]].tolist() == [2, 0.75, 0.5]
    assert table.loc["ba", ["low", "high"]].tolist() == pytest.approx(wilson(0.75, 2))
    assert table.loc["all", ["sentences", "accuracy", "lid_accuracy"]].tolist() == pytest.approx([6, 5.5 / 6, 4 / 6])
    assert table.loc["all", ["lid_low", "lid_high"]].tolist() == pytest.approx(wilson(4 / 6, 6))


def test_confusion_by_hand():
    table = calibration.confusion(made_held(), "called", 0.95)
    assert table["share"].groupby("language").sum().tolist() == [1] * 5
    assert table.loc[("ba", "tt"), ["share", "low", "high"]].tolist() == pytest.approx([0.25, *wilson(0.25, 2)])
    assert calibration.confusion(made_held(), "lid", 0.95).loc[("tt", "other"), "share"] == 1


def test_letters_by_hand():
    table = calibration.accuracy_by_letters(made_held(), 0.95)
    assert table["accuracy"].to_dict() == {
        "Bashkir, none": 0.0,
        "Bashkir, one": 1.0,
        "Bashkir, two or more": 1.0,
        "Tatar": 1.0,
    }


def test_scores_by_hand():
    scores = calibration.calibration_scores(made_held())
    assert scores["brier"] == pytest.approx(0.25)
    assert scores["log_loss"] == pytest.approx(math.log(2))
    # of weight 6: 0.5 at 0.6 and 1 at 0.7 are not sure enough to be called anything
    assert scores["decided"] == pytest.approx(4.5 / 6)
    assert scores["right_if_decided"] == 1


def test_a_liar_has_a_calibration_error_and_an_honest_one_has_none():
    rng = np.random.default_rng(0)
    probability = rng.uniform(0.5, 1, 4000)
    right = rng.uniform(size=4000) < probability
    honest = pd.DataFrame(
        {"language": "ba", "called": np.where(right, "ba", "tt"), "sentence": range(4000), "weight": 1.0}
    ).assign(confidence=probability, true_probability=0.5, squares=0.0)
    liar = honest.assign(confidence=0.5 + (probability - 0.5) / 5 + 0.4)
    assert calibration.calibration_scores(honest)["calibration_error"] < 0.03
    # the mean of what it says is 0.95 where 0.75 is true
    assert calibration.calibration_scores(liar)["calibration_error"] == pytest.approx(0.2, abs=0.03)
    table = calibration.reliability(honest, 0.95)
    assert table["weight"].tolist() == pytest.approx([0.2] * 5, abs=0.03)
    assert table["probability"].tolist() == pytest.approx([0.55, 0.65, 0.75, 0.85, 0.95], abs=0.01)
    assert ((table["low"] < table["probability"]) & (table["probability"] < table["high"])).sum() >= 4


def test_it_beats_lid_alone_on_bashkir_and_is_calibrated(whole, windows):
    for held in (whole, windows):
        table = calibration.accuracy(held, 0.95)
        assert table.loc["ba", "accuracy"] > table.loc["ba", "lid_high"]
        assert table.loc["tt", "accuracy"] > table.loc["tt", "lid_accuracy"]
        assert table.loc["all", "low"] > 0.85
        scores = calibration.calibration_scores(held)
        assert scores["calibration_error"] < 0.05
        assert scores["right_if_decided"] > 0.95


def test_bashkir_with_its_own_letters_is_sure(whole):
    table = calibration.accuracy_by_letters(whole, 0.95)
    assert table.loc["Bashkir, two or more", "accuracy"] == 1
    assert table.loc["Bashkir, none", "accuracy"] < 0.9, "the hard ones are hard"


def test_longer_windows_are_surer():
    held = {words: calibration.held_out_pieces(SENTENCES, words) for words in (2, 8)}
    table = calibration.accuracy_by_length(held, 0.95)
    assert table.loc[2, "high"] < table.loc[8, "low"]
    assert table.loc[2, "sentences"] > table.loc[8, "sentences"]
