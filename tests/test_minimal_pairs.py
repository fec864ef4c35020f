import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binomtest

from bashkir_utils.language.pairs import MinimalPair, generate_pairs
from bashkir_utils.minimal_pairs import (
    WINDOW,
    accuracy_by_phenomenon,
    score_pairs,
    score_pairs_by_characters,
    train_characters,
    wilson_interval,
)
from bashkir_utils.models import load_model, load_tokenizer
from bashkir_utils.packing import boundaries, encode

PAIRS = [*generate_pairs("person_agreement", 4), *generate_pairs("plural_harmony", 3)]


@pytest.fixture
def loaded(shared_workspace, tiny):
    return load_model(tiny, shared_workspace, dtype=torch.float64), load_tokenizer(tiny, shared_workspace)


def log_probability(model, tokenizer, text):
    """The whole sentence in one plain pass after the document start."""
    start = boundaries(tokenizer).before
    ids = [*start, *encode(tokenizer, text)]
    with torch.no_grad():
        logp = model(torch.tensor([ids])).logits[0].log_softmax(-1)
    return sum(logp[place - 1, ids[place]].item() for place in range(len(start), len(ids)))


def test_scores_are_the_log_probabilities_of_the_whole_sentences(loaded):
    scores = score_pairs(*loaded, PAIRS, batch_size=3)
    assert list(scores["id"]) == [pair.id for pair in PAIRS]
    np.testing.assert_allclose(scores["good"], [log_probability(*loaded, pair.good) for pair in PAIRS], rtol=1e-9)
    np.testing.assert_allclose(scores["bad"], [log_probability(*loaded, pair.bad) for pair in PAIRS], rtol=1e-9)
    assert list(scores["right"]) == [float(good > bad) for good, bad in zip(scores["good"], scores["bad"], strict=True)]


def test_a_long_sentence_is_read_in_one_piece(loaded):
    """Longer in bytes than the windows of documents, shorter than the model's positions."""
    long = MinimalPair("long", f"{'Кил! ' * 40}Барҙым.", f"{'Кил! ' * 40}Барҙың.", "Барҙым", "Барҙың", "long-001")
    assert 256 < len(long.good.encode()) < WINDOW
    (good,) = score_pairs(*loaded, [long])["good"]
    assert good == pytest.approx(log_probability(*loaded, long.good), rel=1e-9)


def test_no_sentence_of_the_pairs_is_cut(loaded):
    _, tokenizer = loaded
    for name in ("conditional_mood", "question_harmony", "comparative_ablative"):
        for pair in generate_pairs(name):
            assert len(boundaries(tokenizer).before) + len(encode(tokenizer, pair.bad)) <= WINDOW


def test_a_model_that_cannot_choose_is_half_right(loaded):
    """With all weights zero every next byte is as likely as any other, so sentences of equal length tie."""
    model, tokenizer = loaded
    model = type(model)(model.config).double()
    with torch.no_grad():
        for weights in model.parameters():
            weights.zero_()
    even = [MinimalPair("tie", "Мин барҙым.", "Мин барҙың.", "барҙым", "барҙың", "tie-001")]
    scores = score_pairs(model, tokenizer, even)
    assert scores["good"][0] == pytest.approx(-len("Мин барҙым.".encode()) * math.log(257), rel=1e-9)
    assert scores["right"][0] == 0.5


def test_accuracy_by_hand():
    scores = pd.DataFrame({"phenomenon": ["b", "b", "b", "b", "a"], "right": [1.0, 1.0, 0.5, 0.0, 0.0]})
    table = accuracy_by_phenomenon(scores)
    assert list(table.index) == ["b", "a"]
    assert table["accuracy"].tolist() == [0.625, 0.0]
    assert table["pairs"].tolist() == [4, 1]
    assert (table["low"] <= table["accuracy"]).all() and (table["accuracy"] <= table["high"]).all()


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (7, 10), (150, 200), (200, 200)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_wilson_agrees_with_scipy(successes, trials, confidence):
    theirs = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    assert wilson_interval(successes, trials, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_character_bigrams_by_hand():
    """Texts "aab": a 2, b 1; aa 1, ab 1. Uniform over a, b and one unseen: 1/3."""
    model = train_characters(["aab"], 2)
    a = (2 + 2 * (1 / 3)) / (3 + 2)
    b = (1 + 2 * (1 / 3)) / (3 + 2)
    assert model.probability("", "a") == pytest.approx(a)
    assert model.probability("", "z") == pytest.approx((2 / 3) / 5)
    assert model.probability("a", "b") == pytest.approx((1 + 2 * b) / (2 + 2))
    # nothing ever followed b, so the shorter context speaks
    assert model.probability("b", "a") == pytest.approx(a)
    assert model.log_probability("ab") == pytest.approx(math.log(a) + math.log((1 + 2 * b) / 4))


@pytest.mark.parametrize("order", [1, 2, 5])
@pytest.mark.parametrize("context", ["", "б", "ба", "лала", "яяяя"])
def test_character_probabilities_sum_to_one(order, context):
    model = train_characters(["бала", "балалар", "ҡала"], order)
    known = sorted(set("балаларҡала"))
    total = sum(model.probability(context[max(0, len(context) - order + 1) :], letter) for letter in [*known, "?"])
    assert total == pytest.approx(1)


def test_five_grams_tell_spelling_and_unigrams_do_not():
    pair = MinimalPair("x", "Балалар килде.", "Балаләр килде.", "балалар", "балаләр", "x-001")
    order = MinimalPair("y", "абаб", "абба", "абаб", "абба", "y-001")
    texts = [
        "Балалар килде.",
        "Ҡалалар ҙур.",
        "абабаб",
        "Бәпәйҙәр йылмая, әсәйҙәр көлә, бәләкәй кәзә бәрәстәре сәләм әйтә.",
    ]
    assert score_pairs_by_characters(train_characters(texts, 5), [pair, order])["right"].tolist() == [1, 1]
    # the same letters in another order are the same to a unigram model
    assert score_pairs_by_characters(train_characters(texts, 1), [order])["right"].tolist() == [0.5]


@pytest.mark.parametrize(("texts", "order"), [(["а"], 0), ([], 5), (["", ""], 2)])
def test_a_character_model_of_nothing_is_refused(texts, order):
    with pytest.raises(ValueError):
        train_characters(texts, order)
