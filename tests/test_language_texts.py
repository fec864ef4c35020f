import re

import pytest

from bashkir_utils.corpus.identify import identify_many
from bashkir_utils.exceptions import LanguageError
from bashkir_utils.language import ALPHABET, PARALLEL, PROMPTS
from bashkir_utils.language.prompts import KINDS, Prompt, chosen_prompts, read_prompts
from bashkir_utils.study import GenerationSpec


def letters(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]", text.lower()))


def test_every_six_prompts_are_of_six_kinds():
    for begin in range(0, len(PROMPTS), len(KINDS)):
        assert tuple(prompt.kind for prompt in PROMPTS[begin : begin + len(KINDS)]) == KINDS


def test_there_are_sixty_prompts_or_more_all_different_and_glossed():
    assert len({prompt.text for prompt in PROMPTS}) == len(PROMPTS) >= 60
    assert all(prompt.gloss and not letters(prompt.gloss) & set(ALPHABET) for prompt in PROMPTS)


@pytest.mark.parametrize("line", ["news\tБөгөн", "news\t \tToday", "news Бөгөн Today", ""])
def test_a_damaged_line_of_prompts_is_named(line, tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text(f"news\tБөгөн\tToday\n{line}\n", encoding="utf-8")
    with pytest.raises(LanguageError, match=r"^mine\.tsv, line 2: expected a kind"):
        read_prompts(path)


def test_prompts_of_another_language_have_kinds_of_their_own(tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text("poem\tПаян \tToday\nnews\tКонча\tWhen it ended\n", encoding="utf-8")
    spec = GenerationSpec(prompts=5, prompts_file=str(path))
    assert chosen_prompts(spec) == (Prompt("poem", "Паян", "Today"), Prompt("news", "Конча", "When it ended"))
    assert chosen_prompts(spec.model_copy(update={"prompts": 1})) == chosen_prompts(spec)[:1]
    assert chosen_prompts(GenerationSpec(prompts=7)) == PROMPTS[:7]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"news\ta\tb\nnews\ta\tc\n", None])
def test_a_file_that_holds_no_prompts_is_one_line(content, tmp_path):
    path = tmp_path / "mine.tsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LanguageError, match=r"^prompts mine\.tsv: ") as caught:
        read_prompts(path)
    assert "\n" not in str(caught.value)


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
