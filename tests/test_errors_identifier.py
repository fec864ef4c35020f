import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bashkir_utils import errors
from bashkir_utils.errors import identifier
from bashkir_utils.errors.identifier import CLASSES, SURE, UNDECIDED, calibrated, decide, evidence, pieces
from bashkir_utils.language import LabelledSentence

BASHKIR = "Күршеләрем ҡыш буйы ауылда йәшәй, ә йәй һайын диңгеҙгә бара."
TATAR = "Күршеләрем кыш буе авылда яши, ә җәй саен диңгезгә бара."


def called(text, words=None):
    return CLASSES[calibrated(words).probabilities([text])[0].argmax()]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (BASHKIR, "ba"),
        (TATAR, "tt"),
        ("Мои соседи зимой живут в деревне, а летом ездят к морю.", "ru"),
        ("My neighbours live in the village in winter and go to the sea in summer.", "en"),
        ("Meine Nachbarn wohnen im Winter auf dem Land und fahren im Sommer ans Meer.", "other"),
        ("Көршілерім қыста ауылда тұрады, ал жазда теңізге барады.", "other"),
    ],
)
def test_languages_of_sentences(text, language):
    assert called(text) == language
    assert called(text.upper()) == language


def test_letters_are_evidence_beside_the_model():
    """The same probabilities of lid.176 and other letters make another language."""
    groups = evidence("ҡҙ җ ә я q ў")[len(CLASSES) :]
    assert groups == pytest.approx(np.log1p([2, 1, 1, 1, 1, 1]))
    neutral = evidence("ул тора")
    bashkir, tatar = neutral.copy(), neutral.copy()
    bashkir[len(CLASSES)], tatar[len(CLASSES) + 1] = math.log(3), math.log(3)
    found = calibrated(None).regression.predict_proba(np.stack([bashkir, tatar]))
    assert found[0, 0] > found[1, 0]
    assert found[1, 1] > found[0, 1]


@given(st.lists(st.text(max_size=30), max_size=5))
def test_probabilities_sum_to_one(texts):
    found = calibrated(None).probabilities(texts)
    assert found.shape == (len(texts), len(CLASSES))
    assert found.sum(axis=1) == pytest.approx(np.ones(len(texts)))
    assert (found >= 0).all()


def test_without_letters_nothing_is_known():
    found = calibrated(5).probabilities(["12 — !", ""])
    assert found == pytest.approx(np.full((2, 5), 0.2))
    assert decide(found) == [UNDECIDED, UNDECIDED]


def test_only_the_sure_is_decided():
    assert decide(np.array([[SURE, 0.2, 0, 0, 0], [0.3, 0.7, 0, 0, 0], [0, 0, 0, 0, 1]])) == ["ba", UNDECIDED, "other"]


def test_pieces_by_hand():
    sentences = [LabelledSentence("ba", "1", "Бер — ике өс!"), LabelledSentence("kk", "2", "Бір екі")]
    table = pieces(sentences, 2)
    assert table["text"].tolist() == ["Бер ике", "ике өс!", "Бір екі"]
    assert table["language"].tolist() == ["ba", "ba", "other"]
    assert table["weight"].tolist() == [0.5, 0.5, 1.0]
    assert pieces(sentences, 3)["sentence"].tolist() == [0]
    assert pieces(sentences, None)["text"].tolist() == ["Бер — ике өс!", "Бір екі"]


def test_classes_weigh_the_same_however_many_pieces_they_have():
    """Twenty times as much Bashkir does not make a piece without evidence Bashkir."""
    names = ["ba"] * 100 + [name for name in CLASSES[1:] for _ in range(5)]
    alike = np.zeros((len(names), 11))
    found = identifier.fit(alike, names, np.ones(len(names))).regression.predict_proba(alike[:1])
    assert found == pytest.approx(np.full((1, 5), 0.2), abs=0.01)


def test_by_sentence_in_the_columns_of_the_plain_one():
    table = errors.calibrated_by_sentence([f"{BASHKIR} {TATAR}", "Ауыл.", ""])
    assert table.columns.tolist() == errors.language_by_sentence([]).columns.tolist()
    assert table["text"].tolist() == [0, 0, 1]
    assert table["language"].tolist() == ["ba", "tt", errors.SHORT]
    assert table["confidence"].between(0.2, 1).all()
    assert errors.share_in([f"{BASHKIR} {TATAR}"], "ba", errors.calibrated_by_sentence) == [
        pytest.approx(len(BASHKIR) / (len(BASHKIR) + len(TATAR)))
    ]
    assert errors.calibrated_by_sentence([]).empty
