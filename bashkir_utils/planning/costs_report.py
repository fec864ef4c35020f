"""Tables and sentences on measured costs, for the book. Every row is labelled: its weights were random."""

from __future__ import annotations

import pandas as pd

from ..markup import escape_markdown, html_table
from .plan import GIGABYTE
from .trials import Conditions, CostRecord, CostRow


def costs_table(record: CostRecord) -> pd.DataFrame:
    """One row a cell, in the record's order; what was not measured is NaN and ``note`` says why.

    Of a row that was measured otherwise than most, ``note`` says in what: versions, memory, settings, remark.

    Columns: model, method, trained, batch (blocks x times, and whether activations were computed again), tokens/s,
    GFLOP/s (sustained, by the operations of the plan), GB measured, GB estimated, estimated / measured, weights, note.
    """
    return pd.DataFrame([_row(record, row) for row in record.rows])


def _row(record: CostRecord, row: CostRow) -> dict[str, object]:
    measured, speed = row.measured, row.tokens_per_second
    peak = measured.peak_bytes if measured else float("nan")
    return {
        "model": row.model,
        "method": row.method.name.replace("_", " "),
        "trained": row.trained,
        "batch": f"{row.micro_batch} x {row.accumulation}{', recomputed' if row.checkpointing else ''}",
        "tokens/s": float("nan") if speed is None else speed,
        "GFLOP/s": float("nan") if speed is None else speed * row.flops_per_token / 1e9,
        "GB measured": peak / GIGABYTE,
        "GB estimated": row.estimated_bytes / GIGABYTE,
        "estimated / measured": row.estimated_bytes / peak,
        "weights": record.label,
        "note": _otherwise(record, row) if measured else row.reason,
    }


def _otherwise(record: CostRecord, row: CostRow) -> str:
    found = row.conditions.differences(record.conditions[0])
    return f"measured otherwise: {'; '.join(found)}" if found else ""


def costs_html(record: CostRecord) -> str:
    """The table of :func:`costs_table` as HTML; what was not measured stands with its estimate and the reason."""
    remark = record.conditions[0].remark if record.measured else ""
    caption = f"Costs of the shapes of profile {record.profile}, {record.label}, on {record.machine}. {remark}"
    return html_table(costs_table(record).set_index("model"), caption.strip())


def costs_findings(record: CostRecord) -> str:
    """Markdown list: how well the plan foretold the peaks, what was not measured, and how it was measured."""
    measured = record.measured
    first = f"- {len(measured)} of {len(record.rows)} cells were measured; the others say why not in their rows."
    if len(measured) == len(record.rows):
        first = f"- {len(measured)} cells were tried, and each was measured."
    if not measured:
        return first
    off = [row.estimated_bytes / row.measured.peak_bytes - 1 for row in record.rows if row.measured]
    most, worst = max(zip(off, measured, strict=True), key=lambda each: abs(each[0]))
    name = escape_markdown(f"{worst.model} {worst.method.name.replace('_', ' ')}")
    mean = sum(map(abs, off)) / len(off)
    second = f"- The plan's peak is off by {mean:.1%} on average, by {most:+.1%} at most ({name})."
    return "\n".join((first, second, *(f"- {_how(record, conditions)}" for conditions in record.conditions)))


def _how(record: CostRecord, conditions: Conditions) -> str:
    """The rows of one set of conditions, and in what it differs from that of most."""
    costs = [row.measured for row in record.measured if row.measured and row.conditions == conditions]
    threads = "/".join(str(number) for number in sorted({cost.threads for cost in costs}))
    commits = ", ".join(sorted({str(cost.commit) for cost in costs}))
    days = sorted({cost.date[:10] for cost in costs})
    otherwise = conditions.differences(record.conditions[0])
    said = f"With {'; '.join(otherwise).rstrip('.')}." if otherwise else conditions.remark
    remark = f" {escape_markdown(said)}" if said else ""
    return (
        f"{len(costs)} measured on {escape_markdown(record.machine)} with {threads} thread(s), "
        f"{days[0]} to {days[-1]}, commit {escape_markdown(commits)}: the median step after the first.{remark}"
    )
