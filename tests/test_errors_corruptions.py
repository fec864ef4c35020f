import random
from collections import Counter

import pytest

from bashkir_utils.errors import corruptions
from bashkir_utils.errors.wellformed import ATTESTED, CLASSES, Vocabulary
from bashkir_utils.language import analyse

WORDS = ["урмандарға", "китаптар", "мәктәптәрҙә", "балалары", "ҡоштоң", "уҡытыусыға", "яҙыусылар", "йылғанан"]
WORDS += ["күлдәктең", "дәфтәре"]


@pytest.mark.parametrize(
    ("way", "word", "broken"),
    [
        (corruptions.flip_harmony, "китаптарға", "китаптәргә"),
        (corruptions.flip_last, "китаптарға", "китаптаргә"),
        (corruptions.change_rounding, "урманың", "урманоң"),
    ],
)
def test_broken_by_hand(way, word, broken):
    assert way(word, analyse(word)[0], random.Random(0)) == broken


def test_only_the_consonant_of_a_case_changes():
    for seed in range(20):
        broken = corruptions.change_series("китаптар", analyse("китаптар")[0], random.Random(seed))
        assert broken[:5] + broken[6:] == "китапар"
        assert broken[5] in "лндҙ"
    assert corruptions.change_series("балалыҡ", analyse("балалыҡ")[0], random.Random(0)) is None


def test_an_invented_stem_keeps_the_suffix_and_the_letter_before_it():
    broken = corruptions.invent_stem("урмандар", analyse("урмандар")[0], random.Random(0))
    assert broken.endswith("ндар")
    assert broken != "урмандар"
    assert [sign in "уа" for sign in broken] == [sign in "уа" for sign in "урмандар"]


def test_rates_of_the_classes():
    vocabulary = Vocabulary(Counter({"урмандарға": 1}))
    table = corruptions.error_rates(["урмандарға", *WORDS], vocabulary)
    running = table.loc["untouched, running words"]
    assert running["words"] == 11
    assert running[ATTESTED] == pytest.approx(2 / 11)
    assert running["flagged"] == 0
    assert table.loc["untouched, not in the training text", "words"] == 9
    assert table[list(CLASSES)].sum(axis=1).to_numpy() == pytest.approx(1)
    assert (table["caught"].drop(list(table.index[:2])) >= 0.75).all()
    assert table["caught"][:2].isna().all()


def test_the_same_seed_breaks_the_same_way():
    first, second, third = (corruptions.corrupt(WORDS, seed) for seed in (1, 1, 2))
    assert first.equals(second)
    assert not first.equals(third)
