import json

import pandas as pd
import pytest
import torch
import yaml

from bashkir_utils.exceptions import BashkirError
from bashkir_utils.language.pairs import PHENOMENA, generate_pairs
from bashkir_utils.minimal_pairs import accuracy_by_phenomenon, score_pairs
from bashkir_utils.models import load_model, load_tokenizer
from bashkir_utils.pairs_export import COLUMNS, GROUP, write_dataset, write_harness_tasks

NAMES = ("person_agreement", "plural_harmony", "question_harmony")
PAIRS = [pair for name in NAMES for pair in generate_pairs(name, 8)]


def test_every_task_names_its_data_and_the_group_names_every_task(tmp_path):
    folder = write_harness_tasks(PAIRS, tmp_path / "tasks")
    group = yaml.safe_load((folder / f"{GROUP}.yaml").read_text(encoding="utf-8"))
    assert group["group"] == GROUP
    assert group["task"] == [f"{GROUP}_{name}" for name in NAMES]
    for name in NAMES:
        task = yaml.safe_load((folder / f"{name}.yaml").read_text(encoding="utf-8"))
        assert task["task"] == f"{GROUP}_{name}"
        data = folder / f"{name}.jsonl"
        assert task["dataset_kwargs"]["data_files"] == {"test": str(data)}
        rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
        own = [pair for pair in PAIRS if pair.phenomenon == name]
        assert [(row["sentence_good"], row["sentence_bad"]) for row in rows] == [(pair.good, pair.bad) for pair in own]
        assert (folder / task["include"]).is_file()


def test_the_harness_itself_finds_the_same_accuracy(tmp_path, monkeypatch, shared_workspace, tiny):
    import datasets
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    folder = write_harness_tasks(PAIRS, tmp_path / "tasks")
    model = load_model(tiny, shared_workspace, dtype=torch.float32)
    tokenizer = load_tokenizer(tiny, shared_workspace)
    scores = score_pairs(model, tokenizer, PAIRS)
    results = simple_evaluate(
        model=HFLM(pretrained=model, tokenizer=tokenizer, batch_size=8),
        tasks=[GROUP],
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=0,
        log_samples=True,
    )
    ours = accuracy_by_phenomenon(scores)["accuracy"]
    assert 0 < ours.mean() < 1
    for name in NAMES:
        assert results["results"][f"{GROUP}_{name}"]["acc,none"] == pytest.approx(ours[name], abs=1e-12)
        samples = sorted(results["samples"][f"{GROUP}_{name}"], key=lambda sample: sample["doc_id"])
        theirs = [[float(response[0]) for response in sample["filtered_resps"]] for sample in samples]
        own = scores[scores["phenomenon"] == name]
        torch.testing.assert_close(torch.tensor(theirs), torch.tensor(own[["good", "bad"]].to_numpy()).float())
    assert results["results"][GROUP]["acc,none"] == pytest.approx(ours.mean(), abs=1e-12)


def test_the_dataset_holds_every_pair_under_its_phenomenon(tmp_path):
    folder = write_dataset(PAIRS, tmp_path / "hub")
    for name in NAMES:
        table = pd.read_parquet(folder / "data" / f"{name}.parquet")
        own = [pair for pair in PAIRS if pair.phenomenon == name]
        assert list(table.columns) == list(COLUMNS.values())
        assert table["sentence_good"].tolist() == [pair.good for pair in own]
        assert table["word_bad"].tolist() == [pair.bad_word for pair in own]
        assert set(table["phenomenon"]) == {name}


def test_the_card_says_language_licence_configurations_and_rules(tmp_path):
    text = (write_dataset(PAIRS, tmp_path / "hub") / "README.md").read_text(encoding="utf-8")
    _, header, body = text.split("---\n", 2)
    card = yaml.safe_load(header)
    assert (card["language"], card["license"]) == (["ba"], "cc-by-4.0")
    assert {one["config_name"]: one["data_files"][0]["path"] for one in card["configs"]} == {
        name: f"data/{name}.parquet" for name in NAMES
    }
    assert "24 pairs of sentences in 3 phenomena" in body
    for name in NAMES:
        assert f"| {name} | 8 |" in body
    assert r"\*китаптәр" in body and PHENOMENA["person_agreement"].description in body


def test_the_datasets_library_reads_the_folder(tmp_path):
    import datasets

    folder = write_dataset(PAIRS, tmp_path / "hub")
    rows = datasets.load_dataset(str(folder), NAMES[1], split="test", cache_dir=str(tmp_path / "cache"))
    assert rows["sentence_bad"][:] == [pair.bad for pair in PAIRS if pair.phenomenon == NAMES[1]]


@pytest.mark.parametrize("write", [write_harness_tasks, write_dataset])
def test_what_is_there_is_not_overwritten(write, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(BashkirError, match="mine exists already"):
        write(PAIRS, tmp_path / "mine")
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"


@pytest.mark.parametrize("write", [write_harness_tasks, write_dataset])
def test_no_pairs_is_an_error_and_leaves_nothing(write, tmp_path):
    with pytest.raises(BashkirError, match="no minimal pairs"):
        write([], tmp_path / "empty")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [write_harness_tasks, write_dataset])
def test_an_export_that_fails_leaves_nothing_behind(write, tmp_path, monkeypatch):
    def fails(pairs):
        raise RuntimeError("in the middle")
        yield

    monkeypatch.setattr("bashkir_utils.pairs_export._by_phenomenon", fails)
    with pytest.raises(RuntimeError):
        write(PAIRS, tmp_path / "broken")
    assert not list(tmp_path.iterdir())
