import re

from bashkir_utils.corpus.identify import identify_many
from bashkir_utils.language import ALPHABET, PARALLEL, PROMPTS


def letters(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]", text.lower()))


def test_every_kind_of_prompt_is_among_the_first_six():
    assert {prompt.kind for prompt in PROMPTS[:6]} == {prompt.kind for prompt in PROMPTS}
    assert {prompt.kind for prompt in PROMPTS} == {"news", "talk", "encyclopedia", "instruction", "story", "cut word"}


def test_there_are_twelve_prompts_or_more_all_different_and_glossed():
    assert len({prompt.text for prompt in PROMPTS}) == len(PROMPTS) >= 12
    assert all(prompt.gloss and not letters(prompt.gloss) & set(ALPHABET) for prompt in PROMPTS)


def test_prompts_and_sentences_are_written_in_bashkir_letters():
    texts = [*(prompt.text for prompt in PROMPTS), *(sentence.bashkir for sentence in PARALLEL)]
    assert set().union(*map(letters, texts)) <= set(ALPHABET)


def test_a_prompt_that_cuts_a_word_ends_inside_it():
    assert all(prompt.text[-1].isalpha() and "(" in prompt.gloss for prompt in PROMPTS if prompt.kind == "cut word")


def test_no_prompt_ends_in_white_space():
    """A space at the end would be a token of its own and spoil the continuation."""
    assert all(prompt.text == prompt.text.strip() for prompt in PROMPTS)


def test_there_are_thirty_parallel_sentences_or_more_in_three_scripts():
    assert len({sentence.bashkir for sentence in PARALLEL}) == len(PARALLEL) >= 30
    for sentence in PARALLEL:
        assert letters(sentence.russian) <= set("абвгдеёжзийклмнопрстуфхцчшщъыьэюя"), sentence
        assert letters(sentence.english) <= set("abcdefghijklmnopqrstuvwxyz"), sentence


def test_the_three_columns_are_identified_as_their_languages():
    columns = {
        "ba": " ".join(sentence.bashkir for sentence in PARALLEL),
        "ru": " ".join(sentence.russian for sentence in PARALLEL),
        "en": " ".join(sentence.english for sentence in PARALLEL),
    }
    assert [label for label, _ in identify_many(columns.values())] == list(columns)
