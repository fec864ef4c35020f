import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_scores import made_scores

from bashkir_utils.errors.scored_text import cut_pieces, read_documents, unit_bits
from bashkir_utils.evaluation import score_documents
from bashkir_utils.exceptions import RunError
from bashkir_utils.models import load_model, load_tokenizer
from bashkir_utils.study import EvaluationSpec


def units(text):
    _, read = made_scores([text], [])
    return list(zip(read.units["text"], read.units["kind"], read.units["sentence_start"], strict=True))


def test_a_text_is_cut_into_words_numbers_and_signs():
    assert units("Ул 2024-се йыл, 3.5 кг.") == [
        ("Ул", "word", True), ("2024-се", "number", False), ("йыл", "word", False), (",", "sign", False),
        ("3.5", "number", False), ("кг", "word", False), (".", "sign", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "opening"),
    [
        ("Ул килде. «Ямғыр», — тине Азамат", ["Ул", "Ямғыр"]),
        ("Исем\nАй тыуҙы", ["Исем", "Ай"]),
        ("Ул: Кил, Азамат", ["Ул", "Кил"]),
        ("— Бар… Кил", ["Бар", "Кил"]),
        ("Өфө «Ватан» сыға", ["Өфө"]),
    ],
)
def test_where_sentences_begin(text, opening):
    assert [word for word, kind, first in units(text) if first and kind == "word"] == opening


@given(st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_units_lose_no_character_and_bytes_are_those_of_utf8(texts):
    texts = ["".join(sign for sign in text if not 0xD800 <= ord(sign) < 0xE000) for text in texts]
    _, read = made_scores(texts, [])
    line = "".join(texts)
    assert "".join(line[start:end] for start, end in zip(read.units["start"], read.units["end"], strict=True)) == line
    assert read.documents["bytes"].tolist() == [len(text.encode()) for text in texts]
    assert len(read.unit_of) == len(line) == len(read.document_of)
    for unit in read.units.to_dict("records"):
        assert line[unit["inner"] : unit["end"]].startswith(unit["text"])
        assert not line[unit["start"] : unit["inner"]].strip()


def test_a_hostile_text_is_cut_in_linear_time():
    for text in ("ҡ" * 200_000, "-" * 200_000, "ҡ-" * 100_000, "1." * 100_000, " " * 200_000):
        assert read_documents(
            pd.DataFrame({"id": ["a"], "source": "s"}), pd.DataFrame({"id": ["a"], "text": [text]})
        ).units["end"].iloc[-1] == len(text)


def test_losses_by_hand():
    # "аб в": а and б are two bytes each; the first token covers аб, the second the space and в
    scored, text = made_scores(["аб в"], [(0, 0, 2, 4.0), (0, 2, 4, 3.0)])
    pieces = cut_pieces(scored, text)
    assert pieces.character.tolist() == [0, 1, 2, 3]
    assert pieces.nll.tolist() == [2.0, 2.0, 1.0, 2.0]
    assert pieces.bytes.tolist() == [2, 2, 1, 2]
    assert unit_bits(scored, text) * math.log(2) == pytest.approx([4, 3])


def test_a_character_without_a_token_belongs_to_the_next_token():
    scored, text = made_scores(["аб в "], [(0, 0, 2, 4.0), (0, 3, 4, 4.0)])
    pieces = cut_pieces(scored, text)
    assert pieces.token.tolist() == [0, 0, 1, 1, 1]
    assert pieces.nll.tolist() == [2, 2, 1, 2, 1]
    # at the very beginning too, and not to the document before
    scored, text = made_scores(["а", " б"], [(0, 0, 1, 1.0), (1, 1, 2, 3.0)])
    assert cut_pieces(scored, text).nll.tolist() == [1, 1, 2]


def test_bytes_of_one_letter_share_it():
    scored, text = made_scores(["аб"], [(0, 0, 1, 1.0), (0, 0, 1, 2.0), (0, 1, 2, 5.0)])
    pieces = cut_pieces(scored, text)
    assert pieces.character.tolist() == [0, 0, 1]
    assert pieces.bytes.tolist() == [1, 1, 2]
    assert unit_bits(scored, text) * math.log(2) == pytest.approx([8])


def test_a_token_without_characters_goes_with_the_one_after_it_and_the_last_with_the_one_before():
    scored, text = made_scores(["аб"], [(0, 1, 1, 1.0), (0, 1, 2, 2.0), (0, 2, 2, 4.0)])
    pieces = cut_pieces(scored, text)
    by_character = np.bincount(pieces.character, weights=pieces.nll)
    assert by_character == pytest.approx([1, 6])
    assert pieces.bytes.sum() == 4


@st.composite
def cut_texts(draw):
    """Texts with tokens that leave gaps, overlap and may be empty."""
    texts = draw(st.lists(st.text("аҡ -1.\nz€😀", min_size=1, max_size=12), min_size=1, max_size=4))
    tokens = []
    for document, text in enumerate(texts):
        start = 0
        for _ in range(draw(st.integers(1, 6))):
            start = draw(st.integers(start, len(text)))
            end = draw(st.integers(start, len(text)))
            tokens.append((document, start, end, draw(st.floats(0, 20)), draw(st.integers(0, 2000))))
            start = max(start, end - 1)
    return texts, tokens


@given(cut_texts())
def test_losses_and_bytes_are_conserved_in_every_document(made):
    texts, tokens = made
    scored, text = made_scores(texts, tokens)
    pieces = cut_pieces(scored, text)
    document = text.document_of[pieces.character]
    for place, each in enumerate(texts):
        assert pieces.nll[document == place].sum() == pytest.approx(sum(t[3] for t in tokens if t[0] == place))
        assert pieces.bytes[document == place].sum() == pytest.approx(len(each.encode()))
    assert np.bincount(pieces.token, weights=pieces.nll, minlength=len(tokens)) == pytest.approx([t[3] for t in tokens])
    assert (np.diff(pieces.token) >= 0).all()


def test_what_cannot_be_shared_out_is_refused():
    texts = ["аб"]
    scored, text = made_scores(texts, [(0, 0, 2, math.nan)])
    with pytest.raises(RunError, match="not finite"):
        cut_pieces(scored, text)
    _, other = made_scores(["аб", "в"], [])
    with pytest.raises(RunError, match="same documents"):
        cut_pieces(scored, other)
    with pytest.raises(RunError, match="not in the test split"):
        read_documents(scored.documents, pd.DataFrame({"id": ["z"], "text": ["аб"]}))
    scored, text = made_scores([""], [(0, 0, 0, 1.0)])
    with pytest.raises(RunError, match="without text"):
        cut_pieces(scored, text)


def test_no_tokens_no_pieces():
    scored, text = made_scores([""], [])
    assert len(cut_pieces(scored, text).nll) == 0
    assert len(unit_bits(scored, text)) == 0


def test_words_cost_what_scoring_says_where_no_token_crosses_a_space(tiny, texts, shared_workspace):
    """A real byte-level tokenizer and model: the words table of the evaluation was computed on its own."""
    model = load_model(tiny, shared_workspace)
    sample = texts[:2]
    scores = score_documents(
        model, load_tokenizer(tiny, shared_workspace), sample, EvaluationSpec(window=64, overlap=8)
    )
    documents = pd.DataFrame({"id": ["a", "b"], "source": "s"})
    text = read_documents(documents, documents.assign(text=sample))
    scored, _ = made_scores(sample, [])
    scored = type(scored)(documents, scores.tokens)
    bits = pd.Series(unit_bits(scored, text)).groupby(text.units["document"]).sum()
    assert bits.to_numpy() * math.log(2) == pytest.approx(scores.documents["nll"].to_numpy())
    plain = text.units["text"].isin(["һәм", "менән"])
    mine = sorted(unit_bits(scored, text)[plain] * math.log(2))
    theirs = sorted(scores.words.loc[scores.words["word"].isin(["һәм", "менән"]), "nll"])
    assert len(mine) > 1
    assert mine == pytest.approx(theirs)
