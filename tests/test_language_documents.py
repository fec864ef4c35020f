import itertools
import re
from collections import Counter
from functools import reduce
from string import Formatter

import pytest

from bashkir_utils.corpus.identify import identify_many
from bashkir_utils.language import ALPHABET, generate_documents
from bashkir_utils.language import documents as documents_module
from bashkir_utils.language.genres import GENRES, Genre
from bashkir_utils.language.pools import POOLS

WORD = re.compile(r"[^\W\d_]+")


@pytest.fixture(scope="module")
def documents():
    return generate_documents(900)


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.lower().split()
    return set(zip(*(words[start:] for start in range(5)), strict=False))


def test_the_same_seed_gives_the_same_documents_and_another_seed_others(documents):
    assert generate_documents(30) == documents[:30]
    assert not {each.text for each in generate_documents(30, seed=7)} & {each.text for each in documents}


def test_there_are_as_many_as_asked_with_their_own_ids(documents):
    assert len(documents) == len({each.id for each in documents}) == 900
    assert generate_documents(0) == []


def test_texts_that_come_twice_are_left_out(monkeypatch):
    openings = ("бер", "ике", "өс", "дүрт", "биш", "алты")
    tiny = Genre("tiny", openings=openings, body=("эйе",), closings=("бөттө",), body_length=(1, 1))
    monkeypatch.setattr(documents_module, "GENRES", (tiny,))
    texts = {each.text for each in generate_documents(6)}
    assert texts == {f"{opening.capitalize()} Эйе Бөттө" for opening in openings}


def test_slots_of_one_pool_never_hold_the_same(documents):
    lists = [re.search(r"Йылғала (\w+), (\w+) һәм (\w+) осрай", each.text) for each in documents]
    found = [match.groups() for match in lists if match]
    assert found
    assert all(len(set(names)) == 3 for names in found)


def test_all_eight_genres_come_in_the_smallest_corpus():
    assert {each.genre for each in generate_documents(15)} == {
        "news", "village", "weather", "recipe", "family story", "encyclopedia", "dialogue", "tale",
    }  # fmt: skip


def test_lengths_pass_the_pipelines_bounds(documents):
    lengths = [len(each.text) for each in documents]
    assert min(lengths) >= 400
    assert max(lengths) <= 1200


def test_no_two_are_near_duplicates(documents):
    """By brute force: Jaccard similarity of five-word shingles within each genre stays below the pipeline's 0.8."""
    by_genre: dict[str, list[set[tuple[str, ...]]]] = {}
    for document in documents:
        by_genre.setdefault(document.genre, []).append(shingles(document.text))
    similar = [
        len(one & other) / len(one | other)
        for sets in by_genre.values()
        for one, other in itertools.combinations(sets, 2)
    ]
    assert max(similar) < 0.8


def test_language_identification_calls_97_in_100_bashkir(documents):
    labels = Counter(label for label, _ in identify_many(each.text for each in documents))
    assert labels["ba"] >= 0.97 * len(documents)


def test_only_bashkir_letters_are_used(documents):
    assert {letter for each in documents for word in WORD.findall(each.text.lower()) for letter in word} <= set(
        ALPHABET
    )


def test_nothing_is_left_of_the_templates(documents):
    for document in documents:
        assert not re.search(r"[{}]|  | [,.!?]|Noun|Verb|Beast|\s$|^\s", document.text), document.text


def test_lines_and_sentences_begin_with_a_capital_or_a_number(documents):
    for document in documents:
        for beginning in re.findall(r"(?:^|[.!?] )[—«\s]*(\w)", document.text, flags=re.MULTILINE):
            assert beginning.isdigit() or beginning.isupper(), document.text


@pytest.mark.parametrize("genre", GENRES, ids=lambda genre: f"{genre.name}-{genre.body[0][:12]}")
def test_every_slot_of_every_template_can_be_filled(genre):
    templates = (*genre.openings, *genre.body, *genre.closings)
    slots = {field for template in templates for _, field, _, _ in Formatter().parse(template) if field}
    roots = Counter(slot.rstrip("0123456789") for slot in {field.split(".")[0] for field in slots})
    for field in slots:
        name, *properties = field.split(".")
        for item in POOLS[name.rstrip("0123456789")]:
            assert reduce(getattr, properties, item)
    assert all(len(POOLS[root]) > count for root, count in roots.items())


@pytest.mark.parametrize("genre", GENRES, ids=lambda genre: f"{genre.name}-{genre.body[0][:12]}")
def test_the_body_is_long_enough_for_what_is_taken_from_it(genre):
    low, high = genre.body_length
    assert 0 < low <= high < len(genre.body)
