import pytest
from hypothesis import given
from hypothesis import strategies as st

from bashkir_utils.language.alphabet import ALPHABET, BASHKIR_LETTERS
from bashkir_utils.language.phonology import attach, ends_in_vowel, is_front, is_rounded, voice_final

CONSONANTS = "бвгғдҙжзйкҡлмнңпрсҫтфхһшщ"
STEMS = st.lists(
    st.tuples(st.sampled_from(CONSONANTS), st.sampled_from("аәоөуүыеи"), st.sampled_from(["", *CONSONANTS])),
    min_size=1,
    max_size=3,
).map(lambda syllables: "".join("".join(syllable) for syllable in syllables))
SPELLED = STEMS.filter(lambda stem: not {"йа", "стт"} & {stem[i : i + n] for n in (2, 3) for i in range(len(stem))})


def test_the_alphabet_has_42_letters_nine_of_them_its_own():
    assert len(ALPHABET) == len(set(ALPHABET)) == 42
    assert set(ALPHABET) - set("абвгдеёжзийклмнопрстуфхцчшщъыьэюя") == BASHKIR_LETTERS
    assert len(BASHKIR_LETTERS) == 9


def test_the_alphabet_is_in_dictionary_order():
    assert "".join(ALPHABET).startswith("абвгғдҙеё")
    assert "".join(ALPHABET).endswith("ъыьэәюя")


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        # After vowels -лар; after р, ҙ and glides -ҙар; after other voiced consonants -дар; after voiceless -тар.
        ("бала", "балалар"), ("кеше", "кешеләр"), ("төлкө", "төлкөләр"), ("ҡар", "ҡарҙар"), ("ер", "ерҙәр"),
        ("ҡыҙ", "ҡыҙҙар"), ("ай", "айҙар"), ("тау", "тауҙар"), ("һыу", "һыуҙар"), ("әбей", "әбейҙәр"),
        ("йыл", "йылдар"), ("көн", "көндәр"), ("урман", "урмандар"), ("таң", "таңдар"), ("ҡолон", "ҡолондар"),
        ("исем", "исемдәр"), ("союз", "союздар"), ("гараж", "гараждар"), ("китап", "китаптар"), ("ат", "аттар"),
        ("аяҡ", "аяҡтар"), ("ҡош", "ҡоштар"), ("мәктәп", "мәктәптәр"), ("дуҫ", "дуҫтар"), ("клуб", "клубтар"),
        ("завод", "заводтар"), ("автомобиль", "автомобилдәр"),
    ],
)  # fmt: skip
def test_plural(stem, expected):
    assert attach(stem, "LAр") == expected


@pytest.mark.parametrize(
    ("stem", "genitive", "accusative", "dative", "locative", "ablative"),
    [
        ("бала", "баланың", "баланы", "балаға", "балала", "баланан"),
        ("Өфө", "Өфөнөң", "Өфөнө", "Өфөгә", "Өфөлә", "Өфөнән"),
        ("йорт", "йорттоң", "йортто", "йортҡа", "йортта", "йорттан"),
        ("көн", "көндөң", "көндө", "көнгә", "көндә", "көндән"),
        ("тау", "тауҙың", "тауҙы", "тауға", "тауҙа", "тауҙан"),
        ("өй", "өйҙөң", "өйҙө", "өйгә", "өйҙә", "өйҙән"),
        ("ер", "ерҙең", "ерҙе", "ергә", "ерҙә", "ерҙән"),
        ("ҡул", "ҡулдың", "ҡулды", "ҡулға", "ҡулда", "ҡулдан"),
        ("күл", "күлдең", "күлде", "күлгә", "күлдә", "күлдән"),
        ("китап", "китаптың", "китапты", "китапҡа", "китапта", "китаптан"),
        ("мәктәп", "мәктәптең", "мәктәпте", "мәктәпкә", "мәктәптә", "мәктәптән"),
        ("һөт", "һөттөң", "һөттө", "һөткә", "һөттә", "һөттән"),
    ],
)
def test_cases(stem, genitive, accusative, dative, locative, ablative):
    forms = [attach(stem, pattern) for pattern in ("NIң", "NI", "GA", "LA", "NAн")]
    assert forms == [genitive, accusative, dative, locative, ablative]


def test_loans_take_the_harmony_and_rounding_they_are_given():
    assert attach("университет", "LAр", front=False) == "университеттар"
    assert attach("завод", "I", front=False, rounded=False) == "заводы"


def test_spelling_of_clusters():
    assert attach("турист", "LAр", front=False) == "туристар"
    assert attach("уҡы", "йAсAҡ") == "уҡыясаҡ"


def test_a_soft_sign_makes_front_and_goes():
    assert attach("сентябрь", "LA") == "сентябрҙә"
    assert is_front("октябрь")


@pytest.mark.parametrize(
    ("stem", "expected"), [("китап", "китаб"), ("мәктәп", "мәктәб"), ("аяҡ", "аяғ"), ("күк", "күг")]
)
def test_final_stops_are_voiced_before_a_vowel(stem, expected):
    assert voice_final(stem) == expected


@pytest.mark.parametrize("stem", ["ҡош", "дуҫ", "ат", "көн", "бала", ""])
def test_other_stems_stay(stem):
    assert voice_final(stem) == stem


@pytest.mark.parametrize(
    ("stem", "expected"), [("бала", True), ("тау", False), ("һыу", False), ("такси", False), ("ат", False)]
)
def test_glides_close_the_syllable(stem, expected):
    assert ends_in_vowel(stem) is expected


@given(stem=SPELLED, pattern=st.sampled_from(["LAр", "NIң", "NI", "GA", "LA", "NAн", "IбIҙ", "LAрIбIҙҙAн"]))
def test_a_suffix_holds_vowels_of_the_stems_kind_only(stem, pattern):
    suffix = attach(stem, pattern)[len(stem) :]
    vowels = set(suffix) & set("аәоөыеяэ")
    assert vowels <= (set("әөе") if is_front(stem) else set("аоыя"))


@given(stem=SPELLED)
def test_rounding_never_passes_a_low_vowel(stem):
    plural = attach(stem, "LAр")
    assert not is_rounded(plural)
    assert attach(plural, "I")[-1] in "ые"


@given(stem=SPELLED, pattern=st.sampled_from(["LAр", "NIң", "LA", "NAн"]))
def test_every_series_keeps_to_its_four_consonants(stem, pattern):
    before, first = stem[-1], attach(stem, pattern)[len(stem) :][:1]
    if stem.endswith("ст"):
        assert attach(stem, pattern)[len(stem)] in "аәыеоө"
    elif before in "пткҡсҫшщхһфбвгд":
        assert first == "т"
    else:
        assert first in ("лҙд" if pattern.startswith("L") else "нҙд")
