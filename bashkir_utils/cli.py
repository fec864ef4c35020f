"""The command line: the same steps as the book, one verb each. A user's mistake ends in one line and exit code 2."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from .exceptions import BashkirError, LanguageError, PlanError, RatingError, RunError, SweepError
from .markup import terminal_text
from .processes import launched, leave
from .study import Study, load_study
from .workspace import BOOK_VARIABLE, Workspace, recorded_folder

if TYPE_CHECKING:
    from .corpus import Corpus
    from .evaluation import Interval
    from .language.pairs import MinimalPair
    from .minimal_pairs import StudyPairs
    from .planning import Machine
    from .runs import Evaluation, Run
    from .sweep import Outcome, Resources

INTERRUPTED = 130
LAUNCHABLE = ("train", "cell")
"""The verbs that several processes of one ``accelerate launch`` can do together."""
app = typer.Typer(
    name="bashkir",
    help="Adapt language models to Bashkir, or to your language. Each verb's help holds an example.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
language = typer.Typer(help="Bashkir itself: word formation checked against text, minimal pairs.", no_args_is_help=True)
app.add_typer(language, name="language")
rating = typer.Typer(help="Blind human rating: a page for raters, and what they sent back.", no_args_is_help=True)
app.add_typer(rating, name="rating")
ProfileOption = Annotated[str, typer.Option("--profile", "-p", help="Name of a profile, or path of a .yaml file.")]
CorpusOption = Annotated[
    str | None,
    typer.Option("--corpus", "-c", help="embedded, a zip, folder, parquet, jsonl or txt, hub:…, or github:…@commit."),
]
ModelOption = Annotated[str | None, typer.Option("--model", help="A model of the profile; its first by default.")]
SeedOption = Annotated[int | None, typer.Option("--seed", help="A seed; the profile's first by default.")]
GpuMemoryOption = Annotated[
    float | None,
    typer.Option("--gpu-memory", help="GB that a cell has on its GPU: its steps are cut so that they fit, same batch."),
]
MemoryOption = Annotated[
    float | None, typer.Option("--memory", help="The same for training on a processor: GB of main memory.")
]
MethodOption = Annotated[str, typer.Option("--method", "-m", help="A method of the profile, or zero_shot.")]


def main() -> None:
    """Run the command line; turns the errors of this package into one line and their exit code."""
    try:
        app()
    except BashkirError as error:
        sys.exit(_failed(error))
    except SystemExit as stopped:
        # Typer makes this exit code, and no message, of a KeyboardInterrupt.
        if stopped.code == INTERRUPTED:
            print("bashkir: interrupted; ask again to go on from the last checkpoint", file=sys.stderr)
        raise


@app.callback()
def _check_launch(context: typer.Context) -> None:
    if launched().processes > 1 and context.invoked_subcommand not in LAUNCHABLE:
        raise RunError(f"accelerate launch is for `bashkir train`, not for `bashkir {context.invoked_subcommand}`")


@app.command()
def build(
    profile: ProfileOption = "demo",
    corpus: CorpusOption = None,
    folder: Annotated[
        Path | None, typer.Option("--book", envvar=BOOK_VARIABLE, help="The book's folder; the checkout by default.")
    ] = None,
) -> None:
    """Run the notebooks that changed and build the pages.

    Example: bashkir build --profile study --corpus texts.zip
    """
    from . import book

    begun = time.monotonic()
    page = book.build(profile, corpus, project=folder)
    print(f"open {page} ({_minutes(time.monotonic() - begun)})")


@app.command("new-language")
def new_language(
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    name: Annotated[str, typer.Option("--name", help="The language, in English.")],
    corpus: Annotated[str, typer.Option("--corpus", "-c", help="Its text: as for build.")],
    code: Annotated[
        str | None, typer.Option("--code", help="Its ISO 639 code; by default the identifier is asked.")
    ] = None,
) -> None:
    """Write a profile and a book with the same chapters for another language.

    Example: bashkir new-language chuvash --name Chuvash --corpus texts.zip
    """
    from .new_language import create, summary

    made = create(folder, name, corpus, code)
    _print(summary(made))


@app.command()
def run(
    profile: ProfileOption = "demo",
    corpus: CorpusOption = None,
    gpu_memory: GpuMemoryOption = None,
    memory: MemoryOption = None,
) -> None:
    """Train and score every cell of a study that is not in the store yet, without notebooks.

    A cell that fails is named and the others go on. Example: bashkir run --profile study --corpus texts.zip
    """
    from .sweep import everything, run_here

    machine = _machine(gpu_memory, memory)
    study, text, workspace = _prepare(profile, corpus)
    planned = everything(study, text, workspace, machine)
    _check(_follow(run_here(planned, text)), len(planned.cells))


@app.command()
def sweep(  # noqa: PLR0913, PLR0917
    profile: ProfileOption = "demo",
    corpus: CorpusOption = None,
    ray: Annotated[str | None, typer.Option("--ray", help="Address of a Ray cluster: auto, or host:port.")] = None,
    gpus: Annotated[
        float | None,
        typer.Option("--gpus-per-cell", min=0, help="On Ray; more than 1 goes through accelerate launch."),
    ] = None,
    cpus: Annotated[float, typer.Option("--cpus-per-cell", min=0, help="On Ray: cores set aside for a cell.")] = 1,
    memory_per_cell: Annotated[
        float | None, typer.Option("--memory-per-cell", min=0, help="On Ray: main memory set aside for a cell, in GB.")
    ] = None,
    accelerate_config: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, resolve_path=True, help="For cells of several GPUs, e.g. FSDP."),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="model/method/seed, * for anything; also of models that are off.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Run at most so many cells.")] = None,
    gpu_memory: GpuMemoryOption = None,
    memory: MemoryOption = None,
) -> None:
    """Run the cells of a study that are not in the store yet, here or on a Ray cluster; failed ones are tried again.

    Several sweeps may share a store: each takes cells that no other works on. For Ray, BASHKIR_HOME must be on a file
    system that every machine sees. With --gpu-memory or --memory, a cell that fits in no layout is not started.
    Example: bashkir sweep --profile paper --ray auto --gpus-per-cell 1
    """
    from .sweep import plan, run_here, run_on_ray, table

    asked = _resources(ray, gpus, cpus, memory_per_cell, accelerate_config)
    machine = _machine(gpu_memory, memory, accelerate_config, gpus)
    study, text, workspace = _prepare(profile, corpus)
    planned = plan(study, text, workspace, only=only or (), limit=limit, machine=machine)
    outcomes = _follow(run_here(planned, text) if ray is None else run_on_ray(planned, ray, asked))
    _print(table(planned, outcomes).to_string(index=False))
    _check(outcomes, len(planned.cells))


@app.command(hidden=True)
def cell(order: Path) -> None:
    """Train the cell that a sweep wrote down; what the sweep launches when a cell has several GPUs."""
    from . import corpus as corpora
    from .runs import obtain
    from .sweep import Order

    asked = Order.model_validate_json(order.read_text(encoding="utf-8"))
    workspace = Workspace(Path(asked.home))
    obtain(asked.cell, corpora.load(asked.cell.corpus, workspace), workspace, asked.layout)
    leave()


@app.command()
def train(  # noqa: PLR0913, PLR0917
    method: MethodOption,
    profile: ProfileOption = "demo",
    corpus: CorpusOption = None,
    model: ModelOption = None,
    seed: SeedOption = None,
    gpu_memory: GpuMemoryOption = None,
    memory: MemoryOption = None,
) -> None:
    """Train one run of a study, resume it, or find it finished.

    Over several GPUs: accelerate launch --multi_gpu --num_processes 4 -m bashkir_utils train …, with the same batch a
    step. Example: bashkir train --method lora_r8 --profile demo
    """
    machine = _machine(gpu_memory, memory)
    found, _, _, _ = _obtain(profile, corpus, method, model, seed, machine)
    if launched().first:
        print(f"{found.run_id}: {found.record['trainable_parameters']:,} parameters trained")
    leave()


@app.command()
def evaluate(
    method: MethodOption,
    profile: ProfileOption = "demo",
    corpus: CorpusOption = None,
    model: ModelOption = None,
    seed: SeedOption = None,
) -> None:
    """Score one run of a study on the test documents and the minimal pairs; it is trained first where it has to be.

    Example: bashkir evaluate --method zero_shot --profile demo
    """
    from .minimal_pairs import study_pairs
    from .runs import evaluate as score
    from .runs import zero_shot_bits

    found, study, text, workspace = _obtain(profile, corpus, method, model, seed)
    evaluation = score(found, text, study.evaluation, workspace)
    _report(found, evaluation, zero_shot_bits(found.spec, study.evaluation, workspace))
    _report_pairs(found, study_pairs(text, study.minimal_pairs), workspace)


@app.command()
def corpus(profile: ProfileOption = "demo", corpus: CorpusOption = None) -> None:
    """Prepare a corpus and show what each step kept.

    Example: bashkir corpus --profile study --corpus texts/
    """
    _, text, _ = _prepare(profile, corpus)
    _print(f"{text.label}, fingerprint {text.fingerprint}")
    _print(text.funnel().to_string(index=False))
    _print(text.confusion().to_string(index=False))


@app.command()
def runs(run_id: Annotated[str | None, typer.Argument(help="Show this run alone.")] = None) -> None:
    """List the finished and the failed runs of the store, or show one.

    Example: bashkir runs
    """
    from .failures import list_failures
    from .runs import is_under_way, list_runs, load_run, stored_divergence

    workspace = Workspace.find()
    if run_id is not None:
        one = load_run(run_id, workspace)
        _print((one.folder / "README.md").read_text(encoding="utf-8"))
        if why := stored_divergence(one, workspace):
            _print(_diverged(why).strip())
        return
    for found in list_runs(workspace):
        why = _diverged(stored_divergence(found, workspace))
        _print(f"{found.run_id}  {found.record['date']}  {found.record['corpus_label']}{why}")
    for failure in list_failures(workspace):
        state = f"failed ({failure.reason}): {failure.message}"
        _print(f"{failure.run_id}  {failure.date}  {'under way' if is_under_way(failure, workspace) else state}")


@app.command("try")
def try_(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Name of a finished run, or its beginning.")],
    other: Annotated[
        str | None, typer.Argument(metavar="[OTHER]", help="A second run; by default the first's model as it came.")
    ] = None,
    profile: ProfileOption = "demo",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of this machine alone; 0: a free one.")] = 0,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only say where the page is.")] = False,
) -> None:
    """Open a page to type a prompt and see how two models go on, side by side, with their loss of every word.

    The profile says how texts are continued and scored. Example: bashkir try smollm2-135m-lora_r8-s42-a07ff61c3ce6
    """
    from .trying import PageServer, choose_runs, open_bench, serve

    study, workspace = load_study(profile), Workspace.find()
    chosen = choose_runs(run_id, other, workspace)
    try:
        with PageServer(port) as server:
            serve(server, open_bench(chosen, study, workspace), browser=not no_browser)
    except KeyboardInterrupt:
        print("bashkir: the page is closed", flush=True)


@app.command()
def export(
    run_id: Annotated[str, typer.Argument(help="Name of a finished run, as `bashkir runs` lists it.")],
    folder: Annotated[Path, typer.Argument(help="Folder to write; it must not exist.")],
    merged: Annotated[bool, typer.Option("--merged", help="Write base and adapter as one model.")] = False,
) -> None:
    """Write a run as a folder for the Hub, with a model card: what it trained, or base and adapter as one model.

    Example: bashkir export smollm2-135m-lora_r8-s42-a07ff61c3ce6 my-adapter
    """
    from . import corpus as corpora
    from .export import export_merged, export_trained, merging_line
    from .runs import load_run

    workspace = Workspace.find()
    found = load_run(run_id, workspace)
    text = corpora.load(found.spec.corpus, workspace)
    done = (export_merged if merged else export_trained)(found, text, folder, workspace)
    bits = done.summary["bits_per_byte"]
    print(f"{done.content} of {run_id} in {folder}: {bits.value:.4f} bits per byte ({bits.low:.4f} to {bits.high:.4f})")
    if done.merging is not None:
        print(merging_line(done.merging))


@app.command()
def record(
    profile: ProfileOption = "study",
    corpus: CorpusOption = None,
    remark: Annotated[str, typer.Option("--remark", help="What readers must know of how it was run.")] = "",
    complete: Annotated[bool, typer.Option("--complete", help="First score what is not scored: hours.")] = False,
    times_not_comparable: Annotated[
        bool, typer.Option("--times-not-comparable", help="Runs shared the machine: rank nothing by their times.")
    ] = False,
) -> None:
    """Write the results of a study's finished runs to book/recorded/, where the results chapter shows them.

    A study may be recorded while it grows: what is in the store is written, and what is missing is named. Runs that
    were recorded before and are not in this machine's store stay; to begin anew, remove the record's folder. What is
    measured of continuations and of places is of this store's runs alone.
    Example: bashkir record --profile study --corpus texts.zip
    """
    from . import errors_record, forgetting_report, pairs_report
    from .failures import find
    from .minimal_pairs import asks_for_pairs
    from .recording import record_study
    from .runs import Attempts, has_generations, is_complete, is_stored, load_run, score_all
    from .runs import evaluate as score

    study, text, workspace = _prepare(profile, corpus)
    cells = [
        each for each in study.all_cells(text.fingerprint) if each.model.enabled or is_stored(each.run_id, workspace)
    ]
    stored = [load_run(cell.run_id, workspace) for cell in cells if is_stored(cell.run_id, workspace)]
    missing = {cell: find(cell.run_id, workspace) for cell in cells if not is_stored(cell.run_id, workspace)}
    failed = [(cell, failure) for cell, failure in missing.items() if failure is not None]
    found = [each for each in stored if is_complete(each.spec, study.evaluation, None, workspace)]
    if complete and stored:
        done = score_all(Attempts(tuple(stored), tuple(failed)), text, study, workspace)
        found, failed = list(done.runs), list(done.failed)
    if not found:
        raise RunError(f"no run of profile {profile} on this corpus is finished and scored; start with `bashkir run`")
    scores = [score(each, text, study.evaluation, workspace) for each in found]
    folder = recorded_folder() / f"{study.name}-{text.fingerprint}"
    collect_pairs = pairs_report.collect_pairs if complete else pairs_report.stored_pairs
    collect_held_out = forgetting_report.collect_held_out if complete else forgetting_report.stored_held_out
    pairs, other = collect_pairs(study, text, found, workspace), collect_held_out(study, found, workspace)
    report = record_study(
        study,
        text,
        found,
        scores,
        folder,
        pairs=pairs,
        held_out=other,
        failed=failed,
        remark=remark,
        times_comparable=not times_not_comparable,
    )
    writers = [each for each in found if complete or has_generations(each, study.generation)]
    if writers:
        measured = errors_record.measure_errors(report, text, writers, scores, study, workspace)
        errors_record.write_errors(measured, folder)
    with_pairs = asks_for_pairs(text, study.minimal_pairs)
    rows = report.rows
    counted = {
        "of them recorded before": len(rows) - len(found),
        "that failed": len(report.record.failed),
        "not scored yet and left out": 0 if complete else len(stored) - len(found),
        "without minimal pairs": len(rows) - len(pairs_report.scored_runs(report)) if with_pairs else 0,
        "without continuations": len(rows) - len(writers),
        "without other languages": len(rows) - report.held_out["run_id"].nunique() if study.forgetting else 0,
    }
    _print(", ".join([f"{len(rows)} runs recorded in {folder}", *(f"{n} {what}" for what, n in counted.items() if n)]))


@app.command()
def readme() -> None:
    """Write the picture and the results in README.md again, each from the newest record of the study it names.

    Example: bashkir readme
    """
    from .readme import refresh

    for path in refresh(recorded_folder().parent.parent):
        print(path)


@app.command()
def reread(profile: ProfileOption = "study", corpus: CorpusOption = None) -> None:
    """Count the tokens of a corpus under the paper's tokenizers into book/recorded/, for the chapter on the paper.

    Example: bashkir reread --corpus texts.zip
    """
    from . import rereading
    from .tokenization import load_tokenizers

    study, text, workspace = _prepare(profile, corpus)
    lengths = rereading.measure_lengths(text, study.corpus, load_tokenizers(rereading.TOKENIZERS, workspace))
    folder = recorded_folder() / rereading.FOLDER / text.fingerprint
    rereading.write_lengths(lengths, folder)
    print(f"{lengths.table['document'].nunique()} documents measured into {folder}")


@app.command()
def throughput(
    profile: ProfileOption = "study",
    model: ModelOption = None,
    new_tokens: Annotated[int, typer.Option(min=1, help="Of each continuation.")] = 32,
    rounds: Annotated[int, typer.Option(min=1, help="In each, every batch size has one turn.")] = 5,
    remark: Annotated[str, typer.Option("--remark", help="What readers must know of how it was run.")] = "",
) -> None:
    """Time continuations one by one and in batches into book/recorded/, for the chapter on what models write.

    Nothing else should run on the machine.
    Example: bashkir throughput --profile study
    """
    from . import throughput as speed

    spec = load_study(profile).model(model)
    found = speed.measure(spec, Workspace.find(), new_tokens=new_tokens, rounds=rounds, remark=remark)
    path = speed.write_throughput(found, recorded_folder())
    each = zip(found.batch_sizes, found.ratio_of_medians, strict=True)
    print(f"{', '.join(f'{size} at once: {ratio:.2f} times as fast' for size, ratio in each)}; recorded in {path}")


@app.command()
def writing_speed(
    profile: ProfileOption = "vocabulary",
    corpus: CorpusOption = None,
    new_tokens: Annotated[int, typer.Option(min=1, help="Of each continuation.")] = 64,
    rounds: Annotated[int, typer.Option(min=1, help="In each, every model has one turn.")] = 5,
    remark: Annotated[str, typer.Option("--remark", help="What readers must know of how it was run.")] = "",
) -> None:
    """Time how fast the models of a recorded study write into book/recorded/, the best run of each model.

    Nothing else should run on the machine.
    Example: bashkir writing-speed --profile vocabulary --corpus texts.zip
    """
    from . import writing_speed as speed
    from .language import chosen_prompts
    from .recording import recorded_study
    from .runs import is_stored, load_run

    study, text, workspace = _prepare(profile, corpus)
    folder = recorded_folder() / f"{study.name}-{text.fingerprint}"
    report = recorded_study(folder)
    best = speed.best_of_each_model(report)
    chosen = [load_run(run_id, workspace) for run_id in best if is_stored(run_id, workspace)]
    if not chosen:
        raise RunError(f"none of the recorded runs of {study.name} is in this store: train one here first")
    prompts = [prompt.text for prompt in chosen_prompts(study.generation)[: speed.PROMPTS]]
    found = speed.measure(chosen, prompts, workspace, new_tokens=new_tokens, rounds=rounds, remark=remark)
    path = speed.write_speeds(found, folder)
    against = speed.reference(report, found)
    each = (f"{report.labels[str(run_id)]} {ratio:.2f}" for run_id, ratio in found.speedups(against).items())
    absent = f" ({len(best) - len(chosen)} are not in this store)" if len(chosen) < len(best) else ""
    _print(
        f"{len(chosen)} models timed{absent}; characters a second over those of {report.labels[against]}: "
        f"{', '.join(each)}; recorded in {path}"
    )


@app.command()
def normalisations(profile: ProfileOption = "vocabulary", corpus: CorpusOption = None) -> None:
    """Score the trimmed models of a recorded study with and without the entries that were dropped, into book/recorded/.

    Example: bashkir normalisations --profile vocabulary --corpus texts.zip
    """
    from . import normalisations as both
    from .recording import recorded_study
    from .runs import is_stored, load_run

    study, text, workspace = _prepare(profile, corpus)
    folder = recorded_folder() / f"{study.name}-{text.fingerprint}"
    rows = [row for row in recorded_study(folder).rows if is_stored(row.run_id, workspace)]
    trimmed = [row for row in rows if row.kind != "zero_shot" and row.vocabulary and row.vocabulary.way == "trim"]
    chosen = [run for run in (load_run(row.run_id, workspace) for row in trimmed) if both.restorable(run.spec)]
    found = both.measure(chosen, text, study.evaluation, workspace)
    path = both.write_normalisations(found, folder)
    print(both.normalisation_table(found.by_run()).to_string())
    print(f"recorded in {path}")


@app.command()
def tokenizers(
    profile: ProfileOption = "vocabulary",
    corpus: CorpusOption = None,
    model: ModelOption = None,
    characters: Annotated[int, typer.Option(min=1000, help="Of the training split, at most.")] = 4_000_000,
) -> None:
    """Train tokenizers of many sizes on a corpus and compare them with a model's own, into book/recorded/.

    Example: bashkir tokenizers --profile vocabulary --corpus texts.zip
    """
    from . import tokenizer_record as contests
    from .models import load_tokenizer
    from .tokenization import from_transformers
    from .tokenization.candidates import entrants
    from .tokenization.contest import shown

    study, text, workspace = _prepare(profile, corpus)
    spec = study.model(model).base
    base = load_tokenizer(spec, workspace)
    own = from_transformers(spec.name, spec.label or "", base)
    entered = entrants(own, base, text, workspace, characters=characters)
    found = contests.measure(entered, text, training_characters=characters)
    path = contests.write_contest(found, recorded_folder())
    print(shown(found.table).to_string())
    print(f"{len(found.rows)} tokenizers compared; recorded in {path}")


@app.command()
def causes(
    profile: ProfileOption = "demo",
    corpus: CorpusOption = None,
    cause: Annotated[
        list[str] | None, typer.Option("--cause", help="Its name, with * for anything; may be repeated.")
    ] = None,
) -> None:
    """Break a small LoRA run in one place at a time and show what a study with that fault would report.

    Example: bashkir causes --profile demo --cause "tokenizer*"
    """
    from . import causes as faults

    chosen = faults.named(cause or ["*"])
    measured = faults.table(faults.bench(*_prepare(profile, corpus)), chosen)
    shown = measured.drop(columns=["what", "sign"])
    print(shown.to_string(float_format="{:.4g}".format, na_rep="no number"))


@app.command()
def plan(  # noqa: PLR0913, PLR0917 - one argument an option
    profile: ProfileOption = "demo",
    gpu_memory: Annotated[float | None, typer.Option(help="GB of the GPU; without it a processor is planned.")] = None,
    memory: Annotated[float | None, typer.Option(help="GB for a processor; this machine's by default.")] = None,
    tflops: Annotated[float | None, typer.Option(help="Sustained 10^12 operations a second; else assumed.")] = None,
    tokens_per_second: Annotated[float | None, typer.Option(help="Measured speed, instead of --tflops.")] = None,
    corpus_megabytes: Annotated[float | None, typer.Option(help="MB of training text, for budgets in epochs.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="This model alone, on or off.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the models that are off.")] = False,
    measure: Annotated[str | None, typer.Option(help="Measure reference cases here into this JSON file.")] = None,
    shards: Annotated[int, typer.Option(min=1, help="With --gpu-memory: GPUs that share each model by FSDP.")] = 1,
    write_expected: Annotated[
        bool, typer.Option("--write-expected", help="Compute `expected` in the profile again, for its machines.")
    ] = False,
    costs: Annotated[str | None, typer.Option(help="Train the profile's shapes here with random weights.")] = None,
    blocks: Annotated[
        int | None, typer.Option(min=1, help="With --costs: blocks of a step, not the profile's.")
    ] = None,
    steps: Annotated[int, typer.Option(help="With --costs: optimiser steps of each cell.")] = 4,
    remark: Annotated[str, typer.Option(help="With --costs: what readers must know of how it was run.")] = "",
) -> None:
    """Show what fits before anything is downloaded: memory, layout and hours of every cell.

    --costs FILE trains each cell that fits for a few steps and keeps time and memory; asked again, it goes on.
    Example: bashkir plan --profile paper --gpu-memory 24
    """
    from . import planning

    if measure is not None:
        planning.record(planning.CASES, Path(measure), Workspace.find())
        return
    if write_expected:
        if (
            (gpu_memory, memory, tflops, tokens_per_second, corpus_megabytes, model) != (None,) * 6
            or everything
            or shards > 1
        ):
            raise PlanError("--write-expected takes its machines and models from the profile: leave the others out")
        print(f"expected memory and hours written to {planning.write_expected(profile, Workspace.find())}")
        return
    study = load_study(profile)
    if costs is not None:
        here = planning.this_machine(gpu_gigabytes=gpu_memory, gigabytes=memory)
        trials = planning.Trials(study, here, Workspace.find(), blocks=blocks, steps=steps)
        for row in planning.record_costs(trials, Path(costs), remark=remark):
            print(planning.describe_cost(row), flush=True)
        return
    machine = planning.machine_for(
        gpu_gigabytes=gpu_memory,
        gigabytes=memory,
        tflops=tflops,
        tokens_per_second=tokens_per_second,
        shards=shards,
    )
    asked = [model] if model else [each.name for each in study.models if everything or each.enabled]
    plans = planning.plan_study(study, machine, Workspace.find(), models=asked, text_megabytes=corpus_megabytes)
    print(planning.describe_plan(study, machine, plans))


@language.command()
def check(
    profile: ProfileOption = "study",
    corpus: CorpusOption = None,
    output: Annotated[str | None, typer.Option("--output", help="Also write the figures to this JSON file.")] = None,
) -> None:
    """Measure rules and lexicon on a corpus: attested forms, words read, and what is missed.

    Example: bashkir language check --corpus texts.zip
    """
    from .corpus.attestation import check_language

    _, text, _ = _prepare(profile, corpus)
    found = check_language(text)
    _print(found.report())
    if output:
        found.write(Path(output))


@language.command()
def pairs(  # noqa: PLR0913, PLR0917
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    form: Annotated[
        Literal["lm-eval", "dataset"],
        typer.Option("--format", help="Tasks of lm-evaluation-harness, or a Hub dataset."),
    ] = "lm-eval",
    count: Annotated[int, typer.Option("--count", min=1, help="Pairs of each phenomenon.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="Of what is drawn.")] = 42,
    profile: Annotated[
        str | None, typer.Option("--profile", "-p", help="Balance the words by this profile's training text.")
    ] = None,
    corpus: CorpusOption = None,
) -> None:
    """Write the minimal pairs for others: lm-evaluation-harness tasks, or parquet files with a card.

    With --profile, and its seed and number, they are the pairs that the profile's runs score.
    Example: bashkir language pairs tasks && lm_eval --include_path tasks --tasks bashkir_pairs --model hf …
    """
    from .pairs_export import refuse_existing, write_dataset, write_harness_tasks

    refuse_existing(folder)
    write = write_harness_tasks if form == "lm-eval" else write_dataset
    made = _pairs(count, seed, profile, corpus)
    print(f"{len(made):,} pairs written to {write(made, folder)}")


def _pairs(count: int, seed: int, profile: str | None, corpus: str | None) -> tuple[MinimalPair, ...]:
    """Minimal pairs, their words balanced by a text if one is named."""
    from .language.pairs import all_pairs
    from .minimal_pairs import study_pairs
    from .study import PairsSpec

    if profile is None and corpus is None:
        return all_pairs(count, seed)
    study, text, _ = _prepare(profile or "study", corpus)
    asked = study_pairs(text, (study.minimal_pairs or PairsSpec()).model_copy(update={"pairs": count, "seed": seed}))
    if asked is None:
        raise LanguageError(f"the pairs are Bashkir, and {text.label} is not: leave --profile and --corpus out")
    return asked.pairs


@rating.command("kit")
def rating_kit(  # noqa: PLR0913, PLR0917
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    profile: ProfileOption = "demo",
    corpus: CorpusOption = None,
    decoding: Annotated[str | None, typer.Option(help="A decoding of the profile; its first by default.")] = None,
    per_model: Annotated[int, typer.Option("--per-model", min=1, help="Texts of each run, and of people.")] = 6,
    seed: Annotated[int, typer.Option("--seed", help="Of the choice of prompts and of people's texts.")] = 42,
) -> None:
    """Write a page on which people rate continuations without knowing who wrote them, and the key to it.

    Send rating.html alone, and keep key.json. Example: bashkir rating kit my-kit --profile study --corpus texts.zip
    """
    from .rating import KEY_FILE, PAGE_FILE, study_kit, write_kit

    study, text, workspace = _prepare(profile, corpus)
    if text.language not in {None, "ba"}:
        raise RatingError(f"the questions are about Bashkir, and {text.label} was prepared for {text.language!r}")
    found = _finished(study, text, workspace)
    kit = study_kit(study, text, found, workspace, decoding=decoding, per_model=per_model, seed=seed)
    write_kit(kit, folder)
    _print(f"{len(kit.key.items)} texts of {len(found)} runs and of people: send {folder / PAGE_FILE} to raters")
    _print(f"{folder / KEY_FILE} says who wrote what: keep it from them until they are done")


@rating.command("read")
def rating_read(
    key: Annotated[Path, typer.Argument(help="The key.json of the kit.")],
    exports: Annotated[list[Path], typer.Argument(help="The files that raters downloaded, one of each rater.")],
) -> None:
    """Show the means of what raters said of each way of adaptation, and how far they agree.

    Example: bashkir rating read my-kit/key.json rating-*.json
    """
    from .rating import read_ratings, report_text

    _print(report_text(read_ratings(key, exports)))


def _finished(study: Study, text: Corpus, workspace: Workspace) -> list[Run]:
    """The runs of a study that are in the store; raises RunError if none is."""
    from .runs import is_stored, load_run

    cells = study.cells(text.fingerprint)
    found = [load_run(cell.run_id, workspace) for cell in cells if is_stored(cell.run_id, workspace)]
    if not found:
        raise RunError(f"no run of profile {study.name} on this corpus is finished; start with `bashkir run`")
    return found


def _prepare(profile: str, corpus: str | None) -> tuple[Study, Corpus, Workspace]:
    from . import corpus as corpora

    study, workspace = load_study(profile, corpus=corpus), Workspace.find()
    return study, corpora.prepare(study.corpus, workspace), workspace


def _obtain(  # noqa: PLR0913, PLR0917
    profile: str,
    corpus: str | None,
    method: str,
    model: str | None,
    seed: int | None,
    machine: Machine | None = None,
) -> tuple[Run, Study, Corpus, Workspace]:
    from .runs import obtain
    from .sweep import layout_for

    # an unknown name is refused before the corpus is prepared
    load_study(profile, corpus=corpus).run_spec("", method=method, model=model, seed=seed)
    study, text, workspace = _prepare(profile, corpus)
    spec = study.run_spec(text.fingerprint, method=method, model=model, seed=seed)
    layout = None if machine is None else layout_for(spec, study, machine, workspace)
    return obtain(spec, text, workspace, layout), study, text, workspace


def _machine(
    gpu_memory: float | None,
    memory: float | None,
    accelerate_config: Path | None = None,
    gpus: float | None = None,
) -> Machine | None:
    """What every cell is cut to fit, spread over ``gpus`` where the configuration says FSDP; None without a memory."""
    if gpu_memory is None and memory is None:
        return None
    from .planning import machine_for
    from .sweep import is_sharded

    shards = launched().processes if launched().sharded else 1
    if accelerate_config is not None and is_sharded(accelerate_config):
        shards = round(gpus or 1)
    return machine_for(gpu_gigabytes=gpu_memory, gigabytes=memory, shards=shards)


def _resources(
    ray: str | None, gpus: float | None, cpus: float, memory: float | None, accelerate_config: Path | None
) -> Resources:
    """What a cell asks of a cluster; in this process there is nothing to ask of."""
    from .sweep import Resources, host_and_port

    for name, value in (("gpus", gpus), ("cpus", cpus), ("memory", memory)):
        if value is not None and not math.isfinite(value):
            raise SweepError(f"--{name}-per-cell {value:g} is not a finite number")
    if ray is not None:
        host_and_port(ray)
    elif (gpus, cpus, memory, accelerate_config) != (None, 1, None, None):
        raise SweepError("--gpus-per-cell, --cpus-per-cell, --memory-per-cell and --accelerate-config go with --ray")
    if gpus is not None and gpus > 1 and gpus != int(gpus):
        raise SweepError(f"--gpus-per-cell {gpus:g}: more than one must be a whole number")
    if accelerate_config is not None and (gpus or 0) < 2:
        raise SweepError("--accelerate-config goes with --gpus-per-cell 2 or more")
    return Resources(
        gpus=gpus,
        cpus=cpus,
        memory_bytes=None if memory is None else round(memory * 1e9),
        accelerate_config=None if accelerate_config is None else str(accelerate_config),
    )


def _follow(results: Iterator[Outcome]) -> list[Outcome]:
    """Say what becomes of each cell as it does."""
    outcomes = []
    for outcome in results:
        outcomes.append(outcome)
        if outcome.bits_per_byte is None:
            _print(f"{outcome.run_id}: failed: {outcome.message}", file=sys.stderr)
        else:
            _say(outcome.run_id, outcome.bits_per_byte, outcome.diverged)
            if outcome.pairs_right is not None:
                print(f"{outcome.run_id}: {outcome.pairs_right:.1%} of the minimal pairs right", flush=True)
    return outcomes


def _check(outcomes: list[Outcome], cells: int) -> None:
    """Raise RunError if a cell failed."""
    if failed := sum(outcome.state == "failed" for outcome in outcomes):
        raise RunError(f"{failed} of {cells} runs failed, see above; they are tried again when you ask again")


def _report(run: Run, evaluation: Evaluation, base: float | None) -> None:
    from .failures import divergence

    bits = evaluation.summary["bits_per_byte"]
    _say(run.run_id, bits, divergence(bits.value, base))


def _say(run_id: str, bits: Interval, why: str) -> None:
    shown = f"{bits.value:.4f} bits per byte ({bits.low:.4f} to {bits.high:.4f})"
    print(f"{run_id}: {shown}{_diverged(why)}", flush=True)


def _diverged(why: str) -> str:
    return f"  diverged ({why})" if why else ""


def _report_pairs(run: Run, pairs: StudyPairs | None, workspace: Workspace) -> None:
    """Accuracy on minimal pairs, by phenomenon; nothing where there are none."""
    from .minimal_pairs import accuracy_by_phenomenon
    from .runs import pair_scores

    if pairs is None:
        return
    scores = pair_scores(run, pairs, workspace)
    print(f"{run.run_id}: {scores['right'].mean():.1%} of {len(scores):,} minimal pairs right")
    for name, row in accuracy_by_phenomenon(scores).iterrows():
        print(f"  {name}: {row['accuracy']:.1%} ({row['low']:.1%} to {row['high']:.1%})", flush=True)


def _print(text: str, file: TextIO | None = None) -> None:
    """Print what may hold a file's name or a corpus's text: no code of the terminal gets through."""
    print(terminal_text(text), file=file, flush=True)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def _failed(error: BashkirError) -> int:
    _print(f"bashkir: error: {' '.join(str(error).split())}", file=sys.stderr)
    return error.exit_code
