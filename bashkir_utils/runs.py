"""The run store: ``runs/<id>/`` with spec, record, curve, weights and what was measured of them, whole or not at all.

Asking for a run that is finished loads it; asking for one that was interrupted resumes it; two processes that ask for
the same run train it once.
"""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch
from filelock import FileLock, Timeout
from peft import PeftModel
from pydantic import ValidationError
from safetensors import SafetensorError
from transformers import PreTrainedTokenizerBase, set_seed

from . import failures, generation, provenance
from .adapt import (
    AnyModel,
    Precision,
    adapt,
    adapted_modules,
    choose_precision,
    load_adapter,
    load_base,
    parameter_table,
)
from .corpus import Corpus
from .evaluation import Interval, choose_documents, score_documents, summarise
from .exceptions import DivergenceError, DownloadError, MemoryLimitError, ModelError, RunError
from .failures import Failure, Reason
from .language import Paragraph, chosen_prompts, held_out
from .markup import escape_markdown
from .minimal_pairs import StudyPairs, score_pairs, study_pairs
from .models import load_folder, load_tokenizer, location
from .packing import pack
from .planning import Step, shape_from_configuration, training_flops
from .processes import from_first, launched
from .progress import quiet_libraries
from .study import (
    ZERO_SHOT,
    ZERO_SHOT_4BIT,
    EvaluationSpec,
    ForgettingSpec,
    GenerationSpec,
    Layout,
    RunSpec,
    Study,
    TrainingSpec,
)
from .tokenization import Tokenizer, check_round_trip, from_transformers
from .training import (
    CURVE_COLUMNS,
    TrainingData,
    TrainingResult,
    blocks_wanted,
    chosen_layout,
    device_batch,
    last_step,
    layout_line,
    step_count,
    train,
)
from .vocabulary import new_ids, prepare_vocabulary, read_record
from .workspace import Workspace, atomic_directory, disk_errors, fingerprint, read_json, write_json, write_text

SUGGESTED = 5
"""So many names are given where one was expected."""
PARTIAL, LOCKS, ATTEMPTS = ".partial", ".locks", "attempts.json"
SHOWN = (DivergenceError, MemoryLimitError, DownloadError)
"""Errors of one cell that a study goes on after and shows."""
Done = TypeVar("Done")
KEPT = ("documents", "words", "tokens")
"""Tables of a scoring; one that kept fewer is made again."""
FULL_DISK_SIGNS = ("No space left", "os error 28", "file write failed", "unexpected pos", "iostream error")
"""What safetensors and torch say when a write was cut short."""
FULL_MEMORY_SIGNS = ("can't allocate memory", "out of memory")
"""What torch's allocators say where they raise no OutOfMemoryError."""


@dataclass(frozen=True)
class Run:
    """A finished run in the store."""

    run_id: str
    spec: RunSpec
    folder: Path
    record: dict[str, Any]

    @property
    def curve(self) -> pd.DataFrame:
        """Loss curve, columns as in ``training.CURVE_COLUMNS``; empty for zero-shot."""
        path = self.folder / "curve.parquet"
        return pd.read_parquet(path) if path.is_file() else pd.DataFrame(columns=list(CURVE_COLUMNS))

    @property
    def parameters(self) -> pd.DataFrame:
        """Columns module, total, trainable."""
        return pd.DataFrame(self.record["parameters_by_module"])

    def load(self, workspace: Workspace) -> tuple[AnyModel, PreTrainedTokenizerBase]:
        """The adapted model with its tokenizer, ready to score or generate."""
        tokenizer = load_tokenizer(self.spec.model, workspace)
        if self.spec.method.kind == "full":
            return load_folder(str(self.folder / "model"), name=self.run_id), tokenizer
        training = self.spec.training
        precision = choose_precision(training.precision if training else "auto", self.spec.method)
        base = load_base(self.spec.model, self.spec.method, precision, workspace)
        if self.spec.method.kind == "zero_shot":
            return base, tokenizer
        return load_adapter(base, self.folder / "adapter"), tokenizer


@dataclass(frozen=True)
class Evaluation:
    """What one scoring of a run gave.

    ``documents``: id, source, nll (nats), tokens, bytes, characters, words. ``words``: document, word, nll, bytes.
    ``tokens``: document, start, end (characters), context, nll; ``document`` counts the rows of ``documents`` from 0.
    """

    run_id: str
    summary: dict[str, Interval]
    documents: pd.DataFrame
    words: pd.DataFrame
    tokens: pd.DataFrame
    provenance: dict[str, Any]


def obtain(spec: RunSpec, corpus: Corpus, workspace: Workspace, layout: Layout | None = None) -> Run:
    """The finished run of that specification: loaded, resumed or trained.

    ``layout`` cuts the steps of its training otherwise than the profile does. That changes neither what a step sees nor
    its gradient, up to rounding (and the masks of a model with dropout), so the run is the same and keeps its name; a
    run in the store stays as it is.

    The processes of one ``accelerate launch`` call this together; the first holds the lock and writes. A failure is
    recorded in the store (``failures``) until the run succeeds.

    Raises:
        RunError: the disk is full, the loss diverged, the corpus is not the one that the specification names, or the
            layout has another effective batch.
    """
    if spec.corpus != corpus.fingerprint:
        raise RunError(f"run {spec.run_id} is for corpus {spec.corpus}, not {corpus.fingerprint}")
    if spec.training is not None:
        chosen_layout(spec.training, layout)
    folder = workspace.runs / spec.run_id
    with _lock(workspace, spec.run_id):
        if from_first(not folder.is_dir()):
            with failures.recorded(spec.run_id, workspace), _exhausted(f"run {spec.run_id}"):
                _make(spec, corpus, workspace, layout)
        from_first(True)  # nobody reads before the first process has written
    return load_run(spec.run_id, workspace)


@dataclass(frozen=True)
class Attempts:
    """What became of several cells: those that have a run, and those that failed in a way that a study can show."""

    runs: tuple[Run, ...]
    failed: tuple[tuple[RunSpec, Failure], ...]


def obtain_all(cells: Sequence[RunSpec], corpus: Corpus, workspace: Workspace) -> Attempts:
    """The runs of these cells as by :func:`obtain`; one that fails for a reason of ``SHOWN`` does not stop the rest.

    Weights that could not be fetched for one cell are not asked for again.

    Raises:
        BashkirError: anything else went wrong, which the user can mend before asking again, such as a full disk.
    """
    found: list[Run] = []
    failed: list[tuple[RunSpec, Failure]] = []
    for cell in cells:
        known = without_weights(cell, failed, workspace)
        done = _attempt(cell, workspace, partial(obtain, cell, corpus, workspace)) if known is None else known
        if isinstance(done, Failure):
            failed.append((cell, done))
        else:
            found.append(done)
    return Attempts(tuple(found), tuple(failed))


def without_weights(cell: RunSpec, failed: Iterable[tuple[RunSpec, Failure]], workspace: Workspace) -> Failure | None:
    """The failure of a cell whose weights could not be fetched for a cell in ``failed``, written down as its own.

    None where there is no such cell, or this one is finished and needs no weights to be loaded.
    """
    why = None if is_stored(cell.run_id, workspace) else failures.undownloaded(cell.model, failed)
    return why and failures.record(cell.run_id, workspace, why.reason, why.message)


def is_stored(run_id: str, workspace: Workspace) -> bool:
    """Whether the run of that name is finished."""
    return (workspace.runs / run_id).is_dir()


@dataclass(frozen=True)
class Scored:
    """Runs with their evaluations, in one order, and the cells that could not be trained or not be scored."""

    runs: tuple[Run, ...]
    evaluations: tuple[Evaluation, ...]
    failed: tuple[tuple[RunSpec, Failure], ...]


def score_all(done: Attempts, corpus: Corpus, study: Study, workspace: Workspace) -> Scored:
    """Score the runs on all that the study asks for; one that fails for a reason of ``SHOWN`` does not stop the rest.

    What is scored is in the store then, so that :func:`evaluate`, :func:`pair_scores` and :func:`forgetting` load it.

    Raises:
        RunError: no run is left; the message says why the first failed.
        BashkirError: as by :func:`obtain_all`.
    """
    pairs = study_pairs(corpus, study.minimal_pairs)
    kept: list[tuple[Run, Evaluation]] = []
    failed = list(done.failed)
    for run in done.runs:
        scores = _attempt(run.spec, workspace, partial(_scores, run, corpus, study, pairs, workspace))
        if isinstance(scores, Failure):
            failed.append((run.spec, scores))
        else:
            kept.append((run, scores))
    if not kept:
        reasons = [f"; {cell.run_id}: {why.message}" for cell, why in failed]
        raise RunError(f"no run is left to show{''.join(reasons[:1])}")
    runs, evaluations = zip(*kept, strict=True)
    return Scored(runs, evaluations, tuple(failed))


def _scores(run: Run, corpus: Corpus, study: Study, pairs: StudyPairs | None, workspace: Workspace) -> Evaluation:
    evaluation = evaluate(run, corpus, study.evaluation, workspace)
    if pairs is not None:
        pair_scores(run, pairs, workspace)
    if study.forgetting is not None:
        forgetting(run, study.forgetting, workspace)
    return evaluation


def _attempt(cell: RunSpec, workspace: Workspace, work: Callable[[], Done]) -> Done | Failure:
    """What ``work`` on a cell gives, or the failure that it left in the store."""
    try:
        return work()
    except SHOWN:
        failure = failures.find(cell.run_id, workspace)
        if failure is None:
            raise
        return failure


def load_run(run_id: str, workspace: Workspace) -> Run:
    """A finished run by name.

    Raises:
        RunError: there is none of that name, or its files are damaged.
    """
    folder = workspace.runs / run_id
    if not os.path.isdir(folder) or folder.name != run_id or run_id.startswith("."):
        raise RunError(f"no run {run_id!r} in the store; `bashkir runs` lists what is there")
    try:
        spec = RunSpec.model_validate(read_json(folder / "spec.json"))
        return Run(run_id, spec, folder, read_json(folder / "record.json"))
    except (OSError, ValueError, ValidationError) as error:
        raise RunError(
            f"run {run_id} is damaged ({type(error).__name__}); remove its folder and run it again"
        ) from error


def list_runs(workspace: Workspace) -> list[Run]:
    """All finished runs, by name."""
    return [load_run(name, workspace) for name in _run_names(workspace)]


def _run_names(workspace: Workspace) -> list[str]:
    if not workspace.runs.is_dir():
        return []
    return sorted(path.name for path in workspace.runs.iterdir() if path.is_dir() and not path.name.startswith("."))


def find_run(beginning: str, workspace: Workspace) -> Run:
    """The finished run of that name, or the only one whose name begins so.

    Raises:
        RunError: no name begins so, several do, or the run's files are damaged.
    """
    found = [name for name in _run_names(workspace) if beginning and name.startswith(beginning)]
    if beginning in found:
        found = [beginning]
    if len(found) > 1:
        others = f" and {len(found) - SUGGESTED} more" if len(found) > SUGGESTED else ""
        raise RunError(
            f"{beginning!r} begins the names of {len(found)} runs, {', '.join(found[:SUGGESTED])}{others}: "
            "give more of it"
        )
    return load_run(found[0] if found else beginning, workspace)


def bare_run(run: Run, workspace: Workspace) -> Run:
    """The model of a run as it came, in its own vocabulary; out of the store if it is there, else with no record."""
    spec = _bare(run.spec).model_copy(update={"model": run.spec.model.base})
    if is_stored(spec.run_id, workspace):
        return load_run(spec.run_id, workspace)
    return Run(spec.run_id, spec, workspace.runs / spec.run_id, {})


def evaluate(run: Run, corpus: Corpus, spec: EvaluationSpec, workspace: Workspace) -> Evaluation:
    """Score the test documents with a run; what was scored before with the same settings is loaded."""
    folder = _scores_folder(run.run_id, corpus.fingerprint, spec, workspace)
    if not folder.is_dir():
        with failures.recorded(run.run_id, workspace):
            _once(folder, run, workspace, lambda temporary: _score(run, corpus, spec, workspace, temporary))
    stored = read_json(folder / "summary.json")
    return Evaluation(
        run_id=run.run_id,
        summary={name: Interval(**interval) for name, interval in stored["summary"].items()},
        documents=pd.read_parquet(folder / "documents.parquet"),
        words=pd.read_parquet(folder / "words.parquet"),
        tokens=pd.read_parquet(folder / "tokens.parquet"),
        provenance=stored["provenance"],
    )


def zero_shot_bits(cell: RunSpec, spec: EvaluationSpec, workspace: Workspace) -> float | None:
    """Bits per byte of what the cell was trained from, if the store has them on the same documents: nothing is scored.

    That is the model as it came; for QLoRA, the same in 4 bits if that was scored.
    """
    found = (stored_bits(base, spec, workspace) for base in _bases(cell))
    return next((bits for bits in found if bits is not None), None)


def stored_bits(cell: RunSpec, spec: EvaluationSpec, workspace: Workspace) -> float | None:
    """Bits per byte of a cell by these settings, if the store has them: nothing is scored."""
    return _bits(_scores_folder(cell.run_id, cell.corpus, spec, workspace))


def stored_divergence(run: Run, workspace: Workspace) -> str:
    """Why a run counts as diverged by a scoring in the store, with its bits per byte; empty where none says so."""
    bases = [workspace.runs / base.run_id / "evaluation" for base in _bases(run.spec)]
    for folder in sorted(run.folder.glob("evaluation/[!.]*")):
        bits = _bits(folder)
        # a scoring's name is that of its documents and settings, whatever run it is of
        before = next((found for base in bases if (found := _bits(base / folder.name)) is not None), None)
        why = "" if bits is None else failures.divergence(bits, before)
        if why:
            return f"{why}, {bits:.4f} bits per byte"
    return ""


def _bare(cell: RunSpec) -> RunSpec:
    """The cell of the same model as it came."""
    return cell.model_copy(update={"method": ZERO_SHOT, "seed": 0, "training": None})


def _bases(cell: RunSpec) -> list[RunSpec]:
    """The untrained cells that this one may be held against, the likest first."""
    bare = _bare(cell)
    if not cell.method.quantised:
        return [bare]
    rounded = bare.model_copy(update={"method": ZERO_SHOT_4BIT})
    # one that is not trained itself is worse than another by rounding, which is no divergence
    return [rounded] if cell.training is None else [rounded, bare]


def _bits(scores: Path) -> float | None:
    path = scores / "summary.json"
    return float(read_json(path)["summary"]["bits_per_byte"]["value"]) if path.is_file() else None


def is_complete(
    cell: RunSpec,
    spec: EvaluationSpec,
    pairs: StudyPairs | None,
    workspace: Workspace,
    other: ForgettingSpec | None = None,
) -> bool:
    """Whether the run is in the store, scored with those settings, on those minimal pairs and in other languages."""
    wanted = [_scores_folder(cell.run_id, cell.corpus, spec, workspace)]
    if pairs is not None:
        wanted.append(_pairs_folder(cell.run_id, pairs, workspace))
    if other is not None:
        wanted.append(_forgetting_folder(cell.run_id, other, workspace))
    return all(folder.is_dir() for folder in wanted)


def has_pair_scores(run: Run, asked: StudyPairs, workspace: Workspace) -> bool:
    """Whether the run has scored the study's minimal pairs."""
    return _pairs_folder(run.run_id, asked, workspace).is_dir()


def has_forgetting(run: Run, spec: ForgettingSpec, workspace: Workspace) -> bool:
    """Whether the run has scored the paragraphs in other languages."""
    return _forgetting_folder(run.run_id, spec, workspace).is_dir()


def is_busy(run_id: str, workspace: Workspace) -> bool:
    """Whether another process works on that run at this moment."""
    return any(_is_held(path) for path in (_lock_file(run_id, workspace), _turn_file(run_id, workspace)))


def is_under_way(failure: Failure, workspace: Workspace) -> bool:
    """Whether a failure is the mark of a run that another process works on, and so none yet."""
    return failure.reason == Reason.KILLED and is_busy(failure.run_id, workspace)


def _is_held(path: Path) -> bool:
    if not path.is_file():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def _scores_folder(run_id: str, corpus: str, spec: EvaluationSpec, workspace: Workspace) -> Path:
    return workspace.runs / run_id / "evaluation" / fingerprint([spec.model_dump(mode="json"), corpus, KEPT])


def generations(run: Run, spec: GenerationSpec, workspace: Workspace) -> pd.DataFrame:
    """Continuations of the study's prompts; columns of ``generation.generate`` and kind, gloss.

    Raises:
        LanguageError: the profile's file of prompts is no table of them.
    """
    prompts = chosen_prompts(spec)
    folder = _generations_folder(run, spec)

    def write(temporary: Path) -> None:
        model, tokenizer = run.load(workspace)
        rows = generation.generate(model, tokenizer, [prompt.text for prompt in prompts], spec)
        about = pd.DataFrame(
            [{"prompt": prompt.text, "kind": prompt.kind, "gloss": prompt.gloss} for prompt in prompts]
        )
        rows.merge(about, on="prompt", how="left").to_parquet(temporary / "continuations.parquet", index=False)

    _once(folder, run, workspace, write)
    rows = pd.read_parquet(folder / "continuations.parquet")
    # what was written before a cut letter was excused is counted anew
    counts = [generation.count_broken(str(row.continuation), ended=bool(row.ended)) for row in rows.itertuples()]
    return rows.assign(broken_characters=counts)


def has_generations(run: Run, spec: GenerationSpec) -> bool:
    """Whether the run has continued the study's prompts."""
    return _generations_folder(run, spec).is_dir()


def _generations_folder(run: Run, spec: GenerationSpec) -> Path:
    # the prompts themselves stand for the file that they are in, and those drawn before it could be named are found
    settings, prompts = spec.model_dump(mode="json", exclude={"prompts_file"}), chosen_prompts(spec)
    texts = [prompt.text for prompt in prompts]
    own = [] if spec.prompts_file is None else [[[prompt.kind, prompt.gloss] for prompt in prompts]]
    return run.folder / "generation" / fingerprint([settings, texts, *own])


def pair_scores(run: Run, asked: StudyPairs, workspace: Workspace) -> pd.DataFrame:
    """Score the study's minimal pairs with a run, or load the scores; columns of ``minimal_pairs.score_pairs``."""
    folder = _pairs_folder(run.run_id, asked, workspace)

    def write(temporary: Path) -> None:
        model, tokenizer = run.load(workspace)
        scores = score_pairs(model, tokenizer, asked.pairs, asked.batch_size)
        scores.to_parquet(temporary / "scores.parquet", index=False)

    if not folder.is_dir():
        with failures.recorded(run.run_id, workspace):
            _once(folder, run, workspace, write)
    return pd.read_parquet(folder / "scores.parquet")


def _pairs_folder(run_id: str, asked: StudyPairs, workspace: Workspace) -> Path:
    return workspace.runs / run_id / "minimal_pairs" / fingerprint([asdict(pair) for pair in asked.pairs])


def forgetting(run: Run, spec: ForgettingSpec, workspace: Workspace) -> pd.DataFrame:
    """Score paragraphs in other languages with a run, or load the scores: what it still knows of them.

    Returns:
        one row a paragraph: language, id, nll (nats), tokens, bytes, characters, words.
    """
    folder = _forgetting_folder(run.run_id, spec, workspace)
    if not folder.is_dir():
        with failures.recorded(run.run_id, workspace):
            _once(folder, run, workspace, lambda temporary: _score_paragraphs(run, spec, workspace, temporary))
    return pd.read_parquet(folder / "paragraphs.parquet")


def _forgetting_folder(run_id: str, spec: ForgettingSpec, workspace: Workspace) -> Path:
    key = [spec.model_dump(mode="json", exclude={"batch_size"}), [asdict(each) for each in _paragraphs(spec)]]
    return workspace.runs / run_id / "forgetting" / fingerprint(key)


def _paragraphs(spec: ForgettingSpec) -> list[Paragraph]:
    return [paragraph for language in spec.languages for paragraph in held_out(language)[: spec.paragraphs]]


def _score_paragraphs(run: Run, spec: ForgettingSpec, workspace: Workspace, folder: Path) -> None:
    model, tokenizer = run.load(workspace)
    check_context(model, spec.window, "forgetting.window")
    paragraphs = _paragraphs(spec)
    texts = [paragraph.text for paragraph in paragraphs]
    check_round_trip(checkable(run.spec, tokenizer), "\n".join(texts))
    how = EvaluationSpec(window=spec.window, overlap=spec.overlap, batch_size=spec.batch_size)
    scores = score_documents(model, tokenizer, texts, how).documents.drop(columns="document")
    scores.insert(0, "language", [paragraph.language for paragraph in paragraphs])
    scores.insert(1, "id", [paragraph.id for paragraph in paragraphs])
    scores.to_parquet(folder / "paragraphs.parquet", index=False)


def _once(folder: Path, run: Run, workspace: Workspace, write: Callable[[Path], None]) -> None:
    """Make ``folder`` by ``write`` unless it is there."""
    with _lock(workspace, run.run_id):
        if not folder.is_dir():
            with _exhausted(f"results of {run.run_id}"), atomic_directory(folder) as temporary:
                write(temporary)
    gc.collect()


def _score(run: Run, corpus: Corpus, spec: EvaluationSpec, workspace: Workspace, folder: Path) -> None:
    model, tokenizer = run.load(workspace)
    check_context(model, spec.window, "evaluation.window")
    chosen = choose_documents(corpus.split("test"), spec)
    check_round_trip(checkable(run.spec, tokenizer), "\n".join(chosen["text"]))
    scores = score_documents(model, tokenizer, chosen["text"].tolist(), spec)
    documents = scores.documents.drop(columns="document")
    documents.insert(0, "id", chosen["id"].to_numpy())
    documents.insert(1, "source", chosen["source"].to_numpy())
    documents.to_parquet(folder / "documents.parquet", index=False)
    scores.words.to_parquet(folder / "words.parquet", index=False)
    scores.tokens.to_parquet(folder / "tokens.parquet", index=False)
    summary = {name: asdict(interval) for name, interval in summarise(documents, spec).items()}
    content = {"summary": summary, "spec": spec.model_dump(mode="json"), "provenance": provenance.collect()}
    write_json(folder / "summary.json", content)


def _make(spec: RunSpec, corpus: Corpus, workspace: Workspace, layout: Layout | None) -> None:
    """Train if there is something to train, then write the run under its name in one move."""
    launch = launched()
    if launch.sharded and spec.method.kind == "qlora":
        raise RunError(f"run {spec.run_id}: FSDP does not spread 4-bit weights; launch qlora with DDP")
    if launch.first:
        prepare_vocabulary(spec.model, corpus, workspace)
        location(spec.model, workspace)
    from_first(True)  # weights that need converting are converted by the first process, with nobody beside it
    set_seed(spec.seed)
    tokenizer = load_tokenizer(spec.model, workspace)
    check_round_trip(checkable(spec, tokenizer))
    precision = choose_precision(spec.training.precision if spec.training else "auto", spec.method)
    if launch.first:
        print(f"{spec.run_id}: {precision.reason}", file=sys.stderr)
    base = load_base(spec.model, spec.method, precision, workspace)
    model = adapt(base, spec.method, new_ids(spec.model, workspace))
    record = _record(spec, corpus, model, precision.reason, workspace)
    partial = workspace.runs / PARTIAL / spec.run_id
    result = None
    if spec.training is not None:
        check_context(model, spec.training.block_length, "training.block_length")
        data = _data(spec, corpus, tokenizer)
        # FSDP's checkpoints are of another form
        checkpoints = partial / "sharded" if launch.sharded else partial
        with _checkpoints(partial):
            own = device_batch(chosen_layout(spec.training, layout), launch.processes)
            record["attempts"] = _note_attempt(partial, last_step(checkpoints), own) if launch.first else []
            result = train(model, data, spec, precision, checkpoints, layout)
        record |= {"budget": _spent(spec.training, result, data), **_costs(result, data)}
        record |= {"flops_per_token": _operations(spec, model, precision, result.layout)}
    if launch.first:
        _write(spec, _Made(model, tokenizer, record, result), workspace)
        shutil.rmtree(partial, ignore_errors=True)


@dataclass(frozen=True)
class _Made:
    """A run that is not written yet."""

    model: AnyModel
    tokenizer: PreTrainedTokenizerBase
    record: dict[str, Any]
    result: TrainingResult | None


def _write(spec: RunSpec, made: _Made, workspace: Workspace) -> None:
    for stale in workspace.runs.glob(f".{spec.run_id}.*"):
        shutil.rmtree(stale)
    with atomic_directory(workspace.runs / spec.run_id) as folder:
        if made.result is not None:
            made.result.curve.to_parquet(folder / "curve.parquet", index=False)
            _save_weights(spec, made, made.result.weights, folder)
        write_json(folder / "record.json", made.record)
        write_json(folder / "spec.json", spec.model_dump(mode="json"))
        write_text(folder / "README.md", model_card(spec, made.record))


def _note_attempt(partial: Path, from_step: int, layout: Layout) -> list[dict[str, Any]]:
    """Every start of this run's training, with this one: which process, when, from which step, in which layout."""
    path = partial / ATTEMPTS
    own = {"date": provenance.now(), "host": platform.node(), "process": os.getpid(), "from_step": from_step}
    own |= asdict(layout)
    attempts = [*(read_json(path) if path.is_file() else []), own]
    write_json(path, attempts)
    return attempts


def _data(spec: RunSpec, corpus: Corpus, tokenizer: PreTrainedTokenizerBase) -> TrainingData:
    budget = spec.training
    if budget is None:
        raise RunError(f"run {spec.run_id} trains nothing")
    check_round_trip(checkable(spec, tokenizer), corpus.split("train")["text"].iloc[0])
    return TrainingData(
        train=pack(tokenizer, corpus.split("train")["text"], budget.block_length, max_blocks=blocks_wanted(budget)),
        validation=pack(
            tokenizer, corpus.split("validation")["text"], budget.block_length, max_blocks=budget.validation_blocks
        ),
    )


def check_context(model: AnyModel, tokens: int, setting: str) -> None:
    """Refuse more context than a model has positions for; some would fail in the middle, others answer nonsense."""
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions is not None and tokens > positions:
        raise ModelError(f"{setting} is {tokens}, and the model has {positions} positions: lower it in the profile")


def checkable(spec: RunSpec, tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """A run's tokenizer as ``tokenization.check_round_trip`` takes it."""
    return from_transformers(spec.model.name, spec.model.label or spec.model.name, tokenizer)


def _operations(spec: RunSpec, model: AnyModel, precision: Precision, layout: Layout) -> float | None:
    """Floating-point operations of training for each token, by the plan's formulas; None for a shape without them."""
    training = spec.training
    if training is None:
        return None
    new = spec.model.vocabulary.entries or 0 if spec.model.vocabulary else 0
    try:
        shape = replace(shape_from_configuration(model.config, spec.model.name), new_entries=new)
    except ModelError:
        return None
    step = Step(shape, spec.method, precision, training.block_length, layout, torch.cuda.is_available())
    return training_flops(step)


def _vocabulary(spec: RunSpec, workspace: Workspace) -> dict[str, Any] | None:
    """Size and cost of a changed vocabulary; None for the one that the model came with."""
    if spec.model.vocabulary is None:
        return None
    made = read_record(spec.model, workspace)
    return {
        "entries": len(made.old_ids),
        "new_entries": len(made.new_ids),
        "seconds": made.tokenizer_seconds + made.embedding_seconds,
    }


def _record(spec: RunSpec, corpus: Corpus, model: AnyModel, precision: str, workspace: Workspace) -> dict[str, Any]:
    parameters = parameter_table(model)
    return {
        "run_id": spec.run_id,
        "corpus_label": corpus.label,
        "corpus_fingerprint": corpus.fingerprint,
        "language": corpus.language,
        "model_label": spec.model.label,
        "precision": precision,
        "vocabulary": _vocabulary(spec, workspace),
        "adapted_modules": adapted_modules(model),
        "trainable_parameters": int(parameters["trainable"].sum()),
        "total_parameters": int(parameters["total"].sum()),
        "parameters_by_module": parameters.to_dict("records"),
        **provenance.collect(),
    }


def _spent(training: TrainingSpec, result: TrainingResult, data: TrainingData) -> dict[str, Any]:
    """The limits that the profile sets, and which of them the training came to."""
    limits = training.model_dump(include={"tokens", "epochs", "minutes"}, exclude_none=True)
    text = "epochs" if training.tokens is None else "tokens"
    return limits | {"ended_by": "minutes" if result.steps < step_count(training, len(data.train)) else text}


def _costs(result: TrainingResult, data: TrainingData) -> dict[str, Any]:
    seconds = max(result.train_seconds, 1e-9)
    last = result.curve["validation_loss"].dropna()
    return {
        "steps": result.steps,
        "tokens_seen": result.tokens_seen,
        "bytes_seen": result.bytes_seen,
        "bytes_per_token": data.train.bytes_per_token,
        "blocks": len(data.train),
        "documents": data.train.documents,
        "wall_seconds": result.wall_seconds,
        "train_seconds": result.train_seconds,
        "tokens_per_second": result.tokens_seen / seconds,
        "bytes_per_second": result.bytes_seen / seconds,
        "peak_rss_bytes": result.peak_rss_bytes,
        "rss_before_bytes": result.rss_before_bytes,
        "peak_gpu_bytes": result.peak_gpu_bytes,
        "resumed_from_step": result.resumed_from_step,
        "processes": result.processes,
        **asdict(result.layout),
        "threads": torch.get_num_threads(),
        "final_validation_loss": float(last.iloc[-1]) if len(last) else None,
    }


def _save_weights(spec: RunSpec, made: _Made, weights: dict[str, torch.Tensor] | None, folder: Path) -> None:
    """Weights or adapter, tokenizer and card; an adapter names its base as the profile does, not by a path."""
    model = made.model
    part = folder / ("model" if spec.method.kind == "full" else "adapter")
    with quiet_libraries():
        if isinstance(model, PeftModel):
            for config in model.peft_config.values():
                config.base_model_name_or_path = spec.model.source.removeprefix("hub:")
            # trained embeddings are saved in any case, so peft need not look the base model up to compare
            model.save_pretrained(str(part), state_dict=weights, save_embedding_layers=False)
        else:
            model.save_pretrained(str(part), state_dict=weights)
    made.tokenizer.save_pretrained(part)
    write_text(part / "README.md", model_card(spec, made.record))


def model_card(spec: RunSpec, record: dict[str, Any]) -> str:
    """A model card in the Hub's format: front matter, then what was done to what, on what."""
    method, training = spec.method, spec.training
    language = [f"language: {record['language']}"] if record["language"] else []
    base = [f"base_model: {spec.model.source[4:]}"] if spec.model.source.startswith("hub:") else []
    lines = [
        "---", *language, "library_name: " + ("transformers" if method.kind == "full" else "peft"),
        *base, "tags: [bashkir, " + method.kind + "]", "---", "",
        f"# {spec.run_id}", "",
        f"- base model: {escape_markdown(spec.model.source)} ({escape_markdown(spec.model.label or spec.model.name)})",
        f"- method: {method.name}, {method.model_dump(exclude={'name'}, exclude_none=True)}",
        f"- corpus: {escape_markdown(record['corpus_label'])}, fingerprint {record['corpus_fingerprint']}",
        f"- seed: {spec.seed}",
        f"- trainable parameters: {record['trainable_parameters']:,} of {record['total_parameters']:,}",
        f"- precision: {record['precision']}",
        f"- date: {record['date']}; commit: {record['commit']}",
    ]  # fmt: skip
    if training is not None:
        lines.append(
            f"- training: {record['tokens_seen']:,} tokens in {record['steps']:,} steps, {training.model_dump()}"
        )
        used = Layout(record["micro_batch"], record["accumulation"], record["checkpointing"])
        lines.append(f"- layout: {layout_line(used, record['processes'])}")
    lines += [
        "",
        "A research artefact: its text can be wrong, harmful or not Bashkir. Metrics are in the run's folder.",
    ]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def in_turn(run_id: str, workspace: Workspace) -> Iterator[None]:
    """One sweep at a time works on a cell, from before its training until it is scored; the others wait."""
    with _held(_turn_file(run_id, workspace), run_id):
        yield


def _turn_file(run_id: str, workspace: Workspace) -> Path:
    return workspace.runs / LOCKS / f"{run_id}.turn"


def _lock_file(run_id: str, workspace: Workspace) -> Path:
    return workspace.runs / LOCKS / f"{run_id}.lock"


@contextlib.contextmanager
def _lock(workspace: Workspace, run_id: str) -> Iterator[None]:
    """One process (or launch of several) at a time works on a run; the others say that they wait."""
    if not launched().first:
        yield
        return
    with _held(_lock_file(run_id, workspace), run_id):
        yield


@contextlib.contextmanager
def _held(path: Path, run_id: str) -> Iterator[None]:
    with _exhausted("the run store"):
        path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0.1)
    except Timeout:
        print(f"another process works on {run_id}: waiting for it", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _checkpoints(folder: Path) -> Iterator[None]:
    """Keep checkpoints when the process is stopped, drop them when the training itself went wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except RunError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


@contextlib.contextmanager
def _exhausted(what: str) -> Iterator[None]:
    """One line for a full disk (OSError, SafetensorError or torch's RuntimeError) and for full memory."""
    try:
        with disk_errors(what, RunError):
            yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(what) from error
    except (SafetensorError, RuntimeError) as error:
        if any(sign in str(error) for sign in FULL_MEMORY_SIGNS):
            raise _out_of_memory(what) from error
        if any(sign in str(error) for sign in FULL_DISK_SIGNS):
            raise RunError(f"cannot write {what}: no space left on device; free some space and run again") from error
        raise


def _out_of_memory(what: str) -> MemoryLimitError:
    return MemoryLimitError(
        f"out of memory at {what}; lower batch_size (and raise gradient_accumulation), set gradient_checkpointing, "
        "let --gpu-memory or --memory do both, or choose a smaller model"
    )
