"""Kits and what comes back: choice of texts, blindness of the page, hostile exports, means and agreement by hand."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_results import made_report

from bashkir_utils.exceptions import RatingError
from bashkir_utils.language import PROMPTS
from bashkir_utils.rating import (
    KEY_FILE,
    PAGE_FILE,
    PEOPLE,
    Key,
    Text,
    agreement,
    agreement_html,
    alpha,
    choose_texts,
    join,
    make_kit,
    people_texts,
    read_ratings,
    report_text,
    simulated_exports,
    study_kit,
    summarise_ratings,
    summary_html,
    write_kit,
)
from bashkir_utils.runs import obtain
from bashkir_utils.study import Study

from conftest import TextCorpus

# K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: four observers, twelve units
PUBLISHED = [
    [1, 1, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4], [4, 4, 4, 4], [1, 1, 2, 1],
    [2, 2, 2, 2], [5, 5, 5], [1, 1],
]  # fmt: skip
WHEN = "2026-05-04T10:00:00Z"


def texts(ways=("full", "lora"), prompts=4) -> list[Text]:
    return [
        Text(way, f"run-{way}", "news", f"Башы {number}", f" дауамы {number}")
        for way in ways
        for number in range(prompts)
    ]


def kit_of(some):
    return make_kit(some, study="made", corpus="texts of a test", decoding="nucleus")


def export_of(kit, rater="Әлиә", answers=("bashkir", 4, 5), **changes):
    language, fluency, adequacy = answers
    ratings = [
        {"id": name, "language": language, "fluency": fluency, "adequacy": adequacy, "comment": "", "rated": WHEN}
        for name in kit.key.items
    ]
    content = {"form": "bashkir-rating", "version": 1, "kit": kit.key.kit, "rater": rater, "exported": WHEN}
    return content | {"ratings": ratings} | changes


@pytest.fixture
def folder(tmp_path):
    """A kit of eight texts, written."""
    kit = kit_of(texts())
    write_kit(kit, tmp_path / "kit")
    return kit, tmp_path / "kit"


def saved(path: Path, content) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


# --- the kit -----------------------------------------------------------------------------------------------------


def written(report, prompts=12, samples=2) -> pd.DataFrame:
    rows = [
        {
            "model": label,
            "prompt": prompt.text,
            "kind": prompt.kind,
            "sample": sample,
            "continuation": f"{label} {sample}",
        }
        for label in report.labels.values()
        for prompt in PROMPTS[:prompts]
        for sample in range(samples)
    ]
    return pd.DataFrame(rows)


def test_every_run_gets_the_same_prompts_one_of_each_kind_before_a_second(tmp_path):
    report = made_report(tmp_path)
    chosen = choose_texts(report, written(report), 7, seed=1)
    by_run = {run: [text for text in chosen if text.run_id == run] for run in report.labels}
    prompts = {run: {text.prompt for text in some} for run, some in by_run.items()}
    assert all(len(some) == 7 for some in by_run.values())
    assert len({frozenset(each) for each in prompts.values()}) == 1
    kinds = pd.Series([text.kind for text in by_run[report.rows[0].run_id]]).value_counts()
    assert sorted(kinds) == [1, 1, 1, 1, 1, 2]
    assert all(text.continuation == f"{report.labels[text.run_id]} 0" for text in chosen)
    assert {text.way for text in chosen} == set(report.arms.values())


def test_prompts_follow_the_seed(tmp_path):
    report = made_report(tmp_path)
    table = written(report, prompts=60)
    draws = [choose_texts(report, table, 6, seed) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_people_are_cut_like_a_model_and_documents_too_short_are_passed_over():
    like = [Text("full", "r", "news", "p", "x" * length) for length in (10, 20, 30)]
    long = "бер ике өс дүрт биш алты ете һигеҙ" + " туғыҙ ун" * 5
    found = people_texts([long, "бер ике", "бер ике өс дүрт биш алты ете һигеҙ туғыҙ"], like, 3, seed=0)
    assert [(text.way, text.run_id) for text in found] == [(PEOPLE, None)]
    assert found[0].prompt == "бер ике өс дүрт биш алты ете һигеҙ"
    assert found[0].continuation == " туғыҙ ун туғыҙ ун т"
    assert long.startswith(found[0].prompt + found[0].continuation)


def test_page_tells_nothing_of_the_origin_and_the_key_all():
    some = [Text("qlora r8", "tiny-qlora-s42-0a1b", "encyclopedia", "Башы", " дауамы"), *texts()]
    kit = kit_of(some)
    for word in ("qlora", "tiny", "0a1b", "encyclopedia", "lora", "run-", "nucleus", "made", "texts of a test"):
        assert word not in kit.page, word
    assert sorted((item.way, item.run_id, item.prompt) for item in kit.key.items.values()) == sorted(
        (text.way, text.run_id, text.prompt) for text in some
    )


def test_names_are_random_and_the_page_is_in_their_order():
    first, second = kit_of(texts()), kit_of(texts())
    assert set(first.key.items).isdisjoint(second.key.items)
    assert first.key.kit != second.key.kit
    places = [first.page.index(name) for name in sorted(first.key.items)]
    assert places == sorted(places)


def test_folder_is_whole_and_never_overwritten(folder, tmp_path):
    kit, where = folder
    assert sorted(path.name for path in where.iterdir()) == [KEY_FILE, PAGE_FILE]
    assert Key.model_validate_json((where / KEY_FILE).read_bytes()) == kit.key
    with pytest.raises(RatingError, match="is there already"):
        write_kit(kit, where)


def test_nothing_to_rate_is_refused():
    with pytest.raises(RatingError, match="no text"):
        kit_of([])


@given(st.text())
def test_no_text_ends_the_data_of_the_page(text):
    kit = kit_of([Text("full", "r", "news", text, f"</script><script>{text}<!--")])
    assert kit.page.count("<script") == kit.page.count("</script>") == 2
    data = kit.page.split('<script type="application/json" id="kit">')[1].split("</script>")[0]
    assert not set(data) & set("<>&\u2028\u2029\u202e\x1b")
    assert json.loads(data)["items"][0]["continuation"].startswith("</script><script>")


def test_kit_of_real_runs_has_every_run_and_people(shared_workspace, text_corpus, tmp_path, monkeypatch):
    study = Study.model_validate(
        {
            "name": "tiny", "description": "a test", "seeds": [1], "training": {"tokens": 64, "block_length": 32},
            "models": [{"name": "tiny", "source": "random:llama", "methods": []}],
            "methods": [{"name": "full", "kind": "full"}],
            "evaluation": {"max_bytes": 1500, "window": 32, "overlap": 8, "bootstrap_samples": 10},
            "generation": {"prompts": 3, "max_new_tokens": 4},
        }
    )  # fmt: skip
    corpus = WithManifest(text_corpus.train, text_corpus.validation, text_corpus.test)
    runs = [obtain(cell, corpus, shared_workspace) for cell in study.cells(corpus.fingerprint)]
    kit = study_kit(study, corpus, runs, shared_workspace, per_model=2)
    origins = [(item.way, item.run_id) for item in kit.key.items.values()]
    assert sorted(origins, key=str) == sorted([("zero shot", runs[0].run_id)] * 2 + [(PEOPLE, None)] * 2, key=str)
    with pytest.raises(RatingError, match="unknown decoding 'beam'; this profile has nucleus"):
        study_kit(study, corpus, runs, shared_workspace, decoding="beam")


class WithManifest(TextCorpus):
    """What a report asks of a corpus besides."""

    @property
    def manifest(self):
        return type("Manifest", (), {"counts": {"test": {"documents": 3, "bytes": 3000}}})


# --- what comes back ---------------------------------------------------------------------------------------------


def test_ratings_are_joined_with_the_key(folder, tmp_path):
    kit, where = folder
    paths = [
        saved(tmp_path / "a.json", export_of(kit)),
        saved(tmp_path / "b.json", export_of(kit, "Борис", ("other", 1, 2))),
    ]
    found = read_ratings(where / KEY_FILE, paths)
    assert found.raters == ("Әлиә", "Борис")
    assert len(found.table) == 16
    row = found.table.iloc[0]
    assert kit.key.items[row["id"]].way == row["way"]
    assert found.table.groupby("rater")["in_bashkir"].mean().to_dict() == {"Әлиә": 1.0, "Борис": 0.0}


BAD = {
    "other kit": ({"kit": "feedfeedfeedfeed"}, "ratings of kit feedfeedfeedfeed"),
    "other form": ({"form": "something"}, "form: Input should be 'bashkir-rating'"),
    "other version": ({"version": 2}, "version"),
    "more keys": ({"model": "lora"}, "model: Extra inputs are not permitted"),
    "no ratings": ({"ratings": []}, "ratings"),
    "nameless": ({"rater": ""}, "rater"),
    "a name of spaces": ({"rater": " \u00a0\n\ufeff "}, "rater: String should have at least 1 character"),
    "a name that is a number": ({"rater": 7}, "rater: Input should be a valid string"),
    "endless name": ({"rater": "ҡ" * 100_000}, "rater"),
    "not a list": ({"ratings": {"a": 1}}, "ratings"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_export_is_refused_in_one_line(folder, tmp_path, case):
    kit, where = folder
    change, message = BAD[case]
    path = saved(tmp_path / "bad.json", export_of(kit) | change)
    with pytest.raises(RatingError, match=message) as refused:
        read_ratings(where / KEY_FILE, [path])
    assert "bad.json" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


WRONG = {
    "out of range": {"fluency": 6},
    "zero": {"adequacy": 0},
    "half": {"fluency": 2.5},
    "as text": {"fluency": "3"},
    "true": {"fluency": True},
    "none": {"adequacy": None},
    "unknown language": {"language": "english"},
    "not a time": {"rated": "yesterday"},
    "no zone": {"rated": "2026-05-04T10:00:00"},
    "endless comment": {"comment": "ҡ" * 100_000},
    "unknown text": {"id": "\x1b[31m<script>"},
    "more": {"model": "full"},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_rating_is_refused_in_one_line(folder, tmp_path, case):
    kit, where = folder
    export = export_of(kit)
    export["ratings"][3] |= WRONG[case]
    with pytest.raises(RatingError) as refused:
        read_ratings(where / KEY_FILE, [saved(tmp_path / "bad.json", export)])
    assert str(refused.value).startswith("bad.json: ")
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("content", ["", "[]", "null", "{", "[" * 100_000, '{"form": NaN}', "\ufeff{}"])
def test_what_is_no_json_object_is_refused(folder, tmp_path, content):
    with pytest.raises(RatingError, match=r"^bad\.json: "):
        read_ratings(folder[1] / KEY_FILE, [saved(tmp_path / "bad.json", content)])


def test_a_text_or_a_rater_twice_is_refused(folder, tmp_path):
    kit, where = folder
    export = export_of(kit)
    twice = saved(tmp_path / "twice.json", export | {"ratings": export["ratings"] + export["ratings"][:1]})
    with pytest.raises(RatingError, match="is rated twice"):
        read_ratings(where / KEY_FILE, [twice])
    pair = [saved(tmp_path / "a.json", export), saved(tmp_path / "b.json", export_of(kit, " әлиә"))]
    with pytest.raises(RatingError, match=r"b\.json: rater .*әлиә is in a\.json too"):
        read_ratings(where / KEY_FILE, pair)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("A\nfull  9.99 (9.99 to 9.99)", "A full 9.99 (9.99 to 9.99)"),
        ("\u2028\ufeff Әлиә\u00a0\u3000Б.\r\n", "Әлиә Б."),
        ("И\u0306", "Й"),
        ("ҡ" * 30 + " " * 50 + "ҡ" * 29, "ҡ" * 30 + " " + "ҡ" * 29),
    ],
)
def test_a_raters_name_is_read_as_the_page_keeps_it(folder, tmp_path, given, kept):
    kit, where = folder
    found = read_ratings(where / KEY_FILE, [saved(tmp_path / "a.json", export_of(kit, given))])
    assert found.raters == (kept,)
    assert f"1 raters: {kept}\n" in report_text(found)


def test_one_name_written_in_two_ways_is_one_rater(folder, tmp_path):
    kit, where = folder
    names = {"a.json": "Гөлнара Й.", "b.json": "гөлнара\t\n И\u0306."}
    paths = [saved(tmp_path / file, export_of(kit, name)) for file, name in names.items()]
    with pytest.raises(RatingError, match=r"b\.json: rater гөлнара Й\. is in a\.json too"):
        read_ratings(where / KEY_FILE, paths)


def test_a_key_gives_the_report_no_line(folder, tmp_path):
    kit, _ = folder
    simulated = join(kit.key.model_copy(update={"corpus": "texts\nfull 9.99"}), simulated_exports(kit.key))
    assert "texts ↵ full 9.99" in report_text(simulated)


def test_missing_swapped_and_huge_files_are_refused(folder, tmp_path):
    kit, where = folder
    export = saved(tmp_path / "a.json", export_of(kit))
    for key, exports in ((tmp_path / "none.json", [export]), (export, [where / KEY_FILE]), (where / KEY_FILE, [where])):
        with pytest.raises(RatingError):
            read_ratings(key, exports)
    with (tmp_path / "huge.json").open("wb") as stream:
        stream.truncate(30_000_000)
    with pytest.raises(RatingError, match="larger than"):
        read_ratings(where / KEY_FILE, [tmp_path / "huge.json"])


def test_what_has_no_end_is_not_read_to_it(folder):
    with pytest.raises(RatingError, match=r"^zero: larger than"):
        read_ratings(folder[1] / KEY_FILE, [Path("/dev/zero")])


# --- means and agreement -----------------------------------------------------------------------------------------


def table(rows) -> pd.DataFrame:
    columns = ["rater", "id", "way", "prompt", "language", "fluency", "adequacy"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(in_bashkir=(frame["language"] == "bashkir").astype(float))


def test_means_count_every_prompt_alike():
    rows = [
        ("a", "1", "full", "p", "bashkir", 1, 5), ("b", "1", "full", "p", "other", 3, 5),
        ("a", "2", "full", "q", "bashkir", 5, 5), ("a", "3", "lora", "p", "mixed", 4, 1),
    ]  # fmt: skip
    found = summarise_ratings(table(rows))
    # prompt p of full: 0.5 and 2, prompt q: 1 and 5
    assert found.loc["full", ["in_bashkir", "fluency", "adequacy"]].tolist() == [0.75, 3.5, 5.0]
    assert found.loc["full", ["texts", "ratings", "prompts"]].tolist() == [2, 3, 2]
    # two prompts: a draw has one of them twice with probability 1/2, so the interval runs from one to the other
    assert found.loc["full", ["fluency_low", "fluency_high"]].tolist() == [2.0, 5.0]
    assert found.loc["lora", "in_bashkir"] == 0
    assert math.isnan(found.loc["lora", "fluency_low"])


def test_interval_of_means_has_the_width_of_the_bootstrap():
    generator = np.random.default_rng(3)
    grades = generator.integers(1, 6, 200)
    rows = [("a", str(i), "full", str(i), "bashkir", int(grade), 3) for i, grade in enumerate(grades)]
    found = summarise_ratings(table(rows), 0.95).loc["full"]
    expected = 2 * 1.96 * grades.std() / math.sqrt(len(grades))
    assert found["fluency_high"] - found["fluency_low"] == pytest.approx(expected, rel=0.1)
    assert found["adequacy_low"] == found["adequacy_high"] == 3


def test_alpha_of_two_raters_by_hand():
    # nominal: coincidences aa 2, ab 1, ba 1, bb 2; D_o = 2/6, D_e = 2·3·3/(6·5), alpha = 1 - (1/3)/(3/5)
    assert alpha([["a", "a"], ["a", "b"], ["b", "b"]], "nominal") == pytest.approx(4 / 9)
    # ordinal: counts 1, 2, 3 of values 1, 2, 3; middles 0.5, 2, 4.5. Units (1, 2), (2, 3), (3, 3)
    # D_o = 2·(2.25 + 6.25)/6; D_e = 2·(1·2·2.25 + 1·3·16 + 2·3·6.25)/(6·5)
    assert alpha([[1, 2], [2, 3], [3, 3]], "ordinal") == pytest.approx(1 - (17 / 6) / (180 / 30))


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_alpha_is_the_published_one(level, value):
    assert alpha(PUBLISHED, level) == pytest.approx(value, abs=5e-4)


def test_agreement_leaves_out_texts_with_one_rating_and_says_what_is_undefined():
    rows = [
        ("a", "1", "w", "p", "bashkir", 1, 3), ("b", "1", "w", "p", "bashkir", 1, 3),
        ("a", "2", "w", "q", "other", 5, 3), ("b", "2", "w", "q", "other", 5, 3),
        ("a", "3", "w", "r", "mixed", 2, 1),
    ]  # fmt: skip
    found = agreement(table(rows), samples=20)
    assert found["texts"].tolist() == [2, 2, 2]
    assert found["raters"].tolist() == [2, 2, 2]
    assert found.loc[["language", "fluency"], "alpha"].tolist() == [1, 1]
    assert found.loc["adequacy", ["alpha", "low", "high"]].isna().all()
    alone = agreement(table(rows[:1]), samples=20)
    assert alone["alpha"].isna().all()
    assert "–" in agreement_html(alone, "c")


def test_interval_of_alpha_holds_it_and_shrinks_with_texts():
    generator = np.random.default_rng(0)

    def rows(texts):
        for text in range(texts):
            truth = int(generator.integers(1, 6))
            for rater in "ab":
                grade = int(np.clip(truth + generator.integers(-1, 2), 1, 5))
                yield (rater, str(text), "w", str(text), "bashkir" if grade > 2 else "other", grade, grade)

    few, many = (agreement(table(list(rows(count))), samples=60) for count in (10, 160))
    widths = [found["high"] - found["low"] for found in (few, many)]
    assert (widths[1] < widths[0] / 2).all()
    assert ((many["low"] < many["alpha"]) & (many["alpha"] < many["high"])).all()


def test_tables_and_terminal_hold_all_and_escape_a_raters_name(folder, tmp_path):
    kit, where = folder
    hostile = "<script>alert(1)</script>\x1b[31m\u202e"
    paths = [
        saved(tmp_path / "a.json", export_of(kit, hostile)),
        saved(tmp_path / "b.json", export_of(kit, "b", ("mixed", 2, 2))),
    ]
    ratings = read_ratings(where / KEY_FILE, paths)
    summary = summarise_ratings(ratings.table)
    page = summary_html(summary, hostile)
    assert "<script" not in page
    assert "0.50 (0.50 to 0.50)" in page
    text = report_text(ratings)
    assert "2 raters" in text
    assert "full" in text
    assert "nominal" in text


def test_simulated_raters_say_what_they_are_and_the_same_for_the_same_seed():
    kit = kit_of(texts())
    exports = simulated_exports(kit.key, raters=3, seed=1)
    assert exports == simulated_exports(kit.key, raters=3, seed=1) != simulated_exports(kit.key, raters=3, seed=2)
    found = join(kit.key, exports)
    assert all(rater.startswith("simulated") for rater in found.raters)
    assert len(found.table) == 3 * 8
    assert set(summarise_ratings(found.table).index) == {"full", "lora"}


def test_simulated_ratings_do_not_depend_on_the_names_that_a_kit_gives():
    """Two kits of the same texts: the same means, the same agreement, the same intervals."""
    found = []
    for _ in range(3):
        kit = kit_of(texts(prompts=8))
        simulated = join(kit.key, simulated_exports(kit.key)).table
        found.append((summarise_ratings(simulated, samples=50), agreement(simulated, samples=20)))
    for means, alphas in found[1:]:
        pd.testing.assert_frame_equal(means, found[0][0])
        pd.testing.assert_frame_equal(alphas, found[0][1])
    assert found[0][1]["alpha"].notna().all()


def test_ways_stand_in_the_order_of_their_names():
    rows = [("a", str(i), way, "p", "bashkir", 1, 5) for i, way in enumerate(("lora", "full", "a way"))]
    assert summarise_ratings(table(rows), samples=5).index.tolist() == ["a way", "full", "lora"]
