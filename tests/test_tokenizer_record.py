"""Tokenizers compared on a corpus: what is recorded is what was compared, and is read back."""

import json

import pytest

from bashkir_utils import tokenizer_record
from bashkir_utils.exceptions import RunError, TokenizerError
from bashkir_utils.models import byte_tokenizer
from bashkir_utils.tokenization import from_transformers, sample_texts
from bashkir_utils.tokenization.candidates import entrants
from bashkir_utils.tokenization.contest import compare_contenders, contest_findings, shown
from bashkir_utils.tokenizer_record import FOLDER, load_contests, measure, write_contest


@pytest.fixture(scope="module")
def entered(text_corpus, shared_workspace):
    return entrants(
        from_transformers("bytes", "the 256 bytes", byte_tokenizer()), byte_tokenizer(), text_corpus, shared_workspace
    )


@pytest.fixture(scope="module")
def found(entered, text_corpus):
    return measure(entered, text_corpus, training_characters=4_000_000, test_characters=20_000)


def test_the_model_s_own_and_what_is_made_of_it_stand_beside_the_learned_ones(entered):
    families = [each.family for each in entered.contenders]
    assert families[:3] == ["own", "trimmed", "extended"]
    largest = max(each.tokenizer.vocabulary_size for each in entered.grid.contenders)
    assert entered.extended.tokenizer.vocabulary_size == 257 + largest // 2


def test_a_record_is_the_comparison(found, entered, text_corpus):
    texts = sample_texts(text_corpus.split("test")["text"], 20_000)
    expected = shown(compare_contenders(entered.contenders, texts, text_corpus))
    got = shown(found.table)
    timed = "megabytes_per_second"
    assert got.drop(columns=timed).to_dict() == expected.drop(columns=timed).to_dict()
    assert (got[timed] > 0).all()
    assert (found.own, found.fingerprint) == ("bytes", text_corpus.fingerprint)
    assert "4,000,000 characters of its training split" in found.line


def test_what_is_written_is_read_back_with_its_findings(found, tmp_path):
    path = write_contest(found, tmp_path)
    assert path == tmp_path / FOLDER / f"{found.fingerprint}.json"
    (again,) = load_contests(tmp_path)
    assert again == found
    assert again.table["vocabulary_size"].dtype == int
    said = contest_findings(again.table, again.own, refused=again.refused, too_large=again.too_large)
    assert said.startswith("- `bytes` spends ")
    assert load_contests(tmp_path / "nowhere") == ()


@pytest.mark.parametrize("change", [{"rows": []}, {"too_large": "many"}, {"provenance": {}}])
def test_a_damaged_record_is_one_line(found, tmp_path, change):
    path = write_contest(found, tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RunError, match="is damaged: record it again") as caught:
        load_contests(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_measure_that_a_tokenizer_does_not_have_is_none():
    assert tokenizer_record._plain(float("nan")) is None
    assert [tokenizer_record._plain(each) for each in ("bpe", 512, 0.5)] == ["bpe", 512, 0.5]


def test_a_text_too_short_for_any_size_is_refused(text_corpus, shared_workspace):
    own = from_transformers("bytes", "the 256 bytes", byte_tokenizer())
    with pytest.raises(TokenizerError, match="too short to train a tokenizer on"):
        entrants(own, byte_tokenizer(), text_corpus, shared_workspace, characters=1)
