"""What generated text says of a study: every measure of every run, its agreement with perplexity, choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from . import errors
from .corpus import Corpus
from .corpus.attestation import word_counts
from .errors import switching
from .errors.agreement import Want, choices, correlations
from .errors.agreement import choices_html as table_of_choices
from .errors.memorisation import CopyIndex, index_documents, memorised
from .errors.wellformed import Vocabulary, judge_words, shares_by_continuation
from .markup import escape_html
from .pairs_report import OVERALL
from .report import StudyReport, diverged

SEARCHED_CHARACTERS = 2_000_000
"""Of training text that are searched for copies unless the caller says otherwise: some seconds."""
COPIED = ("longest_words", "longest_characters", "copied_words", "copied_characters")
WANTS = (
    Want("text in the target language", "in_language", True),
    Want("text that stays in the target language", "switched", False),
    Want("words that are words", "well_formed", True),
    Want("suffixes in the right shape", "wrong_suffix", False),
    Want("no invented stems", "invented_stem", False),
    Want("text of its own, not copied", "copied_characters", False),
    Want("text that does not repeat itself", "rep_4", False),
    Want("text that falls into no loop", "loop_share", False),
    Want("no letters that Bashkir lacks", "non_bashkir_letters", False),
    Want("no broken characters", "broken_characters", False),
)
"""What a reader may want of generated text, and the measure of a continuation that stands for it."""
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "bits_per_byte": "bits per byte",
        "pairs": "minimal pairs right",
        "in_language": "share in the target language",
        "switched": "share that leaves the language",
        "well_formed": "well-formed words",
        "wrong_suffix": "wrong suffixes",
        "invented_stem": "invented stems",
        "longest_words": "longest copied run, words",
        "copied_characters": "copied runs of 20 characters",
        "rep_4": "repeated 4-grams (rep-4)",
        "loop_share": "share in loops",
        "non_bashkir_letters": "share of letters that are not Bashkir",
        "broken_characters": "broken characters",
        "new_tokens": "new tokens",
    }
)
"""Columns of :func:`run_table` in words."""


@dataclass(frozen=True)
class Evidence:
    """What continuations are held against: the language they should be in, its words, and the training text."""

    language: str | None
    """ISO 639-1; None where any language will do."""
    vocabulary: Vocabulary
    index: CopyIndex


def evidence(corpus: Corpus, max_characters: int = SEARCHED_CHARACTERS) -> Evidence:
    """The evidence that a corpus gives; ``max_characters`` of its training text are searched for copies."""
    train = corpus.split("train")
    vocabulary = Vocabulary(word_counts(train["text"]), bashkir=corpus.language == "ba")
    return Evidence(corpus.language, vocabulary, index_documents(train, max_characters))


def measured(report: StudyReport, continuations: pd.DataFrame, held_against: Evidence) -> pd.DataFrame:
    """Every continuation with its measures and with the run and the way of adaptation that it comes from.

    Args:
        report: of the runs that wrote them.
        continuations: as ``report.continuations`` gives them; ``model`` is the run's label.
        held_against: of the same corpus.

    Returns:
        the rows of ``continuations`` with run_id and way; the columns of ``errors.measure``; in_language (share of
        words) and switched, at and into of ``errors.follow``, or, where the calibrated identifier has no class for the
        language, in_language by sentence alone, and nothing of these for None; those of
        ``wellformed.shares_by_continuation``; and longest_words, longest_characters, copied_words and copied_characters
        of ``errors.memorisation``.
    """
    run_ids = {label: run_id for run_id, label in report.labels.items()}
    table = errors.measure(continuations.reset_index(drop=True))
    table = table.assign(
        run_id=table["model"].map(run_ids), way=[report.arms[run_ids[label]] for label in table["model"]]
    )
    table = _with_language(table, held_against.language)
    words = judge_words(table, held_against.vocabulary)
    copied = memorised(table, held_against.index)[list(COPIED)]
    return table.join(shares_by_continuation(words, len(table))).join(copied)


def _with_language(table: pd.DataFrame, language: str | None) -> pd.DataFrame:
    if language is None:
        return table
    followed = errors.follow(table, language)
    if followed is None:
        return table.assign(in_language=errors.share_in(table["continuation"].tolist(), language))
    return table.assign(
        in_language=followed[language] / followed["words"].where(followed["words"] > 0),
        switched=followed["switched"].astype(float),
        words=followed["words"],
        at=followed["at"],
        into=followed["into"],
    )


def run_table(report: StudyReport, table: pd.DataFrame) -> pd.DataFrame:
    """One row a run, by run id: bits_per_byte, pairs (share right; NaN where none were scored), means of the measures.

    ``table`` is that of :func:`measured`, of one decoding.
    """
    names = [name for name in NAMES if name in table]
    means = table.groupby("run_id", sort=False)[names].mean()
    right = {
        row.scorer: row.accuracy
        for row in (report.record.pairs.accuracies if report.record.pairs else ())
        if row.phenomenon == OVERALL
    }
    bits = {row.run_id: row.bits_per_byte.value for row in report.rows}
    kept = means[means.index.isin(bits)]
    found = pd.DataFrame({"bits_per_byte": kept.index.map(bits), "pairs": kept.index.map(right)}, index=kept.index)
    return found.astype(float).join(kept)


def way_table(report: StudyReport, table: pd.DataFrame) -> pd.DataFrame:
    """Means of the measures by way of adaptation, over all its runs, prompts and samples, in the report's order.

    ``table`` is that of :func:`measured`, of one decoding. Columns: runs, then the measures in words (``NAMES``).
    """
    names = [name for name in NAMES if name in table]
    groups = table.groupby("way", sort=False)
    found = groups["run_id"].nunique().rename("runs").to_frame().join(groups[names].mean().rename(columns=dict(NAMES)))
    return found.reindex([way for way in dict.fromkeys(report.arms.values()) if way in found.index])


def survival(report: StudyReport, table: pd.DataFrame) -> pd.DataFrame:
    """``errors.switching.survival`` by way of adaptation, all its runs together; empty where nothing was followed.

    ``table`` is that of :func:`measured`, of one decoding.
    """
    if "switched" not in table:
        return pd.DataFrame()
    followed = table.assign(model=table["way"], unit=table["prompt"], switched=table["switched"].astype(bool))
    return switching.survival(followed, report.confidence)


def agreement(report: StudyReport, table: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Rank correlation of ``reference`` (a column of :func:`run_table`) with every other one, over trained runs.

    The models as they came are left out: that training changes everything is known, and would be all that is seen. So
    are runs that diverged: that they are bad by every measure is known too.
    """
    runs, bad = run_table(report, table), diverged(report)
    trained = [row.run_id for row in report.rows if row.kind != "zero_shot" and row.run_id not in bad]
    others = [name for name in runs.columns if name != reference]
    return correlations(runs[runs.index.isin(trained)], reference, others, report.confidence)


def what_to_choose(report: StudyReport, table: pd.DataFrame) -> pd.DataFrame:
    """For each of ``WANTS`` that was measured the best way, over the same prompts; runs that diverged are left out.

    ``table`` is that of :func:`measured`, of one decoding. Columns as ``errors.agreement.choices`` gives them; empty
    where every run diverged.
    """
    kept = table[~table["run_id"].isin(diverged(report))]
    if kept.empty:
        return pd.DataFrame()
    return choices(kept, [want for want in WANTS if want.measure in kept], report.confidence)


def choices_html(report: StudyReport, choice: pd.DataFrame) -> str:
    """The table of :func:`what_to_choose` as HTML, and under it the runs that it leaves out."""
    record = report.record
    left = left_out_html(report)
    if choice.empty:
        return f"<p>There is nothing to choose from: every run diverged.</p>{left}"
    return table_of_choices(choice, f"What to choose, profile {record.study}: {record.description}") + left


def left_out_html(report: StudyReport) -> str:
    """A paragraph that names the runs that diverged and so are in no choice and no correlation; empty without any."""
    bad = diverged(report)
    if not bad:
        return ""
    named = "; ".join(f"{report.labels[run_id]}: {reason}" for run_id, reason in bad.items())
    return f"<p>Left out: {escape_html(named)}.</p>"
