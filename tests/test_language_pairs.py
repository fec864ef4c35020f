import dataclasses
import itertools

import pytest

from bashkir_utils.exceptions import LanguageError
from bashkir_utils.language import analyse
from bashkir_utils.language.pairs import PHENOMENA, all_pairs, generate_pairs, word_balance
from bashkir_utils.language.pairs import contrasts as c
from bashkir_utils.language.pairs.generate import PAIRS
from bashkir_utils.language.pairs.model import MinimalPair
from bashkir_utils.language.pairs.shapes import (
    affirmative,
    disorder,
    misshape,
    other_consonant,
    other_harmony,
    other_rounding,
    plain_case,
    unvoiced,
)
from bashkir_utils.language.pairs.words import DEEDS, PHRASES, STEMS, entry_of, words

SEED = 42
NONWORD = [name for name, one in PHENOMENA.items() if one.nonword]
REAL = [name for name, one in PHENOMENA.items() if not one.nonword]


@pytest.fixture(scope="module")
def pairs():
    return all_pairs(seed=SEED)


def stripped(sentence):
    return [word.strip(".,?") for word in sentence.split()]


def difference(pair):
    good, bad = stripped(pair.good), stripped(pair.bad)
    assert len(good) == len(bad)
    return [(a, b) for a, b in zip(good, bad, strict=True) if a != b]


def test_there_are_enough_phenomena_and_pairs(pairs):
    assert len(PHENOMENA) >= 14
    assert {name: sum(pair.phenomenon == name for pair in pairs) for name in PHENOMENA} == dict.fromkeys(
        PHENOMENA, PAIRS
    )


def test_every_phenomenon_has_at_least_six_frames_with_a_gloss_each():
    for one in PHENOMENA.values():
        texts = [frame.text for frame in one.frames]
        assert len(set(texts)) == len(texts) >= 6
        assert all(frame.gloss.count("_") == 1 and frame.text.count("{word}") == 1 for frame in one.frames)


def test_the_two_sentences_differ_in_the_named_word_and_nowhere_else(pairs):
    for pair in pairs:
        ((good, bad),) = difference(pair)
        assert (good.lower(), bad.lower()) == (pair.good_word.lower(), pair.bad_word.lower())


def test_nothing_is_said_twice(pairs):
    assert len({pair.id for pair in pairs}) == len(pairs)
    for name in PHENOMENA:
        own = [pair for pair in pairs if pair.phenomenon == name]
        assert len({sentence for pair in own for sentence in (pair.good, pair.bad)}) == 2 * len(own)


def test_pairs_of_a_phenomenon_vary_in_their_words(pairs):
    """Closed sets (pronouns, particles) cannot; everything else shows at least fifty different right words."""
    closed = {"pronoun_postposition", "reflexive_agreement", "particle_harmony", "particle_consonant"}
    for name in set(PHENOMENA) - closed:
        assert len({pair.good_word for pair in pairs if pair.phenomenon == name}) >= 50, name


def test_every_word_of_the_right_sentences_is_in_the_lexicon(pairs):
    missing = {word for pair in pairs for word in stripped(pair.good) if not analyse(word)}
    assert not missing


def test_sentences_begin_with_a_capital_and_have_no_slot_left(pairs):
    for pair in pairs:
        for sentence in (pair.good, pair.bad):
            assert sentence[0].isupper() and sentence[-1] in ".?" and "{" not in sentence and "  " not in sentence


@pytest.mark.parametrize("name", NONWORD)
def test_a_wrong_form_is_no_word(name):
    """Over everything that could be drawn, not only what this seed draws."""
    for frame in PHENOMENA[name].frames:
        for one in frame.contrasts():
            assert not analyse(one.bad) and analyse(one.good)


@pytest.mark.parametrize("name", REAL)
def test_a_wrong_word_is_a_word_and_another(name):
    for frame in PHENOMENA[name].frames:
        assert frame.contrasts()
        for one in frame.contrasts():
            assert analyse(one.bad) and analyse(one.good) and one.bad != one.good


def test_the_wrong_person_never_reads_as_the_subjects_person():
    subjects = {subject: person for person, subject in c.SUBJECTS.items()}
    for one in itertools.chain(c.agreeing("PST"), c.agreeing("PRS"), c.agreeing("FUT")):
        person = subjects[dict(one.fills)["subject"]]
        fitting = {"3SG", "3PL"} if person in {"3SG", "3PL"} else {person}
        assert any(reading.tags[-1:] == (person,) for reading in analyse(one.good))
        assert not any(reading.tags and reading.tags[-1] in fitting for reading in analyse(one.bad))


def test_a_plural_subject_never_stands_against_the_singular_third_person():
    """улар үҙе and улар барҙы are said, so they cannot be the wrong ones."""
    for one in c.reflexive():
        assert {one.good, one.bad} != {"үҙе", "үҙҙәре"}
    forms = {(one.good, one.bad) for one in c.agreeing("PST") if ("what", "урманға") in one.fills}
    assert ("барҙым", "барҙы") in forms and not {("барҙылар", "барҙы"), ("барҙы", "барҙылар")} & forms


def test_the_same_forms_are_right_and_wrong_where_a_rule_is_tested_from_both_sides():
    for name in ("possessive_agreement", "person_agreement", "tense_adverb", "conditional_mood", "nonfinite_form"):
        contrasts = [one for frame in PHENOMENA[name].frames for one in frame.contrasts()]
        good, bad = ({getattr(one, member) for one in contrasts} for member in ("good", "bad"))
        assert len(good & bad) > 0.9 * len(good), name


def test_pairs_are_the_same_for_the_same_seed_and_others_for_another():
    first, again, other = (generate_pairs("case_harmony", 50, seed) for seed in (1, 1, 2))
    assert first == again
    assert {pair.good for pair in first} != {pair.good for pair in other}


def test_ids_count_the_pairs():
    assert [pair.id for pair in generate_pairs("suffix_order", 3)] == [f"suffix_order-00{n}" for n in (1, 2, 3)]


def test_an_unknown_phenomenon_is_refused_with_the_known_ones():
    with pytest.raises(LanguageError, match=r"unknown phenomenon 'islands'; known: plural_harmony"):
        generate_pairs("islands")


def test_more_pairs_than_there_are_is_refused():
    with pytest.raises(LanguageError, match=r"pronoun_postposition has no more than \d+ different pairs"):
        generate_pairs("pronoun_postposition", 1_000_000)


@pytest.mark.parametrize(
    ("stem", "tags", "at", "breach", "expected"),
    [
        ("китап", "PL", "PL", other_harmony, ("китаптәр",)),
        ("өй", "DAT", "DAT", other_harmony, ("өйға",)),
        ("мәктәп", "LOC", "LOC", other_harmony, ("мәктәпта",)),
        # what follows the misshapen suffix follows its rules
        ("китап", "PL+ACC", "PL", other_harmony, ("китаптәрҙе",)),
        ("китап", "PL", "PL", other_consonant, ("китаплар", "китапдар", "китапҙар")),
        ("бала", "GEN", "GEN", other_consonant, ("баладың", "балатың", "балаҙың")),
        ("өй", "DAT", "DAT", other_consonant, ("өйкә",)),
        ("урман", "DAT", "DAT", other_consonant, ("урманҡа",)),
        ("көн", "ACC", "ACC", other_rounding, ("көнде",)),
        ("йыл", "ACC", "ACC", other_rounding, ("йылдо",)),
        ("китап", "P3", "P3", unvoiced, ("китапы",)),
        ("аяҡ", "P1SG+DAT", "P1SG", unvoiced, ("аяҡыма",)),
        ("китап", "P3+DAT", "DAT", plain_case, ("китабыға",)),
        ("китап", "P3+LOC", "LOC", plain_case, ("китабыла",)),
        ("китап", "P3+ACC", "ACC", plain_case, ("китабыны",)),
    ],
)
def test_each_breach_of_a_noun_breaks_its_rule_only(stem, tags, at, breach, expected):
    assert misshape(entry_of(stem, "noun"), tags, at, breach) == expected


@pytest.mark.parametrize(
    ("stem", "tags", "at", "breach", "expected"),
    [
        ("бар", "NEG+AOR+3SG", "AOR", affirmative, ("бармар",)),
        ("бар", "NEG+AOR+1SG", "AOR", affirmative, ("бармармын",)),
        ("кил", "NEG+INF", "INF", affirmative, ("килмәргә",)),
        ("тор", "PST+3SG", "PST", other_rounding, ("торҙы",)),
        ("кил", "PST+3SG+Q", "Q", other_harmony, ("килдемы",)),
    ],
)
def test_each_breach_of_a_verb_breaks_its_rule_only(stem, tags, at, breach, expected):
    assert misshape(entry_of(stem, "verb"), tags, at, breach) == expected


@pytest.mark.parametrize(("tags", "expected"), [("PL+P1SG", "китабымдар"), ("PL+DAT", "китапҡалар")])
def test_suffixes_change_places(tags, expected):
    assert disorder(entry_of("китап", "noun"), tags) == expected


def test_a_form_that_is_another_word_is_no_wrong_form():
    """баланы is the child as an object, but also somebody's guelder rose (балан)."""
    assert not c.is_wrong("баланы", c.caseless)
    assert c.is_wrong("китапты", c.caseless)
    # күлдәгене, meant as a misshapen күлдәген (his dress), is what is in the lake
    assert "күлдәгене" not in {one.bad for one in c.misshapen("thing", "P3+ACC", "ACC", plain_case)}


def test_particles_take_the_shape_of_the_word_before_them():
    right = {dict(one.fills)["host"]: one.good for one in c.particles("person", c.other_vowel)}
    assert (right["бала"], right["дуҫ"], right["шағир"], right["рәссам"], right["күрше"]) == (
        "ла",
        "та",
        "ҙа",
        "да",
        "лә",
    )
    wrong = {one.bad for one in c.particles("person", c.other_initial) if dict(one.fills)["host"] == "дуҫ"}
    assert wrong == {"ла", "да", "ҙа"}


def test_the_word_groups_are_in_the_lexicon_as_what_they_are_used_for():
    for group in STEMS:
        assert words(group)
    for group in ("person", "kin"):
        assert {entry.remarks.get("class") for entry in words(group)} <= {"person", None}
    assert all(analyse(word) for phrases in PHRASES.values() for phrase in phrases for word in phrase.split())
    assert all(analyse(word) for what, _ in DEEDS for word in what.split())


def test_a_stem_that_the_lexicon_lacks_is_named():
    with pytest.raises(LanguageError, match="'шкафчик' as noun"):
        entry_of("шкафчик", "noun")


def pair_of(good, bad, name="made_up"):
    return MinimalPair(name, f"{good}.", f"{bad}.", good, bad, "made_up-001")


def test_balance_by_hand():
    counts = {"ал": 10, "бал": 2, "тал": 2, "мал": 5}
    made = [pair_of("Ал", "бал"), pair_of("тал", "бал"), pair_of("бал", "мал"), pair_of("юҡ", "ал", "other")]
    table = word_balance(made, counts)
    assert table.loc["made_up"].to_dict() == {"pairs": 3, "good": 2, "bad": 2, "good_more_frequent": 0.5}
    assert table.loc["other"].to_dict() == {"pairs": 1, "good": 0, "bad": 10, "good_more_frequent": 0}


def test_frequencies_choose_contrasts_of_like_members():
    """Only verbs of one person occur in this corpus, so pairs between the other persons are the alike ones."""
    frequencies = {one.good: 1000 for one in c.agreeing("PST") if ("subject", "мин") in one.fills}
    plain = generate_pairs("person_agreement", 120)
    chosen = generate_pairs("person_agreement", 120, frequencies=frequencies)

    def unlike(pairs):
        return sum((pair.good_word in frequencies) != (pair.bad_word in frequencies) for pair in pairs)

    assert unlike(plain) > 5 and unlike(chosen) == 0


def test_frequencies_leave_phenomena_alone_whose_wrong_forms_do_not_exist():
    frequencies = {one.good: 7 for frame in PHENOMENA["plural_harmony"].frames for one in frame.contrasts()[::2]}
    assert generate_pairs("plural_harmony", 30) == generate_pairs("plural_harmony", 30, frequencies=frequencies)


def test_a_pair_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        pair_of("ал", "бал").good = "ял"  # type: ignore[misc]
