"""What the book says of runs: tables, intervals of differences, sentences, and the studies recorded in the checkout.

A :class:`StudyReport` is the one shape of results. It is collected from live runs or read from ``book/recorded``, and
every table, figure and sentence takes it. Whatever comes from a corpus, a model or a file name is made inert here.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import ConfigDict, ValidationError

from .corpus import Corpus
from .evaluation import UNITS, Interval
from .exceptions import RunError
from .markup import escape_html, escape_markdown, html_table
from .runs import Evaluation, Run, generations
from .study import GenerationSpec, Specification, Study
from .workspace import Workspace, disk_errors, fingerprint, write_json

RESULTS_FILE, DOCUMENTS_FILE = "results.json", "documents.parquet"
DOCUMENT_COLUMNS = ("run_id", "id", "nll", "tokens", "bytes", "characters", "words")
FEW_DOCUMENTS = 30
MEASURE_NAMES = MappingProxyType(
    {
        "in_language": "share in the target language",
        "rep_4": "repeated 4-grams (rep-4)",
        "distinct_2": "distinct-2",
        "loop_share": "share in loops",
        "non_bashkir_letters": "share of letters that are not Bashkir",
        "new_tokens": "new tokens",
        "broken_characters": "broken characters",
    }
)
"""The measures of ``errors.summarise_continuations`` in words."""
_FOLDERS = re.compile(r"(?:[A-Za-z]:)?[/\\](?:[^\s/\\]+[/\\])*(?=[^\s/\\])")


class Recorded(Specification):
    """Base of what ``results.json`` holds: strict JSON, so infinity is written as a string."""

    model_config = ConfigDict(ser_json_inf_nan="strings")


class CurvePoint(Recorded):
    """One point of a training curve; a loss (nats per token) that was not taken there is None."""

    step: int
    tokens: int
    bytes: float
    seconds: float
    loss: float | None
    bits_per_byte: float | None
    validation_loss: float | None
    validation_bits_per_byte: float | None


class Result(Recorded):
    """One run with its scores; costs are 0 where nothing was trained."""

    model: str
    model_label: str | None
    method: str
    kind: Literal["zero_shot", "full", "lora", "qlora"]
    rank: int | None
    seed: int
    run_id: str
    bits_per_byte: Interval
    bits_per_character: Interval
    token_perplexity: Interval
    word_perplexity: Interval
    trainable_parameters: int
    total_parameters: int
    peak_rss_bytes: int
    peak_gpu_bytes: int
    wall_seconds: float
    tokens_seen: int
    bytes_seen: int
    tokens_per_second: float
    precision: str
    machine: str
    date: str
    commit: str | None
    curve: tuple[CurvePoint, ...]


class CorpusFacts(Recorded):
    """Which text the results are about."""

    label: str
    fingerprint: str
    counts: dict[str, Any]


class PhenomenonAccuracy(Recorded):
    """How many pairs of one phenomenon one scorer got right (0…1), with Wilson's interval."""

    scorer: str
    """A run's id, or the name of a character model."""
    phenomenon: str
    pairs: int
    accuracy: float
    low: float
    high: float


class WordBalance(Recorded):
    """How often the words occur in which the pairs of one phenomenon differ."""

    phenomenon: str
    good: float
    """Median count of the right words in the reference text."""
    bad: float
    good_more_frequent: float
    """Share of pairs whose right word is the more frequent; equal ones count half."""


class PairResults(Recorded):
    """The minimal pairs of a study under its runs and under character models."""

    accuracies: tuple[PhenomenonAccuracy, ...]
    words: tuple[WordBalance, ...]
    reference_characters: int
    """Of the text that counted the words and trained the character models."""


class StudyRecord(Recorded):
    """All results of a study, as ``results.json`` holds them: no text of the corpus, no path of a machine."""

    study: str
    description: str
    corpus: CorpusFacts
    settings: dict[str, Any]
    rows: tuple[Result, ...]
    pairs: PairResults | None = None
    """None where the language is not Bashkir or no pairs were asked for."""
    remark: str = ""
    """What a reader must know of how the study was run; shown wherever its numbers are."""


@dataclass(frozen=True)
class StudyReport:
    """A study's results and, for paired comparisons, the loss of each test document under each run."""

    record: StudyRecord
    documents: pd.DataFrame
    """Columns ``DOCUMENT_COLUMNS``; ids are hashes, nll is in nats."""

    @property
    def rows(self) -> tuple[Result, ...]:
        """The runs, in the order of the study's cells."""
        return self.record.rows

    @property
    def labels(self) -> dict[str, str]:
        """A short, distinct name for each run id: method, with model and seed where the study has several."""
        models = {row.model for row in self.rows}
        seeds = {row.seed for row in self.rows if row.kind != "zero_shot"}
        return {row.run_id: _label(row, with_model=len(models) > 1, with_seed=len(seeds) > 1) for row in self.rows}

    @property
    def confidence(self) -> float:
        """Confidence of every interval."""
        return float(self.record.settings["evaluation"]["confidence"])


def collect(
    study: Study,
    corpus: Corpus,
    runs: Sequence[Run],
    evaluations: Sequence[Evaluation],
    pairs: PairResults | None = None,
) -> StudyReport:
    """Bring runs and their evaluations (in the same order) into one report, with what they made of minimal pairs."""
    rows = tuple(_result(run, evaluation) for run, evaluation in zip(runs, evaluations, strict=True))
    record = StudyRecord(
        study=study.name,
        description=study.description,
        corpus=CorpusFacts(
            label=_without_folders(corpus.label), fingerprint=corpus.fingerprint, counts=corpus.manifest.counts
        ),
        settings=study.model_dump(mode="json", include={"training", "evaluation", "seeds"}),
        rows=rows,
        pairs=pairs,
    )
    return StudyReport(record, pd.concat([_hashed(each) for each in evaluations], ignore_index=True))


def continuations(report: StudyReport, runs: Sequence[Run], spec: GenerationSpec, workspace: Workspace) -> pd.DataFrame:
    """Continuations by every run, under each other: columns of ``runs.generations`` and, first, model (its label)."""
    frames = [generations(run, spec, workspace).assign(model=report.labels[run.run_id]) for run in runs]
    table = pd.concat(frames, ignore_index=True)
    return table[["model", *table.columns.drop("model")]]


# --------------------------------------------------------------------------------------------------- recorded studies


def record_study(  # noqa: PLR0913
    study: Study,
    corpus: Corpus,
    runs: Sequence[Run],
    evaluations: Sequence[Evaluation],
    folder: Path,
    *,
    pairs: PairResults | None = None,
    remark: str = "",
) -> StudyReport:
    """Write a study's results into ``folder`` for the book to show beside live runs; an older record is replaced.

    ``remark`` is what a reader must know of how the study was run.

    Raises:
        RunError: the folder cannot be written.
    """
    collected = collect(study, corpus, runs, evaluations, pairs)
    report = replace(collected, record=collected.record.model_copy(update={"remark": remark}))
    with disk_errors(f"the record of {study.name}", RunError):
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{DOCUMENTS_FILE}"
        report.documents.to_parquet(temporary, index=False)
        os.replace(temporary, folder / DOCUMENTS_FILE)
        write_json(folder / RESULTS_FILE, json.loads(report.record.model_dump_json()))
    return report


def load_recorded(folder: Path) -> tuple[StudyReport, ...]:
    """Every study recorded under ``folder``, by name; none where the folder is missing or empty.

    Raises:
        RunError: a record is damaged.
    """
    return tuple(_load_record(path.parent) for path in sorted(folder.glob(f"*/{RESULTS_FILE}")))


def _load_record(folder: Path) -> StudyReport:
    try:
        record = StudyRecord.model_validate_json((folder / RESULTS_FILE).read_bytes())
        documents = pd.read_parquet(folder / DOCUMENTS_FILE, columns=list(DOCUMENT_COLUMNS))
    except (OSError, ValueError, ValidationError) as error:
        raise RunError(f"recorded study {folder.name} is damaged: {_first_fault(error)}; record it again") from error
    if missing := {row.run_id for row in record.rows} - set(documents["run_id"]):
        raise RunError(
            f"recorded study {folder.name} lacks the documents of {', '.join(sorted(missing))}: record it again"
        )
    return StudyReport(record, documents)


def _first_fault(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return " ".join(str(error).split())[:120]


def _result(run: Run, evaluation: Evaluation) -> Result:
    spec, record = run.spec, run.record
    costs = ("peak_rss_bytes", "peak_gpu_bytes", "wall_seconds", "tokens_seen", "bytes_seen", "tokens_per_second")
    return Result(
        model=spec.model.name,
        model_label=None if spec.model.label is None else _without_folders(spec.model.label),
        method=spec.method.name,
        kind=spec.method.kind,
        rank=spec.method.rank,
        seed=spec.seed,
        run_id=run.run_id,
        trainable_parameters=record["trainable_parameters"] if spec.training else 0,
        total_parameters=record["total_parameters"],
        precision=record["precision"],
        machine=_machine_line(record["machine"]),
        date=record["date"],
        commit=record["commit"],
        curve=tuple(CurvePoint.model_validate(point) for point in _without_nan(run.curve)),
        **{metric: evaluation.summary[metric] for metric in UNITS},
        **{cost: record.get(cost, 0) for cost in costs},
    )


def _without_nan(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()} for row in frame.to_dict("records")
    ]


def _machine_line(machine: Mapping[str, Any]) -> str:
    parts = [f"{machine['processor']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB"]
    return ", ".join(parts if machine["accelerator"] == "none" else [machine["accelerator"], *parts])


def _hashed(evaluation: Evaluation) -> pd.DataFrame:
    """The documents of an evaluation with hashes for ids, which may be file names."""
    documents = evaluation.documents.assign(
        run_id=evaluation.run_id, id=[fingerprint(str(identity)) for identity in evaluation.documents["id"]]
    )
    return documents[list(DOCUMENT_COLUMNS)]


def _without_folders(text: str) -> str:
    """``text`` with every absolute path in it cut to its last part."""
    return _FOLDERS.sub("", text)


def _label(row: Result, *, with_model: bool, with_seed: bool) -> str:
    parts = [row.model] if with_model else []
    parts.append(row.method.replace("_", " "))
    if with_seed and row.kind != "zero_shot":
        parts.append(f"seed {row.seed}")
    return " ".join(parts)


# ------------------------------------------------------------------------------------------------ tables and statistics


def results_table(report: StudyReport) -> pd.DataFrame:
    """One row for each run, indexed by its label: metrics with the ends of their intervals, and costs, in SI units."""
    rows = []
    for row in report.rows:
        metrics: dict[str, float] = {}
        for metric in UNITS:
            interval: Interval = getattr(row, metric)
            metrics |= {metric: interval.value, f"{metric}_low": interval.low, f"{metric}_high": interval.high}
        rows.append(
            {
                "label": report.labels[row.run_id],
                "model": row.model,
                "method": row.method,
                "kind": row.kind,
                "seed": row.seed,
                **metrics,
                "trainable_parameters": row.trainable_parameters,
                "trainable_share": row.trainable_parameters / row.total_parameters,
                "peak_rss_bytes": row.peak_rss_bytes,
                "peak_gpu_bytes": row.peak_gpu_bytes,
                "wall_seconds": row.wall_seconds,
                "tokens_seen": row.tokens_seen,
                "tokens_per_second": row.tokens_per_second,
            }
        )
    return pd.DataFrame(rows).set_index("label")


def results_html(report: StudyReport, caption: str) -> str:
    """The table of all runs as HTML, with costs shown as ``–`` where nothing was trained."""
    table = results_table(report)
    trained = table["kind"] != "zero_shot"
    gpu = table["peak_gpu_bytes"] > 0
    interval = f"{report.confidence:.0%} interval"
    shown = pd.DataFrame(
        {
            "model": table["model"],
            "seed": table["seed"].where(trained),
            "bits per byte": table["bits_per_byte"].map("{:.3f}".format),
            interval: [
                _range(*ends) for ends in zip(table["bits_per_byte_low"], table["bits_per_byte_high"], strict=True)
            ],
            "bits per character": table["bits_per_character"].map("{:.3f}".format),
            "token perplexity": table["token_perplexity"],
            "word perplexity": table["word_perplexity"],
            "trainable parameters": table["trainable_parameters"].where(trained),
            "share of all": table["trainable_share"].where(trained).map("{:.2%}".format, na_action="ignore"),
            "tokens seen": table["tokens_seen"].where(trained),
            "peak memory, GB": (table["peak_rss_bytes"] / 1e9).where(trained),
            "peak GPU memory, GB": (table["peak_gpu_bytes"] / 1e9).where(gpu),
            "time, s": table["wall_seconds"].where(trained),
            "tokens/s": table["tokens_per_second"].where(trained).round(),
        }
    )
    return html_table(shown.dropna(axis=1, how="all"), caption)


def paired_difference(
    first: pd.DataFrame, second: pd.DataFrame, *, samples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Bits per byte of ``first`` less that of ``second`` on the same documents, with a paired percentile bootstrap.

    Documents are drawn with replacement, the same ones for both (Koehn, 2004). An interval without 0 is needed to call
    it a difference.

    Raises:
        RunError: the two were not scored on the same documents.
    """
    both = first.merge(second, on="id", suffixes=("_1", "_2"), validate="one_to_one")
    if not len(both) == len(first) == len(second) or (both["bytes_1"] != both["bytes_2"]).any():
        raise RunError("the two runs were not scored on the same documents; evaluate both with the same settings")
    bits = (both["nll_1"] - both["nll_2"]).to_numpy() / math.log(2)
    n_bytes = both["bytes_1"].to_numpy()
    draws = np.random.default_rng(seed).integers(len(both), size=(samples, len(both)))
    drawn = bits[draws].sum(axis=1) / n_bytes[draws].sum(axis=1)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(bits.sum() / n_bytes.sum()), float(low), float(high))


def differences_from(report: StudyReport, reference: str) -> pd.DataFrame:
    """Paired difference in bits per byte of every other run to the run ``reference`` (an id).

    Columns: run_id, difference (positive: worse than the reference), low, high, excludes_zero; indexed by label.
    """
    scores = dict(iter(report.documents.groupby("run_id")))
    samples = int(report.record.settings["evaluation"]["bootstrap_samples"])
    rows = []
    for row in report.rows:
        if row.run_id != reference:
            found = paired_difference(
                scores[row.run_id], scores[reference], samples=samples, confidence=report.confidence
            )
            rows.append({"label": report.labels[row.run_id], "run_id": row.run_id, **_difference_columns(found)})
    columns = ["label", "run_id", "difference", "low", "high", "excludes_zero"]
    return pd.DataFrame(rows, columns=columns).set_index("label")


def _difference_columns(found: Interval) -> dict[str, float | bool]:
    return {
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "excludes_zero": found.low > 0 or found.high < 0,
    }


def best_run(report: StudyReport) -> Result:
    """The run with the fewest bits per byte; one that diverged (not finite) is never it."""
    return min(report.rows, key=lambda row: _finite(row.bits_per_byte.value))


def differences_html(report: StudyReport) -> str:
    """Every run's paired difference to the best one, as an HTML table."""
    best = best_run(report)
    found = differences_from(report, best.run_id)
    shown = pd.DataFrame(
        {
            "difference, bits per byte": found["difference"].map("{:+.3f}".format),
            f"{report.confidence:.0%} interval": [
                _range(*ends) for ends in zip(found["low"], found["high"], strict=True)
            ],
            "excludes 0": found["excludes_zero"],
        },
        index=found.index,
    )
    return html_table(shown, f"Difference to {report.labels[best.run_id]}, paired over the same test documents")


def pareto_front(costs: Sequence[float], values: Sequence[float]) -> list[int]:
    """Positions of the points that no other beats in both cost and value (lower is better), by rising cost."""
    front: list[int] = []
    for i in sorted(range(len(costs)), key=lambda i: (costs[i], values[i])):
        if not front or values[i] < values[front[-1]]:
            front.append(i)
    return front


def beside_paper(paper: pd.DataFrame, report: StudyReport) -> pd.DataFrame:
    """The paper's figures and ours in one table, by bits per byte.

    Args:
        paper: what ``tokenization.paper_perplexities_as_bits_per_byte`` returned.
        report: our runs.

    Returns:
        columns model, method, token_perplexity, bits_per_byte, kind (``paper`` for theirs), low, high (NaN for theirs).
    """
    theirs = pd.DataFrame(
        {
            "model": paper["model"],
            "method": paper["method"],
            "token_perplexity": paper["perplexity (reported)"],
            "bits_per_byte": paper["bits per byte"],
            "kind": "paper",
        }
    )
    ours = [
        {
            "model": row.model,
            "method": row.method,
            "token_perplexity": row.token_perplexity.value,
            "bits_per_byte": row.bits_per_byte.value,
            "low": row.bits_per_byte.low,
            "high": row.bits_per_byte.high,
            "kind": row.kind,
        }
        for row in report.rows
    ]
    return pd.concat([theirs, pd.DataFrame(ours)]).sort_values("bits_per_byte", ignore_index=True)


def beside_paper_html(table: pd.DataFrame, report: StudyReport) -> str:
    """The table of :func:`beside_paper` as HTML; each row says whose figure it is."""
    whose = np.where(table["kind"] == "paper", "reported perplexity, converted here", f"ours: {report.record.study}")
    shown = table.assign(source=whose)[["source", "method", "token_perplexity", "bits_per_byte"]]
    shown.index = pd.Index(table["model"], name="model")
    shown = shown.rename(columns={"token_perplexity": "token perplexity", "bits_per_byte": "bits per byte"})
    return html_table(shown, f"The paper's figures and ours; ours on {report.record.corpus.label}")


# ------------------------------------------------------------------------------------------------------------ sentences


def provenance_line(report: StudyReport) -> str:
    """Markdown: profile, text, weights, commits, dates and machines behind the numbers."""
    record = report.record
    dates = sorted({row.date[:10] for row in report.rows})
    parts = {
        "Profile": f"{record.study} ({record.description})",
        "text": f"{record.corpus.label}, fingerprint {record.corpus.fingerprint}",
        "scored": _scored(report),
        "weights": "; ".join(_unique(row.model_label or row.model for row in report.rows)),
        "commit": ", ".join(_unique(row.commit or "outside a checkout" for row in report.rows)),
        "trained": dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}",
        "machine": "; ".join(_unique(row.machine for row in report.rows)),
    }
    return " · ".join(f"**{name}:** {escape_markdown(value)}" for name, value in parts.items())


def _scored(report: StudyReport) -> str:
    """How much of the test split the numbers stand on."""
    documents = report.documents.drop_duplicates("id")
    test = report.record.corpus.counts["test"]
    share = documents["bytes"].sum() / max(test["bytes"], 1)
    limit = report.record.settings["evaluation"]["max_document_bytes"]
    return (
        f"{len(documents):,} of {test['documents']:,} test documents, {share:.1%} of their bytes "
        f"(none of over {limit:,} bytes)"
    )


def recorded_heading(report: StudyReport) -> str:
    """Markdown that sets a recorded study apart from what ran here."""
    heading = f"**Recorded study “{escape_markdown(report.record.study)}”**, run earlier and not by this page."
    return f"{heading} {escape_markdown(report.record.remark)}".strip()


def recorded_line(recorded: Sequence[StudyReport]) -> str:
    """Markdown: how many recorded studies there are, or that there is none and how one comes to be."""
    if not recorded:
        return "No study has been recorded in `book/recorded` of this checkout yet."
    names = ", ".join(escape_markdown(each.record.study) for each in recorded)
    return f"Recorded studies shown: {len(recorded)} ({names})."


def generation_line(spec: GenerationSpec) -> str:
    """Markdown: how continuations were drawn."""
    drawn = "greedy" if spec.temperature == 0 else f"temperature {spec.temperature:g}, top-p {spec.top_p:g}"
    return f"At most {spec.max_new_tokens} new tokens, {drawn}, {spec.samples} for each prompt, seed {spec.seed}."


def findings(report: StudyReport) -> str:
    """Markdown list: which run is best, and which differences the paired bootstrap supports; no others are claimed."""
    best = best_run(report)
    differences = differences_from(report, best.run_id)
    label = escape_markdown(report.labels[best.run_id])
    sentences = [
        f"Lowest bits per byte: **{label}**, {best.bits_per_byte.value:.3f} "
        f"({report.confidence:.0%} interval {_range(best.bits_per_byte.low, best.bits_per_byte.high)}).",
        *_supported(differences[differences["excludes_zero"].astype(bool)], label),
        *_unsupported(differences[~differences["excludes_zero"].astype(bool)], label),
        *_overlaps(report, best, label),
        *_against_zero_shot(report),
        *_cautions(report),
    ]
    return "\n".join(f"- {sentence}" for sentence in sentences)


def continuation_findings(report: StudyReport, summary: pd.DataFrame) -> str:
    """Markdown list on the table of ``errors.summarise_continuations``: language and loops."""
    sentences = []
    if "in_language" in summary:
        sentences += _language_sentences(report, summary["in_language"])
    loudest = summary["loop_share"].idxmax()
    sentences.append(
        f"Most of the text in loops: **{escape_markdown(str(loudest))}**, {summary['loop_share'].max():.0%} of "
        f"the characters of a continuation on average; least: {summary['loop_share'].min():.0%}."
    )
    sentences.append("These are few and short continuations from one seed: shares, not significant differences.")
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _language_sentences(report: StudyReport, shares: pd.Series) -> list[str]:
    best = report.labels[best_run(report).run_id]
    if shares.max() == 0:
        return ["The identifier finds the target language in no model's text."]
    most = [str(label) for label in shares.index[np.isclose(shares, shares.max())]]
    first = (
        f"The identifier finds most of the target language in the text of **{escape_markdown(', '.join(most))}**: "
        f"{shares.max():.0%} of the characters."
    )
    if best in most:
        return [first, f"That holds for the model with the lowest bits per byte, {escape_markdown(best)}."]
    return [
        first,
        f"The model with the lowest bits per byte, **{escape_markdown(best)}**, has {shares[best]:.0%}: "
        "the lowest loss does not go with the most text in the target language here.",
    ]


def _supported(differences: pd.DataFrame, best: str) -> list[str]:
    if differences.empty:
        return []
    return [f"Worse than {best} on the same documents, with an interval that excludes 0: {_listed(differences)}."]


def _unsupported(differences: pd.DataFrame, best: str) -> list[str]:
    if differences.empty:
        return []
    return [f"No difference to {best} can be claimed (the interval includes 0): {_listed(differences)}."]


def _listed(differences: pd.DataFrame) -> str:
    return "; ".join(
        f"{escape_markdown(str(label))} {row['difference']:+.3f} ({_range(row['low'], row['high'])})"
        for label, row in differences.iterrows()
    )


def _overlaps(report: StudyReport, best: Result, label: str) -> list[str]:
    """Which runs' own intervals overlap the best run's: shown because the table invites that comparison."""
    overlapping = [
        escape_markdown(report.labels[row.run_id])
        for row in report.rows
        if row.run_id != best.run_id and row.bits_per_byte.low <= best.bits_per_byte.high
    ]
    if not overlapping:
        return [] if len(report.rows) == 1 else [f"No other run's interval in the table overlaps that of {label}."]
    return [
        f"In the table the intervals of {', '.join(overlapping)} overlap that of {label}; "
        "the paired differences above decide, because they set aside how hard each document is."
    ]


def _against_zero_shot(report: StudyReport) -> list[str]:
    sentences = []
    for base in (row for row in report.rows if row.kind == "zero_shot"):
        own = {row.run_id for row in report.rows if row.model == base.model}
        found = differences_from(report, base.run_id)
        found = found[found["run_id"].isin(own)]
        name = escape_markdown(base.model)
        better, worse = found[found["high"] < 0], found[found["low"] > 0]
        if len(better):
            sentences.append(f"Better than {name} as it came (zero-shot): {_listed(better)}.")
        if len(worse):
            sentences.append(f"Worse than {name} as it came (zero-shot): {_listed(worse)}.")
        if unclear := len(found) - len(better) - len(worse):
            sentences.append(f"Neither can be claimed for {unclear} of {len(found)} ways to adapt {name}.")
    return sentences


def _cautions(report: StudyReport) -> list[str]:
    sentences = []
    if len({row.seed for row in report.rows if row.kind != "zero_shot"}) == 1:
        sentences.append(
            "Each way was trained with one seed: the intervals cover the choice of documents, not the seed."
        )
    documents = report.documents["id"].nunique()
    if documents < FEW_DOCUMENTS:
        sentences.append(f"Only {documents} test documents were scored: the intervals themselves are rough.")
    return [*sentences, "The intervals are not corrected for the number of comparisons."]


# -------------------------------------------------------------------------------------------------------- continuations


def continuations_html(table: pd.DataFrame) -> str:
    """One table for each prompt, all models' continuations under each other; all but the first are folded."""
    blocks: list[str] = []
    for prompt, rows in table.groupby("prompt", sort=False):
        caption = f"{rows['kind'].iloc[0]}: “{rows['gloss'].iloc[0]}”"
        shown = html_table(rows.set_index("model")[["continuation"]], caption, bashkir=["continuation"])
        state = "" if blocks else " open"
        blocks.append(f'<details{state}><summary lang="ba">{escape_html(str(prompt))} …</summary>{shown}</details>')
    return "\n".join(blocks)


def summary_html(report: StudyReport, summary: pd.DataFrame) -> str:
    """The table of ``errors.summarise_continuations`` as HTML, with its measures in words."""
    shown = summary.rename(columns=dict(MEASURE_NAMES))
    return html_table(shown, f"Continuations in numbers; profile {report.record.study}: {report.record.description}")


def with_excerpts(documents: pd.DataFrame, texts: pd.DataFrame, *, characters: int = 160) -> pd.DataFrame:
    """Add to ``documents`` (column id) the beginning of their text from ``texts`` (columns id, text)."""
    excerpts = texts.set_index("id")["text"].str[:characters]
    return documents.assign(excerpt=documents["id"].map(excerpts))


def _range(low: float, high: float) -> str:
    return f"{low:.3f} to {high:.3f}"


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.inf


def _unique(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))
