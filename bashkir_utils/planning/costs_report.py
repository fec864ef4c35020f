"""Tables and sentences on measured costs, for the book. Every row is labelled: its weights were random."""

from __future__ import annotations

import pandas as pd

from ..markup import escape_markdown, html_table
from .plan import GIGABYTE
from .trials import CostRecord, CostRow


def costs_table(record: CostRecord) -> pd.DataFrame:
    """One row a cell, in the record's order; what was not measured is NaN and ``note`` says why.

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
        "note": row.reason,
    }


def costs_html(record: CostRecord) -> str:
    """The table of :func:`costs_table` as HTML; what was not measured stands with its estimate and the reason."""
    caption = f"Costs of the shapes of profile {record.profile}, {record.label}, on {record.machine}. {record.remark}"
    return html_table(costs_table(record).set_index("model"), caption.strip())


def costs_findings(record: CostRecord) -> str:
    """Markdown list: how well the plan foretold the peaks, what was not measured, and how it was measured."""
    measured = [row for row in record.rows if row.measured]
    first = f"- {len(measured)} of {len(record.rows)} cells were measured; the others say why not in their rows."
    if not measured:
        return first
    off = {row: row.estimated_bytes / row.measured.peak_bytes - 1 for row in record.rows if row.measured}
    worst = max(off, key=lambda row: abs(off[row]))
    name = escape_markdown(f"{worst.model} {worst.method.name.replace('_', ' ')}")
    mean = sum(map(abs, off.values())) / len(off)
    second = f"- The plan's peak is off by {mean:.1%} on average, by {off[worst]:+.1%} at most ({name})."
    return "\n".join((first, second, f"- {_how(record, measured)}"))


def _how(record: CostRecord, measured: list[CostRow]) -> str:
    costs = [row.measured for row in measured if row.measured]
    threads = "/".join(str(number) for number in sorted({cost.threads for cost in costs}))
    commits = ", ".join(sorted({str(cost.commit) for cost in costs}))
    days = sorted({cost.date[:10] for cost in costs})
    remark = f" {escape_markdown(record.remark)}" if record.remark else ""
    return (
        f"Measured on {escape_markdown(record.machine)} with {threads} thread(s), {days[0]} to {days[-1]}, commit "
        f"{escape_markdown(commits)}: the median step after the first.{remark}"
    )
