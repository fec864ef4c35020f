import re
from collections import Counter, defaultdict

import pytest

from bashkir_utils.exceptions import LanguageError
from bashkir_utils.language import (
    ALPHABET,
    BASHKIR_LETTERS,
    PARALLEL,
    PROMPTS,
    TATAR_LETTERS,
    held_out,
    labelled_sentences,
    read_labelled,
)

SENTENCES = labelled_sentences()
RUSSIAN = frozenset(ALPHABET) - BASHKIR_LETTERS
ALPHABETS = {
    "ba": frozenset(ALPHABET),
    "tt": RUSSIAN | TATAR_LETTERS,
    "ru": RUSSIAN,
    "en": frozenset("abcdefghijklmnopqrstuvwxyz"),
}


def letters(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]", text.lower()))


def test_there_are_enough_sentences_all_different():
    counts = Counter(each.language for each in SENTENCES)
    assert min(counts[name] for name in ("ba", "tt", "ru", "en")) >= 60
    assert len(counts) >= 20
    assert sum(counts[name] for name in counts if name not in ALPHABETS) >= 20
    assert len({each.text for each in SENTENCES}) == len(SENTENCES)


def test_sentences_are_written_in_the_letters_of_their_language():
    for each in SENTENCES:
        assert letters(each.text) <= ALPHABETS.get(each.language, letters(each.text)), each


def test_many_bashkir_and_tatar_sentences_say_the_same():
    groups = defaultdict(set)
    for each in SENTENCES:
        groups[each.group].add(each.language)
    assert sum({"ba", "tt"} <= found for found in groups.values()) >= 60
    assert len(SENTENCES) == sum(map(len, groups.values())), "no language comes twice in a group"


def test_hard_sentences_are_there_and_sentences_differ_in_length():
    own = [bool(letters(each.text) & (BASHKIR_LETTERS - TATAR_LETTERS)) for each in SENTENCES if each.language == "ba"]
    assert 20 <= own.count(False) <= len(own) / 2
    lengths = [len(each.text.split()) for each in SENTENCES if each.language in ("ba", "tt")]
    assert min(lengths) <= 4
    assert max(lengths) >= 15


def test_nothing_of_them_stands_in_other_text_of_the_project():
    others = {prompt.text for prompt in PROMPTS} | {sentence.bashkir for sentence in PARALLEL}
    paragraphs = " ".join(each.text for language in ("en", "ru") for each in held_out(language))
    assert not any(each.text in others or each.text in paragraphs for each in SENTENCES)


@pytest.mark.parametrize("line", ["ba\t001", "ba\t \tБөгөн", "ba 001 Бөгөн", "", "ba\t001\tБөгөн\tкөн"])
def test_a_damaged_line_is_named(line, tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text(f"ba\t001\tБөгөн\n{line}\n", encoding="utf-8")
    with pytest.raises(LanguageError, match=r"^mine\.tsv, line 2: expected a language, a group and a sentence"):
        read_labelled(path)
