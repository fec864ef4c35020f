"""What a method does to weights and gradients, measured on what a run stored: spectra of updates, NF4, repacking."""

from __future__ import annotations

import contextlib
import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from bitsandbytes.functional import dequantize_4bit, get_4bit_type, has_avx512bf16, quantize_4bit
from bitsandbytes.nn import Linear4bit
from safetensors.torch import load_file
from torch import nn
from transformers import PreTrainedModel, set_seed
from transformers.pytorch_utils import Conv1D

from .adapt import AnyModel, adapt, choose_precision, load_base
from .exceptions import ModelError
from .models import load_folder, load_model
from .study import MethodSpec, ModelSpec
from .workspace import Workspace, read_json

NF4_BLOCK = 64
"""Weights that share one scale in bitsandbytes' NF4."""
NF4_OUTER_BLOCK = 256
"""Scales that share one float32 under double quantisation."""
NF4_BITS = 4 + 8 / NF4_BLOCK + 32 / (NF4_BLOCK * NF4_OUTER_BLOCK)
"""Bits a weight under NF4 with double quantisation (Dettmers et al., 2023, section 3)."""
_LAYER = re.compile(r"\.(\d+)\.")


@dataclass(frozen=True)
class NormalisedWeights:
    """Weights of one linear layer, each block of ``NF4_BLOCK`` divided by its largest magnitude: in [-1, 1]."""

    module: str
    values: np.ndarray


# ------------------------------------------------------------------------------------------------- updates of low rank


def adapter_spectrum(folder: Path) -> pd.DataFrame:
    """Singular values of the update (lora_alpha / r) B A of every adapted module, from an adapter in peft's format.

    Columns: layer, module, index (from 1), singular_value; r rows for each module. B A is never formed: with
    B = Q_B R_B and A^T = Q_A R_A the singular values are those of the r x r matrix R_B R_A^T.
    """
    settings = read_json(folder / "adapter_config.json")
    scale = settings["lora_alpha"] / settings["r"]
    tensors = load_file(folder / "adapter_model.safetensors")
    rows = []
    for name in sorted(key for key in tensors if key.endswith(".lora_A.weight")):
        down, up = tensors[name].float(), tensors[name.replace(".lora_A.", ".lora_B.")].float()
        core = torch.linalg.qr(up).R @ torch.linalg.qr(down.T).R.T
        rows += _spectrum_rows(name.removesuffix(".lora_A.weight"), scale * torch.linalg.svdvals(core))
    return pd.DataFrame(rows)


def full_update_spectrum(model: ModelSpec, tuned: Path, workspace: Workspace) -> pd.DataFrame:
    """Singular values of W' - W for the linear weights of the middle layer, after full fine-tuning.

    Columns as in :func:`adapter_spectrum`. One layer only: the decomposition of all takes minutes.

    Args:
        model: the model that was tuned.
        tuned: folder of the tuned weights.
        workspace: where the model's own weights are kept.
    """
    before = _linear_weights(load_model(model, workspace))
    after = _linear_weights(load_folder(str(tuned), name=tuned.parent.name))
    layers = sorted({_layer(name) for name in before})
    middle = layers[len(layers) // 2]
    rows = []
    for name, weight in before.items():
        if _layer(name) == middle:
            rows += _spectrum_rows(name, torch.linalg.svdvals(after[name] - weight))
    return pd.DataFrame(rows)


def energy_kept(spectrum: pd.DataFrame, rank: int) -> pd.Series:
    """Share of the squared Frobenius norm of each update that its best approximation of that rank keeps.

    By Eckart and Young (1936) that is the sum of the first ``rank`` squared singular values over the sum of all.
    Indexed by layer and module.
    """
    squares = spectrum.assign(square=spectrum["singular_value"] ** 2)
    kept = squares[squares["index"] <= rank].groupby(["layer", "module"])["square"].sum()
    return kept / squares.groupby(["layer", "module"])["square"].sum()


def update_norms(spectrum: pd.DataFrame) -> pd.DataFrame:
    """Frobenius norm of each module's update; rows: layer, columns: module."""
    squares = spectrum.assign(square=spectrum["singular_value"] ** 2)
    return squares.pivot_table(index="layer", columns="module", values="square", aggfunc="sum", sort=False) ** 0.5


def _spectrum_rows(name: str, values: torch.Tensor) -> list[dict[str, float | int | str]]:
    module = name.rsplit(".", 1)[-1]
    return [
        {"layer": _layer(name), "module": module, "index": i, "singular_value": value}
        for i, value in enumerate(values.tolist(), start=1)
    ]


# -------------------------------------------------------------------------------------------------------- 4-bit weights


def nf4_levels() -> np.ndarray:
    """The 16 numbers that an NF4 code can stand for, rising from -1 to 1."""
    return get_4bit_type("nf4", device="cpu").double().sort().values.numpy()


def normalised_weights(model: ModelSpec, workspace: Workspace) -> NormalisedWeights:
    """The weights of the linear layer in the middle of the model as NF4 sees them."""
    weights = _linear_weights(load_model(model, workspace))
    name = list(weights)[len(weights) // 2]
    flat = weights[name].flatten()
    blocks = flat[: len(flat) // NF4_BLOCK * NF4_BLOCK].reshape(-1, NF4_BLOCK)
    largest = blocks.abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(blocks.dtype).tiny)
    return NormalisedWeights(name, (blocks / largest).flatten().numpy())


def normal_reference_error(*, seed: int = 0) -> float:
    """Relative error |Q(W) - W| / |W| of NF4 with double quantisation on independent standard normal weights."""
    weight = torch.randn(512, 512, generator=torch.Generator().manual_seed(seed))
    codes, state = quantize_4bit(weight, quant_type="nf4", compress_statistics=True)
    return float((dequantize_4bit(codes, state) - weight).norm() / weight.norm())


# ------------------------------------------------------------------------------------------ gradients of a 4-bit model


def repacking_effect(model: ModelSpec, method: MethodSpec, workspace: Workspace, ids: torch.Tensor) -> pd.DataFrame:
    """How much one pass in evaluation mode changes the gradients of a QLoRA model: as ``adapt`` leaves it, and without.

    Columns: layer, module, protected, unprotected; each is the ``change`` of :func:`gradient_change`. The second is not
    zero only on a processor on which bitsandbytes repacks 4-bit weights (AVX-512 with bfloat16); it is missing for a
    model with biases, for which the repacked layers raise an error in training instead.

    Args:
        model: the base model.
        method: a method of kind ``qlora``.
        workspace: where the model's weights are kept.
        ids: token ids, shape (batch, length).
    """
    precision = choose_precision("fp32", method)
    adapted = adapt(load_base(model, method, precision, workspace), method)
    protected = gradient_change(adapted, ids)
    _allow_repacking(adapted)
    changes = protected.rename(columns={"change": "protected"}).assign(unprotected=math.nan)
    with warnings.catch_warnings(), contextlib.suppress(RuntimeError):
        # torch warns of the missing gradient, once a process
        warnings.filterwarnings("ignore", message=".*an autograd kernel was not registered")
        changes["unprotected"] = gradient_change(adapted, ids)["change"]
    return changes


def gradient_change(model: AnyModel, ids: torch.Tensor) -> pd.DataFrame:
    """|g' - g| / |g| of each adapter's B, with g taken before and g' after one pass in evaluation mode.

    Columns: layer, module, change. The weights do not move in between, so anything but 0 is a fault.
    """
    before = _gradients_of_b(model, ids)
    model.eval()
    with torch.no_grad():
        model(input_ids=ids.to(model.device))
    after = _gradients_of_b(model, ids)
    rows = []
    for name, gradient in before.items():
        change = (after[name] - gradient).norm() / gradient.norm()
        rows.append({"layer": _layer(name), "module": name.split(".")[-4], "change": float(change)})
    return pd.DataFrame(rows)


def _gradients_of_b(model: AnyModel, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    model.train()
    model.zero_grad()
    # the same dropout before and after
    set_seed(0)
    ids = ids.to(model.device)
    model(input_ids=ids, labels=ids).loss.backward()
    found = {name: weight.grad for name, weight in model.named_parameters() if ".lora_B." in name}
    return {name: gradient.detach().clone() for name, gradient in found.items() if gradient is not None}


def _allow_repacking(model: AnyModel) -> None:
    """Undo, to show the fault, what ``adapt`` does to 4-bit layers."""
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = has_avx512bf16()


# -------------------------------------------------------------------------------------------------------------- helpers


def _linear_weights(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Weights in float32 of the linear layers inside the model's numbered blocks, by module name."""
    found = {
        name: module.get_parameter("weight").detach().float()
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and _LAYER.search(name)
    }
    if not found:
        raise ModelError("this model has no linear layers in numbered blocks; chapters 4 and 5 cannot look into it")
    return found


def _layer(name: str) -> int:
    return int(_LAYER.findall(name)[0])
