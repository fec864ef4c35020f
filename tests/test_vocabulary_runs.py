"""Runs with a changed vocabulary from end to end: which rows move, what the files give back, resuming, merging."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerBase

from bashkir_utils import corpus as corpora
from bashkir_utils import export, runs, training
from bashkir_utils.adapt import AnyModel
from bashkir_utils.models import load_model, load_tokenizer
from bashkir_utils.packing import encode
from bashkir_utils.study import CorpusSpec, EvaluationSpec, MethodSpec, ModelSpec, RunSpec, TrainingSpec, VocabularySpec

ARCHITECTURES = ("gpt2", "phi")
"""The first has one matrix as input and head; the second has two, and a bias in the head."""
OLD = 257
"""Entries of the tiny models before they are extended."""
WAYS = {"trim": VocabularySpec(way="trim"), "extend": VocabularySpec(way="extend", entries=20)}
ROWS = ("frozen", "new", "all")
LOW_RANK = {"rank": 4, "lora_alpha": 8, "learning_rate": 3e-3}
METHODS = {"full": MethodSpec(name="full", kind="full", learning_rate=1e-3)} | {
    f"{kind}_{rows}": MethodSpec(name=f"{kind}_{rows}", kind=kind, embeddings=rows, **LOW_RANK)
    for kind in ("lora", "qlora")
    for rows in ROWS
}
EIGHT_STEPS = TrainingSpec(
    block_length=32, batch_size=4, tokens=8 * 4 * 32, validation_points=1, validation_blocks=1, checkpoints=2
)
SCORED = EvaluationSpec(max_bytes=500, window=32, overlap=8, bootstrap_samples=10)


class Interrupted(BaseException):
    """Stands for the moment in which a process is stopped."""


@pytest.fixture(scope="module")
def text(shared_workspace):
    return corpora.prepare(CorpusSpec(embedded_documents=40), shared_workspace)


def spec_of(source, way, method, corpus, **changes) -> RunSpec:
    model = ModelSpec(name=way, source=source, vocabulary=WAYS[way]).on(corpus.fingerprint)
    budget = EIGHT_STEPS.model_copy(update=changes)
    return RunSpec(model=model, method=METHODS[method], seed=1, training=budget, corpus=corpus.fingerprint)


def trained(spec, corpus, workspace) -> runs.Run:
    run = runs.obtain(spec, corpus, workspace)
    runs.evaluate(run, corpus, SCORED, workspace)
    return run


def loaded_by_its_card(folder: Path, monkeypatch) -> tuple[AnyModel, PreTrainedTokenizerBase]:
    """What the Python of the card gives, which is transformers and peft alone."""
    card = (folder / "README.md").read_text(encoding="utf-8")
    loading = card[card.index("## How to load") : card.index("## Base model")]
    monkeypatch.chdir(folder)
    found = {}
    exec("\n".join(re.findall(r"```python\n(.*?)\n```", loading, re.DOTALL)), found)
    assert type(found["model"]).__module__.startswith(("transformers.", "peft."))
    return found["model"], found["tokenizer"]


def logits(model) -> torch.Tensor:
    """After every entry of the vocabulary, one after the other; shape (1, entries, entries)."""
    model.eval()
    with torch.no_grad():
        return model(torch.arange(model.config.vocab_size)[None].to(model.device)).logits.cpu()


def embedded(model) -> torch.Tensor:
    """The row of every entry as the model reads it, shape (entries, width)."""
    table = model.get_input_embeddings()
    with torch.no_grad():
        return table(torch.arange(model.config.vocab_size))


def scored(model) -> torch.Tensor:
    """The row of every entry as the head multiplies by it, with its bias added; shape (entries, width)."""
    with torch.no_grad():
        return model.get_output_embeddings()(torch.eye(model.config.hidden_size)).T


# ----------------------------------------------------------------------------------------------------------- which rows


@pytest.mark.parametrize("method", ["lora_frozen", "qlora_frozen"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_adapters_on_a_trimmed_vocabulary_leave_its_rows_alone(architecture, method, english, text, shared_workspace):
    run = trained(spec_of(f"path:{english[architecture]}", "trim", method, text), text, shared_workspace)
    (model, _), base = run.load(shared_workspace), load_model(run.spec.model, shared_workspace)
    before = len(load_tokenizer(run.spec.model.base, shared_workspace))
    assert len(embedded(model)) == run.record["vocabulary"]["entries"] < before
    assert torch.equal(embedded(model), embedded(base))
    assert torch.equal(scored(model), scored(base))
    assert not torch.allclose(logits(model), logits(base), atol=0.1)


@pytest.mark.parametrize("method", ["full", "lora_new", "qlora_new", "qlora_all"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_of_an_extended_vocabulary_the_rows_move_that_the_method_trains(architecture, method, text, shared_workspace):
    run = trained(spec_of(f"random:{architecture}", "extend", method, text), text, shared_workspace)
    (model, _), base = run.load(shared_workspace), load_model(run.spec.model, shared_workspace)
    for rows in (embedded, scored):
        moved = (rows(model) != rows(base)).any(dim=1)
        assert len(moved) == OLD + 20
        assert moved[OLD:].all()
        assert moved[:OLD].any() == (not method.endswith("new"))
    assert torch.equal(embedded(model), scored(model)) == (architecture == "gpt2")


# -------------------------------------------------------------------------------------------------- what is on the disk


def assert_exported_whole(run, corpus, folder, workspace, monkeypatch):
    export.export_trained(run, corpus, folder, workspace)
    (model, tokenizer), (own, own_tokenizer) = loaded_by_its_card(folder, monkeypatch), run.load(workspace)
    torch.testing.assert_close(logits(model), logits(own), atol=1e-5, rtol=1e-5)
    for each in (*corpus.split("test")["text"], "the cat, 猫 and 🐈\n  <|endoftext|>"):
        ids = encode(tokenizer, each)
        assert ids == encode(own_tokenizer, each)
        assert tokenizer.decode(ids) == each


@pytest.mark.parametrize("method", ["lora_frozen", "qlora_frozen"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_adapters_on_a_trimmed_vocabulary_load_without_this_package(
    architecture, method, english, text, shared_workspace, tmp_path, monkeypatch
):
    run = trained(spec_of(f"path:{english[architecture]}", "trim", method, text), text, shared_workspace)
    assert_exported_whole(run, text, tmp_path / "out", shared_workspace, monkeypatch)


@pytest.mark.parametrize("method", ["full", "lora_new", "qlora_new", "qlora_all"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_extended_vocabulary_loads_without_this_package(
    architecture, method, text, shared_workspace, tmp_path, monkeypatch
):
    run = trained(spec_of(f"random:{architecture}", "extend", method, text), text, shared_workspace)
    assert_exported_whole(run, text, tmp_path / "out", shared_workspace, monkeypatch)


@pytest.mark.parametrize("method", ["lora_new", "qlora_new", "qlora_all"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_extended_vocabulary_is_merged_into_one_model(
    architecture, method, text, shared_workspace, tmp_path, monkeypatch
):
    run = trained(spec_of(f"random:{architecture}", "extend", method, text), text, shared_workspace)
    done = export.export_merged(run, text, tmp_path / "out", shared_workspace)
    merged, _ = loaded_by_its_card(tmp_path / "out", monkeypatch)
    model, _ = run.load(shared_workspace)
    # 4-bit layers multiply in bfloat16
    tolerance = 0.02 if METHODS[method].quantised else 1e-5
    torch.testing.assert_close(logits(merged), logits(model), atol=tolerance, rtol=tolerance)
    assert abs(done.merging.difference) < (1e-2 if METHODS[method].quantised else 1e-5)
    assert torch.equal(embedded(merged), embedded(model))
    assert torch.equal(scored(merged), scored(model))
    tied = merged.get_output_embeddings().weight is merged.get_input_embeddings().weight
    assert tied == (architecture == "gpt2")


# ------------------------------------------------------------------------------------------------------------- resuming


def stop_after(step: int, monkeypatch) -> None:
    original = training._Reporter.on_step_end

    def stopping(self, args, state, control, **others):
        original(self, args, state, control, **others)
        if state.global_step == step:
            raise Interrupted

    monkeypatch.setattr(training._Reporter, "on_step_end", stopping)


def adapter_of(run: runs.Run) -> dict[str, torch.Tensor]:
    return load_file(run.folder / "adapter" / "adapter_model.safetensors")


@pytest.mark.parametrize(
    ("method", "first"),
    [("lora_all", 0), ("lora_new", 0), ("qlora_all", 0.75), ("lora_new", 0.25)],
)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one(
    architecture, method, first, text, shared_workspace, workspace, monkeypatch
):
    """It goes on from step 4 of 8: embeddings are trained alone until step 6, or were until step 2."""
    spec = spec_of(f"random:{architecture}", "extend", method, text, embeddings_first=first)
    expected = adapter_of(runs.obtain(spec, text, shared_workspace))
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        stop_after(5, patch)
        runs.obtain(spec, text, workspace)
    resumed = runs.obtain(spec, text, workspace)
    assert resumed.record["resumed_from_step"] == 4
    found = adapter_of(resumed)
    assert found.keys() == expected.keys()
    different = {name for name, weight in expected.items() if not torch.equal(found[name], weight)}
    assert different == set()
