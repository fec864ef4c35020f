"""The comparison of tokenizers: its columns, its sentences."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from bashkir_utils.tokenization import load_tokenizer
from bashkir_utils.tokenization.candidates import Candidate, Contender, TrainedGrid, train_grid
from bashkir_utils.tokenization.contest import (
    compare_contenders,
    contest_findings,
    shown,
)

WANTED = (Candidate("bpe", 400), Candidate("bpe", 400, morphemes=True), Candidate("unigram", 400))


@pytest.fixture(scope="module")
def trained(text_corpus, shared_workspace) -> TrainedGrid:
    return train_grid(text_corpus, shared_workspace, candidates=WANTED)


@pytest.fixture(scope="module")
def table(trained, text_corpus) -> pd.DataFrame:
    own = Contender("own", load_tokenizer("bytes"))
    return compare_contenders([own, *trained.contenders], list(text_corpus.split("test")["text"]), text_corpus)


def test_a_row_for_each_with_measures_and_boundaries(table):
    assert list(table.index) == ["bytes", "bpe-400", "bpe+morphemes-400", "unigram-400"]
    assert list(table["family"]) == ["own", "bpe", "bpe+morphemes", "unigram"]
    assert table.loc["bytes", "bytes_per_token"] == 1
    assert table.loc["bytes", "recall"] == 1
    assert not shown(table).isna().any().any()


def test_without_an_analyser_there_are_no_boundaries(trained, text_corpus):
    chuvash = replace(text_corpus, language="cv")
    found = compare_contenders(trained.contenders, ["Пӗр иккӗ виҫҫӗ тӑваттӑ."], chuvash)
    assert "f1" not in found
    assert "bytes_per_token" in shown(found)
    assert "F1" not in contest_findings(found.assign(family="bpe"), "bpe-400", refused={}, too_large=())


def test_findings_are_numbers_of_the_table():
    table = pd.DataFrame(
        {
            "family": ["own", "bpe", "bpe", "bpe+morphemes", "unigram"],
            "vocabulary_size": [100, 512, 1024, 512, 512],
            "tokens_per_word": [8.0, 4.0, 3.0, 4.4, 4.1],
            "bytes_per_token": [1.5, 4.0, 6.0, 3.6, 3.9],
            "words_kept_whole": [0.01, 0.4, 0.6, 0.3, 0.4],
            "f1": [0.1, 0.3, 0.2, 0.5, 0.4],
        },
        index=["m", "bpe-512", "bpe-1024", "bpe+morphemes-512", "unigram-512"],
    )
    refused = {"unigram-1024": "the text gives 900 entries"}
    found = contest_findings(table, "m", refused=refused, too_large=(2048, 4096))
    assert "`m` spends 8.00 tokens on a word; `bpe-1024`" in found
    assert "or 4.0 times the text" in found
    assert "At 512 entries" in found
    assert "bpe 4.00, unigram 3.90, bpe+morphemes 3.60" in found
    assert "from 0.30 to 0.50 at 512 entries (+0.20), and changes the bytes a token by -10%" in found
    assert "Not tried: 2,048 and 4,096 entries" in found
    assert "`unigram-1024`" in found
