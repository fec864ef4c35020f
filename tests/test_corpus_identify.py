import socket

import pytest

from bashkir_utils.corpus import identify
from bashkir_utils.corpus.identify import confusion
from bashkir_utils.language import PARALLEL


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Беҙ бөгөн урманға еләк йыйырға барҙыҡ, кис менән генә ҡайттыҡ.", "ba"),
        ("Без бүген урманга җиләк җыярга бардык, кич белән генә кайттык.", "tt"),
        ("Сегодня мы ходили в лес за ягодами и вернулись только к вечеру.", "ru"),
        ("Today we went to the forest and came home late in the evening.", "en"),
    ],
)
def test_neighbours_are_told_apart(text, label):
    found, confidence = identify.identify(text)
    assert found == label
    assert 0.5 < confidence <= 1


def test_nothing_to_identify():
    assert identify.identify("") == ("und", 0.0)
    assert identify.identify("123 — !\n") == ("und", 0.0)


def test_it_reads_beyond_eighty_characters():
    """The library cuts at 80 characters by default."""
    english = "This heading is long, in English, and fills the first eighty characters of the text."
    bashkir = " ".join(sentence.bashkir for sentence in PARALLEL)
    assert identify.identify(f"{english}\n{bashkir}")[0] == "ba"


def test_it_needs_no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("the network is used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    identify._detector.cache_clear()
    assert identify.identify("Ҡыш көнө ҡар яуа")[0] == "ba"


def test_it_says_which_languages_it_knows():
    assert identify.knows("ba")
    assert identify.knows("cv")
    assert not identify.knows("xx")


def test_it_knows_all_176_labels_and_not_only_those_that_are_likely_for_some_text():
    assert all(identify.knows(label) for label in ("eo", "sw", "qu", "th", "yo"))
    assert len(identify._labels()) == 176


def test_probabilities_of_all_labels():
    found = identify.probabilities("Беҙ бөгөн урманға барҙыҡ,\nкис менән генә ҡайттыҡ.")
    assert sum(found.values()) == pytest.approx(1, abs=0.01)
    assert next(iter(found)) == "ba" == max(found, key=found.get)
    assert len(found) > 5
    assert found["ba"] == pytest.approx(identify.identify("Беҙ бөгөн урманға барҙыҡ, кис менән генә ҡайттыҡ.")[1])
    assert identify.probabilities("12 !") == {}


def test_confusion_counts_texts_by_true_language_and_label():
    sentence = PARALLEL[0]
    table = confusion(
        [("ru", "Сегодня очень хорошая погода, мы идём гулять."), ("en", sentence.english), ("ba", "123")]
    )
    assert table.loc["ru", "ru"] == table.loc["en", "en"] == table.loc["ba", "und"] == 1
    assert table.to_numpy().sum() == 3
