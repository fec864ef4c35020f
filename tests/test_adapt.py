import numpy as np
import pandas as pd
import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from transformers import set_seed
from transformers.pytorch_utils import Conv1D

from bashkir_utils.adapt import (
    adapt,
    adapted_modules,
    choose_precision,
    load_base,
    parameter_table,
    quantisation_error,
)
from bashkir_utils.exceptions import ModelError
from bashkir_utils.models import load_model
from bashkir_utils.study import ZERO_SHOT, ModelSpec

from conftest import ARCHITECTURES, METHODS

LINEAR_LAYERS = {
    "gpt2": {"c_attn", "c_proj", "c_fc"},
    "phi": {"q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"},
    "llama": {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
}
LINEAR_LAYERS |= dict.fromkeys(("qwen2", "mistral"), LINEAR_LAYERS["llama"])
IDS = torch.arange(64).reshape(2, 32)


def made(architecture, method, workspace):
    spec = ModelSpec(name=architecture, source=f"random:{architecture}")
    set_seed(1)
    return adapt(load_base(spec, method, choose_precision("fp32", method), workspace), method)


def step(model, optimizer):
    optimizer.zero_grad()
    loss = model(input_ids=IDS, labels=IDS).loss
    loss.backward()
    optimizer.step()
    return loss.item()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_through_every_method(architecture, method, shared_workspace):
    model = made(architecture, METHODS[method], shared_workspace)
    expected = set() if method == "full" else LINEAR_LAYERS[architecture]
    assert set(adapted_modules(model)) == expected
    quantised = {name.split(".")[-2] if name.endswith("base_layer") else name.split(".")[-1]
                 for name, module in model.named_modules() if isinstance(module, Linear4bit)}  # fmt: skip
    assert quantised == (LINEAR_LAYERS[architecture] if method == "qlora" else set())
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=5e-3)
    losses = [step(model, optimizer) for _ in range(12)]
    assert losses[-1] < losses[0] - 0.1
    for name, parameter in model.named_parameters():
        moved = not torch.equal(before[name], parameter.detach())
        assert moved == parameter.requires_grad, name
        assert parameter.requires_grad == (method == "full" or "lora_" in name)


def test_target_modules_choose_what_is_adapted(shared_workspace):
    chosen = METHODS["lora"].model_copy(update={"target_modules": ("self_attn.q_proj", "no_such_layer")})
    assert adapted_modules(made("llama", chosen, shared_workspace)) == ["q_proj"]
    missed = METHODS["lora"].model_copy(update={"target_modules": ("no_such_layer",)})
    with pytest.raises(ModelError, match=r"method 'lora': .*no_such_layer"):
        made("llama", missed, shared_workspace)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_new_adapter_changes_nothing_and_merging_is_w_plus_ba(architecture, shared_workspace):
    spec = ModelSpec(name=architecture, source=f"random:{architecture}")
    base = load_model(spec, shared_workspace)
    model = made(architecture, METHODS["lora"], shared_workspace)
    with torch.no_grad():
        torch.testing.assert_close(model(IDS).logits, base(IDS).logits)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    name, layer = next((n, m) for n, m in model.named_modules() if hasattr(m, "lora_A") and "mlp" in n)
    update = layer.lora_B["default"].weight @ layer.lora_A["default"].weight * (16 / 8)
    conv = isinstance(layer.base_layer, Conv1D)
    expected = layer.base_layer.weight + (update.T if conv else update)
    with torch.no_grad():
        logits = model(IDS).logits
        merged = model.merge_and_unload()
        torch.testing.assert_close(merged(IDS).logits, logits, rtol=1e-4, atol=1e-4)
    weight = merged.get_submodule(name.removeprefix("base_model.model.")).weight
    torch.testing.assert_close(weight, expected)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_qlora_passes_the_same_gradient_after_a_validation_pass(architecture, shared_workspace):
    """bitsandbytes repacks 4-bit weights at the first evaluation; the repacked ones pass no gradient on."""
    model = made(architecture, METHODS["qlora"], shared_workspace)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)

    def gradients():
        model.train()
        torch.manual_seed(2)  # GPT-2 has dropout
        model.zero_grad()
        model(input_ids=IDS, labels=IDS).loss.backward()
        return {name: p.grad.clone() for name, p in model.named_parameters() if p.requires_grad}

    before = gradients()
    model.eval()
    with torch.no_grad():
        model(input_ids=IDS)
    after = gradients()
    for name, gradient in before.items():
        torch.testing.assert_close(after[name], gradient, msg=name)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_qlora_gradient_is_that_of_lora_on_the_dequantised_weights(architecture, shared_workspace):
    quantised = made(architecture, METHODS["qlora"], shared_workspace)
    plain = made(architecture, METHODS["lora"], shared_workspace)
    with torch.no_grad():
        for name, module in quantised.named_modules():
            if isinstance(module, Linear4bit):
                weight = dequantize_4bit(module.weight.data, module.weight.quant_state).float()
                twin = plain.get_submodule(name)
                twin.weight.copy_(weight.T if isinstance(twin, Conv1D) else weight)
                module.compute_dtype = torch.float32
    plain.load_state_dict({n: p for n, p in quantised.state_dict().items() if "lora_" in n}, strict=False)
    for model in (quantised, plain):
        model(input_ids=IDS, labels=IDS).loss.backward()
    wanted = dict(plain.named_parameters())
    compared = 0
    for name, parameter in quantised.named_parameters():
        if parameter.requires_grad:
            torch.testing.assert_close(parameter.grad, wanted[name].grad, rtol=2e-2, atol=2e-3, msg=name)
            compared += 1
    assert compared


def test_parameter_table_counts_what_4_bit_numbers_stand_for(shared_workspace):
    spec = ModelSpec(name="llama", source="random:llama")
    exact = load_model(spec, shared_workspace)
    expected = sum(parameter.numel() for parameter in exact.parameters())
    for kind in ("lora", "qlora"):
        table = parameter_table(made("llama", METHODS[kind], shared_workspace))
        assert table["total"].sum() - table["trainable"].sum() == expected
    q_proj = 2 * (8 * 64 + 64 * 8)
    row = table.set_index("module").loc["q_proj"]
    assert row["trainable"] == q_proj
    assert row["total"] == 2 * 64 * 64 + q_proj


def test_embeddings_that_an_adapter_trains_whole_are_counted_once(shared_workspace):
    exact = load_model(ModelSpec(name="llama", source="random:llama"), shared_workspace)
    model = made("llama", METHODS["lora"].model_copy(update={"embeddings": "all"}), shared_workspace)
    table = parameter_table(model).set_index("module")
    lora = sum(parameter.numel() for name, parameter in model.named_parameters() if "lora_" in name)
    assert table["total"].sum() == sum(parameter.numel() for parameter in exact.parameters()) + lora
    assert table.loc["embed_tokens"].tolist() == [exact.get_input_embeddings().weight.numel()] * 2


def test_zero_shot_trains_nothing(shared_workspace):
    assert parameter_table(made("gpt2", ZERO_SHOT, shared_workspace))["trainable"].sum() == 0


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_quantisation_error_is_that_of_nf4_on_normal_weights(architecture, shared_workspace):
    """Random normal weights in blocks of 64 lose 9.1% to 9.6% of their norm to NF4 whatever the architecture."""
    errors = quantisation_error(ModelSpec(name="x", source=f"random:{architecture}"), shared_workspace)
    assert set(errors["module"]) == LINEAR_LAYERS[architecture]
    assert sorted(errors["layer"].unique()) == [0, 1]
    np.testing.assert_allclose(errors["relative_error"], 0.0925, atol=0.006)


def test_precision_says_its_reason():
    chosen = choose_precision("fp32", METHODS["lora"])
    assert not chosen.autocast
    assert "float32" in chosen.reason
    assert choose_precision("bf16", METHODS["full"]).weights is torch.float32


def test_parameter_table_is_a_frame(shared_workspace):
    table = parameter_table(made("gpt2", METHODS["full"], shared_workspace))
    assert isinstance(table, pd.DataFrame)
    assert (table["trainable"] == table["total"]).all()
