"""Candidates: exact for any text, trained once, kept, refused in words, and there for any language."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bashkir_utils.exceptions import TokenizerError
from bashkir_utils.language import generate_documents, segment
from bashkir_utils.tokenization import candidates as made
from bashkir_utils.tokenization import check_round_trip, from_transformers
from bashkir_utils.tokenization.candidates import Candidate, grid, sizes_for, train_grid
from bashkir_utils.tokenization.surgery import extend_tokenizer, trim_tokenizer
from bashkir_utils.tokenization.trained import BYTES, END_OF_TEXT, SEAM, _cutting, count_pieces, train_on_counts

AWKWARD = "\x00 🏔️👩‍👩‍👧 e\u0301 \u200f\u202eһаумы\u202c \ue000 \ufffd <|endoftext|>\r\n\t  12 ½"
KINDS = ("bpe", "bpe+morphemes", "unigram", "unigram+morphemes", "trimmed", "extended")


@cache
def lines() -> tuple[str, ...]:
    return tuple(document.text for document in generate_documents(30))


@cache
def counts(morphemes: bool = False) -> Counter[str]:
    return count_pieces(lines(), segment if morphemes else None)


@cache
def of_kind(kind: str):
    plain = train_on_counts(counts(), entries=400)
    if kind == "trimmed":
        return from_transformers(kind, kind, trim_tokenizer(plain, lines()[:1]).tokenizer)
    if kind == "extended":
        return from_transformers(kind, kind, extend_tokenizer(plain, lines(), 40).tokenizer)
    algorithm, _, morphemes = kind.partition("+")
    learned = train_on_counts(counts(bool(morphemes)), entries=400, algorithm=algorithm)
    return from_transformers(kind, kind, learned)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60))
@example(AWKWARD)
@example("".join(map(chr, range(0x250))))
def test_every_kind_gives_any_text_back(kind, text):
    tokenizer = of_kind(kind)
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert b"".join(tokenizer.pieces(text)) == text.encode()


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), max_size=3))
@example([AWKWARD, "  бер   ике\n\n\nөс  ", "a 's don't\n 1 2", "!\x1c?\x85 a\u2028b\u3000c"])
def test_counting_by_chunks_is_counting_piece_by_piece(texts):
    cutting = _cutting(seams=False)
    assert count_pieces(texts) == Counter(piece for text in texts for piece, _ in cutting.pre_tokenize_str(text))


def test_no_counted_piece_crosses_a_seam():
    cut = {"китаптар": ("китап", "тар")}
    counted = count_pieces(["китаптар китаптар"], lambda word: cut.get(word, (word,)))
    assert sorted(counted.values()) == [1, 1, 2]
    assert not any(SEAM in piece for piece in counted)


@pytest.mark.parametrize("algorithm", ["bpe", "unigram"])
def test_every_learned_entry_lies_inside_a_counted_piece(algorithm):
    """So none crosses a seam, a digit or the end of a word."""
    learned = train_on_counts(counts(True), entries=400, algorithm=algorithm)
    text = "\n".join(counts(True))
    longer = {entry for entry in learned.get_vocab() if len(entry) > 1} - {END_OF_TEXT}
    assert len(longer) == 400 - BYTES - 1
    assert all(entry in text for entry in longer)


def test_unigram_is_the_same_each_time():
    first, second = (train_on_counts(counts(), entries=400, algorithm="unigram") for _ in range(2))
    assert first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()


def test_sizes_are_the_largest_that_the_text_has_repeated_words_for():
    def words(repeated):
        return [" ".join(chr(0x4E00 + i) for i in range(repeated))] * 2 + ["only once each"]

    assert sizes_for(words(511)) == ()
    assert sizes_for(words(512)) == (512,)
    assert sizes_for(words(9000)) == (1024, 2048, 4096, 8192)


def test_the_grid_has_every_kind_at_every_size():
    assert [each.name for each in grid((512, 1024), morphemes=True)] == [
        "bpe-512", "bpe-1024", "bpe+morphemes-512", "bpe+morphemes-1024", "unigram-512", "unigram-1024",
    ]  # fmt: skip
    assert {each.family for each in grid((512,), morphemes=False)} == {"bpe", "unigram"}


def test_a_grid_is_trained_once(text_corpus, workspace, monkeypatch):
    first = train_grid(text_corpus, workspace)
    assert {each.family for each in first.contenders} == {"bpe", "bpe+morphemes", "unigram"}
    for each in first.contenders:
        assert each.tokenizer.vocabulary_size == int(each.tokenizer.name.rpartition("-")[2])
        check_round_trip(each.tokenizer)
    monkeypatch.setattr(made, "train_on_counts", lambda *_, **__: pytest.fail("trained again"))
    again = train_grid(text_corpus, workspace)
    text = text_corpus.split("test")["text"][0]
    assert [each.tokenizer.encode(text) for each in again.contenders] == [
        each.tokenizer.encode(text) for each in first.contenders
    ]
    assert again.too_large == first.too_large != ()


def test_other_text_and_other_settings_are_kept_apart(text_corpus, workspace):
    one = [Candidate("bpe", 300)]
    train_grid(text_corpus, workspace, candidates=one)
    train_grid(text_corpus, workspace, candidates=one, characters=3_000)
    assert len([path for path in workspace.tokenizers.iterdir() if path.is_dir()]) == 2


def test_what_a_text_cannot_give_is_left_out_and_said_again_without_training(text_corpus, workspace, monkeypatch):
    wanted = [Candidate("bpe", 300), Candidate("bpe", 500_000), Candidate("unigram", 500_000)]
    for _ in range(2):
        found = train_grid(text_corpus, workspace, candidates=wanted)
        assert [each.tokenizer.name for each in found.contenders] == ["bpe-300"]
        assert "give more text" in found.refused["bpe-500000"]
        assert "give more text" in found.refused["unigram-500000"]
        with pytest.raises(TokenizerError, match="give more text"):
            found.named("bpe-500000")
        monkeypatch.setattr(made, "train_on_counts", lambda *_, **__: pytest.fail("trained again"))
    assert found.named("bpe-300") is found.contenders[0].tokenizer


def test_another_language_has_bpe_and_unigram_only(text_corpus, workspace):
    chuvash = replace(text_corpus, language="cv")
    found = train_grid(chuvash, workspace)
    assert {each.family for each in found.contenders} == {"bpe", "unigram"}
    with pytest.raises(TokenizerError, match="only Bashkir"):
        train_grid(chuvash, workspace, candidates=[Candidate("bpe", 300, morphemes=True)])


def test_a_damaged_folder_is_named(text_corpus, workspace):
    train_grid(text_corpus, workspace, candidates=[Candidate("bpe", 300)])
    (folder,) = (path for path in workspace.tokenizers.iterdir() if path.is_dir())
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(TokenizerError, match="delete it"):
        train_grid(text_corpus, workspace, candidates=[Candidate("bpe", 300)])


def test_trimmed_and_extended_ones_are_kept_too(text_corpus, workspace, monkeypatch):
    base = train_on_counts(counts(), entries=400)
    small = made.trimmed_contender("base", base, text_corpus, workspace, characters=500)
    grown = made.extended_contender("base", base, text_corpus, workspace, 50)
    assert (small.family, grown.family) == ("trimmed", "extended")
    assert small.tokenizer.vocabulary_size < 400 < grown.tokenizer.vocabulary_size == 450
    monkeypatch.setattr(made, "extend_tokenizer", lambda *_: pytest.fail("learned again"))
    assert made.extended_contender("base", base, text_corpus, workspace, 50).tokenizer.vocabulary_size == 450
