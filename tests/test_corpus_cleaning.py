import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bashkir_utils.corpus.cleaning import LOOK_ALIKES, mend_look_alikes, normalise_unicode, tidy_white_space

TEXT = st.text(max_size=200)


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        ("hыу", "һыу"),
        ("Бaшҡортостaн", "Башҡортостан"),
        ("ҡaла, cәләм!", "ҡала, сәләм!"),
        ("шəһəр", "шәһәр"),
        ("HАТО", "НАТО"),
        ("world hello CD", "world hello CD"),
        ("Windowsта", "Windowsта"),
        ("cap", "cap"),
        ("Өфө-Paris", "Өфө-Paris"),
        ("k", "k"),
    ],
)
def test_latin_letters_inside_cyrillic_words(broken, mended):
    assert mend_look_alikes(broken) == mended


@given(TEXT)
def test_mending_changes_only_look_alikes_and_only_once(text):
    mended = mend_look_alikes(text)
    assert len(mended) == len(text)
    assert all(new == old or LOOK_ALIKES.get(old) == new for old, new in zip(text, mended, strict=True))
    assert mend_look_alikes(mended) == mended


def test_look_alikes_are_latin_and_their_twins_cyrillic():
    for latin, cyrillic in LOOK_ALIKES.items():
        assert "CYRILLIC" in unicodedata.name(cyrillic)
        assert "CYRILLIC" not in unicodedata.name(latin)
        assert latin.isupper() == cyrillic.isupper()


def test_unicode_is_composed_and_invisible_signs_go():
    assert normalise_unicode("и\u0306") == "й"
    assert normalise_unicode("һ\u00adыу\u200b\ufeff\x00\r\nаҡ\r") == "һыу\nаҡ\n"
    assert normalise_unicode("\u202eкит\u202c") == "кит"


def test_page_breaks_divide_words():
    assert normalise_unicode("бер\fике\vөс\x85дүрт\r\nбиш\x1cалты") == "бер\nике\nөс\nдүрт\nбиш\nалты"


@given(TEXT)
def test_unicode_step_is_idempotent(text):
    once = normalise_unicode(text)
    assert normalise_unicode(once) == once or unicodedata.normalize("NFC", once) != once
    assert not any(unicodedata.category(sign) == "Cc" and sign not in "\t\n" for sign in once)


@given(TEXT)
def test_white_space_is_regular_and_words_stay(text):
    tidy = tidy_white_space(text)
    assert tidy.split() == text.split()
    assert "  " not in tidy
    assert "\n\n\n" not in tidy
    assert tidy == tidy.strip() == tidy_white_space(tidy)
