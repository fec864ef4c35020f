"""Ways with another vocabulary beside those with the model's own, at equal training time: tables and sentences.

One :class:`~bashkir_utils.report.StudyReport` holds the runs of one budget in minutes. All of a budget score the same
documents, so bits per byte compare across tokenizers, and tokens do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import pandas as pd

from .comparisons import differences_from
from .exceptions import ProfileError
from .markup import escape_markdown, html_table
from .report import Result, StudyReport, diverged
from .study import Study, VocabularySpec
from .training import step_count

Group = Literal["own", "changed", "nothing"]
GROUP_NAMES: dict[str, str] = {
    "own": "its own vocabulary",
    "changed": "another vocabulary",
    "nothing": "trained from nothing",
}
MIN_REDUCTION = {4.0: 0.30, 60.0: 0.15}
"""By minutes of training, what chapter 10 set out to reach on real text: fewer bits per byte than the best own way."""
MIN_SPEEDUP = 4.0
"""The same for characters a second in generation."""
MOST_BEFORE = 0.1
"""Share of a budget above which the time that a vocabulary was made in, before the clock starts, is pointed out."""
NOTHING_RECORDED = "No study with a budget in minutes is recorded, so nothing is claimed."


BUDGET = ["machine", "minutes"]
"""The columns that name a budget: as many minutes of another machine, or of more threads, are another one."""
SAME = ("method", "kind", "rank", "learning_rate", "layers")
"""What two ways of one budget share that differ in their vocabulary alone; a method says which embeddings it trains."""
LIVE_TOKENS_PER_SECOND = 500
"""What a processor of today trains of a model of 135M parameters: it turns a profile's tokens into minutes."""
ROOM = 50
"""How many times the profile's tokens are packed for a budget in minutes, so that none of the ways runs out of text."""


@dataclass(frozen=True)
class Reduction:
    """The best way with another vocabulary against the best with the model's own, in one budget."""

    machine: str
    minutes: float
    own: str
    changed: str
    share: float
    """1 less the ratio of their bits per byte; above 0 the other vocabulary is better."""
    own_run: str
    changed_run: str
    """One run of each way, by which the two are found in their study."""


def live_study(study: Study, entries: int) -> Study:
    """The first model of ``study`` as it is, trimmed, and with a new vocabulary, all trained in full for equal time.

    The budget is the minutes that the study's tokens would take at ``LIVE_TOKENS_PER_SECOND``; one seed, and nothing
    else is scored than the test documents.

    Raises:
        ProfileError: the study has no method that trains all weights.
    """
    method = next((each for each in study.methods if each.kind == "full"), None)
    if method is None:
        raise ProfileError(f"profile {study.name} has no method of kind full, which this comparison trains by")
    base = study.model().base
    ways = {
        "own": None,
        "trim": VocabularySpec(way="trim"),
        f"bpe_{entries}": VocabularySpec(way="replace", entries=entries),
    }
    models = [base.model_copy(update={"name": name, "vocabulary": way, "methods": None}) for name, way in ways.items()]
    tokens = step_count(study.training, 0) * study.training.layout.effective_batch * study.training.block_length
    budget = {"minutes": tokens / LIVE_TOKENS_PER_SECOND / 60, "tokens": ROOM * tokens, "epochs": None}
    return study.model_copy(
        update={
            "models": tuple(models),
            "methods": (method,),
            "seeds": study.seeds[:1],
            "training": study.training.model_copy(update=budget),
            "minimal_pairs": None,
            "forgetting": None,
        }
    )


def with_budget(reports: Sequence[StudyReport]) -> tuple[StudyReport, ...]:
    """The studies whose budget is in minutes, the shortest first."""
    found = [report for report in reports if budget_minutes(report) is not None]
    return tuple(sorted(found, key=lambda report: budget_minutes(report) or 0.0))


def without_budget(reports: Sequence[StudyReport]) -> tuple[StudyReport, ...]:
    """The other studies, whose budget is in tokens or epochs, in their order."""
    return tuple(report for report in reports if budget_minutes(report) is None)


def by_text(reports: Sequence[StudyReport]) -> list[tuple[StudyReport, ...]]:
    """The studies of each text, in their order: bits per byte of one text are not held against those of another."""
    found: dict[str, list[StudyReport]] = {}
    for report in reports:
        found.setdefault(report.record.corpus.fingerprint, []).append(report)
    return [tuple(each) for each in found.values()]


def comparable_budgets(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each machine that has several budgets, with its rows of a :func:`budget_table`: minutes of two do not compare."""
    parts = [(str(machine), rows) for machine, rows in table.groupby("machine", sort=False)]
    return [(machine, rows) for machine, rows in parts if rows["minutes"].nunique() > 1]


def _machine(row: Result) -> str:
    """What trained a run: its GPU, or else processor, cores, memory and threads."""
    if row.peak_gpu_bytes:
        return row.machine.partition(", ")[0]
    return row.machine if row.threads is None else f"{row.machine}, {row.threads} thread{'s' * (row.threads != 1)}"


def budget_minutes(report: StudyReport) -> float | None:
    """Minutes of training of every run of a study; None where the budget is in tokens."""
    minutes: float | None = report.record.settings["training"].get("minutes")
    return minutes


def group(row: Result) -> Group:
    """Which of the three questions a run answers."""
    if row.from_nothing:
        return "nothing"
    return "own" if row.vocabulary is None else "changed"


def budget_table(reports: Sequence[StudyReport]) -> pd.DataFrame:
    """One row a trained run, by minutes, machine and bits per byte; machines without a GPU come first.

    Returns:
        columns machine, minutes, way, arm (the same without its seed), run_id, group, model, method, seed, kind, rank,
        learning_rate (None: not known), layers (those that were kept, or None), entries (NaN: the model's own),
        bits_per_byte, low, high, diverged, tokens_seen, bytes_seen, bytes_per_token, flops, vocabulary_seconds,
        total_parameters, peak_bytes (of the GPU where there was one).
    """
    rows = []
    for report in with_budget(reports):
        bad = diverged(report)
        for row in report.rows:
            if row.kind != "zero_shot":
                rows.append(_budget_row(report, row) | {"diverged": row.run_id in bad})
    if not rows:
        return pd.DataFrame(
            columns=[*BUDGET, "way", "arm", "run_id", "group", "bits_per_byte", "diverged", "seed", *SAME]
        )
    table = pd.DataFrame(rows).sort_values(["on_gpu", "minutes", "machine", "bits_per_byte"], ignore_index=True)
    return table.drop(columns="on_gpu")


def _budget_row(report: StudyReport, row: Result) -> dict[str, object]:
    facts = row.vocabulary
    return {
        "on_gpu": row.peak_gpu_bytes > 0,
        "machine": _machine(row),
        "minutes": budget_minutes(report),
        "way": report.labels[row.run_id],
        "arm": report.arms[row.run_id],
        "run_id": row.run_id,
        "group": group(row),
        "model": row.model,
        "seed": row.seed,
        **{name: getattr(row, name) for name in SAME},
        "entries": math.nan if facts is None else facts.entries,
        "bits_per_byte": row.bits_per_byte.value,
        "low": row.bits_per_byte.low,
        "high": row.bits_per_byte.high,
        "tokens_seen": row.tokens_seen,
        "bytes_seen": row.bytes_seen,
        "bytes_per_token": row.bytes_seen / row.tokens_seen if row.tokens_seen else math.nan,
        "flops": math.nan if row.flops is None else row.flops,
        "vocabulary_seconds": 0.0 if facts is None else facts.seconds,
        "total_parameters": row.total_parameters,
        "peak_bytes": row.peak_gpu_bytes or row.peak_rss_bytes,
    }


def training_curves(reports: Sequence[StudyReport]) -> pd.DataFrame:
    """Validation loss of every trained run while it trained, of the studies whose budget is in minutes.

    Returns:
        columns machine, budget (minutes), run_id, minutes (of training so far), bits_per_byte (on validation blocks).
    """
    rows = [
        (_machine(row), budget_minutes(report), row.run_id, point.seconds / 60, point.validation_bits_per_byte)
        for report in with_budget(reports)
        for row in report.rows
        for point in row.curve
        if point.validation_bits_per_byte is not None
    ]
    return pd.DataFrame(rows, columns=["machine", "budget", "run_id", "minutes", "bits_per_byte"])


def reductions(table: pd.DataFrame) -> list[Reduction]:
    """For each budget that has both: how much lower the best way with another vocabulary is; diverged runs are out."""
    return [found for budget in by_budget(table) for found in _reduction(*budget)]


def vocabulary_alone(table: pd.DataFrame) -> list[Reduction]:
    """For each way with the model's own vocabulary every way that differs from it in the vocabulary alone, by budget.

    Text, minutes and machine are the same, and so are method, learning rate and layers; bits per byte are means over
    the seeds that both have.
    """
    found: list[Reduction] = []
    for machine, minutes, part in by_budget(table):
        known = part[part["learning_rate"].notna()]
        alike = [
            tuple(row) for row in known[list(SAME)].astype(object).where(known[list(SAME)].notna(), None).to_numpy()
        ]
        for _, rows in known.groupby(pd.Series(alike, index=known.index, dtype=object), sort=False):
            found += _alone(machine, minutes, rows)
    return found


def _alone(machine: str, minutes: float, rows: pd.DataFrame) -> Iterator[Reduction]:
    own, changed = (rows[rows["group"] == name].groupby("arm", sort=False) for name in ("own", "changed"))
    for (own_arm, before), (arm, after) in product(own, changed):
        pairs = before.merge(after, on="seed", suffixes=("_before", "_after"))
        if len(pairs):
            share = 1 - pairs["bits_per_byte_after"].mean() / pairs["bits_per_byte_before"].mean()
            first = pairs.iloc[0]
            yield Reduction(
                machine, minutes, str(own_arm), str(arm), share, first["run_id_before"], first["run_id_after"]
            )


def _reduction(machine: str, minutes: float, rows: pd.DataFrame) -> list[Reduction]:
    """The best of both groups of these rows; empty where one has none."""
    own, changed = (best_of_group(rows, name) for name in ("own", "changed"))
    if not own or not changed:
        return []
    share = 1 - changed["bits_per_byte"] / own["bits_per_byte"]
    return [Reduction(machine, minutes, own["way"], changed["way"], share, own["run_id"], changed["run_id"])]


def by_budget(table: pd.DataFrame) -> list[tuple[str, float, pd.DataFrame]]:
    """Machine, minutes and rows of each budget in a :func:`budget_table`, in its order; diverged runs are out."""
    parts = table[~table["diverged"].astype(bool)].groupby(BUDGET, sort=False)
    return [(str(machine), float(str(minutes)), part) for (machine, minutes), part in parts]


def budget_names(table: pd.DataFrame) -> dict[tuple[str, float], str]:
    """What to call each budget: its minutes, and its machine where there is more than one."""
    several = table["machine"].nunique() > 1
    return {
        (machine, minutes): _minutes(minutes) + (f" on {machine}" if several else "")
        for machine, minutes, _ in by_budget(table)
    }


def _minutes(minutes: float) -> str:
    return f"{minutes:g} minute{'' if minutes == 1 else 's'}"


def best_of_group(table: pd.DataFrame, name: str) -> dict[str, Any]:
    """The best way of one group in one budget, as :func:`best` gives it."""
    return best(table[table["group"] == name])


def best(part: pd.DataFrame) -> dict[str, Any]:
    """The way with the fewest bits per byte, as the mean over its seeds; empty where none did not diverge.

    It is the first row of that way in a :func:`budget_table`, with the mean in ``bits_per_byte`` and the name without a
    seed in ``way``.
    """
    rows = best_runs(part)
    if rows.empty:
        return {}
    row = {str(name): value for name, value in rows.iloc[0].items()}
    return row | {"bits_per_byte": float(rows["bits_per_byte"].mean()), "way": row["arm"]}


def best_runs(part: pd.DataFrame) -> pd.DataFrame:
    """The rows, one a seed, of the way that :func:`best` gives; none where all diverged."""
    kept = part[~part["diverged"].astype(bool)]
    if kept.empty:
        return kept
    return kept[kept["arm"] == kept.groupby("arm", sort=False)["bits_per_byte"].mean().idxmin()]


def budget_html(reports: Sequence[StudyReport]) -> str:
    """All runs as HTML, one table a budget, the best on top; those that diverged too."""
    table = budget_table(reports)
    if table.empty:
        return "<p>No study with a budget in minutes is recorded.</p>"
    several = table["machine"].nunique() > 1
    return "\n".join(
        html_table(_shown(rows), f"Every run, {_minutes(float(str(minutes)))}" + (f" on {machine}" if several else ""))
        for (machine, minutes), rows in table.groupby(BUDGET, sort=False)
    )


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    shown = pd.DataFrame(
        {
            "vocabulary": rows["group"].map(GROUP_NAMES),
            "layers kept": [None if layers is None else str(len(layers)) for layers in rows["layers"]],
            "learning rate": rows["learning_rate"].astype(float).map("{:g}".format, na_action="ignore"),
            "entries": rows["entries"].map("{:,.0f}".format, na_action="ignore"),
            "bits per byte": rows["bits_per_byte"].map("{:.3f}".format),
            "interval": [f"{low:.3f}–{high:.3f}" for low, high in zip(rows["low"], rows["high"], strict=True)],
            "text seen, MB": (rows["bytes_seen"] / 1e6).map("{:.1f}".format),
            "bytes/token": rows["bytes_per_token"].map("{:.2f}".format),
            "10¹⁵ operations": (rows["flops"] / 1e15).map("{:.1f}".format, na_action="ignore"),
            "parameters, M": (rows["total_parameters"] / 1e6).map("{:.1f}".format),
            "vocabulary made in, s": rows["vocabulary_seconds"].map("{:.0f}".format),
            "peak memory, GB": (rows["peak_bytes"] / 1e9).map("{:.1f}".format),
        }
    ).set_index(rows["way"])
    return shown.dropna(axis=1, how="all")


def findings(reports: Sequence[StudyReport]) -> str:
    """What the budgets show, as Markdown: what was gained, by what, whether English helped, and what is not shown."""
    table = budget_table(reports)
    if table.empty:
        return NOTHING_RECORDED
    gained, nothing = _reduction_lines(reports, table), _nothing_lines(reports, table)
    names = {key: escape_markdown(name) for key, name in budget_names(table).items()}
    lines = [f"After {names[key]} {line}" for key, line in gained.items()]
    compared = [f"After {names[key]} {line}" for key, line in nothing.items()]
    return _items([*lines, *_adapter_lines(table), *_alone_lines(table), *compared, *_cautions(reports, table)])


def headlines(reports: Sequence[StudyReport]) -> str:
    """Markdown for a page that leaves the rest to the chapter: a table with one row a budget, aims, and cautions.

    The table has the best way of each group with its bits per byte, what the best with another vocabulary gains over
    the best with the model's own, with the interval of the difference, and where from nothing stands.
    """
    table = budget_table(reports)
    if table.empty:
        return NOTHING_RECORDED
    names = budget_names(table)
    head = ("after", GROUP_NAMES["own"], GROUP_NAMES["changed"], "fewer bits per byte", GROUP_NAMES["nothing"])
    rows = [
        (escape_markdown(names[machine, minutes]), *_headline(_of_budget(reports, machine, minutes), part))
        for machine, minutes, part in by_budget(table)
    ]
    lines = [f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows)]
    told = [*_aim_lines(reports, table), *_alone_range(table), *_cautions(reports, table)]
    return "\n".join(lines) + f"\n\n{_items(told)}"


def _headline(reports: Sequence[StudyReport], part: pd.DataFrame) -> tuple[str, ...]:
    """The cells of one budget: its best ways, what the other vocabulary gains, and where from nothing stands."""
    own, changed, nothing = (best_of_group(part, name) for name in GROUP_NAMES)
    gain = ""
    if own and changed:
        share = 1 - changed["bits_per_byte"] / own["bits_per_byte"]
        ends = _share_ends(reports, share, changed["run_id"], own["run_id"])
        gain = f"{share:.1%}" + (f" ({ends[0]:.1%} to {ends[1]:.1%})" if ends else "")
    stands = [
        f"{word} {name}"
        for row, name in ((own, "the own vocabulary"), (changed, "the other"))
        if nothing and row and (word := _standing(reports, nothing["run_id"], row["run_id"]))
    ]
    from_nothing = _way_cell(nothing) + (f", {' and '.join(stands)}" if stands else "")
    return _way_cell(own), _way_cell(changed), gain, from_nothing


def _way_cell(row: dict[str, Any]) -> str:
    # a narrow cell breaks at spaces, and inside a word otherwise
    return f"{row['bits_per_byte']:.3f} *{escape_markdown(row['way'].replace('_', ' '))}*" if row else "–"


def _standing(reports: Sequence[StudyReport], first: str, second: str) -> str:
    """Where the first run stands beside the second, by the corrected interval; empty for runs of two studies."""
    row = _compared(reports, first, second)
    if not row:
        return ""
    if not row["excludes_zero"]:
        return "not to be told apart from"
    return "ahead of" if row["difference"] < 0 else "behind"


def _aim_lines(reports: Sequence[StudyReport], table: pd.DataFrame) -> list[str]:
    """Of each budget with an aim whether it was reached, and of each whether layers were left out of one side alone."""
    names, lines = budget_names(table), []
    for each in reductions(table):
        own = table[(table["group"] == "own") & (table[BUDGET] == [each.machine, each.minutes]).all(axis=1)]
        there = _of_budget(reports, each.machine, each.minutes)
        if said := "; ".join(filter(None, (_aim(there, each), _whole_only(table, each, own)))):
            lines.append(f"After {escape_markdown(names[each.machine, each.minutes])} {said}.")
    return lines


def _items(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _cautions(reports: Sequence[StudyReport], table: pd.DataFrame) -> list[str]:
    """What the numbers do not say."""
    levels = sorted({f"{report.confidence:.0%}" for report in with_budget(reports)})
    lines = [
        f"Intervals of differences ({' and '.join(levels)}, over documents; as shares: of the own way's bits per byte, "
        "held fixed) are corrected for all pairs of ways of the study on that machine (Holm)."
    ]
    if table.groupby([*BUDGET, "arm"])["seed"].nunique().min() == 1:
        lines.append("Ways of one seed have intervals over documents, which say nothing of another seed.")
    lines.append("Which way is best was chosen on the same test documents, which favours groups of many ways.")
    slow = table[table["vocabulary_seconds"] > MOST_BEFORE * 60 * table["minutes"]]
    if len(slow):
        told = ", ".join(
            f"*{escape_markdown(row['arm'])}* {row['vocabulary_seconds']:.0f} s before its {_minutes(row['minutes'])}"
            for row in slow.drop_duplicates([*BUDGET, "arm"]).to_dict("records")
        )
        lines.append(f"Making a vocabulary and its rows is in no budget and no operations; it took long for {told}.")
    if uneven := [each.record.study for each in with_budget(reports) if not each.record.times_comparable]:
        lines.append(
            f"The runs of {escape_markdown(', '.join(uneven))} did not have the machine quite alike, as the remarks on "
            "them say: equal minutes were not equal work, and small differences in the order say little."
        )
    return lines


def _reduction_lines(reports: Sequence[StudyReport], table: pd.DataFrame) -> dict[tuple[str, float], str]:
    """One sentence, which begins after its budget's name, for each budget that has both vocabularies."""
    lines = {}
    for each in reductions(table):
        own = table[(table["group"] == "own") & (table[BUDGET] == [each.machine, each.minutes]).all(axis=1)]
        there = _of_budget(reports, each.machine, each.minutes)
        aside = [_aim(there, each), _whole_only(table, each, own), _interval(there, each.changed_run, each.own_run)]
        closing = f" ({'; '.join(filter(None, aside))})" if any(aside) else ""
        standing = "the best" if own["arm"].nunique() > 1 else "the only way"
        lines[each.machine, each.minutes] = (
            f"*{escape_markdown(each.changed)}* needs {_change(each.share)} bits per byte than "
            f"*{escape_markdown(each.own)}*, {standing} with the model's own vocabulary{closing}."
        )
    return lines


def _aim(reports: Sequence[StudyReport], each: Reduction) -> str:
    """Whether the aim of this budget was reached, and whether the interval of the difference says so too."""
    bar = MIN_REDUCTION.get(each.minutes)
    if bar is None:
        return ""
    reached = each.share >= bar
    ends = _share_ends(reports, each.share, each.changed_run, each.own_run)
    if ends and ends[0] < bar < ends[1]:
        return (
            f"this book set out for {bar:.0%}: on these documents these runs {'reach' if reached else 'miss'} it; the "
            f"interval over documents, from {_change(ends[0])} to {_change(ends[1])}, leaves open whether on others"
        )
    return f"this book set out for {bar:.0%}: {'reached' if reached else 'not reached'}"


def _share_ends(
    reports: Sequence[StudyReport], share: float, changed_run: str, own_run: str
) -> tuple[float, float] | None:
    """The interval of the difference as shares of the own way's bits per byte; None where there is no interval."""
    row = _compared(reports, changed_run, own_run)
    if not row or not row["difference"]:
        return None
    low, high = sorted(share * row[end] / row["difference"] for end in ("low", "high"))
    return low, high


def _whole_only(table: pd.DataFrame, each: Reduction, own: pd.DataFrame) -> str:
    """That layers were left out of one side alone."""
    changed = table[table["run_id"] == each.changed_run]["layers"].notna().any()
    return (
        "the model's own vocabulary was trained with all layers only" if changed and own["layers"].isna().all() else ""
    )


def _adapter_lines(table: pd.DataFrame) -> list[str]:
    """The best of each kind of adapter with both vocabularies: of the budget's best ways it is seldom one."""
    names = budget_names(table)
    return [
        f"By {name}, whatever embeddings it trains, after {escape_markdown(names[machine, minutes])}: "
        f"*{escape_markdown(each.changed)}* needs {_change(each.share)} bits per byte than "
        f"*{escape_markdown(each.own)}*."
        for machine, minutes, part in by_budget(table)
        for kind, name in (("lora", "LoRA"), ("qlora", "QLoRA"))
        for each in _reduction(machine, minutes, part[part["kind"] == kind])
    ]


def _alone_lines(table: pd.DataFrame) -> list[str]:
    """What is due to the vocabulary where nothing else differs, by budget; the best ways differ in more."""
    names, told = budget_names(table), dict[tuple[str, float], dict[str, list[str]]]()
    for each in vocabulary_alone(table):
        said = f"*{escape_markdown(each.changed)}* {_change(each.share)}"
        told.setdefault((each.machine, each.minutes), {}).setdefault(each.own, []).append(said)
    return [
        "The vocabulary alone (its entries and first rows), with the same layers, method and learning rate, in bits "
        f"per byte after {escape_markdown(names[budget])}: {'; '.join(_against(*each) for each in by_own.items())}."
        for budget, by_own in told.items()
    ]


def _against(own: str, said: Sequence[str]) -> str:
    return f"{', '.join(said)} than *{escape_markdown(own)}*"


def _alone_range(table: pd.DataFrame) -> list[str]:
    """The same in one sentence: from the least to the most."""
    found = sorted(vocabulary_alone(table), key=lambda each: each.share)
    if not found:
        return []
    ends = " to ".join(
        f"{_change(each.share)} (*{escape_markdown(each.changed)}*)" for each in dict.fromkeys((found[0], found[-1]))
    )
    return [
        f"The vocabulary alone (its entries and first rows), with the same layers, method and learning rate, in "
        f"{len(found)} "
        f"comparison{'s' * (len(found) != 1)} with the model's own: {ends} bits per byte."
    ]


def _change(share: float) -> str:
    return f"{abs(share):.1%} {'fewer' if share >= 0 else 'more'}"


def _nothing_lines(reports: Sequence[StudyReport], table: pd.DataFrame) -> dict[tuple[str, float], str]:
    """Whether a pretrained model beats one that began with nothing; a sentence that begins after its budget's name."""
    lines = {}
    for machine, minutes, part in by_budget(table):
        there = _of_budget(reports, machine, minutes)
        first, second = best(part[part["group"] == "nothing"]), best(part[part["group"] != "nothing"])
        if first and second:
            lines[machine, minutes] = (
                f"the best model trained from nothing (*{escape_markdown(first['way'])}*) needs "
                f"{first['bits_per_byte']:.3f} bits per byte, the best adapted one "
                f"(*{escape_markdown(second['way'])}*) {second['bits_per_byte']:.3f}"
                f"{_verdict(there, first['run_id'], second['run_id'])}."
            )
            own = best_of_group(part, "own")
            if own and own["run_id"] != second["run_id"]:
                lines[machine, minutes] += (
                    f" The best with the model's own vocabulary (*{escape_markdown(own['way'])}*) needs "
                    f"{own['bits_per_byte']:.3f}"
                    f"{_verdict(there, first['run_id'], own['run_id'], 'the model from nothing', 'it')}."
                )
    return lines


def _verdict(
    reports: Sequence[StudyReport], first: str, second: str, name: str = "the first", other: str = "the second"
) -> str:
    """Who is ahead, with the interval that says so; empty for runs of two studies."""
    interval = _interval(reports, first, second)
    if not interval:
        return ""
    row = _compared(reports, first, second)
    ahead = f"**{name if row['difference'] < 0 else other} is ahead**"
    return f": {ahead if row['excludes_zero'] else 'no difference can be claimed'} ({interval})"


def _interval(reports: Sequence[StudyReport], first: str, second: str) -> str:
    """First less second on the same documents, corrected for all pairs of their study; empty for two studies' runs."""
    row = _compared(reports, first, second)
    if not row:
        return ""
    return (
        f"difference {row['difference']:+.3f}, {row['confidence']:.0%} interval {row['low']:+.3f} to {row['high']:+.3f}"
    )


def _compared(reports: Sequence[StudyReport], first: str, second: str) -> dict[str, Any]:
    report = next((each for each in reports if {first, second} <= each.arms.keys()), None)
    if report is None or report.arms[first] == report.arms[second]:
        return {}
    row = differences_from(report, report.arms[second]).loc[report.arms[first]]
    return {str(name): value for name, value in row.items()} | {"confidence": report.confidence}


def _of_budget(reports: Sequence[StudyReport], machine: str, minutes: float) -> list[StudyReport]:
    """The studies of one budget, each with its runs on that machine alone; a run may stand in studies of others too."""
    found = (_on_machine(report, machine) for report in reports if budget_minutes(report) == minutes)
    return [report for report in found if report.rows]


def _on_machine(report: StudyReport, machine: str) -> StudyReport:
    rows = tuple(row for row in report.rows if _machine(row) == machine)
    documents = report.documents[report.documents["run_id"].isin({row.run_id for row in rows})]
    return replace(report, record=report.record.model_copy(update={"rows": rows}), documents=documents)
