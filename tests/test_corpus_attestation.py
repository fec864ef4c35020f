from collections import Counter

import pytest

from bashkir_utils import corpus as corpora
from bashkir_utils.corpus.attestation import (
    attestation,
    check_language,
    coverage,
    findings,
    frequent_entries,
    load_check,
    word_counts,
    words_of,
)
from bashkir_utils.exceptions import LanguageError
from bashkir_utils.language import core_paradigm, entries_of
from bashkir_utils.study import CorpusSpec
from bashkir_utils.workspace import read_json, recorded_folder


def noun(stem):
    return next(entry for entry in entries_of(stem) if entry.pos == "noun")


def test_words_are_letters_with_hyphens_inside():
    assert words_of("Ҡатын-ҡыҙ, 2024 йыл: «Өфө»!") == ["ҡатын-ҡыҙ", "йыл", "өфө"]
    assert word_counts(["китап Китап", "ат"]) == {"китап": 2, "ат": 1}


def test_attested_share_is_counted_by_form():
    forms = core_paradigm(noun("китап"))
    half = dict.fromkeys(sorted(set(forms.values()))[::2], 1)
    found = attestation([noun("китап")], half)
    assert (found.stems, found.forms) == (1, len(set(forms.values())))
    assert found.attested == len(half)
    assert {form for _, _, form in found.missing} == set(forms.values()) - set(half)
    assert attestation([], {}).share == 0


def test_coverage_counts_running_words():
    found = coverage(["Китап өйҙә. Ыыы ыыы ббб", "бала бала бала бала"], words=8)
    assert (found.words, found.read) == (8, 5)
    assert found.by_pos == {"noun": 5}
    assert found.misses == (("ыыы", 2), ("ббб", 1))
    assert found.share == pytest.approx(5 / 8)
    assert coverage([], 100).share == 0


def test_frequent_entries_are_counted_through_their_forms():
    counts = Counter({"балалар": 5, "баланың": 4, "китап": 8, "һәм": 100, "ыыы": 50})
    assert [entry.stem for entry in frequent_entries(counts, 2)] == ["бала", "китап"]


def test_a_check_is_reported_and_written(tmp_path, workspace):
    corpus = corpora.prepare(CorpusSpec(source="embedded", embedded_documents=150), workspace)
    found = check_language(corpus)
    assert found.generated_bashkir / found.generated >= 0.97
    assert 0 < found.attestation.share < 1
    found.write(tmp_path / "check.json")
    stored = read_json(tmp_path / "check.json")
    assert load_check(tmp_path / "check.json") == found
    assert stored["fingerprint"] == corpus.fingerprint
    assert found.table()["share"].tolist()[1] == found.coverage.share
    assert f"{found.coverage.share:.1%}" in findings(found)
    report = found.report()
    assert f"{found.coverage.share:.1%}" in report
    assert "not read: " in report


def test_a_corpus_of_another_language_is_refused(workspace):
    corpus = corpora.prepare(CorpusSpec(source="embedded", embedded_documents=60, language=None), workspace)
    with pytest.raises(LanguageError, match="rules and lexicon are Bashkir"):
        check_language(corpus)


def test_a_missing_or_damaged_check_is_one_line(tmp_path):
    (tmp_path / "check.json").write_text('{"corpus": 1}')
    for name in ("check.json", "none.json"):
        with pytest.raises(LanguageError, match=f"^{name} holds no language check"):
            load_check(tmp_path / name)


def test_the_recorded_check_holds_what_the_chapter_claims():
    """The bars of the project: forms that occur, words read, generated documents that are called Bashkir."""
    recorded = load_check(recorded_folder() / "language" / "check.json")
    assert recorded.attestation.share >= 0.85
    assert recorded.coverage.share >= 0.6
    assert recorded.generated_bashkir / recorded.generated >= 0.97
    assert len(recorded.coverage.misses) == 200
