"""Where text comes from. Every source gives raw documents one by one, and a fingerprint of all its content."""

from __future__ import annotations

import hashlib
import json
import os
import re
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow
import pyarrow.parquet

from ..exceptions import CorpusError, DownloadError
from ..progress import Progress
from ..study import CorpusSpec
from ..workspace import Workspace, disk_errors, fingerprint, sha256_file

EMBEDDED_LABEL = "generated text (embedded)"
GITHUB_ARCHIVES = "https://codeload.github.com"
GITHUB_VARIABLE = "BASHKIR_GITHUB_ARCHIVES"
_GITHUB = re.compile(r"^(?P<owner>[\w.-]+)/(?P<name>[\w.-]+)@(?P<commit>[0-9a-fA-F]{7,40})$")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class RawDocument:
    """A document as it was found: bytes, not yet decoded."""

    name: str
    source: str
    """The part of the corpus that it belongs to, e.g. a newspaper's folder."""
    data: bytes


@dataclass(frozen=True)
class Source:
    """A readable source: what to call it, a hash of its content, and its documents."""

    label: str
    sha256: str
    documents: Callable[[], Iterator[RawDocument]]


def open_source(spec: CorpusSpec, workspace: Workspace) -> Source:
    """Find the source that ``spec`` names, fetching it if it is remote.

    Raises:
        CorpusError: it is missing, of an unknown kind, unreadable, or not the one whose sha256 is given.
        DownloadError: it is remote, not cached, and cannot be fetched.
    """
    scheme, _, rest = spec.source.partition(":")
    if spec.source == "embedded":
        return _embedded(spec)
    if scheme == "hub":
        return _hub(rest, spec, workspace)
    if scheme == "github":
        return _file(_github_archive(rest, workspace), spec)
    path = Path(spec.source).expanduser()
    if not path.exists():
        raise CorpusError(f"corpus {spec.source}: no such file or folder; give a path, hub:… or github:…, or embedded")
    return _folder(path, spec) if path.is_dir() else _file(path, spec)


def source_fingerprint(spec: CorpusSpec, workspace: Workspace) -> str:
    """Hash of the source's content and of the cleaning that is asked for; the path does not count."""
    settings = spec.model_dump(mode="json", exclude={"source", "revision", "sha256"})
    return fingerprint([open_source(spec, workspace).sha256, settings])


def _embedded(spec: CorpusSpec) -> Source:
    from ..language import generate_documents

    documents = generate_documents(spec.embedded_documents, spec.embedded_seed)
    digest = hashlib.sha256("\0".join(document.text for document in documents).encode()).hexdigest()
    return Source(
        EMBEDDED_LABEL,
        digest,
        lambda: (RawDocument(document.id, document.genre, document.text.encode()) for document in documents),
    )


def _file(path: Path, spec: CorpusSpec) -> Source:
    readers = {".zip": _read_zip, ".parquet": _read_parquet, ".jsonl": _read_jsonl, ".txt": _read_txt}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise CorpusError(f"corpus {path.name}: unknown kind; use a zip, parquet, jsonl or txt file, or a folder")
    digest = sha256_file(path)
    if spec.sha256 and spec.sha256 != digest:
        raise CorpusError(f"corpus {path.name}: sha256 is {digest}, not {spec.sha256}; fetch it again")
    return Source(f"{path.suffix[1:]} {path.name}", digest, lambda: reader(path, spec))


def _folder(path: Path, spec: CorpusSpec) -> Source:
    files = sorted(file for file in path.rglob("*.txt") if file.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path).as_posix()}\0{sha256_file(file)}\n".encode())

    def documents() -> Iterator[RawDocument]:
        for file in files:
            relative = file.relative_to(path)
            part = relative.parts[0] if len(relative.parts) > 1 else path.name
            yield RawDocument(relative.as_posix(), part, file.read_bytes())

    return Source(f"folder {path.name}", digest.hexdigest(), documents)


def _read_zip(path: Path, spec: CorpusSpec) -> Iterator[RawDocument]:
    """Text files of a zip in the layout of GitHub's archives, ``name-commit/part/…txt``, read in place."""
    try:
        with zipfile.ZipFile(path) as archive:
            for member in _text_members(archive, path.name):
                with archive.open(member) as stream:
                    # a document that unpacks to more than could ever be kept is cut here, and dropped as too long
                    data = stream.read(4 * spec.max_characters + 4)
                inside = PurePosixPath(member.filename).parts
                yield RawDocument(member.filename, inside[-2] if len(inside) > 1 else path.stem, data)
    except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError) as error:
        raise CorpusError(f"corpus {path.name}: not a whole, readable zip ({error}); fetch it again") from error


def _text_members(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    members = [member for member in archive.infolist() if not member.is_dir()]
    for member in members:
        parts = PurePosixPath(member.filename.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in parts.parts[0]:
            raise CorpusError(f"corpus {name}: the member {member.filename!r} climbs out of the archive; refused")
    return sorted((m for m in members if m.filename.lower().endswith(".txt")), key=lambda m: m.filename)


def _read_parquet(path: Path, spec: CorpusSpec) -> Iterator[RawDocument]:
    try:
        table = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise CorpusError(f"corpus {path.name}: not a readable parquet file ({_line(error)})") from error
    names = table.schema_arrow.names
    if spec.text_column not in names:
        raise CorpusError(f"corpus {path.name}: no column {spec.text_column!r}; it has {', '.join(names)}")
    parts = ["source"] if "source" in names and spec.text_column != "source" else []
    row = 0
    for batch in table.iter_batches(batch_size=1000, columns=[spec.text_column, *parts]):
        for record in batch.to_pylist():
            part = str(record.get("source") or path.stem)
            yield RawDocument(f"{path.name}:{row}", part, _as_bytes(record[spec.text_column]))
            row += 1


def _read_jsonl(path: Path, spec: CorpusSpec) -> Iterator[RawDocument]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                text = record[spec.text_column]
            except (ValueError, KeyError, TypeError) as error:
                raise CorpusError(
                    f"corpus {path.name}, line {number}: expected JSON with {spec.text_column!r} ({_line(error)})"
                ) from error
            yield RawDocument(f"{path.name}:{number}", str(record.get("source") or path.stem), _as_bytes(text))


def _read_txt(path: Path, spec: CorpusSpec) -> Iterator[RawDocument]:
    """Documents of a text file are separated by blank lines."""
    for number, block in enumerate(re.split(rb"\r?\n[ \t]*\r?\n\s*", path.read_bytes()), 1):
        if block.strip():
            yield RawDocument(f"{path.name}:{number}", path.stem, block)


def _hub(identity: str, spec: CorpusSpec, workspace: Workspace) -> Source:
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
    if not target.is_file():
        base = os.environ.get(GITHUB_VARIABLE, GITHUB_ARCHIVES)
        with disk_errors(target.name, CorpusError):
            target.parent.mkdir(parents=True, exist_ok=True)
            download(f"{base}/{owner}/{repository}/zip/{commit}", target)
    return target


def download(url: str, target: Path) -> None:
    """Fetch ``url`` into ``target`` by way of ``target.part``, going on from what a former try has left there.

    Raises:
        DownloadError: no answer, or fewer bytes than were announced; the part stays for the next try.
    """
    part = target.with_name(target.name + ".part")
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            # a server that does not know ranges sends the whole again
            mode, have = ("ab", have) if answer.status == 206 else ("wb", 0)
            announced = answer.headers.get("Content-Length")
            total = have + int(announced) if announced else None
            with part.open(mode) as stream, Progress(f"fetching {target.name}", total=total, unit="B") as progress:
                while chunk := answer.read(_CHUNK):
                    stream.write(chunk)
                    progress.advance(len(chunk))
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise DownloadError(f"cannot fetch {url} ({_line(error)}); check the network and run again") from error
    if total is not None and part.stat().st_size != total:
        raise DownloadError(f"{url}: {part.stat().st_size} of {total} bytes came; run again to go on from there")
    os.replace(part, target)


def _as_bytes(text: object) -> bytes:
    return text if isinstance(text, bytes) else str(text or "").encode("utf-8", "surrogatepass")


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
