import subprocess

from bashkir_utils import provenance


def test_versions_names_what_is_absent():
    found = provenance.versions(("torch", "no-such-package"))
    assert found["torch"].startswith("2.13.0")
    assert found["no-such-package"] == "absent"


def test_machine_is_described():
    machine = provenance.machine()
    assert machine["cores"] >= 1
    assert machine["memory_bytes"] > 2**28
    assert machine["processor"]


def test_commit_marks_a_changed_checkout(tmp_path):
    def git(*arguments):
        subprocess.run(
            ["git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            check=True,
            capture_output=True,
        )

    assert provenance.commit(tmp_path) is None
    git("init")
    (tmp_path / "f").write_text("1")
    git("add", "f")
    git("commit", "-m", "x")
    clean = provenance.commit(tmp_path)
    assert clean is not None
    assert len(clean) == 12
    (tmp_path / "f").write_text("2")
    assert provenance.commit(tmp_path) == clean + "+"


def test_collect_is_dated():
    assert provenance.collect()["date"].endswith("+00:00")
