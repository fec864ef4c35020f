from dataclasses import replace

import pandas as pd
import pytest
from made_results import made, made_report

from bashkir_utils import pairs_report, recording, report
from bashkir_utils.corpus.statistics import word_counts
from bashkir_utils.language.pairs import PHENOMENA, all_pairs
from bashkir_utils.markup import escape_html
from bashkir_utils.minimal_pairs import BASELINE_ORDERS, study_pairs
from bashkir_utils.plots.pairs import pair_accuracies
from bashkir_utils.report import PairResults, PhenomenonAccuracy, WordBalance
from bashkir_utils.study import PairsSpec

from conftest import TextCorpus

EASY, HARD = "plural_harmony", "tense_adverb"
SHARES = {"zero_shot": (0.5, 0.5), "full": (0.95, 0.9), "lora_r8": (0.97, 0.55), "qlora_r8": (0.96, 0.52)}
SPELLING = {"character unigram": (0.6, 0.5), "character 5-gram": (0.92, 0.56)}


def made_accuracies(scorer, shares):
    rows = zip((EASY, HARD, "all"), (*shares, sum(shares) / 2), strict=True)
    return [
        PhenomenonAccuracy(
            scorer=scorer, phenomenon=name, pairs=100, accuracy=share, low=share - 0.1, high=share + 0.05
        )
        for name, share in rows
    ]


@pytest.fixture
def live(tmp_path):
    study, corpus, runs, evaluations = made(tmp_path)
    scorers = {run.run_id: SHARES[run.spec.method.name] for run in runs} | SPELLING
    pairs = PairResults(
        accuracies=tuple(row for scorer, shares in scorers.items() for row in made_accuracies(scorer, shares)),
        words=(WordBalance(phenomenon=HARD, good=12, bad=9.5, good_more_frequent=0.625),),
        reference_characters=1000,
    )
    return report.collect(study, corpus, runs, evaluations, pairs)


def test_the_table_has_all_first_and_then_what_spelling_knows_least(live):
    table = pairs_report.pairs_table(live)
    assert list(table.index) == ["all", HARD, EASY]
    assert list(table.columns) == ["zero shot", "full", "lora r8", "qlora r8", *BASELINE_ORDERS]
    assert table.loc[HARD, "full"] == 0.9


def test_what_spelling_solves_is_said_and_not_credited(live):
    found = pairs_report.pairs_findings(live).replace("\\", "")
    assert "90% or more right in 1 of 2 phenomena (plural harmony)" in found
    # 0.9 - 0.1 > 0.56, and plural harmony does not count
    assert (
        "full is above what spelling tells, with its whole interval, in 1 of the other 1 phenomena: tense adverb"
        in found
    )
    assert "lora r8 is in no other phenomenon clearly above what spelling tells" in found
    assert "full 92% (82% to 98%)" in found
    assert "read the first row alone" not in found


def test_few_pairs_are_said_to_be_few(live):
    few = tuple(row.model_copy(update={"pairs": 4}) for row in live.record.pairs.accuracies)
    pairs = live.record.pairs.model_copy(update={"accuracies": few})
    found = pairs_report.pairs_findings(replace(live, record=live.record.model_copy(update={"pairs": pairs})))
    assert "Only 4 pairs of a phenomenon were scored: read the first row alone." in found


def test_tables_name_what_is_wrong_and_how_frequent_the_words_are(live):
    assert "100 of each phenomenon" in pairs_report.pairs_html(live)
    assert all(escape_html(rule.difference) in pairs_report.phenomena_html() for rule in PHENOMENA.values())
    assert all(text in pairs_report.balance_html(live) for text in ("9.5", "62%", "1,000 characters"))


def test_a_study_without_pairs_says_so(tmp_path):
    bare = made_report(tmp_path)
    assert bare.record.pairs is None
    assert pairs_report.pairs_table(bare).empty
    assert "No minimal pairs are here" in pairs_report.pairs_html(bare)
    assert pairs_report.balance_html(bare) == ""
    assert "No minimal pairs" in pairs_report.pairs_findings(bare)


def test_the_figure_marks_every_run_in_every_row(live):
    (axes,) = pair_accuracies(live, "Made up").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["all", "tense adverb", "plural harmony"]
    bars = {container.get_label(): container for container in axes.containers}
    assert set(bars) >= {"zero shot", "full", "lora r8", "qlora r8"}
    assert list(bars["full"].lines[0].get_xdata()) == pytest.approx([0.925, 0.9, 0.95])
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([0.74, 0.56, 0.92])


def test_pairs_survive_recording(live, tmp_path):
    study, corpus, runs, evaluations = made(tmp_path / "runs")
    recording.record_study(study, corpus, runs, evaluations, tmp_path / "book" / "x", pairs=live.record.pairs)
    (again,) = report.load_recorded(tmp_path / "book")
    assert again.record.pairs == live.record.pairs


def test_runs_without_scores_are_passed_over_and_counted(live):
    """As in a study that is recorded while it grows."""
    one = next(row.run_id for row in live.rows if row.method == "lora_r8")
    kept = tuple(row for row in live.record.pairs.accuracies if row.scorer != one)
    pairs = live.record.pairs.model_copy(update={"accuracies": kept})
    partial = replace(live, record=live.record.model_copy(update={"pairs": pairs}))
    assert pairs_report.scored_runs(partial) == {row.run_id for row in live.rows} - {one}
    assert list(pairs_report.pairs_table(partial).columns) == ["zero shot", "full", "qlora r8", *BASELINE_ORDERS]
    assert "Not scored by 1 of 4 runs" in pairs_report.pairs_html(partial)
    assert "Not scored" not in pairs_report.pairs_html(live)
    assert "lora r8 is in no other" not in pairs_report.pairs_findings(partial).replace("\\", "").replace("qlora", "")
    (axes,) = pair_accuracies(partial, "Made up").axes
    assert "lora r8" not in {container.get_label() for container in axes.containers}


def test_words_are_balanced_by_the_studys_own_text(text_corpus):
    asked = study_pairs(text_corpus, PairsSpec(pairs=2, reference_characters=500))
    assert asked.texts == tuple(text_corpus.train[: len(asked.texts)])
    assert sum(map(len, asked.texts[:-1])) <= 500
    assert asked.pairs == all_pairs(2, 42, frequencies=word_counts(asked.texts))
    assert asked.pairs != all_pairs(2, 42)
    assert asked.word_counts == word_counts(asked.texts)


def test_other_languages_and_profiles_without_pairs_have_none(text_corpus):
    chuvash = TextCorpus(text_corpus.train, text_corpus.validation, text_corpus.test, language="cv")
    assert study_pairs(chuvash, PairsSpec()) is None
    assert study_pairs(text_corpus, None) is None


def test_real_runs_are_scored_once_with_the_character_models(text_corpus, workspace, tiny, monkeypatch):
    from made_results import study

    from bashkir_utils import runs
    from bashkir_utils.study import ZERO_SHOT, RunSpec

    asked = study(minimal_pairs={"pairs": 1})
    stored = {"study": asked, "corpus": text_corpus, "workspace": workspace}
    spec = RunSpec(model=tiny, method=ZERO_SHOT, seed=0, training=None, corpus=text_corpus.fingerprint)
    run = runs.obtain(spec, text_corpus, workspace)
    assert pairs_report.stored_pairs(runs=[run], **stored) is None
    found = pairs_report.collect_pairs(asked, text_corpus, [run], workspace)
    table = pd.DataFrame([row.model_dump() for row in found.accuracies])
    assert set(table["scorer"]) == {run.run_id, *BASELINE_ORDERS}
    assert table.groupby("scorer").size().tolist() == [len(PHENOMENA) + 1] * 3
    assert table[table["phenomenon"] == "all"]["pairs"].tolist() == [len(PHENOMENA)] * 3
    monkeypatch.setattr(runs, "score_pairs", None)
    unscored = replace(run, run_id="another")
    assert pairs_report.stored_pairs(runs=[run, unscored], **stored) == found
    assert pairs_report.collect_pairs(asked, text_corpus, [run], workspace) == found


def test_a_run_of_broken_numbers_has_no_accuracy_and_one_that_is_only_bad_is_marked(live):
    nothing, high = (report.Interval(value, value, value) for value in (float("nan"), 9.0))
    shown = {"full": nothing, "lora": high}
    rows = tuple(
        row.model_copy(update={"bits_per_byte": shown[row.kind]}) if row.kind in shown else row for row in live.rows
    )
    broken = replace(live, record=live.record.model_copy(update={"rows": rows}))
    names = ["zero shot", "lora r8 (diverged)", "qlora r8"]
    assert list(pairs_report.pairs_table(broken).columns) == [*names, *BASELINE_ORDERS]
    found = pairs_report.pairs_findings(broken).replace("\\", "")
    assert "Without an answer, since their probabilities are no numbers: full (diverged)." in found
    assert "lora r8 (diverged) 76%" in found
    (axes,) = pair_accuracies(broken, "Pairs").axes
    assert [name for name in axes.get_legend_handles_labels()[1] if name in names] == names
