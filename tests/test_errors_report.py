from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_results import made

from bashkir_utils import errors_report, report
from bashkir_utils.errors import share_in
from bashkir_utils.errors.memorisation import index_documents
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
    assert share_in([BASHKIR, ENGLISH, "", "12"], "ba") == [1.0, 0.0, 0.0, 0.0]


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


def test_agreement_is_over_trained_runs(live, continuations, held_against):
    table = errors_report.agreement(live, errors_report.measured(live, continuations, held_against), "bits_per_byte")
    assert table["runs"].max() == 6
    # full fine-tuning has the fewest bits per byte and the least Bashkir
    assert table.loc["in_language", "correlation"] > 0.5
    assert table.loc["rep_4", "correlation"] < -0.5
    assert "bits_per_byte" not in table.index
    figure = plots.correlations({"bits per byte": table}, errors_report.NAMES, "Agreement")
    (axes,) = figure.axes
    drawn = axes.containers[0].lines[0].get_xdata()
    np.testing.assert_allclose(drawn, table["correlation"])
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [errors_report.NAMES[name] for name in table.index]


def test_the_choice_is_made_over_prompts_and_without_runs_that_diverged(live, continuations, held_against):
    measured = errors_report.measured(live, continuations, held_against)
    table = errors_report.what_to_choose(live, measured)
    row = table.loc["text that does not repeat itself"]
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
    assert errors_report.agreement(broken, measured, "bits_per_byte")["runs"].max() == 4
    hopeless = tuple(
        row.model_copy(update={"bits_per_byte": bad.bits_per_byte.__class__(np.nan, 0, 0)}) for row in rows
    )
    none = report.StudyReport(live.record.model_copy(update={"rows": hopeless}), live.documents)
    assert "every run diverged" in errors_report.choices_html(none, errors_report.what_to_choose(none, measured))
