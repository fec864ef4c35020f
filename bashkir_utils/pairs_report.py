"""What the book says of minimal pairs: accuracy by phenomenon for every run, beside what spelling alone tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from .corpus import Corpus
from .failures import NOT_FINITE
from .language.pairs import PHENOMENA, word_balance
from .markup import escape_markdown, html_table
from .minimal_pairs import BASELINE_ORDERS, StudyPairs, accuracy_by_phenomenon, score_baselines, study_pairs
from .report import PairResults, PhenomenonAccuracy, StudyReport, WordBalance, diverged
from .runs import Run, has_pair_scores, pair_scores
from .study import Study
from .workspace import Workspace

SOLVED = 0.9
"""A phenomenon of which a character model gets this share right says little of grammar."""
FEW_PAIRS = 50
OVERALL = "all"
"""Stands for the phenomena together in tables."""


def collect_pairs(study: Study, corpus: Corpus, runs: Sequence[Run], workspace: Workspace) -> PairResults | None:
    """Score the study's pairs with every run that has not done it, and with the character models.

    None where the profile asks for no pairs or the corpus is not Bashkir.
    """
    asked = study_pairs(corpus, study.minimal_pairs)
    return None if asked is None else _collected(asked, study, runs, workspace)


def stored_pairs(study: Study, corpus: Corpus, runs: Sequence[Run], workspace: Workspace) -> PairResults | None:
    """As :func:`collect_pairs`, of those runs alone whose scores are in the store; None where that is no run."""
    asked = study_pairs(corpus, study.minimal_pairs)
    if asked is None:
        return None
    scored = [run for run in runs if has_pair_scores(run, asked, workspace)]
    return _collected(asked, study, scored, workspace) if scored else None


def _collected(asked: StudyPairs, study: Study, runs: Sequence[Run], workspace: Workspace) -> PairResults:
    scores = {run.run_id: pair_scores(run, asked, workspace) for run in runs} | score_baselines(asked)
    confidence = study.evaluation.confidence
    balance = word_balance(asked.pairs, asked.word_counts).drop(columns="pairs").reset_index()
    return PairResults(
        accuracies=tuple(row for scorer, table in scores.items() for row in _accuracies(scorer, table, confidence)),
        words=tuple(WordBalance.model_validate(row) for row in balance.to_dict("records")),
        reference_characters=sum(map(len, asked.texts)),
    )


def _accuracies(scorer: str, scores: pd.DataFrame, confidence: float) -> list[PhenomenonAccuracy]:
    everything = accuracy_by_phenomenon(scores.assign(phenomenon=OVERALL), confidence)
    rows = pd.concat([everything, accuracy_by_phenomenon(scores, confidence)]).reset_index()
    return [PhenomenonAccuracy.model_validate(row) for row in rows.assign(scorer=scorer).to_dict("records")]


def pairs_table(report: StudyReport) -> pd.DataFrame:
    """Accuracy (0…1) by phenomenon (rows, ``all`` first, then by what the best character model knows) and scorer.

    Columns: the labels of the runs, then the names of the character models. Empty where the study has no pairs. A run
    whose loss is not finite is left out.
    """
    found = _long(report)
    if found.empty:
        return pd.DataFrame()
    table = found.pivot_table(index="phenomenon", columns="scorer", values="accuracy", sort=False)
    spelling = table[list(BASELINE_ORDERS)].max(axis=1).drop(OVERALL)
    return table.loc[[OVERALL, *spelling.sort_values(kind="stable").index]]


def interval_table(report: StudyReport) -> pd.DataFrame:
    """Rows (phenomenon, scorer), columns accuracy, low, high (0…1): what is drawn and what is said."""
    return _long(report).set_index(["phenomenon", "scorer"])[["accuracy", "low", "high"]]


def _long(report: StudyReport) -> pd.DataFrame:
    pairs = report.record.pairs
    broken = _broken(report)
    rows = [] if pairs is None else [row.model_dump() for row in pairs.accuracies if row.scorer not in broken]
    labels: Mapping[str, str] = report.labels
    return pd.DataFrame([{**row, "scorer": labels.get(row["scorer"], row["scorer"])} for row in rows])


def _broken(report: StudyReport) -> list[str]:
    """Runs whose probabilities are no numbers, by run id: that none of them is the higher is no wrong answer."""
    return [run_id for run_id, why in diverged(report).items() if why == NOT_FINITE]


def pairs_html(report: StudyReport) -> str:
    """Accuracy by phenomenon and scorer as an HTML table; a sentence where there are no pairs."""
    table = pairs_table(report)
    if table.empty:
        return (
            "<p>No minimal pairs are here: they are made for Bashkir, and this study's profile or text is not, "
            "or its runs have not scored them.</p>"
        )
    shown = table.map(lambda share: f"{share:.0%}")
    shown.index = pd.Index([name.replace("_", " ") for name in table.index], name="phenomenon")
    pairs = report.record.pairs
    count = {row.pairs for row in pairs.accuracies if row.phenomenon != OVERALL} if pairs else set()
    each = " or ".join(map(str, sorted(count)))
    caption = f"Minimal pairs that each scorer gets right, {each} of each phenomenon; chance is 50%"
    return html_table(shown, caption + _unscored(report))


def _unscored(report: StudyReport) -> str:
    """How many runs have not scored the pairs, as the end of a caption; empty where all have."""
    missing = len(report.rows) - len(scored_runs(report))
    return f". Not scored by {missing} of {len(report.rows)} runs" if missing else ""


def scored_runs(report: StudyReport) -> set[str]:
    """Ids of the runs that have scored the minimal pairs; a record that grows may lack some."""
    found = {row.scorer for row in report.record.pairs.accuracies} if report.record.pairs else set()
    return {row.run_id for row in report.rows} & found


def phenomena_html() -> str:
    """The rules that the pairs test, with an example of each, and what is wrong in the second sentence."""
    rows = {
        name.replace("_", " "): {
            "rule": rule.description,
            "wrong in the second sentence": rule.difference,
            "its word exists": not rule.nonword,
        }
        for name, rule in PHENOMENA.items()
    }
    return html_table(pd.DataFrame.from_dict(rows, orient="index").rename_axis("phenomenon"), "What the pairs ask")


def balance_html(report: StudyReport) -> str:
    """How frequent the words are in which the pairs differ, as an HTML table; nothing where there are no pairs."""
    pairs = report.record.pairs
    if pairs is None:
        return ""
    rows = [
        {
            "phenomenon": row.phenomenon.replace("_", " "),
            "right word, median count": row.good,
            "wrong word, median count": row.bad,
            "right word more frequent": f"{row.good_more_frequent:.0%}",
        }
        for row in pairs.words
    ]
    caption = f"How often the two words occur in {pairs.reference_characters:,} characters of the training text"
    return html_table(pd.DataFrame(rows).set_index("phenomenon"), caption)


def pairs_findings(report: StudyReport) -> str:
    """Markdown list: accuracy of all pairs, what spelling solves, and where runs know more than spelling tells."""
    table = pairs_table(report)
    if table.empty:
        return "- No minimal pairs were scored."
    intervals = interval_table(report)
    runs = [str(name) for name in table.columns if name not in BASELINE_ORDERS]
    solved = _solved(table)
    sentences = [_overall(intervals, [*runs, *BASELINE_ORDERS]), _of_spelling(solved, len(table) - 1)]
    sentences += [_beyond_spelling(table, intervals, name, solved) for name in runs]
    if broken := [escape_markdown(report.labels[run_id]) for run_id in _broken(report)]:
        sentences.append(f"Without an answer, since their probabilities are no numbers: {', '.join(broken)}.")
    sentences += _few(report)
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _few(report: StudyReport) -> list[str]:
    """A caution where one phenomenon has so few pairs that chance alone moves its figure by tens of per cent."""
    rows = report.record.pairs.accuracies if report.record.pairs else ()
    count = min(row.pairs for row in rows if row.phenomenon != OVERALL)
    return [] if count >= FEW_PAIRS else [f"Only {count} pairs of a phenomenon were scored: read the first row alone."]


def _solved(table: pd.DataFrame) -> list[str]:
    best = table[list(BASELINE_ORDERS)].max(axis=1).drop(OVERALL)
    return [str(name) for name in best.index[best >= SOLVED]]


def _overall(intervals: pd.DataFrame, names: Sequence[str]) -> str:
    found = intervals.loc[OVERALL]
    parts = [
        f"{escape_markdown(name)} {row.accuracy:.0%} ({row.low:.0%} to {row.high:.0%})"
        for name, row in ((name, found.loc[name]) for name in names)
    ]
    return f"Right of all pairs: {', '.join(parts)}. Chance is 50%."


def _of_spelling(solved: Sequence[str], phenomena: int) -> str:
    if not solved:
        return f"No phenomenon is solved by spelling alone (a character model at {SOLVED:.0%} or more)."
    return (
        f"Character models get {SOLVED:.0%} or more right in {len(solved)} of {phenomena} phenomena "
        f"({', '.join(_words(name) for name in solved)}): high accuracy there says little of grammar."
    )


def _beyond_spelling(table: pd.DataFrame, intervals: pd.DataFrame, run: str, solved: Sequence[str]) -> str:
    """Phenomena in which the run's whole interval lies above the better character model."""
    spelling = table[list(BASELINE_ORDERS)].max(axis=1)
    names = [str(name) for name in table.index if name not in {OVERALL, *solved}]
    low = intervals["low"].xs(run, level="scorer")
    above = [name for name in names if low[name] > spelling[name]]
    if not above:
        return f"{escape_markdown(run)} is in no other phenomenon clearly above what spelling tells."
    return (
        f"{escape_markdown(run)} is above what spelling tells, with its whole interval, in {len(above)} of the other "
        f"{len(names)} phenomena: {', '.join(_words(name) for name in above)}."
    )


def _words(name: str) -> str:
    return escape_markdown(name.replace("_", " "))
