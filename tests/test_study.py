from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bashkir_utils.exceptions import ProfileError
from bashkir_utils.study import ZERO_SHOT_4BIT, ModelSpec, RunSpec, load_study, profile_names

MINIMAL = {
    "name": "mine",
    "description": "a test",
    "models": [{"name": "m", "source": "random:gpt2"}],
    "methods": [{"name": "full", "kind": "full"}],
    "seeds": [1],
    "training": {"tokens": 100},
}


def written(tmp_path: Path, content) -> Path:
    path = tmp_path / "profile.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_that_ships_is_valid(name):
    study = load_study(name)
    assert study.name == name
    cells = study.cells("corpus")
    assert len({cell.run_id for cell in cells}) == len(cells)
    assert sum(cell.method.kind == "zero_shot" for cell in cells) == len(study.enabled_models)


def test_a_model_that_qlora_adapts_is_scored_in_4_bits_too():
    smoke = load_study("smoke")
    cells = smoke.scored_cells("x")
    (rounded,) = [cell for cell in cells if cell not in smoke.cells("x")]
    assert cells.index(rounded) == 1, "beside the model as it came"
    assert (rounded.model.name, rounded.method, rounded.training) == ("tiny-llama", ZERO_SHOT_4BIT, None)
    assert rounded == smoke.run_spec("x", method="zero_shot_4bit")
    assert rounded.run_id.startswith("tiny-llama-zero_shot_4bit-s0-")
    assert smoke.all_cells("x") == cells, "no model of this profile is off"
    paper = load_study("paper").scored_cells("x")
    large = {"phi-2", "qwen2.5-7b", "deepseek-7b", "mistral-7b"}
    assert {cell.model.name for cell in paper if cell.method == ZERO_SHOT_4BIT} == large


def test_the_base_in_4_bits_changes_no_name_of_another_run():
    assert load_study("study").run_spec("f" * 16, method="zero_shot").run_id == "smollm2-135m-zero_shot-s0-f91a43582d2b"
    assert load_study("study").run_spec("f" * 16, method="qlora_r8").run_id == "smollm2-135m-qlora_r8-s42-a3c02b06613c"


def test_no_method_may_be_called_as_the_base_in_4_bits(tmp_path):
    methods = [{"name": "zero_shot_4bit", "kind": "full"}]
    with pytest.raises(ProfileError, match="zero_shot_4bit is always run"):
        load_study(written(tmp_path, MINIMAL | {"methods": methods}))
    with pytest.raises(ProfileError, match="unknown method 'zero_shot_4bit'"):
        load_study(written(tmp_path, MINIMAL)).method("zero_shot_4bit")


def test_the_profiles_are_there():
    assert {"smoke", "demo", "study", "study-128", "study-1024", "paper", "paper-1024"} <= set(profile_names())


@pytest.mark.parametrize(
    ("name", "minutes"), [("vocabulary-16", 16), ("vocabulary-60", 60), ("vocabulary-gpu", 1), ("vocabulary-again", 4)]
)
def test_other_budgets_and_machines_train_and_score_what_the_first_study_does(name, minutes):
    short, long = load_study("vocabulary"), load_study(name)
    known = {model.name: model for model in short.models}
    for model in long.models:
        assert model.model_copy(update={"methods": None}) == known[model.name].model_copy(update={"methods": None})
    assert {method.name: method for method in long.methods}.items() <= {
        each.name: each for each in short.methods
    }.items()
    assert long.evaluation == short.evaluation
    assert set(long.seeds) <= set(short.seeds)
    same = {
        "block_length",
        "scheduler",
        "weight_decay",
        "warmup_share",
        "max_grad_norm",
        "precision",
        "embeddings_first",
    }
    assert long.training.model_dump(include=same) == short.training.model_dump(include=same)
    assert long.training.minutes == minutes


def test_the_paper_profile_names_the_whole_matrix():
    study = load_study("paper")
    cells = [cell for cell in study.cells("x") if cell.training is not None]
    assert len(cells) == 3 * (3 * 3 + 4 * 4)
    assert study.seeds == (42, 123, 2024)
    assert all(model.revision and len(model.revision) == 40 for model in study.enabled_models)
    scored = [model for model in study.models if model.methods == ()]
    assert {model.source.rpartition("/")[2] for model in scored} == {
        *(f"bak_cyrl_{size}" for size in ("5mb", "10mb", "100mb", "full")),
        "mGPT-1.3B-bashkir",
    }
    assert not any(model.enabled for model in scored)
    for model in scored:
        assert [cell.method.kind for cell in study.model_cells("x", model.name)] == ["zero_shot"]


def test_long_blocks_differ_from_the_papers_in_nothing_else():
    short, long = load_study("paper"), load_study("paper-1024")
    assert (short.training.block_length, long.training.block_length) == (128, 1024)
    tokens = [s.training.batch_size * s.training.gradient_accumulation * s.training.block_length for s in (short, long)]
    assert tokens[0] == tokens[1]
    cut = {"block_length": 128, "batch_size": 16, "gradient_accumulation": 2}
    assert long.training.model_copy(update=cut) == short.training
    same = {"models", "name", "description", "training", "expected", "evaluation"}
    assert short.model_dump(exclude=same) == long.model_dump(exclude=same)
    assert long.evaluation.window == long.training.block_length
    windows = {"window": 512, "overlap": 128}
    assert long.evaluation.model_copy(update=windows) == short.evaluation
    assert short.enabled_models == long.enabled_models


@pytest.mark.parametrize(("profile", "length"), [("study-128", 128), ("study-1024", 1024)])
def test_the_small_studies_of_block_lengths_cut_the_tokens_of_the_study_and_change_nothing_else(profile, length):
    base, cut = load_study("study"), load_study(profile)
    assert cut.training.block_length == length
    assert cut.training.layout.effective_batch * length == base.training.layout.effective_batch * 256
    same = {"block_length": 256, "batch_size": 8, "gradient_accumulation": 1}
    assert cut.training.model_copy(update=same) == base.training
    assert all(method == base.method(method.name) for method in cut.methods)
    assert cut.evaluation.model_copy(update={"window": 256, "overlap": 64}) == base.evaluation


def test_models_that_are_off_are_passed_over_but_can_be_named(tmp_path):
    models = [{"name": "off", "source": "random:gpt2", "enabled": False}, {"name": "on", "source": "random:gpt2"}]
    study = load_study(written(tmp_path, MINIMAL | {"models": models}))
    assert {cell.model.name for cell in study.cells("x")} == {"on"}
    assert study.model().name == "on"
    assert study.run_spec("x", method="full", model="off").model.name == "off"
    assert len(study.model_cells("x", "off")) == 2
    assert study.run_spec("x", method="full").run_id == study.cells("x")[1].run_id


KNOWN_RUNS = {
    ("demo", "lora_r8"): "smollm2-135m-lora_r8-s42-8525fefc71e0",
    ("study", "full"): "smollm2-135m-full-s42-4ea18d255e25",
    ("smoke", "qlora_r8"): "tiny-llama-qlora_r8-s42-fbaa88146fd6",
}


@pytest.mark.parametrize(("profile", "method"), KNOWN_RUNS)
def test_finished_runs_keep_their_names(profile, method):
    """A run of an earlier version of the package is found again, whatever settings came to the models since."""
    spec = load_study(profile).run_spec("f" * 16, method=method)
    assert spec.run_id == KNOWN_RUNS[profile, method]
    on = {"enabled": False, "weights_format": "pytorch"}
    assert spec.model_copy(update={"model": spec.model.model_copy(update=on)}).run_id == spec.run_id
    for change in ({"minutes": 4.0}, {"embeddings_first": 0.1}):
        assert spec.model_copy(update={"training": spec.training.model_copy(update=change)}).run_id != spec.run_id


def test_demo_covers_what_the_issue_asks():
    study = load_study("demo")
    assert [(m.kind, m.rank) for m in study.methods] == [("full", None), ("lora", 8), ("lora", 16), ("qlora", 8)]
    assert study.generation.prompts >= 12


def test_prompts_of_a_profile_lie_beside_it(tmp_path):
    path = written(tmp_path, MINIMAL | {"generation": {"prompts_file": "mine.tsv"}})
    with pytest.raises(ProfileError, match=r"prompts_file mine\.tsv: no such file in the profile's folder"):
        load_study(path)
    (tmp_path / "mine.tsv").write_text("news\tПаян\tToday\n", encoding="utf-8")
    assert load_study(path).generation.prompts_file == str((tmp_path / "mine.tsv").resolve())


def test_corpus_argument_replaces_only_the_source(tmp_path):
    path = written(tmp_path, MINIMAL | {"corpus": {"min_characters": 7}})
    study = load_study(path, corpus="some.zip")
    assert (study.corpus.source, study.corpus.min_characters) == ("some.zip", 7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"seeds": ["one"]}, "seeds.0: Input should be a valid integer"),
        ({"seeds": []}, "seeds"),
        ({"training": {"tokens": 1, "epochs": 1}}, "exactly one of tokens and epochs"),
        ({"training": {"minutes": 4}}, "exactly one of tokens and epochs"),
        ({"training": {"tokens": 1, "minutes": 0}}, "training.minutes"),
        ({"training": {"tokens": 1, "minutes": float("inf")}}, "training.minutes"),
        ({"training": {"epochs": float("inf")}}, "training.epochs"),
        ({"methods": [{"name": "x", "kind": "full", "learning_rate": float("inf")}]}, "methods.0.learning_rate"),
        ({"training": {"tokens": 1, "embeddings_first": 1}}, "training.embeddings_first"),
        ({"training": {"tokens": 100, "batchsize": 2}}, "training.batchsize"),
        ({"methods": [{"name": "x", "kind": "prompt"}]}, "methods.0.kind"),
        ({"methods": [{"name": "x", "kind": "lora"}]}, "rank and lora_alpha go with lora"),
        ({"methods": [{"name": "x", "kind": "full", "rank": 8, "lora_alpha": 8}]}, "only with them"),
        ({"methods": [{"name": "x", "kind": "full", "target_modules": ["q_proj"]}]}, "target_modules names layers"),
        ({"models": [{"name": "m", "source": "ftp:x"}]}, "is not pip"),
        ({"models": [{"name": "m", "source": "hub:a/b\n\n<script>"}]}, "models.0.source: String should match"),
        ({"models": [{"name": "m", "source": "random:gpt2", "methods": ["qlora"]}]}, "unknown methods: qlora"),
        ({"models": [{"name": "m", "source": "random:gpt2", "layers": []}]}, "layers: name at least one"),
        ({"models": [{"name": "m", "source": "random:gpt2", "layers": [1, 0]}]}, "in rising order"),
        ({"models": [{"name": "m", "source": "random:gpt2", "layers": [0, 0]}]}, "each once"),
        ({"models": [{"name": "m", "source": "random:gpt2", "layers": [-1]}]}, "models.0.layers"),
        ({"models": [{"name": "m", "source": "random:gpt2"}] * 2}, "named twice"),
        ({"models": [{"name": "m", "source": "random:gpt2", "enabled": False}]}, "every model is off"),
        ({"evaluation": {"window": 8, "overlap": 8}}, "overlap must be smaller"),
    ],
)
def test_a_wrong_profile_is_refused_in_one_line(tmp_path, change, message):
    with pytest.raises(ProfileError, match=message) as caught:
        load_study(written(tmp_path, MINIMAL | change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[1, 2", "- a\n- b", "", "name: {a"])
def test_what_is_not_a_profile_is_refused(tmp_path, text):
    with pytest.raises(ProfileError) as caught:
        load_study(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_unknown_names_list_what_is_known(tmp_path):
    study = load_study(written(tmp_path, MINIMAL))
    with pytest.raises(ProfileError, match=r"unknown model 'gpt9'; this profile has m"):
        study.model("gpt9")
    with pytest.raises(ProfileError, match=r"unknown method 'magic'; this profile has zero_shot, full"):
        study.method("magic")
    with pytest.raises(ProfileError, match="unknown profile 'nothing'; choose demo"):
        load_study("nothing")
    with pytest.raises(ProfileError, match="no such file"):
        load_study(tmp_path / "absent.yaml")
    with pytest.raises(ProfileError, match="no such file"):
        load_study(tmp_path / f"{'x' * 300}.yaml")


def test_run_id_changes_with_every_setting_and_not_with_labels():
    study = load_study("demo")
    spec = study.run_spec("c" * 16, method="lora_r8")
    assert spec.training is not None
    variants = [
        spec.model_copy(update={"seed": 43}),
        spec.model_copy(update={"corpus": "d" * 16}),
        spec.model_copy(update={"training": spec.training.model_copy(update={"block_length": 64})}),
        spec.model_copy(update={"method": spec.method.model_copy(update={"learning_rate": 1.0})}),
        spec.model_copy(update={"model": spec.model.model_copy(update={"revision": "abc"})}),
    ]
    variants.append(spec.model_copy(update={"model": spec.model.model_copy(update={"layers": (0, 1)})}))
    assert len({spec.run_id, *(variant.run_id for variant in variants)}) == 7
    narrowed = spec.model_copy(update={"method": spec.method.model_copy(update={"target_modules": ("q_proj",)})})
    assert narrowed.run_id != spec.run_id
    relabelled = spec.model_copy(update={"model": spec.model.model_copy(update={"label": "other words"})})
    assert relabelled.run_id == spec.run_id


def test_runs_keep_the_names_that_recorded_studies_give_them():
    spec = load_study("demo").run_spec("c" * 16, method="lora_r8")
    then = spec.training.model_copy(update={"tokens": 16384, "log_points": 16})
    assert spec.model_copy(update={"training": then}).run_id == "smollm2-135m-lora_r8-s42-1177b2323449"


@settings(deadline=None)
@given(st.sampled_from(profile_names()))
def test_a_run_spec_survives_json(name):
    for cell in load_study(name).cells("f" * 16):
        assert RunSpec.model_validate(cell.model_dump(mode="json")).run_id == cell.run_id


def test_a_model_can_restrict_its_methods():
    cells = load_study("smoke").cells("x")
    assert {c.method.name for c in cells if c.model.name == "tiny-gpt2"} == {"zero_shot", "full", "lora_r8"}


def test_specifications_are_frozen():
    spec = ModelSpec(name="m", source="random:gpt2")
    with pytest.raises(ValueError, match="frozen"):
        spec.name = "other"


@pytest.mark.parametrize("name", ["a $x$ b", "a/b", "..\\b", "a\x1b[31m", "a\u202eb", ""])
def test_a_name_that_is_no_folder_or_a_formula_is_refused(tmp_path, name):
    with pytest.raises(ProfileError, match="name: "):
        load_study(written(tmp_path, MINIMAL | {"name": name}))
    assert load_study(written(tmp_path, MINIMAL | {"name": "Минең өйрәнеү 2"})).name == "Минең өйрәнеү 2"
