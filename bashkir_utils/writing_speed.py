"""How many characters a second the runs of a study write, timed in turns, and kept beside the study's results.

A token of one vocabulary is two bytes and of another seven, so tokens a second do not compare. What was written is
counted, good or bad: a model that repeats itself writes fast too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
from pydantic import Field, model_validator

from . import provenance
from .exceptions import RunError
from .generation import write
from .markup import escape_markdown, html_table
from .recording import OfRuns, load_beside, write_beside
from .report import StudyReport, diverged
from .runs import Run
from .throughput import Provenance
from .vocabulary_report import MIN_SPEEDUP, best_of_group, budget_table, with_budget
from .workspace import Workspace

FILE = "writing_speed.json"
PROMPTS, NEW_TOKENS, ROUNDS = 8, 64, 5

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class WritingSpeeds(OfRuns):
    """Timed passes of several runs over the same prompts, greedily, so that every pass of a run writes the same."""

    characters: tuple[Count, ...]
    """What each run wrote in one pass."""
    tokens: tuple[Count, ...]
    seconds: tuple[tuple[Seconds, ...], ...] = Field(min_length=1)
    """Of each round, in the order of ``runs``; before the first, each run wrote once and was not timed."""
    prompts: int
    """As one batch."""
    new_tokens: int
    """Of each continuation."""
    device: str
    threads: int
    remark: str = ""

    @model_validator(mode="after")
    def _each_run_has_its_numbers(self) -> WritingSpeeds:
        if {len(row) for row in (self.characters, self.tokens, *self.seconds)} != {len(self.runs)}:
            raise ValueError("a row has more or fewer numbers than there are runs")
        return self

    @property
    def characters_per_second(self) -> pd.DataFrame:
        """One row a round, one column a run."""
        return self.characters / pd.DataFrame(self.seconds, columns=list(self.runs))

    def speedups(self, reference: str) -> pd.Series:
        """Characters a second over those of the run ``reference``: the median over rounds of the ratio, by run."""
        found = self.characters_per_second
        return found.div(found[reference], axis=0).median()


@dataclass(frozen=True)
class RecordedSpeeds:
    """The speeds of a recorded study's runs."""

    report: StudyReport
    speeds: WritingSpeeds


def measure(  # noqa: PLR0913
    runs: Sequence[Run],
    prompts: Sequence[str],
    workspace: Workspace,
    *,
    new_tokens: int = NEW_TOKENS,
    rounds: int = ROUNDS,
    remark: str = "",
) -> WritingSpeeds:
    """Let the runs take turns at continuing all prompts as one batch, greedily, by exactly ``new_tokens`` tokens each.

    Raises:
        ModelError: a model's context has no room for so many tokens.
        DivergenceError: a model's logits are not finite.
    """
    loaded = [run.load(workspace) for run in runs]
    for model, tokenizer in loaded:
        write(model, tokenizer, prompts, 2)  # the first pass of a model fetches its weights
    passes = [[write(model, tokenizer, prompts, new_tokens) for model, tokenizer in loaded] for _ in range(rounds)]
    return WritingSpeeds(
        runs=tuple(run.run_id for run in runs),
        characters=tuple(each.characters for each in passes[0]),
        tokens=tuple(each.tokens for each in passes[0]),
        seconds=tuple(tuple(each.seconds for each in row) for row in passes),
        prompts=len(prompts),
        new_tokens=new_tokens,
        device=loaded[0][0].device.type,
        threads=torch.get_num_threads(),
        remark=remark,
        provenance=Provenance.model_validate(provenance.collect()),
    )


def best_of_each_model(report: StudyReport) -> list[str]:
    """Of each model that was trained, the run with the least loss: a method changes no more than an adapter's share.

    Runs that diverged are left out.

    Raises:
        RunError: no run is left.
    """
    bad = diverged(report)
    trained = [row for row in report.rows if row.kind != "zero_shot" and row.run_id not in bad]
    if not trained:
        raise RunError(f"study {report.record.study} has no trained run to time: none is recorded that did not diverge")
    rows = sorted(trained, key=lambda row: row.bits_per_byte.value)
    best = {row.model: row.run_id for row in reversed(rows)}
    return [row.run_id for row in rows if best[row.model] == row.run_id]


def text_bytes_per_second(report: StudyReport, speeds: WritingSpeeds) -> pd.Series:
    """Tokens a second (median over rounds) times the bytes that a token of the training text has, by run.

    What a model writes greedily may repeat itself in short tokens or in long ones; this is the speed at which it would
    write text like that which it read.
    """
    per_token = {row.run_id: row.bytes_seen / row.tokens_seen for row in report.rows if row.tokens_seen}
    rate = pd.Series(speeds.tokens, index=list(speeds.runs)) / pd.DataFrame(speeds.seconds, columns=list(speeds.runs))
    return rate.median() * pd.Series(per_token).reindex(list(speeds.runs))


def reference(report: StudyReport, speeds: WritingSpeeds) -> str:
    """The run that speeds are held against: the best with the model's own vocabulary, or the first if there is none."""
    table = budget_table([report])
    own = best_of_group(table[table["run_id"].isin(speeds.runs)], "own")
    return own.get("run_id", speeds.runs[0])


def speeds_html(report: StudyReport, speeds: WritingSpeeds) -> str:
    """Medians over rounds, the fastest first, by the labels of ``report``."""
    against = reference(report, speeds)
    found = speeds.characters_per_second
    rate = found.median()
    tokens = pd.Series(speeds.tokens, index=list(speeds.runs))
    characters = pd.Series(speeds.characters, index=list(speeds.runs))
    table = pd.DataFrame(
        {
            "characters/s": rate.map("{:,.0f}".format),
            "over rounds": found.min().map("{:,.0f}".format) + "–" + found.max().map("{:,.0f}".format),
            "characters/token": (characters / tokens).map("{:.2f}".format),
            "text bytes/s": text_bytes_per_second(report, speeds).map("{:,.0f}".format),
            f"times {report.labels[against]}": speeds.speedups(against).map("{:.2f}".format),
        }
    )
    shown = table.loc[rate.sort_values(ascending=False).index]
    return html_table(shown.set_index(shown.index.map(report.labels).rename("run")), _caption(speeds))


def _caption(speeds: WritingSpeeds) -> str:
    about = speeds.provenance
    machine = about.machine
    where = machine.accelerator if speeds.device == "cuda" else f"{machine.processor}, {speeds.threads} threads"
    said = (
        f"Greedy writing: {speeds.prompts} prompts as one batch, {speeds.new_tokens} tokens each, {where}, "
        f"{len(speeds.seconds)} rounds, {about.date[:10]}, commit {about.commit}"
    )
    return f"{said}. {speeds.remark}" if speeds.remark else said


def finding(report: StudyReport, speeds: WritingSpeeds) -> str:
    """One Markdown sentence: how much faster the best way with another vocabulary writes, held against the aim."""
    table = budget_table([report])
    timed = table[table["run_id"].isin(speeds.runs)]
    own, changed = (best_of_group(timed, name) for name in ("own", "changed"))
    if not own or not changed:
        return "No way with another vocabulary was timed beside one with the model's own."
    ratio = float(speeds.speedups(own["run_id"])[changed["run_id"]])
    if not math.isfinite(ratio):
        return f"*{escape_markdown(own['way'])}* wrote no character, so nothing is held against it."
    verdict = "reached" if ratio >= MIN_SPEEDUP else "not reached"
    text = text_bytes_per_second(report, speeds)
    alike = text[changed["run_id"]] / text[own["run_id"]]
    more = f" In text cut as the training text is, it would be {alike:.1f} times." if math.isfinite(alike) else ""
    return (
        f"*{escape_markdown(changed['way'])}* writes {ratio:.1f} times as many characters a second as "
        f"*{escape_markdown(own['way'])}* (this book set out for {MIN_SPEEDUP:g}: {verdict}).{more}"
    )


# ------------------------------------------------------------------------------------------------------------- on disk


def write_speeds(speeds: WritingSpeeds, folder: Path) -> Path:
    """As ``recording.write_beside``."""
    return write_beside(speeds, folder, FILE)


def load_speeds(folder: Path) -> tuple[RecordedSpeeds, ...]:
    """The speeds of every recorded study under ``folder`` that has a budget in minutes, the shortest budget first.

    Raises:
        RunError: a record is damaged, or of other runs than its study.
    """
    found = {id(report): RecordedSpeeds(report, speeds) for report, speeds in load_beside(WritingSpeeds, folder, FILE)}
    return tuple(found[id(report)] for report in with_budget([each.report for each in found.values()]))
