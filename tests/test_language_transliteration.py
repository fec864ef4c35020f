import pytest

from bashkir_utils.language import ALPHABET, BASHKIR_LETTERS
from bashkir_utils.language.transliteration import LATIN, SOUNDS, transliterate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Башҡортостан", "Başqortostan"), ("ҡыҙыҡ", "qıźıq"), ("Өфөлә", "Öfölä"), ("тау", "taw"), ("һыу", "hıw"),
        ("ер", "yer"), ("Ер", "Yer"), ("үткән", "ütkän"), ("йәйем", "yäyem"), ("уҡыясаҡ", "uqıyasaq"),
        ("Щ", "Şç"), ("объект", "obyekt"), ("ЕР", "YER"),
        ("ЮЛ", "YUL"), ("Юл", "Yul"), ("БАШ", "BAŞ"),
        ("юл", "yul"), ("12, kg!", "12, kg!"), ("", ""), ("аҫыл", "aśıl"), ("яңы", "yañı"),
    ],
)  # fmt: skip
def test_words(text, expected):
    assert transliterate(text) == expected


def test_every_letter_has_latin_signs():
    assert set(LATIN) == set(ALPHABET) - {"е"}
    assert all(signs.isascii() or set(signs) <= set("ğźñöśüçşıä") for signs in LATIN.values())
    assert set(SOUNDS) == BASHKIR_LETTERS
