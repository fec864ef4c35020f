"""Budgets beside each other: the table, who is best in each group."""

import re
from dataclasses import replace

import pandas as pd
import pytest
from made_results import made_report

from bashkir_utils import vocabulary_report
from bashkir_utils.comparisons import differences_from
from bashkir_utils.evaluation import Interval
from bashkir_utils.exceptions import ProfileError
from bashkir_utils.markup import escape_markdown
from bashkir_utils.plots import vocabulary as plots
from bashkir_utils.report import VocabularyFacts
from bashkir_utils.study import load_study

FACTS = VocabularyFacts(
    way="replace", entries=8192, new_entries=8192, algorithm="bpe", morphemes=False, embeddings="mean", seconds=12.0
)
MODELS = [{"name": name, "source": "random:llama"} for name in ("own", "new", "fresh")]


def budget(tmp_path, minutes, bits):
    """A study of one budget; ``bits`` by model, all methods alike."""
    made = made_report(tmp_path / str(minutes), models=MODELS, methods=[{"name": "full", "kind": "full"}])
    rows = []
    for row in made.rows:
        bits_per_byte = 9.0 if row.kind == "zero_shot" else bits[row.model]
        changes = {"bits_per_byte": Interval(bits_per_byte, bits_per_byte - 0.1, bits_per_byte + 0.1)}
        changes |= {"vocabulary": FACTS} if row.model != "own" else {}
        changes |= {"from_nothing": True} if row.model == "fresh" else {}
        rows.append(row.model_copy(update=changes))
    settings = made.record.settings | {"training": made.record.settings["training"] | {"minutes": minutes}}
    return replace(made, record=made.record.model_copy(update={"rows": tuple(rows), "settings": settings}))


def as_said(report):
    """The same study with documents whose losses are as its bits per byte say."""
    bits = {row.run_id: row.bits_per_byte.value for row in report.rows}
    shared = report.documents.groupby("id")["nll"].transform("first")
    return replace(report, documents=report.documents.assign(nll=shared * report.documents["run_id"].map(bits) / 2))


@pytest.fixture
def reports(tmp_path):
    return [
        budget(tmp_path, 60.0, {"own": 1.5, "new": 1.2, "fresh": 1.1}),
        budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4}),
    ]


def test_reductions_by_hand(reports):
    table = vocabulary_report.budget_table(reports)
    assert table["minutes"].tolist() == [4.0] * 3 + [60.0] * 3
    assert table["group"].tolist() == ["changed", "nothing", "own", "nothing", "changed", "own"]
    short, long = vocabulary_report.reductions(table)
    assert (short.minutes, short.share) == (4.0, pytest.approx(1 - 1.3 / 2.0))
    assert (long.minutes, long.share) == (60.0, pytest.approx(1 - 1.2 / 1.5))


def on_a_gpu(report, name="Big GPU"):
    """The same study, trained on a GPU."""
    machine = f"{name}, Some Processor, 16 cores, 126 GiB"
    rows = [row.model_copy(update={"machine": machine, "peak_gpu_bytes": 5_000_000_000}) for row in report.rows]
    return replace(report, record=report.record.model_copy(update={"rows": tuple(rows)}))


def test_as_many_minutes_of_two_machines_are_two_budgets(reports, tmp_path):
    gpu = on_a_gpu(budget(tmp_path / "gpu", 4.0, {"own": 1.0, "new": 0.9, "fresh": 0.7}))
    table = vocabulary_report.budget_table([gpu, *reports])
    assert table["minutes"].tolist() == [4.0] * 3 + [60.0] * 3 + [4.0] * 3, "processors come first"
    assert table["machine"].tolist()[-1] == "Big GPU"
    assert table["peak_bytes"].tolist()[-3:] == [5_000_000_000] * 3
    shares = [(each.machine == "Big GPU", round(each.share, 3)) for each in vocabulary_report.reductions(table)]
    assert shares == [(False, 0.35), (False, 0.2), (True, 0.1)]
    said = vocabulary_report.findings([gpu, *reports])
    assert "After 4 minutes on Big GPU *new full* needs 10.0% fewer" in said
    assert "After 4 minutes on Big GPU the best model trained from nothing (*fresh full*) needs 0.700 bits" in said
    processor = table["machine"].iloc[0]
    assert f"After 4 minutes on {escape_markdown(processor)} *new full* needs 35.0% fewer" in said
    titles = [axes.get_title() for axes in plots.ranking([gpu, *reports], "x").axes]
    assert titles == [f"4 minutes on {processor}", f"60 minutes on {processor}", "4 minutes on Big GPU"]
    assert "<th" in (shown := vocabulary_report.budget_html([gpu, *reports])) and "Big GPU" in shown
    assert "machine" not in vocabulary_report.budget_html(reports)


def test_minutes_compare_on_one_machine_only(reports, tmp_path):
    gpu = on_a_gpu(budget(tmp_path / "gpu", 1.0, {"own": 1.0, "new": 0.9, "fresh": 0.7}))
    table = vocabulary_report.budget_table([gpu, *reports])
    ((machine, rows),) = vocabulary_report.comparable_budgets(table)
    assert machine == table["machine"].iloc[0]
    assert set(rows["minutes"]) == {4.0, 60.0}
    assert vocabulary_report.comparable_budgets(vocabulary_report.budget_table([gpu, reports[0]])) == []
    assert "After 1 minute on Big GPU" in vocabulary_report.findings([gpu, *reports])
    (axes,) = plots.budgets(rows, "minutes", "x").axes
    lines = [line for line in axes.lines if line.get_linestyle() in {"-", "--", ":"} and len(line.get_xdata()) == 2]
    assert len(lines) == 3, "one a way, over both budgets"


def test_as_many_minutes_of_other_threads_are_another_budget(reports):
    def on(report, threads):
        rows = tuple(row.model_copy(update={"threads": threads}) for row in report.rows)
        return replace(report, record=report.record.model_copy(update={"rows": rows}))

    table = vocabulary_report.budget_table([on(reports[0], 1), on(reports[1], 2)])
    assert {machine.rpartition(", ")[2] for machine in table["machine"]} == {"1 thread", "2 threads"}
    assert vocabulary_report.comparable_budgets(table) == []


def test_no_two_ways_look_alike():
    assert len({plots.look(place) for place in range(40)}) == 40


def test_the_best_way_is_that_of_the_lowest_mean_over_seeds():
    rows = {"way": ["a 1", "a 2", "b 1", "b 2"], "arm": ["a", "a", "b", "b"], "bits_per_byte": [0.8, 1.4, 1.0, 1.1]}
    found = vocabulary_report.best(pd.DataFrame(rows).assign(diverged=False))
    assert (found["way"], found["bits_per_byte"]) == ("b", pytest.approx(1.05))
    assert vocabulary_report.best(pd.DataFrame(rows).assign(diverged=True)) == {}


def test_studies_of_two_texts_are_held_apart(reports):
    corpus = reports[0].record.corpus.model_copy(update={"fingerprint": "another"})
    other = replace(reports[1], record=reports[1].record.model_copy(update={"corpus": corpus}))
    assert vocabulary_report.by_text([*reports, other]) == [tuple(reports), (other,)]
    assert vocabulary_report.by_text([]) == []


def test_sentences_say_what_was_reached_and_who_is_ahead(reports):
    said = vocabulary_report.findings([as_said(each) for each in reports])
    assert "After 4 minutes *new full* needs 35.0% fewer bits per byte than *own full*" in said
    assert "(this book set out for 30%: reached; difference " in said
    assert "(this book set out for 15%: reached; difference " in said
    assert said.count("the only way with the model's own vocabulary") == 2
    assert "(*fresh full*) needs 1.400 bits per byte, the best adapted one (*new full*) 1.300" in said
    assert "(*fresh full*) needs 1.100 bits per byte, the best adapted one (*new full*) 1.200" in said
    assert "say nothing of another seed" in said
    assert "chosen on the same test documents" in said
    assert said.count("are corrected for all pairs of ways of the study on that machine (Holm)") == 1
    assert "quite alike" not in said
    unlike = replace(reports[1], record=reports[1].record.model_copy(update={"times_comparable": False}))
    assert "The runs of made did not have the machine quite alike" in vocabulary_report.findings([reports[0], unlike])


def test_who_is_ahead_is_said_with_the_corrected_difference_over_documents(tmp_path):
    report = budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4})
    row = differences_from(report, "new full").loc["fresh full"]
    said = vocabulary_report.findings([report])
    shown = f"(difference {row['difference']:+.3f}, 95% interval {row['low']:+.3f} to {row['high']:+.3f}"
    assert shown in said
    assert ("is ahead" in said) == row["excludes_zero"]
    same = report.documents.assign(nll=report.documents.groupby("id")["nll"].transform("first"))
    assert "1.300: no difference can be claimed" in vocabulary_report.findings([replace(report, documents=same)])
    fresh = {each.run_id for each in report.rows if each.model == "fresh"}
    for factor, ahead in ((0.5, "first"), (2.0, "second")):
        nll = same["nll"].where(~same["run_id"].isin(fresh), factor * same["nll"])
        said = vocabulary_report.findings([replace(report, documents=same.assign(nll=nll))])
        assert f"1.300: **the {ahead} is ahead**" in said


def test_what_the_vocabulary_alone_does_is_between_runs_that_differ_in_nothing_else(tmp_path):
    report = budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4})

    def changed(**changes):
        rows = [row.model_copy(update=changes) if row.model == "new" else row for row in known]
        return replace(report, record=report.record.model_copy(update={"rows": tuple(rows)}))

    known = [row.model_copy(update={"learning_rate": 1e-3}) for row in report.rows]
    (found,) = vocabulary_report.vocabulary_alone(vocabulary_report.budget_table([changed()]))
    assert (found.own, found.changed, found.share) == ("own full", "new full", pytest.approx(1 - 1.3 / 2.0))
    assert "The vocabulary alone" in (said := vocabulary_report.findings([changed()]))
    assert "in bits per byte after 4 minutes: *new full* 35.0% fewer than *own full*." in said
    rates, others = ({"learning_rate": 2e-3}, {"learning_rate": None}), ({"layers": (0, 1)}, {"kind": "lora"})
    for changes in (*rates, *others, {"method": "lora_r8_all"}):
        assert "The vocabulary alone" not in vocabulary_report.findings([changed(**changes)])
    shown = vocabulary_report.budget_html([changed(layers=(0, 1))])
    assert "layers kept" in shown
    assert "0.001" in shown
    assert "layers kept" not in vocabulary_report.budget_html([changed()])


def test_no_goal_is_claimed_for_another_budget(tmp_path):
    said = vocabulary_report.findings([budget(tmp_path, 0.4, {"own": 2.0, "new": 1.3, "fresh": 1.4})])
    assert "35.0% fewer" in said
    assert "set out" not in said


def test_another_vocabulary_may_be_the_worse_one(tmp_path):
    said = vocabulary_report.findings([budget(tmp_path, 4.0, {"own": 1.0, "new": 1.25, "fresh": 1.4})])
    assert "*new full* needs 25.0% more bits per byte than *own full*" in said
    assert "on these documents these runs miss it" in said


def test_a_diverged_run_is_in_the_table_and_never_the_best(tmp_path):
    bad = budget(tmp_path, 4.0, {"own": 2.0, "new": 9.5, "fresh": 1.4})
    table = vocabulary_report.budget_table([bad])
    assert table.set_index("model").loc["new", "diverged"]
    assert vocabulary_report.reductions(table) == []
    assert "9.500" in vocabulary_report.budget_html([bad])


def test_studies_in_tokens_are_passed_over(tmp_path):
    plain = made_report(tmp_path)
    assert vocabulary_report.with_budget([plain]) == ()
    assert vocabulary_report.without_budget([plain]) == (plain,)
    assert "nothing is claimed" in vocabulary_report.findings([plain])
    assert "No study" in vocabulary_report.budget_html([plain])
    assert len(plots.budgets(vocabulary_report.budget_table([plain]), "minutes", "x").axes[0].lines) == 0


@pytest.mark.parametrize("cost", ["minutes", "flops"])
def test_a_line_for_each_way(reports, cost):
    with_flops = [
        replace(each, record=each.record.model_copy(update={
            "rows": tuple(row.model_copy(update={"flops": 1e15}) for row in each.rows)
        }))
        for each in reports
    ]  # fmt: skip
    figure = plots.budgets(vocabulary_report.budget_table(with_flops), cost, "x")
    (axes,), (legend,) = figure.axes, figure.legends
    assert {text.get_text() for text in legend.get_texts()} == {
        "own full (its own vocabulary)", "new full (another vocabulary)", "fresh full (trained from nothing)",
    }  # fmt: skip
    assert axes.get_xscale() == "log"


def test_the_ranking_has_a_panel_a_budget_with_the_best_on_top_and_no_run_that_diverged(reports, tmp_path):
    bad = budget(tmp_path / "bad", 16.0, {"own": 2.0, "new": 9.5, "fresh": 1.4})
    figure = plots.ranking([*reports, bad], "x")
    first, second, third = figure.axes
    assert [axes.get_title() for axes in (first, second, third)] == ["4 minutes", "16 minutes", "60 minutes"]
    assert [text.get_text() for text in first.get_yticklabels()] == ["new full", "fresh full", "own full"]
    assert [text.get_text() for text in second.get_yticklabels()] == ["fresh full", "own full"]
    assert first.get_ylim() == (2.5, -0.5), "downwards from the best"
    (legend,) = figure.legends
    names = {text.get_text() for text in legend.get_texts()}
    assert names == set(vocabulary_report.GROUP_NAMES.values())
    shown = {container.get_label(): container[0].get_xydata().tolist() for container in first.containers}
    assert shown["another vocabulary"] == [[1.3, 0.0]]
    assert shown["its own vocabulary"] == [[2.0, 2.0]]
    figure.draw_without_rendering()
    assert first.get_window_extent().height > 1.1 * second.get_window_extent().height, "three rows, and two"
    place = legend.get_window_extent()
    assert not any(place.overlaps(axes.get_window_extent()) for axes in figure.axes), "the worst way is not under it"


def test_the_leaders_of_each_budget_stand_on_one_line(reports, tmp_path):
    middle = budget(tmp_path / "16", 16.0, {"own": 1.8, "new": 1.2, "fresh": 1.3})
    figure = plots.leaders([*reports, middle], "by budget")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["4 minutes", "16 minutes", "60 minutes"]
    found = {}
    for container in axes.containers:
        found.setdefault(container.get_label(), []).extend(container[0].get_xdata().tolist())
    assert found == {
        "its own vocabulary": [2.0, 1.8, 1.5],
        "another vocabulary": [1.3, 1.2, 1.2],
        "trained from nothing": [1.4, 1.3, 1.1],
    }
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 3, "each once"


def test_the_way_there_is_drawn_for_the_best_of_each_group(reports):
    figure = plots.progress(reports, "x")
    short, long = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["4 minutes", "60 minutes"]
    assert [text.get_text() for text in short.get_legend().get_texts()] == [
        "own full (its own vocabulary)", "new full (another vocabulary)", "fresh full (trained from nothing)",
    ]  # fmt: skip
    # made curves: three points, the second without validation; seconds 2s plus the run's position, bits 2.3 less s/10
    position = next(place for place, row in enumerate(reports[1].rows) if row.model == "own" and row.kind == "full")
    (line,) = [line for line in short.lines if line.get_label().startswith("own")]
    assert line.get_xdata().tolist() == pytest.approx([(2 + position) / 60, (6 + position) / 60])
    assert line.get_ydata().tolist() == pytest.approx([2.2, 2.0])
    assert len(long.lines) == 3
    assert len(plots.progress([], "x").axes) == 1


def test_a_way_looks_alike_with_every_seed(reports):
    table = vocabulary_report.budget_table(reports[1:])
    again = table.assign(seed=7, way=table["way"] + " seed 7", bits_per_byte=table["bits_per_byte"] + 0.1)
    both = pd.concat([table, again], ignore_index=True).assign(flops=1e15)
    figure = plots.budgets(both, "flops", "x")
    (axes,), (legend,) = figure.axes, figure.legends
    assert len(legend.get_texts()) == 3
    assert len({line.get_color() for line in axes.lines if line.get_marker() in plots.MARKS}) == 3
    assert len(axes.containers) == 6


def test_more_ways_than_colours_are_told_apart_by_their_vocabulary_alone(reports):
    table = vocabulary_report.budget_table(reports[1:])
    many = pd.concat([table.assign(arm=table["arm"] + f" {i}", flops=1e15) for i in range(4)], ignore_index=True)
    figure = plots.budgets(many, "flops", "x")
    (axes,), (legend,) = figure.axes, figure.legends
    assert {text.get_text() for text in legend.get_texts()} == set(vocabulary_report.GROUP_NAMES.values())
    assert len({line.get_color() for line in axes.lines if line.get_marker() in plots.MARKS}) == 3
    assert len(figure.data) == 12
    figure.draw_without_rendering()
    assert axes.get_window_extent().width > figure.bbox.width / 2, "the legend leaves room for the points"


def test_headlines_are_a_table_of_budgets_with_the_best_of_each_group(reports):
    short, long, *told = vocabulary_report.headlines(reports).splitlines()[2:]
    cells = [cell.strip() for cell in short.strip("|").split("|")]
    assert cells[:3] == ["4 minutes", "2.000 *own full*", "1.300 *new full*"]
    assert re.fullmatch(r"35\.0% \(-?[\d.]+% to -?[\d.]+%\)", cells[3])
    assert cells[4].startswith("1.400 *fresh full*, ")
    assert [cell.strip() for cell in long.strip("|").split("|")][:3] == [
        "60 minutes", "1.500 *own full*", "1.200 *new full*",
    ]  # fmt: skip
    assert told[1].startswith("- After 4 minutes this book set out for 30%: ")
    assert told[2].startswith("- After 60 minutes this book set out for 15%: ")
    assert told[3].endswith(
        "in 2 comparisons with the model's own: 20.0% fewer (*new full*) to 35.0% fewer (*new full*) bits per byte."
    )
    assert "in 1 comparison with the model's own: 20.0% fewer (*new full*) bits" in vocabulary_report.headlines(
        reports[:1]
    )
    assert vocabulary_report.headlines([]) == vocabulary_report.findings([])


@pytest.mark.parametrize(
    ("factor", "stands"),
    [
        (0.5, "ahead of the own vocabulary and ahead of the other"),
        (2.0, "behind the own vocabulary and behind the other"),
    ],
)
def test_a_headline_says_where_from_nothing_stands(tmp_path, factor, stands):
    report = budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4})
    same = replace(
        report, documents=report.documents.assign(nll=report.documents.groupby("id")["nll"].transform("first"))
    )
    assert f"*fresh full*, {stands} |" in vocabulary_report.headlines([louder(same, "fresh", factor)])
    assert (
        "not to be told apart from the own vocabulary and not to be told apart from the other |"
        in vocabulary_report.headlines([same])
    )


def test_a_headline_without_one_of_the_groups_has_a_dash(tmp_path):
    report = budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4})
    rows = tuple(row for row in report.rows if row.model != "fresh")
    without = replace(report, record=report.record.model_copy(update={"rows": rows}))
    assert vocabulary_report.headlines([without]).splitlines()[2].endswith("| – |")


def test_an_aim_that_the_interval_straddles_is_not_decided(tmp_path):
    report = budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4})
    said = vocabulary_report.findings([widened(report)])
    assert re.search(
        r"out for 30%: on these documents these runs reach it; the interval over documents, from [\d.]+% (more|fewer) "
        r"to [\d.]+% fewer, leaves open whether on others; difference",
        said,
    )
    assert "30%: reached; difference" in vocabulary_report.findings([as_said(report)])


def widened(report):
    """The same study, whose documents of the new vocabulary differ so much that the difference is hardly known."""
    rows = {row.model: row.run_id for row in report.rows if row.kind != "zero_shot"}
    documents = report.documents
    base = documents[documents["run_id"] == rows["own"]].set_index("id")["nll"]
    uneven = {name: 0.65 + (0.5 if place % 2 else -0.5) for place, name in enumerate(base.index)}
    changed = documents["run_id"] == rows["new"]
    nll = documents["nll"].where(~changed, documents["id"].map(base) * documents["id"].map(uneven))
    return replace(report, documents=documents.assign(nll=nll))


def louder(report, model, factor):
    """The same study, in which one model's documents have other losses."""
    runs = {row.run_id for row in report.rows if row.model == model}
    nll = report.documents["nll"].where(~report.documents["run_id"].isin(runs), factor * report.documents["nll"])
    return replace(report, documents=report.documents.assign(nll=nll))


def shown_difference(report, way, against):
    row = differences_from(report, against).loc[way]
    return f"(difference {row['difference']:+.3f}, 95% interval {row['low']:+.3f} to {row['high']:+.3f}"


def test_runs_of_one_name_in_two_studies_have_each_their_own_documents(tmp_path):
    """The same cells trained on two machines have the same ids."""
    here = budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4})
    there = on_a_gpu(louder(here, "fresh", 0.5))
    assert {row.run_id for row in here.rows} == {row.run_id for row in there.rows}
    for reports in ([here, there], [there, here]):
        lines = vocabulary_report.findings(reports).splitlines()
        (on_gpu,) = [line for line in lines if "Big GPU the best model trained from nothing" in line]
        (on_processor,) = [line for line in lines if "Test 9000" in line and "the best model trained from" in line]
        assert shown_difference(there, "fresh full", "new full") in on_gpu
        assert shown_difference(here, "fresh full", "new full") in on_processor


def test_a_difference_is_corrected_for_the_ways_of_its_machine_alone(tmp_path):
    report = budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4})
    rows = tuple(on_a_gpu(report).rows[i] if row.model == "fresh" else row for i, row in enumerate(report.rows))
    mixed = replace(report, record=report.record.model_copy(update={"rows": rows}))
    two = tuple(row for row in report.rows if row.model != "fresh")
    alone = replace(report, record=report.record.model_copy(update={"rows": two}))
    assert shown_difference(alone, "new full", "own full") != shown_difference(report, "new full", "own full")
    assert shown_difference(alone, "new full", "own full").strip("(") in vocabulary_report.findings([mixed])


def test_from_nothing_is_held_against_the_best_own_vocabulary_too(tmp_path):
    report = louder(budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4}), "fresh", 0.5)
    assert "(*own full*) needs 2.000: **the model from nothing is ahead**" in vocabulary_report.findings([report])
    best = budget(tmp_path / "b", 4.0, {"own": 1.2, "new": 1.3, "fresh": 1.4})
    assert "The best with the model's own vocabulary" not in vocabulary_report.findings([best])


def test_a_vocabulary_that_took_long_to_make_is_pointed_out(tmp_path):
    report = budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4})
    assert "Making a vocabulary" not in vocabulary_report.findings([report]), "12 seconds of 240"
    facts = FACTS.model_copy(update={"seconds": 118.0})
    rows = tuple(row.model_copy(update={"vocabulary": facts}) if row.model == "new" else row for row in report.rows)
    slow = replace(report, record=report.record.model_copy(update={"rows": rows}))
    said = vocabulary_report.findings([slow])
    assert "and no operations; it took long for *new full* 118 s before its 4 minutes." in said


def test_layers_left_out_of_one_side_alone_are_told(tmp_path):
    def said(**layers):
        rows = [row.model_copy(update={"layers": layers.get(row.model)}) for row in report.rows]
        return vocabulary_report.findings(
            [replace(report, record=report.record.model_copy(update={"rows": tuple(rows)}))]
        )

    report = budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4})
    caution = "the model's own vocabulary was trained with all layers only"
    assert caution in said(new=(0, 1))
    assert caution not in said(new=(0, 1), own=(0, 1))
    assert caution not in said()


def test_adapters_of_both_vocabularies_are_held_against_each_other(tmp_path):
    report = budget(tmp_path, 4.0, {"own": 2.0, "new": 1.3, "fresh": 1.4})
    rows = [row.model_copy(update={"kind": "lora"}) if row.kind == "full" else row for row in report.rows]
    said = vocabulary_report.findings([replace(report, record=report.record.model_copy(update={"rows": tuple(rows)}))])
    assert "By LoRA, whatever embeddings it trains, after 4 minutes: *new full* needs 35.0% fewer bits per byte" in said
    assert "By LoRA" not in vocabulary_report.findings([report])


def test_the_vocabulary_alone_is_compared_over_the_seeds_that_both_have(tmp_path):
    same = dict.fromkeys(("method", "kind", "rank"), "full") | {
        "learning_rate": 1e-3,
        "layers": None,
        "diverged": False,
    }
    rows = [("own", 1, 2.0), ("own", 2, 4.0), ("changed", 2, 1.0), ("changed", 3, 9.0)]
    table = pd.DataFrame(
        {
            "machine": "m",
            "minutes": 4.0,
            "group": group,
            "arm": group,
            "way": group,
            "seed": seed,
            "bits_per_byte": bits,
        }
        | {"run_id": f"{group}{seed}"}
        | same
        for group, seed, bits in rows
    )
    (found,) = vocabulary_report.vocabulary_alone(table)
    assert found.share == pytest.approx(1 - 1.0 / 4.0)


def test_the_live_study_is_one_model_in_three_vocabularies_for_equal_time():
    smoke = load_study("smoke")
    live = vocabulary_report.live_study(smoke, 500)
    assert [model.name for model in live.models] == ["own", "trim", "bpe_500"]
    assert [model.source for model in live.models] == ["random:llama"] * 3
    assert [spec.method.kind for spec in live.cells("c")] == ["zero_shot", "full"] * 3
    # 8 steps of 4 blocks of 64 tokens, at 500 tokens a second
    assert live.training.minutes == pytest.approx(8 * 4 * 64 / 500 / 60)
    assert live.training.tokens == 50 * 2048
    without = smoke.model_copy(update={"methods": smoke.methods[1:]})
    with pytest.raises(ProfileError, match="no method of kind full"):
        vocabulary_report.live_study(without, 500)
