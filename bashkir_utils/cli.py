"""The command line: the same steps as the book, one verb each. A user's mistake ends in one line and exit code 2."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .exceptions import BashkirError, RunError
from .study import Study, load_study
from .workspace import Workspace, recorded_folder

if TYPE_CHECKING:
    from .corpus import Corpus
    from .runs import Evaluation, Run

INTERRUPTED = 130
app = typer.Typer(
    name="bashkir",
    help="Adapt language models to Bashkir, or to your language. Each verb's help holds an example.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
language = typer.Typer(help="Bashkir word formation: check it against text.", no_args_is_help=True)
app.add_typer(language, name="language")
ProfileOption = Annotated[str, typer.Option("--profile", "-p", help="Name of a profile, or path of a .yaml file.")]
CorpusOption = Annotated[
    str | None,
    typer.Option("--corpus", "-c", help="embedded, a zip, folder, parquet, jsonl or txt, hub:…, or github:…@commit."),
]
ModelOption = Annotated[str | None, typer.Option("--model", help="A model of the profile; its first by default.")]
SeedOption = Annotated[int | None, typer.Option("--seed", help="A seed; the profile's first by default.")]
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


@app.command()
def build(profile: ProfileOption = "demo", corpus: CorpusOption = None) -> None:
    """Run the notebooks that changed and build the pages.

    Example: bashkir build --profile study --corpus texts.zip
    """
    from . import book

    begun = time.monotonic()
    page = book.build(profile, corpus)
    print(f"open {page} ({_minutes(time.monotonic() - begun)})")


@app.command()
def run(profile: ProfileOption = "demo", corpus: CorpusOption = None) -> None:
    """Train and score every cell of a study that is not in the store yet, without notebooks.

    A cell that fails is named and the others go on. Example: bashkir run --profile study --corpus texts.zip
    """
    from .runs import evaluate as score
    from .runs import obtain

    study, text, workspace = _prepare(profile, corpus)
    failed = 0
    for cell in study.cells(text.fingerprint):
        try:
            found = obtain(cell, text, workspace)
            _report(found, score(found, text, study.evaluation, workspace))
        except BashkirError as error:
            failed += 1
            print(f"{cell.run_id}: failed: {error}", file=sys.stderr)
    if failed:
        raise RunError(f"{failed} of {len(study.cells(text.fingerprint))} runs failed, see above")


@app.command()
def train(
    method: MethodOption,
    profile: ProfileOption = "demo",
    corpus: CorpusOption = None,
    model: ModelOption = None,
    seed: SeedOption = None,
) -> None:
    """Train one run of a study, resume it, or find it finished.

    Example: bashkir train --method lora_r8 --profile demo
    """
    found, _, _, _ = _obtain(profile, corpus, method, model, seed)
    print(f"{found.run_id}: {found.record['trainable_parameters']:,} parameters trained")


@app.command()
def evaluate(
    method: MethodOption,
    profile: ProfileOption = "demo",
    corpus: CorpusOption = None,
    model: ModelOption = None,
    seed: SeedOption = None,
) -> None:
    """Score one run of a study on the test documents; it is trained first where it has to be.

    Example: bashkir evaluate --method zero_shot --profile demo
    """
    from .runs import evaluate as score

    found, study, text, workspace = _obtain(profile, corpus, method, model, seed)
    _report(found, score(found, text, study.evaluation, workspace))


@app.command()
def corpus(profile: ProfileOption = "demo", corpus: CorpusOption = None) -> None:
    """Prepare a corpus and show what each step kept.

    Example: bashkir corpus --profile study --corpus texts/
    """
    _, text, _ = _prepare(profile, corpus)
    print(f"{text.label}, fingerprint {text.fingerprint}")
    print(text.funnel().to_string(index=False))
    print(text.confusion().to_string(index=False))


@app.command()
def runs(run_id: Annotated[str | None, typer.Argument(help="Show this run alone.")] = None) -> None:
    """List the finished runs of the store, or show one.

    Example: bashkir runs
    """
    from .runs import list_runs, load_run

    workspace = Workspace.find()
    if run_id is not None:
        print((load_run(run_id, workspace).folder / "README.md").read_text(encoding="utf-8"))
        return
    for found in list_runs(workspace):
        print(f"{found.run_id}  {found.record['date']}  {found.record['corpus_label']}")


@app.command()
def export(
    run_id: Annotated[str, typer.Argument(help="Name of a finished run, as `bashkir runs` lists it.")],
    folder: Annotated[Path, typer.Argument(help="Folder to write; it must not exist.")],
    merged: Annotated[bool, typer.Option("--merged", help="Write base and adapter as one model.")] = False,
) -> None:
    """Write a run as a folder for the Hub, with a model card: what it trained, or base and adapter as one model.

    Example: bashkir export smollm2-135m-lora_r8-s42-a07ff61c3ce6 my-adapter
    """
    from .corpus import load_prepared
    from .export import export_merged, export_trained, merging_line
    from .runs import load_run

    workspace = Workspace.find()
    found = load_run(run_id, workspace)
    text = load_prepared(found.spec.corpus, workspace)
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
) -> None:
    """Write the results of a study's finished runs to book/recorded/, where the results chapter shows them.

    Example: bashkir record --profile study --corpus texts.zip
    """
    from .report import record_study
    from .runs import evaluate as score
    from .runs import load_run

    study, text, workspace = _prepare(profile, corpus)
    stored = {path.name for path in workspace.runs.glob("*") if path.is_dir()}
    found = [load_run(c.run_id, workspace) for c in study.cells(text.fingerprint) if c.run_id in stored]
    if not found:
        raise RunError(f"no run of profile {profile} on this corpus is finished; start with `bashkir run`")
    scores = [score(each, text, study.evaluation, workspace) for each in found]
    folder = recorded_folder() / f"{study.name}-{text.fingerprint}"
    record_study(study, text, found, scores, folder, remark=remark)
    print(f"{len(found)} runs recorded in {folder}")


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
    print(found.report())
    if output:
        found.write(Path(output))


def _prepare(profile: str, corpus: str | None) -> tuple[Study, Corpus, Workspace]:
    from . import corpus as corpora

    study, workspace = load_study(profile, corpus=corpus), Workspace.find()
    return study, corpora.prepare(study.corpus, workspace), workspace


def _obtain(
    profile: str, corpus: str | None, method: str, model: str | None, seed: int | None
) -> tuple[Run, Study, Corpus, Workspace]:
    from .runs import obtain

    # an unknown name is refused before the corpus is prepared
    load_study(profile, corpus=corpus).run_spec("", method=method, model=model, seed=seed)
    study, text, workspace = _prepare(profile, corpus)
    spec = study.run_spec(text.fingerprint, method=method, model=model, seed=seed)
    return obtain(spec, text, workspace), study, text, workspace


def _report(run: Run, evaluation: Evaluation) -> None:
    bits = evaluation.summary["bits_per_byte"]
    print(f"{run.run_id}: {bits.value:.4f} bits per byte ({bits.low:.4f} to {bits.high:.4f})", flush=True)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 60 else f"{seconds / 60:.1f} min"


def _failed(error: BashkirError) -> int:
    print(f"bashkir: error: {' '.join(str(error).split())}", file=sys.stderr)
    return error.exit_code
