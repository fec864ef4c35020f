import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
import yaml
from made_results import made, made_report
from test_vocabulary_report import budget
from typer.testing import CliRunner

from bashkir_utils import cli
from bashkir_utils.comparisons import findings
from bashkir_utils.exceptions import RunError
from bashkir_utils.language import inflect
from bashkir_utils.language.lexicon import COLUMNS, read_lexicon
from bashkir_utils.readme import (
    PAGES,
    Records,
    filled,
    load_records,
    newest,
    picture_of_ways,
    pictures,
    refresh,
    results_markdown,
)
from bashkir_utils.recording import record_study
from bashkir_utils.report import FailedRun, load_recorded
from bashkir_utils.workspace import recorded_folder

ROOT = Path(__file__).parent.parent
PLACES = (
    "before\n<!-- picture of made, by hand -->\nold\n<!-- end -->\n"
    "between\n<!-- results of made -->\n<!-- end -->\nafter\n"
)


def cells(report) -> dict[str, list[str]]:
    """The rows of the table by way."""
    lines = [line for line in results_markdown(report).splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in rows[2:]}


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def changed(report, **what):
    return replace(report, record=report.record.model_copy(update=what))


def dated(report, date: str):
    return changed(report, rows=tuple(row.model_copy(update={"date": date}) for row in report.rows))


# --- the project's own page ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def records():
    return load_records(recorded_folder())


@pytest.mark.parametrize("page", PAGES)
def test_a_page_agrees_with_the_records(records, page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert filled(text, records, page) == text, "run `bashkir readme`"


@pytest.mark.parametrize("page", PAGES)
def test_its_pictures_agree_with_the_records(records, page):
    drawn = pictures((ROOT / page).read_text(encoding="utf-8"), records)
    assert drawn
    for path, picture in drawn.items():
        root = ElementTree.fromstring((ROOT / path).read_bytes())
        title = root.find("{http://www.w3.org/2000/svg}title").text
        assert title == picture.text, "run `bashkir readme`"
        written = pd.read_csv((ROOT / path).with_suffix(".csv"), keep_default_na=False)
        drawn_now = pd.read_csv(io.BytesIO(picture.csv), keep_default_na=False)
        pd.testing.assert_frame_equal(written, drawn_now, atol=1e-5)
        assert len(written) >= 3


def test_the_data_of_pictures_say_what_each_number_is(records):
    first = pd.read_csv(ROOT / "book/static/results-study.csv").set_index("way")
    assert first.columns.tolist() == ["bits_per_byte", "low", "high", "runs"]
    assert f"| zero shot | {first.loc['zero shot', 'bits_per_byte']:.3f} |" in readme()
    (paper,) = (ROOT / "book/static").glob("paper-*.csv")
    assert pd.read_csv(paper)["result"].tolist()[0] == "GPT-2 medium, full fine-tuning"


def test_the_first_page_offers_the_data_of_its_pictures():
    text = (ROOT / PAGES[1]).read_text(encoding="utf-8")
    asked = set(re.findall(r"\]\((static/[\w-]+)\.svg\)", text))
    assert set(re.findall(r"<(static/[\w-]+)\.csv>`", text)) == asked
    assert all((ROOT / "book" / f"{path}.csv").is_file() for path in asked)


def test_the_first_page_shows_what_is_found_in_three_figures_and_a_table():
    text = (ROOT / PAGES[1]).read_text(encoding="utf-8")
    assert len(re.findall(r"^!\[", text, re.MULTILINE)) == 3
    assert text.count("<!-- results of ") == 1


def test_what_a_page_folds_is_all_there():
    """The first page shows the first findings and folds the others away, a list of its own that GitHub reads too."""
    text = (ROOT / PAGES[1]).read_text(encoding="utf-8")
    place = re.search(r"<!-- findings of study.*?<!-- end -->", text, re.DOTALL)[0]
    shown, folded = place.split("<details>\n<summary>The other findings, and what they do not say</summary>\n\n")
    assert folded.endswith("\n\n</details>\n\n<!-- end -->")
    said = findings(newest(load_recorded(recorded_folder()), "study")).splitlines()
    assert re.findall("^- .*", shown, re.MULTILINE) == said[:1]
    assert re.findall("^- .*", folded, re.MULTILINE) == said[1:]


def test_its_numbers_are_those_of_the_file():
    """Read from the JSON by hand, not through the report."""
    files = [json.loads(path.read_text()) for path in recorded_folder().glob("*/results.json")]
    study = re.search(r"<!-- results of ([\w-]+)", readme())[1]
    record = max((f for f in files if f["study"] == study), key=lambda f: max(row["date"] for row in f["rows"]))
    zero_shot = next(row for row in record["rows"] if row["kind"] == "zero_shot")["bits_per_byte"]
    ends = f"{zero_shot['low']:.3f} to {zero_shot['high']:.3f}"
    assert f"zero shot | {zero_shot['value']:.3f} | {ends} over documents | – | none |" in readme()
    assert record["corpus"]["fingerprint"] in readme()
    assert all(row["commit"] in readme() for row in record["rows"])


def test_its_links_lead_somewhere():
    links = re.findall(r"\]\(([^)\s]+)\)", readme())
    assert {"CONTRIBUTING.md#a-word-of-the-lexicon", "CITATION.cff", "LICENSE", "LICENSE-TEXT.md"} <= set(links)
    for link in links:
        path, _, anchor = link.partition("#")
        assert (ROOT / path).is_file(), link
        titles = re.findall(r"^#+ (.*)$", (ROOT / path).read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        assert not anchor or anchor in [title.lower().replace(" ", "-") for title in titles], link


def test_it_is_cited_as_the_citation_file_says():
    said = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (entry,) = re.findall(r"```bibtex\n(.*?)```", readme(), re.DOTALL)
    fields = dict(re.findall(r"(\w+) = \{(.*)\}", entry))
    assert (fields["title"], fields["version"], fields["year"]) == (
        said["title"],
        said["version"],
        said["date-released"][:4],
    )


def test_the_word_that_contributing_adds_is_a_line_of_the_lexicon(tmp_path):
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    line = re.search(r"```text\n +(.*)\n +```", text)[1]
    path = tmp_path / "nouns_concrete.tsv"
    path.write_text("\t".join(COLUMNS) + f"\n{line}\n", encoding="utf-8")
    (entry,) = read_lexicon(path)
    calls = re.findall(r'inflect\("(\w+)", "([\w+]+)"\)', text)
    assert [stem for stem, _ in calls] == [entry.stem] * 2
    printed = " ".join(inflect(entry, tags) for _, tags in calls)
    assert f"This prints `{printed}`" in text
    for name in re.findall(r"tests/test_\w+\.py", text):
        assert (ROOT / name).is_file()


# --- the table -------------------------------------------------------------------------------------------------------


def test_one_seed_has_an_interval_over_documents(tmp_path):
    report = made_report(tmp_path)
    shown = cells(report)
    assert list(shown) == ["zero shot", "full", "lora r8", "qlora r8"]
    full = next(row for row in report.rows if row.kind == "full")
    bits = full.bits_per_byte
    ends = f"{bits.low:.3f} to {bits.high:.3f} over documents"
    assert shown["full"] == [f"{bits.value:.3f}", ends, "42", "100,000 (5.0%)"]
    assert shown["zero shot"][2:] == ["–", "none"]
    assert "Each trained run had 1,000 training tokens." in results_markdown(report)


def of_seeds(tmp_path, values: dict[int, float]):
    """A report whose full fine-tuning has these bits per byte by seed."""
    report = made_report(tmp_path, seeds=list(values))
    rows = [
        row.model_copy(update={"bits_per_byte": replace(row.bits_per_byte, value=values[row.seed])})
        if row.kind == "full"
        else row
        for row in report.rows
    ]
    return changed(report, rows=tuple(rows))


def test_several_seeds_have_a_mean_and_a_range(tmp_path):
    shown = cells(of_seeds(tmp_path, {1: 1.10, 2: 1.30, 3: 1.23}))
    assert shown["full"][:3] == ["1.210", "1.100 to 1.300 over seeds", "1, 2, 3"]


def test_a_run_that_diverged_is_named_and_in_no_mean(tmp_path):
    shown = cells(of_seeds(tmp_path, {1: 1.10, 2: 99.0, 3: 1.30}))
    assert shown["full"][:3] == ["1.200", "1.100 to 1.300 over seeds", "1, 3 (1 diverged)"]


def test_a_way_without_a_run_is_named(tmp_path):
    failed = FailedRun(
        model="tiny", method="lora_r99", kind="lora", rank=99, seed=42, reason="out_of_memory", message="no room"
    )
    report = changed(made_report(tmp_path), failed=(failed,))
    assert cells(report)["lora r99"] == ["–", "–", "none (1 out of memory)", "–"]
    assert "r99" not in picture_of_ways(report).text


@pytest.mark.parametrize(
    ("training", "said"),
    [
        ({"minutes": 16, "tokens": 256000}, "16 minutes of training."),
        ({"tokens": 256000, "epochs": None}, "256,000 training tokens."),
        ({"tokens": None, "epochs": 3}, "3 epochs."),
    ],
)
def test_the_budget_is_said(tmp_path, training, said):
    report = made_report(tmp_path)
    report = changed(report, settings=report.record.settings | {"training": training})
    assert f"Each trained run had {said}" in results_markdown(report)


def test_text_from_outside_is_inert_and_ends_no_place(tmp_path):
    hostile = changed(made_report(tmp_path), remark="<!-- end --><script>x</script> | [a](http://b)")
    once = filled(PLACES, Records((hostile,)))
    assert "<script>" not in once
    assert "](http" not in once
    assert once.count("<!-- end -->") == 2
    assert filled(once, Records((hostile,))) == once


# --- places and files ------------------------------------------------------------------------------------------------


def test_only_the_places_are_written(tmp_path):
    once = filled(PLACES, Records((made_report(tmp_path),)))
    assert once.startswith("before\n<!-- picture of made, by hand -->\n\n![Bits per byte")
    assert "](book/static/results-made.svg)\n\n<!-- end -->\nbetween\n<!-- results of made -->\n\n| way |" in once
    assert once.endswith("\n\n<!-- end -->\nafter\n")
    assert "old" not in once


def test_the_newest_record_of_a_study_is_shown(tmp_path):
    report = made_report(tmp_path)
    old, new = dated(report, "2025-01-01T00:00:00+00:00"), dated(report, "2026-05-05T00:00:00+00:00")
    other = changed(dated(report, "2027-01-01T00:00:00+00:00"), study="another")
    assert newest([new, other, old], "made") is new
    with pytest.raises(RunError, match="no study called nothing is recorded"):
        newest([new], "nothing")


@pytest.mark.parametrize(
    "text",
    [
        "nothing marked",
        "<!-- results of made -->\n",
        "<!-- results of made -->\n<!-- picture of made -->\n<!-- end -->\n",
    ],
)
def test_a_place_without_an_end_is_refused(tmp_path, text):
    with pytest.raises(RunError, match="needs its `<!-- end -->`"):
        filled(text, Records((made_report(tmp_path),)))


def test_a_place_of_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"README\.md: nothing is known to write as 'poem'"):
        filled("<!-- poem of made -->\n<!-- end -->\n", Records((made_report(tmp_path),)))


def test_the_picture_is_the_same_each_time_and_described(tmp_path):
    report = made_report(tmp_path)
    assert picture_of_ways(report).svg == picture_of_ways(report).svg
    assert picture_of_ways(report).text.encode() in picture_of_ways(report).svg
    assert b"dc:date" not in picture_of_ways(report).svg
    full = next(row for row in report.rows if row.kind == "full").bits_per_byte
    assert f"full {full.value:.3f} ({full.low:.3f} to {full.high:.3f} over documents)" in picture_of_ways(report).text


def test_studies_of_equal_time_are_shown_by_the_text_that_they_were_measured_on(tmp_path):
    bits = {"own": 2.0, "new": 1.3, "fresh": 1.4}
    short, long = (
        changed(budget(tmp_path / name, minutes, bits), study=name) for name, minutes in (("a", 4.0), ("b", 60.0))
    )
    older = changed(dated(budget(tmp_path / "old", 4.0, bits | {"new": 1.9}), "2020-01-01T00:00:00+00:00"), study="a")
    fingerprint = short.record.corpus.fingerprint
    records = Records((older, long, short, made_report(tmp_path / "other")))
    text = filled(f"<!-- budgets of {fingerprint} -->\n<!-- end -->\n", records).replace("\\", "")
    assert "| 4 minutes | 2.000 *own full* | 1.300 *new full* | 35.0% (" in text
    assert "| 60 minutes | 2.000" in text
    folded = text[text.index("<details>\n<summary>") : text.index("</details>")]
    assert folded.count("\n\n**Recorded study") == 2, "a blank line before each: it is Markdown"
    asked = f"<!-- vocabulary of {fingerprint} -->\n<!-- end -->\n"
    (picture,) = pictures(asked, records).values()
    assert "after 4 minutes: its own vocabulary 2.000 (own full); another vocabulary 1.300 (new full)" in picture.text
    assert f"](book/static/vocabulary-{fingerprint}.svg)" in filled(asked, records)
    with pytest.raises(RunError, match="no study with a budget in minutes is recorded on the text 00"):
        filled("<!-- budgets of 00 -->\n<!-- end -->\n", records)


def test_a_picture_of_many_budgets_is_described_to_the_end(tmp_path):
    bits = {"own": 2.0, "new": 1.3, "fresh": 1.4}
    studies = [
        changed(budget(tmp_path / f"b{minutes}", float(minutes), bits), study=f"b{minutes}") for minutes in range(1, 9)
    ]
    text = filled(
        f"<!-- vocabulary of {studies[0].record.corpus.fingerprint} -->\n<!-- end -->\n", Records(tuple(studies))
    )
    assert "after 8 minutes: its own vocabulary 2.000 (own full); another vocabulary 1.300 (new full)" in text.replace(
        "\\", ""
    )


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with one recorded study."""
    folder = tmp_path / "book" / "recorded"
    study, corpus, runs, evaluations = made(tmp_path / "runs")
    record_study(study, corpus, runs, evaluations, folder / "made-1")
    monkeypatch.setattr("bashkir_utils.cli.recorded_folder", lambda: folder)
    (tmp_path / "book" / "index.md").write_text(PLACES, encoding="utf-8")
    return tmp_path


def test_the_command_writes_the_page_and_the_picture(project):
    (project / "README.md").write_text(PLACES, encoding="utf-8")
    done = CliRunner().invoke(cli.app, ["readme"])
    assert done.exit_code == 0, done.output
    records = load_records(project / "book" / "recorded")
    assert (project / "README.md").read_text(encoding="utf-8") == filled(PLACES, records)
    assert "](static/results-made.svg)" in (project / "book" / "index.md").read_text(encoding="utf-8")
    assert (project / "book/static/results-made.svg").read_bytes() == picture_of_ways(records.studies[0]).svg
    names = ("README.md", "book/index.md", "book/static/results-made.svg", "book/static/results-made.csv")
    assert done.output.splitlines() == [str(project / name) for name in names]


def test_nothing_is_written_where_a_record_is_missing(project):
    text = PLACES.replace("results of made", "results of other")
    (project / "README.md").write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match="no study called other"):
        refresh(project)
    assert (project / "README.md").read_text(encoding="utf-8") == text
    assert not (project / "book" / "static").exists()


def test_a_project_without_a_page_is_told(project):
    with pytest.raises(RunError, match=r"no README\.md there"):
        refresh(project)
