"""What the book says of runs: tables, sentences, and the studies recorded in the checkout.

A :class:`StudyReport` is the one shape of results. It is collected from live runs or read from ``book/recorded``, and
every table, figure and sentence takes it. Whatever comes from a corpus, a model or a file name is made inert here.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import ConfigDict, ValidationError

from .corpus import Corpus
from .evaluation import UNITS, Interval
from .exceptions import DivergenceError, RunError
from .failures import Failure, divergence
from .language import chosen_prompts
from .markup import escape_html, escape_markdown, html_table, lang_attribute
from .runs import Evaluation, Run, generations
from .study import FOUR_BIT, GenerationSpec, RunSpec, Specification, Study
from .workspace import Workspace, disk_errors, fingerprint, write_json

RESULTS_FILE, DOCUMENTS_FILE, HELD_OUT_FILE = "results.json", "documents.parquet", "held_out.parquet"
DOCUMENT_COLUMNS = ("run_id", "id", "nll", "tokens", "bytes", "characters", "words")
HELD_OUT_COLUMNS = ("run_id", "language", "id", "nll", "bytes")
MEASURE_NAMES = MappingProxyType(
    {
        "continuations": "continuations",
        "in_language": "share in the target language",
        "share_undecided": "share undecided",
        "share_ba": "share in Bashkir",
        "share_tt": "share in Tatar",
        "share_ru": "share in Russian",
        "share_en": "share in English",
        "share_other": "share in another language",
        "rep_4": "repeated 4-grams (rep-4)",
        "distinct_2": "distinct-2",
        "loop_share": "share in loops",
        "non_bashkir_letters": "share of letters that are not Bashkir",
        "new_tokens": "new tokens",
        "broken_characters": "broken characters",
    }
)
"""The measures of ``errors.summarise_continuations`` in words."""
DIVERGED_MARK = " (diverged)"
_FOLDERS = re.compile(r"(?:[A-Za-z]:)?[/\\](?:[^\s/\\]+[/\\])*(?=[^\s/\\])")

REMARK = 3_000
"""Most characters shown of what is said of how a study was run."""


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


class VocabularyFacts(Recorded):
    """How the vocabulary of a run's model was changed."""

    way: Literal["trim", "extend", "replace"]
    entries: int
    new_entries: int
    algorithm: Literal["bpe", "unigram"]
    morphemes: bool
    embeddings: str
    """What new rows began with."""
    seconds: float
    """Learning the entries and making the rows, before any training."""


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
    vocabulary: VocabularyFacts | None = None
    """None where the model keeps the one that it came with."""
    from_nothing: bool = False
    """Whether the weights were drawn at random before training."""
    flops: float | None = None
    """Floating-point operations of the training, by the plan's formulas; None where they are not known."""
    lora_alpha: int | None = None
    learning_rate: float | None = None
    """None where nothing was trained, and in records of earlier versions."""
    revision: str | None = None
    """Of the weights; None where none is named, and in records of earlier versions."""
    layers: tuple[int, ...] | None = None
    """Which layers of the model were kept; None where all were, and in records of earlier versions."""
    threads: int | None = None
    """Of torch on the processor; None in records of earlier versions."""

    @property
    def quantised(self) -> bool:
        """Whether the weights of the base are in NF4."""
        return self.kind == "qlora" or self.method == FOUR_BIT

    @property
    def way(self) -> str:
        """The method in words."""
        return way_name(self.method)


def way_name(method: str) -> str:
    """A method's name in words."""
    return "zero shot 4-bit" if method == FOUR_BIT else method.replace("_", " ")


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


class FailedRun(Recorded):
    """A cell of the study that has no run, and why."""

    model: str
    method: str
    kind: Literal["zero_shot", "full", "lora", "qlora"]
    rank: int | None
    seed: int
    reason: str
    """One of ``failures.Reason``: ``diverged`` if its training loss stopped being a number."""
    message: str


class StudyRecord(Recorded):
    """All results of a study, as ``results.json`` holds them: no text of the corpus, no path of a machine."""

    study: str
    description: str
    corpus: CorpusFacts
    settings: dict[str, Any]
    rows: tuple[Result, ...]
    pairs: PairResults | None = None
    """None where the language is not Bashkir or no pairs were asked for."""
    failed: tuple[FailedRun, ...] = ()
    remark: str = ""
    """What a reader must know of how the study was run; shown wherever its numbers are."""
    times_comparable: bool = True
    """Whether the runs had the machine alike; where not, nothing is ranked by their times."""
    sources: int | None = None
    """Of the scored documents; None in records of earlier versions."""


@dataclass(frozen=True)
class StudyReport:
    """A study's results and, for paired comparisons, the loss of each test document under each run."""

    record: StudyRecord
    documents: pd.DataFrame
    """Columns ``DOCUMENT_COLUMNS``; ids are hashes, nll is in nats."""
    held_out: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(HELD_OUT_COLUMNS)))
    """Loss of each paragraph in other languages under each run, columns ``HELD_OUT_COLUMNS``; may be empty."""

    @property
    def rows(self) -> tuple[Result, ...]:
        """The runs, in the order of the study's cells."""
        return self.record.rows

    @property
    def labels(self) -> dict[str, str]:
        """A short, distinct name for each run id: method, with model and seed where the study has several.

        The name of a run that diverged says so, in whatever table, figure or sentence it stands.
        """
        models = {row.model for row in self.rows}
        seeds = {row.seed for row in self.rows if row.kind != "zero_shot"}
        marks = dict.fromkeys(diverged(self), DIVERGED_MARK)
        return {
            row.run_id: _label(row, with_model=len(models) > 1, with_seed=len(seeds) > 1) + marks.get(row.run_id, "")
            for row in self.rows
        }

    @property
    def arms(self) -> dict[str, str]:
        """A short name of each run's way of adaptation, by run id: as ``labels``, without the seed."""
        models = {row.model for row in self.rows}
        return {row.run_id: _label(row, with_model=len(models) > 1, with_seed=False) for row in self.rows}

    @property
    def confidence(self) -> float:
        """Confidence of every interval."""
        return float(self.record.settings["evaluation"]["confidence"])


def collect(  # noqa: PLR0913
    study: Study,
    corpus: Corpus,
    runs: Sequence[Run],
    evaluations: Sequence[Evaluation],
    pairs: PairResults | None = None,
    *,
    failed: Sequence[tuple[RunSpec, Failure]] = (),
) -> StudyReport:
    """Bring runs and their evaluations (in the same order) into one report, with what they made of minimal pairs.

    ``failed`` are the cells that have no run, and why.
    """
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
        failed=tuple(_failed(spec, failure) for spec, failure in failed),
        sources=int(evaluations[0].documents["source"].nunique()),
    )
    return StudyReport(record, pd.concat([_hashed(each) for each in evaluations], ignore_index=True))


def continuations(report: StudyReport, runs: Sequence[Run], spec: GenerationSpec, workspace: Workspace) -> pd.DataFrame:
    """Continuations by every run, under each other: columns of ``runs.generations`` and, first, model (its label).

    A run that cannot write, because its numbers are not finite, has no rows; :func:`continuation_findings` names it.

    Raises:
        RunError: no run can write.
    """
    frames = []
    for run in runs:
        with contextlib.suppress(DivergenceError):
            frames.append(generations(run, spec, workspace).assign(model=report.labels[run.run_id]))
    if not frames:
        raise RunError(f"no run of {report.record.study} can write: their numbers are not finite; train them again")
    table = pd.concat(frames, ignore_index=True)
    return table[["model", *table.columns.drop("model")]]


# --------------------------------------------------------------------------------------------------- recorded studies


def write_report(report: StudyReport, folder: Path) -> None:
    """Write a study's results into ``folder``, in place of an older record, for the book to show beside live runs.

    Raises:
        RunError: the folder cannot be written.
    """
    with disk_errors(f"the record of {report.record.study}", RunError):
        folder.mkdir(parents=True, exist_ok=True)
        write_table(report.documents, folder / DOCUMENTS_FILE)
        write_table(report.held_out, folder / HELD_OUT_FILE)
        write_json(folder / RESULTS_FILE, json.loads(report.record.model_dump_json()))


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table whole or not at all; an empty one leaves no file."""
    if table.empty:
        path.unlink(missing_ok=True)
        return
    temporary = path.with_name(f".{path.name}")
    table.to_parquet(temporary, index=False)
    os.replace(temporary, path)


def _failed(spec: RunSpec, failure: Failure) -> FailedRun:
    return FailedRun(
        model=spec.model.name,
        method=spec.method.name,
        kind=spec.method.kind,
        rank=spec.method.rank,
        seed=spec.seed,
        reason=failure.reason,
        message=_without_folders(failure.message),
    )


def load_recorded(folder: Path) -> tuple[StudyReport, ...]:
    """Every study recorded under ``folder``, by name; none where the folder is missing or empty.

    Raises:
        RunError: a record is damaged.
    """
    return tuple(load_record(path.parent) for path in sorted(folder.glob(f"*/{RESULTS_FILE}")))


def load_record(folder: Path) -> StudyReport:
    """The study recorded in ``folder``.

    Raises:
        RunError: the record is damaged.
    """
    try:
        record = StudyRecord.model_validate_json((folder / RESULTS_FILE).read_bytes())
        documents = pd.read_parquet(folder / DOCUMENTS_FILE, columns=list(DOCUMENT_COLUMNS))
        report = StudyReport(record, documents)
        if (folder / HELD_OUT_FILE).is_file():
            held_out = pd.read_parquet(folder / HELD_OUT_FILE, columns=list(HELD_OUT_COLUMNS))
            report = replace(report, held_out=held_out)
    except (OSError, ValueError, ValidationError) as error:
        raise RunError(f"recorded study {folder.name} is damaged: {_first_fault(error)}; record it again") from error
    if missing := {row.run_id for row in record.rows} - set(documents["run_id"]):
        raise RunError(
            f"recorded study {folder.name} lacks the documents of {', '.join(sorted(missing))}: record it again"
        )
    return report


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
        vocabulary=_vocabulary_facts(run),
        from_nothing=spec.model.source.startswith("scratch:"),
        flops=_flops(record),
        lora_alpha=spec.method.lora_alpha,
        learning_rate=spec.method.learning_rate if spec.training else None,
        revision=spec.model.revision,
        layers=spec.model.layers,
        threads=record.get("threads"),
        **{metric: evaluation.summary[metric] for metric in UNITS},
        **{cost: record.get(cost, 0) for cost in costs},
    )


def _vocabulary_facts(run: Run) -> VocabularyFacts | None:
    spec = run.spec.model.vocabulary
    if spec is None:
        return None
    settings = spec.model_dump(include={"way", "algorithm", "morphemes", "embeddings"})
    return VocabularyFacts.model_validate(settings | run.record["vocabulary"])


def _flops(record: Mapping[str, Any]) -> float | None:
    each = record.get("flops_per_token")
    return None if each is None else each * record["tokens_seen"]


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
    parts.append(row.way)
    if with_seed and row.kind != "zero_shot":
        parts.append(f"seed {row.seed}")
    return " ".join(parts)


# ------------------------------------------------------------------------------------------------ tables and statistics


def results_table(report: StudyReport) -> pd.DataFrame:
    """One row for each run, indexed by its label: metrics with the ends of their intervals, and costs, in SI units.

    ``diverged`` holds the reason of a run that diverged, and is empty for the others.
    """
    bad = diverged(report)
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
                "diverged": bad.get(row.run_id, ""),
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
            "seed": table["seed"].astype(str).where(trained),
            "diverged": table["diverged"].where(table["diverged"] != ""),
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
    return html_table(shown.dropna(axis=1, how="all"), caption) + _failed_html(report)


def _failed_html(report: StudyReport) -> str:
    """The cells that have no run, each with its reason; empty where there are none."""
    if not report.record.failed:
        return ""
    rows = [
        {"model": each.model, "method": each.method, "seed": str(each.seed), "why": each.reason.replace("_", " ")}
        | {"message": each.message}
        for each in report.record.failed
    ]
    return html_table(pd.DataFrame(rows).set_index("model"), "Cells without a run")


def diverged(report: StudyReport) -> dict[str, str]:
    """Why a run counts as diverged (``failures.divergence``), by run id, for those that do.

    A run is held against what it was trained from (:func:`base_of`), so that this can only be seen where the report
    holds it.
    """
    reasons = {}
    for row in report.rows:
        base = base_of(row, report.rows)
        reasons[row.run_id] = divergence(row.bits_per_byte.value, None if base is None else base.bits_per_byte.value)
    return {run_id: reason for run_id, reason in reasons.items() if reason}


def base_of(row: Result, rows: Sequence[Result]) -> Result | None:
    """What a run was trained from: its model as it came; for QLoRA, the same in 4 bits, if it is among ``rows``.

    None for a model as it came, and where ``rows`` hold none.
    """
    if row.kind == "zero_shot":
        return None
    untrained = [each for each in rows if each.kind == "zero_shot" and each.model == row.model]
    alike = [each for each in untrained if each.quantised == row.quantised]
    plain = [each for each in untrained if not each.quantised]
    return next(iter(alike + plain), None)


def best_run(report: StudyReport) -> Result:
    """The run with the fewest bits per byte; one that diverged is never it, unless all did."""
    bad = diverged(report)
    return min(report.rows, key=lambda row: (row.run_id in bad, _finite(row.bits_per_byte.value)))


def may_be_ranked(report: StudyReport, cost: str) -> bool:
    """Whether runs can be ranked by a column of :func:`results_table`: by time only where times are comparable."""
    return report.record.times_comparable or cost not in {"wall_seconds", "tokens_per_second"}


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
        columns model, method (with a mark if ours diverged), token_perplexity, bits_per_byte, kind (``paper`` for
        theirs), low, high (NaN for theirs).
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
    bad = diverged(report)
    ours = [
        {
            "model": row.model,
            "method": row.method + (DIVERGED_MARK if row.run_id in bad else ""),
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
        "scored": scored_share(report),
        "weights": "; ".join(_unique(row.model_label or row.model for row in report.rows)),
        "commit": ", ".join(_unique(row.commit or "outside a checkout" for row in report.rows)),
        "trained": dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}",
        "machine": "; ".join(_unique(row.machine for row in report.rows)),
    }
    return " · ".join(f"**{name}:** {escape_markdown(value)}" for name, value in parts.items())


def scored_share(report: StudyReport) -> str:
    """How much of the test split the numbers stand on, in plain text."""
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
    minutes = report.record.settings["training"].get("minutes") is not None
    uneven = (
        "Equal minutes were not quite equal work." if minutes else "Its times are shown, and nothing is ranked by them."
    )
    times = "" if report.record.times_comparable else f" {uneven}"
    return f"{heading} {escape_markdown(report.record.remark, REMARK)}".strip() + times


def recorded_line(recorded: Sequence[StudyReport]) -> str:
    """Markdown: how many recorded studies there are, or that there is none and how one comes to be."""
    if not recorded:
        return "No study has been recorded in `book/recorded` of this checkout yet."
    names = ", ".join(escape_markdown(each.record.study) for each in recorded)
    return f"Recorded studies shown: {len(recorded)} ({names})."


def generation_line(spec: GenerationSpec) -> str:
    """Markdown: how continuations were drawn."""
    ways = "; ".join(
        f"**{escape_markdown(each.name)}** (temperature {each.temperature:g}, top-p {each.top_p:g}, {each.samples} for "
        "each prompt)"
        if each.temperature
        else f"**{escape_markdown(each.name)}** (always the likeliest token)"
        for each in spec.decodings
    )
    named = None if spec.prompts_file is None else escape_markdown(Path(spec.prompts_file).name)
    prompts = f"{len(chosen_prompts(spec))} prompts " + (f"of {named}" if named else "of the book, in Bashkir")
    return f"{prompts}, at most {spec.max_new_tokens} new tokens, seed {spec.seed}: {ways}."


def continuation_findings(report: StudyReport, summary: pd.DataFrame) -> str:
    """Markdown list on the table of ``errors.summarise_continuations``: who wrote nothing, language, loops, numbers."""
    sentences = _silent(report, summary)
    if "in_language" in summary:
        sentences += _language_sentences(report, summary["in_language"])
    sentences += _loop_sentences(summary["loop_share"].dropna())
    sentences.append(_how_many(report, summary))
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _silent(report: StudyReport, summary: pd.DataFrame) -> list[str]:
    missing = [escape_markdown(label) for label in report.labels.values() if label not in summary.index]
    wordless = [escape_markdown(str(label)) for label in summary.index[summary["loop_share"].isna()]]
    sentences = []
    if missing:
        sentences.append(
            f"**No text was written by {', '.join(missing)}**: what the model computes is not finite numbers."
        )
    if wordless:
        sentences.append(f"**Not one word was written by {', '.join(wordless)}**, so nothing is said of its text.")
    return sentences


def _language_sentences(report: StudyReport, shares: pd.Series) -> list[str]:
    best = report.labels[best_run(report).run_id]
    if not shares.max() > 0:
        return ["The identifier finds the target language in no model's text."]
    most = [str(label) for label in shares.index[np.isclose(shares, shares.max())]]
    first = (
        f"The identifier finds most of the target language in the text of **{escape_markdown(', '.join(most))}**: "
        f"{shares.max():.0%} of a continuation on average."
    )
    if best in most:
        return [first, f"That holds for the model with the lowest bits per byte, {escape_markdown(best)}."]
    if math.isnan(shares.get(best, math.nan)):
        return [first, f"The model with the lowest bits per byte, **{escape_markdown(best)}**, wrote no words."]
    return [
        first,
        f"The model with the lowest bits per byte, **{escape_markdown(best)}**, has {shares[best]:.0%}: "
        "the lowest loss does not go with the most text in the target language here.",
    ]


def _loop_sentences(shares: pd.Series) -> list[str]:
    if shares.empty:
        return []
    return [
        f"Most of the text in loops: **{escape_markdown(str(shares.idxmax()))}**, {shares.max():.0%} of the characters "
        f"of a continuation on average; least: {shares.min():.0%}."
    ]


def _how_many(report: StudyReport, summary: pd.DataFrame) -> str:
    seeds = Counter(report.arms[row.run_id] for row in report.rows if row.kind != "zero_shot")
    trained = f" and {_span(seeds.values())} seed(s) of each way of training" if seeds else ""
    return (
        f"These are means over {_span(summary['continuations'])} continuations of each run, of "
        f"{summary['new_tokens'].mean():.0f} tokens on average{trained}: shares, not significant differences."
    )


def _span(values: Iterable[int]) -> str:
    low, high = min(found := list(values)), max(found)
    return f"{low}" if low == high else f"{low} to {high}"


# -------------------------------------------------------------------------------------------------------- continuations


def continuations_html(table: pd.DataFrame, language: str | None = "ba") -> str:
    """One table for each prompt, all models' continuations under each other; all but the first are folded.

    ``language`` is the prompts', for the page (ISO 639-1).
    """
    blocks: list[str] = []
    for prompt, rows in table.groupby("prompt", sort=False):
        caption = f"{rows['kind'].iloc[0]}: “{rows['gloss'].iloc[0]}”"
        shown = html_table(rows.set_index("model")[["continuation"]], caption, text=["continuation"], language=language)
        state = "" if blocks else " open"
        style = f'{lang_attribute(language)} style="overflow-wrap:anywhere"'
        head = f"<summary{style}>{escape_html(str(prompt))} …</summary>"
        blocks.append(f"<details{state}>{head}{shown}</details>")
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
