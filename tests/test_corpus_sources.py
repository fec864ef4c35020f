import functools
import http.server
import json
import threading
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from bashkir_utils.corpus import sources
from bashkir_utils.corpus.sources import GITHUB_VARIABLE, open_source, source_fingerprint
from bashkir_utils.exceptions import CorpusError, DownloadError
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


def test_a_zip_is_read_in_place(tmp_path, workspace):
    path = zipped(tmp_path / "c.zip")
    assert read(CorpusSpec(source=str(path)), workspace) == [
        ("3.txt", "public_domain", "Өсөнсө текст"),
        ("1-a.txt", "texts-gazit", "Беренсе текст"),
        ("2-b.txt.txt", "texts-gazit", "Икенсе текст"),
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["c.zip"]


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/etc/out.txt", "..\\out.txt", "C:/out.txt"])
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


def test_a_zip_bomb_is_read_no_further_than_a_document_may_be_long(tmp_path, workspace):
    path = zipped(tmp_path / "c.zip", {"t/bomb.txt": "а" * 5_000_000})
    spec = CorpusSpec(source=str(path), max_characters=1000)
    (document,) = open_source(spec, workspace).documents()
    assert len(document.data) <= 4 * 1000 + 4


def test_folder_txt_jsonl_and_parquet(tmp_path, workspace):
    folder = tmp_path / "folder"
    (folder / "part").mkdir(parents=True)
    (folder / "part" / "a.txt").write_text("бер", encoding="utf-8")
    (folder / "b.txt").write_text("ике", encoding="utf-8")
    (folder / "c.csv").write_text("no")
    assert read(CorpusSpec(source=str(folder)), workspace) == [("b.txt", "folder", "ике"), ("a.txt", "part", "бер")]
    (tmp_path / "t.txt").write_bytes("бер\nбер\r\n\r\nике\n \nөс\n".encode())
    assert [text for *_, text in read(CorpusSpec(source=str(tmp_path / "t.txt")), workspace)] == [
        "бер\nбер",
        "ике",
        "өс\n",
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
        ("a.parquet", b"PAR1 no", "not a readable parquet file"),
        ("a.docx", b"x", "unknown kind; use a zip, parquet, jsonl or txt"),
    ],
)
def test_damaged_files_are_named(name, content, message, tmp_path, workspace):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        read(CorpusSpec(source=str(tmp_path / name)), workspace)


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

    def do_GET(self):
        self.asked.append((self.path, self.headers.get("Range")))
        data = (Path(self.directory) / "archive.zip").read_bytes()
        begin = int(self.headers["Range"].split("=")[1].rstrip("-")) if self.headers.get("Range") else 0
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
    Server.asked, Server.break_once = [], []
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


def test_the_embedded_source_is_deterministic(workspace):
    spec = CorpusSpec(embedded_documents=20)
    assert read(spec, workspace) == read(spec, workspace)
    assert sources.open_source(spec, workspace).label == "generated text (embedded)"
