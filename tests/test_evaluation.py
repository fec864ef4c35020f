import math
import re

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing

from bashkir_utils.evaluation import (
    choose_documents,
    count_words,
    cut_windows,
    score_documents,
    summarise,
)
from bashkir_utils.models import load_model, load_tokenizer
from bashkir_utils.packing import boundaries, encode
from bashkir_utils.study import EvaluationSpec, ModelSpec

from conftest import ARCHITECTURES

SPEC = EvaluationSpec(window=24, overlap=8, batch_size=3, bootstrap_samples=200)
TEXTS = ["Ҡыш көнө ҡар яуа.", "Һыу", "Беҙ бөгөн Өфөгә барабыҙ, унда дуҫтарыбыҙ йәшәй; кисен ҡайтабыҙ. Ҡар аҡ."]


def token_by_token(model, tokenizer, text, spec):
    """The same windows scored with one plain forward pass for every single token, in float64."""
    start = boundaries(tokenizer).before
    nll = {}
    for window in cut_windows(0, start, encode(tokenizer, text), spec):
        for k in range(window.first_scored, len(window.ids)):
            logits = model(torch.tensor([window.ids[:k]])).logits[0, -1].double()
            logp = logits - torch.logsumexp(logits, 0)
            position = window.offset + k - window.first_scored
            assert position not in nll, "a token is scored twice"
            nll[position] = -logp[window.ids[k]].item()
    assert sorted(nll) == list(range(len(encode(tokenizer, text)))), "a token is not scored"
    return sum(nll.values())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_scores_equal_an_independent_float64_calculation(architecture, shared_workspace):
    spec = ModelSpec(name=architecture, source=f"random:{architecture}")
    model = load_model(spec, shared_workspace, dtype=torch.float64)
    tokenizer = load_tokenizer(spec, shared_workspace)
    scores = score_documents(model, tokenizer, TEXTS, SPEC).documents
    with torch.no_grad():
        expected = [token_by_token(model, tokenizer, text, SPEC) for text in TEXTS]
    np.testing.assert_allclose(scores["nll"], expected, rtol=1e-9)


def test_a_tokenizer_with_bos_is_scored_after_it_in_windows_written_by_hand(shared_workspace, tiny):
    """Six bytes after a BOS of id 7, in windows of five with two of overlap that no code of the package makes."""
    model = load_model(tiny, shared_workspace, dtype=torch.float64)
    tokenizer = load_tokenizer(tiny, shared_workspace)
    ids = tokenizer("abcdef", add_special_tokens=False)["input_ids"]
    tokenizer.add_special_tokens({"bos_token": tokenizer.convert_ids_to_tokens(7)})
    template = TemplateProcessing(single=f"{tokenizer.bos_token} $A", special_tokens=[(tokenizer.bos_token, 7)])
    tokenizer.backend_tokenizer.post_processor = template
    a, b, c, d, e, f = ids
    contexts = {a: [7], b: [7, a], c: [7, a, b], d: [7, a, b, c], e: [c, d], f: [c, d, e]}
    with torch.no_grad():
        expected = -sum(
            model(torch.tensor([context])).logits[0, -1].log_softmax(0)[token].item()
            for token, context in contexts.items()
        )
    spec = EvaluationSpec(window=5, overlap=2, batch_size=2, bootstrap_samples=10)
    (scored,) = score_documents(model, tokenizer, ["abcdef"], spec).documents["nll"]
    assert scored == pytest.approx(expected, rel=1e-9)


def test_padding_and_batch_company_change_nothing(shared_workspace, tiny):
    model, tokenizer = load_model(tiny, shared_workspace), load_tokenizer(tiny, shared_workspace)
    alone = [score_documents(model, tokenizer, [text], SPEC).documents["nll"][0] for text in TEXTS]
    together = score_documents(model, tokenizer, TEXTS, SPEC).documents["nll"]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_definitions_of_lm_evaluation_harness():
    """bits_per_byte = -sum(ll) / sum(bytes) / ln 2; word_perplexity = exp(-sum(ll) / sum(words)), words by re.split."""
    documents = pd.DataFrame({"nll": [10.0, 30.0], "tokens": [4, 6], "bytes": [20, 30], "characters": [11, 16]})
    documents["words"] = [count_words("аҡ ҡар"), count_words(" ике\n\nөс ")]
    assert documents["words"].tolist() == [len(re.split(r"\s+", "аҡ ҡар")), len(re.split(r"\s+", " ике\n\nөс "))]
    summary = summarise(documents, SPEC)
    assert summary["bits_per_byte"].value == pytest.approx(40 / 50 / math.log(2))
    assert summary["bits_per_character"].value == pytest.approx(40 / 27 / math.log(2))
    assert summary["token_perplexity"].value == pytest.approx(math.exp(40 / 10))
    assert summary["word_perplexity"].value == pytest.approx(math.exp(40 / 6))


def test_bootstrap_interval_covers_and_vanishes_without_spread():
    rng = np.random.default_rng(1)
    sizes = rng.integers(50, 500, 60)
    columns = {"tokens": sizes, "bytes": sizes * 2, "characters": sizes, "words": sizes}
    spread = summarise(pd.DataFrame({"nll": sizes * rng.normal(1.5, 0.3, 60), **columns}), SPEC)["bits_per_byte"]
    assert spread.low < spread.value < spread.high
    flat = summarise(pd.DataFrame({"nll": sizes * 1.5, **columns}), SPEC)["bits_per_byte"]
    assert flat.low == pytest.approx(flat.high)


@given(st.integers(0, 90), st.integers(4, 20), st.integers(1, 19), st.integers(1, 2))
@settings(max_examples=200, deadline=None)
def test_windows_score_every_token_once_with_enough_context(length, window, overlap, start_length):
    overlap = min(overlap, window - start_length - 1)
    if overlap < 1:
        return
    spec = EvaluationSpec(window=window, overlap=overlap)
    start, ids = list(range(1000, 1000 + start_length)), list(range(length))
    seen = []
    for piece in cut_windows(0, start, ids, spec):
        assert len(piece.ids) <= window
        scored = piece.ids[piece.first_scored :]
        assert list(scored) == ids[piece.offset : piece.offset + len(scored)]
        context = piece.first_scored
        assert context >= min(overlap, piece.offset + start_length)
        seen += scored
    assert seen == ids


def test_token_losses_add_up_and_know_their_place_and_their_context(shared_workspace, tiny):
    model = load_model(tiny, shared_workspace, dtype=torch.float64)
    tokenizer = load_tokenizer(tiny, shared_workspace)
    texts = ["", *TEXTS]
    scores = score_documents(model, tokenizer, texts, SPEC)
    tokens = scores.tokens
    sums = tokens.groupby("document")["nll"].sum().reindex(range(len(texts)), fill_value=0.0)
    np.testing.assert_allclose(sums, scores.documents["nll"], rtol=1e-12)
    for document, text in enumerate(texts):
        rows = tokens[tokens["document"] == document]
        spans = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        assert list(zip(rows["start"], rows["end"], strict=True)) == spans
    # 24 tokens of context at most, of which 8 are read again: a start, then 23 tokens, then 16 for each window
    contexts = tokens.loc[tokens["document"] == 3, "context"].tolist()
    assert contexts[:40] == [*range(1, 24), *range(8, 24), 8]


def test_word_losses_add_up_to_the_document(shared_workspace, tiny):
    model, tokenizer = load_model(tiny, shared_workspace), load_tokenizer(tiny, shared_workspace)
    scores = score_documents(model, tokenizer, [*TEXTS, "  аҡ \n\n ҡар  "], SPEC)
    by_words = scores.words.groupby("document")["nll"].sum()
    np.testing.assert_allclose(by_words, scores.documents["nll"], rtol=1e-9)
    assert scores.words[scores.words["document"] == 3]["word"].tolist() == ["аҡ", "ҡар"]


def test_scoring_leaves_the_training_mode_as_it_was(shared_workspace, tiny):
    model, tokenizer = load_model(tiny, shared_workspace), load_tokenizer(tiny, shared_workspace)
    model.train()
    score_documents(model, tokenizer, ["аҡ"], SPEC)
    assert model.training


def test_chosen_documents_keep_order_and_budget():
    test = pd.DataFrame({"id": list("abcd"), "bytes": [10, 500, 20, 30]})
    spec = EvaluationSpec(max_bytes=40, max_document_bytes=100)
    assert choose_documents(test, spec)["id"].tolist() == ["a", "c"]
    assert choose_documents(test, EvaluationSpec(max_bytes=1, max_document_bytes=5))["id"].tolist() == ["a"]
