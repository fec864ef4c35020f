import errno
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bashkir_utils.exceptions import BashkirError, RunError
from bashkir_utils.workspace import (
    Workspace,
    atomic_directory,
    canonical_json,
    disk_errors,
    fingerprint,
    read_json,
    sha256_file,
    write_json,
    write_text,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x), max_leaves=8
)


@given(st.dictionaries(st.text(), JSON))
def test_fingerprint_ignores_the_order_of_keys(value):
    assert fingerprint(value) == fingerprint(dict(reversed(value.items())))


def test_known_digests(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256_file(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert canonical_json({"b": 1, "a": "ә"}) == '{"a":"ә","b":1}'


def test_home_is_taken_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("BASHKIR_HOME", str(tmp_path))
    assert Workspace.find().root == tmp_path.resolve()
    monkeypatch.delenv("BASHKIR_HOME")
    assert (Workspace.find().root / "pyproject.toml").is_file()


@pytest.mark.parametrize("place", ["/dev/null/x", "/proc/nothing", "/etc/passwd", "~nosuchuser/x"])
def test_a_home_that_cannot_be_is_one_line(place, monkeypatch):
    monkeypatch.setenv("BASHKIR_HOME", place)
    with pytest.raises(BashkirError, match=r"^BASHKIR_HOME is .*, where no folder can be made"):
        Workspace.find()


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert read_json(path) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_atomic_directory_appears_whole_or_not_at_all(tmp_path):
    final = tmp_path / "deep" / "result"
    with pytest.raises(ZeroDivisionError), atomic_directory(final) as folder:
        (folder / "half").write_text("x")
        raise ZeroDivisionError
    assert list(final.parent.iterdir()) == []
    with atomic_directory(final) as folder:
        (folder / "whole").write_text("x")
        assert not final.exists()
    assert (final / "whole").read_text() == "x"


def test_the_first_of_two_writers_wins(tmp_path):
    final = tmp_path / "result"
    with atomic_directory(final) as slow:
        (slow / "who").write_text("slow")
        with atomic_directory(final) as fast:
            (fast / "who").write_text("fast")
    assert (final / "who").read_text() == "fast"
    assert [p.name for p in tmp_path.iterdir()] == ["result"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EPERM])
def test_disk_errors_become_one_line(code):
    with pytest.raises(RunError, match=r"^cannot write run x: .*BASHKIR_HOME$"), disk_errors("run x", RunError):
        raise OSError(code, "os message")


def test_other_errors_pass(tmp_path):
    with pytest.raises(FileNotFoundError), disk_errors("run x", RunError):
        Path(tmp_path / "absent").read_text()
