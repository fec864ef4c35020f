"""Ways of adaptation compared: means over seeds, differences with Holm's correction, the effect of rank, variance.

What is compared is an :class:`Arm`: one way to adapt one model, with its runs over seeds. Runs that diverged are shown,
counted and left out of every mean.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from .failures import Reason
from .markup import escape_markdown, html_table
from .report import Result, StudyReport, diverged, way_name
from .statistics import (
    ENOUGH_DRAWS,
    Bootstrap,
    Contrast,
    aligned,
    bootstrap,
    compare,
    mean_contrast,
    over_seeds,
    variance_components,
)

FEW_DOCUMENTS, FEW_SOURCES, FEW_SEEDS = 30, 10, 10
ALL_MODELS, IN_TRAINING = "all models", "loss not finite in training"
KIND_NAMES = MappingProxyType({"lora": "LoRA", "qlora": "QLoRA", "full": "full fine-tuning", "zero_shot": "zero-shot"})

Step = tuple[str, str, int, int]
"""Model, kind of adapter, lower rank, higher rank."""


@dataclass(frozen=True)
class Arm:
    """One way to adapt one model; ``runs`` are those that did not diverge, over seeds."""

    label: str
    model: str
    kind: str
    rank: int | None
    runs: tuple[Result, ...]
    diverged: Mapping[int, str]
    """By seed: why, with the bits per byte where there are any."""
    failed: Mapping[int, str]
    """By seed: other reasons why there is no run."""

    @property
    def mean(self) -> float:
        """Mean bits per byte over seeds; infinite where no run is left."""
        return over_seeds([run.bits_per_byte.value for run in self.runs]).mean if self.runs else math.inf

    @property
    def range(self) -> tuple[float, float]:
        """Bits per byte of the lowest and the highest run; of one run, the ends of its interval over documents.

        Raises:
            ValueError: no run is left.
        """
        values = [run.bits_per_byte.value for run in self.runs]
        if len(values) == 1:
            return self.runs[0].bits_per_byte.low, self.runs[0].bits_per_byte.high
        return min(values), max(values)

    @property
    def quantised(self) -> bool:
        """Whether the weights of the base are in NF4."""
        return self.kind == "qlora" or any(run.quantised for run in self.runs)

    @property
    def left_out(self) -> str:
        """In words, how many runs are in no mean; empty where there is none."""
        counts = Counter(why.replace("_", " ") for why in self.failed.values())
        counts["diverged"] += len(self.diverged)
        return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()) if count)


def arms(report: StudyReport) -> list[Arm]:
    """Every way of adaptation of a study, in the order of its cells; those with no run at all come last."""
    found: dict[str, list[Result]] = {}
    for row in report.rows:
        found.setdefault(report.arms[row.run_id], []).append(row)
    known = {(rows[0].model, rows[0].method): label for label, rows in found.items()}
    return [_arm(report, label, rows) for label, rows in found.items()] + _arms_without_runs(report, known)


def _arm(report: StudyReport, label: str, rows: Sequence[Result]) -> Arm:
    bad = diverged(report)
    first = rows[0]
    failed = {
        each.seed: each.reason
        for each in report.record.failed
        if (each.model, each.method) == (first.model, first.method)
    }
    reasons = {row.seed: f"{row.bits_per_byte.value:.3f}, {bad[row.run_id]}" for row in rows if row.run_id in bad}
    reasons |= {seed: IN_TRAINING for seed, why in failed.items() if why == Reason.DIVERGED}
    return Arm(
        label=label,
        model=first.model,
        kind=first.kind,
        rank=first.rank,
        runs=tuple(row for row in rows if row.run_id not in bad),
        diverged=reasons,
        failed={seed: why for seed, why in failed.items() if why != Reason.DIVERGED},
    )


def _arms_without_runs(report: StudyReport, known: Mapping[tuple[str, str], str]) -> list[Arm]:
    several = len({row.model for row in report.rows} | {each.model for each in report.record.failed}) > 1
    missing: dict[str, Arm] = {}
    for each in report.record.failed:
        if (each.model, each.method) in known:
            continue
        method = way_name(each.method)
        label = f"{each.model} {method}" if several else method
        arm = missing.setdefault(label, Arm(label, each.model, each.kind, each.rank, (), {}, {}))
        if each.reason == Reason.DIVERGED:
            missing[label] = replace(arm, diverged={**arm.diverged, each.seed: IN_TRAINING})
        else:
            missing[label] = replace(arm, failed={**arm.failed, each.seed: each.reason})
    return list(missing.values())


def best_arm(report: StudyReport) -> Arm:
    """The way with the fewest bits per byte, as a mean over the seeds that did not diverge."""
    return min(arms(report), key=lambda arm: arm.mean)


# --------------------------------------------------------------------------------------------------------------- seeds


def seed_table(report: StudyReport) -> pd.DataFrame:
    """One row a way of adaptation, by label: mean, deviation (over seeds; NaN for one), runs, seeds, left_out.

    ``seeds`` shows the bits per byte of every seed, those that diverged too. Losses are averaged, never perplexities:
    the largest of these would make up most of their mean.
    """
    rows = []
    for arm in arms(report):
        summary = over_seeds([run.bits_per_byte.value for run in arm.runs]) if arm.runs else None
        rows.append(
            {
                "label": arm.label,
                "mean": summary.mean if summary else math.nan,
                "deviation": summary.deviation if summary else math.nan,
                "runs": len(arm.runs),
                "seeds": _each_seed(arm),
                "left_out": arm.left_out,
            }
        )
    return pd.DataFrame(rows).set_index("label")


def _each_seed(arm: Arm) -> str:
    if arm.kind == "zero_shot":
        return ", ".join(f"{run.bits_per_byte.value:.3f}" for run in arm.runs)
    shown = {run.seed: f"{run.bits_per_byte.value:.3f}" for run in arm.runs}
    shown |= {seed: f"diverged ({why})" for seed, why in arm.diverged.items()}
    shown |= {seed: f"failed ({why.replace('_', ' ')})" for seed, why in arm.failed.items()}
    return "; ".join(f"seed {seed}: {shown[seed]}" for seed in sorted(shown))


def seeds_html(report: StudyReport) -> str:
    """The table of :func:`seed_table` as HTML."""
    table = seed_table(report)
    shown = pd.DataFrame(
        {
            "bits per byte of each seed": table["seeds"],
            "mean": table["mean"].map("{:.3f}".format, na_action="ignore"),
            "standard deviation": table["deviation"].map("{:.4f}".format, na_action="ignore"),
            "runs in the mean": table["runs"],
            "left out": table["left_out"].where(table["left_out"] != ""),
        }
    )
    return html_table(shown, "Runs over seeds, bits per byte on the test documents; runs that diverged are in no mean")


def seed_findings(report: StudyReport) -> str:
    """Markdown list: how far seeds lie apart beside how far methods do, and what diverged."""
    trained = [arm for arm in arms(report) if arm.kind != "zero_shot"]
    sentences = [*_spread_of_seeds(trained), *_what_diverged(trained)]
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _spread_of_seeds(trained: Sequence[Arm]) -> list[str]:
    summaries = {arm.label: over_seeds([run.bits_per_byte.value for run in arm.runs]) for arm in trained if arm.runs}
    several = {label: each for label, each in summaries.items() if each.runs > 1}
    if not several:
        return ["No way was trained with several seeds, so what the seed does cannot be computed here."]
    widest = max(several, key=lambda label: several[label].deviation)
    means = [each.mean for each in summaries.values()]
    return [
        f"Between seeds the standard deviation is {min(each.deviation for each in several.values()):.4f} to "
        f"{several[widest].deviation:.4f} bits per byte (largest: {escape_markdown(widest)}); the means of the ways "
        f"lie {max(means) - min(means):.4f} apart."
    ]


def _what_diverged(trained: Sequence[Arm]) -> list[str]:
    sentences = [
        f"**{escape_markdown(arm.label)}: {len(arm.diverged)} of {len(arm.runs) + len(arm.diverged)} runs diverged** "
        f"({escape_markdown('; '.join(f'seed {seed}: {why}' for seed, why in sorted(arm.diverged.items())))}); "
        f"its mean is over the other {len(arm.runs)}."
        for arm in trained
        if arm.diverged
    ]
    sentences += [
        f"{escape_markdown(arm.label)}: no run for seed {seed} ({escape_markdown(why.replace('_', ' '))})."
        for arm in trained
        for seed, why in sorted(arm.failed.items())
    ]
    return sentences or ["No run diverged: every loss is finite and none is above that of its model as it came."]


# --------------------------------------------------------------------------------------------------------- differences


def compare_all(report: StudyReport) -> pd.DataFrame:
    """Every pair of ways of adaptation on the same documents: one family, corrected by Holm's method.

    Returns:
        columns first, second (labels), difference (bits per byte of ``first`` less those of ``second``), low, high, p,
        p_holm, excludes_zero; see ``statistics.compare``.
    """
    pairs = list(combinations([arm.label for arm in arms(report) if arm.runs], 2))
    drawn = _drawn(report)
    contrasts = {str(i): drawn.difference(*pair) for i, pair in enumerate(pairs)}
    table = compare(contrasts, report.confidence, report.documents["id"].nunique())
    table.insert(0, "first", [first for first, _ in pairs])
    table.insert(1, "second", [second for _, second in pairs])
    return table.reset_index(drop=True)


def _drawn(report: StudyReport) -> Bootstrap:
    """Bootstrap draws of every way that has a run."""
    kept = {arm.label: [run.run_id for run in arm.runs] for arm in arms(report) if arm.runs}
    scores = dict(iter(report.documents.groupby("run_id")))
    losses, sizes = aligned([scores[run_id] for run_ids in kept.values() for run_id in run_ids])
    ends = np.cumsum([len(run_ids) for run_ids in kept.values()])
    split = dict(zip(kept, np.split(losses, ends[:-1]), strict=True))
    setting = int(report.record.settings["evaluation"]["bootstrap_samples"])
    return bootstrap(split, sizes, max(setting, ENOUGH_DRAWS))


def differences_from(report: StudyReport, reference: str) -> pd.DataFrame:
    """The rows of :func:`compare_all` with the way labelled ``reference``, turned so that positive is worse than it.

    Returns:
        columns difference, low, high, p, p_holm, excludes_zero; by label.
    """
    everything = compare_all(report)
    later = everything[everything["second"] == reference].set_index("first")
    earlier = everything[everything["first"] == reference].set_index("second")
    turned = earlier.assign(difference=-earlier["difference"], low=-earlier["high"], high=-earlier["low"])
    found = pd.concat([later.drop(columns="second"), turned.drop(columns="first")])
    order = [arm.label for arm in arms(report) if arm.label in found.index]
    return found.loc[order].rename_axis("label")


def pair_finding(report: StudyReport, first: str, second: str) -> str:
    """Markdown list item: what :func:`compare_all` says of two ways of adaptation, given by run id."""
    one, other = report.arms[first], report.arms[second]
    shown, reference = escape_markdown(one), escape_markdown(other)
    found = differences_from(report, other)
    if one not in found.index:
        return f"- {shown} is not compared with {reference}: they are one way, or no run of one is left."
    row = found.loc[one]
    interval = f"{row['difference']:+.4f} ({report.confidence:.0%} interval {row['low']:+.4f} to {row['high']:+.4f})"
    verdict = "the interval includes 0, so no difference can be claimed"
    if row["excludes_zero"]:
        better = shown if row["difference"] < 0 else reference
        verdict = f"the interval excludes 0: **{better}** predicts these documents better"
    return (
        f"- {shown} less {reference}, bits per byte on the test documents, corrected for all pairs of this chapter: "
        f"{interval}; {verdict}."
    )


def differences_html(report: StudyReport) -> str:
    """Every way's difference to the best one, as an HTML table."""
    best = best_arm(report).label
    caption = (
        f"Difference to {best}, over the same test documents; p and intervals corrected for all pairs (Holm). "
        f"{what_is_claimed(report)}"
    )
    return _differences_html(differences_from(report, best), caption)


def _differences_html(found: pd.DataFrame, caption: str) -> str:
    shown = pd.DataFrame(
        {
            "difference, bits per byte": found["difference"].map("{:+.4f}".format),
            "corrected interval": [_range(*ends) for ends in zip(found["low"], found["high"], strict=True)],
            "p": found["p"].map("{:.2g}".format),
            "p (Holm)": found["p_holm"].map("{:.2g}".format),
            "excludes 0": found["excludes_zero"],
        },
        index=found.index,
    )
    return html_table(shown, caption)


def what_is_claimed(report: StudyReport) -> str:
    """One sentence: how often a family of differences errs, and what it is about: methods, or these runs alone."""
    families = f"About {1 - report.confidence:.0%} of families like this one hold a false claim, over the choice of"
    trained = [arm for arm in arms(report) if arm.kind != "zero_shot" and arm.runs]
    single = [arm.label for arm in trained if len(arm.runs) == 1]
    if not single:
        return f"{families} documents and of seeds."
    if len(single) == len(trained):
        return (
            f"{families} documents alone: each way has one seed, so a claim holds for these runs, and nothing is "
            "claimed of the methods with another seed."
        )
    return (
        f"{families} documents and, where a way has several, of seeds; what is said of {', '.join(single)} is of one "
        "run each, and not of the method."
    )


def findings(report: StudyReport) -> str:
    """Markdown list: which way is best, and which differences are supported after Holm's correction; no others."""
    best = best_arm(report)
    if not best.runs:
        return "- Every run diverged: there is nothing to compare."
    found = differences_from(report, best.label)
    label = escape_markdown(best.label)
    sentences = [
        _lowest(report, best, label),
        *_supported(found[found["excludes_zero"]], label),
        *_unsupported(found[~found["excludes_zero"]], label),
        *_overlaps(report, best, label),
        *_against_zero_shot(report),
        *_left_out(report),
        *_cautions(report),
    ]
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _lowest(report: StudyReport, best: Arm, label: str) -> str:
    if len(best.runs) > 1:
        return f"Lowest bits per byte: **{label}**, {best.mean:.3f} as the mean of {len(best.runs)} seeds."
    value = best.runs[0].bits_per_byte
    return (
        f"Lowest bits per byte: **{label}**, {value.value:.3f} "
        f"({report.confidence:.0%} interval {_range(value.low, value.high)})."
    )


def _supported(differences: pd.DataFrame, best: str) -> list[str]:
    if differences.empty:
        return []
    return [f"Worse than {best} on the same documents, with an interval that excludes 0: {_listed(differences)}."]


def _unsupported(differences: pd.DataFrame, best: str) -> list[str]:
    if differences.empty:
        return []
    return [f"No difference to {best} can be claimed (the interval includes 0): {_listed(differences)}."]


def _listed(differences: pd.DataFrame) -> str:
    return "; ".join(
        f"{escape_markdown(str(label))} {row['difference']:+.3f} ({_range(row['low'], row['high'])})"
        for label, row in differences.iterrows()
    )


def _overlaps(report: StudyReport, best: Arm, label: str) -> list[str]:
    """Which ways' own intervals overlap the best one's: shown because the table of all runs invites that comparison."""
    single = [arm for arm in arms(report) if len(arm.runs) == 1]
    if best not in single or len(single) < 2:
        return []
    limit = best.runs[0].bits_per_byte.high
    overlapping = [
        escape_markdown(arm.label) for arm in single if arm != best and arm.runs[0].bits_per_byte.low <= limit
    ]
    if not overlapping:
        return [f"No other run's interval in the table overlaps that of {label}."]
    return [
        f"In the table the intervals of {', '.join(overlapping)} overlap that of {label}; "
        "the paired differences above decide, because they set aside how hard each document is."
    ]


def _against_zero_shot(report: StudyReport) -> list[str]:
    sentences = []
    everything = arms(report)
    for base in (arm for arm in everything if arm.kind == "zero_shot" and arm.runs):
        differences = differences_from(report, base.label)
        own = [arm for arm in everything if arm.model == base.model and arm.label in differences.index]
        # only QLoRA began with the base in 4 bits
        trained = [arm.label for arm in own if arm.kind != "zero_shot" and (arm.quantised or not base.quantised)]
        sentences += _against(base, differences.loc[trained])
        if not base.quantised:
            sentences += _of_rounding(base, differences.loc[[arm.label for arm in own if arm.kind == "zero_shot"]])
    return sentences


def _against(base: Arm, found: pd.DataFrame) -> list[str]:
    """How the ways to adapt a model stand to it, by their differences to it."""
    name = f"{escape_markdown(base.model)} {'in 4 bits, untrained' if base.quantised else 'as it came (zero-shot)'}"
    better, worse = found[found["high"] < 0], found[found["low"] > 0]
    sides = {"Better than": better, "Worse than": worse}
    sentences = [f"{what} {name}: {_listed(rows)}." for what, rows in sides.items() if len(rows)]
    if unclear := len(found) - len(better) - len(worse):
        sentences.append(f"Neither can be claimed for {unclear} of {len(found)} ways to adapt {name}.")
    return sentences


def _of_rounding(base: Arm, rounded: pd.DataFrame) -> list[str]:
    """What rounding to 4 bits does to a model, by the difference of the rounded one to it, if there is one."""
    return [
        f"Rounding {escape_markdown(base.model)} to 4 bits, with nothing trained, changes "
        f"{row['difference']:+.3f} ({_range(row['low'], row['high'])}); the interval "
        f"{'excludes' if row['excludes_zero'] else 'includes'} 0."
        for row in _records(rounded)
    ]


def _left_out(report: StudyReport) -> list[str]:
    left = {arm.label: arm.left_out for arm in arms(report) if arm.left_out}
    if not left:
        return []
    listed = "; ".join(f"{escape_markdown(label)}: {escape_markdown(what)}" for label, what in left.items())
    return [f"**Runs that are in no mean and in no comparison:** {listed}."]


def _cautions(report: StudyReport) -> list[str]:
    trained = [arm for arm in arms(report) if arm.kind != "zero_shot" and arm.runs]
    sentences = [escape_markdown(what_is_claimed(report))] if trained else []
    several = [len(arm.runs) for arm in trained if len(arm.runs) > 1]
    if several and min(several) < FEW_SEEDS:
        count = f"{min(several)}" if min(several) == max(several) else f"{min(several)} to {max(several)}"
        sentences.append(
            f"With {count} seeds a way the spread between seeds is known roughly; the "
            "intervals, Student's t over documents and seeds, are as much wider."
        )
    if trained:
        sentences.append("Each method had one learning rate, and none was searched for: another may change the order.")
    sentences += _of_documents(report)
    pairs = math.comb(sum(1 for arm in arms(report) if arm.runs), 2)
    corrected = f"Intervals of differences are corrected for all {pairs} pairs of the table (Holm)."
    return [*sentences, corrected] if pairs > 1 else sentences


def _of_documents(report: StudyReport) -> list[str]:
    documents, sources = report.documents["id"].nunique(), report.record.sources
    if documents >= FEW_DOCUMENTS and sources is not None and sources >= FEW_SOURCES:
        return []
    known = "of how many sources is not recorded" if sources is None else f"of {_count(sources, 'source')}"
    return [
        f"{_count(documents, 'test document')} {'was' if documents == 1 else 'were'} scored, {known}. They are drawn "
        "as if independent: other sources may differ by more than the intervals say."
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


# ------------------------------------------------------------------------------------------------------ effect of rank


def rank_effects(report: StudyReport) -> pd.DataFrame:
    """What a higher rank does: bits per byte of the higher less those of the lower, over LoRA and over QLoRA.

    One row for each model and each two neighbouring ranks, and one for the mean over models where there are several.
    They are a family of their own, corrected by Holm's method; intervals as in :func:`compare_all`.

    Returns:
        columns model, kind, lower, higher, difference, low, high, p, p_holm, excludes_zero; empty without two ranks.
    """
    steps = _rank_steps(report)
    drawn = _drawn(report) if steps else None
    contrasts = {step: drawn.difference(higher, lower) for step, (lower, higher) in steps.items()} if drawn else {}
    contrasts |= _over_models(contrasts)
    keys = list(contrasts)
    family = {str(i): contrasts[key] for i, key in enumerate(keys)}
    table = compare(family, report.confidence, report.documents["id"].nunique()).reset_index(drop=True)
    for place, name in enumerate(("model", "kind", "lower", "higher")):
        table.insert(place, name, [key[place] for key in keys])
    return table


def _rank_steps(report: StudyReport) -> dict[Step, tuple[str, str]]:
    """Labels of the lower and the higher rank, by model, kind and ranks."""
    ranked: dict[tuple[str, str], dict[int, str]] = {}
    for arm in arms(report):
        if arm.rank is not None and arm.runs:
            ranked.setdefault((arm.model, arm.kind), {})[arm.rank] = arm.label
    return {
        (*key, lower, higher): (labels[lower], labels[higher])
        for key, labels in ranked.items()
        for lower, higher in pairwise(sorted(labels))
    }


def _over_models(contrasts: Mapping[Step, Contrast]) -> dict[Step, Contrast]:
    groups: dict[Step, list[Contrast]] = {}
    for (_, kind, lower, higher), contrast in contrasts.items():
        groups.setdefault((ALL_MODELS, kind, lower, higher), []).append(contrast)
    return {step: mean_contrast(found) for step, found in groups.items() if len(found) > 1}


def rank_html(report: StudyReport) -> str:
    """The table of :func:`rank_effects` as HTML, or a sentence where there is nothing to compare."""
    found = rank_effects(report)
    if found.empty:
        return "<p>No method was run with two ranks, so the effect of rank cannot be computed.</p>"
    names = [
        f"{KIND_NAMES[row['kind']]}, rank {row['lower']} → {row['higher']}, {row['model']}" for row in _records(found)
    ]
    caption = (
        "Effect of rank: bits per byte of the higher less those of the lower; a family of its own (Holm). "
        f"{what_is_claimed(report)}"
    )
    return _differences_html(found.set_axis(pd.Index(names, name="step")), caption)


def rank_findings(report: StudyReport) -> str:
    """Markdown list: the effect of rank for each kind of adapter, or that it cannot be computed."""
    found = rank_effects(report)
    sentences = [_rank_sentence(row) for row in _records(found)]
    for kind in ("lora", "qlora"):
        asked = any(arm.kind == kind for arm in arms(report))
        if asked and not (found["kind"] == kind).any():
            sentences.append(f"{KIND_NAMES[kind]} was run with one rank: its effect cannot be computed here.")
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _rank_sentence(row: Mapping[str, Any]) -> str:
    name = f"{KIND_NAMES[row['kind']]}, rank {row['lower']} → {row['higher']} ({escape_markdown(row['model'])})"
    numbers = f"{row['difference']:+.4f} bits per byte ({_range(row['low'], row['high'])})"
    if not row["excludes_zero"]:
        return f"{name}: {numbers}; the interval includes 0, so no effect can be claimed."
    better = "better" if row["difference"] < 0 else "worse"
    return f"{name}: {numbers}; the higher rank is {better}, and the interval excludes 0."


# ----------------------------------------------------------------------------------------------- components of variance


def variance_table(report: StudyReport, model: str) -> pd.DataFrame:
    """What bits per byte of a document vary with, for one model's adapted runs: ``statistics.variance_components``.

    Factors: method, seed (with at least two seeds that every method has and that diverged for none) and document, each
    document with the same weight. The components between documents are large because texts differ in difficulty; those
    with *method* in their name are what a comparison of methods is about. Empty with fewer than two methods.
    """
    trained = [arm for arm in arms(report) if arm.model == model and arm.kind != "zero_shot" and arm.runs]
    if len(trained) < 2:
        return pd.DataFrame()
    shared = sorted(set.intersection(*({run.seed for run in arm.runs} for arm in trained)))
    by_seed = [{run.seed: run.run_id for run in arm.runs} for arm in trained]
    chosen = [[ids[seed] for seed in shared] if len(shared) > 1 else [next(iter(ids.values()))] for ids in by_seed]
    scores = dict(iter(report.documents.groupby("run_id")))
    losses, sizes = aligned([scores[run_id] for run_ids in chosen for run_id in run_ids])
    if len(sizes) < 2:
        return pd.DataFrame()
    values = (losses / sizes / math.log(2)).reshape(len(trained), -1, len(sizes))
    if len(shared) < 2:
        return variance_components(values[:, 0], ("method", "document"))
    return variance_components(values, ("method", "seed", "document"))


def variance_html(report: StudyReport) -> str:
    """The tables of :func:`variance_table`, one a model, as HTML, or a sentence where there is nothing to split."""
    tables = [_variance_html(model, variance_table(report, model)) for model in _models(report)]
    return "\n".join(tables) or "<p>No model went through two methods: there is no variance to split.</p>"


def _models(report: StudyReport) -> list[str]:
    names = dict.fromkeys(row.model for row in report.rows)
    return [name for name in names if not variance_table(report, name).empty]


def _variance_html(model: str, table: pd.DataFrame) -> str:
    shown = pd.DataFrame(
        {
            "standard deviation, bits per byte": table["deviation"].map("{:.4f}".format),
            "share of the variance": table["share"].map("{:.1%}".format),
            "degrees of freedom": table["degrees"],
            "estimate below 0, taken as 0": table["estimate"].lt(0).map({True: "yes", False: None}),
        }
    ).dropna(axis=1, how="all")
    shown.index.name = "component"
    return html_table(shown, f"What bits per byte of a document vary with: adapted runs of {model}")


def variance_findings(report: StudyReport) -> str:
    """Markdown list: method beside seed for each model, or why they cannot be told apart."""
    sentences = [_variance_sentence(name, variance_table(report, name)) for name in _models(report)]
    return "\n".join(f"- {sentence}" for sentence in sentences) or "- There is no variance to split here."


def _variance_sentence(model: str, table: pd.DataFrame) -> str:
    name, spread = escape_markdown(model), table["deviation"]
    if "seed" not in table.index:
        return (
            f"{name}: standard deviation {spread['document']:.3f} bits per byte between documents and "
            f"{spread['method']:.4f} between methods. Without two seeds that every method has, what the seed does is "
            "inside the second and cannot be split off."
        )
    seed = math.hypot(spread["seed"], spread["method × seed"])
    return (
        f"{name}: standard deviation {spread['document']:.3f} bits per byte between documents, {spread['method']:.4f} "
        f"between methods, {seed:.4f} between seeds (with how seeds act on each method)."
    )


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _range(low: float, high: float) -> str:
    return "no bound: too few documents" if math.isinf(low) else f"{low:.3f} to {high:.3f}"
