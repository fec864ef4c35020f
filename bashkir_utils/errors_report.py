"""What generated text says of a study: every measure of every run, its agreement with perplexity, choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from . import errors
from .comparisons import arms, differences_from
from .corpus import Corpus
from .corpus.attestation import word_counts
from .errors import SHARE_COLUMNS, switching
from .errors.agreement import (
    Want,
    against,
    choice_over_seeds,
    choice_row,
    choice_table,
    choices,
    corrected,
    correlations,
)
from .errors.agreement import choices_html as table_of_choices
from .errors.memorisation import CopyIndex, index_documents, memorised
from .errors.people import PEOPLE
from .errors.summary import ORDERS
from .errors.wellformed import KIND_COLUMNS, Vocabulary, judge_words, shares_by_continuation
from .markup import escape_html, escape_markdown
from .pairs_report import OVERALL
from .report import MEASURE_NAMES, StudyReport, diverged

SEARCHED_CHARACTERS = 2_000_000
"""Of training text that are searched for copies unless the caller says otherwise: some seconds."""
SENTENCE = 5000
"""Characters shown of a sentence that names every way of a study."""
COPIED = ("longest_words", "longest_characters", "copied_words", "copied_characters")
OF_BASHKIR = ("wrong_suffix", *KIND_COLUMNS.values(), "invented_stem", "mixed_vowels", "non_bashkir_letters")
"""Measures that only the letters and the rules of Bashkir give; text in another language goes without them."""
IN_LANGUAGE = Want("text in the target language", "in_language", True)
WANTS = (
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
"""What a reader may want of text in the target language, and the measure of a continuation that stands for it."""
LEAST_LOSS = Want("the fewest bits per byte on the test documents", "bits_per_byte", False)
PAIRS = Want("the right sentence of a minimal pair", "accuracy", True)
LEAST_TIME = Want("the shortest training (seconds)", "wall_seconds", False)
COSTS = (LEAST_TIME, Want("the least memory in training (peak, bytes)", "peak_bytes", False))
"""What a run costs: measured once for each run, so that only seeds can be compared."""
LANGUAGES: Mapping[str, str] = MappingProxyType(
    {"ba": "Bashkir", "tt": "Tatar", "ru": "Russian", "en": "English", "other": "another language"}
)
"""The classes of ``errors.CLASSES`` in words."""
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "bits_per_byte": "bits per byte",
        "pairs": "minimal pairs right",
        "in_language": "share in the target language",
        **{column: MEASURE_NAMES[column] for column in SHARE_COLUMNS.values()},
        "switched": "share that leaves the language",
        "well_formed": "well-formed words",
        "wrong_suffix": "wrong suffixes",
        "invented_stem": "invented stems",
        "longest_words": "longest copied run, words",
        "copied_characters": "copied runs of 20 characters",
        **{f"rep_{n}": f"repeated {n}-grams (rep-{n})" for n in ORDERS},
        **{f"distinct_{n}": f"distinct-{n}" for n in ORDERS},
        "longest_loop": "longest loop, characters",
        "loop_share": "share in loops",
        "ended": "texts that end early",
        "non_bashkir_letters": "share of letters that are not Bashkir",
        "broken_characters": "broken characters",
        "new_tokens": "new tokens",
    }
)
"""Columns of :func:`run_table` in words."""
COMPARED = (
    "bits_per_byte",
    "pairs",
    "in_language",
    "switched",
    "well_formed",
    "wrong_suffix",
    "invented_stem",
    "longest_words",
    "copied_characters",
    "rep_4",
    "distinct_2",
    "loop_share",
    "ended",
    "non_bashkir_letters",
    "broken_characters",
    "new_tokens",
)
"""Columns of :func:`run_table` that are correlated: one of each kind, since every further test costs the others."""
SUFFIX_NAMES: Mapping[str, str] = MappingProxyType(
    {column: kind for kind, column in KIND_COLUMNS.items()} | {"mixed_vowels": "front and back vowels in one word"}
)
"""Columns of :func:`suffix_table` in words."""


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
        the columns of :func:`measure_texts`, and run_id and way.
    """
    return _of_runs(report, measure_texts(continuations, held_against))


def _of_runs(report: StudyReport, table: pd.DataFrame) -> pd.DataFrame:
    run_ids = {label: run_id for run_id, label in report.labels.items()}
    return table.assign(
        run_id=table["model"].map(run_ids), way=[report.arms[run_ids[label]] for label in table["model"]]
    )


def measured_beside_people(
    report: StudyReport, continuations: pd.DataFrame, passages: pd.DataFrame, held_against: Evidence
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table of :func:`measured`, and people's text measured in the same way, for rows that stand side by side.

    Args:
        report: of the runs that wrote the continuations.
        continuations: as of :func:`measured`.
        passages: of ``errors.people.passages``.
        held_against: of the same corpus.

    Returns:
        the continuations; and the passages with the same measures, way ``errors.people.PEOPLE`` and numbers for
        prompts (theirs are text of the corpus). Nothing is known of how people's text ends, since it was cut.
    """
    together = measure_texts(pd.concat([continuations, passages], ignore_index=True), held_against)
    written = together.iloc[: len(continuations)].astype(continuations.dtypes)
    people = together.iloc[len(continuations) :].drop(columns="ended").reset_index(drop=True)
    numbered = [f"{PEOPLE} {place}" for place in range(1, len(people) + 1)]
    return _of_runs(report, written), people.assign(way=PEOPLE, prompt=numbered)


def measure_texts(texts: pd.DataFrame, held_against: Evidence) -> pd.DataFrame:
    """Every text with its measures, whoever wrote it.

    Args:
        texts: columns model, prompt, decoding, continuation and ended.
        held_against: what they are measured by.

    Returns:
        the rows of ``texts``; the columns of ``errors.measure``; in_language (share of words), the shares of the other
        languages and of what is undecided (``errors.SHARE_COLUMNS``) and words, switched, at and into of
        ``errors.follow``, or, where the calibrated identifier has no class for the language, in_language by sentence
        alone, and nothing of these for None; those of ``wellformed.shares_by_continuation``; and longest_words,
        longest_characters, copied_words and copied_characters of ``errors.memorisation``. ``OF_BASHKIR`` are left out
        where the vocabulary is of another language. A text without words has NaN in whatever says how good its words
        are.
    """
    table = _with_language(errors.measure(texts.reset_index(drop=True)), held_against.language)
    words = judge_words(table, held_against.vocabulary)
    copied = memorised(table, held_against.index)[list(COPIED)]
    found = table.join(shares_by_continuation(words, len(table))).join(copied)
    return found if held_against.vocabulary.bashkir else found.drop(columns=list(OF_BASHKIR))


def _with_language(table: pd.DataFrame, language: str | None) -> pd.DataFrame:
    if language is None:
        return table
    followed = errors.follow(table, language)
    if followed is None:
        return table.assign(in_language=errors.share_in(table["continuation"].tolist(), language))
    words = followed["words"].where(followed["words"] > 0)
    return table.assign(
        in_language=followed[language] / words,
        **{column: followed[name] / words for name, column in SHARE_COLUMNS.items() if name != language},
        switched=followed["switched"].astype(float).where(words.notna()),
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


def way_table(report: StudyReport, table: pd.DataFrame, people: pd.DataFrame | None = None) -> pd.DataFrame:
    """Means of the measures by way of adaptation, over all its runs, prompts and samples, in the report's order.

    ``table`` is that of :func:`measured`, of one decoding; ``people``, whose row is the last, of
    :func:`measured_beside_people`. Columns: runs (missing for people), then the measures in words (``NAMES``).
    """
    return _means_by_way(report, table, people, NAMES)


def suffix_table(report: StudyReport, table: pd.DataFrame, people: pd.DataFrame | None = None) -> pd.DataFrame:
    """As :func:`way_table`: wrong suffixes by kind and breaks of vowel harmony, as shares of words in Bashkir letters.

    Empty where they were not measured.
    """
    if not set(SUFFIX_NAMES) & set(table):
        return pd.DataFrame()
    return _means_by_way(report, table, people, SUFFIX_NAMES)


def _means_by_way(
    report: StudyReport, table: pd.DataFrame, people: pd.DataFrame | None, in_words: Mapping[str, str]
) -> pd.DataFrame:
    everything = _beside(table, people)
    names = [name for name in in_words if name in table]
    means = everything[names].astype(float).groupby(everything["way"], sort=False).mean().rename(columns=dict(in_words))
    runs = table.groupby("way", sort=False)["run_id"].nunique().rename("runs")
    return means.join(runs)[["runs", *means.columns]].reindex(_ways(report, everything))


def _beside(table: pd.DataFrame, people: pd.DataFrame | None) -> pd.DataFrame:
    return table if people is None or people.empty else pd.concat([table, people], ignore_index=True)


def _ways(report: StudyReport, table: pd.DataFrame) -> list[str]:
    """Ways that have rows, in the report's order; people come last."""
    present = set(table["way"])
    return [way for way in (*dict.fromkeys(report.arms.values()), PEOPLE) if way in present]


def destination_table(report: StudyReport, table: pd.DataFrame, people: pd.DataFrame | None = None) -> pd.DataFrame:
    """``switching.destinations`` by way of adaptation: how many texts left the language, where, and into which.

    Empty where nothing was followed. ``table`` and ``people`` as in :func:`way_table`.
    """
    if "into" not in table:
        return pd.DataFrame()
    followed = _followed(_beside(table, people))
    found = switching.destinations(followed)
    return found.reindex(_ways(report, followed)).rename_axis("way")


def _followed(everything: pd.DataFrame) -> pd.DataFrame:
    """Texts with words, in the columns of ``switching.follow``; a way stands for a model."""
    known = everything[everything["words"] > 0]
    return known.assign(model=known["way"], unit=known["prompt"], switched=known["switched"].astype(bool))


def switched_by_word(report: StudyReport, table: pd.DataFrame, people: pd.DataFrame | None = None) -> pd.DataFrame:
    """``switching.switched_by_word`` by way of adaptation, all its runs together; empty where nothing was followed.

    ``table`` and ``people`` as in :func:`way_table`.
    """
    if "switched" not in table:
        return pd.DataFrame()
    return switching.switched_by_word(_followed(_beside(table, people)), report.confidence)


def agreement(report: StudyReport, table: pd.DataFrame, reference: str) -> pd.DataFrame:
    """The table of :func:`agreements` where a page has one reference."""
    return agreements(report, table, (reference,))[NAMES[reference]]


def agreements(report: StudyReport, table: pd.DataFrame, references: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Rank correlation of each of ``references`` with every other column of ``COMPARED``, over ways of adaptation.

    A way is the mean of its seeds. The models as they came are left out: that training changes everything is known, and
    would be all that is seen. So are runs that diverged: that they are bad by every measure is known too. All are one
    family of tests (Holm), since they stand on one page.

    Args:
        report: of the runs.
        table: of :func:`measured`, of one decoding.
        references: columns of :func:`run_table`, such as ``bits_per_byte``.

    Returns:
        by reference in words: the columns of ``errors.agreement.corrected`` by measure.
    """
    runs = run_table(report, table)
    ways = runs.index.map(_candidates(report))
    means = runs[ways.notna()].groupby(ways[ways.notna()], sort=False).mean()
    found = {
        NAMES[reference]: correlations(
            means, reference, [name for name in COMPARED if name in means and name != reference], report.confidence
        )
        for reference in references
    }
    return corrected(found, report.confidence)


def what_to_choose(report: StudyReport, table: pd.DataFrame) -> pd.DataFrame:
    """For each wish that was measured the best way of adaptation, and the ways that cannot be told from it.

    The models as they came are no choice, and runs that diverged are none either. First comes text in the target
    language, over prompts. ``WANTS`` are about such text, and a way can have few wrong suffixes by writing none: so
    they are compared among the ways that the first wish does not tell from its best. Then the loss (over documents, as
    in ``comparisons``), minimal pairs (over phenomena), and ``COSTS`` (over seeds) where all runs are from one machine;
    nothing is chosen by times where the record says that they are not comparable.

    ``table`` is that of :func:`measured`, of one decoding.

    Returns:
        columns as ``errors.agreement.choices`` gives them; empty where every run diverged.
    """
    ways = _candidates(report)
    if not ways:
        return pd.DataFrame()
    kept = table[table["run_id"].isin(ways)]
    pairs = _pair_scores(report, ways)
    parts = [
        _choices_of_text(report, kept),
        choice_table({LEAST_LOSS.wish: _least_loss(report)}, []),
        choices(pairs, [PAIRS] if len(pairs) else [], report.confidence, unit="phenomenon"),
        choice_table(_least_costs(report, ways), []),
    ]
    rows = {str(wish): dict(row) for part in parts for wish, row in part.iterrows()}
    return choice_table(rows, list(dict.fromkeys(ways.values())))


def _candidates(report: StudyReport) -> dict[str, str]:
    """Ways of the runs that may be chosen, by run id."""
    bad = diverged(report)
    return {
        row.run_id: report.arms[row.run_id] for row in report.rows if row.kind != "zero_shot" and row.run_id not in bad
    }


def _choices_of_text(report: StudyReport, kept: pd.DataFrame) -> pd.DataFrame:
    wants = [want for want in WANTS if want.measure in kept]
    if IN_LANGUAGE.measure not in kept:
        return choices(kept, wants, report.confidence)
    first = choices(kept, [IN_LANGUAGE], report.confidence)
    row = first.loc[IN_LANGUAGE.wish]
    writers = kept[kept["way"].isin([row["choose"], *row["not_worse"]])]
    return pd.concat([first, choices(writers, wants, report.confidence)])


def _least_loss(report: StudyReport) -> dict[str, object]:
    means = {arm.label: arm.mean for arm in arms(report) if arm.kind != "zero_shot" and arm.runs}
    best = min(means, key=lambda way: means[way])
    found = differences_from(report, best)
    worse = [str(way) for way in found.index[found["excludes_zero"]]]
    return choice_row(means, LEAST_LOSS, worse, report.documents["id"].nunique())


def _pair_scores(report: StudyReport, ways: Mapping[str, str]) -> pd.DataFrame:
    """Share of pairs right by run and phenomenon, of the runs that have scored them."""
    found = report.record.pairs.accuracies if report.record.pairs else ()
    rows = [
        (ways[row.scorer], row.scorer, row.phenomenon, row.accuracy)
        for row in found
        if row.scorer in ways and row.phenomenon != OVERALL
    ]
    return pd.DataFrame(rows, columns=["way", "run_id", "phenomenon", PAIRS.measure])


def _least_costs(report: StudyReport, ways: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """Empty where the runs are from several machines; without times where the record says that they do not compare."""
    rows = [row for row in report.rows if row.run_id in ways]
    if len({row.machine for row in rows}) > 1:
        return {}
    on_gpu = all(row.peak_gpu_bytes for row in rows)
    costs = pd.DataFrame(
        {
            "way": [ways[row.run_id] for row in rows],
            "wall_seconds": [row.wall_seconds for row in rows],
            "peak_bytes": [row.peak_gpu_bytes if on_gpu else row.peak_rss_bytes for row in rows],
        }
    )
    wants = [want for want in COSTS if want != LEAST_TIME or report.record.times_comparable]
    by_way = {
        want: {str(way): of_seeds.tolist() for way, of_seeds in costs.groupby("way", sort=False)[want.measure]}
        for want in wants
    }
    return {want.wish: choice_over_seeds(by_way[want], want, report.confidence) for want in wants}


def choices_html(report: StudyReport, choice: pd.DataFrame, table: pd.DataFrame | None = None) -> str:
    """The table of :func:`what_to_choose` as HTML; under it the runs that it leaves out, and what holds of times.

    With ``table`` of :func:`measured`, of one decoding, :func:`remark_sentences` stand there too.
    """
    record = report.record
    left = left_out_html(report)
    if choice.empty:
        return f"<p>There is nothing to choose from: no run was trained, or every run diverged.</p>{left}"
    said = [] if table is None else remark_sentences(report, table)
    if not record.times_comparable:
        said.append("The times of these runs are not comparable, so nothing is recommended by them.")
    below = "".join(f"<p>{escape_html(sentence, SENTENCE)}</p>" for sentence in said)
    return table_of_choices(choice, f"What to choose, profile {record.study}: {record.description}") + below + left


def remark_finding(report: StudyReport, table: pd.DataFrame) -> str:
    """Markdown list of :func:`remark_sentences`."""
    return "\n".join(f"- {escape_markdown(sentence, SENTENCE)}" for sentence in remark_sentences(report, table))


def remark_sentences(report: StudyReport, table: pd.DataFrame) -> list[str]:
    """Does the way with the lowest perplexity leave the language while worse ones do not? In plain text.

    The way with the fewest bits per byte (means over seeds) is compared with every other one that was trained by the
    share of its texts that left the language, over the same prompts and over seeds, as one family (Holm).

    Args:
        report: of the runs.
        table: of :func:`measured`, of one decoding.
    """
    ways = _candidates(report)
    kept = table[table["run_id"].isin(ways)]
    if "switched" not in kept or not len(kept):
        return ["Whether the model with the lowest perplexity leaves the language was not measured here."]
    drawn = set(kept["way"])
    losses = {arm.label: arm.mean for arm in arms(report) if arm.runs and arm.label in drawn}
    best = min(losses, key=lambda way: losses[way])
    found = against(kept, "switched", best, report.confidence)
    if found.empty:
        return [
            f"The way with the fewest bits per byte, {best}, wrote too little to say whether it leaves the language."
        ]
    return [_who_left(report, kept, best, losses[best]), _verdict_on_remark(found, best)]


def _who_left(report: StudyReport, kept: pd.DataFrame, best: str, loss: float) -> str:
    into = destination_table(report, kept).loc[best]
    counts = {
        str(name).removeprefix("into_"): int(count)
        for name, count in into.items()
        if str(name).startswith("into_") and count
    }
    listed = ", ".join(f"{count} into {LANGUAGES[name]}" for name, count in counts.items()) or "none into any"
    undecided = kept.loc[kept["way"] == best].get("share_undecided")
    unsure = "" if undecided is None else f"; of its words {undecided.mean():.0%} are undecided"
    return (
        f"Of the trained ways {best} has the fewest bits per byte ({loss:.3f}), and so, with one tokenizer, the lowest "
        f"perplexity. Of its {into['continuations']:.0f} continuations {into['switched']:.0%} left the target language "
        f"({listed}){unsure}."
    )


def _verdict_on_remark(found: pd.DataFrame, best: str) -> str:
    others = found.drop(index=best)
    told = others[others["excludes_zero"]]
    less, more = told[told["difference"] < 0], told[told["difference"] > 0]
    open_ones = others.drop(index=told.index)
    parts = [
        f"{what} {', '.join(f'{way} ({value:.0%})' for way, value in rows['value'].items())}"
        for what, rows in (
            ("left less often:", less),
            ("left more often:", more),
            ("cannot be told from it:", open_ones),
        )
        if len(rows)
    ]
    if others.empty:
        return "There is no other way to compare it with."
    if not found.loc[best, "value"]:
        verdict = f"The paper's remark does not hold here: {best} never left the language"
    elif len(less):
        verdict = f"So the paper's remark holds here: {best} left more often than ways with a higher loss"
    elif open_ones.empty:
        verdict = f"The paper's remark does not hold here: no way with a higher loss left less often than {best}"
    else:
        verdict = "The paper's remark is not seen here: no way with a higher loss can be said to leave less often"
    return f"{verdict} ({'; '.join(parts)}; over the same prompts, corrected by Holm's method)."


def left_out_html(report: StudyReport) -> str:
    """A paragraph that names the runs that diverged and so are in no choice and no correlation; empty without any."""
    bad = diverged(report)
    if not bad:
        return ""
    named = "; ".join(f"{report.labels[run_id]}: {reason}" for run_id, reason in bad.items())
    return f"<p>Left out: {escape_html(named)}.</p>"
