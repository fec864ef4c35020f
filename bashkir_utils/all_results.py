"""Every run of every study in one table, for the page that is only that table."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pandas as pd

from .markup import Ordered, TableWithData, sortable_table
from .pairs_report import OVERALL
from .report import Result, StudyReport, diverged

CHOICES = ("study", "text", "model", "way")
"""Columns of which a reader can choose one value."""


def all_runs(live: StudyReport, recorded: Sequence[StudyReport]) -> pd.DataFrame:
    """One row for each run, the live ones first; SI units, NaN for what was not measured.

    Columns: study, text, model, way, seed, bits_per_byte with low and high, token_perplexity, pairs_right and pairs
    (share of minimal pairs, 0…1, and how many), trained_parameters, peak_memory_bytes, peak_gpu_bytes, seconds,
    tokens_seen, tokens_per_second, diverged (the reason, or empty), machine, date, commit.
    """
    named = [(f"{live.record.study} (this page)", live), *((each.record.study, each) for each in recorded)]
    return pd.DataFrame([row for name, report in named for row in _rows(name, report)])


def _rows(study: str, report: StudyReport) -> list[dict[str, object]]:
    bad, corpus = diverged(report), report.record.corpus
    text = f"{corpus.label}, {corpus.fingerprint}"
    pairs = {} if report.record.pairs is None else _overall(report)
    return [
        {"study": study, "text": text, **_scores(row), **pairs.get(row.run_id, {}), **_costs(row)}
        | {"diverged": bad.get(row.run_id, ""), "machine": row.machine, "date": row.date[:10], "commit": row.commit}
        for row in report.rows
    ]


def _overall(report: StudyReport) -> dict[str, dict[str, float]]:
    found = report.record.pairs.accuracies if report.record.pairs else ()
    return {
        each.scorer: {"pairs_right": each.accuracy, "pairs": each.pairs} for each in found if each.phenomenon == OVERALL
    }


def _scores(row: Result) -> dict[str, object]:
    trained = row.kind != "zero_shot"
    return {
        "model": row.model,
        "way": row.way,
        "seed": row.seed if trained else math.nan,
        "bits_per_byte": row.bits_per_byte.value,
        "low": row.bits_per_byte.low,
        "high": row.bits_per_byte.high,
        "token_perplexity": row.token_perplexity.value,
        "pairs_right": math.nan,
        "pairs": math.nan,
    }


def _costs(row: Result) -> dict[str, float]:
    """What training took; NaN where there was none."""
    costs = {
        "trained_parameters": row.trainable_parameters,
        "peak_memory_bytes": row.peak_rss_bytes,
        "peak_gpu_bytes": row.peak_gpu_bytes or math.nan,
        "seconds": row.wall_seconds,
        "tokens_seen": row.tokens_seen,
        "tokens_per_second": row.tokens_per_second,
    }
    return costs if row.kind != "zero_shot" else dict.fromkeys(costs, math.nan)


def downloadable(table: pd.DataFrame, caption: str) -> TableWithData:
    """The table of :func:`all_runs` for a page, which offers it as CSV too."""
    return TableWithData(all_runs_html(table, caption), table)


def all_runs_html(table: pd.DataFrame, caption: str) -> str:
    """The table of :func:`all_runs` for readers to sort and filter; every name in it is escaped."""
    interval = [f"{row.low:.3f} to {row.high:.3f}" for row in table.itertuples()]
    shown = pd.DataFrame(
        {
            "text": table["text"],
            "model": table["model"],
            "way": table["way"],
            "seed": _ordered(table["seed"], "{:.0f}".format),
            "bits per byte": _ordered(table["bits_per_byte"], "{:.3f}".format),
            "interval": [Ordered(text, low) for text, low in zip(interval, table["low"], strict=True)],
            "token perplexity": _ordered(table["token_perplexity"], "{:,.3g}".format),
            "minimal pairs right": _ordered(table["pairs_right"], "{:.1%}".format),
            "trained parameters": _ordered(table["trained_parameters"], "{:,.0f}".format),
            "peak memory, GB": _ordered(table["peak_memory_bytes"] / 1e9, "{:.2f}".format),
            "peak GPU memory, GB": _ordered(table["peak_gpu_bytes"] / 1e9, "{:.2f}".format),
            "time, s": _ordered(table["seconds"], "{:,.0f}".format),
            "tokens seen": _ordered(table["tokens_seen"], "{:,.0f}".format),
            "tokens/s": _ordered(table["tokens_per_second"], "{:,.0f}".format),
            "diverged": table["diverged"],
            "machine": table["machine"],
            "date": [Ordered(day, float(day.replace("-", ""))) for day in table["date"]],
            "commit": table["commit"].fillna("outside a checkout"),
        }
    )
    shown.index = pd.Index(table["study"], name="study")
    measured = [name for name in shown if any(map(_says_something, shown[name]))]
    return sortable_table(shown[measured], caption, choices=CHOICES)


def _ordered(values: pd.Series, form: Callable[[float], str]) -> list[Ordered]:
    return [Ordered("–", None) if pd.isna(value) else Ordered(form(value), float(value)) for value in values]


def _says_something(cell: object) -> bool:
    return cell not in ("", Ordered("–", None))
