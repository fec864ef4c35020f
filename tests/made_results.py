"""Small hand-made runs and evaluations of the shape that the run store gives, for tests of what is made of them."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from bashkir_utils.evaluation import summarise
from bashkir_utils.report import StudyReport, collect
from bashkir_utils.runs import Evaluation, Run
from bashkir_utils.study import EvaluationSpec, Study
from bashkir_utils.training import CURVE_COLUMNS

METHODS = (
    {"name": "full", "kind": "full"},
    {"name": "lora_r8", "kind": "lora", "rank": 8, "lora_alpha": 16},
    {"name": "qlora_r8", "kind": "qlora", "rank": 8, "lora_alpha": 16},
)
NATS_PER_BYTE = {"zero_shot": 1.6, "zero_shot_4bit": 1.8, "full": 0.9, "lora_r8": 0.905, "qlora_r8": 1.1}
MACHINE = {"processor": "Test 9000", "cores": 2, "memory_bytes": 8 * 2**30, "system": "Linux", "accelerator": "none"}


@dataclass(frozen=True)
class MadeManifest:
    counts: dict = field(
        default_factory=lambda: {"train": {"documents": 8}, "test": {"documents": 30, "bytes": 60_000}}
    )


@dataclass(frozen=True)
class MadeCorpus:
    label: str = "generated text (embedded)"
    fingerprint: str = "c0ffee0123456789"
    manifest: MadeManifest = MadeManifest()


def study(**changes) -> Study:
    content = {
        "name": "made",
        "description": "numbers made up for a test",
        "models": [{"name": "tiny", "source": "random:llama", "label": "random weights, for tests only"}],
        "methods": METHODS,
        "seeds": [42],
        "training": {"tokens": 1000},
        "evaluation": {"bootstrap_samples": 200},
    }
    return Study.model_validate(content | changes)


def documents(nats_per_byte: float, seed: int, count: int = 30) -> pd.DataFrame:
    """Documents whose difficulty is shared by all runs; a run adds its own small noise."""
    shared = np.random.default_rng(0)
    sizes = shared.integers(200, 900, count)
    difficulty = shared.normal(0, 0.25, count) + np.random.default_rng(seed).normal(0, 0.01, count)
    return pd.DataFrame(
        {
            "id": [f"folder/document-{i}.txt" for i in range(count)],
            "source": "made",
            "nll": (nats_per_byte + difficulty) * sizes,
            "tokens": sizes // 2,
            "bytes": sizes,
            "characters": sizes // 2 + 1,
            "words": sizes // 12,
        }
    )


def curve(seed: int) -> pd.DataFrame:
    rows = [(s, s * 100, s * 180.0, s * 2.0, 3.0 - s / 10, 2.4 - s / 10, 2.9 - s / 10, 2.3 - s / 10) for s in (1, 2, 3)]
    frame = pd.DataFrame(rows, columns=list(CURVE_COLUMNS))
    frame.loc[1, ["validation_loss", "validation_bits_per_byte"]] = np.nan
    return frame.assign(seconds=frame["seconds"] + seed)


def made_run(spec, folder: Path, position: int) -> Run:
    trained = spec.training is not None
    where = folder / spec.run_id
    where.mkdir(parents=True, exist_ok=True)
    record = {
        "trainable_parameters": max(10 ** (6 - position), 10) if trained else 0,
        "total_parameters": 2_000_000,
        "precision": "float32: made up",
        "machine": MACHINE,
        "date": f"2026-01-0{position + 1}T10:00:00+00:00",
        "commit": "abc123def456",
    }
    if trained:
        curve(position).to_parquet(where / "curve.parquet", index=False)
        record |= {
            "peak_rss_bytes": 10**9 * position, "peak_gpu_bytes": 0, "wall_seconds": 100.0 / position,
            "tokens_seen": 1000, "bytes_seen": 1800, "tokens_per_second": 10.0 * position,
        }  # fmt: skip
    return Run(spec.run_id, spec, where, record)


def made_evaluation(run: Run, position: int, spec: EvaluationSpec) -> Evaluation:
    table = documents(NATS_PER_BYTE[run.spec.method.name], position)
    return Evaluation(run.run_id, summarise(table, spec), table, pd.DataFrame(), pd.DataFrame(), {})


def made(folder: Path, corpus: MadeCorpus = MadeCorpus(), *, four_bit: bool = False, **changes):
    """A study, its corpus, runs and evaluations; with ``four_bit`` those of the untrained base in 4 bits too."""
    asked = study(**changes)
    cells = (asked.scored_cells if four_bit else asked.cells)(corpus.fingerprint)
    runs = [made_run(spec, folder, i) for i, spec in enumerate(cells)]
    return asked, corpus, runs, [made_evaluation(run, i, asked.evaluation) for i, run in enumerate(runs)]


def made_report(folder: Path, **changes) -> StudyReport:
    return collect(*made(folder, **changes))
