"""A trimmed model's bits per byte over the entries that it kept and over all that its base had, and a record of both.

Trimming takes rows out of the softmax. Putting them back after training shows what they would take of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

import pandas as pd
from peft import PeftModel
from pydantic import Field, model_validator
from transformers import PreTrainedModel

from . import provenance
from .corpus import Corpus
from .evaluation import choose_documents, score_documents, summarise
from .exceptions import RunError
from .markup import html_table
from .models import load_model
from .recording import OfRuns, load_beside, write_beside
from .report import StudyReport
from .runs import Run
from .study import EvaluationSpec, RunSpec
from .throughput import Provenance
from .vocabulary import read_record, restore_dropped
from .workspace import Workspace

FILE = "normalisations.json"
KEPT, ALL = "kept entries", "all old entries"

Bits = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Normalisations(OfRuns):
    """Bits per byte of a study's trimmed runs under two softmaxes, on the study's own test documents."""

    kept_entries: tuple[Bits, ...]
    all_old_entries: tuple[Bits, ...]

    @model_validator(mode="after")
    def _each_run_has_its_numbers(self) -> Normalisations:
        if {len(self.kept_entries), len(self.all_old_entries)} != {len(self.runs)}:
            raise ValueError("each run has one number under each softmax")
        return self

    def by_run(self) -> dict[str, dict[str, float]]:
        """What :func:`both_normalisations` found, by run id."""
        rows = zip(self.runs, self.kept_entries, self.all_old_entries, strict=True)
        return {run: {KEPT: kept, ALL: full} for run, kept, full in rows}


@dataclass(frozen=True)
class RecordedNormalisations:
    """Those of a recorded study's runs."""

    report: StudyReport
    found: Normalisations


def restorable(spec: RunSpec) -> bool:
    """Whether a run has a trimmed vocabulary, and embeddings that no adapter keeps, so that rows can be put back."""
    vocabulary = spec.model.vocabulary
    return vocabulary is not None and vocabulary.way == "trim" and spec.method.embeddings == "frozen"


def both_normalisations(run: Run, corpus: Corpus, spec: EvaluationSpec, workspace: Workspace) -> dict[str, float]:
    """Bits per byte of a run with a trimmed vocabulary: over the kept entries, and over all old ones.

    The second softmax has the dropped rows back, as the base has them, so it spends probability on entries that the
    tokenizer never writes: that is what the base itself is scored with.

    Raises:
        RunError: the run's vocabulary is not a trimmed one, or its method keeps the embeddings in an adapter.
    """
    if not restorable(run.spec):
        raise RunError(f"run {run.run_id}: both normalisations need a trimmed vocabulary with plain embeddings")
    model, tokenizer = run.load(workspace)
    texts = choose_documents(corpus.split("test"), spec)["text"].tolist()
    kept = summarise(score_documents(model, tokenizer, texts, spec).documents, spec)
    plain = model.get_base_model() if isinstance(model, PeftModel) else model
    base, record = load_model(run.spec.model.base, workspace), read_record(run.spec.model, workspace)
    restore_dropped(cast(PreTrainedModel, plain), base, record)
    full = summarise(score_documents(model, tokenizer, texts, spec).documents, spec)
    return {KEPT: kept["bits_per_byte"].value, ALL: full["bits_per_byte"].value}


def measure(runs: Sequence[Run], corpus: Corpus, spec: EvaluationSpec, workspace: Workspace) -> Normalisations:
    """:func:`both_normalisations` of each run, with where and when.

    Raises:
        RunError: there is no run, or one without a trimmed vocabulary.
    """
    if not runs:
        raise RunError("no run of this study has a trimmed vocabulary whose dropped rows can be put back")
    found = [both_normalisations(run, corpus, spec, workspace) for run in runs]
    return Normalisations(
        runs=tuple(run.run_id for run in runs),
        kept_entries=tuple(each[KEPT] for each in found),
        all_old_entries=tuple(each[ALL] for each in found),
        provenance=Provenance.model_validate(provenance.collect()),
    )


def normalisation_table(found: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """:func:`both_normalisations` of several runs by their names, with the share by which the dropped rows raise it."""
    table = pd.DataFrame.from_dict({name: dict(row) for name, row in found.items()}, orient="index").rename_axis("run")
    share = table[ALL] / table[KEPT] - 1
    return table.map("{:.3f}".format).assign(**{"more with the dropped rows back": share.map("{:.1%}".format)})


def recorded_html(recorded: RecordedNormalisations) -> str:
    """The table of a recorded study, by the labels of its report."""
    report, about = recorded.report, recorded.found.provenance
    named = {report.labels[run]: row for run, row in recorded.found.by_run().items()}
    caption = (
        f"{report.record.study} on {report.record.corpus.label}: bits per byte of trimmed models under two softmaxes"
    )
    return html_table(normalisation_table(named), f"{caption}, {about.date[:10]}, commit {about.commit}")


# ------------------------------------------------------------------------------------------------------------- on disk


def write_normalisations(found: Normalisations, folder: Path) -> Path:
    """As ``recording.write_beside``."""
    return write_beside(found, folder, FILE)


def load_normalisations(folder: Path) -> tuple[RecordedNormalisations, ...]:
    """Those of every recorded study under ``folder``, as ``recording.load_beside``."""
    return tuple(RecordedNormalisations(*each) for each in load_beside(Normalisations, folder, FILE))
