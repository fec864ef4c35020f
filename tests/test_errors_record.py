"""The record of errors: measures of every continuation and loss by place, written beside a study, without its text."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_results import made

from bashkir_utils import corpus as corpora
from bashkir_utils import errors_record, errors_report, recording, report
from bashkir_utils.errors import places, scored_text, wellformed
from bashkir_utils.errors.people import PEOPLE
from bashkir_utils.errors_record import (
    CONTINUATIONS_FILE,
    HELD_AGAINST_FILE,
    PEOPLE_FILE,
    PLACES_FILE,
    ErrorRecord,
    load_errors,
    write_errors,
)
from bashkir_utils.exceptions import RunError
from bashkir_utils.runs import evaluate, obtain
from bashkir_utils.study import Study

from conftest import TextCorpus

MEASURED = {
    "in_language",
    "switched",
    "into",
    "well_formed",
    "wrong_suffix",
    *(f"rep_{n}" for n in range(1, 5)),
    *(f"distinct_{n}" for n in range(1, 5)),
    "longest_loop",
    "loop_share",
    "ended",
    "copied_characters",
    *(f"share_{name}" for name in ("undecided", "tt", "ru", "en", "other")),
    *wellformed.KIND_COLUMNS.values(),
    "mixed_vowels",
}


@pytest.fixture(scope="module")
def measured(shared_workspace):
    """Two tiny runs on generated text, measured from end to end."""
    study = Study.model_validate(
        {
            "name": "tiny",
            "description": "random weights, for a test",
            "corpus": {"embedded_documents": 60},
            "models": [{"name": "tiny", "source": "random:llama"}],
            "methods": [{"name": "full", "kind": "full"}],
            "seeds": [1],
            "training": {"block_length": 32, "batch_size": 2, "tokens": 64, "validation_blocks": 1},
            "evaluation": {"max_bytes": 2000, "window": 64, "overlap": 8, "bootstrap_samples": 20},
            "generation": {"prompts": 6, "max_new_tokens": 12},
        }
    )
    corpus = corpora.prepare(study.corpus, shared_workspace)
    runs = [obtain(cell, corpus, shared_workspace) for cell in study.cells(corpus.fingerprint)]
    scores = [evaluate(run, corpus, study.evaluation, shared_workspace) for run in runs]
    live = report.collect(study, corpus, runs, scores)
    return errors_record.measure_errors(live, corpus, runs, scores, study, shared_workspace)


def test_every_continuation_has_its_measures_and_no_text(measured):
    table = measured.continuations
    assert len(table) == 2 * 6
    assert set(table.columns) >= MEASURED
    assert not {"continuation", "model", "run", "found"} & set(table.columns)
    assert set(table["run_id"]) == {row.run_id for row in measured.report.rows}
    assert measured.decodings == ("nucleus",)
    assert len(measured.drawn_by("nucleus")) == len(table)


def test_people_are_measured_as_the_models_are_and_their_text_is_not_kept(measured):
    people = measured.people
    assert set(people["way"]) == {PEOPLE}
    assert len(people) == 6, "as many as prompts"
    assert set(people.columns) >= MEASURED - {"ended"}
    assert not {"continuation", "model", "run", "found", "ended"} & set(people.columns)
    assert people["prompt"].str.fullmatch(r"test documents \d+").all()
    assert people["in_language"].mean() > measured.continuations["in_language"].mean(), "random weights write noise"
    shown = errors_report.way_table(measured.report, measured.drawn_by("nucleus"), people)
    assert shown.index.tolist() == ["zero shot", "full", PEOPLE]


def test_what_the_measures_were_held_against_is_recorded(measured):
    known = measured.held_against
    assert known.searched.documents > 10
    assert known.searched.characters == known.searched.of_characters
    assert "training documents" in known.searched.line
    assert set(known.well_formed.index) == {"ba", "tt", "ru", "en"}
    assert known.well_formed.loc["ba", "well_formed"] > known.well_formed.loc["en", "well_formed"]
    assert known.well_formed["sentences"].min() >= errors_record.MIN_SENTENCES


def test_parts_of_a_word_with_a_hyphen_are_counted_in_the_training_text():
    train, test = ("Ағай-эне килде. " * 20, "Эне китте."), ("Ағай-эне ҡайтты.", "Ағай ҡайтты.")
    corpus = TextCorpus(train, (), test)
    documents = corpus.split("test")
    text = scored_text.read_documents(documents[["id", "source"]], documents)
    by_name = {kind.name: kind for kind in errors_record.place_kinds(text, corpus)}
    frequency = by_name[places.FREQUENCY]
    groups = [frequency.groups[code] for code in frequency.codes]
    seen = next(name for name in frequency.groups if name.startswith("10"))
    assert groups[0] == seen, "ағай-эне is as frequent as ағай, the rarer of its parts"
    assert groups[len(test[0])] == seen, "and ағай alone was never seen alone"
    assert "part of speech" in by_name
    other = TextCorpus(train, (), test, language="tt")
    assert "part of speech" not in {kind.name for kind in errors_record.place_kinds(text, other)}


def test_loss_by_place_sums_to_the_whole(measured):
    whole = measured.report.documents.groupby("run_id")[["nll", "bytes"]].sum()
    expected = sorted(whole["nll"] / whole["bytes"] / np.log(2))
    places = measured.places
    bits = places.assign(bits=places["bits_per_byte"] * places["bytes"]).groupby(["kind", "model"], sort=False)
    sums = bits[["bits", "bytes"]].sum()
    assert len(sums) > 6
    for _, rows in (sums["bits"] / sums["bytes"]).groupby("kind"):
        assert sorted(rows) == pytest.approx(expected)
    assert set(places["model"]) == {"zero shot", "full"}


@pytest.fixture
def recorded(tmp_path, measured):
    study, corpus, runs, evaluations = made(tmp_path / "runs")
    folder = tmp_path / "recorded" / "made"
    found = recording.record_study(study, corpus, runs, evaluations, folder)
    rows = pd.concat([measured.continuations.assign(run_id=row.run_id, way=row.method) for row in found.rows])
    write_errors(ErrorRecord(found, rows, measured.places, measured.people, measured.held_against), folder)
    return folder


def test_what_is_written_is_read_back(recorded, measured):
    (found,) = load_errors(recorded.parent)
    assert len(found.continuations) == len(measured.continuations) * len(found.report.rows)
    pd.testing.assert_frame_equal(found.places, measured.places.reset_index(drop=True), check_dtype=False)
    pd.testing.assert_frame_equal(found.people, measured.people, check_dtype=False)
    assert found.held_against == measured.held_against
    table = errors_report.run_table(found.report, found.drawn_by("nucleus"))
    assert table.index.tolist() == [row.run_id for row in found.report.rows]


def test_ways_stand_for_all_their_runs(recorded):
    (found,) = load_errors(recorded.parent)
    rows = found.drawn_by("nucleus")
    table = errors_report.way_table(found.report, rows.assign(way=rows["way"].str.replace("_", " ")))
    assert table.index.tolist() == ["zero shot", "full", "lora r8", "qlora r8"]
    assert set(table["runs"]) == {1}
    expected = rows.loc[rows["way"] == "full", "new_tokens"].mean()
    assert table.loc["full", errors_report.NAMES["new_tokens"]] == pytest.approx(expected)
    curves = errors_report.switched_by_word(found.report, rows)
    assert set(curves["model"]) <= set(rows["way"])
    assert curves["switched"].between(0, 1).all()
    assert errors_report.switched_by_word(found.report, rows.drop(columns="switched")).empty
    assert set(found.best_places(1)["model"]) == {found.places["model"].iloc[0]}


def test_a_study_without_a_record_of_errors_is_passed_over(recorded):
    (recorded / CONTINUATIONS_FILE).unlink()
    assert load_errors(recorded.parent) == ()


def test_damage_and_other_runs_are_one_line(recorded):
    rows = pd.read_parquet(recorded / CONTINUATIONS_FILE)
    rows.assign(run_id="nobody").to_parquet(recorded / CONTINUATIONS_FILE)
    with pytest.raises(RunError, match="unknown runs"):
        load_errors(recorded.parent)
    (recorded / PLACES_FILE).write_bytes(b"no parquet")
    with pytest.raises(RunError, match="damaged") as caught:
        load_errors(recorded.parent)
    assert "\n" not in str(caught.value)


def test_older_records_are_read_without_what_they_lack(recorded):
    rows = pd.read_parquet(recorded / CONTINUATIONS_FILE)
    new = [name for name in rows if name.startswith("share_") or name in errors_report.SUFFIX_NAMES]
    rows.drop(columns=new).to_parquet(recorded / CONTINUATIONS_FILE)
    (recorded / PEOPLE_FILE).unlink()
    (recorded / HELD_AGAINST_FILE).unlink()
    (found,) = load_errors(recorded.parent)
    assert found.people.empty
    assert found.held_against is None
    rows = found.drawn_by("nucleus")
    rows = rows.assign(way=rows["way"].str.replace("_", " "))
    assert len(errors_report.way_table(found.report, rows, found.people)) == 4
    assert errors_report.suffix_table(found.report, rows, found.people).empty
    # and what is recorded again without these leaves no older file behind
    (recorded / HELD_AGAINST_FILE).write_text("{}")
    write_errors(found, recorded)
    assert not (recorded / HELD_AGAINST_FILE).exists()


@pytest.mark.parametrize(
    ("name", "spoil", "fault"),
    [
        (CONTINUATIONS_FILE, lambda table: table.drop(columns="decoding"), "has no column decoding"),
        (CONTINUATIONS_FILE, lambda table: table.drop(columns="run_id"), "has no column run_id"),
        (CONTINUATIONS_FILE, lambda table: table.drop(columns="at"), "has no column at"),
        (CONTINUATIONS_FILE, lambda table: table.head(0), "has no row"),
        (CONTINUATIONS_FILE, lambda table: table.assign(rep_4="x"), "has no numbers in rep_4"),
        (PLACES_FILE, lambda table: table.drop(columns="model"), "has no column model"),
        (PLACES_FILE, lambda table: table.assign(low="x"), "has no numbers in low"),
        (PEOPLE_FILE, lambda table: table.drop(columns="way"), "has no column way"),
    ],
)
def test_a_damaged_table_is_one_line_when_it_is_loaded(recorded, name, spoil, fault):
    spoil(pd.read_parquet(recorded / name)).to_parquet(recorded / name)
    with pytest.raises(RunError, match=f"made is damaged: {name} {fault}; record it again") as caught:
        load_errors(recorded.parent)
    assert "\n" not in str(caught.value)


def test_damaged_facts_are_one_line(recorded):
    (recorded / HELD_AGAINST_FILE).write_text('{"searched": 3}')
    with pytest.raises(RunError, match=r"made is damaged: held_against\.json cannot be read"):
        load_errors(recorded.parent)


def test_errors_are_recorded_beside_a_study_and_nowhere_else(tmp_path, measured):
    with pytest.raises(RunError, match="holds no recorded study"):
        write_errors(measured, tmp_path)
    assert not list(tmp_path.iterdir())
