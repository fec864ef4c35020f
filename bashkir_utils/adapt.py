"""From a pretrained model to one that can be trained: ``full``, ``lora`` or ``qlora``."""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit, Params4bit
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from .exceptions import ModelError
from .models import load_model
from .progress import quiet_libraries
from .study import MethodSpec, ModelSpec
from .workspace import Workspace

AnyModel = PreTrainedModel | PeftModel
_WRAPPERS = re.compile(r"\.(base_layer|lora_[AB]\.\w+|modules_to_save\.\w+)\b|^base_model\.model\.")


@dataclass(frozen=True)
class Precision:
    """Number formats of a run, and why they were chosen."""

    weights: torch.dtype
    autocast: bool
    reason: str


def choose_precision(wanted: str, method: MethodSpec) -> Precision:
    """Formats for ``auto``, ``bf16`` or ``fp32`` on this machine.

    Trained weights are always kept in float32; frozen ones, and so those of zero-shot, are bfloat16 on a GPU that has
    it. Training runs under bfloat16 autocast where the hardware multiplies bfloat16, scoring in the weights' format.
    float16 is never used: it overflows on some of the models.
    """
    available, hardware = bfloat16_hardware()
    return precision_on(wanted, method, bfloat16=available, gpu=torch.cuda.is_available(), hardware=hardware)


def precision_on(wanted: str, method: MethodSpec, *, bfloat16: bool, gpu: bool, hardware: str) -> Precision:
    """:func:`choose_precision` for a machine with or without bfloat16 and a GPU; ``hardware`` says which it is."""
    wants_bfloat16 = wanted == "bf16" or (wanted == "auto" and bfloat16)
    autocast = wants_bfloat16 and method.kind != "zero_shot"
    halved = wants_bfloat16 and method.kind != "full" and gpu
    weights = torch.bfloat16 if halved else torch.float32
    ran = "bfloat16 autocast" if autocast else str(weights).removeprefix("torch.")
    return Precision(weights, autocast, f"{ran}: precision is {wanted!r} and {hardware}")


def bfloat16_hardware() -> tuple[bool, str]:
    """Whether this machine multiplies bfloat16, and what was looked at."""
    if torch.cuda.is_available():
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
        return supported, f"the GPU {'has' if supported else 'lacks'} bfloat16"
    capabilities = torch.cpu.get_capabilities()
    found = [name for name in ("amx_bf16", "avx512_bf16", "bf16") if capabilities.get(name)]
    return bool(found), f"the processor has {found[0]}" if found else "the processor has no bfloat16 instructions"


def load_base(model: ModelSpec, method: MethodSpec, precision: Precision, workspace: Workspace) -> PreTrainedModel:
    """The pretrained model as ``method`` needs it: in NF4 if it is quantised, else in the weights' format."""
    return load_model(model, workspace, dtype=precision.weights, quantised=method.quantised)


def adapt(base: PreTrainedModel, method: MethodSpec, new_ids: Sequence[int] = ()) -> AnyModel:
    """Make ``base`` trainable by ``method``; seed before the call, since adapters are drawn at random.

    LoRA (Hu et al., 2022) writes a frozen weight W as W + (lora_alpha / r) B A, with A of shape (r, in) drawn at
    random and B of shape (out, r) zero, on every linear layer but the output head, unless ``target_modules`` names
    some. QLoRA (Dettmers et al., 2023) is the same on an NF4 base. By ``method.embeddings`` the rows of the input and
    output embeddings are trained whole beside the adapters: all of them, or those of ``new_ids``.

    Raises:
        ModelError: no module of the model has a name of ``target_modules``, or there is no new entry to train.
    """
    if method.kind == "full":
        return base.requires_grad_(True)
    if method.kind == "zero_shot":
        return base.requires_grad_(False)
    keep_differentiable(base)
    config = LoraConfig(
        r=method.rank or 0,
        lora_alpha=method.lora_alpha or 0,
        lora_dropout=method.lora_dropout,
        target_modules=list(method.target_modules) if method.target_modules else "all-linear",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in base.modules()),
        task_type="CAUSAL_LM",
        **_embedding_settings(base, method, new_ids),
    )
    try:
        with quiet_libraries(), warnings.catch_warnings():
            # said of rows that are trained alone, which peft does tie
            warnings.filterwarnings("ignore", message="You have requested `ensure_weight_tying`")
            return get_peft_model(base, config)
    except ValueError as error:
        raise ModelError(f"method {method.name!r}: {' '.join(str(error).split())[:200]}") from error


def _embedding_settings(base: PreTrainedModel, method: MethodSpec, new_ids: Sequence[int]) -> dict[str, Any]:
    """What tells peft to train embeddings; a head that shares its matrix follows the input."""
    if method.embeddings == "frozen":
        return {}
    inputs, outputs = base.get_input_embeddings(), base.get_output_embeddings()
    # both are named where they are one matrix too: by GPT-2's "wte" alone peft would not see that there is a pair
    names = [_last_name(base, each) for each in (inputs, outputs)]
    tied = {"ensure_weight_tying": outputs.weight is inputs.weight}
    if method.embeddings == "all":
        return {"modules_to_save": names, **tied}
    if not new_ids:
        raise ModelError(f"method {method.name!r} trains new embeddings, and the model's vocabulary has no new entry")
    return {"trainable_token_indices": {name: list(new_ids) for name in names}, **tied}


def _last_name(base: PreTrainedModel, wanted: torch.nn.Module) -> str:
    return next(name.rsplit(".", 1)[-1] for name, module in base.named_modules() if module is wanted)


def load_adapter(base: PreTrainedModel, folder: Path) -> PeftModel:
    """``base`` with the adapter that ``save_pretrained`` wrote to ``folder``, for scoring and generating."""
    with quiet_libraries(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You have requested `ensure_weight_tying`")
        return PeftModel.from_pretrained(base, str(folder))


def keep_differentiable(base: PreTrainedModel) -> None:
    """Stop bitsandbytes from repacking 4-bit weights at the first evaluation on a processor with AVX-512 bfloat16.

    The repacked weights go through a kernel without a gradient, so training after a validation pass would silently stop
    passing gradients through the frozen layers (bitsandbytes 0.50.2, ``Linear4bit.forward``).
    """
    for module in base.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def adapted_modules(model: AnyModel) -> list[str]:
    """Short names of the modules that carry an adapter, e.g. ``q_proj``; empty without adapters."""
    return sorted({name.split(".")[-2] for name, _ in model.named_modules() if name.endswith(".base_layer")})


def parameter_table(model: AnyModel) -> pd.DataFrame:
    """Parameters by module name: columns module, total, trainable. 4-bit weights count as the numbers they stand for.

    A tied output head is the input embedding and is counted once; of embeddings that an adapter trains whole, the copy
    counts and the frozen original does not.
    """
    totals: dict[str, int] = defaultdict(int)
    trainable: dict[str, int] = defaultdict(int)
    for name, parameter in model.named_parameters():
        if ".original_module." in name:
            continue
        module = _WRAPPERS.sub("", name).rsplit(".", 2)[-2]
        state = getattr(parameter, "quant_state", None)
        count = state.shape.numel() if state is not None else parameter.numel()
        totals[module] += count
        trainable[module] += count if parameter.requires_grad else 0
    rows = [{"module": key, "total": totals[key], "trainable": trainable[key]} for key in totals]
    return pd.DataFrame(rows)


def quantisation_error(model: ModelSpec, workspace: Workspace) -> pd.DataFrame:
    """What NF4 with double quantisation does to each linear layer's weight W.

    Columns: layer (number), module, relative_error = |Q(W) - W| / |W| in the Frobenius norm, parameters.
    """
    exact = load_model(model, workspace)
    rows = []
    for name, restored in _restored_weights(exact, model, workspace):
        original = exact.get_submodule(name).get_parameter("weight").detach().float()
        rows.append(
            {
                "layer": int(re.findall(r"\.(\d+)\.", name)[0]),
                "module": name.rsplit(".", 1)[-1],
                "relative_error": float((restored.float() - original).norm() / original.norm()),
                "parameters": original.numel(),
            }
        )
    return pd.DataFrame(rows)


def load_dequantised(model: ModelSpec, precision: Precision, workspace: Workspace) -> PreTrainedModel:
    """The base that QLoRA trains on, as plain weights: every linear layer holds what its 4-bit codes stand for.

    An adapter of QLoRA can be merged into it exactly; into 4-bit weights it could only be merged by rounding again.
    """
    base = load_model(model, workspace, dtype=precision.weights)
    with torch.no_grad():
        for name, restored in _restored_weights(base, model, workspace):
            base.get_submodule(name).get_parameter("weight").copy_(restored)
    return base


def _restored_weights(
    exact: PreTrainedModel, model: ModelSpec, workspace: Workspace
) -> Iterator[tuple[str, torch.Tensor]]:
    """Name and dequantised NF4 weight of each linear layer, in the layout that ``exact`` gives it."""
    rough = load_model(model, workspace, dtype=exact.dtype, quantised=True)
    for name, module in rough.named_modules():
        if isinstance(module, Linear4bit):
            weight = cast(Params4bit, module.weight)
            restored = dequantize_4bit(weight.data, weight.quant_state)
            # transformers stores GPT-2's Conv1D transposed when it quantises it
            yield name, restored.T if isinstance(exact.get_submodule(name), Conv1D) else restored


def merge(base: PreTrainedModel, folder: Path) -> PreTrainedModel:
    """``base`` with the adapter in ``folder`` added into its weights, W + (lora_alpha / r) B A; no adapter is left.

    Raises:
        ModelError: a merged weight is not a finite number.
    """
    tied = base.get_output_embeddings().weight is base.get_input_embeddings().weight
    try:
        with warnings.catch_warnings():
            # an adapter of a quantised GPT-2 meets its Conv1D here; peft transposes as it must, and says so
            warnings.filterwarnings("ignore", message="fan_in_fan_out is set to False")
            warnings.filterwarnings("ignore", message="Input and output embeddings are no longer tied")
            merged = load_adapter(base, folder).merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise ModelError(f"the adapter cannot be merged: {' '.join(str(error).split())[:200]}") from error
    if tied:
        # trained as one matrix, and copied by peft
        merged.config.tie_word_embeddings = True
        merged.tie_weights()
    return merged
