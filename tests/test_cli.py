import json
import logging
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from bashkir_utils import cli
from bashkir_utils.comparisons import seed_findings
from bashkir_utils.errors_record import load_errors
from bashkir_utils.exceptions import BashkirError
from bashkir_utils.language import generate_documents
from bashkir_utils.pairs_report import scored_runs
from bashkir_utils.report import load_recorded
from bashkir_utils.runs import evaluate, load_run
from bashkir_utils.workspace import Workspace

VERBS = (
    "build",
    "new-language",
    "run",
    "sweep",
    "train",
    "evaluate",
    "corpus",
    "runs",
    "try",
    "export",
    "record",
    "readme",
    "reread",
    "throughput",
    "writing-speed",
    "normalisations",
    "tokenizers",
    "causes",
    "plan",
)
RUSSIAN = "Сегодня мы ходили в лес за ягодами и вернулись домой только поздно вечером, уставшие и довольные. " * 4


@pytest.fixture
def bashkir(tmp_path, monkeypatch, capsys):
    """Call the command line in this process with a home of its own: exit code, standard output, standard error."""
    monkeypatch.setenv("BASHKIR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["bashkir", *arguments])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        written = capsys.readouterr()
        return int(stopped.value.code or 0), written.out, written.err

    return call


def profile(folder: Path, **changes) -> str:
    content = {
        "name": "mine",
        "description": "a test",
        "corpus": {"embedded_documents": 60},
        "models": [{"name": "tiny", "source": "random:llama"}],
        "methods": [{"name": "full", "kind": "full"}, {"name": "lora", "kind": "lora", "rank": 2, "lora_alpha": 4}],
        "seeds": [1],
        "training": {"block_length": 32, "batch_size": 2, "tokens": 128, "validation_blocks": 1},
        "evaluation": {"max_bytes": 2000, "window": 32, "overlap": 8, "bootstrap_samples": 20},
        "minimal_pairs": {"pairs": 1, "reference_characters": 20_000},
    }
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(content | changes))
    return str(path)


LONG_BLOCKS = {"block_length": 100_000, "batch_size": 2, "tokens": 128, "validation_blocks": 1}


def not_utf8(folder: Path) -> str:
    path = folder / "odd.yaml"
    path.write_bytes(b"name: \xff\xfe")
    return str(path)


def two_documents(folder: Path) -> str:
    texts = folder / "two"
    texts.mkdir()
    for number, document in enumerate(generate_documents(2)):
        (texts / f"{number}.txt").write_text(document.text)
    return profile(folder, corpus={"source": str(texts)})


def cut_zip(folder: Path) -> str:
    path = folder / "cut.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/b.txt", "текст " * 100)
    path.write_bytes(path.read_bytes()[:-40])
    return str(path)


def russian(folder: Path) -> str:
    (folder / "russian.txt").write_text(RUSSIAN, encoding="utf-8")
    return str(folder / "russian.txt")


def empty(folder: Path) -> str:
    (folder / "empty").mkdir()
    return str(folder / "empty")


def stored_part(folder: Path) -> str:
    """A folder inside a run."""
    (folder / "home" / "runs").mkdir(parents=True)
    (folder / "home" / "runs" / "one").symlink_to(folder)
    (folder / "evaluation").mkdir()
    return "one/evaluation"


def holding(folder: Path, content: str) -> str:
    (folder / "it.json").write_text(content)
    return str(folder / "it.json")


BAD = {
    "unknown profile": (lambda t: ["corpus", "-p", "nothing"], "unknown profile 'nothing'"),
    "missing profile": (lambda t: ["run", "-p", str(t / "no.yaml")], "no such file"),
    "unknown key": (lambda t: ["run", "-p", profile(t, colour="red")], "colour: Extra inputs"),
    "wrong type": (lambda t: ["run", "-p", profile(t, seeds="many")], "seeds: Input should be"),
    "corpus of the wrong type": (lambda t: ["run", "-p", profile(t, corpus="embedded"), "-c", "x"], "corpus: Input"),
    "not UTF-8": (lambda t: ["run", "-p", not_utf8(t)], "cannot be read as UTF-8"),
    "a method called zero_shot": (
        lambda t: ["run", "-p", profile(t, methods=[{"name": "zero_shot", "kind": "full"}])],
        "zero_shot is always run",
    ),
    "a seed twice": (lambda t: ["run", "-p", profile(t, seeds=[1, 1])], "a seed is named twice"),
    "a negative seed": (lambda t: ["run", "-p", profile(t, seeds=[-1])], "seeds.0: Input should be greater"),
    "a name that climbs": (
        lambda t: ["run", "-p", profile(t, models=[{"name": "../evil", "source": "random:llama"}])],
        "models.0.name: String should match",
    ),
    "nobody's home": (lambda t: ["corpus", "-c", "~nosuchuser/x.zip"], "no such user's home"),
    "a split without documents": (lambda t: ["train", "-m", "full", "-p", two_documents(t)], "falls into the"),
    "a block longer than the model": (
        lambda t: ["train", "-m", "full", "-p", profile(t, training=LONG_BLOCKS)],
        "training.block_length is 100000",
    ),
    "unknown method": (lambda t: ["train", "-m", "magic", "-p", profile(t)], "unknown method 'magic'"),
    "unknown model": (lambda t: ["evaluate", "-m", "full", "--model", "x", "-p", profile(t)], "unknown model 'x'"),
    "missing corpus": (lambda t: ["corpus", "-c", str(t / "no.zip")], "no such file or folder"),
    "build of a missing corpus": (lambda t: ["build", "-p", profile(t), "-c", str(t / "no")], "no such file or folder"),
    "empty corpus": (lambda t: ["corpus", "-c", empty(t)], "holds no documents"),
    "cut zip": (lambda t: ["corpus", "-c", cut_zip(t)], "not a whole, readable zip"),
    "no Bashkir": (lambda t: ["corpus", "-c", russian(t)], "is left for language 'ba'"),
    "no network": (lambda t: ["corpus", "-c", "hub:nobody/nothing"], "not cached and not to be had"),
    "bad commit": (lambda t: ["corpus", "-c", "github:a/b"], "expected github:owner/name@commit"),
    "unknown run": (lambda t: ["runs", "nothing"], "no run 'nothing'"),
    "a run without a name": (lambda t: ["runs", ""], "no run ''"),
    "the store as a run": (lambda t: ["export", ".", str(t / "new")], "no run '.'"),
    "a part of a run": (lambda t: ["runs", stored_part(t)], "no run 'one/evaluation'"),
    "an endless name": (lambda t: ["runs", "x" * 5000], "no run 'xxx"),
    "nowhere to measure into": (lambda t: ["plan", "--measure", "/proc/x/y.json"], "cannot write y.json"),
    "a folder to measure into": (lambda t: ["plan", "--measure", empty(t)], "cannot write empty: is a directory"),
    "a folder for costs": (
        lambda t: ["plan", "-p", "smoke", "--costs", empty(t)],
        "cannot write empty: is a directory",
    ),
    "nowhere for costs": (lambda t: ["plan", "-p", "smoke", "--costs", "/proc/x/y.json"], "cannot write y.json"),
    "text for measurements": (lambda t: ["plan", "--measure", holding(t, "x")], "no measurements can be read from it"),
    "nothing for measurements": (lambda t: ["plan", "--measure", holding(t, "{}")], "no measurements can be read from"),
    "a list for measurements": (lambda t: ["plan", "--measure", holding(t, "[1]")], "no measurements can be read from"),
    "endless memory of a cell": (
        lambda t: ["sweep", "--ray", "auto", "--memory-per-cell", "inf"],
        "--memory-per-cell inf",
    ),
    "endless GPUs of a cell": (lambda t: ["sweep", "--ray", "auto", "--gpus-per-cell", "inf"], "--gpus-per-cell inf"),
    "endless cores of a cell": (lambda t: ["sweep", "--ray", "auto", "--cpus-per-cell", "inf"], "--cpus-per-cell inf"),
    "an endless profile": (lambda t: ["plan", "-p", f"{'x' * 300}.yaml"], "no such file"),
    "endless epochs": (
        lambda t: ["plan", "-p", profile(t, training={"epochs": float("inf")})],
        "training.epochs: Input should be a finite number",
    ),
    "pairs into a folder that is there": (lambda t: ["language", "pairs", empty(t)], "empty exists already"),
    "more pairs than there are": (
        lambda t: ["language", "pairs", str(t / "new"), "--count", "100000"],
        "different pairs; ask for fewer",
    ),
    "negative memory": (lambda t: ["plan", "--gpu-memory", "-4"], "memory must be a number above 0, not -4"),
    "memory that is no number": (lambda t: ["plan", "--memory", "nan"], "memory must be a number above 0"),
    "machines beside those of the profile": (
        lambda t: ["plan", "-p", "paper", "--gpu-memory", "24", "--write-expected"],
        "takes its machines and models from the profile",
    ),
    "no machine to expect on": (
        lambda t: ["plan", "-p", profile(t), "--write-expected"],
        "names no machine",
    ),
    "one step of costs": (
        lambda t: ["plan", "-p", profile(t), "--costs", "x.json", "--steps", "1"],
        "take two at least",
    ),
    "no speed": (lambda t: ["plan", "--gpu-memory", "24", "--tflops", "0"], "tflops must be a number above 0"),
    "two memories": (lambda t: ["plan", "--gpu-memory", "24", "--memory", "8"], "not both"),
    "text of no size": (lambda t: ["plan", "--corpus-megabytes", "0"], "megabytes of text must be"),
    "plan of an unknown profile": (lambda t: ["plan", "-p", "nothing"], "unknown profile 'nothing'"),
    "plan of an unknown model": (lambda t: ["plan", "-p", profile(t), "--model", "x"], "unknown model 'x'"),
    "a shape that is nowhere": (
        lambda t: ["plan", "-p", profile(t, models=[{"name": "m", "source": "hub:a/b"}])],
        "the shape of a/b is not known here",
    ),
    "timed texts that no context holds": (
        lambda t: ["throughput", "-p", profile(t), "--new-tokens", "600"],
        "600 new tokens leave no room for a prompt in the model's context of 512 tokens: ask for fewer",
    ),
    "nothing to record": (lambda t: ["record", "-p", profile(t)], "start with `bashkir run`"),
}


PREPARED = ("nothing to record", "a split without documents", "a block longer than the model")
"""Cases whose corpus is prepared, whole, before what is wrong comes up."""


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_exit_code_2(case, bashkir, tmp_path):
    arguments, message = BAD[case]
    code, _, err = bashkir(*arguments(tmp_path))
    assert code == 2
    assert message in err
    lines = [line for line in err.splitlines() if line.startswith("bashkir: error: ")]
    assert len(lines) == 1
    assert "Traceback" not in err
    home = Workspace(tmp_path / "home")
    assert [path for path in home.corpora.glob("[!.]*") if case not in PREPARED] == []
    assert not home.runs.exists() or not [path for path in home.runs.glob("[!.]*") if not path.is_symlink()]


def test_a_study_runs_and_is_found_again(bashkir, tmp_path):
    path = profile(tmp_path)
    code, out, _ = bashkir("run", "-p", path)
    assert code == 0
    assert out.count("bits per byte") == 3
    assert out.count("of the minimal pairs right") == 3
    code, again, err = bashkir("run", "-p", path)
    assert (code, again) == (0, out)
    assert "autocast" not in err
    code, listed, _ = bashkir("runs")
    assert len(listed.splitlines()) == 3
    code, card, _ = bashkir("runs", listed.split()[0])
    assert r"generated text \(embedded\)" in card
    code, scored, _ = bashkir("evaluate", "-m", "lora", "-p", path)
    assert scored.splitlines()[0] in out
    assert "of 25 minimal pairs right" in scored
    assert scored.count("  tense_adverb: ") == 1
    code, trained, _ = bashkir("train", "-m", "full", "-p", path)
    assert "parameters trained" in trained


def test_a_failing_cell_does_not_stop_the_others(bashkir, tmp_path):
    models = [{"name": "bad", "source": "random:rwkv"}, {"name": "tiny", "source": "random:llama"}]
    code, out, err = bashkir("run", "-p", profile(tmp_path, models=models))
    assert code == 2
    assert err.count("unknown architecture 'rwkv'") == 3
    assert "3 of 6 runs failed" in err
    assert out.count("bits per byte") == 3


def test_token_counts_are_recorded_for_the_rereading(bashkir, tmp_path, monkeypatch):
    from bashkir_utils.rereading import load_lengths

    monkeypatch.setattr("bashkir_utils.cli.recorded_folder", lambda: tmp_path / "recorded")
    code, out, _ = bashkir("reread", "-p", profile(tmp_path))
    assert code == 0
    (found,) = load_lengths(tmp_path / "recorded" / "rereading")
    assert found.about.generated
    assert f"{found.table['document'].nunique()} documents measured" in out


def test_throughput_is_recorded(bashkir, tmp_path, monkeypatch):
    from bashkir_utils.throughput import load_throughput

    monkeypatch.setattr("bashkir_utils.cli.recorded_folder", lambda: tmp_path / "recorded")
    code, out, _ = bashkir("throughput", "-p", profile(tmp_path), "--new-tokens", "2", "--rounds", "1")
    assert code == 0
    assert "times as fast" in out
    found = load_throughput(tmp_path / "recorded")
    assert (found.new_tokens, len(found.rounds)) == (2, 1)


def test_the_speed_of_writing_is_recorded_beside_the_study(bashkir, tmp_path, monkeypatch):
    from bashkir_utils.writing_speed import FILE, WritingSpeeds

    path = profile(tmp_path)
    monkeypatch.setattr("bashkir_utils.cli.recorded_folder", lambda: tmp_path / "recorded")
    timing = ("writing-speed", "-p", path, "--new-tokens", "2", "--rounds", "1")
    code, _, err = bashkir(*timing)
    assert (code, err.count("\n"), "record its results first" in err) == (2, 1, True)
    bashkir("train", "-p", path, "-m", "zero_shot")
    bashkir("record", "-p", path, "--complete")
    code, _, err = bashkir(*timing)
    assert (code, err.count("\n"), "has no trained run to time" in err) == (2, 1, True)
    monkeypatch.setattr("bashkir_utils.writing_speed.diverged", lambda report: {})
    bashkir("run", "-p", path)
    bashkir("record", "-p", path)
    code, out, _ = bashkir(*timing)
    assert code == 0
    assert out.startswith("1 models timed; characters a second over those of ")
    assert "\\" not in out, "Markdown is for pages"
    (file,) = (tmp_path / "recorded").glob(f"*/{FILE}")
    assert WritingSpeeds.model_validate_json(file.read_text()).new_tokens == 2


def test_both_normalisations_are_recorded_beside_the_study(bashkir, tmp_path, monkeypatch):
    from bashkir_utils.normalisations import FILE, Normalisations

    trimmed = {"name": "small", "source": "random:llama", "vocabulary": {"way": "trim"}}
    path = profile(tmp_path, models=[trimmed])
    monkeypatch.setattr("bashkir_utils.cli.recorded_folder", lambda: tmp_path / "recorded")
    code, _, err = bashkir("normalisations", "-p", path)
    assert (code, err.count("\n"), "record its results first" in err) == (2, 1, True)
    bashkir("run", "-p", path)
    bashkir("record", "-p", path)
    code, out, _ = bashkir("normalisations", "-p", path)
    assert code == 0
    (file,) = (tmp_path / "recorded").glob(f"*/{FILE}")
    found = Normalisations.model_validate_json(file.read_text())
    assert found.runs[0] in out
    (study,) = load_recorded(tmp_path / "recorded")
    scored = {row.run_id: row.bits_per_byte.value for row in study.rows}
    assert {run: pytest.approx(scored[run]) for run in found.runs} == dict(
        zip(found.runs, found.kept_entries, strict=True)
    )


def test_tokenizers_are_compared_and_recorded(bashkir, tmp_path, monkeypatch):
    from bashkir_utils.tokenizer_record import load_contests

    monkeypatch.setattr("bashkir_utils.cli.recorded_folder", lambda: tmp_path / "recorded")
    path = profile(tmp_path)
    code, out, _ = bashkir("tokenizers", "-p", path, "--characters", "20000")
    assert code == 0
    (found,) = load_contests(tmp_path / "recorded")
    assert f"{len(found.rows)} tokenizers compared" in out
    assert (found.own, found.training_characters) == ("tiny", 20_000)
    code, _, err = bashkir("tokenizers", "-p", path, "--characters", "1000", "--model", "none")
    assert (code, err.count("\n")) == (2, 1)


def test_recording_a_study(bashkir, tmp_path, monkeypatch):
    path = profile(tmp_path)
    monkeypatch.setattr("bashkir_utils.cli.recorded_folder", lambda: tmp_path / "recorded")
    bashkir("run", "-p", path)
    code, out, _ = bashkir("record", "-p", path)
    assert code == 0
    assert "3 runs recorded" in out
    (found,) = load_recorded(tmp_path / "recorded")
    assert found.record.times_comparable
    assert bashkir("record", "-p", path, "--times-not-comparable")[0] == 0
    (again,) = load_recorded(tmp_path / "recorded")
    assert not again.record.times_comparable


def test_a_study_is_recorded_run_by_run(bashkir, tmp_path, monkeypatch):
    """First one run is scored on the test documents alone, then one on all; what lacks is named and not computed."""
    forgetting = {"paragraphs": 2, "window": 32, "overlap": 8}
    path = profile(tmp_path, forgetting=forgetting, generation={"prompts": 6, "max_new_tokens": 8})
    monkeypatch.setattr("bashkir_utils.cli.recorded_folder", lambda: tmp_path / "recorded")
    bashkir("train", "-p", path, "-m", "full")
    code, _, err = bashkir("record", "-p", path)
    assert (code, "is finished and scored" in err) == (2, True)
    study, text, workspace = cli._prepare(path, None)
    run = load_run(study.run_spec(text.fingerprint, method="full").run_id, workspace)
    evaluate(run, text, study.evaluation, workspace)
    bashkir("train", "-p", path, "-m", "lora")
    _, out, _ = bashkir("record", "-p", path)
    assert out.rstrip().endswith(
        ", 1 not scored yet and left out, 1 without minimal pairs, 1 without continuations, 1 without other languages"
    )
    (first,) = load_recorded(tmp_path / "recorded")
    assert ([row.method for row in first.rows], first.record.pairs, len(first.held_out)) == (["full"], None, 0)
    bashkir("sweep", "-p", path, "--only", "*/zero_shot/*")
    _, out, _ = bashkir("record", "-p", path)
    assert out.startswith("2 runs recorded in ")
    assert ", 1 not scored yet and left out, 1 without minimal pairs, 2 without continuations" in out
    (second,) = load_recorded(tmp_path / "recorded")
    base, full = (row.run_id for row in second.rows)
    assert scored_runs(second) == {base} == set(second.held_out["run_id"])
    assert not (workspace.runs / full / "minimal_pairs").exists()
    _, out, _ = bashkir("record", "-p", path, "--complete")
    assert (out.count(","), out.startswith("3 runs recorded in ")) == (0, True)
    (third,) = load_recorded(tmp_path / "recorded")
    assert len(scored_runs(third)) == third.held_out["run_id"].nunique() == 3
    (errors,) = load_errors(tmp_path / "recorded")
    assert errors.continuations["run_id"].nunique() == 3


def test_a_model_that_is_off_is_recorded_once_it_is_stored(bashkir, tmp_path, monkeypatch):
    on = {"name": "on", "source": "random:llama", "methods": []}
    path = profile(tmp_path, models=[on, on | {"name": "off", "enabled": False}])
    monkeypatch.setattr("bashkir_utils.cli.recorded_folder", lambda: tmp_path / "recorded")
    bashkir("run", "-p", path)
    assert bashkir("record", "-p", path)[1].startswith("1 runs recorded")
    assert bashkir("sweep", "-p", path, "--only", "off/*/*")[0] == 0
    assert bashkir("record", "-p", path)[1].startswith("2 runs recorded")
    (found,) = load_recorded(tmp_path / "recorded")
    assert [row.model for row in found.rows] == ["on", "off"]


def test_a_run_that_cannot_be_scored_does_not_stop_the_record(bashkir, tmp_path, monkeypatch):
    from bashkir_utils import runs
    from bashkir_utils.exceptions import MemoryLimitError

    path, score = profile(tmp_path), runs.score_documents
    monkeypatch.setattr("bashkir_utils.cli.recorded_folder", lambda: tmp_path / "recorded")
    for method in ("zero_shot", "full"):
        bashkir("train", "-p", path, "-m", method)

    def too_large(model, *arguments):
        if model.name_or_path.endswith("model"):
            raise MemoryLimitError("out of memory at its scores")
        return score(model, *arguments)

    monkeypatch.setattr(runs, "score_documents", too_large)
    code, out, _ = bashkir("record", "-p", path, "--complete")
    assert (code, out.startswith("1 runs recorded"), out.rstrip().endswith(", 1 that failed")) == (0, True, True)
    (found,) = load_recorded(tmp_path / "recorded")
    assert [row.method for row in found.rows] == ["zero_shot"]
    assert [(each.method, each.reason) for each in found.record.failed] == [("full", "out_of_memory")]


def test_cells_that_failed_are_recorded_with_the_study(bashkir, tmp_path, monkeypatch):
    methods = [{"name": "full", "kind": "full"}, {"name": "wild", "kind": "full", "learning_rate": 1e30}]
    forgetting = {"paragraphs": 2, "window": 32, "overlap": 8}
    training = {"block_length": 32, "batch_size": 2, "tokens": 512, "validation_blocks": 1, "precision": "fp32"}
    path = profile(tmp_path, methods=methods, forgetting=forgetting, training=training)
    monkeypatch.setattr("bashkir_utils.cli.recorded_folder", lambda: tmp_path / "recorded")
    bashkir("run", "-p", path)
    code, out, _ = bashkir("record", "-p", path)
    assert code == 0
    assert "2 runs recorded" in out
    assert "1 that failed" in out
    (found,) = load_recorded(tmp_path / "recorded")
    assert [(each.method, each.reason) for each in found.record.failed] == [("wild", "diverged")]
    assert "wild: 1 of 1 runs diverged" in seed_findings(found)
    assert found.held_out["id"].nunique() == 4


def test_one_fault_is_measured_beside_the_healthy_run(bashkir, tmp_path):
    methods = [{"name": "lora_r8", "kind": "lora", "rank": 8, "lora_alpha": 16}]
    path = profile(tmp_path, methods=methods)
    code, out, _ = bashkir("causes", "-p", path, "--cause", "adapter*")
    assert code == 0
    assert [line.split("  ")[0] for line in out.splitlines()[2:]] == ["adapter not loaded"]
    code, _, err = bashkir("causes", "-p", path, "--cause", "typhoon")
    assert code == 2
    assert err.startswith("bashkir: error: no cause is typhoon")


@pytest.mark.parametrize(("form", "file"), [("lm-eval", "bashkir_pairs.yaml"), ("dataset", "README.md")])
def test_minimal_pairs_are_written_for_others(form, file, bashkir, tmp_path):
    code, out, _ = bashkir("language", "pairs", str(tmp_path / "out"), "--format", form, "--count", "2")
    assert code == 0
    assert "50 pairs written" in out
    assert (tmp_path / "out" / file).is_file()


def test_people_rate_what_a_study_wrote(bashkir, tmp_path):
    path = profile(
        tmp_path,
        models=[{"name": "tiny", "source": "random:llama", "methods": []}],
        generation={"prompts": 3, "max_new_tokens": 4},
    )
    kit = tmp_path / "kit"
    code, _, err = bashkir("rating", "kit", str(kit), "-p", path)
    assert (code, "no run of profile mine" in err) == (2, True)
    assert bashkir("run", "-p", path)[0] == 0
    code, _, err = bashkir("rating", "kit", str(kit), "-p", path, "--decoding", "beam")
    assert (code, "unknown decoding 'beam'" in err) == (2, True)
    code, out, _ = bashkir("rating", "kit", str(kit), "-p", path, "--per-model", "2")
    assert code == 0
    assert "4 texts of 1 runs and of people" in out
    key = json.loads((kit / "key.json").read_text())
    when = "2026-05-04T10:00:00Z"
    given = {"language": "bashkir", "fluency": 4, "adequacy": 2, "comment": "", "rated": when}
    about = {"form": "bashkir-rating", "version": 1, "kit": key["kit"], "rater": "\x1b[2Jx", "exported": when}
    export = tmp_path / "x.json"
    export.write_text(json.dumps({**about, "ratings": [{"id": name, **given} for name in key["items"]]}))
    code, out, _ = bashkir("rating", "read", str(kit / "key.json"), str(export))
    assert code == 0
    assert "1 raters: ⟨U+001B⟩[2Jx" in out
    assert "zero shot" in out
    assert "4.00" in out
    code, _, err = bashkir("rating", "read", str(kit / "key.json"), str(export), str(export))
    assert code == 2
    assert len(err.splitlines()) == 1
    code, _, err = bashkir("rating", "kit", str(kit), "-p", path)
    assert (code, "is there already" in err) == (2, True)


def test_a_kit_for_another_language_is_refused(bashkir, tmp_path):
    russian = tmp_path / "russian.txt"
    russian.write_text("\n\n".join(f"{number}. {RUSSIAN}" for number in range(3)))
    path = profile(tmp_path, corpus={"source": str(russian), "language": "ru"})
    code, _, err = bashkir("rating", "kit", str(tmp_path / "kit"), "-p", path)
    assert (code, "questions are about Bashkir" in err) == (2, True)


def test_a_hostile_name_does_not_reach_the_terminal(bashkir, tmp_path):
    folder = tmp_path / "\x1b[31m\x1b]0;t\x07<b>\u202e"
    folder.mkdir()
    for number, document in enumerate(generate_documents(40)):
        (folder / f"{number}.txt").write_text(document.text + "\x1b[2J")
    path = profile(
        tmp_path, models=[{"name": "tiny", "source": "random:llama", "methods": []}], corpus={"source": str(folder)}
    )
    said = [bashkir("corpus", "-p", path), bashkir("run", "-p", path), bashkir("runs")]
    said.append(bashkir("runs", said[-1][1].split()[0]))
    said.append(bashkir("corpus", "-p", path, "-c", f"{folder}/none"))
    assert [code for code, _, _ in said] == [0, 0, 0, 0, 2]
    for _, out, err in said:
        assert not set(out + err) & set("\x1b\x07\u202e")
    assert "⟨U+001B⟩[31m" in said[0][1]
    assert r"\<b\>" in said[3][1]


def test_the_page_on_running_names_every_verb():
    page = (Path(__file__).parent.parent / "book" / "how_to_run.md").read_text(encoding="utf-8")
    groups = [("", cli.app), *((f"{each.name} ", each.typer_instance) for each in cli.app.registered_groups)]
    verbs = [
        f"bashkir {group}{command.name or command.callback.__name__.replace('_', '-')}"
        for group, typed in groups
        for command in typed.registered_commands
        if not command.hidden
    ]
    assert "bashkir language pairs" in verbs
    assert [verb for verb in verbs if f"| `{verb}` |" not in page] == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example(verb):
    shown = CliRunner().invoke(cli.app, [verb, "--help"])
    assert shown.exit_code == 0
    assert f"Example: bashkir {verb}" in " ".join(shown.output.split())


@pytest.mark.parametrize("verb", ["kit", "read"])
def test_verbs_of_rating_have_an_example(verb):
    shown = CliRunner().invoke(cli.app, ["rating", verb, "--help"])
    assert f"Example: bashkir rating {verb}" in " ".join(shown.output.split())


def test_help_lists_all_verbs():
    shown = CliRunner().invoke(cli.app, ["--help"]).output
    assert all(verb in shown for verb in VERBS)


def test_a_plan_names_every_cell_and_what_it_needs(bashkir):
    code, out, _ = bashkir("plan", "-p", "paper", "--gpu-memory", "24")
    assert code == 0
    rows = [line.split() for line in out.splitlines()[2:-1]]
    # as they came, in 4 bits where QLoRA is, and trained
    assert len(rows) == 7 + 4 + 3 * 3 + 4 * 4
    assert "*" not in out  # all of them name the revision that they mean
    peaks = {(row[0], row[1]): float(row[8]) for row in rows}
    assert peaks["mistral-7b", "qlora_r8"] < 24
    code, one, _ = bashkir("plan", "-p", "paper", "--gpu-memory", "24", "--model", "goldfish-full")
    assert "goldfish-full* (off) zero_shot" in one
    assert "\n* without a revision in the profile: " in one
    assert "1 of 1 cells fit" in one


def test_an_interruption_is_said(bashkir, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_prepare", interrupted)
    code, _, err = bashkir("corpus")
    assert code == 130
    assert err.splitlines() == ["bashkir: interrupted; ask again to go on from the last checkpoint"]


def test_a_usage_error_is_not_taken_for_an_interruption(bashkir):
    code, _, err = bashkir("train")
    assert code == 2
    assert "--method" in err
    assert "interrupted" not in err


def test_an_error_with_line_ends_is_still_one_line(monkeypatch, capsys):
    def fails():
        raise BashkirError("first\nsecond")

    monkeypatch.setattr(cli, "app", fails)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "bashkir: error: first second\n"


def test_the_installed_command_works_from_any_folder(tmp_path):
    command = Path(sys.executable).parent / "bashkir"
    environment = os.environ | {"BASHKIR_HOME": str(tmp_path)}
    done = subprocess.run([command, "runs"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_plan_leaves_standard_error_empty(tmp_path):
    """No library complains there of what nothing here needs, so that an error stays one line."""
    command = [Path(sys.executable).parent / "bashkir", "plan", "--profile", "smoke"]
    environment = os.environ | {"BASHKIR_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "tiny-llama" in done.stdout


def test_other_warnings_of_bitsandbytes_are_not_held_back(caplog):
    logger = logging.getLogger("bitsandbytes.backends.cpu.ops")
    logger.warning("Failed to load CPU gemm_4bit_forward from kernels-community: %s", "none")
    logger.warning("something else: %s", "a reason")
    assert [line.getMessage() for line in caplog.records] == ["something else: a reason"]


def test_a_run_is_exported_once_and_what_cannot_be_is_one_line(bashkir, tmp_path):
    mine, out = profile(tmp_path), tmp_path / "out"
    run = bashkir("train", "-p", mine, "-m", "lora")[1].split(":")[0]
    code, printed, _ = bashkir("export", run, str(out), "--merged")
    assert code == 0
    assert f"model of {run} in {out}: " in printed
    assert "bits per byte with the adapter on its base" in printed
    assert {"model.safetensors", "tokenizer.json", "README.md", "config.json"} <= {path.name for path in out.iterdir()}
    for arguments, reason in (
        ((run, str(out)), "exists"),
        (("nothing", str(tmp_path / "new")), "no run 'nothing'"),
        ((run, "/proc/x/y"), "cannot write the export y"),
        ((run, "x" * 300), "cannot write the export xxx"),
    ):
        code, _, complaint = bashkir("export", *arguments)
        assert code == 2
        assert reason in complaint
        assert len(complaint.strip().splitlines()) == 1
    shutil.rmtree(tmp_path / "home" / "corpora")
    code, _, complaint = bashkir("export", run, str(tmp_path / "new"))
    assert code == 2
    assert "prepare it with `bashkir corpus`" in complaint
    assert not (tmp_path / "new").exists()
