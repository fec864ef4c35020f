import errno
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from bitsandbytes.nn import Linear4bit
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bashkir_utils import failures, runs
from bashkir_utils.exceptions import DivergenceError, DownloadError, ModelError, RunError, TokenizerError
from bashkir_utils.failures import Failure
from bashkir_utils.language.pairs import generate_pairs
from bashkir_utils.minimal_pairs import StudyPairs, score_pairs, study_pairs
from bashkir_utils.study import (
    ZERO_SHOT,
    ZERO_SHOT_4BIT,
    EvaluationSpec,
    ForgettingSpec,
    GenerationSpec,
    Layout,
    ModelSpec,
    PairsSpec,
    RunSpec,
    load_study,
)
from bashkir_utils.workspace import Workspace, read_json

from conftest import METHODS

KNOWN_GENERATION = "009690ca4207bb00"
SPEC = EvaluationSpec(max_bytes=3000, window=64, overlap=16, bootstrap_samples=50)
RECORD = {
    "run_id", "corpus_label", "corpus_fingerprint", "precision", "adapted_modules", "trainable_parameters",
    "total_parameters", "parameters_by_module", "date", "commit", "machine", "versions", "tokens_seen", "bytes_seen",
    "wall_seconds", "tokens_per_second", "bytes_per_second", "peak_rss_bytes", "peak_gpu_bytes",
}  # fmt: skip


@pytest.fixture
def ask(tiny, budget, text_corpus):
    def make(method: str = "lora") -> RunSpec:
        if method == "zero_shot":
            return RunSpec(model=tiny, method=ZERO_SHOT, seed=0, training=None, corpus=text_corpus.fingerprint)
        return RunSpec(model=tiny, method=METHODS[method], seed=3, training=budget, corpus=text_corpus.fingerprint)

    return make


def logits(model):
    with torch.no_grad():
        return model(torch.arange(40)[None].to(model.device)).logits


def test_cards_name_language_and_base_only_where_the_hub_knows_them(ask, text_corpus, workspace):
    run = runs.obtain(ask("lora"), text_corpus, workspace)
    card = (run.folder / "README.md").read_text().split("---")[1]
    assert "language: ba" in card
    assert "base_model" not in card
    hub = run.spec.model_copy(update={"model": ModelSpec(name="gpt2", source="hub:openai-community/gpt2")})
    assert "base_model: openai-community/gpt2\n" in runs.model_card(hub, run.record)
    assert "language:" not in runs.model_card(hub, run.record | {"language": None}).split("---")[1]


def test_a_run_that_diverges_or_wants_too_much_memory_does_not_stop_the_rest(ask, text_corpus, workspace, monkeypatch):
    spec = ask("full")
    wild = spec.model_copy(update={"method": spec.method.model_copy(update={"learning_rate": 1e30})})
    done = runs.obtain_all([ask("zero_shot"), wild, spec], text_corpus, workspace)
    assert [run.run_id for run in done.runs] == [ask("zero_shot").run_id, spec.run_id]
    assert [(cell, failure.reason) for cell, failure in done.failed] == [(wild, "diverged")]

    def fail(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(runs, "train", fail)
    other = spec.model_copy(update={"seed": 4})
    assert runs.obtain_all([other], text_corpus, workspace).failed[0][1].reason == "out_of_memory"


def test_a_model_that_cannot_be_fetched_does_not_stop_the_rest(ask, text_corpus, workspace, monkeypatch):
    load, asked = runs.load_base, []

    def gated(model, *others):
        if model.name == "gated":
            asked.append(model.name)
            raise DownloadError("no access")
        return load(model, *others)

    monkeypatch.setattr(runs, "load_base", gated)
    model = ModelSpec(name="gated", source="random:phi")
    closed, other = (ask(kind).model_copy(update={"model": model}) for kind in ("zero_shot", "lora"))
    done = runs.obtain_all([closed, ask("zero_shot"), other], text_corpus, workspace)
    assert [run.run_id for run in done.runs] == [ask("zero_shot").run_id]
    assert [(cell, failure.reason, failure.message) for cell, failure in done.failed] == [
        (closed, "download", "no access"),
        (other, "download", "no access"),
    ]
    assert asked == ["gated"]
    assert failures.find(other.run_id, workspace).message == "no access"


def test_what_the_user_can_mend_stops_a_chapter(ask, text_corpus, workspace, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(runs, "load_base", fail)
    with pytest.raises(RunError, match="free some space"):
        runs.obtain_all([ask("full")], text_corpus, workspace)


@pytest.fixture
def small_study():
    return load_study("smoke").model_copy(
        update={
            "evaluation": SPEC,
            "minimal_pairs": PairsSpec(pairs=2),
            "forgetting": ForgettingSpec(paragraphs=2, window=64, overlap=16),
        }
    )


def failing_for(run_id: str, error: Exception, work):
    """``work`` on a run, which fails for one run."""

    def fail(run, *others):
        if run.run_id == run_id:
            raise error
        return work(run, *others)

    return fail


@pytest.mark.parametrize("stage", ["_score", "_score_paragraphs"])
def test_a_run_that_cannot_be_scored_does_not_stop_the_rest(
    stage, ask, text_corpus, workspace, monkeypatch, small_study
):
    done = runs.obtain_all([ask("zero_shot"), ask("lora")], text_corpus, workspace)
    broken = failing_for(ask("zero_shot").run_id, torch.OutOfMemoryError("CUDA out of memory"), getattr(runs, stage))
    monkeypatch.setattr(runs, stage, broken)
    scored = runs.score_all(done, text_corpus, small_study, workspace)
    assert [run.run_id for run in scored.runs] == [ask("lora").run_id]
    assert [each.run_id for each in scored.evaluations] == [ask("lora").run_id]
    assert [(cell, failure.reason) for cell, failure in scored.failed] == [(ask("zero_shot"), "out_of_memory")]
    asked = study_pairs(text_corpus, small_study.minimal_pairs)
    assert runs.is_complete(ask("lora"), SPEC, asked, workspace, small_study.forgetting)
    monkeypatch.setattr(runs, stage, failing_for(ask("lora").run_id, MemoryError(), broken))
    other = small_study.model_copy(
        update={
            "evaluation": SPEC.model_copy(update={"window": 32}),
            "forgetting": ForgettingSpec(paragraphs=3, window=64, overlap=16),
        }
    )
    with pytest.raises(RunError, match=r"no run is left to show; .*out of memory"):
        runs.score_all(done, text_corpus, other, workspace)


def test_cells_that_failed_before_stay_failed(ask, text_corpus, workspace, small_study):
    failure = Failure(run_id="x", reason="diverged", message="m", date="d", machine={})
    plain = small_study.model_copy(update={"minimal_pairs": None, "forgetting": None})
    done = runs.obtain_all([ask("zero_shot")], text_corpus, workspace)
    scored = runs.score_all(replace(done, failed=((ask("full"), failure),)), text_corpus, plain, workspace)
    assert scored.failed == ((ask("full"), failure),)
    assert scored.evaluations[0].summary == runs.evaluate(done.runs[0], text_corpus, SPEC, workspace).summary


def test_the_model_as_it_came_is_found_beside_a_cell_if_it_was_scored_alike(ask, text_corpus, workspace):
    assert runs.zero_shot_bits(ask("lora"), SPEC, workspace) is None
    base = runs.evaluate(runs.obtain(ask("zero_shot"), text_corpus, workspace), text_corpus, SPEC, workspace)
    assert runs.zero_shot_bits(ask("lora"), SPEC, workspace) == base.summary["bits_per_byte"].value
    assert runs.zero_shot_bits(ask("lora"), SPEC.model_copy(update={"window": 32}), workspace) is None


def test_qlora_is_held_against_the_base_in_4_bits_where_that_was_scored(ask, text_corpus, workspace):
    rounded = ask("zero_shot").model_copy(update={"method": ZERO_SHOT_4BIT})
    base, bits = (
        runs.evaluate(runs.obtain(cell, text_corpus, workspace), text_corpus, SPEC, workspace)
        for cell in (ask("zero_shot"), rounded)
    )
    known = {each.run_id: each.summary["bits_per_byte"].value for each in (base, bits)}
    assert known[base.run_id] != known[bits.run_id]
    assert runs.zero_shot_bits(ask("qlora"), SPEC, workspace) == known[bits.run_id]
    assert runs.zero_shot_bits(ask("lora"), SPEC, workspace) == known[base.run_id]
    loaded, _ = runs.load_run(rounded.run_id, workspace).load(workspace)
    assert any(isinstance(module, Linear4bit) for module in loaded.modules())
    (workspace.runs / rounded.run_id).rename(workspace.root / "elsewhere")
    assert runs.zero_shot_bits(ask("qlora"), SPEC, workspace) == known[base.run_id]


def test_a_stored_run_of_broken_weights_writes_nothing_and_says_why(ask, text_corpus, workspace):
    run = runs.obtain(ask("full"), text_corpus, workspace)
    path = run.folder / "model/model.safetensors"
    weights = load_file(path)
    save_file({name: torch.full_like(each, torch.nan) for name, each in weights.items()}, path, {"format": "pt"})
    with pytest.raises(DivergenceError, match="not finite"):
        runs.generations(run, GenerationSpec(prompts=1, max_new_tokens=4), workspace)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_too_little_memory_is_one_line(error, ask, text_corpus, workspace, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(runs, "train", fail)
    with pytest.raises(RunError, match=r"^out of memory at run .*lower batch_size"):
        runs.obtain(ask("lora"), text_corpus, workspace)


def test_a_tokenizer_that_loses_letters_is_neither_trained_nor_scored(ask, text_corpus, workspace, monkeypatch):
    kept = runs.obtain(ask("full"), text_corpus, workspace)

    checkable = runs.checkable

    def lossy(spec, tokenizer):
        sound = checkable(spec, tokenizer)
        return replace(sound, decode=lambda ids: sound.decode(ids).replace("ҡ", ""))

    monkeypatch.setattr(runs, "checkable", lossy)
    with pytest.raises(TokenizerError, match=r"letters lost: .*ҡ"):
        runs.obtain(ask("zero_shot"), text_corpus, workspace)
    with pytest.raises(TokenizerError, match=r"letters lost: .*ҡ"):
        runs.evaluate(kept, text_corpus, SPEC, workspace)


def test_more_context_than_positions_is_refused(ask, text_corpus, workspace):
    run = runs.obtain(ask("zero_shot"), text_corpus, workspace)
    with pytest.raises(ModelError, match=r"evaluation\.window is 100000"):
        runs.evaluate(run, text_corpus, EvaluationSpec(window=100_000), workspace)


@pytest.mark.parametrize("method", METHODS)
def test_a_run_is_stored_whole_and_loaded_again(method, ask, text_corpus, workspace, monkeypatch):
    trained = {}
    save = runs._save_weights

    def remember(spec, made, *others):
        made.model.eval()
        trained["logits"] = logits(made.model)
        save(spec, made, *others)

    monkeypatch.setattr(runs, "_save_weights", remember)
    run = runs.obtain(ask(method), text_corpus, workspace)
    assert set(run.record) >= RECORD
    assert run.record["budget"] == {"tokens": 1536, "ended_by": "tokens"}
    assert run.record["adapted_modules"] == ([] if method == "full" else sorted(run.record["adapted_modules"]))
    weights = run.folder / ("model/model.safetensors" if method == "full" else "adapter/adapter_model.safetensors")
    assert weights.is_file()
    assert (weights.parent / "README.md").read_text() == (run.folder / "README.md").read_text()
    if method != "full":
        config = read_json(weights.parent / "adapter_config.json")
        assert config["base_model_name_or_path"] == run.spec.model.source
    assert len(run.curve) >= 4
    assert "seed: 3" in (run.folder / "README.md").read_text()
    monkeypatch.setattr(runs, "train", lambda *_: pytest.fail("a finished run is trained again"))
    again = runs.obtain(ask(method), text_corpus, workspace)
    assert again.record == run.record
    model, _ = again.load(workspace)
    model.eval()
    torch.testing.assert_close(logits(model), trained["logits"], rtol=2e-2, atol=2e-2)
    assert not any((workspace.runs / runs.PARTIAL).iterdir())


def test_training_beats_zero_shot_and_evaluations_are_kept(ask, text_corpus, workspace, monkeypatch):
    base = runs.evaluate(runs.obtain(ask("zero_shot"), text_corpus, workspace), text_corpus, SPEC, workspace)
    run = runs.obtain(ask("full"), text_corpus, workspace)
    tuned = runs.evaluate(run, text_corpus, SPEC, workspace)
    assert tuned.summary["bits_per_byte"].high < base.summary["bits_per_byte"].low
    assert tuned.documents["id"].tolist() == base.documents["id"].tolist()
    np.testing.assert_allclose(tuned.words["nll"].sum(), tuned.documents["nll"].sum())
    monkeypatch.setattr(runs, "score_documents", lambda *_: pytest.fail("scored twice"))
    again = runs.evaluate(run, text_corpus, SPEC, workspace)
    assert again.summary == tuned.summary
    pd.testing.assert_frame_equal(again.documents, tuned.documents)


def test_continuations_are_kept(ask, text_corpus, workspace, monkeypatch):
    run = runs.obtain(ask("zero_shot"), text_corpus, workspace)
    spec = GenerationSpec(prompts=2, max_new_tokens=4)
    first = runs.generations(run, spec, workspace)
    assert {"prompt", "continuation", "kind", "gloss"} <= set(first.columns)
    monkeypatch.setattr(runs.generation, "generate", lambda *_: pytest.fail("generated twice"))
    pd.testing.assert_frame_equal(runs.generations(run, spec, workspace), first)
    (stored,) = (run.folder / "generation").glob("*/continuations.parquet")
    pd.read_parquet(stored).assign(continuation="ҡар\ufffd", ended=False, broken_characters=9).to_parquet(stored)
    assert set(runs.generations(run, spec, workspace)["broken_characters"]) == {0}, "counted anew when read"


def test_a_profile_may_give_its_own_prompts(ask, text_corpus, workspace, tmp_path):
    run = runs.obtain(ask("zero_shot"), text_corpus, workspace)
    path = tmp_path / "mine.tsv"
    path.write_text("poem\tПаян\tToday\nnews\tКонча\tWhen\n", encoding="utf-8")
    spec = GenerationSpec(prompts=2, max_new_tokens=4, prompts_file=str(path))
    table = runs.generations(run, spec, workspace)
    assert table[["prompt", "kind", "gloss"]].to_numpy().tolist() == [
        ["Паян", "poem", "Today"],
        ["Конча", "news", "When"],
    ]
    moved = path.rename(tmp_path / "elsewhere.tsv")
    assert runs.has_generations(run, spec.model_copy(update={"prompts_file": str(moved)}))
    moved.write_text("poem\tПаян\tToday\nnews\tКонча\tWhen it ended\n", encoding="utf-8")
    assert not runs.has_generations(run, spec.model_copy(update={"prompts_file": str(moved)}))


def test_continuations_of_the_books_prompts_are_found_again(ask, text_corpus, workspace):
    """The name of the folder is that of a version that knew no other prompts."""
    run = runs.obtain(ask("zero_shot"), text_corpus, workspace)
    runs.generations(run, GenerationSpec(prompts=2, max_new_tokens=4), workspace)
    assert (run.folder / "generation" / KNOWN_GENERATION).is_dir()


def test_pairs_are_scored_by_the_adapted_model_and_kept(ask, text_corpus, workspace, monkeypatch):
    pairs = StudyPairs(generate_pairs("person_agreement", 6), tuple(text_corpus.train), 4)
    run, base = (runs.obtain(ask(method), text_corpus, workspace) for method in ("lora", "zero_shot"))
    runs.evaluate(run, text_corpus, SPEC, workspace)
    assert not runs.is_complete(run.spec, SPEC, pairs, workspace)
    scores = runs.pair_scores(run, pairs, workspace)
    assert runs.is_complete(run.spec, SPEC, pairs, workspace)
    expected = score_pairs(*run.load(workspace), pairs.pairs)
    pd.testing.assert_frame_equal(scores, expected, rtol=1e-4)
    assert not np.allclose(scores["good"], runs.pair_scores(base, pairs, workspace)["good"])
    monkeypatch.setattr(runs, "score_pairs", None)
    pd.testing.assert_frame_equal(runs.pair_scores(run, pairs, workspace), scores)


def test_a_run_keeps_its_name_in_another_layout_and_says_which(ask, text_corpus, workspace, tmp_path):
    spec = ask("lora")
    plain = runs.obtain(spec, text_corpus, workspace)
    recut = runs.obtain(spec, text_corpus, Workspace(tmp_path / "other"), Layout(2, 2, True))
    assert recut.run_id == plain.run_id
    assert recut.spec == plain.spec
    np.testing.assert_allclose(
        recut.curve["loss"], plain.curve["loss"], atol=2e-2, err_msg="bfloat16 rounds each micro batch"
    )
    used = ("micro_batch", "accumulation", "checkpointing")
    assert [plain.record[name] for name in used] == [4, 1, False]
    assert [recut.record[name] for name in used] == [2, 2, True]
    assert [recut.record["attempts"][0][name] for name in used] == [2, 2, True]
    assert "- layout: 2 x 2 blocks a step, activations computed again\n" in (recut.folder / "README.md").read_text()
    assert runs.obtain(spec, text_corpus, workspace, Layout(1, 4, True)).record == plain.record


def test_a_layout_of_another_batch_leaves_the_checkpoints(ask, text_corpus, workspace):
    spec = ask("lora")
    checkpoint = workspace.runs / runs.PARTIAL / spec.run_id / "checkpoint-6"
    checkpoint.mkdir(parents=True)
    with pytest.raises(RunError, match="is not for a profile of 4"):
        runs.obtain(spec, text_corpus, workspace, Layout(4, 2, False))
    assert checkpoint.is_dir()


def test_a_run_of_another_corpus_is_refused(ask, text_corpus, workspace):
    spec = ask("lora").model_copy(update={"corpus": "another"})
    with pytest.raises(RunError, match="is for corpus another"):
        runs.obtain(spec, text_corpus, workspace)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError(
            "[enforce fail at inline_container.cc:672] . PytorchStreamWriter failed writing file: file write failed"
        ),
    ],
)
def test_a_full_disk_leaves_nothing_half_written(error, ask, text_corpus, workspace, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(runs, "_save_weights", fail)
    with pytest.raises(RunError, match="free some space") as caught:
        runs.obtain(ask(), text_corpus, workspace)
    assert "\n" not in str(caught.value)
    assert runs.list_runs(workspace) == []
    monkeypatch.undo()
    assert runs.obtain(ask(), text_corpus, workspace).record["resumed_from_step"] > 0


@pytest.mark.skipif(not sys.platform.startswith("linux") or os.geteuid() != 0, reason="mounts a small file system")
def test_a_really_full_disk(ask, text_corpus, tmp_path, shared_workspace):
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", small], check=False)
    if done.returncode:
        pytest.skip("no right to mount")
    try:
        with pytest.raises(RunError, match="cannot write"):
            runs.obtain(ask("full"), text_corpus, Workspace(small))
        assert runs.list_runs(Workspace(small)) == []
    finally:
        subprocess.run(["umount", "--lazy", small], check=True)


def test_damage_is_named(ask, text_corpus, workspace):
    run = runs.obtain(ask("zero_shot"), text_corpus, workspace)
    (run.folder / "record.json").write_text("{")
    with pytest.raises(RunError, match="is damaged"):
        runs.load_run(run.run_id, workspace)
    with pytest.raises(RunError, match="no run 'nothing'"):
        runs.load_run("nothing", workspace)


SCRIPT = """
    import os, signal, sys, time
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    from bashkir_utils import runs, training
    from bashkir_utils.study import RunSpec
    from bashkir_utils.workspace import Workspace
    from conftest import TextCorpus
    {before}
    texts = tuple(f"Беҙ {{i}} йыл Өфөлә йәшәйбеҙ. " * 6 for i in range(60))
    corpus = TextCorpus(texts[:40], texts[40:50], texts[50:])
    spec = RunSpec.model_validate_json(Path({spec!r}).read_text())
    run = runs.obtain(spec, corpus, Workspace(Path({home!r})))
    print("FINISHED", run.record["resumed_from_step"], run.record["final_validation_loss"])
"""
KILL = """
    original = training._Reporter.on_step_end
    def kill(self, args, state, control, **others):
        original(self, args, state, control, **others)
        if state.global_step == 8:
            os.kill(os.getpid(), signal.SIGKILL)
    training._Reporter.on_step_end = kill
"""
SLOW = """
    original = training._Reporter.on_step_end
    def slow(self, args, state, control, **others):
        original(self, args, state, control, **others)
        time.sleep(0.5)
    training._Reporter.on_step_end = slow
"""


@pytest.fixture
def start(ask, tmp_path):
    """A function that asks for the same run in a process of its own."""
    spec = tmp_path / "spec.json"
    spec.write_text(ask("lora").model_dump_json())

    def process(home: Path, before: str = "pass") -> subprocess.Popen:
        body = SCRIPT.format(tests=str(Path(__file__).parent), spec=str(spec), home=str(home), before="{before}")
        code = textwrap.dedent(body).replace("{before}", textwrap.dedent(before).strip())
        return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    return process


def test_a_killed_process_is_resumed_to_the_same_loss(start, tmp_path):
    killed = start(tmp_path / "a", KILL)
    straight = start(tmp_path / "b")
    killed.communicate()
    assert killed.returncode == -9
    assert not runs.list_runs(Workspace(tmp_path / "a"))
    resumed, _ = start(tmp_path / "a").communicate()
    expected, _ = straight.communicate()
    word, step, loss = resumed.split()
    assert (word, step) == ("FINISHED", "6")
    assert expected.split()[1] == "0"
    assert float(loss) == pytest.approx(float(expected.split()[2]), abs=1e-3)


def test_two_processes_train_a_run_once(start, tmp_path):
    processes = [start(tmp_path / "home", SLOW) for _ in range(2)]
    outputs = [process.communicate() for process in processes]
    assert all("FINISHED 0" in out for out, _ in outputs)
    trained = [err.count("precision is") for _, err in outputs]
    waited = [err.count("another process works on") for _, err in outputs]
    assert sorted(trained) == [0, 1]
    assert sorted(waited) == [0, 1]


def test_records_hold_no_pickles(ask, text_corpus, workspace):
    run = runs.obtain(ask("lora"), text_corpus, workspace)
    kinds = {path.suffix for path in run.folder.rglob("*") if path.is_file()}
    assert kinds <= {".json", ".parquet", ".safetensors", ".md", ".jinja"}
    assert json.loads((run.folder / "spec.json").read_text()) == read_json(run.folder / "spec.json")
