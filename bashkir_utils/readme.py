"""The picture and the table of results in README.md, written from the recorded studies.

A marked place in the file names a study; the newest record of that name fills it, and nothing else is touched::

    <!-- results of study, written by `bashkir readme` -->
    …
    <!-- end -->
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .comparisons import Arm, arms
from .exceptions import RunError
from .markup import escape_markdown
from .plots.ways import as_svg, ways
from .report import StudyReport, load_recorded, provenance_line, recorded_heading
from .workspace import disk_errors

FILE, RECORDED, PICTURES = "README.md", "book/recorded", "book/static"
_BEGIN = r"<!-- (?P<what>picture|results) of (?P<study>[\w-]+)(?=[ ,])[^>]*-->\n"
_PLACE = re.compile(rf"(?P<begin>{_BEGIN})(?:(?!<!-- ).)*(?P<end><!-- end -->)", re.DOTALL)
_HEAD = ("way", "bits per byte", "from … to", "seeds", "trained parameters")


def refresh(project: Path) -> list[Path]:
    """Write the marked places of ``project``'s README.md and the pictures again; gives the files written.

    Raises:
        RunError: a record is damaged or missing, there is no README.md or no marked place in it, or the disk is full.
    """
    if not (project / FILE).is_file():
        raise RunError(f"{project}: no {FILE} there; run this in the book's checkout")
    recorded = load_recorded(project / RECORDED)
    with disk_errors(FILE, RunError):
        text = (project / FILE).read_text(encoding="utf-8")
        written = {project / FILE: filled(text, recorded).encode()} | {
            project / picture_path(study): picture(newest(recorded, study)) for study in _pictured(text)
        }
        for path, content in written.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return list(written)


def filled(text: str, recorded: Sequence[StudyReport]) -> str:
    """``text`` with every marked place written again.

    Raises:
        RunError: no place is marked, one has no end, or its study is not recorded.
    """
    places = len(_PLACE.findall(text))
    if not places or places != len(re.findall(_BEGIN, text)):
        raise RunError(f"{FILE}: every `<!-- results of STUDY -->` needs its `<!-- end -->`, and one must be there")
    return _PLACE.sub(lambda place: _written(place, recorded), text)


def _written(place: re.Match[str], recorded: Sequence[StudyReport]) -> str:
    report = newest(recorded, place["study"])
    content = results_markdown(report) if place["what"] == "results" else _picture_markdown(report)
    return f"{place['begin']}\n{content}\n\n{place['end']}"


def _pictured(text: str) -> list[str]:
    return [place["study"] for place in _PLACE.finditer(text) if place["what"] == "picture"]


def newest(recorded: Sequence[StudyReport], study: str) -> StudyReport:
    """The record of ``study`` whose last run is the youngest.

    Raises:
        RunError: there is none.
    """
    found = [report for report in recorded if report.record.study == study]
    if not found:
        raise RunError(f"no study called {study} is recorded in {RECORDED}: `bashkir record` writes one")
    return max(found, key=lambda report: max(row.date for row in report.rows))


# -------------------------------------------------------------------------------------------------------------- table


def results_markdown(report: StudyReport) -> str:
    """One row a way of adaptation (mean over seeds), and below it what the numbers are and where they come from."""
    rows = [_HEAD, ("---", "--:", "---", "---", "--:"), *map(_row, arms(report))]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    legend = (
        "Bits per byte on the test documents, fewer is better. *Over documents*: "
        f"{report.confidence:.0%} bootstrap interval of one run; *over seeds*: lowest and highest run. "
        f"{_budget(report.record.settings['training'])}"
    )
    return "\n\n".join([table, legend, f"{recorded_heading(report)} {provenance_line(report)}"])


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


# ------------------------------------------------------------------------------------------------------------ picture


def picture(report: StudyReport) -> bytes:
    """The picture as SVG; its description is :func:`picture_text`."""
    return as_svg(ways(report), picture_text(report))


def picture_path(study: str) -> str:
    """Where the picture lies, relative to README.md."""
    return f"{PICTURES}/results-{study}.svg"


def picture_text(report: StudyReport) -> str:
    """What the picture shows, in words and with its numbers."""
    return _described(report, str)


def _described(report: StudyReport, name: Callable[[str], str]) -> str:
    shown = [f"{name(arm.label)} {arm.mean:.3f} ({_range(arm)})" for arm in arms(report) if arm.runs]
    return f"Bits per byte on the test documents, fewer is better: {'; '.join(shown)}."


def _picture_markdown(report: StudyReport) -> str:
    return f"![{_described(report, escape_markdown)}]({picture_path(report.record.study)})"
