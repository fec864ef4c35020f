"""Pictures with their data, results and findings of README.md and of the book's first page, written from records.

A marked place in a page names what is written there and of what record; nothing else is touched. Of the studies of one
name the newest is taken. ``paper``, ``reading``, ``vocabulary`` and ``budgets`` name the text that was measured on, by
its fingerprint::

    <!-- results of study, written by `bashkir readme` -->
    …
    <!-- end -->
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from . import rereading, vocabulary_report
from .comparisons import Arm, arms, findings
from .exceptions import RunError
from .forgetting_report import forgetting_findings
from .markup import csv_text, escape_html, escape_markdown
from .plots.figure_data import DataFigure
from .plots.rereading import converted
from .plots.vocabulary import leaders
from .plots.ways import as_svg, ways
from .report import StudyReport, load_recorded, provenance_line, recorded_heading, scored_share
from .rereading import Lengths
from .vocabulary_report import GROUP_NAMES, best_of_group, budget_names, budget_table, by_budget, with_budget
from .workspace import disk_errors

PAGES, RECORDED, PICTURES = ("README.md", "book/index.md"), "book/recorded", "book/static"
DESCRIPTION = 10_000
"""Most characters of what is said of a picture: some sixty for each of all its ways."""
DIGITS = 6
"""Behind the point, of a number in a picture's data."""
_BEGIN = r"<!-- (?P<what>[a-z]+) of (?P<name>[\w-]+)(?=[ ,])[^>]*-->\n"
_PLACE = re.compile(rf"(?P<begin>{_BEGIN})(?:(?!<!-- ).)*(?P<end><!-- end -->)", re.DOTALL)
_HEAD = ("way", "bits per byte", "from … to", "seeds", "trained parameters")


@dataclass(frozen=True)
class Records:
    """What is recorded and may be shown."""

    studies: tuple[StudyReport, ...]
    lengths: tuple[Lengths, ...] = ()


@dataclass(frozen=True)
class Picture:
    """A figure and what it shows, in words and with its numbers."""

    figure: DataFigure
    text: str

    @property
    def svg(self) -> bytes:
        """The file; the same each time."""
        return as_svg(self.figure, self.text)

    @property
    def csv(self) -> bytes:
        """The numbers that are drawn."""
        return csv_text(self.figure.table.round(DIGITS)).encode()


def load_records(folder: Path) -> Records:
    """Everything under ``book/recorded``; raises RunError where a record is damaged."""
    return Records(load_recorded(folder), rereading.load_lengths(folder / rereading.FOLDER))


def refresh(project: Path) -> list[Path]:
    """Write the marked places of ``project``'s pages and the pictures again; gives the files written.

    Raises:
        RunError: a record is damaged or missing, a page is not there or has no marked place, or the disk is full.
    """
    if missing := [page for page in PAGES if not (project / page).is_file()]:
        raise RunError(f"{project}: no {missing[0]} there; run this in the book's checkout")
    records = load_records(project / RECORDED)
    with disk_errors("the pages", RunError):
        texts = {page: (project / page).read_text(encoding="utf-8") for page in PAGES}
        written = {project / page: filled(text, records, page).encode() for page, text in texts.items()}
        for text in texts.values():
            for place, picture in pictures(text, records).items():
                written |= {project / place: picture.svg, (project / place).with_suffix(".csv"): picture.csv}
        for path, content in written.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return list(written)


def filled(text: str, records: Records, page: str = PAGES[0]) -> str:
    """``text`` of a page with every marked place written again.

    Raises:
        RunError: no place is marked, one has no end, is of an unknown kind, or its record is missing.
    """
    places = len(_PLACE.findall(text))
    if not places or places != len(re.findall(_BEGIN, text)):
        raise RunError(f"{page}: every `<!-- results of STUDY -->` needs its `<!-- end -->`, and one must be there")
    return _PLACE.sub(lambda place: _written(place, records, page), text)


def pictures(text: str, records: Records) -> dict[str, Picture]:
    """The pictures that a page's marked places ask for, by path from the project's folder."""
    asked = [(place["what"], place["name"]) for place in _PLACE.finditer(text)]
    return {picture_path(what, name): _DRAWN[what](records, name) for what, name in asked if what in _DRAWN}


def picture_path(what: str, name: str) -> str:
    """Where a picture lies, from the project's folder."""
    return f"{PICTURES}/{'results' if what == 'picture' else what}-{name}.svg"


def _written(place: re.Match[str], records: Records, page: str) -> str:
    what, name = place["what"], place["name"]
    if what in _DRAWN:
        shown = escape_markdown(_DRAWN[what](records, name).text, DESCRIPTION)
        path = Path(picture_path(what, name))
        content = f"![{shown}]({path.relative_to(Path(page).parent).as_posix()})"
    elif what in _TOLD:
        content = _TOLD[what](records, name)
    else:
        raise RunError(f"{page}: nothing is known to write as {what!r}; there is {', '.join((*_DRAWN, *_TOLD))}")
    return f"{place['begin']}\n{content}\n\n{place['end']}"


def newest(studies: Sequence[StudyReport], study: str) -> StudyReport:
    """The record of ``study`` whose last run is the youngest.

    Raises:
        RunError: there is none.
    """
    found = [report for report in studies if report.record.study == study]
    if not found:
        raise RunError(f"no study called {study} is recorded in {RECORDED}: `bashkir record` writes one")
    return max(found, key=lambda report: max(row.date for row in report.rows))


def _measured_on(lengths: Sequence[Lengths], fingerprint: str) -> Lengths:
    found = next((each for each in lengths if each.about.fingerprint == fingerprint), None)
    if found is None:
        raise RunError(f"bytes per token are not recorded for the text {fingerprint}")
    return found


def _budgets_on(studies: Sequence[StudyReport], fingerprint: str) -> list[StudyReport]:
    """The newest record of each study on one text whose budget is in minutes."""
    known = [each for each in with_budget(studies) if each.record.corpus.fingerprint == fingerprint]
    if not known:
        raise RunError(f"no study with a budget in minutes is recorded on the text {fingerprint}")
    return [newest(known, name) for name in dict.fromkeys(each.record.study for each in known)]


# -------------------------------------------------------------------------------------------------------------- table


def results_markdown(report: StudyReport) -> str:
    """One row a way of adaptation (mean over seeds), and below it what the numbers are and where they come from."""
    rows = [_HEAD, ("---", "--:", "---", "---", "--:"), *map(_row, arms(report))]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    legend = (
        "Bits per byte on the test documents, fewer is better. *Over documents*: "
        f"{report.confidence:.0%} bootstrap interval of one run; *over seeds*: lowest and highest run. "
        f"{_budget(report.record.settings['training'])} {_scored([report])}"
    )
    return "\n\n".join([table, legend, _folded([report])])


def _row(arm: Arm) -> tuple[str, ...]:
    seeds = ", ".join(str(run.seed) for run in arm.runs) if arm.kind != "zero_shot" else "–"
    left_out = f" ({arm.left_out})" if arm.left_out else ""
    if not arm.runs:
        return escape_markdown(arm.label), "–", "–", f"none{left_out}", "–"
    return escape_markdown(arm.label), f"{arm.mean:.3f}", _range(arm), seeds + left_out, _trained(arm)


def _range(arm: Arm) -> str:
    low, high = arm.range
    return f"{low:.3f} to {high:.3f} over {'seeds' if len(arm.runs) > 1 else 'documents'}"


def _trained(arm: Arm) -> str:
    run = arm.runs[0]
    if not run.trainable_parameters:
        return "none"
    return f"{run.trainable_parameters:,} ({run.trainable_parameters / run.total_parameters:.1%})"


def _budget(training: Mapping[str, Any]) -> str:
    for unit, name in (("minutes", "minutes of training"), ("tokens", "training tokens"), ("epochs", "epochs")):
        if training.get(unit) is not None:
            return f"Each trained run had {training[unit]:,} {name}."
    return ""


# ----------------------------------------------------------------------------------------------------------- pictures


def picture_of_ways(report: StudyReport) -> Picture:
    """Bits per byte of every way of adaptation."""
    shown = [f"{arm.label} {arm.mean:.3f} ({_range(arm)})" for arm in arms(report) if arm.runs]
    return Picture(ways(report), f"Bits per byte on the test documents, fewer is better: {'; '.join(shown)}.")


def picture_of_vocabularies(studies: Sequence[StudyReport]) -> Picture:
    """Bits per byte after equal time of the best with the model's own vocabulary, with another, and from nothing."""
    table = budget_table(studies)
    names = budget_names(table)
    shown = [
        f"after {names[machine, minutes]}: {'; '.join(_leaders(rows))}" for machine, minutes, rows in by_budget(table)
    ]
    figure = leaders(studies, "Bits per byte after equal training time: the best of each kind")
    return Picture(figure, f"Bits per byte on the test documents, fewer is better, {'. '.join(shown)}.")


def _leaders(rows: pd.DataFrame) -> list[str]:
    best = ((name, best_of_group(rows, group)) for group, name in GROUP_NAMES.items())
    return [f"{name} {row['bits_per_byte']:.3f} ({row['way']})" for name, row in best if row]


def picture_of_paper(lengths: Lengths) -> Picture:
    """The perplexities of the paper as reported and in bits per byte."""
    table = rereading.converted_table(lengths, rereading.draw(lengths))
    shown = [
        f"{name}: perplexity per token {row['perplexity']:.2f}, bits per byte {row['bits_per_byte']:.3f}"
        for name, row in table.iterrows()
    ]
    figure = converted(table, "The paper's figures on two scales")
    return Picture(figure, f"As reported, and computed here: {'; '.join(shown)}.")


_DRAWN: Mapping[str, Callable[[Records, str], Picture]] = MappingProxyType(
    {
        "picture": lambda records, name: picture_of_ways(newest(records.studies, name)),
        "paper": lambda records, name: picture_of_paper(_measured_on(records.lengths, name)),
        "vocabulary": lambda records, name: picture_of_vocabularies(_budgets_on(records.studies, name)),
    }
)
_TOLD: Mapping[str, Callable[[Records, str], str]] = MappingProxyType(
    {
        "results": lambda records, name: results_markdown(newest(records.studies, name)),
        "findings": lambda records, name: _opened(findings(newest(records.studies, name)), 1),
        "forgotten": lambda records, name: _opened(forgetting_findings(newest(records.studies, name)), 3),
        "budgets": lambda records, name: _budgets(_budgets_on(records.studies, name)),
        "reading": lambda records, name: _reading(_measured_on(records.lengths, name)),
    }
)
"""What may stand in a marked place: pictures, and text."""


def _budgets(studies: Sequence[StudyReport]) -> str:
    return f"{vocabulary_report.headlines(studies)}\n\n{_scored(studies)}\n\n{_folded(studies)}"


def _scored(studies: Sequence[StudyReport]) -> str:
    return f"Scored: {escape_markdown('; '.join(dict.fromkeys(map(scored_share, studies))))}."


def _folded(studies: Sequence[StudyReport]) -> str:
    """Where numbers come from, behind a line that opens: blank lines make its content Markdown, here and on GitHub."""
    sources = [f"{recorded_heading(each)} {provenance_line(each)}" for each in studies]
    names = escape_html(", ".join(each.record.study for each in studies))
    summary = f"<summary>Where the numbers of {names} come from: text, weights, commit, machine, date</summary>"
    return "\n\n".join([f"<details>\n{summary}", *sources, "</details>"])


def _opened(items: str, shown: int) -> str:
    """The first items of a Markdown list of one line each; the others behind a line that opens."""
    lines = items.splitlines()
    rest = lines[shown:]
    if not rest:
        return items
    folded = [
        "<details>\n<summary>The other findings, and what they do not say</summary>",
        "\n".join(rest),
        "</details>",
    ]
    return "\n\n".join(["\n".join(lines[:shown]), *folded])


def _reading(lengths: Lengths) -> str:
    said = f"{rereading.text_line(lengths)} Bytes per token were recorded on {lengths.about.date[:10]}."
    return f"{rereading.findings(lengths, rereading.draw(lengths))}\n\n{said}"
