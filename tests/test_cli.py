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
from bashkir_utils.exceptions import BashkirError
from bashkir_utils.language import generate_documents
from bashkir_utils.report import load_recorded
from bashkir_utils.workspace import Workspace

VERBS = ("build", "run", "sweep", "train", "evaluate", "corpus", "runs", "export", "record", "reread", "causes", "plan")
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
    "pairs into a folder that is there": (lambda t: ["language", "pairs", empty(t)], "empty exists already"),
    "more pairs than there are": (
        lambda t: ["language", "pairs", str(t / "new"), "--count", "100000"],
        "different pairs; ask for fewer",
    ),
    "negative memory": (lambda t: ["plan", "--gpu-memory", "-4"], "memory must be a number above 0, not -4"),
    "memory that is no number": (lambda t: ["plan", "--memory", "nan"], "memory must be a number above 0"),
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
    assert not home.runs.exists() or not list(home.runs.glob("[!.]*"))


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
    assert "generated text (embedded)" in card
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


def test_recording_a_study(bashkir, tmp_path, monkeypatch):
    path = profile(tmp_path)
    monkeypatch.setattr("bashkir_utils.cli.recorded_folder", lambda: tmp_path / "recorded")
    bashkir("run", "-p", path)
    code, out, _ = bashkir("record", "-p", path)
    assert code == 0
    assert "3 runs recorded" in out
    assert list((tmp_path / "recorded").glob("mine-*/results.json"))


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


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example(verb):
    shown = CliRunner().invoke(cli.app, [verb, "--help"])
    assert shown.exit_code == 0
    assert f"Example: bashkir {verb}" in " ".join(shown.output.split())


def test_help_lists_all_verbs():
    shown = CliRunner().invoke(cli.app, ["--help"]).output
    assert all(verb in shown for verb in VERBS)


def test_a_plan_names_every_cell_and_what_it_needs(bashkir):
    code, out, _ = bashkir("plan", "-p", "paper", "--gpu-memory", "24")
    assert code == 0
    rows = [line.split() for line in out.splitlines()[2:-1]]
    assert len(rows) == 7 + 3 * 3 + 4 * 4
    peaks = {(row[0], row[1]): float(row[8]) for row in rows}
    assert peaks["mistral-7b", "qlora_r8"] < 24
    code, one, _ = bashkir("plan", "-p", "paper", "--gpu-memory", "24", "--model", "goldfish-full")
    assert "goldfish-full (off) zero_shot" in one
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


def test_a_run_is_exported_once_and_what_cannot_be_is_one_line(bashkir, tmp_path):
    mine, out = profile(tmp_path), tmp_path / "out"
    run = bashkir("train", "-p", mine, "-m", "lora")[1].split(":")[0]
    code, printed, _ = bashkir("export", run, str(out), "--merged")
    assert code == 0
    assert f"model of {run} in {out}: " in printed
    assert "bits per byte with the adapter on its base" in printed
    assert {"model.safetensors", "tokenizer.json", "README.md", "config.json"} <= {path.name for path in out.iterdir()}
    for arguments, reason in (((run, str(out)), "exists"), (("nothing", str(tmp_path / "new")), "no run 'nothing'")):
        code, _, complaint = bashkir("export", *arguments)
        assert code == 2
        assert reason in complaint
        assert len(complaint.strip().splitlines()) == 1
    shutil.rmtree(tmp_path / "home" / "corpora")
    code, _, complaint = bashkir("export", run, str(tmp_path / "new"))
    assert code == 2
    assert "prepare it with `bashkir corpus`" in complaint
    assert not (tmp_path / "new").exists()
