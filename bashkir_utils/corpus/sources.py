"""Where text comes from. Every source gives raw documents one by one, and a fingerprint of all its content."""

from __future__ import annotations

import hashlib
import http.client
import json
import lzma
import os
import re
import struct
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pyarrow
import pyarrow.parquet
from filelock import FileLock

from ..exceptions import CorpusError, DownloadError
from ..progress import Progress
from ..study import CorpusSpec
from ..workspace import Workspace, disk_errors, fingerprint, sha256_file

EMBEDDED_LABEL = "generated text (embedded)"
GITHUB_ARCHIVES = "https://codeload.github.com"
GITHUB_VARIABLE = "BASHKIR_GITHUB_ARCHIVES"
_GITHUB = re.compile(r"^(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)@(?P<commit>[0-9a-fA-F]{7,40})$")
_CHUNK = 1 << 20
# all that zipfile and its decompressors were seen to raise on damaged bytes
_BROKEN_ZIP = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, ValueError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True)
class RawDocument:
    """A document as it was found: bytes, not yet decoded."""

    name: str
    source: str
    """The part of the corpus that it belongs to, e.g. a newspaper's folder."""
    data: bytes
    truncated: bool = False
    """Whether ``data`` is only the beginning, because the whole is longer than any document may be."""


@dataclass(frozen=True)
class Source:
    """A readable source: what to call it, a hash of its content, and its documents."""

    label: str
    sha256: str
    documents: Callable[[], Iterator[RawDocument]]
    count: int | None = None
    """How many documents it holds, where that is known before they are read."""


def open_source(spec: CorpusSpec, workspace: Workspace) -> Source:
    """Find the source that ``spec`` names, fetching it if it is remote.

    Raises:
        CorpusError: it is missing, of an unknown kind, unreadable, or not the one whose sha256 is given.
        DownloadError: it is remote, not cached, and cannot be fetched.
    """
    try:
        source = _find(spec, workspace)
    except OSError as error:
        raise CorpusError(f"corpus {spec.source[:80]}: cannot be read ({_line(error)[:120]})") from error
    if spec.sha256 and spec.sha256.lower() != source.sha256:
        raise CorpusError(
            f"corpus {source.label}: sha256 is {source.sha256}, not {spec.sha256}; "
            "fetch it again (downloads are kept in corpora/downloads: delete it there), or correct corpus.sha256"
        )
    return replace(source, documents=lambda: _readable(source))


def _find(spec: CorpusSpec, workspace: Workspace) -> Source:
    scheme, _, rest = spec.source.partition(":")
    if spec.source == "embedded":
        return _embedded(spec)
    if scheme == "hub":
        return _hub(rest, spec)
    if scheme == "github":
        return _file(_github_archive(rest, workspace), spec)
    path = _home(spec.source)
    if not spec.source.strip() or not path.exists():
        raise CorpusError(f"corpus {spec.source}: no such file or folder; give a path, hub:… or github:…, or embedded")
    return _folder(path) if path.is_dir() else _file(path, spec)


def _home(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise CorpusError(f"corpus {path}: there is no such user's home folder; write the path out") from error


def _readable(source: Source) -> Iterator[RawDocument]:
    """The documents of ``source``; what the system refuses to read becomes one line."""
    try:
        yield from source.documents()
    except OSError as error:
        raise CorpusError(f"corpus {source.label}: cannot be read to its end ({_line(error)[:120]})") from error


def source_fingerprint(spec: CorpusSpec, workspace: Workspace) -> str:
    """Hash of the source's content and of the cleaning that is asked for; the path does not count."""
    return fingerprint([open_source(spec, workspace).sha256, cleaning_settings(spec)])


def cleaning_settings(spec: CorpusSpec) -> dict[str, Any]:
    """All of ``spec`` but which text it is: the text's own hash says that."""
    return spec.model_dump(mode="json", exclude={"source", "revision", "sha256", "embedded_documents", "embedded_seed"})


def _embedded(spec: CorpusSpec) -> Source:
    from ..language import generate_documents

    documents = generate_documents(spec.embedded_documents, spec.embedded_seed)
    digest = hashlib.sha256("\0".join(document.text for document in documents).encode()).hexdigest()
    return Source(
        EMBEDDED_LABEL,
        digest,
        lambda: (RawDocument(document.id, document.genre, document.text.encode()) for document in documents),
        len(documents),
    )


def _file(path: Path, spec: CorpusSpec) -> Source:
    readers = {".zip": _read_zip, ".parquet": _read_parquet, ".jsonl": _read_jsonl, ".txt": _read_txt}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise CorpusError(f"corpus {path.name}: unknown kind; use a zip, parquet, jsonl or txt file, or a folder")
    return Source(f"{path.suffix[1:]} {path.name}", sha256_file(path), lambda: reader(path, spec), _count(path))


def _count(path: Path) -> int | None:
    """Documents of a zip or parquet file by its directory; None for other kinds and for damaged files."""
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                return sum(name.lower().endswith(".txt") for name in archive.namelist())
        return pyarrow.parquet.read_metadata(path).num_rows if path.suffix.lower() == ".parquet" else None
    except (*_BROKEN_ZIP, pyarrow.ArrowException, OSError):
        return None


def _folder(path: Path) -> Source:
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() == ".txt" and file.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256_file(file)}\n".encode())

    def documents() -> Iterator[RawDocument]:
        for file in files:
            relative = file.relative_to(path)
            part = relative.parts[0] if len(relative.parts) > 1 else path.name
            yield RawDocument(relative.as_posix(), part, file.read_bytes())

    return Source(f"folder {path.name}", digest.hexdigest(), documents, len(files))


def _read_zip(path: Path, spec: CorpusSpec) -> Iterator[RawDocument]:
    """Text files of a zip in the layout of GitHub's archives, ``name-commit/part/…txt``, read in place."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in _text_members(archive, path.name):
                with archive.open(member) as stream:
                    # what unpacks to more than could ever be kept is not read to its end, and dropped as too long
                    data = stream.read(4 * spec.max_characters + 4)
                    truncated = bool(stream.read(1))
                inside = PurePosixPath(member.filename).parts
                yield RawDocument(member.filename, inside[-2] if len(inside) > 1 else path.stem, data, truncated)
    except _BROKEN_ZIP as error:
        raise CorpusError(f"corpus {path.name}: not a whole, readable zip ({_line(error)}); fetch it again") from error


def _text_members(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    members = archive.infolist()
    for member in members:
        # Windows paths know both separators and drive letters
        where = PureWindowsPath(member.filename)
        if where.anchor or ".." in where.parts:
            raise CorpusError(f"corpus {name}: the member {member.filename!r} climbs out of the archive; refused")
    return sorted((m for m in members if m.filename.lower().endswith(".txt")), key=lambda m: m.filename)


def _read_parquet(path: Path, spec: CorpusSpec) -> Iterator[RawDocument]:
    try:
        table = pyarrow.parquet.ParquetFile(path)
        names = table.schema_arrow.names
        if spec.text_column not in names:
            raise CorpusError(f"corpus {path.name}: no column {spec.text_column!r}; it has {', '.join(names)}")
        columns = [spec.text_column, *({"source"} & set(names) - {spec.text_column})]
        batches = table.iter_batches(batch_size=1000, columns=columns)
        for row, record in enumerate(chain.from_iterable(batch.to_pylist() for batch in batches)):
            yield _from_record(record, f"{path.name}:{row}", path, spec)
    except (pyarrow.ArrowException, OSError, ValueError, TypeError) as error:
        raise CorpusError(f"corpus {path.name}: not a readable parquet file ({_line(error)[:120]})") from error


def _read_jsonl(path: Path, spec: CorpusSpec) -> Iterator[RawDocument]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            # a stray byte costs one sign of one document, and is counted there
            text = line.decode("utf-8-sig", "replace")
            if not text.strip():
                continue
            try:
                document = _from_record(json.loads(text), f"{path.name}:{number}", path, spec)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise CorpusError(
                    f"corpus {path.name}, line {number}: expected JSON with {spec.text_column!r} ({_line(error)[:120]})"
                ) from error
            yield document


def _from_record(record: dict[str, Any], name: str, path: Path, spec: CorpusSpec) -> RawDocument:
    data = _as_bytes(record[spec.text_column])
    part = path.stem if spec.text_column == "source" else str(record.get("source") or path.stem)
    return RawDocument(name, part, data)


def _read_txt(path: Path, spec: CorpusSpec) -> Iterator[RawDocument]:
    """Documents of a text file are separated by blank lines."""
    block: list[bytes] = []
    number = 0
    with path.open("rb") as stream:
        for line in chain(stream, [b""]):
            if line.strip():
                block.append(line)
            elif block:
                number += 1
                yield RawDocument(f"{path.name}:{number}", path.stem, b"".join(block))
                block = []


def _hub(identity: str, spec: CorpusSpec) -> Source:
    """A data set of the Hub: its parquet, jsonl, txt or zip files at one revision, from the cache if it is there."""
    from huggingface_hub import snapshot_download

    endings = ("*.parquet", "*.jsonl", "*.txt", "*.zip")
    try:
        folder = Path(
            snapshot_download(identity, repo_type="dataset", revision=spec.revision, allow_patterns=list(endings))
        )
    except Exception as error:  # the library raises many kinds, some of them from its HTTP client
        raise DownloadError(
            f"data set {identity}: not cached and not to be had from the Hub ({_line(error)[:120]})"
        ) from error
    files = sorted(file for ending in endings for file in folder.rglob(ending))
    if not files:
        raise CorpusError(f"data set {identity}: it holds no {', '.join(endings)}; convert it to one of these")
    parts = [_file(file, spec) for file in files]

    def documents() -> Iterator[RawDocument]:
        for part in parts:
            yield from part.documents()

    return Source(f"Hub {identity}@{folder.name[:12]}", fingerprint([p.sha256 for p in parts], length=64), documents)


def _github_archive(name: str, workspace: Workspace) -> Path:
    """The zip of one commit, fetched once; an interrupted download goes on where it stopped."""
    match = _GITHUB.match(name)
    if match is None:
        raise CorpusError(
            f"corpus github:{name}: expected github:owner/name@commit with a commit of 7 to 40 hex digits"
        )
    owner, repository, commit = match.group("owner", "name", "commit")
    target = workspace.corpora / "downloads" / f"{owner}-{repository}-{commit}.zip"
    base = os.environ.get(GITHUB_VARIABLE, GITHUB_ARCHIVES)
    with disk_errors(target.name, CorpusError):
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if not target.is_file():
                part = target.with_name(f"{target.name}.part")
                download(f"{base}/{owner}/{repository}/zip/{commit}", part)
                _check_zip(part)
                os.replace(part, target)
    return target


def _check_zip(part: Path) -> None:
    """Read all of a download once: a page that asks to sign in, or two halves of different files, is no zip."""
    try:
        with zipfile.ZipFile(part) as archive:
            damaged = archive.testzip()
    except (*_BROKEN_ZIP, OSError) as error:
        damaged = _line(error)
    if damaged is not None:
        part.unlink()
        raise DownloadError(f"{part.stem}: what came is not a whole zip ({damaged[:120]}); run again")


def download(url: str, part: Path) -> None:
    """Fetch ``url`` into ``part``, going on from what a former try has left there.

    Raises:
        DownloadError: no answer, or fewer bytes than were announced; the part stays for the next try.
    """
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            total = _save(answer, part, have)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise DownloadError(f"cannot fetch {url} ({_line(error)}); check name, commit and network") from error
        # the part is whole or of another file, and only the length that the server states can tell
        stated = error.headers.get("Content-Range", "").rpartition("/")[2]
        if stated != str(have):
            part.unlink()
            return download(url, part)
        total = have
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise DownloadError(f"cannot fetch {url} ({_line(error)}); check the network and run again") from error
    if total is not None and part.stat().st_size != total:
        raise DownloadError(f"{url}: {part.stat().st_size} of {total} bytes came; run again to go on from there")


def _save(answer: http.client.HTTPResponse, part: Path, have: int) -> int | None:
    """Write the answer's body behind the ``have`` bytes of ``part``, or in their place; how long it should then be."""
    # a server that does not know ranges sends the whole again
    goes_on = answer.status == http.client.PARTIAL_CONTENT and (
        answer.headers.get("Content-Range", f"bytes {have}-").startswith(f"bytes {have}-")
    )
    if answer.status == http.client.PARTIAL_CONTENT and not goes_on:
        part.unlink()
        raise http.client.HTTPException("the server sent another range than was asked for")
    mode, begin = ("ab", have) if goes_on else ("wb", 0)
    total = None if answer.length is None else begin + answer.length
    with part.open(mode) as stream, Progress(f"fetching {part.stem}", total=total, unit="B") as progress:
        while chunk := answer.read(_CHUNK):
            stream.write(chunk)
            progress.advance(len(chunk))
    return total


def _as_bytes(text: object) -> bytes:
    if isinstance(text, bytes):
        return text
    if text is not None and not isinstance(text, str):
        raise TypeError(f"text expected, not {type(text).__name__}")
    return (text or "").encode("utf-8", "surrogatepass")


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
