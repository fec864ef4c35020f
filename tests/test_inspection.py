import json

import numpy as np
import pandas as pd
import pytest
import torch
from bitsandbytes.functional import has_avx512bf16
from safetensors.torch import load_file
from torch import nn
from transformers import set_seed

from bashkir_utils import inspection
from bashkir_utils.adapt import adapt
from bashkir_utils.exceptions import ModelError
from bashkir_utils.models import load_model
from bashkir_utils.study import ModelSpec

from conftest import METHODS

IDS = torch.arange(64).reshape(2, 32)


def spec(architecture):
    return ModelSpec(name=architecture, source=f"random:{architecture}")


def adapted(architecture, workspace):
    set_seed(3)
    model = adapt(load_model(spec(architecture), workspace), METHODS["lora"])
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.1)
    return model


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_the_spectrum_is_that_of_the_product_written_out(architecture, shared_workspace, tmp_path):
    adapted(architecture, shared_workspace).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["lora_alpha"] == 16
    found = inspection.adapter_spectrum(tmp_path)
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    downs = sorted(name for name in tensors if "lora_A" in name)
    assert len(found) == 8 * len(downs)
    for i, name in enumerate(downs):
        product = 2 * tensors[name.replace("lora_A", "lora_B")] @ tensors[name]
        rows = found.iloc[8 * i : 8 * i + 8]
        np.testing.assert_allclose(rows["singular_value"], torch.linalg.svdvals(product)[:8], rtol=1e-4)
        assert rows["index"].tolist() == list(range(1, 9))
        assert rows["module"].iloc[0] == name.split(".")[-3]
        assert f".{rows['layer'].iloc[0]}." in name


def test_energy_and_norms_of_known_singular_values():
    spectrum = pd.DataFrame({"layer": 0, "module": "q_proj", "index": [1, 2, 3], "singular_value": [4.0, 3.0, 0.0]})
    assert inspection.energy_kept(spectrum, 1).tolist() == [16 / 25]
    assert inspection.energy_kept(spectrum, 2).tolist() == [1]
    assert inspection.update_norms(spectrum).to_numpy().tolist() == [[5.0]]


def test_a_full_update_of_rank_one_is_seen_as_such(shared_workspace, tmp_path):
    model = load_model(spec("llama"), shared_workspace)
    weight = model.get_submodule("model.layers.1.self_attn.q_proj").weight
    moved = torch.outer(torch.ones(64), torch.ones(64)) / 64
    with torch.no_grad():
        weight += 0.5 * moved
        model.get_submodule("model.layers.0.mlp.up_proj").weight += 1
    model.save_pretrained(tmp_path / "model")
    found = inspection.full_update_spectrum(spec("llama"), tmp_path / "model", shared_workspace)
    assert set(found["layer"]) == {1}
    values = found[found["module"] == "q_proj"]["singular_value"].to_numpy()
    assert values[0] == pytest.approx(0.5, rel=1e-4)
    assert values[1:].max() < 1e-5
    assert found[found["module"] != "q_proj"]["singular_value"].max() == 0


def test_nf4_levels_are_those_of_the_paper():
    levels = inspection.nf4_levels()
    assert len(levels) == 16
    assert (np.diff(levels) > 0).all()
    # appendix E of Dettmers et al. (2023)
    assert levels[[0, 1, 7, 8, 15]] == pytest.approx([-1, -0.6961928009986877, 0, 0.07958029955625534, 1])


def test_bits_of_a_weight():
    assert pytest.approx(4.127, abs=1e-3) == inspection.NF4_BITS


def test_normalised_weights_fill_their_blocks(shared_workspace):
    weights = inspection.normalised_weights(spec("llama"), shared_workspace)
    blocks = np.abs(weights.values.reshape(-1, inspection.NF4_BLOCK))
    np.testing.assert_allclose(blocks.max(axis=1), 1)
    assert weights.module.endswith("_proj")


def test_the_normal_reference_agrees_with_levels_taken_by_hand():
    blocks = np.random.default_rng(0).standard_normal((2048, 64))
    scaled = blocks / np.abs(blocks).max(axis=1, keepdims=True)
    levels = inspection.nf4_levels()
    error = levels[np.abs(scaled[..., None] - levels).argmin(axis=-1)] - scaled
    own = np.linalg.norm(error * np.abs(blocks).max(axis=1, keepdims=True)) / np.linalg.norm(blocks)
    # double quantisation of the scales adds less than two samples differ
    assert inspection.normal_reference_error() == pytest.approx(own, abs=3e-4)


def test_a_gradient_that_changes_in_evaluation_is_seen(shared_workspace):
    model = adapted("llama", shared_workspace)
    clean = inspection.gradient_change(model, IDS)
    assert clean["change"].max() == 0
    assert len(clean) == 14

    def spoil(module, _):
        if not module.training:
            module.weight.data *= 1.5

    model.get_submodule("base_model.model.model.layers.1.mlp.up_proj.base_layer").register_forward_pre_hook(spoil)
    changed = inspection.gradient_change(model, IDS)
    assert changed.loc[changed["layer"] == 0, "change"].min() > 0.01


def test_repacking_is_prevented_and_shown(shared_workspace):
    changes = inspection.repacking_effect(spec("llama"), METHODS["qlora"], shared_workspace, IDS)
    assert changes["protected"].max() == 0
    first = changes.loc[changes["layer"] == 0, "unprotected"]
    if has_avx512bf16() and not torch.cuda.is_available():
        assert first.max() > 0.5
    else:
        assert first.max() == 0


def test_a_model_that_cannot_be_looked_into_is_refused(monkeypatch, shared_workspace):
    monkeypatch.setattr(inspection, "load_model", lambda *_: nn.Sequential(nn.Linear(2, 2)))
    with pytest.raises(ModelError, match="no linear layers"):
        inspection.normalised_weights(spec("llama"), shared_workspace)
