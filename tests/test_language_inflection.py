import pytest

from bashkir_utils.language.inflection import Noun, Verb, deed, listed_noun


def declined(noun: Noun) -> list[str]:
    return [noun.gen, noun.acc, noun.dat, noun.loc, noun.abl]


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        (Noun("китап").his, ["китабының", "китабын", "китабына", "китабында", "китабынан"]),
        (Noun("мәктәп").his, ["мәктәбенең", "мәктәбен", "мәктәбенә", "мәктәбендә", "мәктәбенән"]),
        (Noun("бала").his, ["балаһының", "балаһын", "балаһына", "балаһында", "балаһынан"]),
        (Noun("йорт").his, ["йортоноң", "йортон", "йортона", "йортонда", "йортонан"]),
        (Noun("атай").my, ["атайымдың", "атайымды", "атайыма", "атайымда", "атайымдан"]),
        (Noun("әсә").my, ["әсәмдең", "әсәмде", "әсәмә", "әсәмдә", "әсәмдән"]),
        (Noun("бала").pl, ["балаларҙың", "балаларҙы", "балаларға", "балаларҙа", "балаларҙан"]),
        (Noun("көн").pl.his, ["көндәренең", "көндәрен", "көндәренә", "көндәрендә", "көндәренән"]),
        (Noun("балалар баҡсаһы", owner="owned.third"),
         ["балалар баҡсаһының", "балалар баҡсаһын", "балалар баҡсаһына", "балалар баҡсаһында", "балалар баҡсаһынан"]),
    ],
)  # fmt: skip
def test_cases_after_possessives_and_plural(noun, expected):
    assert declined(noun) == expected


@pytest.mark.parametrize(
    ("noun", "his", "my"),
    [
        (Noun("аяҡ"), "аяғы", "аяғым"),
        (Noun("күҙ"), "күҙе", "күҙем"),
        (Noun("ҡош"), "ҡошо", "ҡошом"),
        (Noun("төш"), "төшө", "төшөм"),
        (Noun("тау"), "тауы", "тауым"),
        (Noun("әсә"), "әсәһе", "әсәм"),
        (Noun("төлкө"), "төлкөһө", "төлкөм"),
        (Noun("халыҡ", before_vowel="халҡ"), "халҡы", "халҡым"),
        (Noun("банк", front=False, before_vowel="банк"), "банкы", "банкым"),
        (Noun("апрель"), "апреле", "апрелем"),
    ],
)
def test_possessives(noun, his, my):
    assert str(noun.his) == his
    assert str(noun.my) == my


def test_loans_decline_as_they_are_marked():
    august = Noun("август", front=False, rounded=False, before_vowel="авгус")
    assert august.loc == "августа"
    assert august.his.loc == "авгусында"
    assert Noun("Белорет", front=False).dat == "Белоретҡа"
    assert Noun("сентябрь").his.loc == "сентябрендә"


@pytest.mark.parametrize(
    ("stem", "present", "past", "perfect", "converb", "infinitive", "noun"),
    [
        ("бар", "бара", "барҙы", "барған", "барып", "барырға", "барыу"),
        ("кил", "килә", "килде", "килгән", "килеп", "килергә", "килеү"),
        ("кит", "китә", "китте", "киткән", "китеп", "китергә", "китеү"),
        ("төш", "төшә", "төштө", "төшкән", "төшөп", "төшөргә", "төшөү"),
        ("уҡы", "уҡый", "уҡыны", "уҡыған", "уҡып", "уҡырға", "уҡыу"),
        ("эшлә", "эшләй", "эшләне", "эшләгән", "эшләп", "эшләргә", "эшләү"),
        ("йөрө", "йөрөй", "йөрөнө", "йөрөгән", "йөрөп", "йөрөргә", "йөрөү"),
        ("сыҡ", "сыға", "сыҡты", "сыҡҡан", "сығып", "сығырға", "сығыу"),
        ("сап", "саба", "сапты", "сапҡан", "сабып", "сабырға", "сабыу"),
        ("йый", "йыя", "йыйҙы", "йыйған", "йыйып", "йыйырға", "йыйыу"),
        ("йыу", "йыуа", "йыуҙы", "йыуған", "йыуып", "йыуырға", "йыуыу"),
    ],
)
def test_conjugation(stem, present, past, perfect, converb, infinitive, noun):
    verb = Verb(stem)
    forms = [verb.present, verb.past, verb.perfect, verb.converb, verb.infinitive, str(verb.noun)]
    assert forms == [present, past, perfect, converb, infinitive, noun]


def test_persons():
    assert [Verb("бар").past_i, Verb("бар").past_we, Verb("бар").past_they] == ["барҙым", "барҙыҡ", "барҙылар"]
    assert [Verb("төш").past_i, Verb("төш").past_we, Verb("төш").past_they] == ["төштөм", "төштөк", "төштөләр"]


def test_what_stands_before_the_verb_stays():
    assert Verb("бесән сап").past_we == "бесән саптыҡ"
    assert str(Verb("бесән сап")) == "бесән сап"


def test_other_forms_of_verbs():
    verb = Verb("бесән сап")
    forms = [verb.past_you, verb.not_done, verb.if_you, verb.if_they, verb.after, verb.present_they, verb.future_we]
    last = ["саптың", "сапмаған", "сапһаң", "сапһа", "сапҡас", "сабалар", "сабасаҡбыҙ"]
    assert forms == [f"бесән {form}" for form in last]


def test_what_the_lexicon_says_of_a_phrases_last_word_holds():
    assert listed_noun("оло завод").his.form == "оло заводы"
    assert str(Noun("китап").having) == "китаплы"
    assert Noun("матур").more == "матурыраҡ"


def test_a_deed_knows_its_object():
    knitting = deed("йылы шәл", "бәйлә")
    assert [str(knitting.thing), knitting.past, str(knitting.result)] == [
        "йылы шәл", "йылы шәл бәйләне", "бәйләгән йылы шәл",
    ]  # fmt: skip
