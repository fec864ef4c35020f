"""What adaptation takes from other languages: bits per byte on English and Russian paragraphs before and after."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from .comparisons import Arm, arms, what_is_claimed
from .markup import escape_html, escape_markdown, html_table
from .report import HELD_OUT_COLUMNS, StudyReport
from .runs import Run, forgetting, has_forgetting
from .statistics import ENOUGH_DRAWS, Bootstrap, aligned, bootstrap, compare
from .study import Study
from .workspace import Workspace

LANGUAGES: Mapping[str, str] = MappingProxyType({"en": "English", "ru": "Russian"})
UNPAIRED = "not scored, or not its model as it came"


def collect_held_out(study: Study, runs: Sequence[Run], workspace: Workspace) -> pd.DataFrame | None:
    """Score text in other languages with every run that has not done it; None where the profile asks for none.

    Returns:
        columns ``report.HELD_OUT_COLUMNS``.
    """
    if study.forgetting is None:
        return None
    scored = [forgetting(run, study.forgetting, workspace).assign(run_id=run.run_id) for run in runs]
    return pd.concat(scored, ignore_index=True)[list(HELD_OUT_COLUMNS)]


def stored_held_out(study: Study, runs: Sequence[Run], workspace: Workspace) -> pd.DataFrame | None:
    """As :func:`collect_held_out`, of those runs alone whose scores are in the store; None where that is no run."""
    if study.forgetting is None:
        return None
    scored = [run for run in runs if has_forgetting(run, study.forgetting, workspace)]
    return collect_held_out(study, scored, workspace) if scored else None


def with_held_out(report: StudyReport, held_out: pd.DataFrame | None) -> StudyReport:
    """The report with what :func:`collect_held_out` gave."""
    return report if held_out is None else replace(report, held_out=held_out)


def forgetting_table(report: StudyReport) -> pd.DataFrame:
    """Change of bits per byte in other languages by every way of adaptation, against the same model as it came.

    Paired over paragraphs as in ``comparisons``; all rows are one family, corrected by Holm's method. Runs that diverged or have not scored the paragraphs are left out.

    Returns:
        columns label, model, kind, language, before, after (bits per byte), difference (positive: forgotten), low,
        high, p, p_holm, excludes_zero, gain (bits per byte saved on the study's own test documents). Empty without
        scores.
    """
    pairs = _pairs(report)
    languages = list(dict.fromkeys(report.held_out["language"])) if pairs else []
    rows, contrasts = [], {}
    for language in languages:
        drawn = _drawn(report, language)
        for arm, base in pairs:
            contrasts[f"{arm.label}, {language}"] = drawn.difference(arm.label, base.label)
            about = {"label": arm.label, "model": arm.model, "kind": arm.kind, "language": language}
            values = {"before": drawn.values[base.label], "after": drawn.values[arm.label]}
            rows.append({**about, **values, "gain": base.mean - arm.mean})
    if not rows:
        return pd.DataFrame()
    paragraphs = int(report.held_out.groupby("language")["id"].nunique().min())
    compared = compare(contrasts, report.confidence, paragraphs)
    return pd.concat([pd.DataFrame(rows), compared.reset_index(drop=True)], axis=1)


def _pairs(report: StudyReport) -> list[tuple[Arm, Arm]]:
    """Every adapted way of which a run was scored, with its model as it came."""
    scored = set(report.held_out["run_id"])
    known = [replace(arm, runs=tuple(run for run in arm.runs if run.run_id in scored)) for arm in arms(report)]
    found = [arm for arm in known if arm.runs]
    bases = {arm.model: arm for arm in found if arm.kind == "zero_shot"}
    return [(arm, bases[arm.model]) for arm in found if arm.kind != "zero_shot" and arm.model in bases]


def _drawn(report: StudyReport, language: str) -> Bootstrap:
    """Bootstrap draws of every way on one language's paragraphs."""
    scores = dict(iter(report.held_out[report.held_out["language"] == language].groupby("run_id")))
    chosen = {arm.label: arm for pair in _pairs(report) for arm in pair}
    losses, sizes = aligned([scores[run.run_id] for arm in chosen.values() for run in arm.runs])
    ends = np.cumsum([len(arm.runs) for arm in chosen.values()])
    setting = int(report.record.settings["evaluation"]["bootstrap_samples"])
    samples = max(setting, ENOUGH_DRAWS)
    return bootstrap(dict(zip(chosen, np.split(losses, ends[:-1]), strict=True)), sizes, samples)


def forgetting_html(report: StudyReport) -> str:
    """The table of :func:`forgetting_table` as HTML, with the ways that are not in it; or a sentence if it is empty."""
    table = forgetting_table(report)
    left = "".join(f"<p>{escape_html(sentence)}</p>" for sentence in _left_out(report, str))
    if table.empty:
        return f"<p>{why_empty(report)}</p>{left}"
    shown = pd.DataFrame(
        {
            "language": table["language"].map(_name),
            "bits per byte before": table["before"].map("{:.3f}".format),
            "after": table["after"].map("{:.3f}".format),
            "change": table["difference"].map("{:+.3f}".format),
            "corrected interval": [_range(*ends) for ends in zip(table["low"], table["high"], strict=True)],
            "p (Holm)": table["p_holm"].map("{:.2g}".format),
            "excludes 0": table["excludes_zero"],
            "gain on the test documents": table["gain"].map("{:+.3f}".format),
        }
    ).set_axis(pd.Index(table["label"], name="adapted"))
    caption = (
        f"Bits per byte on {_counts(report)} written for this project, before and after; a positive change is loss. "
        f"{_unscored(report)}{what_is_claimed(report)} "
        f"Profile {report.record.study}: {report.record.description}"
    )
    return html_table(shown, caption) + left


def why_empty(report: StudyReport) -> str:
    """One sentence: why :func:`forgetting_table` has no rows, where it has none."""
    if report.held_out.empty:
        return "No text in other languages was scored: the profile asks for none, or no run has scored it yet."
    return "Text in other languages was scored, but no way of adaptation is left to compare with its model as it came."


def _left_out(report: StudyReport, name: Callable[[str], str]) -> list[str]:
    """A sentence that names, in the form that ``name`` gives them, ways with runs that are in no row, and why."""
    if report.held_out.empty:
        return []
    shown = {arm.label for pair in _pairs(report) for arm in pair}
    left = [arm for arm in arms(report) if arm.left_out or (arm.kind != "zero_shot" and arm.label not in shown)]
    listed = "; ".join(f"{name(arm.label)}: {name(arm.left_out or UNPAIRED)}" for arm in left)
    return [f"Runs that are in no row: {listed}."] if left else []


def _unscored(report: StudyReport) -> str:
    """How many runs are not in the table because they have not scored the text; empty where all have."""
    missing = {row.run_id for row in report.rows} - set(report.held_out["run_id"])
    return f"Not scored by {len(missing)} of {len(report.rows)} runs. " if missing else ""


def _counts(report: StudyReport) -> str:
    counts = report.held_out.groupby("language", sort=False)["id"].nunique()
    return " and ".join(f"{count} paragraphs of {_name(str(language))}" for language, count in counts.items())


def _name(language: str) -> str:
    return LANGUAGES.get(language, language)


def forgetting_findings(report: StudyReport) -> str:
    """Markdown list: who forgot what, by the corrected intervals; and nothing else."""
    table = forgetting_table(report)
    if table.empty:
        return "\n".join(f"- {sentence}" for sentence in (why_empty(report), *_left_out(report, escape_markdown)))
    sentences = [
        sentence
        for language in dict.fromkeys(table["language"])
        for sentence in _of_language(_name(str(language)), table[table["language"] == language])
    ]
    return "\n".join(f"- {sentence}" for sentence in (*sentences, *_left_out(report, escape_markdown)))


def _of_language(name: str, rows: pd.DataFrame) -> list[str]:
    groups = {
        "lost, with an interval that excludes 0": rows[rows["low"] > 0],
        "gained, with an interval that excludes 0": rows[rows["high"] < 0],
        "no change can be claimed for": rows[~rows["excludes_zero"]],
    }
    return [f"{name}: {what}: {_listed(group)}." for what, group in groups.items() if len(group)]


def _listed(rows: pd.DataFrame) -> str:
    ordered = rows.sort_values("difference", ascending=False)
    return "; ".join(
        f"{escape_markdown(str(row['label']))} {row['difference']:+.3f} ({_range(row['low'], row['high'])})"
        for _, row in ordered.iterrows()
    )


def _range(low: float, high: float) -> str:
    return "no bound: too few paragraphs" if np.isinf(low) else f"{low:+.3f} to {high:+.3f}"
