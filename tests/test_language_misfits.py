import pytest
from hypothesis import given
from hypothesis import strategies as st

from bashkir_utils.language import ALPHABET, analyse, core_paradigm, lexicon
from bashkir_utils.language.misfits import (
    FRONT_BACK,
    KINDS,
    ROUNDING,
    SERIES,
    SHAPE,
    VELAR,
    VOICING,
    doubtful,
    ending,
    is_form,
    misfit,
    mixes_vowels,
    unlisted_entries,
)
from bashkir_utils.language.paradigm import CORE


@pytest.mark.parametrize(
    ("word", "kind", "right"),
    [
        ("китаптәр", FRONT_BACK, "китаптар"),
        ("китабе", FRONT_BACK, "китабы"),
        ("мәктәптәрға", FRONT_BACK, "мәктәптәргә"),
        ("килды", FRONT_BACK, "килде"),
        ("эшләған", FRONT_BACK, "эшләгән"),
        ("уҡыйәсәк", FRONT_BACK, "уҡыясаҡ"),
        ("эшләясәк", FRONT_BACK, "эшләйәсәк"),
        ("ҡоштың", ROUNDING, "ҡоштоң"),
        ("көлде", ROUNDING, "көлдө"),
        ("урмантар", SERIES, "урмандар"),
        ("китапдар", SERIES, "китаптар"),
        ("һыуга", VELAR, "һыуға"),
        ("китапы", VOICING, "китабы"),
        ("балаым", SHAPE, "балам"),
        ("китапһы", SHAPE, "китабы"),
    ],
)
def test_wrong_suffixes_by_kind(word, kind, right):
    assert not analyse(word)
    found = misfit(word)
    assert (found.kind, found.right) == (kind, right)
    assert analyse(right)


@pytest.mark.parametrize("word", ["китап", "китаптар", "ауылдарге", "шкаф", "бшрқ", "", "а", "а" * 10_000])
def test_what_no_suffix_explains_is_no_misfit(word):
    assert misfit(word) is None


@given(st.text(alphabet=ALPHABET, max_size=12))
def test_a_misfit_names_a_real_word_of_another_spelling(word):
    found = misfit(word)
    if found:
        assert found.kind in KINDS
        assert found.right != word
        assert analyse(found.right)


def test_right_forms_of_the_lexicon_are_never_misfits():
    entries = [entry for entry in lexicon() if entry.pos in CORE][::60]
    for place, entry in enumerate(entries):
        forms = list(core_paradigm(entry).values())
        form = forms[place % len(forms)]
        assert doubtful(form.lower()) or misfit(form.lower()) is None, form


def test_a_plural_read_as_a_verb_made_of_a_noun_is_doubtful():
    assert doubtful("китаплар")
    assert not doubtful("китаптар")
    assert misfit("китаплар").right == "китаптар"


@pytest.mark.parametrize(
    ("word", "mixed"),
    [("китап", False), ("ғаилә", True), ("мәктәптар", True), ("Өфөлә", False), ("барҙе", False), ("", False)],
)
def test_front_and_back_vowels_mixed(word, mixed):
    assert mixes_vowels(word) == mixed


def test_a_stem_of_the_training_text_takes_suffixes():
    stems = {"смартфон", "урман"}
    entries = unlisted_entries("смартфондарға", stems)
    assert {entry.stem for entry in entries} == {"смартфон"}
    assert is_form("смартфондарға", entries)
    assert not is_form("смартфонтарға", entries)
    assert misfit("смартфонтарға", entries).kind == SERIES
    # the lexicon has урман, and so no entry is made up for it
    assert unlisted_entries("урмандар", stems) == ()


def test_a_loan_may_keep_back_vowels_or_take_front_ones():
    entries = unlisted_entries("интернеттар", {"интернет"}) or unlisted_entries("хештегтар", {"хештег"})
    assert {entry.front for entry in entries} == {True, False}


@pytest.mark.parametrize(("word", "found"), [("смурфтар", "тар"), ("смурфтәр", None), ("тҡшр", None), ("ба", None)])
def test_endings_on_stems_that_nobody_knows(word, found):
    assert ending(word) == found
