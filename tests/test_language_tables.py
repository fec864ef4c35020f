import pytest

from bashkir_utils.exceptions import LanguageError
from bashkir_utils.language import BASHKIR_LETTERS, tables
from bashkir_utils.language.paradigm import CASES, PERSONS


def test_letters_are_the_nine_with_latin_and_sound():
    table = tables.letters_table()
    assert {row.split()[1] for row in table.index} == BASHKIR_LETTERS
    assert table.loc["Ҙ ҙ", "Latin"] == "ź"


def test_a_word_grows_by_one_suffix_a_row():
    table = tables.growth_table("китап", ["PL", "P1PL", "LOC", "REL"])
    assert table.index.tolist() == ["китап", "китаптар", "китаптарыбыҙ", "китаптарыбыҙҙа", "китаптарыбыҙҙағы"]
    assert table["added"].tolist() == ["", "-тар", "-ыбыҙ", "-ҙа", "-ғы"]
    assert table["Latin"].iloc[1] == "kitaptar"


def test_suffixes_stand_behind_hyphens():
    table = tables.suffix_table(["бала", "китап"], ["PL", "P3"])
    assert table.loc["бала (bala, child)"].tolist() == ["бала-лар (balalar)", "бала-һы (balahı)"]
    assert table.loc["китап (kitap, book)"].tolist() == ["китап-тар (kitaptar)", "китаб-ы (kitabı)"]


def test_declension_and_conjugation_have_all_their_cells():
    nouns = tables.declension_table("китап")
    assert nouns.shape == (len(CASES), 6)
    assert nouns.loc["dative"].tolist()[:2] == ["китапҡа (kitapqa)", "китабыма (kitabıma)"]
    verbs = tables.conjugation_table("эшлә", negative=True)
    assert verbs.shape[0] == len(PERSONS)
    assert verbs.loc["he, she, it"].tolist()[:2] == ["эшләмәй (eşlämäy)", "эшләмәне (eşlämäne)"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda: tables.declension_table("xyz"),
        lambda: tables.growth_table("", ["PL"]),
        lambda: tables.suffix_table(["китап", "xyz"], ["PL"]),
        lambda: tables.conjugation_table("xyz"),
    ],
)
def test_unknown_words_are_one_line(ask):
    with pytest.raises(LanguageError, match="is not in the lexicon"):
        ask()


@pytest.mark.parametrize(("words", "rows"), [("халҡының", 1), ("", 0), ("abc", 0)])
def test_readings_are_listed(words, rows):
    assert len(tables.reading_table(words)) == rows
