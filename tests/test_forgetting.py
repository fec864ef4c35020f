import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_results import made, made_report

from bashkir_utils import forgetting_report, recording, report, runs
from bashkir_utils.corpus.identify import identify_many
from bashkir_utils.exceptions import LanguageError, ModelError, ProfileError
from bashkir_utils.forgetting_report import forgetting_findings, forgetting_html, forgetting_table, with_held_out
from bashkir_utils.language import held_out, held_out_languages
from bashkir_utils.plots.forgetting import forgetting_against_gain
from bashkir_utils.study import ZERO_SHOT, ForgettingSpec, RunSpec, Study

SMALL = ForgettingSpec(paragraphs=3, window=64, overlap=16)
CHANGE = {"zero_shot": (0, 0), "full": (0.8, 0.3), "lora_r8": (0.2, -0.2), "qlora_r8": (0, 0)}
"""Nats per byte on English and Russian, above the model as it came."""


# --- the text ----------------------------------------------------------------------------------------------------


def test_thirty_paragraphs_of_each_language_of_the_length_that_is_said():
    assert held_out_languages() == ("en", "ru")
    for language in held_out_languages():
        paragraphs = held_out(language)
        assert len(paragraphs) == 30
        assert len({each.text for each in paragraphs}) == len({each.id for each in paragraphs}) == 30
        assert all(300 <= len(each.text) <= 600 for each in paragraphs)
        assert len({each.genre for each in paragraphs[:10]}) == 10, "the first few are of different genres"
        assert not any("  " in each.text or each.text != each.text.strip() for each in paragraphs)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_identifier_agrees_on_the_language(language):
    found = identify_many([each.text for each in held_out(language)])
    assert [label for label, *_ in found] == [language] * 30


def test_a_language_without_text_is_refused():
    with pytest.raises(LanguageError, match="there is en, ru"):
        held_out("de")


# --- scoring -----------------------------------------------------------------------------------------------------


@pytest.fixture
def run(text_corpus, workspace, tiny):
    spec = RunSpec(model=tiny, method=ZERO_SHOT, seed=0, training=None, corpus=text_corpus.fingerprint)
    return runs.obtain(spec, text_corpus, workspace)


def test_paragraphs_are_scored_once_and_alike_to_test_documents(run, workspace, monkeypatch):
    found = runs.forgetting(run, SMALL, workspace)
    assert found["id"].tolist() == ["en-01", "en-02", "en-03", "ru-01", "ru-02", "ru-03"]
    assert found["bytes"].tolist() == [len(p.text.encode()) for lang in ("en", "ru") for p in held_out(lang)[:3]]
    # random weights guess: about one of 257 entries for each byte
    assert (found["nll"] / found["bytes"]).between(0.8 * math.log(257), 1.2 * math.log(257)).all()
    monkeypatch.setattr(runs, "score_documents", None)
    pd.testing.assert_frame_equal(runs.forgetting(run, SMALL, workspace), found)
    pd.testing.assert_frame_equal(runs.forgetting(run, SMALL.model_copy(update={"batch_size": 2}), workspace), found)


def test_a_window_longer_than_the_model_is_one_clear_line(run, workspace):
    with pytest.raises(ModelError, match=r"^forgetting\.window is 100000"):
        runs.forgetting(run, ForgettingSpec(window=100_000), workspace)


def test_a_cell_is_complete_when_other_languages_are_scored_too(run, text_corpus, workspace):
    from bashkir_utils.study import EvaluationSpec

    how = EvaluationSpec(max_bytes=2000, window=64, overlap=16)
    runs.evaluate(run, text_corpus, how, workspace)
    assert runs.is_complete(run.spec, how, None, workspace)
    assert not runs.is_complete(run.spec, how, None, workspace, SMALL)
    runs.forgetting(run, SMALL, workspace)
    assert runs.is_complete(run.spec, how, None, workspace, SMALL)


def test_null_turns_it_off_and_bad_settings_are_refused(run, workspace, tmp_path):
    from bashkir_utils.study import load_study

    study = load_study("smoke")
    assert forgetting_report.collect_held_out(study.model_copy(update={"forgetting": None}), [run], workspace) is None
    found = forgetting_report.collect_held_out(study.model_copy(update={"forgetting": SMALL}), [run], workspace)
    assert list(found.columns) == list(report.HELD_OUT_COLUMNS)
    profile = tmp_path / "bad.yaml"
    content = Study.model_dump(study, mode="json") | {"forgetting": {"window": 8, "overlap": 8}}
    profile.write_text(str(content).replace("None", "null").replace("True", "true").replace("False", "false"))
    with pytest.raises(ProfileError, match="overlap must be smaller"):
        load_study(profile)


def test_only_what_is_in_the_store_is_collected(run, workspace, monkeypatch):
    from bashkir_utils.study import load_study

    study = load_study("smoke").model_copy(update={"forgetting": SMALL})
    assert forgetting_report.stored_held_out(study, [run], workspace) is None
    found = forgetting_report.collect_held_out(study, [run], workspace)
    monkeypatch.setattr(runs, "score_documents", None)
    unscored = replace(run, run_id="another")
    pd.testing.assert_frame_equal(forgetting_report.stored_held_out(study, [run, unscored], workspace), found)
    off = study.model_copy(update={"forgetting": None})
    assert forgetting_report.stored_held_out(off, [run], workspace) is None


# --- what is said ------------------------------------------------------------------------------------------------


def scores(live, change=CHANGE, paragraphs=12):
    """Paragraphs whose difficulty is shared by all runs, and a little noise of each run's own."""
    shared, frames = np.random.default_rng(0), []
    sizes, hard = shared.integers(300, 700, paragraphs), shared.normal(0.9, 0.2, paragraphs)
    for place, row in enumerate(live.rows):
        noise = np.random.default_rng(place).normal(0, 0.02, paragraphs)
        for language, shift in zip(("en", "ru"), change[row.method], strict=True):
            nll = (hard + shift + noise) * sizes
            ids = [f"{language}-{i:02d}" for i in range(paragraphs)]
            frames.append(
                pd.DataFrame({"run_id": row.run_id, "language": language, "id": ids, "nll": nll, "bytes": sizes})
            )
    return pd.concat(frames, ignore_index=True)


@pytest.fixture
def live(tmp_path):
    bare = made_report(tmp_path)
    return with_held_out(bare, scores(bare))


def test_change_is_against_the_same_model_and_paired_over_paragraphs(live):
    table = forgetting_table(live).set_index(["label", "language"])
    assert len(table) == 6
    assert table.loc[("full", "en"), "difference"] == pytest.approx(0.8 / math.log(2), abs=0.03)
    assert table.loc[("full", "en"), "difference"] == pytest.approx(
        table.loc[("full", "en"), "after"] - table.loc[("full", "en"), "before"]
    )
    spread = table.loc[("full", "en"), "high"] - table.loc[("full", "en"), "low"]
    assert spread < 0.1, "difficulty of paragraphs cancels out"
    assert table["excludes_zero"].to_dict() == {
        (label, language): label != "qlora r8" for label in ("full", "lora r8", "qlora r8") for language in ("en", "ru")
    }
    assert table.loc[("full", "en"), "gain"] == pytest.approx(0.7 / math.log(2), abs=0.02)


def test_findings_tell_loss_from_gain_from_neither(live):
    lines = forgetting_findings(live).splitlines()
    (lost,) = [line for line in lines if line.startswith("- English: lost")]
    assert lost.index("full") < lost.index("lora r8")
    assert any(line.startswith("- Russian: gained") and "lora r8" in line for line in lines)
    assert sum("no change can be claimed for: qlora r8" in line for line in lines) == 2
    page = forgetting_html(live)
    assert "12 paragraphs of English and 12 paragraphs of Russian" in page
    assert "numbers made up for a test" in page


def test_few_paragraphs_support_no_claim(tmp_path):
    bare = made_report(tmp_path)
    few = with_held_out(bare, scores(bare, paragraphs=3))
    assert not forgetting_table(few)["excludes_zero"].any()
    assert "too few paragraphs" in forgetting_findings(few)
    forgetting_against_gain(few, "Few")


def test_runs_that_diverged_and_models_without_zero_shot_are_left_out(live):
    worse = live.rows[1].model_copy(update={"bits_per_byte": report.Interval(9.0, 8.0, 10.0)})
    rows = (live.rows[0], worse, *live.rows[2:])
    broken = replace(live, record=live.record.model_copy(update={"rows": rows}))
    assert set(forgetting_table(broken)["label"]) == {"lora r8", "qlora r8"}
    for page in (forgetting_html(broken), forgetting_findings(broken)):
        assert "Runs that are in no row: full: 1 diverged." in page
    assert "in no row" not in forgetting_html(live) + forgetting_findings(live)
    alone = replace(live, record=live.record.model_copy(update={"rows": live.rows[1:]}))
    assert forgetting_table(alone).empty


def test_that_no_way_is_left_is_not_that_nothing_was_scored(live):
    bad = {"bits_per_byte": report.Interval(9.0, 8.0, 10.0)}
    rows = (live.rows[0], *(row.model_copy(update=bad) for row in live.rows[1:]))
    broken = replace(live, record=live.record.model_copy(update={"rows": rows}))
    for page in (forgetting_html(broken), forgetting_findings(broken)):
        assert "no way of adaptation is left" in page
        assert "full: 1 diverged; lora r8: 1 diverged" in page
        assert "No text in other languages was scored" not in page
    (axes,) = forgetting_against_gain(broken, "None left").axes
    assert "no way of adaptation is left" in axes.texts[0].get_text()
    alone = replace(live, record=live.record.model_copy(update={"rows": live.rows[1:]}))
    assert "full: not scored, or not its model as it came" in forgetting_html(alone)


def test_several_seeds_are_one_row(tmp_path):
    bare = made_report(tmp_path, seeds=[1, 2, 3])
    table = forgetting_table(with_held_out(bare, scores(bare)))
    assert len(table) == 6
    assert table["label"].nunique() == 3
    # Student's interval is symmetric, the percentile one is not
    assert (table["high"] - table["difference"]).tolist() == pytest.approx(
        (table["difference"] - table["low"]).tolist()
    )


def test_a_record_that_grows_compares_the_runs_that_are_scored(tmp_path):
    bare = made_report(tmp_path, seeds=[1, 2, 3])
    found = scores(bare)
    late = [row.run_id for row in bare.rows if (row.method, row.seed) in {("full", 3), ("lora_r8", 1)}]
    late += [row.run_id for row in bare.rows if row.method == "qlora_r8"]
    partial = with_held_out(bare, found[~found["run_id"].isin(late)])
    table = forgetting_table(partial)
    assert set(table["label"]) == {"full", "lora r8"}
    assert table["difference"].iloc[0] == pytest.approx(0.8 / math.log(2), abs=0.03)
    assert "Not scored by 5 of 10 runs." in forgetting_html(partial)
    assert "Not scored" not in forgetting_html(with_held_out(bare, found))
    zero_shot = found["run_id"].isin([row.run_id for row in bare.rows if row.kind == "zero_shot"])
    unpaired = with_held_out(bare, found[~zero_shot])
    assert forgetting_table(unpaired).empty
    assert "to compare with its model as it came" in forgetting_html(unpaired)
    forgetting_against_gain(unpaired, "None yet")


def test_a_study_without_other_languages_says_so(tmp_path):
    bare = made_report(tmp_path)
    assert forgetting_table(bare).empty
    assert "asks for none" in forgetting_html(bare)
    assert "No text in other languages was scored" in forgetting_findings(bare)
    forgetting_against_gain(bare, "None")
    assert with_held_out(bare, None) is bare


def test_the_figure_sets_loss_against_gain(live):
    english, russian = forgetting_against_gain(live, "Forgetting").axes
    table = forgetting_table(live)
    assert [axes.get_title() for axes in (english, russian)] == ["English", "Russian"]
    points = [container.lines[0].get_xydata()[0].tolist() for container in english.containers]
    own = table[table["language"] == "en"]
    assert points == [pytest.approx(pair) for pair in zip(own["gain"], own["difference"], strict=True)]


def test_a_recorded_study_keeps_it(tmp_path, live):
    study, corpus, made_runs, evaluations = made(tmp_path / "runs")
    recording.record_study(study, corpus, made_runs, evaluations, tmp_path / "book" / "x", held_out=live.held_out)
    (again,) = report.load_recorded(tmp_path / "book")
    pd.testing.assert_frame_equal(forgetting_table(again), forgetting_table(live))


# --- rounding to 4 bits ------------------------------------------------------------------------------------------

ROUNDED = CHANGE | {"zero_shot_4bit": (0.05, 0.2), "qlora_r8": (0.05, 0.25)}
"""QLoRA loses 0.05 nats in Russian by its training; all that it loses in English is rounding."""


@pytest.fixture
def rounded(tmp_path):
    bare = made_report(tmp_path / "rounded", four_bit=True)
    return with_held_out(bare, scores(bare, ROUNDED, paragraphs=30))


def test_qloras_change_is_split_into_rounding_and_training(rounded):
    table = forgetting_table(rounded).set_index(["label", "language"])
    assert len(table) == 8
    nats = table["difference"] * math.log(2)
    for language, rounding, training in (("en", 0.05, 0), ("ru", 0.2, 0.05)):
        assert nats["zero shot 4-bit", language] == pytest.approx(rounding, abs=0.015)
        assert nats["qlora r8", language] == pytest.approx(training, abs=0.015)
        whole = table.loc[("zero shot 4-bit", language), "difference"] + table.loc[("qlora r8", language), "difference"]
        assert table.loc[("qlora r8", language), "whole"] == pytest.approx(whole)
    assert table["change"].to_dict() == {
        (label, language): change
        for label, change in (
            ("zero shot 4-bit", "rounding"), ("full", "all"), ("lora r8", "all"), ("qlora r8", "training")
        )
        for language in ("en", "ru")
    }  # fmt: skip
    assert not table.loc[("qlora r8", "en"), "excludes_zero"], "its training forgot no English"
    assert table.loc[("zero shot 4-bit", "en"), "excludes_zero"]


def test_the_pages_tell_rounding_from_training(rounded):
    lines = forgetting_findings(rounded)
    assert "English: no change can be claimed for: qlora r8" in lines
    assert "Russian: rounding tiny to 4 bits, with nothing trained, changes +0.2" in lines
    (split,) = [line for line in lines.splitlines() if line.startswith("- English: rounding")]
    assert "qlora r8 +0.0" in split
    assert "of which training" in split
    page = forgetting_html(rounded)
    assert "training, from the base in 4 bits" in page
    assert "change with the rounding" in page
    assert "not known" not in lines + page
    figure = forgetting_against_gain(rounded, "Rounded")
    assert "with the rounding" in [text.get_text() for text in figure.axes[0].get_legend().get_texts()]


def test_a_record_without_the_base_in_4_bits_says_that_the_split_is_not_known(live):
    for page in (forgetting_findings(live), forgetting_html(live)):
        assert "How much of the change of qlora r8 is rounding to 4 bits and how much training is not known" in page
    assert forgetting_table(live)["change"].eq("all").all()
    assert "change with the rounding" not in forgetting_html(live)
    without = live.held_out[~live.held_out["run_id"].str.contains("qlora")]
    assert "not known" not in forgetting_findings(with_held_out(live, without))


def test_qlora_diverged_if_it_is_worse_than_its_own_base(tmp_path):
    bare = made_report(tmp_path, four_bit=True)
    between = bare.rows[1].bits_per_byte.value + 0.05
    assert bare.rows[0].bits_per_byte.value < bare.rows[1].bits_per_byte.value, "rounding alone is no divergence"
    rows = tuple(
        row.model_copy(update={"bits_per_byte": report.Interval(between, between, between)})
        if row.kind in {"qlora", "lora"}
        else row
        for row in bare.rows
    )
    worse = replace(bare, record=bare.record.model_copy(update={"rows": rows}))
    assert {row.kind for row in rows if row.run_id in report.diverged(worse)} == {"lora", "qlora"}
    less = between - 0.1
    rows = tuple(
        row.model_copy(update={"bits_per_byte": report.Interval(less, less, less)}) if row.kind == "qlora" else row
        for row in rows
    )
    assert less > bare.rows[0].bits_per_byte.value, "above the model as it came, below the base in 4 bits"
    better = replace(bare, record=bare.record.model_copy(update={"rows": rows}))
    assert {row.kind for row in rows if row.run_id in report.diverged(better)} == {"lora"}
