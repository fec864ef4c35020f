from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_results import made
from scipy.stats import spearmanr

from bashkir_utils import comparisons, errors_report, report
from bashkir_utils.errors import SHARE_COLUMNS, distinct, share_in, summarise_continuations, switching
from bashkir_utils.errors.memorisation import index_documents
from bashkir_utils.errors.people import PEOPLE
from bashkir_utils.errors.wellformed import Vocabulary
from bashkir_utils.pairs_report import OVERALL
from bashkir_utils.plots import agreement as plots

BASHKIR = "Беҙҙең ауылда балалар мәктәпкә йәйәү йөрөй, ҡыштарын ҡар күп яуа. "
ENGLISH = "The weather is very nice today and the children play outside. "


@pytest.fixture
def live(tmp_path):
    study, corpus, runs, evaluations = made(tmp_path, seeds=[1, 2])
    return report.collect(study, corpus, runs, evaluations)


@pytest.fixture
def continuations(live):
    """Full fine-tuning writes English and repeats itself; the others write Bashkir once."""
    rows = []
    for run_id, label in live.labels.items():
        whole = live.arms[run_id] == "full"
        for prompt in range(8):
            text = ENGLISH * 3 if whole else BASHKIR
            rows.append({"model": label, "prompt": f"p{prompt} ", "decoding": "nucleus", "continuation": text})
    return pd.DataFrame(rows).assign(new_tokens=9, broken_characters=0, ended=True)


@pytest.fixture
def held_against():
    words = BASHKIR.lower().replace(",", "").replace(".", "").split()
    train = pd.DataFrame({"id": ["a"], "source": ["s"], "text": [BASHKIR]})
    return errors_report.Evidence("ba", Vocabulary(dict.fromkeys(words, 9)), index_documents(train))


def test_shares_of_each_text():
    assert share_in([BASHKIR, ENGLISH, "", "12"], "ba") == pytest.approx([1, 0, np.nan, np.nan], nan_ok=True)


def test_every_continuation_knows_its_run_and_its_way(live, continuations, held_against):
    table = errors_report.measured(live, continuations, held_against)
    assert set(table["way"]) == {"zero shot", "full", "lora r8", "qlora r8"}
    assert table.groupby("way")["run_id"].nunique().to_dict() == {
        "zero shot": 1,
        "full": 2,
        "lora r8": 2,
        "qlora r8": 2,
    }
    assert table.groupby("way")["in_language"].mean().to_dict() == pytest.approx(
        {"zero shot": 1, "full": 0, "lora r8": 1, "qlora r8": 1}
    )
    english = table["way"] == "full"
    assert set(table.loc[english, "into"]) == {"en"}
    assert set(table.loc[~english, "switched"]) == {0.0}
    assert table.loc[english, "well_formed"].max() == 0
    assert table.loc[~english, "well_formed"].min() == 1
    assert table.loc[~english, "copied_characters"].min() == 1
    assert table.loc[english, "longest_characters"].max() < 5
    assert table.loc[table["way"] == "full", "rep_4"].min() > 0.5 > table.loc[table["way"] != "full", "rep_4"].max()
    assert "in_language" not in errors_report.measured(live, continuations, replace(held_against, language=None))


def test_what_is_undecided_is_not_taken_for_another_language(live, continuations, held_against, monkeypatch):
    silent = live.labels[live.rows[-1].run_id]
    numbers = continuations["continuation"].mask(continuations["model"] == silent, "12")
    table = errors_report.measured(live, continuations.assign(continuation=numbers), held_against)
    shares = [name for name in SHARE_COLUMNS.values() if name != "share_ba"]
    assert "share_ba" not in table, "it is in_language"
    known = table[table["words"] > 0]
    assert (known["in_language"] + known[shares].sum(axis=1)).tolist() == pytest.approx([1.0] * len(known))
    assert known.loc[known["way"] == "full", "share_en"].min() > 0.9
    assert table.loc[table["model"] == silent, shares].isna().all(axis=None)
    # words that the identifier cannot tell are in a column of their own, and in no language
    monkeypatch.setattr(switching, "languages_of_words", lambda texts: [["undecided"] * 8] * len(texts))
    unsure = errors_report.measured(live, continuations, held_against)
    assert set(unsure["share_undecided"]) == {1.0}
    assert unsure[["in_language", "switched", *shares[1:]]].max().max() == 0
    shown = errors_report.way_table(live, unsure)
    assert shown[errors_report.NAMES["share_undecided"]].tolist() == [1.0] * 4
    assert errors_report.NAMES["share_undecided"] in report.summary_html(live, summarise_continuations(unsure))


def test_people_stand_beside_the_ways_and_their_text_is_not_kept(live, continuations, held_against):
    passages = pd.DataFrame({"model": PEOPLE, "prompt": "secret ", "continuation": [BASHKIR * 2] * 8, "ended": False})
    table, people = errors_report.measured_beside_people(live, continuations, passages, held_against)
    pd.testing.assert_frame_equal(table, errors_report.measured(live, continuations, held_against), check_like=True)
    assert people["prompt"].tolist() == [f"test documents {place}" for place in range(1, 9)]
    for shown in (errors_report.way_table(live, table, people), errors_report.destination_table(live, table, people)):
        assert shown.index.tolist() == ["zero shot", "full", "lora r8", "qlora r8", PEOPLE]
    ways = errors_report.way_table(live, table, people)
    assert np.isnan(ways.loc[PEOPLE, "runs"]), "no run wrote it"
    assert np.isnan(ways.loc[PEOPLE, errors_report.NAMES["ended"]]), "it was cut"
    assert ways.loc[PEOPLE, errors_report.NAMES["well_formed"]] == 1
    into = errors_report.destination_table(live, table, people)
    assert into.loc["full", ["continuations", "switched", "into_en"]].tolist() == [16, 1, 16]
    assert into.loc[PEOPLE, ["continuations", "switched", "into_en"]].tolist() == [8, 0, 0]
    assert PEOPLE in set(errors_report.switched_by_word(live, table, people)["model"])
    assert errors_report.destination_table(live, table.drop(columns="into")).empty


def test_kinds_of_wrong_suffixes_by_way(live, continuations, held_against):
    whole = continuations["model"].str.startswith("full")
    wrong = continuations["continuation"].mask(whole, "Ул китаптәр урмандар китаптәр яҙа.")
    table = errors_report.measured(live, continuations.assign(continuation=wrong), held_against)
    shown = errors_report.suffix_table(live, table)
    assert shown.loc["full", "front or back vowels"] == pytest.approx(2 / 5)
    assert shown.loc["full", errors_report.SUFFIX_NAMES["mixed_vowels"]] == pytest.approx(2 / 5)
    assert shown.loc["lora r8"].drop("runs").max() == 0
    assert errors_report.suffix_table(live, table.drop(columns=list(errors_report.SUFFIX_NAMES))).empty


def test_runs_with_their_losses_pairs_and_measures(live, continuations, held_against):
    pairs = report.PairResults(
        accuracies=tuple(
            report.PhenomenonAccuracy(scorer=row.run_id, phenomenon=name, pairs=9, accuracy=0.5, low=0.1, high=0.9)
            for row in live.rows[1:]
            for name in (OVERALL, "plural")
        ),
        words=(),
        reference_characters=1,
    )
    record = live.record.model_copy(update={"pairs": pairs})
    scored = report.StudyReport(record, live.documents)
    table = errors_report.run_table(scored, errors_report.measured(scored, continuations, held_against))
    assert table.index.tolist() == [row.run_id for row in live.rows]
    assert table["bits_per_byte"].tolist() == [row.bits_per_byte.value for row in live.rows]
    assert np.isnan(table["pairs"].iloc[0])
    assert table["pairs"].iloc[1:].tolist() == [0.5] * 6


def test_agreement_is_over_trained_ways_and_not_over_their_seeds(live, continuations, held_against):
    measured = errors_report.measured(live, continuations, held_against)
    table = errors_report.agreement(live, measured, "bits_per_byte")
    assert table["ways"].max() == 3, "six runs are three ways"
    assert not table["claimed"].any()
    runs = errors_report.run_table(live, measured)
    bits = runs["bits_per_byte"].groupby(runs.index.map(live.arms)).mean().drop("zero shot")
    language = runs["in_language"].groupby(runs.index.map(live.arms)).mean().drop("zero shot")
    assert table.loc["in_language", "correlation"] == pytest.approx(spearmanr(bits, language).statistic)
    both = errors_report.agreements(live, measured, ("bits_per_byte", "pairs"))
    assert list(both) == [errors_report.NAMES["bits_per_byte"], errors_report.NAMES["pairs"]]
    assert "distinct_1" not in table.index, "a further test of what distinct-2 says would cost the others"
    # full fine-tuning has the fewest bits per byte and the least Bashkir
    assert table.loc["in_language", "correlation"] > 0.5
    assert table.loc["rep_4", "correlation"] < -0.5
    assert "bits_per_byte" not in table.index
    figure = plots.correlations({"bits per byte": table}, errors_report.NAMES, "Agreement")
    (axes,) = figure.axes
    drawn = axes.containers[0].lines[0].get_xdata()
    np.testing.assert_allclose(drawn, table["correlation"])
    assert not axes.lines[-1].get_xdata().size, "nothing is claimed, so no point is filled"
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [errors_report.NAMES[name] for name in table.index]


def silenced(continuations, *labels):
    """The same table, in which some runs wrote nothing."""
    silent = continuations["model"].isin(labels)
    return continuations.assign(continuation=continuations["continuation"].mask(silent, ""))


def test_a_silent_run_does_not_count_as_staying_in_the_language(live, continuations, held_against):
    silent = live.labels[live.rows[-1].run_id]
    measured = errors_report.measured(live, silenced(continuations, silent), held_against)
    own = measured[measured["model"] == silent]
    good = ["in_language", "switched", "well_formed", "wrong_suffix", "rep_4", "loop_share", "copied_characters"]
    assert own[good].isna().all(axis=None)
    curves = errors_report.switched_by_word(live, measured)
    way = live.arms[live.rows[-1].run_id]
    assert curves.loc[curves["model"] == way, "reached"].max() == 8, "the texts of the other seed alone"
    # a text of white space has no words either, whatever the language
    kazakh = replace(held_against, language="kk")
    assert (
        errors_report.measured(live, silenced(continuations, silent), kazakh).loc[own.index, "in_language"].isna().all()
    )


def test_the_summary_is_of_the_same_identifier_as_every_other_table(live, continuations, held_against):
    measured = errors_report.measured(live, continuations, held_against)
    summary = summarise_continuations(measured)
    runs = errors_report.run_table(live, measured)
    assert summary["in_language"].tolist() == runs["in_language"].tolist()
    assert summary["rep_4"].tolist() == runs["rep_4"].tolist()
    assert set(summary.columns) <= set(report.MEASURE_NAMES)


def test_tables_of_runs_and_ways_have_repetition_of_every_order_and_what_ends_early(live, continuations, held_against):
    measured = errors_report.measured(live, continuations.assign(ended=[True, False] * 28), held_against)
    runs, ways = errors_report.run_table(live, measured), errors_report.way_table(live, measured)
    for name in ("rep_1", "rep_2", "rep_3", "distinct_1", "distinct_4", "longest_loop", "ended"):
        assert runs[name].notna().all()
        assert errors_report.NAMES[name] in ways
    assert set(runs["ended"]) == {0.5}
    english = live.rows[1].run_id
    assert runs.loc[english, "longest_loop"] == len(ENGLISH * 3)
    own = measured.loc[measured["run_id"] == english, "continuation"]
    assert runs.loc[english, "distinct_2"] == pytest.approx(distinct(own.tolist(), 2))


def test_another_language_has_no_measure_of_bashkir_and_no_wish_for_it(live, continuations, held_against):
    other = replace(held_against, vocabulary=Vocabulary(held_against.vocabulary.counts, bashkir=False))
    measured = errors_report.measured(live, continuations, other)
    assert not set(errors_report.OF_BASHKIR) & set(measured)
    wishes = set(errors_report.what_to_choose(live, measured).index)
    assert not wishes & {want.wish for want in errors_report.WANTS if want.measure in errors_report.OF_BASHKIR}
    assert "words that are words" in wishes
    assert "non_bashkir_letters" not in summarise_continuations(measured)


def made_choice(live, ways):
    """Eight prompts by ways that write so much in the language and so few wrong suffixes; two seeds each."""
    rng = np.random.default_rng(4)
    rows = []
    for row in live.rows:
        language, wrong = ways[live.arms[row.run_id]]
        for prompt in range(8):
            values = {"in_language": language + rng.normal(0, 0.02), "wrong_suffix": wrong + rng.normal(0, 0.001)}
            rows.append({"way": live.arms[row.run_id], "run_id": row.run_id, "prompt": f"p{prompt}", **values})
    return pd.DataFrame(rows)


def test_no_wish_is_won_by_writing_another_language(live):
    """Zero-shot writes no Bashkir and qlora hardly any: neither is the way to right suffixes."""
    ways = {"zero shot": (0.0, 0.0), "full": (0.9, 0.3), "lora r8": (0.9, 0.2), "qlora r8": (0.1, 0.0)}
    table = errors_report.what_to_choose(live, made_choice(live, ways))
    language = table.loc["text in the target language"]
    assert {language["choose"], *language["not_worse"]} == {"full", "lora r8"}
    assert language["worse"] == ["qlora r8"]
    suffixes = table.loc["suffixes in the right shape"]
    assert (suffixes["choose"], suffixes["worse"], suffixes["left_out"]) == ("lora r8", ["full"], ["qlora r8"])
    named = table[["not_worse", "worse", "left_out"]].sum().sum() + table["choose"].tolist()
    assert "zero shot" not in named, "what was not trained is no choice"


def test_where_nobody_writes_there_is_no_choice_by_text(live):
    ways = dict.fromkeys(("zero shot", "full", "lora r8", "qlora r8"), (np.nan, np.nan))
    table = errors_report.what_to_choose(live, made_choice(live, ways))
    assert table.loc["text in the target language", "choose"] == ""
    assert table.loc["suffixes in the right shape", "left_out"] == ["full", "lora r8", "qlora r8"]
    assert table.loc[errors_report.LEAST_LOSS.wish, "choose"] != ""


def with_pairs(live, right):
    """The report with so many of each phenomenon's pairs right, by way."""
    accuracies = tuple(
        report.PhenomenonAccuracy(
            scorer=row.run_id, phenomenon=name, pairs=9, accuracy=right[live.arms[row.run_id]] + shift, low=0, high=1
        )
        for row in live.rows
        for name, shift in ((OVERALL, 0.5), *((f"rule {i}", i / 100) for i in range(12)))
    )
    pairs = report.PairResults(accuracies=accuracies, words=(), reference_characters=1)
    return replace(live, record=live.record.model_copy(update={"pairs": pairs}))


def test_loss_pairs_and_costs_can_be_wished_for(live, continuations, held_against):
    measured = errors_report.measured(live, continuations, held_against)
    table = errors_report.what_to_choose(
        with_pairs(live, {"zero shot": 0.5, "full": 0.2, "lora r8": 0.3, "qlora r8": 0.4}), measured
    )
    loss = table.loc[errors_report.LEAST_LOSS.wish]
    assert loss["choose"] == comparisons.best_arm(live).label
    told = comparisons.differences_from(live, loss["choose"])
    assert set(loss["worse"]) == set(told.index[told["excludes_zero"]]) - {"zero shot"}
    assert loss["units"] == 30
    pairs = table.loc[errors_report.PAIRS.wish]
    assert (pairs["choose"], pairs["value"], pairs["units"]) == ("qlora r8", pytest.approx(0.4 + 0.055), 12)
    seconds, memory = (table.loc[want.wish] for want in errors_report.COSTS)
    assert (seconds["choose"], memory["choose"]) == ("qlora r8", "full"), "as tests/made_results.py makes them"
    assert (seconds["units"], memory["units"]) == (2, 2)


def with_costs(live, peaks, **changes):
    """The report with so many bytes at the peak of each seed, by way."""
    left = {way: list(of_seeds) for way, of_seeds in peaks.items()}
    rows = tuple(
        row.model_copy(update={"peak_rss_bytes": left[live.arms[row.run_id]].pop(0)})
        if row.kind != "zero_shot"
        else row
        for row in live.rows
    )
    return replace(live, record=live.record.model_copy(update={"rows": rows, **changes}))


def test_costs_are_tested_over_seeds(live, continuations, held_against):
    """A larger mean of memory is worse only if seeds do not explain it."""
    measured = errors_report.measured(live, continuations, held_against)
    wish = errors_report.COSTS[1].wish
    apart = with_costs(live, {"full": [100, 101], "lora r8": [900, 901], "qlora r8": [90, 112]})
    row = errors_report.what_to_choose(apart, measured).loc[wish]
    assert (row["choose"], row["not_worse"], row["worse"]) == ("full", ["qlora r8"], ["lora r8"])
    assert "open between full, qlora r8" in errors_report.choices_html(
        apart, errors_report.what_to_choose(apart, measured)
    )
    same = with_costs(live, {"full": [100, 100], "lora r8": [101, 101], "qlora r8": [100, 100]})
    row = errors_report.what_to_choose(same, measured).loc[wish]
    assert (row["choose"], row["not_worse"], row["worse"]) == ("full", ["qlora r8"], ["lora r8"]), "no seed differs"


def test_costs_of_one_seed_are_measured_and_not_tested(tmp_path):
    alone = report.collect(*made(tmp_path))
    table = errors_report.what_to_choose(alone, made_choice(alone, dict.fromkeys(set(alone.arms.values()), (0.5, 0.1))))
    assert table.loc[errors_report.COSTS[0].wish, ["choose", "worse"]].tolist() == ["qlora r8", ["lora r8", "full"]]
    assert "qlora r8 (measured, not tested)" in errors_report.choices_html(alone, table)


def test_nothing_is_chosen_by_times_that_are_not_comparable(live, continuations, held_against):
    measured = errors_report.measured(live, continuations, held_against)
    shared = replace(live, record=live.record.model_copy(update={"times_comparable": False}))
    table = errors_report.what_to_choose(shared, measured)
    assert errors_report.LEAST_TIME.wish not in table.index
    assert errors_report.COSTS[1].wish in table.index, "memory is no time"
    page = errors_report.choices_html(shared, table)
    assert "not comparable, so nothing is recommended by them" in page
    assert "shortest training" not in page
    assert "nothing is ranked by them" in report.recorded_heading(shared)
    assert "ranked" not in report.recorded_heading(live)
    assert "not comparable" not in errors_report.choices_html(live, errors_report.what_to_choose(live, measured))


def left(live, shares):
    """Forty prompts, of which such a share of each way's texts left for English; two seeds each."""
    rows = [
        {"run_id": row.run_id, "way": live.arms[row.run_id], "prompt": f"p{place}", "words": 9, "switched": gone}
        | {"at": 3.0 if gone else np.nan, "into": "en" if gone else "", "share_undecided": 0.25}
        for row in live.rows
        for place in range(40)
        for gone in (float(place < 40 * shares[live.arms[row.run_id]]),)
    ]
    return pd.DataFrame(rows)


def test_the_remark_of_the_paper_is_answered_by_the_numbers(live):
    best = comparisons.best_arm(live).label
    assert best == "full"
    holds = left(live, {"zero shot": 1.0, "full": 0.75, "lora r8": 0.1, "qlora r8": 0.7})
    who, verdict = errors_report.remark_sentences(live, holds)
    assert who.startswith("Of the trained ways full has the fewest bits per byte")
    assert "Of its 80 continuations 75% left the target language (60 into English); of its words 25% are undec" in who
    assert "remark holds here: full left more often" in verdict
    assert "left less often: lora r8 (10%)" in verdict
    assert "zero shot" not in verdict, "what was not trained is no rival"
    other = left(live, {"zero shot": 1.0, "full": 0.1, "lora r8": 0.9, "qlora r8": 0.9})
    assert "does not hold here" in errors_report.remark_sentences(live, other)[1]
    alike = left(live, dict.fromkeys(("zero shot", "full", "lora r8", "qlora r8"), 0.5))
    assert "not seen here" in errors_report.remark_sentences(live, alike)[1]
    none = left(live, dict.fromkeys(("zero shot", "full", "lora r8", "qlora r8"), 0.0))
    assert "full never left the language" in errors_report.remark_sentences(live, none)[1]
    assert "not measured" in errors_report.remark_sentences(live, alike.drop(columns="switched"))[0]


def test_the_answer_stands_under_what_to_choose(live):
    table = left(live, {"zero shot": 1.0, "full": 0.75, "lora r8": 0.1, "qlora r8": 0.7}).assign(in_language=0.5)
    choice = errors_report.what_to_choose(live, table)
    page = errors_report.choices_html(live, choice, table)
    assert "the paper&#x27;s remark holds here" in page
    assert "remark" not in errors_report.choices_html(live, choice)
    assert errors_report.remark_finding(live, table).count("\n- ") == 1


def test_costs_of_several_machines_are_not_compared(live, continuations, held_against):
    measured = errors_report.measured(live, continuations, held_against)
    rows = (*live.rows[:-1], live.rows[-1].model_copy(update={"machine": "another"}))
    elsewhere = replace(live, record=live.record.model_copy(update={"rows": rows}))
    assert not {want.wish for want in errors_report.COSTS} & set(
        errors_report.what_to_choose(elsewhere, measured).index
    )


def test_the_choice_is_made_over_prompts_and_without_runs_that_diverged(live, continuations, held_against):
    measured = errors_report.measured(live, continuations, held_against)
    table = errors_report.what_to_choose(live, measured)
    row = table.loc["text in the target language"]
    assert row["worst"] == "full"
    assert "full" not in {row["choose"], *row["not_worse"]}
    assert row["units"] == 8
    bad = next(row for row in live.rows if row.kind == "qlora")
    worse = bad.bits_per_byte.__class__(99, 98, 100)
    rows = tuple(row.model_copy(update={"bits_per_byte": worse}) if row.kind == "qlora" else row for row in live.rows)
    broken = report.StudyReport(live.record.model_copy(update={"rows": rows}), live.documents)
    left = errors_report.what_to_choose(broken, measured)
    assert not any("qlora r8" in {row["choose"], *row["not_worse"], row["worst"]} for _, row in left.iterrows())
    page = errors_report.choices_html(broken, left)
    assert "Left out: qlora r8 seed 1 (diverged): worse than zero-shot; qlora r8 seed 2 (diverged)" in page
    assert "Left out" not in errors_report.choices_html(live, table)
    assert errors_report.agreement(broken, measured, "bits_per_byte")["ways"].max() == 2
    hopeless = tuple(
        row.model_copy(update={"bits_per_byte": bad.bits_per_byte.__class__(np.nan, 0, 0)}) for row in rows
    )
    none = report.StudyReport(live.record.model_copy(update={"rows": hopeless}), live.documents)
    assert "every run diverged" in errors_report.choices_html(none, errors_report.what_to_choose(none, measured))
