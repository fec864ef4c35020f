import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bashkir_utils.exceptions import LanguageError
from bashkir_utils.language import Entry, analyse, following, inflect, lexicon, parts, segment
from bashkir_utils.language.morphotactics import ARCS, STARTS, TAGS, UNFINISHED
from bashkir_utils.language.paradigm import CORE, core_paradigm
from bashkir_utils.language.phonology import attach

ENTRIES = tuple(entry for entry in lexicon() if not entry.tags)


@pytest.mark.parametrize(
    ("stem", "tags", "expected"),
    [
        ("китап", "PL+P1SG+DAT", "китаптарыма"), ("китап", "P3", "китабы"), ("аяҡ", "P3+LOC", "аяғында"),
        ("халыҡ", "P3+ABL", "халҡынан"), ("ауыҙ", "P3", "ауыҙы"), ("бала", "PL+P1PL+GEN", "балаларыбыҙҙың"),
        ("көн", "P2PL+DAT", "көнөгөҙгә"), ("йорт", "P1SG+LOC", "йортомда"), ("әсәй", "P2SG+ACC", "әсәйеңде"),
        ("ауыл", "LOC+REL+PL", "ауылдағылар"), ("башҡорт", "1SG", "башҡортмон"), ("кеше", "1PL", "кешебеҙ"),
        ("завод", "P3+LOC", "заводында"), ("университет", "PL+ACC", "университеттарҙы"),
        ("район", "P3+GEN", "районының"), ("артист", "P3", "артисы"),
        ("сентябрь", "LOC", "сентябрҙә"), ("бала", "PL+POSS", "балаларҙыҡы"),
        ("матур", "CMPR", "матурыраҡ"), ("яңы", "CMPR", "яңыраҡ"), ("өс", "ORD", "өсөнсө"), ("ике", "DISTR", "икешәр"),
        ("бөгөн", "REL", "бөгөнгө"), ("китап", "Q", "китапмы"), ("башҡорт", "EQU", "башҡортса"),
    ],
)  # fmt: skip
def test_nominal_forms(stem, tags, expected):
    assert inflect(stem, tags) == expected


@pytest.mark.parametrize(
    ("stem", "tags", "expected"),
    [
        ("бар", "PRS+1SG", "барам"), ("бар", "PRS+3PL", "баралар"), ("уҡы", "PRS+1SG", "уҡыйым"),
        ("эшлә", "PRS+2PL", "эшләйһегеҙ"), ("тор", "PST+2PL", "торҙоғоҙ"), ("күр", "PST+1PL", "күрҙек"),
        ("уҡы", "PST+3PL", "уҡынылар"), ("кит", "PST+3SG", "китте"), ("сыҡ", "PRS+3SG", "сыға"),
        ("кил", "PERF+1SG", "килгәнмен"), ("бар", "PERF+3PL", "барғандар"), ("уҡы", "FUT+3SG", "уҡыясаҡ"),
        ("эшлә", "FUT+1SG", "эшләйәсәкмен"), ("ҡуй", "FUT+3SG", "ҡуясаҡ"), ("бар", "AOR+1SG", "барырмын"),
        ("бар", "NEG+AOR+1SG", "бармаҫмын"), ("бар", "NEG+PRS+1SG", "бармайым"), ("бар", "NEG+PST+3SG", "барманы"),
        ("бар", "NEG+FUT+3SG", "бармаясаҡ"), ("кил", "COND+1PL", "килһәк"), ("тор", "IMP+3SG", "торһон"),
        ("бар", "IMP+1PL", "барайыҡ"), ("уҡы", "IMP+2PL", "уҡығыҙ"), ("көт", "CVB", "көтөп"),
        ("бар", "CVB_LIM", "барғансы"), ("кил", "NEG+CVB_NEG", "килмәйсә"), ("төш", "INF", "төшөргә"),
        ("кил", "NEG+INF", "килмәҫкә"), ("тор", "VN", "тороу"), ("эшлә", "VN+P3+GEN", "эшләүенең"),
        ("бар", "PTCP_PST+P1SG+ACC", "барғанымды"), ("бар", "PTCP_AGT+PL", "барыусылар"),
        ("бар", "DES+P1SG", "барғым"), ("яҙ", "PASS+PST+3SG", "яҙылды"), ("бел", "CAUS+PST+3SG", "белдерҙе"),
        ("йый", "PRS+3SG", "йыя"), ("ҡуй", "CVB", "ҡуйып"), ("һөй", "PRS+3SG", "һөйә"),
    ],
)  # fmt: skip
def test_verbal_forms(stem, tags, expected):
    assert inflect(stem, tags, pos="verb") == expected


def test_every_tag_is_explained_and_used():
    assert {arc.tag for arcs in ARCS.values() for arc in arcs} == set(TAGS)
    assert {arc.to for arcs in ARCS.values() for arc in arcs} | set(STARTS.values()) == set(ARCS)
    assert set(ARCS) > UNFINISHED


def draw_form(entry: Entry, data: st.DataObject) -> tuple[list[str], str]:
    """Some form of an entry, with at most five suffixes."""
    tags: list[str] = []
    for _ in range(data.draw(st.integers(0, 5))):
        choices = following(entry, tags)
        if not choices:
            break
        tags.append(data.draw(st.sampled_from(choices)))
    while True:
        try:
            return tags, inflect(entry, tags)
        except LanguageError:
            tags.append(data.draw(st.sampled_from(following(entry, tags))))


@settings(max_examples=400, deadline=None)
@given(entry=st.sampled_from(ENTRIES), data=st.data())
def test_what_is_inflected_is_read_back(entry, data):
    tags, form = draw_form(entry, data)
    if not tags and entry.pos == "verb":
        tags = ["IMP", "2SG"]
    readings = {(one.entry.stem, one.entry.pos, one.tags) for one in analyse(form)}
    assert (entry.stem.lower(), entry.pos, tuple(tags)) in readings


@settings(max_examples=200, deadline=None)
@given(entry=st.sampled_from(ENTRIES), data=st.data())
def test_every_reading_gives_the_word_again(entry, data):
    _, form = draw_form(entry, data)
    for one in analyse(form):
        if not one.entry.tags:
            assert inflect(one.entry, one.tags).lower() == form.lower()
        assert "".join(segment(form)) == form


def test_every_stem_is_read_as_itself():
    unread = [
        f"{entry.stem} ({entry.pos})"
        for entry in ENTRIES
        if not any(one.entry.stem == entry.stem.lower() and one.entry.pos == entry.pos for one in analyse(entry.stem))
    ]
    assert unread == []


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("китаптарыма", ("китап", "тар", "ым", "а")),
        ("уҡыясаҡбыҙ", ("уҡы", "ясаҡ", "быҙ")),
        ("халҡының", ("халҡ", "ы", "ның")),
        ("ҡуя", ("ҡу", "я")),
        ("Өфөлә", ("Өфө", "лә")),
        ("ьььь", ("ьььь",)),
        ("", ()),
    ],
)
def test_words_are_cut_before_their_suffixes(word, expected):
    assert segment(word) == expected


def test_case_hyphens_and_other_alphabets():
    assert analyse("КИТАПТАР") == analyse("китаптар") != ()
    assert analyse("китап-дәфтәрҙәр")[0].tags == ("PL",)
    assert segment("китап-дәфтәрҙәр") == ("китап-дәфтәр", "ҙәр")
    for word in ("", "-", "китап-", "-китап", "kitap", "kитап", "қитап", "12", "китап 2", "а" * 10_000, "\x00", "😀"):
        assert analyse(word) == (), word


def test_unknown_stems_and_impossible_forms_say_so():
    with pytest.raises(LanguageError, match=r"'кетап' is not in the lexicon; near to it: .*китап"):
        inflect("кетап")
    with pytest.raises(LanguageError, match=r"PL cannot follow китап\+LOC"):
        inflect("китап", "LOC+PL")
    with pytest.raises(LanguageError, match="is no whole word; 1SG, 2SG, 3SG"):
        inflect("бар", "PRS", pos="verb")
    with pytest.raises(LanguageError, match="not in the lexicon as adverb"):
        inflect("китап", pos="adverb")
    for odd in ("", " ", "\x00", "x" * 1000):
        with pytest.raises(LanguageError):
            inflect(odd)


def test_a_part_of_speech_chooses_among_homonyms():
    assert inflect("яҙ", "PL", pos="noun") == "яҙҙар"
    assert inflect("яҙ", "PRS+3SG") == "яҙа"


def test_parts_are_those_of_the_form_that_was_asked_for():
    assert parts("бала", "ACC") == ("бала", "ны")
    assert parts("ҡар", "DAT") == ("ҡар", "ға")
    assert parts("уҡы", "FUT+1PL") == ("уҡы", "ясаҡ", "быҙ")
    assert parts("бар", pos="verb") == ("бар",)


# Written down by hand from the grammars, not made by the rules.
GOLD = {
    ("атай", "P3"): "атаһы",
    ("әсәй", "P3+DAT"): "әсәһенә",
    ("апай", "P3"): "апаһы",
    ("ағай", "P3+ABL"): "ағаһынан",
    ("олатай", "P3"): "олатаһы",
    ("ҡартәсәй", "P3+ACC"): "ҡартәсәһен",
    ("атай", "P1SG"): "атайым",
    ("атай", "PL+P3"): "атайҙары",
    ("ирек", "P3"): "ирке",
    ("милек", "P3"): "милке",
    ("холоҡ", "P3"): "холҡо",
    ("акционер", "PL"): "акционерҙар",
    ("инвалид", "DAT"): "инвалидҡа",
    ("немец", "PL"): "немецтар",
    ("комплекс", "P3"): "комплексы",
    ("архив", "LOC"): "архивта",
    ("премьер-министр", "P3"): "премьер-министры",
    ("муниципалитет", "PL"): "муниципалитеттар",
    ("капиталь", "PL"): "капиталдар",
    ("процесс", "PL"): "процестар",
    ("класс", "LOC"): "класта",
    ("класс", "P3"): "класы",
    ("поезд", "PL"): "поездар",
    ("поезд", "LOC"): "поезда",
    ("поезд", "P3"): "поезы",
    ("артист", "P3"): "артисы",
    ("рок", "P3"): "рогы",
    ("АҠШ", "DAT"): "АҠШҡа",
    ("АҠШ", "LOC"): "АҠШта",
    ("эшлә", "PASS+PRS+3SG"): "эшләнә",
    ("уйла", "PASS+PRS+3SG"): "уйлана",
    ("түлә", "PASS+PST+3SG"): "түләнде",
    ("уҡы", "PASS+PRS+3SG"): "уҡыла",
    ("ҡуй", "CAUS+PST+3SG"): "ҡуйҙырҙы",
    ("бар", "CAUS+PRS+3SG"): "барҙыра",
    ("ултыр", "CAUS+PST+3SG"): "ултыртты",
}


@pytest.mark.parametrize(
    ("asked", "form"), GOLD.items(), ids=lambda value: "+".join(value) if len(value) == 2 else None
)
def test_forms_that_a_grammar_gives(asked, form):
    stem, tags = asked
    assert inflect(stem, tags) == form
    assert any(one.entry.stem == stem.lower() and "+".join(one.tags) == tags for one in analyse(form))


@pytest.mark.parametrize("word", ["барта", "эшләлә", "ҡуйта", "классы", "поезды", "атайы"])
def test_forms_that_no_text_has_are_no_words(word):
    tags = {one.tags for one in analyse(word)}
    assert not tags & {("P3",), ("CAUS", "PRS", "3SG"), ("PASS", "PRS", "3SG")}


@pytest.mark.parametrize(
    "ask", [lambda: following(ENTRIES[0], ["XX"]), lambda: attach("", "LAр"), lambda: attach("ь", "GA")]
)
def test_nothing_to_add_to_is_one_line(ask):
    with pytest.raises(LanguageError):
        ask()


def test_every_entry_is_read_back():
    """Some forms of the core paradigm of every entry of the lexicon."""
    for place, entry in enumerate(entry for entry in ENTRIES if entry.pos in CORE):
        forms = list(core_paradigm(entry).items())
        for tags, form in {forms[place % len(forms)], forms[place * 7 % len(forms)]}:
            read = {(one.entry.stem, "+".join(one.tags)) for one in analyse(form)}
            assert (entry.stem.lower(), tags) in read, form


def test_a_noun_and_a_name_are_told_by_their_first_letter():
    assert (inflect("ирек", "P3"), inflect("Ирек", "P3")) == ("ирке", "Ирке")
