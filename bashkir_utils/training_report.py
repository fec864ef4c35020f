"""What chapters 3 to 5 say of training: which runs they show, where memory goes, and sentences computed from both."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from .corpus import Corpus
from .evaluation import Interval, score_documents
from .exceptions import ProfileError, RunError
from .inspection import NF4_BITS, energy_kept
from .markup import escape_markdown
from .models import load_model, load_tokenizer
from .runs import Attempts, Run, obtain_all
from .statistics import paired_difference
from .study import EvaluationSpec, MethodSpec, ModelSpec, RunSpec, Study
from .workspace import Workspace

FLOAT32_BYTES = 4
ADAM_MOMENTS = 2
MEMORY_PARTS = ("weights", "gradients", "moments")
"""Columns of :func:`memory_table` that are computed from the equation; the others are measured."""


def chapter_cells(study: Study, corpus: str, *kinds: str) -> list[RunSpec]:
    """The zero-shot cell and the cells of these kinds of one model: the study's first that goes through them all.

    One seed, the study's first; in the order of ``kinds``.

    Raises:
        ProfileError: no model of the study goes through all of them.
    """
    order = ("zero_shot", *kinds)
    cells = [cell for cell in study.cells(corpus) if cell.training is None or cell.seed == study.seeds[0]]
    for model in study.models:
        own = [cell for cell in cells if cell.model == model and cell.method.kind in order]
        if {cell.method.kind for cell in own} == set(order):
            return sorted(own, key=lambda cell: order.index(cell.method.kind))
    raise ProfileError(f"profile {study.name}: this chapter needs a model that goes through {' and '.join(kinds)}")


def chapter_runs(cells: Sequence[RunSpec], corpus: Corpus, workspace: Workspace) -> Attempts:
    """The runs of a chapter's cells, of each kind one at least, and the cells that failed.

    Raises:
        RunError: every cell of a kind that the chapter is about failed; the message says why the first did.
    """
    done = obtain_all(cells, corpus, workspace)
    missing = {cell.method.kind for cell in cells} - {run.spec.method.kind for run in done.runs}
    for cell, failure in done.failed:
        if cell.method.kind in missing:
            raise RunError(f"no run of kind {cell.method.kind} is left to show; {cell.run_id}: {failure.message}")
    return done


def of_kind(runs: Sequence[Run], kind: str) -> list[Run]:
    """The runs of that kind of method, in their order."""
    return [run for run in runs if run.spec.method.kind == kind]


def run_label(method: MethodSpec) -> str:
    """A method's name for figures and sentences, as ``report`` writes it."""
    return method.name.replace("_", " ")


# --------------------------------------------------------------------------------------------------------------- memory


def memory_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Bytes by the equation of chapter 3 beside bytes measured, one row for each trained run, indexed by its label.

    Columns: weights, gradients, moments (computed: float32 weights, gradients and two moments of Adam for what is
    trained, weights alone for what is frozen); before, growth (measured: resident memory of the process before
    training, and how far it rose above that); gpu (measured: peak allocated on the GPU, 0 without one).
    """
    rows = [{"label": run_label(run.spec.method), **_computed(run), **_measured(run)} for run in runs]
    return pd.DataFrame(rows).set_index("label")


def _computed(run: Run) -> dict[str, float]:
    trainable = run.record["trainable_parameters"]
    return {
        "weights": _frozen_bytes(run) + FLOAT32_BYTES * trainable,
        "gradients": float(FLOAT32_BYTES * trainable),
        "moments": float(ADAM_MOMENTS * FLOAT32_BYTES * trainable),
    }


def _frozen_bytes(run: Run) -> float:
    table = run.parameters
    frozen = table["total"] - table["trainable"]
    half = run.record["machine"]["accelerator"] != "none" and run.record["precision"].startswith("bfloat16")
    each = pd.Series(2.0 if half else float(FLOAT32_BYTES), index=table.index)
    if run.spec.method.kind == "qlora":
        each[table["module"].isin(run.record["adapted_modules"])] = NF4_BITS / 8
    return float((frozen * each).sum())


def _measured(run: Run) -> dict[str, float]:
    before, peak = run.record["rss_before_bytes"], run.record["peak_rss_bytes"]
    return {"before": before, "growth": peak - before, "gpu": run.record["peak_gpu_bytes"]}


# ------------------------------------------------------------------------------------------------------------ sentences


def course_findings(runs: Sequence[Run]) -> str:
    """Markdown list: how far each run's validation loss fell, whether it was still falling, and at what speed."""
    return "\n".join(f"- {_course(run)}" for run in runs)


def _course(run: Run) -> str:
    record, name = run.record, escape_markdown(run_label(run.spec.method))
    points = run.curve.dropna(subset="validation_bits_per_byte")
    seconds = record["wall_seconds"]
    speed = f"{record['tokens_seen']:,} tokens in {f'{seconds:,.0f}' if seconds >= 10 else f'{seconds:.2g}'} s"
    speed += f" ({record['tokens_per_second']:,.0f} tokens/s)"
    if points.empty:
        return f"**{name}**: {speed}; validation was never run."
    values = points["validation_bits_per_byte"]
    lowest = "the lowest, so more training may still help" if values.idxmin() == values.index[-1] else "not the lowest"
    return (
        f"**{name}**: {speed}; on validation blocks {values.iloc[0]:.3f} bits per byte after "
        f"{points['tokens'].iloc[0]:,} tokens and {values.iloc[-1]:.3f} at the end, which is {lowest}."
    )


def memory_findings(table: pd.DataFrame) -> str:
    """Markdown list: what the equation accounts for and what was measured."""
    return "\n".join(f"- {_memory(str(label), row)}" for label, row in table.iterrows())


def _memory(label: str, row: pd.Series) -> str:
    weights, states = row["weights"] / 1e9, (row["gradients"] + row["moments"]) / 1e9
    computed = f"**{escape_markdown(label)}**: by the equation {weights:.3g} GB of weights and "
    computed += f"{states:.3g} GB of gradients and moments"
    if row["gpu"] > 0:
        return f"{computed}; measured peak on the GPU {row['gpu'] / 1e9:.3g} GB."
    return (
        f"{computed}; measured, the process held {row['before'] / 1e9:.3g} GB before training and grew by "
        f"{row['growth'] / 1e9:.3g} GB in training."
    )


def parameter_finding(first: Run, second: Run) -> str:
    """Markdown list item: how many times more parameters ``second`` trains than ``first``."""
    less, more = (run.record["trainable_parameters"] for run in (first, second))
    one, other = (escape_markdown(run_label(run.spec.method)) for run in (first, second))
    return f"- {other} trains {more:,} parameters, {more / less:.1f} times the {less:,} of {one}."


def energy_finding(spectrum: pd.DataFrame, rank: int, what: str) -> str:
    """Markdown list item: how much of the updates in ``spectrum`` a best approximation of that rank keeps."""
    kept = energy_kept(spectrum, rank)
    return (
        f"- Of the squared norm of {what}, the best approximation of rank {rank} keeps {kept.median():.0%} in the "
        f"median module ({kept.min():.0%} to {kept.max():.0%} over {len(kept)})."
    )


def quantisation_cost(model: ModelSpec, texts: Sequence[str], spec: EvaluationSpec, workspace: Workspace) -> Interval:
    """Bits per byte of the model in NF4 less those of the same model as it is, on the same texts, nothing trained."""
    tokenizer = load_tokenizer(model, workspace)
    scores = [
        score_documents(load_model(model, workspace, quantised=quantised), tokenizer, texts, spec).documents
        for quantised in (True, False)
    ]
    first, second = (table.rename(columns={"document": "id"}) for table in scores)
    return paired_difference(first, second, samples=spec.bootstrap_samples, confidence=spec.confidence)


def cost_finding(cost: Interval, confidence: float, documents: int) -> str:
    """Markdown list item on :func:`quantisation_cost`."""
    return (
        f"- Before any training, NF4 alone changes the loss of the model by {cost.value:+.4f} bits per byte "
        f"({confidence:.0%} interval {cost.low:+.4f} to {cost.high:+.4f}) on {documents} test documents."
    )


def quantisation_findings(errors: pd.DataFrame, reference: float) -> str:
    """Markdown list on ``adapt.quantisation_error``: the mean, the extremes, and normal weights for comparison."""
    ordered = errors.sort_values("relative_error")
    best, worst, mean = ordered.iloc[0], ordered.iloc[-1], errors["relative_error"].mean()
    return "\n".join(
        (
            f"- NF4 moves the weights by {mean:.1%} of their norm on average over {len(errors)} linear layers; "
            f"independent normal weights would move by {reference:.1%}.",
            f"- Most: {worst['relative_error']:.1%} ({_place(worst)}); "
            f"least: {best['relative_error']:.1%} ({_place(best)}).",
        )
    )


def _place(row: pd.Series) -> str:
    return f"`{row['module']}` of layer {row['layer']}"


def repacking_finding(changes: pd.DataFrame) -> str:
    """Markdown list item on ``inspection.repacking_effect``."""
    kept, lost = changes["protected"].max(), changes["unprotected"]
    bound = "at all" if kept == 0 else f"by more than {kept:.1g} of its norm"
    ours = f"- As this book trains, a validation pass changes no gradient {bound}"
    if lost.isna().all():
        return f"{ours}; without the precaution training stops with an error on this machine."
    if lost.max() == 0:
        return f"{ours}; this machine does not repack 4-bit weights, so nothing changes without the precaution either."
    return (
        f"{ours}; without the precaution the median gradient changes by {lost.median():.0%} of its norm "
        f"(largest: {lost.max():.0%})."
    )
