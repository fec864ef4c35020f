"""Several machines fill one record: what it holds of runs that a store lacks stays in it."""

import pandas as pd
import pytest
from made_results import MACHINE, MadeCorpus, made

from bashkir_utils import recording, report
from bashkir_utils.exceptions import RunError
from bashkir_utils.failures import Failure, Reason


def words(frequent):
    return report.WordBalance(phenomenon="case", good=1.0, bad=0.0, good_more_frequent=frequent)


def pairs(*scorers, frequent=0.5):
    """What scorers made of the same pairs, and, where ``frequent`` differs, of others."""
    accuracies = tuple(
        report.PhenomenonAccuracy(scorer=name, phenomenon="case", pairs=100, accuracy=0.7, low=0.6, high=0.8)
        for name in (*scorers, "letters alone")
    )
    return report.PairResults(accuracies=accuracies, words=(words(frequent),), reference_characters=1000)


def scorers(read):
    return [row.scorer for row in read.record.pairs.accuracies]


@pytest.fixture
def parts(tmp_path):
    return made(tmp_path / "runs")


@pytest.fixture
def record(parts, tmp_path):
    """Records the runs at some places of the study, as a machine that has these alone would do."""
    study, corpus, runs, evaluations = parts
    folder = tmp_path / "recorded" / "x"

    def write(*places, asked=study, text=corpus, **told):
        chosen = [runs[i] for i in places], [evaluations[i] for i in places]
        recording.record_study(asked, text, *chosen, folder, **told)
        return report.load_record(folder)

    return write


def test_two_machines_fill_one_record_in_the_order_of_the_study(parts, record):
    record(2, 0)
    both = record(3, 1)
    assert [row.run_id for row in both.rows] == [run.run_id for run in parts[2]]
    assert set(both.documents["run_id"]) == {run.run_id for run in parts[2]}
    assert not both.documents.duplicated(["run_id", "id"]).any()


def test_of_a_run_recorded_twice_the_newer_word_counts(parts, record):
    record(0, 1)
    parts[2][1].record["precision"] = "float32: made again"
    again = record(1)
    assert [row.precision for row in again.rows] == ["float32: made up", "float32: made again"]
    assert again.documents["run_id"].value_counts().nunique() == 1


def test_a_run_that_is_no_cell_any_more_goes(parts, record):
    record(0, 1, 2)
    study = parts[0]
    fewer = study.model_copy(update={"methods": tuple(method for method in study.methods if method.name != "full")})
    assert [row.method for row in record(2, asked=fewer).rows] == ["zero_shot", "lora_r8"]


def test_nothing_stays_that_was_scored_otherwise_or_on_other_text(parts, record):
    record(0, 1)
    study = parts[0]
    other = study.model_copy(update={"evaluation": study.evaluation.model_copy(update={"max_document_bytes": 999})})
    assert [row.method for row in record(2, asked=other).rows] == ["lora_r8"]
    record(0, 1)
    assert [row.method for row in record(2, text=MadeCorpus(fingerprint="f" * 16)).rows] == ["lora_r8"]


def test_a_failure_stays_until_its_cell_has_a_run(parts, record):
    spec = parts[2][1].spec
    failure = Failure(run_id=spec.run_id, reason=Reason.DIVERGED, message="NaN", date="2026", machine={})
    record(0, failed=[(spec, failure)])
    assert [each.method for each in record(2).record.failed] == ["full"]
    assert record(1).record.failed == ()


def test_losses_in_other_languages_stay_with_their_runs(parts, record):
    ids = [run.run_id for run in parts[2]]
    lost = pd.DataFrame({"run_id": ids, "language": "en", "id": "en-0", "nll": 3.5, "bytes": 10})
    record(0, 1, held_out=lost[:2])
    assert set(record(2, 3, held_out=lost[2:]).held_out["run_id"]) == set(ids)
    assert set(record(2).held_out["run_id"]) == {ids[0], ids[1], ids[3]}


def test_minimal_pairs_stay_with_their_runs_while_they_are_the_same_pairs(parts, record):
    first, second = parts[2][0].run_id, parts[2][1].run_id
    record(0, pairs=pairs(first))
    assert set(scorers(record(1))) == {first, "letters alone"}
    both = scorers(record(1, pairs=pairs(second)))
    assert sorted(both) == sorted([first, second, "letters alone"])
    assert scorers(record(1, pairs=pairs(second, frequent=0.9))) == [second, "letters alone"]


def test_character_models_alone_are_no_result(parts, record):
    record(0, pairs=pairs(parts[2][0].run_id))
    assert record(0).record.pairs is None


def test_a_damaged_record_is_not_written_over(record, tmp_path):
    record(0, 1)
    path = tmp_path / "recorded" / "x" / "results.json"
    path.write_text("{}")
    with pytest.raises(RunError, match="nothing was written: remove its folder to begin anew"):
        record(2)
    assert path.read_text() == "{}"


def test_minutes_of_another_machine_replace_nothing(tmp_path):
    study, corpus, runs, evaluations = made(tmp_path / "runs", training={"minutes": 4, "tokens": 1000})
    folder = tmp_path / "recorded" / "x"
    recording.record_study(study, corpus, runs[:2], evaluations[:2], folder)
    before = (folder / "results.json").read_bytes()
    runs[1].record["machine"] = MACHINE | {"processor": "Another"}
    with pytest.raises(RunError, match=f"run {runs[1].run_id} is recorded from another machine"):
        recording.record_study(study, corpus, runs[1:2], evaluations[1:2], folder)
    assert (folder / "results.json").read_bytes() == before


def test_as_many_tokens_of_another_machine_replace_older_ones(parts, record):
    record(0, 1)
    parts[2][1].record["machine"] = MACHINE | {"processor": "Another"}
    assert record(1).rows[1].machine.startswith("Another")


def test_what_was_said_of_kept_runs_stays_until_something_else_is_said(record):
    record(0, remark="On a busy machine.", times_comparable=False)
    both = record(1)
    assert (both.record.remark, both.record.times_comparable) == ("On a busy machine.", False)
    assert record(2, remark="On two machines.").record.remark == "On two machines."


def test_what_was_said_of_runs_that_went_goes_with_them(record):
    record(0, remark="On a busy machine.", times_comparable=False)
    again = record(0)
    assert (again.record.remark, again.record.times_comparable) == ("", True)
