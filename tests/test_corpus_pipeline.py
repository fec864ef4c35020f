import itertools
import random
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from bashkir_utils import corpus as corpora
from bashkir_utils.corpus import deduplicate, findings, pipeline
from bashkir_utils.corpus.pipeline import split_of
from bashkir_utils.exceptions import CorpusError
from bashkir_utils.language import generate_documents
from bashkir_utils.study import CorpusSpec
from bashkir_utils.workspace import Workspace

RUSSIAN = "Сегодня мы ходили в лес за ягодами и вернулись домой только поздно вечером, уставшие и довольные. " * 4
TATAR = "Без бүген урманга җиләк җыярга бардык, кич белән генә өйгә кайттык, бик арыдык. " * 5


def write(folder: Path, texts: dict[str, str | bytes]) -> Path:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.fixture
def dirty(tmp_path):
    documents = [document.text for document in generate_documents(30, seed=3)]
    extra = {
        "a/copy.txt": documents[0],
        "a/spaced.txt": documents[1].replace(" ", "  "),
        "a/near.txt": documents[2] + " Тағы.",
        "b/look.txt": documents[3].replace("а", "a", 3) + " Үҙгә.",
        "b/short.txt": "Ҡыҫҡа.",
        "b/empty.txt": "",
        "b/russian.txt": RUSSIAN,
        "b/tatar.txt": TATAR,
        "b/long.txt": "Беҙ барабыҙ. " * 60_000,
        "b/bytes.txt": b"\xff\xfe\xf0" * 300,
        "b/stray.txt": (documents[4] + " Тағы бер һөйләм.").encode() + b"\xff",
    }
    files = {f"a/{i}.txt": text for i, text in enumerate(documents)} | extra
    return write(tmp_path / "dirty", files), files


def test_every_step_is_counted(dirty, workspace):
    folder, files = dirty
    corpus = corpora.prepare(CorpusSpec(source=str(folder), max_undecodable_share=0.02), workspace)
    funnel = corpus.funnel().set_index("step")
    assert funnel.loc["read", "documents"] == len(files)
    assert funnel.loc["length", "dropped_documents"] == 4
    assert funnel.loc["language", "dropped_documents"] == 2
    assert funnel.loc["exact duplicates", "dropped_documents"] == 2
    assert funnel.loc["near duplicates", "dropped_documents"] == 3
    assert (funnel["documents"].diff().fillna(0) == -funnel["dropped_documents"]).all()
    documents = corpus.documents()
    assert len(documents) == funnel["documents"].iloc[-1] == 30
    assert documents["words"].sum() == funnel["words"].iloc[-1]
    reasons = set(corpus.dropped()["reason"])
    assert {"too short", "empty", "too long", "not UTF-8", "ru", "tt", "copy", "near copy"} <= reasons
    confusion = corpus.confusion().set_index("language")
    assert confusion.loc["ru", ["documents", "kept"]].tolist() == [1, 0]
    assert corpus.manifest.mended_documents == 1
    assert corpus.manifest.replaced_characters >= 1
    assert sum(size["documents"] for size in corpus.manifest.counts.values()) == 30


def test_order_of_files_changes_nothing(dirty, tmp_path):
    _, files = dirty
    renamed = list(files.items())
    random.Random(1).shuffle(renamed)
    other = write(tmp_path / "other", {f"z/{i:03d}.txt": text for i, (_, text) in enumerate(renamed)})
    first = corpora.prepare(CorpusSpec(source=str(dirty[0])), Workspace(tmp_path / "1")).documents()
    second = corpora.prepare(CorpusSpec(source=str(other)), Workspace(tmp_path / "2")).documents()
    columns = ["id", "split", "text"]
    assert first[columns].equals(second[columns])


def test_more_text_moves_no_document(dirty, tmp_path):
    folder, _ = dirty
    before = corpora.prepare(CorpusSpec(source=str(folder)), Workspace(tmp_path / "1")).documents().set_index("id")
    write(folder, {f"c/{d.id}.txt": d.text for d in generate_documents(20, seed=99)})
    after = corpora.prepare(CorpusSpec(source=str(folder)), Workspace(tmp_path / "2")).documents().set_index("id")
    common = before.index.intersection(after.index)
    assert len(common) > 25
    assert (before.loc[common, "split"] == after.loc[common, "split"]).all()


def test_splits_are_80_10_10_and_apart():
    digests = [f"{random.Random(i).getrandbits(256):064x}" for i in range(4000)]
    shares = [sum(split_of(d) == name for d in digests) / 4000 for name in pipeline.SPLITS]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.02)
    assert split_of("f" * 64) == "test"


def test_the_result_is_reused_and_follows_content(dirty, workspace, monkeypatch):
    folder, _ = dirty
    spec = CorpusSpec(source=str(folder))
    first = corpora.prepare(spec, workspace)
    monkeypatch.setattr(pipeline, "_build", lambda *_: pytest.fail("prepared twice"))
    assert corpora.prepare(spec, workspace).fingerprint == first.fingerprint
    monkeypatch.undo()
    assert corpora.prepare(spec.model_copy(update={"min_characters": 300}), workspace).fingerprint != first.fingerprint
    (folder / "a" / "0.txt").write_text("Беҙ бөгөн ҡалаға барҙыҡ. " * 20, encoding="utf-8")
    assert corpora.prepare(spec, workspace).fingerprint != first.fingerprint


def test_a_damaged_manifest_says_what_to_delete(dirty, workspace):
    spec = CorpusSpec(source=str(dirty[0]))
    corpus = corpora.prepare(spec, workspace)
    manifest = corpus.folder / "manifest.json"
    for text in ("{", '{"fingerprint": "x", "of another": "version"}'):
        manifest.write_text(text)
        with pytest.raises(CorpusError, match=f"delete corpora/{corpus.fingerprint}"):
            corpora.prepare(spec, workspace)


def test_a_killed_process_is_one_line(dirty, workspace, monkeypatch):
    def killed(*_):
        raise BrokenProcessPool("a child process terminated\nabruptly")

    monkeypatch.setattr(pipeline, "CHUNK_DOCUMENTS", 10)
    monkeypatch.setattr(pipeline, "_clean_in_processes", killed)
    with pytest.raises(CorpusError, match="free some memory") as caught:
        corpora.prepare(CorpusSpec(source=str(dirty[0])), workspace)
    assert "\n" not in str(caught.value)


def test_many_processes_give_what_one_gives(dirty, tmp_path, monkeypatch):
    spec = CorpusSpec(source=str(dirty[0]))
    alone = corpora.prepare(spec, Workspace(tmp_path / "1")).documents()
    monkeypatch.setattr(pipeline, "CHUNK_DOCUMENTS", 10)
    together = corpora.prepare(spec, Workspace(tmp_path / "2")).documents()
    assert alone.equals(together)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "it holds no documents"),
        ({"a.txt": RUSSIAN}, r"none of its 1 documents is left for language 'ba'; dropped as ru \(1\)"),
        ({"a.txt": "", "b.txt": "аҡ"}, "none of its 2 documents is left"),
        ({"a.txt": b"\xff" * 999}, r"not UTF-8 \(1\); convert the text to UTF-8"),
        ({"a.txt": "Беҙ барабыҙ.\n" * 60_000}, r"too long \(1\); part documents"),
        ({"a.txt": "Беҙ барабыҙ."}, r"too short \(1\); .*lower corpus.min_characters"),
    ],
)
def test_nothing_usable_is_an_error_and_leaves_nothing(files, message, tmp_path, workspace):
    (tmp_path / "c").mkdir()
    folder = write(tmp_path / "c", files)
    with pytest.raises(CorpusError, match=message) as caught:
        corpora.prepare(CorpusSpec(source=str(folder)), workspace)
    assert "\n" not in str(caught.value)
    assert [path.name for path in workspace.corpora.iterdir() if not path.name.endswith(".lock")] == []


def test_a_language_that_the_identifier_does_not_know(tmp_path, workspace):
    folder = write(tmp_path / "c", {"a.txt": RUSSIAN, "b.txt": TATAR})
    corpus = corpora.prepare(CorpusSpec(source=str(folder), language="xx"), workspace)
    assert len(corpus.documents()) == 2
    assert not corpus.manifest.language_known
    assert "unknown to the identifier" in findings.introduce(corpus)


def test_embedded_corpus_is_labelled_as_generated(workspace):
    corpus = corpora.prepare(CorpusSpec(embedded_documents=120), workspace)
    assert "generated" in findings.introduce(corpus)
    assert set(corpus.documents()["split"]) == {"train", "validation", "test"}
    with pytest.raises(CorpusError, match="unknown split 'dev'; choose train"):
        corpus.split("dev")


def test_hostile_documents_are_shown_as_text(tmp_path, workspace):
    attack = "<script>alert(1)</script> [x](javascript:alert(1)) \x1b[31m $$x$$ "
    text = attack + "Беҙ бөгөн урманға еләк йыйырға барҙыҡ, кис менән генә ҡайттыҡ. " * 8
    folder = write(
        tmp_path / "<b>c", {f"{i}/a.txt": text + str(i) * 40 for i in range(3)} | {"r.txt": attack + RUSSIAN}
    )
    corpus = corpora.prepare(CorpusSpec(source=str(folder)), workspace)
    for page in (findings.samples_table(corpus), findings.dropped_table(corpus)):
        assert "<script" not in page
        assert "\x1b" not in page
    assert "&lt;script&gt;" in findings.dropped_table(corpus)
    assert "<b>" not in findings.introduce(corpus).replace("\\<b\\>", "")


def test_no_two_documents_that_are_left_are_alike(tmp_path, workspace):
    """Twenty laws, each printed six times with a few words changed."""
    rng = random.Random(8)
    files = {}
    for law, document in enumerate(generate_documents(20, seed=11)):
        words = (document.text * 6).split()
        for print_ in range(6):
            changed = [f"{law}{print_}" if rng.random() < 0.003 else word for word in words]
            files[f"{law}/{print_}.txt"] = " ".join(changed)
    found = corpora.prepare(CorpusSpec(source=str(write(tmp_path / "laws", files))), workspace).documents()
    sets = [deduplicate.shingles(text) for text in found["text"]]
    assert max(deduplicate.jaccard(a, b) for a, b in itertools.combinations(sets, 2)) < 0.8
    assert len(found) < 60
    assert found["split"].nunique() == 3
