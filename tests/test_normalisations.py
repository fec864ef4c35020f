"""A trimmed model with and without the entries that it lost: against the base itself, by hand, and read back."""

import json
from dataclasses import replace

import pytest
from made_results import made

from bashkir_utils import normalisations, recording, report, runs
from bashkir_utils.exceptions import RunError
from bashkir_utils.normalisations import FILE, Normalisations, load_normalisations, write_normalisations
from bashkir_utils.study import EvaluationSpec, MethodSpec, ModelSpec, RunSpec, TrainingSpec, VocabularySpec

from conftest import ARCHITECTURES

ABOUT = {
    "date": "2026-11-26T00:00:00+00:00",
    "commit": "abc",
    "machine": {"processor": "a processor", "accelerator": "none"},
}

SCORED = EvaluationSpec(max_bytes=2000, window=32, overlap=8)


ZERO_SHOT = MethodSpec(name="zero_shot", kind="zero_shot")


def cell(way, corpus, method=ZERO_SHOT, training=None):
    model = ModelSpec(name=f"t-{way.way}", source="random:llama", vocabulary=way).on(corpus.fingerprint)
    return RunSpec(model=model, method=method, seed=0, training=training, corpus=corpus.fingerprint)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_without_training_both_normalisations_are_those_of_the_base(
    architecture, english, text_corpus, shared_workspace
):
    way = VocabularySpec(way="trim")
    spec = cell(way, text_corpus)
    model = spec.model.model_copy(update={"name": architecture, "source": f"path:{english[architecture]}"})
    run = runs.obtain(spec.model_copy(update={"model": model}), text_corpus, shared_workspace)
    assert run.record["vocabulary"]["entries"] < 280
    both = normalisations.both_normalisations(run, text_corpus, SCORED, shared_workspace)
    base = replace_model(run, text_corpus, shared_workspace)
    assert both["kept entries"] < both["all old entries"]
    if architecture != "qwen2":  # its own class would put other rules of cutting in the place of the folder's
        assert both["all old entries"] == pytest.approx(base, rel=1e-5)


def replace_model(run, corpus, workspace):
    """Bits per byte of the run's base as it came."""
    spec = run.spec.model_copy(update={"model": run.spec.model.base})
    base = runs.obtain(spec, corpus, workspace)
    return runs.evaluate(base, corpus, SCORED, workspace).summary["bits_per_byte"].value


def test_only_a_trimmed_vocabulary_has_two_normalisations(text_corpus, shared_workspace):
    way = VocabularySpec(way="replace", entries=300)
    run = runs.obtain(cell(way, text_corpus), text_corpus, shared_workspace)
    with pytest.raises(RunError, match="need a trimmed vocabulary"):
        normalisations.both_normalisations(run, text_corpus, SCORED, shared_workspace)


def test_tables_for_readers():
    table = normalisations.normalisation_table({"full": {"kept entries": 1.5, "all old entries": 2.0}})
    assert table.loc["full"].tolist() == ["1.500", "2.000", "33.3%"]


def test_rows_that_an_adapter_keeps_cannot_be_put_back(text_corpus):
    lora = MethodSpec(name="lora_r8_all", kind="lora", rank=8, lora_alpha=16, embeddings="all")
    spec = cell(VocabularySpec(way="trim"), text_corpus)
    assert normalisations.restorable(spec)
    assert not normalisations.restorable(spec.model_copy(update={"method": lora}))
    assert not normalisations.restorable(spec.model_copy(update={"model": spec.model.base}))


def test_rows_are_put_back_under_an_adapter_too(english, text_corpus, shared_workspace):
    """The adapter stays as trained: over the kept entries the loss is that of the run, and all old ones cost more."""
    lora = MethodSpec(name="lora", kind="lora", rank=2, lora_alpha=4, learning_rate=1e-2)
    training = TrainingSpec(block_length=32, batch_size=2, tokens=256, validation_blocks=1)
    spec = cell(VocabularySpec(way="trim"), text_corpus, lora, training)
    model = spec.model.model_copy(update={"name": "trimmed", "source": f"path:{english['llama']}"})
    run = runs.obtain(spec.model_copy(update={"model": model}), text_corpus, shared_workspace)
    scored = runs.evaluate(run, text_corpus, SCORED, shared_workspace).summary["bits_per_byte"].value
    found = normalisations.measure([run], text_corpus, SCORED, shared_workspace)
    assert found.kept_entries == (pytest.approx(scored),)
    assert found.all_old_entries[0] > found.kept_entries[0]


def test_a_study_without_a_trimmed_run_is_one_line(text_corpus, shared_workspace):
    with pytest.raises(RunError, match="no run of this study has a trimmed vocabulary"):
        normalisations.measure([], text_corpus, SCORED, shared_workspace)


# ------------------------------------------------------------------------------------------------------------- on disk


@pytest.fixture
def folder(tmp_path):
    """A recorded study."""
    study, corpus, found, evaluations = made(tmp_path / "runs")
    folder = tmp_path / "recorded" / "made"
    recording.record_study(study, corpus, found, evaluations, folder)
    return folder


@pytest.fixture
def found(folder):
    """Numbers of two runs of the recorded study."""
    rows = report.load_record(folder).rows
    ids = tuple(row.run_id for row in rows[:2])
    return Normalisations(runs=ids, kept_entries=(1.5, 1.0), all_old_entries=(2.0, 1.25), provenance=ABOUT)


def test_what_is_written_is_read_back_and_shown_by_the_labels_of_the_study(folder, found):
    assert write_normalisations(found, folder) == folder / FILE
    (again,) = load_normalisations(folder.parent)
    assert again.found == found
    html = normalisations.recorded_html(again)
    for shown in (*(again.report.labels[run] for run in found.runs), "33.3%", "25.0%", "2026-11-26", "commit abc"):
        assert shown in html
    record = again.report.record
    unsafe = record.model_copy(update={"corpus": record.corpus.model_copy(update={"label": "<b>"})})
    html = normalisations.recorded_html(replace(again, report=replace(again.report, record=unsafe)))
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"kept_entries": [1.0]}, "is damaged: record it again"),
        ({"all_old_entries": [1.0, 0.0]}, "is damaged: record it again"),
        ({"runs": ["a", "a"]}, "is damaged: record it again"),
        ({"runs": ["a", "b"]}, r"is of unknown runs \(a\)"),
    ],
)
def test_a_damaged_record_is_one_line(folder, found, change, reason):
    path = write_normalisations(found, folder)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RunError, match=reason) as caught:
        load_normalisations(folder.parent)
    assert "\n" not in str(caught.value)


def test_they_go_beside_a_recorded_study_and_nowhere_else(found, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(RunError, match="empty holds no recorded study: record its results first"):
        write_normalisations(found, empty)
    assert not list(empty.iterdir())
