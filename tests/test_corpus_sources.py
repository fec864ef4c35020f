import functools
import http.server
import io
import json
import struct
import threading
import zipfile
import zlib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bashkir_utils import corpus as corpora
from bashkir_utils.corpus import sources
from bashkir_utils.corpus.sources import GITHUB_VARIABLE, open_source, source_fingerprint
from bashkir_utils.exceptions import CorpusError, DownloadError
from bashkir_utils.language import generate_documents
from bashkir_utils.study import CorpusSpec
from bashkir_utils.workspace import sha256_file

FILES = {
    "corpus-1a2b3c4/texts-gazit/1-a.txt": "Беренсе текст",
    "corpus-1a2b3c4/texts-gazit/2-b.txt.txt": "Икенсе текст",
    "corpus-1a2b3c4/public_domain/3.txt": "Өсөнсө текст",
    "corpus-1a2b3c4/table.tsv": "a\tb",
}


def zipped(path: Path, files=FILES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def read(spec, workspace):
    return [(d.name.rsplit("/", 1)[-1], d.source, d.data.decode()) for d in open_source(spec, workspace).documents()]


def read_bytes(spec, workspace):
    return sum(len(document.data) for document in open_source(spec, workspace).documents())


def test_a_zip_is_read_in_place(tmp_path, workspace):
    path = zipped(tmp_path / "c.zip")
    assert read(CorpusSpec(source=str(path)), workspace) == [
        ("3.txt", "public_domain", "Өсөнсө текст"),
        ("1-a.txt", "texts-gazit", "Беренсе текст"),
        ("2-b.txt.txt", "texts-gazit", "Икенсе текст"),
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["c.zip"]


@pytest.mark.parametrize(
    "name", ["../out.txt", "a/../../out.txt", "/etc/out.txt", "..\\out.txt", "C:/out.txt", "C:out.txt"]
)
def test_a_zip_that_climbs_out_is_refused(name, tmp_path, workspace):
    path = zipped(tmp_path / "c.zip", {name: "x"})
    with pytest.raises(CorpusError, match="climbs out"):
        read(CorpusSpec(source=str(path)), workspace)


@pytest.mark.parametrize("keep", [10, 200, -30])
def test_a_zip_that_is_cut_off_is_refused(keep, tmp_path, workspace):
    path = zipped(tmp_path / "c.zip", {f"t/{i}.txt": f"текст {i} " * 50 for i in range(50)})
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CorpusError, match=r"not a whole, readable zip.*fetch it again") as caught:
        read(CorpusSpec(source=str(path)), workspace)
    assert "\n" not in str(caught.value)


def test_a_colon_or_no_name_at_all_is_no_climb(tmp_path, workspace):
    # zipfile does not write a member without a name, so its one letter is cut out of both places that hold it
    path = zipped(tmp_path / "c.zip", {"12:30.txt": "ваҡыт", "Q/": ""})
    path.write_bytes(path.read_bytes().replace(b"Q/", b"\0/"))
    assert read(CorpusSpec(source=str(path)), workspace) == [("12:30.txt", "c", "ваҡыт")]


@given(st.randoms(use_true_random=False), st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_bytes_of_a_zip_never_end_in_a_traceback(tmp_path, workspace, rng, method):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for number in range(3):
            archive.writestr(f"c-1/t/{number}-яҙма.txt", f"текст {number} " * 30)
    data = bytearray(stream.getvalue())
    for _ in range(rng.randint(1, 4)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    path = tmp_path / "damaged.zip"
    path.write_bytes(data)
    try:
        read_bytes(CorpusSpec(source=str(path)), workspace)
    except CorpusError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("kind", [zlib.error, struct.error, EOFError, NotImplementedError, OSError])
def test_whatever_unzipping_raises_is_one_line(kind, tmp_path, workspace, monkeypatch):
    def broken(*_, **__):
        raise kind("invalid\ndata")

    path = zipped(tmp_path / "c.zip")
    monkeypatch.setattr(zipfile.ZipExtFile, "read", broken)
    with pytest.raises(CorpusError, match="invalid data") as caught:
        read(CorpusSpec(source=str(path)), workspace)
    assert "\n" not in str(caught.value)


def test_a_zip_bomb_is_read_no_further_than_a_document_may_be_long(tmp_path, workspace):
    path = zipped(tmp_path / "c.zip", {"t/bomb.txt": "а" * 5_000_000})
    spec = CorpusSpec(source=str(path), max_characters=1000)
    (document,) = open_source(spec, workspace).documents()
    assert len(document.data) <= 4 * 1000 + 4
    assert document.truncated


def test_what_is_not_read_to_its_end_is_dropped_though_its_beginning_is_short(tmp_path, workspace):
    text = generate_documents(1)[0].text
    path = zipped(tmp_path / "c.zip", {"t/a.txt": text, "t/b.txt": "Башҡа " + text + " " * 50_000 + text})
    corpus = corpora.prepare(CorpusSpec(source=str(path), max_characters=10_000), workspace)
    assert corpus.documents()["text"].tolist() == [text.strip()]
    assert corpus.dropped()["reason"].tolist() == ["too long"]


def test_the_number_of_documents_is_known_where_it_can_be(tmp_path, workspace):
    pd.DataFrame({"text": ["бер", "ике"]}).to_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.jsonl").write_text('{"text": "бер"}')
    found = {"c.zip": zipped(tmp_path / "c.zip"), "t.parquet": 0, "t.jsonl": 0}
    counts = {name: open_source(CorpusSpec(source=str(tmp_path / name)), workspace).count for name in found}
    assert counts == {"c.zip": 3, "t.parquet": 2, "t.jsonl": None}
    assert open_source(CorpusSpec(embedded_documents=12), workspace).count == 12


def test_folder_txt_jsonl_and_parquet(tmp_path, workspace):
    folder = tmp_path / "folder"
    (folder / "part").mkdir(parents=True)
    (folder / "part" / "a.txt").write_text("бер", encoding="utf-8")
    (folder / "b.TXT").write_text("ике", encoding="utf-8")
    (folder / "c.csv").write_text("no")
    assert read(CorpusSpec(source=str(folder)), workspace) == [("b.TXT", "folder", "ике"), ("a.txt", "part", "бер")]
    (tmp_path / "t.txt").write_bytes("\n\nбер\nбер\r\n\r\nике\n \n\n\nөс".encode())
    assert [text for *_, text in read(CorpusSpec(source=str(tmp_path / "t.txt")), workspace)] == [
        "бер\nбер\r\n",
        "ике\n",
        "өс",
    ]
    lines = [{"content": "бер", "source": "wiki"}, {"content": "ике"}]
    (tmp_path / "j.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n", encoding="utf-8")
    spec = CorpusSpec(source=str(tmp_path / "j.jsonl"), text_column="content")
    assert [(part, text) for _, part, text in read(spec, workspace)] == [("wiki", "бер"), ("j", "ике")]
    pd.DataFrame(lines).to_parquet(tmp_path / "p.parquet")
    spec = CorpusSpec(source=str(tmp_path / "p.parquet"), text_column="content")
    assert [(part, text) for _, part, text in read(spec, workspace)] == [("wiki", "бер"), ("p", "ике")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"text": "a"}\nnot json\n', r"a.jsonl, line 2: expected JSON with 'text'"),
        ("a.jsonl", b'{"other": "a"}\n', "line 1"),
        ("a.jsonl", b"[1]\n", "line 1"),
        ("a.jsonl", b'{"text": ["a"]}\n', "text expected, not list"),
        ("a.jsonl", b"[" * 200_000, "line 1"),
        ("a.parquet", b"PAR1 no", "not a readable parquet file"),
        ("a.docx", b"x", "unknown kind; use a zip, parquet, jsonl or txt"),
    ],
)
def test_damaged_files_are_named(name, content, message, tmp_path, workspace):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        read(CorpusSpec(source=str(tmp_path / name)), workspace)


def test_numbers_are_no_text(tmp_path, workspace):
    pd.DataFrame({"text": [1, 2]}).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(CorpusError, match="text expected, not int"):
        read(CorpusSpec(source=str(tmp_path / "p.parquet")), workspace)


def test_a_parquet_file_damaged_inside_is_one_line(tmp_path, workspace):
    """The footer is whole, so the damage shows only while rows are read."""
    path = tmp_path / "p.parquet"
    pd.DataFrame({"text": [f"бер {i}" for i in range(500)]}).to_parquet(path)
    data = bytearray(path.read_bytes())
    data[4:400] = bytes(396)
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="not a readable parquet file") as caught:
        read(CorpusSpec(source=str(path)), workspace)
    assert "\n" not in str(caught.value)


def test_a_stray_byte_in_jsonl_costs_one_sign(tmp_path, workspace):
    (tmp_path / "j.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "a\xffb"}\n{"text": null}\n')
    assert [text for *_, text in read(CorpusSpec(source=str(tmp_path / "j.jsonl")), workspace)] == ["a\ufffdb", ""]


def test_a_file_that_may_not_be_read_is_named(tmp_path, workspace, monkeypatch):
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "a.txt").write_text("бер", encoding="utf-8")
    source = open_source(CorpusSpec(source=str(folder)), workspace)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(CorpusError, match=r"cannot be read to its end.*a\.txt"):
        list(source.documents())
    monkeypatch.setattr(sources, "sha256_file", refuse)
    with pytest.raises(CorpusError, match="cannot be read"):
        open_source(CorpusSpec(source=str(folder)), workspace)


@pytest.mark.parametrize("name", ["", " ", "a" * 5000])
def test_a_name_that_can_be_no_path(name, workspace):
    with pytest.raises(CorpusError, match=r"no such file|cannot be read"):
        open_source(CorpusSpec(source=name), workspace)


def test_a_checksum_holds_for_every_kind_of_source(tmp_path, workspace):
    (tmp_path / "a.txt").write_text("бер", encoding="utf-8")
    for source in ("embedded", str(tmp_path)):
        found = open_source(CorpusSpec(source=source), workspace).sha256
        assert open_source(CorpusSpec(source=source, sha256=found.upper()), workspace).sha256 == found
        with pytest.raises(CorpusError, match=r"sha256 is .*, not 000"):
            open_source(CorpusSpec(source=source, sha256="0" * 64), workspace)


def test_a_missing_column_lists_what_is_there(tmp_path, workspace):
    pd.DataFrame({"title": ["x"], "body": ["y"]}).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(CorpusError, match="no column 'text'; it has title, body"):
        read(CorpusSpec(source=str(tmp_path / "p.parquet")), workspace)


def test_a_missing_path_says_what_may_be_given(workspace):
    with pytest.raises(CorpusError, match="no such file or folder; give a path"):
        open_source(CorpusSpec(source="no/such.zip"), workspace)


def test_checksum_and_fingerprint_follow_content_not_path(tmp_path, workspace):
    first, second = zipped(tmp_path / "a.zip"), tmp_path / "b.zip"
    second.write_bytes(first.read_bytes())
    spec = CorpusSpec(source=str(first), sha256=sha256_file(first))
    assert source_fingerprint(spec, workspace) == source_fingerprint(CorpusSpec(source=str(second)), workspace)
    zipped(second, FILES | {"x/more.txt": "тағы"})
    assert source_fingerprint(spec, workspace) != source_fingerprint(CorpusSpec(source=str(second)), workspace)
    with pytest.raises(CorpusError, match="sha256 is"):
        open_source(CorpusSpec(source=str(second), sha256=sha256_file(first)), workspace)
    stricter = spec.model_copy(update={"min_characters": 5})
    assert source_fingerprint(spec, workspace) != source_fingerprint(stricter, workspace)


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves one file with ranges; breaks off once in the middle if it is told to."""

    asked: list = []  # noqa: RUF012
    break_once: list = []  # noqa: RUF012
    instead: list = []  # noqa: RUF012

    def do_GET(self):
        self.asked.append((self.path, self.headers.get("Range")))
        data = (Path(self.directory) / "archive.zip").read_bytes()
        if self.instead:
            return self.wfile.write(self.instead.pop())
        begin = int(self.headers["Range"].split("=")[1].rstrip("-")) if self.headers.get("Range") else 0
        if begin >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        body = data[begin:]
        self.wfile.write(body[: self.break_once.pop()] if self.break_once else body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    folder = tmp_path / "served"
    folder.mkdir()
    zipped(folder / "archive.zip")
    Server.asked, Server.break_once, Server.instead = [], [], []
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Server, directory=str(folder)))
    threading.Thread(target=running.serve_forever, daemon=True).start()
    monkeypatch.setenv(GITHUB_VARIABLE, f"http://127.0.0.1:{running.server_port}")
    yield Server
    running.shutdown()


def test_a_commit_is_fetched_once(server, workspace):
    spec = CorpusSpec(source="github:owner/corpus@1a2b3c4")
    assert len(read(spec, workspace)) == 3
    assert len(read(spec, workspace)) == 3
    assert server.asked == [("/owner/corpus/zip/1a2b3c4", None)]


def test_an_interrupted_download_goes_on(server, workspace):
    server.break_once.append(100)
    spec = CorpusSpec(source="github:owner/corpus@1a2b3c4")
    with pytest.raises(DownloadError, match="run again"):
        open_source(spec, workspace)
    assert not list((workspace.corpora / "downloads").glob("*.zip"))
    assert len(read(spec, workspace)) == 3
    assert server.asked[1][1] == "bytes=100-"


def part_of(workspace, data):
    part = workspace.corpora / "downloads" / "owner-corpus-1a2b3c4.zip.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(data)
    return part


@pytest.mark.parametrize("more", [b"", b"of another file"])
def test_a_part_that_is_whole_already(more, server, workspace, tmp_path):
    """The process was killed between the last byte and the renaming; a longer part is of another file."""
    part = part_of(workspace, (tmp_path / "served" / "archive.zip").read_bytes() + more)
    assert len(read(CorpusSpec(source="github:owner/corpus@1a2b3c4"), workspace)) == 3
    assert not part.exists()
    assert len(server.asked) == (2 if more else 1)


def test_a_part_of_another_file_is_noticed_and_thrown_away(server, workspace):
    part = part_of(workspace, b"x" * 100)
    spec = CorpusSpec(source="github:owner/corpus@1a2b3c4")
    with pytest.raises(DownloadError, match="what came is not a whole zip"):
        open_source(spec, workspace)
    assert not part.exists()
    assert len(read(spec, workspace)) == 3


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nonly this"
SIGN_IN = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n<html>sign in</html>"
OTHER_RANGE = b"HTTP/1.1 206 OK\r\nContent-Range: bytes 7-9/99\r\nContent-Length: 3\r\n\r\nabc"


@pytest.mark.parametrize(
    "answer",
    [CHUNKED, SIGN_IN, OTHER_RANGE, b"no http\r\n\r\n", b"", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"],
    ids=["chunks break off", "sign-in page", "another range", "no http", "nothing", "not found"],
)
def test_odd_answers_are_one_line_and_do_not_stick(answer, server, workspace):
    part_of(workspace, b"x" * 5)
    server.instead.append(answer)
    spec = CorpusSpec(source="github:owner/corpus@1a2b3c4")
    with pytest.raises(DownloadError) as caught:
        open_source(spec, workspace)
    assert "\n" not in str(caught.value)
    for part in (workspace.corpora / "downloads").glob("*.part"):
        part.unlink()
    assert len(read(spec, workspace)) == 3


def test_a_checksum_guards_the_download(server, workspace):
    spec = CorpusSpec(source="github:owner/corpus@1a2b3c4", sha256="0" * 64)
    with pytest.raises(CorpusError, match="sha256 is"):
        open_source(spec, workspace)


def test_no_network_for_github(monkeypatch, workspace):
    monkeypatch.setenv(GITHUB_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="check the network and run again"):
        open_source(CorpusSpec(source="github:owner/corpus@1a2b3c4"), workspace)
    with pytest.raises(CorpusError, match="expected github:owner/name@commit"):
        open_source(CorpusSpec(source="github:owner/corpus"), workspace)


def test_a_hub_data_set_from_the_local_cache(monkeypatch, tmp_path, workspace):
    repository = tmp_path / "datasets--someone--texts"
    snapshot = repository / "snapshots" / ("c" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("c" * 40)
    pd.DataFrame({"text": ["бер", "ике"]}).to_parquet(snapshot / "train.parquet")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path))
    spec = CorpusSpec(source="hub:someone/texts")
    assert [text for *_, text in read(spec, workspace)] == ["бер", "ике"]
    assert open_source(spec, workspace).label == "Hub someone/texts@cccccccccccc"
    with pytest.raises(DownloadError, match="not cached and not to be had") as caught:
        open_source(CorpusSpec(source="hub:someone/else"), workspace)
    assert "\n" not in str(caught.value)


def test_a_hub_data_set_without_text_files(monkeypatch, tmp_path, workspace):
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(tmp_path))
    with pytest.raises(CorpusError, match=r"it holds no \*\.parquet"):
        open_source(CorpusSpec(source="hub:someone/pictures"), workspace)


def test_the_embedded_source_is_deterministic(workspace):
    spec = CorpusSpec(embedded_documents=20)
    assert read(spec, workspace) == read(spec, workspace)
    assert sources.open_source(spec, workspace).label == "generated text (embedded)"
