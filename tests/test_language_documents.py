import random
import re
import subprocess
import sys
from collections import Counter

import pytest

from bashkir_utils.corpus.deduplicate import clusters, drop, signature
from bashkir_utils.corpus.identify import identify_many
from bashkir_utils.language import ALPHABET, analyse, generate_documents
from bashkir_utils.language import documents as documents_module
from bashkir_utils.language.genres import GENRES, SWITCHED_SHARE, SWITCHING_GENRES, Genre, Scene, switch, write
from bashkir_utils.language.genres.genre import PRONOUN, Person
from bashkir_utils.language.genres.grammar import ATTEMPTS, PEOPLE, parsed, words_of
from bashkir_utils.language.genres.switching import WORD
from bashkir_utils.language.inflection import Noun, form_of
from bashkir_utils.language.pools import DEEDS, POOLS


@pytest.fixture(scope="module")
def documents():
    return generate_documents(900)


@pytest.fixture
def scene():
    return Scene(random.Random(1), POOLS)


def test_the_same_seed_gives_the_same_documents_and_another_seed_others(documents):
    assert generate_documents(30) == documents[:30]
    assert not {each.text for each in generate_documents(30, seed=7)} & {each.text for each in documents}


def test_another_process_with_another_hash_seed_writes_the_same(documents):
    code = "from bashkir_utils.language import generate_documents as g; print(g(40)[-1].text)"
    for hash_seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        )
        assert run.stdout.decode().strip() == documents[39].text


def test_there_are_as_many_as_asked_with_their_own_ids(documents):
    assert len(documents) == len({each.id for each in documents}) == 900
    assert generate_documents(0) == []


def test_texts_that_come_twice_are_left_out(monkeypatch):
    tiny = Genre("tiny", openings=tuple("абвгде"), body=("эйе",), closings=("бөттө",), body_length=(1, 1))
    monkeypatch.setattr(documents_module, "GENRES", (tiny,))
    monkeypatch.setattr(documents_module, "SHORTEST", 1)
    assert {each.text for each in generate_documents(6)} == {f"{letter} Эйе Бөттө" for letter in "АБВГДЕ"}


def test_slots_of_one_pool_never_hold_the_same(documents):
    lists = [re.search(r"Йылғала (\w+), (\w+) һәм (\w+) осрай", each.text) for each in documents]
    found = [match.groups() for match in lists if match]
    assert found
    assert all(len(set(names)) == 3 for names in found)


def test_every_genre_comes_in_the_smallest_corpus():
    assert {each.genre for each in generate_documents(len(GENRES))} == {
        "news", "village", "weather", "recipe", "family story", "encyclopedia", "dialogue", "tale", "proverbs",
        "lesson",
    }  # fmt: skip


def test_lengths_pass_the_pipelines_bounds(documents):
    lengths = [len(each.text) for each in documents]
    assert min(lengths) >= 400
    assert max(lengths) <= 1200


def test_no_two_are_near_copies_by_the_pipelines_measure(documents):
    texts = {each.id: each.text for each in documents}
    assert len(drop(clusters(texts, {key: signature(text) for key, text in texts.items()}, 0.8))) < 0.01 * len(texts)


def test_vocabulary_grows_with_size(documents):
    few, many = (
        {word for each in part for word in WORD.findall(each.text.lower())} for part in (documents[:90], documents)
    )
    assert len(many) > 1.5 * len(few)


def test_language_identification_calls_97_in_100_bashkir(documents):
    labels = Counter(label for label, _ in identify_many(each.text for each in documents))
    assert labels["ba"] >= 0.97 * len(documents)


def test_only_bashkir_letters_are_used(documents):
    assert {letter for each in documents for word in WORD.findall(each.text.lower()) for letter in word} <= {
        *ALPHABET,
        "-",
    }


def test_nothing_is_left_of_the_templates(documents):
    for document in documents:
        assert not re.search(r"[{}<>|*\[\]]|  | [,.!?]|[,;:]\.|\.\.|Noun|Verb|Beast|Deed|\s$|^\s|\n ", document.text), (
            document.text
        )


def test_lines_and_sentences_begin_with_a_capital_or_a_number(documents):
    for document in documents:
        for beginning in re.findall(r"(?:^|[.!?] |: (?=«))[—«\s]*(\w)", document.text, flags=re.MULTILINE):
            assert beginning.isdigit() or beginning.isupper(), document.text


def test_quotation_marks_come_in_pairs(documents):
    for document in documents:
        marks = re.sub(r"[^«»]", "", document.text)
        assert marks == "«»" * (len(marks) // 2), document.text


def test_nearly_every_word_that_is_no_name_has_a_reading(documents):
    lower = [word for each in documents for word in WORD.findall(each.text) if word[0].islower()]
    assert sum(bool(analyse(word)) for word in lower) >= 0.9 * len(lower)


def test_one_word_in_a_hundred_of_talk_is_russian_and_known(documents):
    talk = [each for each in documents if each.genre in SWITCHING_GENRES]
    share = sum(len(each.switched) for each in talk) / sum(len(WORD.findall(each.text)) for each in talk)
    assert share == pytest.approx(SWITCHED_SHARE, rel=0.15)
    for each in talk:
        left = each.text
        for word in each.switched:
            assert word in left, each.text
            left = left.split(word, 1)[1]
    assert not any(each.switched for each in documents if each.genre not in SWITCHING_GENRES)


def test_nothing_is_lost_by_switching():
    text = "— Мин ҡайттым.\n— Ярай, {}.".format(" ".join(["яҡшы"] * 300))
    mixed, words = switch(text, random.Random(2))
    assert len(words) == 3
    for word in words:
        mixed = re.sub(rf", {word}(?=\.)|{word}, (?=м)", "", mixed, count=1)
    assert mixed.lower().replace("ладно", "ярай") == text.lower()


def test_people_are_named_in_full_before_anything_else(documents):
    told = 0
    for each in documents:
        known: set[Person] = set()
        for mention in each.mentions:
            assert (mention.how == "full") == (mention.person not in known), each.text
            known.add(mention.person)
            told += mention.how == "pronoun"
        place = 0
        for mention in each.mentions:
            place = each.text.lower().index(mention.form.lower(), place) + 1
    assert told > 100


def test_a_pronoun_only_follows_a_mention_of_the_same_person(documents):
    for each in documents:
        for before, mention in zip(each.mentions, each.mentions[1:], strict=False):
            assert mention.how != "pronoun" or before.person is mention.person, each.text


def test_a_pronoun_is_not_used_after_somebody_else(scene):
    hows = set()
    for _ in range(60):
        write("{hero.ref}", scene)
        write("{*man}", scene)
        write("{hero.ref}", scene)
        hows.add(scene.mentions[-1].how)
        scene.mentions.clear()
        write("{hero.full}", scene)
    assert hows in ({"name", "role"}, {"full", "name", "role"})


def test_a_pronoun_is_not_used_from_afar(scene):
    write("{hero.full}", scene)
    scene.sentence += 2
    hows = set()
    for _ in range(60):
        scene.mentioned_in = 0
        write("{hero.ref}", scene)
        hows.add(scene.mentions[-1].how)
    assert hows == {"name", "role"}


def test_people_take_the_case_that_the_sentence_asks_for():
    person = Person(Noun("Айгөл"), Noun("Хәсәнова"), Noun("уҡытыусы"))
    assert person.called("full", "dat") == "уҡытыусы Айгөл Хәсәноваға"
    assert person.called("name", "gen") == "Айгөлдөң"
    assert person.called("role", "acc") == "уҡытыусыны"
    assert [person.called("pronoun", case) for case in PRONOUN] == ["ул", "уның", "уға", "уны", "унда", "унан"]


def test_subjects_agree_with_their_verbs(documents):
    """мин with -м, беҙ with -быҙ and -ҡ: the word at the end of the clause."""
    ends = {"Мин": ("м", "мен", "мын"), "Беҙ": ("ҡ", "к", "беҙ", "быҙ")}
    clauses = [
        (subject, last)
        for each in documents
        for subject, last in re.findall(r"(Мин|Беҙ) (?:[^.,!?—«»\n]+ )(\w+)[.,]", each.text)
    ]
    assert len(clauses) > 20
    assert all(last.endswith(ends[subject]) for subject, last in clauses), clauses


def test_a_deed_is_a_verb_and_a_relative_clause():
    deed = next(deed for deed in DEEDS if deed.stem == "матур күлдәк тек")
    assert [deed.past, deed.past_we, deed.if_you] == [
        "матур күлдәк текте",
        "матур күлдәк тектек",
        "матур күлдәк текһәң",
    ]
    assert str(deed.result) == "теккән матур күлдәк"
    assert deed.result.acc == "теккән матур күлдәкте"


def test_brackets_are_optional_and_angles_are_choices(scene):
    found = {write("а[ б<в|г>] д", scene) for _ in range(60)}
    assert found == {"а д", "а бв д", "а бг д"}


@pytest.mark.parametrize("template", ["а [б", "а] б", "а <б|в", "а > б"])
def test_a_template_with_unmatched_brackets_is_refused(template):
    with pytest.raises(ValueError, match="brackets"):
        parsed(template)


def test_a_slot_keeps_its_word_and_a_starred_one_does_not(scene):
    first, second, *stars = write("{tree} {tree} {*tree} {*tree} {*tree}", scene).split()
    assert first == second
    assert len({first, *stars}) == 4


@pytest.mark.parametrize("genre", GENRES, ids=lambda genre: f"{genre.name}-{genre.body[0][:12]}")
def test_every_slot_of_every_template_can_be_filled(genre):
    for template in (*genre.openings, *genre.body, *genre.closings):
        for word in words_of(template):
            if word.name in PEOPLE:
                assert word.path[0] in {"full", "ref", "name", "role"}
                assert word.path[1:] in {(), *((case,) for case in PRONOUN)}
            else:
                pool = POOLS[word.name.rstrip("0123456789")]
                assert all(form_of(item, word.path) for item in pool[:ATTEMPTS])


@pytest.mark.parametrize("genre", GENRES, ids=lambda genre: f"{genre.name}-{genre.body[0][:12]}")
def test_the_body_is_long_enough_for_what_is_taken_from_it(genre):
    low, high = genre.body_length
    assert 0 < low <= high < len(genre.body)
