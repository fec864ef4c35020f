import errno
import json
import math
import signal
import subprocess
import sys

import pytest
import torch

from bashkir_utils import failures, runs
from bashkir_utils.exceptions import DownloadError, MemoryLimitError, RunError
from bashkir_utils.failures import Reason
from bashkir_utils.study import ModelSpec, RunSpec

from conftest import METHODS


@pytest.fixture
def spec(tiny, budget, text_corpus) -> RunSpec:
    return RunSpec(model=tiny, method=METHODS["full"], seed=3, training=budget, corpus=text_corpus.fingerprint)


def failing(monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(runs, "train", fail)


def test_memory_that_is_not_there_is_told_from_other_errors(spec, text_corpus, workspace, monkeypatch):
    monkeypatch.setattr(runs, "train", lambda *_: torch.empty(1 << 50))
    with pytest.raises(MemoryLimitError, match=r"^out of memory at run tiny-llama"):
        runs.obtain(spec, text_corpus, workspace)
    found = failures.find(spec.run_id, workspace)
    assert found.reason is Reason.OUT_OF_MEMORY
    assert found.message.startswith("out of memory at run")
    assert {"processor", "cores", "memory_bytes"} <= set(found.machine)
    assert found.date.startswith("20")


def test_a_failure_goes_when_the_run_succeeds(spec, text_corpus, workspace, monkeypatch):
    with monkeypatch.context() as patch:
        failing(patch, ZeroDivisionError("one\ntwo"))
        with pytest.raises(ZeroDivisionError):
            runs.obtain(spec, text_corpus, workspace)
    (found,) = failures.list_failures(workspace)
    assert (found.reason, found.message) == (Reason.OTHER, "ZeroDivisionError: one two")
    runs.obtain(spec, text_corpus, workspace)
    assert failures.list_failures(workspace) == []


def test_a_model_that_cannot_be_fetched(spec, text_corpus, workspace, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    absent = spec.model_copy(update={"model": ModelSpec(name="absent", source="hub:nobody/nothing")})
    with pytest.raises(DownloadError):
        runs.obtain(absent, text_corpus, workspace)
    assert failures.find(absent.run_id, workspace).reason is Reason.DOWNLOAD


def test_an_interruption_is_no_failure(spec, text_corpus, workspace, monkeypatch):
    failing(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        runs.obtain(spec, text_corpus, workspace)
    assert failures.list_failures(workspace) == []


def test_an_interruption_leaves_the_failure_before(workspace):
    before = failures.record("x", workspace, Reason.DIVERGED, "not a number")
    with pytest.raises(KeyboardInterrupt), failures.recorded("x", workspace):
        assert failures.find("x", workspace).reason is Reason.KILLED
        raise KeyboardInterrupt
    assert failures.find("x", workspace) == before
    failures.record("x", workspace, Reason.KILLED, failures.KILLED)
    with pytest.raises(KeyboardInterrupt), failures.recorded("x", workspace):
        raise KeyboardInterrupt
    assert failures.list_failures(workspace) == []


def test_a_killed_process_leaves_a_failure(workspace):
    """As the kernel kills one that takes all memory; it can write nothing down itself."""
    body = (
        "import os, pathlib, signal\n"
        "from bashkir_utils import failures, workspace\n"
        f"with failures.recorded('x', workspace.Workspace(pathlib.Path({str(workspace.root)!r}))):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", body], check=False).returncode == -signal.SIGKILL
    (found,) = failures.list_failures(workspace)
    assert (found.run_id, found.reason, found.message) == ("x", Reason.KILLED, failures.KILLED)
    # the worker of a cluster that takes its place is to go on, and not to hold that it was tried
    assert not found.holds_here()


def test_a_run_under_way_has_not_failed(workspace):
    with runs.in_turn("x", workspace), failures.recorded("x", workspace):
        assert runs.is_under_way(failures.find("x", workspace), workspace)
    killed = failures.record("x", workspace, Reason.KILLED, failures.KILLED)
    assert not runs.is_under_way(killed, workspace)
    with runs.in_turn("x", workspace):
        assert not runs.is_under_way(failures.record("x", workspace, Reason.OTHER, "why"), workspace)


def test_the_first_error_is_told_where_the_disk_is_full(spec, text_corpus, workspace, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(failures, "write_json", full)
    failing(monkeypatch, RunError("what went wrong first"))
    with pytest.raises(RunError, match="what went wrong first"):
        runs.obtain(spec, text_corpus, workspace)


def test_what_cannot_be_read_is_passed_over(workspace):
    failures.record("whole", workspace, Reason.OTHER, "x")
    folder = workspace.runs / failures.FAILED
    (folder / "half.json").write_text("{")
    (folder / "odd.json").write_text(json.dumps({"run_id": "odd"}))
    assert [failure.run_id for failure in failures.list_failures(workspace)] == ["whole"]
    assert runs.list_runs(workspace) == []


@pytest.mark.parametrize(
    ("bits", "zero_shot", "reason"),
    [
        (math.nan, 8.0, failures.NOT_FINITE),
        (math.inf, None, failures.NOT_FINITE),
        (23.4, 8.06, failures.WORSE),
        (8.06, 8.06, ""),
        (23.4, None, ""),
        (23.4, math.nan, ""),
    ],
)
def test_a_run_has_diverged_if_it_is_no_number_or_worse_than_its_model_as_it_came(bits, zero_shot, reason):
    assert failures.divergence(bits, zero_shot) == reason
