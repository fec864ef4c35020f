import json
from dataclasses import replace

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from made_results import made, made_report

from bashkir_utils.all_results import CHOICES, all_runs, all_runs_html
from bashkir_utils.markup import SORTABLE
from bashkir_utils.pairs_report import OVERALL
from bashkir_utils.report import PairResults, PhenomenonAccuracy, collect


def rows(page: str) -> tuple[list[str], list[list]]:
    table = BeautifulSoup(page, "html.parser").table
    head = [cell.get_text() for cell in table.thead.select("th")]
    return head, [tr.select("th, td") for tr in table.tbody.select("tr")]


@pytest.fixture
def report(tmp_path):
    return made_report(tmp_path)


def test_every_run_of_every_study_is_a_row(report):
    table = all_runs(report, [report, report])
    assert len(table) == 3 * len(report.rows)
    assert list(table["study"].unique()) == ["made (this page)", "made"]
    full = table[table["way"] == "full"].iloc[0]
    own = next(row for row in report.rows if row.method == "full")
    assert (full["bits_per_byte"], full["low"], full["high"]) == (
        own.bits_per_byte.value, own.bits_per_byte.low, own.bits_per_byte.high
    )  # fmt: skip
    assert (full["trained_parameters"], full["seconds"], full["date"]) == (100_000, 100.0, "2026-01-02")


def test_a_model_as_it_came_has_no_costs_and_no_seed(report):
    table = all_runs(report, []).set_index("way")
    costs = ["seed", "trained_parameters", "peak_memory_bytes", "seconds", "tokens_seen", "tokens_per_second"]
    assert table.loc["zero shot", costs].isna().all()
    assert table.loc["full", costs].notna().all()


def test_minimal_pairs_are_those_of_all_phenomena_together(tmp_path):
    study, corpus, runs, evaluations = made(tmp_path)
    share = {"pairs": 10, "low": 0.1, "high": 0.9}
    accuracies = [
        PhenomenonAccuracy(scorer=runs[1].run_id, phenomenon=OVERALL, accuracy=0.7, **share),
        PhenomenonAccuracy(scorer=runs[1].run_id, phenomenon="vowels", accuracy=0.2, **share),
        PhenomenonAccuracy(scorer="3-grams", phenomenon=OVERALL, accuracy=0.6, **share),
    ]
    pairs = PairResults(accuracies=tuple(accuracies), words=(), reference_characters=1)
    table = all_runs(collect(study, corpus, runs, evaluations, pairs), [])
    assert table["pairs_right"].dropna().to_dict() == {1: 0.7}


def test_cells_are_sorted_by_numbers_and_not_by_what_they_show(report):
    head, body = rows(all_runs_html(all_runs(report, []), "All"))
    place = head.index("trained parameters")
    shown = [(cells[place].get_text(), cells[place]["data-order"]) for cells in body]
    assert ("100,000", "100000") in shown
    assert ("–", "") in shown
    assert {cell["data-order"] for cells in body for cell in cells if cell.get_text().startswith("2026-")} == {
        "20260101", "20260102", "20260103", "20260104"
    }  # fmt: skip


def test_columns_that_say_nothing_are_left_out_and_a_diverged_run_says_so(report):
    table = all_runs(report, [])
    head, _ = rows(all_runs_html(table, "All"))
    assert "peak GPU memory, GB" not in head
    assert "diverged" not in head
    table.loc[1, ["diverged", "bits_per_byte"]] = ["not finite", float("inf")]
    head, body = rows(all_runs_html(table, "All"))
    assert body[1][head.index("diverged")].get_text() == "not finite"
    assert body[1][head.index("bits per byte")]["data-order"] == ""


def test_choices_name_their_columns(report):
    page = all_runs_html(all_runs(report, []), "All")
    head, _ = rows(page)
    table = BeautifulSoup(page, "html.parser").table
    assert SORTABLE in table["class"]
    assert [head[int(place)] for place in table["data-choices"].split()] == list(CHOICES)


def test_what_a_record_names_is_escaped(report):
    bad = "<script>alert(1)</script>"
    record = json.loads(report.record.model_dump_json()) | {"study": bad}
    record["corpus"]["label"] = record["rows"][0]["machine"] = record["rows"][0]["model"] = bad
    page = all_runs_html(all_runs(replace(report, record=type(report.record).model_validate(record)), []), bad)
    found = BeautifulSoup(page, "html.parser")
    assert not found.select("script")
    assert bad in found.caption.get_text()
    assert pd.Series([cell.get_text() for cell in found.select("td, th")]).str.contains(bad, regex=False).sum() > 3
