"""What adaptation takes from other languages: bits per byte on English and Russian paragraphs before and after.

QLoRA is trained on a base in 4 bits, and rounding costs bits too. So its change is split: what rounding does is that of
the untrained base in 4 bits against the model as it came, what training does that of the run against the base in 4
bits. Where that base was not scored, the split is not known, and the page says so.
"""

from __future__ import annotations

import math
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
CHANGES: Mapping[str, str] = MappingProxyType(
    {"all": "all of it", "rounding": "rounding to 4 bits", "training": "training, from the base in 4 bits"}
)
"""What a row of the table is the change of."""


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
    """Change of bits per byte in other languages by every way of adaptation, against what was trained.

    That is the same model as it came; for QLoRA, the same in 4 bits where that was scored, which has a row of its own.

    Paired over paragraphs as in ``comparisons``; all rows are one family, corrected by Holm's method. Runs that
    diverged or have not scored the paragraphs are left out.

    Returns:
        columns label, model, kind, change (a key of ``CHANGES``), language, before, after (bits per byte), gain (bits
        per byte saved on the study's own test documents), whole and whole_gain (the same differences against the model
        as it came, so with the rounding; NaN where it was not scored), difference (positive: forgotten), low, high, p,
        p_holm, excludes_zero. Empty without scores.
    """
    pairs, bases = _pairs(report), _bases(report)
    languages = list(dict.fromkeys(report.held_out["language"])) if pairs else []
    rows, contrasts = [], {}
    for language in languages:
        drawn = _drawn(report, language)
        for arm, base in pairs:
            contrasts[f"{arm.label}, {language}"] = drawn.difference(arm.label, base.label)
            came = bases.get((arm.model, False))
            rows.append({"language": language, **_about(arm, base), **_losses(arm, base, came, drawn.values)})
    if not rows:
        return pd.DataFrame()
    paragraphs = int(report.held_out.groupby("language")["id"].nunique().min())
    compared = compare(contrasts, report.confidence, paragraphs)
    return pd.concat([pd.DataFrame(rows), compared.reset_index(drop=True)], axis=1)


def _about(arm: Arm, base: Arm) -> dict[str, str]:
    return {"label": arm.label, "model": arm.model, "kind": arm.kind, "change": _change(arm, base)}


def _losses(arm: Arm, base: Arm, came: Arm | None, values: Mapping[str, float]) -> dict[str, float]:
    """Of one way in one language: bits per byte before and after, and what was won on the test documents meanwhile."""
    after = values[arm.label]
    return {
        "before": values[base.label],
        "after": after,
        "gain": base.mean - arm.mean,
        "whole": math.nan if came is None else after - values[came.label],
        "whole_gain": math.nan if came is None else came.mean - arm.mean,
    }


def _pairs(report: StudyReport) -> list[tuple[Arm, Arm]]:
    """Every way of which a run was scored, with what it began from: its model as it came, or the same in 4 bits."""
    bases = _bases(report)
    began = [(arm, _began(arm, bases)) for arm in _scored(report)]
    return [(arm, base) for arm, base in began if base is not None]


def _scored(report: StudyReport) -> list[Arm]:
    """Every way of which a run was scored, with those runs alone."""
    scored = set(report.held_out["run_id"])
    known = [replace(arm, runs=tuple(run for run in arm.runs if run.run_id in scored)) for arm in arms(report)]
    return [arm for arm in known if arm.runs]


def _bases(report: StudyReport) -> dict[tuple[str, bool], Arm]:
    """The untrained models that were scored, by name and by whether they are in 4 bits."""
    return {(arm.model, arm.quantised): arm for arm in _scored(report) if arm.kind == "zero_shot"}


def _began(arm: Arm, bases: Mapping[tuple[str, bool], Arm]) -> Arm | None:
    came = bases.get((arm.model, False))
    if arm.kind == "zero_shot":
        return came if arm.quantised else None
    return bases.get((arm.model, arm.quantised), came)


def _change(arm: Arm, base: Arm) -> str:
    """Of what a way's difference to ``base`` is the change: a key of ``CHANGES``."""
    if arm.kind == "zero_shot":
        return "rounding"
    return "training" if base.quantised else "all"


def _drawn(report: StudyReport, language: str) -> Bootstrap:
    """Bootstrap draws of every way on one language's paragraphs."""
    scores = dict(iter(report.held_out[report.held_out["language"] == language].groupby("run_id")))
    chosen = {arm.label: arm for arm in _bases(report).values()}
    chosen |= {arm.label: arm for arm, _ in _pairs(report)}
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
            "change of": table["change"].map(CHANGES),
            "bits per byte before": table["before"].map("{:.3f}".format),
            "after": table["after"].map("{:.3f}".format),
            "change": table["difference"].map("{:+.3f}".format),
            "corrected interval": [_range(*ends) for ends in zip(table["low"], table["high"], strict=True)],
            "p (Holm)": table["p_holm"].map("{:.2g}".format),
            "excludes 0": table["excludes_zero"],
            "gain on the test documents": table["gain"].map("{:+.3f}".format),
            "change with the rounding": _with_rounding(table),
        }
    ).set_axis(pd.Index(table["label"], name="adapted"))
    if not table["change"].ne("all").any():
        shown = shown.drop(columns=["change of", "change with the rounding"])
    caption = (
        f"Bits per byte on {_counts(report)} written for this project, before and after; a positive change is loss. "
        f"{_unscored(report)}{what_is_claimed(report)} "
        f"Profile {report.record.study}: {report.record.description}"
    )
    unknown = "".join(f"<p>{escape_html(sentence)}</p>" for sentence in _unknown(table, str))
    return html_table(shown, caption) + unknown + left


def _with_rounding(table: pd.DataFrame) -> pd.Series:
    """QLoRA's whole change in words, where its own row is about its training."""
    words = table["whole"].map("{:+.3f}".format, na_action="ignore")
    return words.where((table["change"] == "training") & table["whole"].notna())


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
    told = (*sentences, *rounding_sentences(report), *_left_out(report, escape_markdown))
    return "\n".join(f"- {sentence}" for sentence in told)


def rounding_sentences(report: StudyReport) -> list[str]:
    """Markdown: how much of QLoRA's change is rounding to 4 bits and how much training, or that it is not known."""
    table = forgetting_table(report)
    if table.empty:
        return []
    return [*_split(table), *_unknown(table, escape_markdown)]


def _split(table: pd.DataFrame) -> list[str]:
    sentences = []
    for row in table[table["change"] == "rounding"].to_dict("records"):
        own = table[(table["model"] == row["model"]) & (table["language"] == row["language"])]
        parts = [
            f"{escape_markdown(str(each['label']))} {each['whole']:+.3f}, of which training {each['difference']:+.3f} "
            f"({_range(each['low'], each['high'])})"
            for each in own[own["change"] == "training"].to_dict("records")
        ]
        said = f" With its training on top: {'; '.join(parts)}." if parts else ""
        verdict = "excludes" if row["excludes_zero"] else "includes"
        sentences.append(
            f"{_name(str(row['language']))}: rounding {escape_markdown(str(row['model']))} to 4 bits, with nothing "
            f"trained, changes {row['difference']:+.3f} ({_range(row['low'], row['high'])}; the interval {verdict} 0)."
            f"{said}"
        )
    return sentences


def _unknown(table: pd.DataFrame, name: Callable[[str], str]) -> list[str]:
    whole = table[(table["kind"] == "qlora") & (table["change"] == "all")]
    if whole.empty:
        return []
    listed = ", ".join(name(str(label)) for label in dict.fromkeys(whole["label"]))
    return [
        f"How much of the change of {listed} is rounding to 4 bits and how much training is not known: the base in 4 "
        "bits was not scored."
    ]


def _of_language(name: str, everything: pd.DataFrame) -> list[str]:
    rows = everything[everything["change"] != "rounding"]
    groups = {
        "lost, with an interval that excludes 0": rows[rows["low"] > 0],
        "gained, with an interval that excludes 0": rows[rows["high"] < 0],
        "no change can be claimed for": rows[~rows["excludes_zero"]],
    }
    return [f"{name}: {what}: {_listed(group)}." for what, group in groups.items() if len(group)]


def _listed(rows: pd.DataFrame) -> str:
    ordered = rows.sort_values("difference", ascending=False)
    return "; ".join(
        f"{escape_markdown(str(row['label']))} {row['difference']:+.3f} ({_range(row['low'], row['high'])}"
        f"{'; by training, from the base in 4 bits' if row['change'] == 'training' else ''})"
        for _, row in ordered.iterrows()
    )


def _range(low: float, high: float) -> str:
    return "no bound: too few paragraphs" if np.isinf(low) else f"{low:+.3f} to {high:+.3f}"
