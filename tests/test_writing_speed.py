"""Characters a second: counted by hand on made-up numbers, timed on tiny models, and read back from a record."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_results import made
from test_vocabulary_report import budget

from bashkir_utils import recording, report, runs, writing_speed
from bashkir_utils.exceptions import RunError
from bashkir_utils.generation import write
from bashkir_utils.study import MethodSpec, ModelSpec, RunSpec, TrainingSpec, VocabularySpec
from bashkir_utils.writing_speed import FILE, WritingSpeeds, load_speeds, write_speeds

ABOUT = {
    "date": "2026-11-26T00:00:00+00:00",
    "commit": "abc",
    "machine": {"processor": "a processor", "accelerator": "none"},
}


@pytest.fixture
def study(tmp_path):
    """Four minutes: own 2.0 bits per byte, another vocabulary 1.3, from nothing 1.4."""
    return budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4})


@pytest.fixture
def speeds(study):
    """own writes 100 characters in 1, 2 and 4 s; new 300 in 1, 1 and 1 s; fresh 500 in 0.5 s."""
    by_model = {row.model: row.run_id for row in study.rows if row.kind != "zero_shot"}
    return WritingSpeeds(
        runs=tuple(by_model[name] for name in ("own", "new", "fresh")),
        characters=(100, 300, 500),
        tokens=(50, 50, 50),
        seconds=((1.0, 1.0, 0.5), (2.0, 1.0, 0.5), (4.0, 1.0, 0.5)),
        prompts=2,
        new_tokens=25,
        device="cpu",
        threads=2,
        remark="by hand",
        provenance=ABOUT,
    )


def test_a_speed_up_is_the_median_of_the_ratios_in_each_round(study, speeds):
    own, new, fresh = speeds.runs
    assert writing_speed.reference(study, speeds) == own, "the best with its own vocabulary"
    assert speeds.characters_per_second[own].tolist() == [100.0, 50.0, 25.0]
    # 300/100, 300/50, 300/25; and 1000 over the same
    assert speeds.speedups(own)[[own, new, fresh]].tolist() == [1.0, 6.0, 20.0]


def test_the_table_has_the_fastest_first_and_the_finding_names_the_aim(study, speeds):
    html = writing_speed.speeds_html(study, speeds)
    labels = [study.labels[run] for run in (speeds.runs[2], speeds.runs[1], speeds.runs[0])]
    assert [html.index(f">{label}<") for label in labels] == sorted(html.index(f">{label}<") for label in labels)
    for shown in ("6.00", "20.00", "2 prompts as one batch, 25 tokens each, a processor, 2 threads", "by hand"):
        assert shown in html
    said = writing_speed.finding(study, speeds).replace("\\", "")
    assert "*new full* writes 6.0 times as many characters a second as *own full* (this book set out for 4: rea" in said
    slower = speeds.model_copy(update={"characters": (100, 150, 500)})
    assert "3.0 times" in writing_speed.finding(study, slower)
    assert "set out for 4: not reached" in writing_speed.finding(study, slower)
    alone = speeds.model_copy(
        update={"runs": speeds.runs[1:], "characters": (300, 500), "seconds": ((1.0, 0.5),), "tokens": (50, 50)}
    )
    assert "No way with another vocabulary was timed" in writing_speed.finding(study, alone)
    assert writing_speed.reference(study, alone) == speeds.runs[1]
    silent = speeds.model_copy(update={"characters": (0, 300, 500)})
    assert writing_speed.finding(study, silent) == "*own full* wrote no character, so nothing is held against it."


def test_the_speed_in_text_like_the_training_text_does_not_depend_on_what_was_written(study, speeds):
    """50 tokens in 1, 2 and 4 s are 25 a second at the median, of 1.8 bytes; new has 50 a second, here of 3.6 bytes."""
    rows = [row.model_copy(update={"bytes_seen": 3600}) if row.model == "new" else row for row in study.rows]
    longer = replace(study, record=study.record.model_copy(update={"rows": tuple(rows)}))
    own, new, _ = speeds.runs
    for characters in (speeds.characters, (1, 1, 1)):
        found = writing_speed.text_bytes_per_second(longer, speeds.model_copy(update={"characters": characters}))
        assert found[[own, new]].tolist() == pytest.approx([25 * 1.8, 50 * 3.6])
    assert "In text cut as the training text is, it would be 4.0 times." in writing_speed.finding(longer, speeds)
    untrained = [row.model_copy(update={"tokens_seen": 0, "bytes_seen": 0}) for row in study.rows]
    unknown = replace(study, record=study.record.model_copy(update={"rows": tuple(untrained)}))
    assert "In text cut" not in writing_speed.finding(unknown, speeds)


def test_of_each_model_the_run_with_the_least_loss_is_timed(study):
    rows = [row for row in study.rows if row.kind != "zero_shot"]
    worse = rows[0].model_copy(
        update={"run_id": "worse", "bits_per_byte": replace(rows[0].bits_per_byte, value=9.0), "method": "lora"}
    )
    more = replace(study, record=study.record.model_copy(update={"rows": (*study.record.rows, worse)}))
    chosen = writing_speed.best_of_each_model(more)
    assert sorted(chosen) == sorted(row.run_id for row in rows)
    assert study.labels[chosen[0]] == "new full", "and the best comes first"


@pytest.mark.parametrize("bits", [float("nan"), float("inf"), 9.5])
def test_a_run_that_diverged_is_not_timed(tmp_path, bits):
    found = writing_speed.best_of_each_model(budget(tmp_path, 4.0, {"own": bits, "new": 1.3, "fresh": 1.4}))
    assert [run_id.partition("-")[0] for run_id in found] == ["new", "fresh"]


def test_a_study_without_a_trained_run_is_one_line(study):
    untrained = tuple(row for row in study.rows if row.kind == "zero_shot")
    with pytest.raises(RunError, match="has no trained run to time"):
        writing_speed.best_of_each_model(replace(study, record=study.record.model_copy(update={"rows": untrained})))


@pytest.fixture
def folder(tmp_path):
    """A recorded study."""
    study, corpus, found, evaluations = made(tmp_path / "runs")
    folder = tmp_path / "recorded" / "made"
    recording.record_study(study, corpus, found, evaluations, folder)
    return folder


@pytest.fixture
def of_recorded(folder, speeds):
    """The speeds above, of three runs of the recorded study."""
    rows = report.load_record(folder).rows
    return speeds.model_copy(update={"runs": tuple(row.run_id for row in rows[:3])})


def test_what_is_written_is_read_back(folder, of_recorded):
    path = write_speeds(of_recorded, folder)
    assert path == folder / FILE
    assert json.loads(path.read_text())["seconds"][2] == [4.0, 1.0, 0.5]
    assert load_speeds(folder.parent) == (), "the chapter shows them by minutes, which this study has none of"
    results = folder / "results.json"
    content = json.loads(results.read_text())
    content["settings"]["training"]["minutes"] = 4.0
    results.write_text(json.dumps(content))
    (found,) = load_speeds(folder.parent)
    assert found.speeds == of_recorded
    assert found.report.record.study == "made"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"characters": [1]}, "is damaged: record it again"),
        ({"seconds": [[1.0, 0.0, 1.0]]}, "is damaged: record it again"),
        ({"runs": ["a", "a", "b"]}, "is damaged: record it again"),
        ({"runs": ["a", "b", "c"]}, r"is of unknown runs \(a\)"),
    ],
)
def test_a_damaged_record_is_one_line(folder, of_recorded, change, reason):
    path = write_speeds(of_recorded, folder)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RunError, match=reason) as caught:
        load_speeds(folder.parent)
    assert "\n" not in str(caught.value)


def test_speeds_go_beside_a_recorded_study_and_nowhere_else(speeds, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(RunError, match="empty holds no recorded study: record its results first"):
        write_speeds(speeds, empty)
    assert not list(empty.iterdir())


def test_runs_take_turns_and_the_characters_that_they_write_are_counted(text_corpus, shared_workspace):
    ways = [VocabularySpec(way="trim"), VocabularySpec(way="replace", entries=320)]
    training = TrainingSpec(block_length=32, batch_size=2, tokens=64, validation_blocks=1)
    made = [
        runs.obtain(
            RunSpec(
                model=ModelSpec(name=way.way, source="random:llama", vocabulary=way).on(text_corpus.fingerprint),
                method=MethodSpec(name="full", kind="full"),
                seed=1,
                training=training,
                corpus=text_corpus.fingerprint,
            ),
            text_corpus,
            shared_workspace,
        )
        for way in ways
    ]
    prompts = ["Бала", "Ул"]
    found = writing_speed.measure(made, prompts, shared_workspace, new_tokens=12, rounds=3)
    assert found.runs == tuple(run.run_id for run in made)
    assert found.tokens == (24, 24)
    assert len(found.seconds) == 3
    assert found.characters == tuple(write(*run.load(shared_workspace), prompts, 12).characters for run in made)
    assert np.all(found.speedups(found.runs[0]) > 0)
    assert found.speedups(found.runs[0]).iloc[0] == 1
