"""Where things are kept on disk, and how they are written: whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .exceptions import BashkirError

ENVIRONMENT_VARIABLE = "BASHKIR_HOME"
BOOK_VARIABLE = "BASHKIR_BOOK"


@dataclass(frozen=True)
class Workspace:
    """The folder that holds what the project makes: corpora, models, runs, built pages."""

    root: Path

    @classmethod
    def find(cls) -> Workspace:
        """``$BASHKIR_HOME`` if it is set, else the checkout that holds this package, else the current folder.

        Raises:
            BashkirError: ``$BASHKIR_HOME`` is no folder and none can be made there.
        """
        named = os.environ.get(ENVIRONMENT_VARIABLE)
        if named:
            return cls(_home(named))
        checkout = Path(__file__).resolve().parent.parent
        return cls(checkout if (checkout / "pyproject.toml").is_file() else Path.cwd())

    @property
    def corpora(self) -> Path:
        """Prepared corpora, one folder for each fingerprint."""
        return self.root / "corpora"

    @property
    def models(self) -> Path:
        """Converted weights and other downloads."""
        return self.root / "models"

    @property
    def tokenizers(self) -> Path:
        """Tokenizers trained on a corpus, one folder each."""
        return self.root / "tokenizers"

    @property
    def runs(self) -> Path:
        """The run store."""
        return self.root / "runs"

    @property
    def build(self) -> Path:
        """Executed notebooks and HTML."""
        return self.root / "_build"


def recorded_folder() -> Path:
    """Where the book in ``$BASHKIR_BOOK``, else the checkout, keeps what was recorded earlier; it need not exist.

    A book without such a folder shows what the checkout has.
    """
    if (named := os.environ.get(BOOK_VARIABLE)) and (own := Path(named) / "book" / "recorded").is_dir():
        return own.resolve()
    beside_package = Path(__file__).resolve().parent.parent / "book" / "recorded"
    return beside_package if beside_package.is_dir() else Workspace.find().root / "book" / "recorded"


def _home(named: str) -> Path:
    try:
        home = Path(named).expanduser().resolve()
        home.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise BashkirError(f"{ENVIRONMENT_VARIABLE} is {named!r}, where no folder can be made: {error}") from error
    return home


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: the same text for the same value, for hashing."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def fingerprint(value: Any, *, length: int = 16) -> str:
    """First ``length`` hexadecimal digits of the SHA-256 of ``canonical_json(value)``."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file through a temporary neighbour, so that no reader sees half of it."""
    _make_folder(path.parent)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def check_writable(path: Path) -> None:
    """Raise an OSError unless a file can be written there; what may be there already stays as it is."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    _make_folder(path.parent)
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:
        # a file system such as /proc says so where no folder can be made; elsewhere the error means a missing file
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(folder)) from error


@contextlib.contextmanager
def atomic_directory(final: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes ``final`` when the block ends well, and vanishes when it does not."""
    _make_folder(final.parent)
    temporary = Path(tempfile.mkdtemp(dir=final.parent, prefix=f".{final.name}."))
    try:
        yield temporary
        os.chmod(temporary, 0o755)
        _replace_directory(temporary, final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _replace_directory(temporary: Path, final: Path) -> None:
    """Rename onto ``final``; if another process was first, its result stands."""
    try:
        temporary.rename(final)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        shutil.rmtree(temporary)


_UNWRITABLE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EIO, errno.ENAMETOOLONG),
)


@contextlib.contextmanager
def disk_errors(what: str, error_type: type[BashkirError]) -> Iterator[None]:
    """Turn a full or unwritable disk into one line that says what was being written."""
    try:
        yield
    except OSError as error:
        if error.errno in _UNWRITABLE:
            reason = os.strerror(error.errno).lower()
            raise error_type(f"cannot write {what}: {reason}; free some space or set {ENVIRONMENT_VARIABLE}") from error
        raise
