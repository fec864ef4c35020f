import json
import math
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import MACHINE, MadeCorpus, made, made_report
from markdown_it import MarkdownIt

from bashkir_utils import comparisons, recording, report
from bashkir_utils.errors import measure, summarise_continuations
from bashkir_utils.exceptions import DivergenceError, RunError
from bashkir_utils.failures import Failure, Reason
from bashkir_utils.plots import results as plots
from bashkir_utils.study import GenerationSpec
from bashkir_utils.workspace import recorded_folder


@pytest.fixture
def live(tmp_path):
    return made_report(tmp_path)


def ids(live):
    return {label: run_id for run_id, label in live.labels.items()}


def test_labels_name_what_differs(tmp_path, live):
    assert list(live.labels.values()) == ["zero shot", "full", "lora r8", "qlora r8"]
    models = [{"name": name, "source": "random:llama"} for name in ("one", "two")]
    several = made_report(tmp_path, models=models, seeds=[1, 2])
    assert "one zero shot" in several.labels.values()
    assert "two lora r8 seed 2" in several.labels.values()
    assert len(set(several.labels.values())) == len(several.rows) == 14


def test_results_table_holds_the_evaluations_numbers(tmp_path):
    study, corpus, runs, evaluations = made(tmp_path)
    table = report.results_table(report.collect(study, corpus, runs, evaluations))
    sums = evaluations[1].documents
    assert table.loc["full", "bits_per_byte"] == pytest.approx(sums["nll"].sum() / math.log(2) / sums["bytes"].sum())
    assert table.loc["full", "token_perplexity"] == pytest.approx(math.exp(sums["nll"].sum() / sums["tokens"].sum()))
    assert (table["bits_per_byte_low"] < table["bits_per_byte"]).all()
    assert table.loc["lora r8", "trainable_share"] == pytest.approx(10_000 / 2_000_000)
    assert table.loc["zero shot", ["trainable_parameters", "wall_seconds"]].tolist() == [0, 0]


def test_results_html_has_headings_and_no_number_for_what_was_not_trained(live):
    page = report.results_html(live, "All runs")
    assert "<caption>All runs</caption>" in page
    assert page.count('<th scope="row">') == 4
    assert "95% interval" in page
    zero_shot = page[page.index('<th scope="row">zero shot') :].split("</tr>")[0]
    assert zero_shot.count(">–<") == 7
    assert "GPU" not in page, "no column for a GPU that was not there"


def test_a_diverged_run_is_not_the_best(live):
    broken = live.rows[1].model_copy(update={"bits_per_byte": report.Interval(math.nan, math.nan, math.nan)})
    record = live.record.model_copy(update={"rows": (broken, *live.rows[2:])})
    assert report.best_run(report.StudyReport(record, live.documents)).method == "lora_r8"


def test_diverged_means_not_finite_or_worse_than_the_model_as_it_came(tmp_path):
    study, corpus, runs, evaluations = made(tmp_path)
    scores = [replace(e, summary=dict(e.summary)) for e in evaluations]
    base = scores[0].summary["bits_per_byte"].value
    scores[1].summary["bits_per_byte"] = report.Interval(math.inf, math.inf, math.inf)
    scores[2].summary["bits_per_byte"] = report.Interval(base + 0.01, base - 1, base + 1)
    scores[3].summary["bits_per_byte"] = report.Interval(base, base - 1, base + 1)
    live = report.collect(study, corpus, runs, scores)
    assert report.diverged(live) == {runs[1].run_id: "loss not finite", runs[2].run_id: "worse than zero-shot"}
    table = report.results_table(live)
    assert table["diverged"].tolist() == ["", "loss not finite", "worse than zero-shot", ""]
    assert report.best_run(live).kind in {"qlora", "zero_shot"}
    page = report.results_html(live, "All runs")
    assert page.count("worse than zero-shot") == page.count("loss not finite") == 1
    assert list(live.labels.values()) == ["zero shot", "full (diverged)", "lora r8 (diverged)", "qlora r8"]
    assert list(live.arms.values()) == ["zero shot", "full", "lora r8", "qlora r8"], "a way is not its bad run"
    alone = report.StudyReport(live.record.model_copy(update={"rows": live.rows[2:]}), live.documents)
    assert report.diverged(alone) == {}, "without the zero-shot run only the loss itself tells"


def test_cells_without_a_run_stand_under_the_table_with_their_reason(tmp_path):
    study, corpus, runs, evaluations = made(tmp_path)
    spec = runs[1].spec.model_copy(update={"seed": 2024})
    message = "out of memory at /home/me/runs/<b>one</b>"
    failure = Failure(run_id="r", reason=Reason.OUT_OF_MEMORY, message=message, date="d", machine={})
    page = report.results_html(report.collect(study, corpus, runs, evaluations, failed=[(spec, failure)]), "All")
    under = page.split("Cells without a run")[1]
    assert "out of memory" in under
    assert ">2024<" in under, "a seed is a name and has no separator"
    assert "/home" not in under
    assert "<b>" not in under
    assert "Cells without a run" not in report.results_html(report.collect(study, corpus, runs, evaluations), "All")


def test_no_column_for_divergence_where_there_is_none(live):
    assert report.diverged(live) == {}
    assert "diverged" not in report.results_html(live, "All runs")


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1))
def test_pareto_front_is_what_no_point_dominates(points):
    front = report.pareto_front(*zip(*points, strict=True))
    kept = [points[i] for i in front]

    def dominated(point):
        return any(o != point and o[0] <= point[0] and o[1] <= point[1] for o in points)

    assert set(kept) == {point for point in points if not dominated(point)}
    assert kept == sorted(kept)


def test_record_and_load_give_the_same_report_without_texts_paths_or_ids(tmp_path):
    corpus = MadeCorpus(label="zip /home/somebody/secret/bashkir corpus.zip")
    study, corpus, runs, evaluations = made(
        tmp_path / "runs",
        corpus,
        models=[{"name": "tiny", "source": "path:/srv/models/tiny", "label": "from /srv/models/tiny"}],
    )
    written = recording.record_study(study, corpus, runs, evaluations, tmp_path / "recorded" / "first")
    (read,) = report.load_recorded(tmp_path / "recorded")
    assert read.record == written.record
    pd.testing.assert_frame_equal(read.documents, written.documents)
    pd.testing.assert_frame_equal(report.results_table(read), report.results_table(written))
    assert comparisons.findings(read) == comparisons.findings(written)
    text = (tmp_path / "recorded" / "first" / "results.json").read_text()
    assert not re.search(r"/home|/srv|/tmp|secret|document-\d", text)
    assert not read.documents["id"].str.contains("document").any()
    assert json.loads(text)["corpus"]["label"] == "zip bashkir corpus.zip"
    assert [len(row.curve) for row in read.rows] == [0, 3, 3, 3]
    assert read.rows[1].curve[1].validation_loss is None
    assert sorted(path.name for path in (tmp_path / "recorded" / "first").iterdir()) == [
        "documents.parquet",
        "results.json",
    ]


def test_a_record_is_strict_json_even_when_a_perplexity_overflows(tmp_path):
    study, corpus, runs, evaluations = made(tmp_path / "runs")
    evaluations[0].summary["word_perplexity"] = report.Interval(math.inf, 1.0, math.inf)
    recording.record_study(study, corpus, runs, evaluations, tmp_path / "recorded" / "x", remark="On a busy <machine>.")

    def refuse(constant):
        raise AssertionError(constant)

    json.loads((tmp_path / "recorded" / "x" / "results.json").read_text(), parse_constant=refuse)
    loaded = report.load_recorded(tmp_path / "recorded")[0]
    assert loaded.rows[0].word_perplexity.value == math.inf
    assert "On a busy \\<machine\\>\\." in report.recorded_heading(loaded)


def test_failed_cells_and_paragraphs_of_other_languages_are_kept_and_old_records_still_load(tmp_path):
    study, corpus, runs, evaluations = made(tmp_path / "runs")
    failure = Failure(run_id="x", reason=Reason.DIVERGED, message="at /home/me/x: NaN", date="2026", machine={})
    rows = {"run_id": runs[0].run_id, "language": "en", "id": "en-0", "nll": 3.5, "bytes": 10}
    folder = tmp_path / "recorded" / "x"
    kept = {"held_out": pd.DataFrame([rows]), "failed": [(runs[1].spec, failure)]}
    recording.record_study(study, corpus, runs[:1], evaluations[:1], folder, **kept)
    (read,) = report.load_recorded(tmp_path / "recorded")
    assert read.held_out.to_dict("records") == [rows]
    assert [(f.method, f.seed, f.reason, f.message) for f in read.record.failed] == [
        ("full", 42, "diverged", "at x: NaN")
    ]
    shutil.rmtree(folder)
    recording.record_study(study, corpus, runs[:1], evaluations[:1], folder)
    content = json.loads((folder / "results.json").read_text())
    del content["failed"]
    (folder / "results.json").write_text(json.dumps(content))
    (old,) = report.load_recorded(tmp_path / "recorded")
    assert old.held_out.empty
    assert old.record.failed == ()


def test_nothing_recorded_is_no_error(tmp_path):
    assert report.load_recorded(tmp_path) == report.load_recorded(tmp_path / "absent") == ()


def _unknown_key(content):
    content["surprise"] = 1


def _wrong_type(content):
    content["rows"][0]["seed"] = "many"


def _unknown_run(content):
    content["rows"][0]["run_id"] = "other"


@pytest.mark.parametrize(
    ("damage", "message"), [(_unknown_key, "surprise"), (_wrong_type, "rows.0.seed"), (_unknown_run, "other")]
)
def test_a_damaged_record_is_one_clear_line(tmp_path, damage, message):
    recording.record_study(*made(tmp_path / "runs"), tmp_path / "recorded" / "broken")
    path = tmp_path / "recorded" / "broken" / "results.json"
    content = json.loads(path.read_text())
    damage(content)
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match=rf"^recorded study broken [^\n]*{message}[^\n]*record it again$"):
        report.load_recorded(tmp_path / "recorded")


@pytest.mark.parametrize("file", ["results.json", "documents.parquet"])
def test_a_cut_off_record_is_one_clear_line(tmp_path, file):
    recording.record_study(*made(tmp_path / "runs"), tmp_path / "recorded" / "broken")
    path = tmp_path / "recorded" / "broken" / file
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(RunError, match="recorded study broken is damaged"):
        report.load_recorded(tmp_path / "recorded")


def test_the_recorded_studies_of_the_checkout_can_be_read():
    for study in report.load_recorded(recorded_folder()):
        assert report.results_html(study, "recorded")
        assert comparisons.findings(study)
        assert not re.search(r'"(/|[A-Z]:\\)', study.record.model_dump_json())


def test_provenance_line_says_where_numbers_come_from(live):
    line = report.provenance_line(live)
    for part in ("made", "generated text", "c0ffee0123456789", "random weights", "abc123def456", MACHINE["processor"]):
        assert part in line
    assert "2026\\-01\\-01 to 2026\\-01\\-04".replace("\\-", "") in line.replace("\\-", "").replace("-", "")


def test_provenance_line_says_how_much_of_the_test_split_was_scored(live):
    documents = live.documents.drop_duplicates("id")
    test = live.record.corpus.counts["test"]
    line = report.provenance_line(live)
    assert f"{len(documents)} of {test['documents']} test documents" in line.replace("\\", "")
    assert f"{documents['bytes'].sum() / test['bytes']:.1%}" in line.replace("\\", "")


def test_a_recorded_study_is_set_apart(live):
    assert "Recorded study “made”" in report.recorded_heading(live)
    assert report.recorded_line([live]) == "Recorded studies shown: 1 (made)."
    assert report.recorded_line([]).startswith("No study has been recorded")


def test_generation_settings_in_words():
    decodings = [
        {"name": "nuc*leus", "temperature": 0.5, "top_p": 0.9, "samples": 2},
        {"name": "greedy", "temperature": 0},
    ]
    line = report.generation_line(GenerationSpec(prompts=6, decodings=decodings, seed=3))
    assert line.startswith("6 prompts of the book, in Bashkir, at most 48 new tokens, seed 3: ")
    assert "**nuc\\*leus** (temperature 0.5, top-p 0.9, 2 for each prompt); **greedy** (always the likeliest" in line


def test_prompts_of_a_profile_are_named_by_their_file(tmp_path):
    path = tmp_path / "чув*аш.tsv"
    path.write_text("news\tПаян\tToday\n", encoding="utf-8")
    line = report.generation_line(GenerationSpec(prompts=6, prompts_file=str(path)))
    assert line.startswith("1 prompts of чув\\*аш\\.tsv, at most 48 new tokens")


PAPER = pd.DataFrame(
    {
        "model": ["GPT-2 medium", "Mistral-7B"],
        "method": ["full", "QLoRA"],
        "perplexity (reported)": [3.34, 3.79],
        "bits per byte": [1.161, 0.744],
    }
)


def test_the_papers_figures_stand_beside_ours_and_are_marked(live):
    table = report.beside_paper(PAPER, live)
    theirs = table["kind"] == "paper"
    assert theirs.sum() == 2
    assert table["bits_per_byte"].is_monotonic_increasing
    assert table.loc[theirs, ["low", "high"]].isna().all(axis=None)
    page = report.beside_paper_html(table, live)
    assert page.count("reported perplexity, converted here") == 2
    assert page.count("ours: made") == 4


def made_continuations(texts):
    return pd.DataFrame(
        [
            {
                "model": model, "prompt": "Бөгөн", "sample": 0, "continuation": text, "new_tokens": 5,
                "ended": False, "broken_characters": 0, "kind": "news", "gloss": "Today",
            }
            for model, text in texts.items()
        ]
    )  # fmt: skip


def test_continuations_are_shown_whole_prompt_by_prompt_in_their_language():
    table = pd.concat(
        [made_continuations({"full": "бик матур"}), made_continuations({"full": "һыу"}).assign(prompt="Төн")]
    )
    page = report.continuations_html(table)
    assert page.count("<details") == 2
    assert page.count("<details open") == 1
    assert '<td lang="ba"' in page


def test_continuation_findings_name_the_disagreement_between_loss_and_language(live):
    summary = pd.DataFrame(
        {
            "in_language": [0.1, 0.2, 0.9, 0.3],
            "loop_share": [0.5, 0.1, 0.2, 0.3],
            "continuations": 24,
            "new_tokens": 8.0,
        },
        index=list(live.labels.values()),
    )
    sentences = report.continuation_findings(live, summary)
    assert "target language in the text of **lora r8**: 90%" in sentences
    assert "**full**, has 20%" in sentences
    assert "loops: **zero shot**, 50%" in sentences
    agreeing = report.continuation_findings(live, summary.assign(in_language=[0.1, 0.9, 0.2, 0.9]))
    assert "text of **full\\, qlora r8**: 90%" in agreeing
    assert "That holds for the model with the lowest bits per byte, full." in agreeing
    nobody = report.continuation_findings(live, summary.assign(in_language=0.0))
    assert "in no model's text" in nobody
    assert "0%:" not in nobody
    assert "means over 24 continuations of each run, of 8 tokens on average and 1 seed(s) of each way" in sentences


def test_continuation_findings_say_how_many_there_are_and_who_is_silent(tmp_path):
    live = report.collect(*made(tmp_path, seeds=[1, 2, 3]))
    labels = list(live.labels.values())
    summary = pd.DataFrame(
        {"in_language": 0.5, "loop_share": 0.25, "continuations": 60, "new_tokens": 64.0}, index=labels
    )
    summary.loc[labels[0], "continuations"] = 59
    best = live.labels[report.best_run(live).run_id]
    summary.loc[best, ["in_language", "loop_share"]] = math.nan
    sentences = report.continuation_findings(live, summary)
    assert "means over 59 to 60 continuations of each run, of 64 tokens on average and 3 seed(s)" in sentences
    assert f"Not one word was written by {best}" in sentences
    assert f"**{best}**, wrote no words" in sentences
    assert "nan" not in sentences
    silent = report.continuation_findings(live, summary.assign(in_language=math.nan, loop_share=math.nan))
    assert "in no model's text" in silent
    assert "loops" not in silent


def test_the_summary_of_errors_can_be_shown(live):
    texts = made_continuations({"full": "Бөгөн һауа бик матур ине.", "lora": "a b a b"}).assign(decoding="d")
    summary = summarise_continuations(measure(texts).assign(in_language=1.0))
    page = report.summary_html(live, summary)
    assert "share in the target language" in page
    assert "numbers made up for a test" in page
    assert not re.search(r"\w_\w", page.replace("tex2jax_ignore", "").replace("mathjax_ignore", ""))


def test_excerpts_are_joined_by_id():
    worst = pd.DataFrame({"id": ["b", "a"], "bits_per_byte": [3.0, 2.0]}, index=[1, 2])
    texts = pd.DataFrame({"id": ["a", "b"], "text": ["ааааа", "ббббб"]})
    assert report.with_excerpts(worst, texts, characters=3)["excerpt"].to_dict() == {1: "ббб", 2: "ааа"}


HOSTILE = "<script>alert(1)</script></table> [x](javascript:alert(2)) \x1b[31m \u202e {ref}`index` $x$ " + "ҡ" * 100_000


def tags(page):
    return set(re.findall(r"<(\w+)", page))


def test_hostile_continuations_and_prompts_stay_text():
    table = made_continuations({HOSTILE: HOSTILE}).assign(prompt=HOSTILE, gloss=HOSTILE, kind=HOSTILE)
    page = report.continuations_html(table)
    assert tags(page) == {"details", "summary", "table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert len(page) < 20_000
    assert not set(page) & {"\x1b", "\u202e"}


def test_hostile_labels_stay_text_in_sentences(tmp_path):
    models = [{"name": HOSTILE[:90], "source": "random:llama", "label": HOSTILE}]
    study, corpus, runs, evaluations = made(tmp_path, MadeCorpus(label=HOSTILE), description=HOSTILE)
    renamed = [
        replace(run, spec=run.spec.model_copy(update={"model": study.model().model_copy(update=models[0])}))
        for run in runs
    ]
    live = report.collect(study, corpus, renamed, evaluations)
    for markdown in (report.provenance_line(live), comparisons.findings(live), report.recorded_heading(live)):
        page = MarkdownIt("commonmark", {"html": True}).render(markdown)
        assert tags(page.replace("<span></span>", "")) <= {"p", "strong", "ul", "li"}
        assert not set(page) & {"\x1b", "\u202e"}
    assert tags(report.results_html(live, HOSTILE)) == {"table", "caption", "thead", "tbody", "tr", "th", "td"}


def worse(live, kind):
    """The same report with the runs of one kind far above the model as it came."""
    bad = {"bits_per_byte": report.Interval(9.0, 8.0, 10.0)}
    rows = tuple(row.model_copy(update=bad) if row.kind == kind else row for row in live.rows)
    return replace(live, record=live.record.model_copy(update={"rows": rows}))


def test_a_run_that_diverged_is_marked_beside_the_paper_and_in_the_figures(live):
    paper = pd.DataFrame({"model": ["m"], "method": ["full"], "perplexity (reported)": [4.0], "bits per byte": [1.2]})
    broken = worse(live, "lora")
    table = report.beside_paper(paper, broken)
    marked = table[table["method"].str.endswith("(diverged)")]
    assert marked[["method", "kind"]].to_numpy().tolist() == [["lora_r8 (diverged)", "lora"]]
    assert "lora r8 (diverged) (ours)" in [
        label.get_text().removeprefix("tiny, ") for label in plots.beside_paper(table, "x").axes[0].get_yticklabels()
    ]
    (axes,) = plots.curves(broken, "tokens", "x").axes
    assert [line.get_label() for line in axes.lines] == ["full", "lora r8 (diverged)", "qlora r8"]
    (axes,) = plots.pareto(broken, "wall_seconds", "x").axes
    assert sum(text.get_text() == "lora r8 (diverged)" for text in axes.texts) == 1


def test_a_run_that_cannot_write_is_named_and_stops_no_other(live, monkeypatch):
    silent = live.rows[1].run_id

    def write(run, spec, workspace):
        if run.run_id == silent:
            raise DivergenceError("no numbers")
        return pd.DataFrame({"prompt": ["p"], "continuation": ["c"]})

    monkeypatch.setattr(report, "generations", write)
    made_runs = [SimpleNamespace(run_id=row.run_id) for row in live.rows]
    table = report.continuations(live, made_runs, None, None)
    assert table["model"].tolist() == ["zero shot", "lora r8", "qlora r8"]
    summary = pd.DataFrame(
        {"loop_share": [0.1, 0.2, 0.3], "continuations": 1, "new_tokens": 1.0}, index=table["model"].tolist()
    )
    assert "**No text was written by full**" in report.continuation_findings(live, summary)
    with pytest.raises(RunError, match="no run of made can write"):
        report.continuations(live, made_runs[1:2], None, None)
