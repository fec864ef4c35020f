"""Files that GitHub reads: valid by its schema, allowed no more than they need, calling what README.md calls."""

import re
import tomllib
from pathlib import Path

import jsonschema
import pytest
from check_jsonschema.builtin_schemas import get_builtin_schema
from packaging.specifiers import SpecifierSet
from ruamel.yaml import YAML

from bashkir_utils.book import open_edition
from bashkir_utils.workspace import Workspace

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
NEEDED = {"publish": {"pages": "write", "id-token": "write"}}
"""What a job may do beyond reading the repository."""


def load(path: Path) -> dict:
    """YAML 1.2, as GitHub reads it: PyYAML takes the key ``on`` for true."""
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def check(name: str, content: dict) -> None:
    schema = get_builtin_schema(name)
    jsonschema.validators.validator_for(schema)(schema).validate(content)


def jobs() -> dict[str, dict]:
    return {f"{path.name}: {name}": job for path in WORKFLOWS for name, job in load(path)["jobs"].items()}


def steps(job: dict, action: str) -> list[dict]:
    return [step for step in job["steps"] if step.get("uses", "").startswith(f"{action}@")]


def scripts() -> list[str]:
    return [step["run"] for job in jobs().values() for step in job["steps"] if "run" in step]


def the_book() -> dict[str, dict]:
    return load(ROOT / ".github" / "workflows" / "book.yml")["jobs"]


def test_there_is_a_workflow():
    assert WORKFLOWS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_what_github_takes(path):
    check("vendor.github-workflows", load(path))


def test_what_github_does_not_take_is_seen():
    broken = {"on": "push", "jobs": {"test": {"steps": [{"run": "make test"}]}}}
    with pytest.raises(jsonschema.ValidationError):
        check("vendor.github-workflows", broken)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read(path):
    found = load(path)
    assert found["permissions"] == {"contents": "read"}
    assert {name: job["permissions"] for name, job in found["jobs"].items() if "permissions" in job} == NEEDED
    assert "concurrency" in found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_secret_no_foreign_host_and_no_folder_of_a_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"secrets\b|github\.token|GITHUB_TOKEN|pull_request_target", text)
    assert "://" not in text
    assert not re.search(r"(?<![\w.}*])/[a-z]", text)


def test_nothing_that_a_pull_request_says_is_put_into_a_script():
    assert [script for script in scripts() if "${{" in script] == []


@pytest.mark.parametrize("job", jobs().values(), ids=jobs())
def test_a_job_ends_and_takes_known_actions_of_a_known_version(job):
    assert 0 < job["timeout-minutes"] <= 120
    for step in job["steps"]:
        assert ("run" in step) != ("uses" in step)
        assert re.fullmatch(r"actions/[\w-]+@(v\d+|[0-9a-f]{40})", step.get("uses", "actions/none@v1"))
    assert all(step["with"]["persist-credentials"] is False for step in steps(job, "actions/checkout"))


def test_python_is_the_projects():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = [step["with"] for job in jobs().values() for step in steps(job, "actions/setup-python")]
    assert len(asked) == 2
    for each in asked:
        assert f"{each['python-version']}.9" in SpecifierSet(project["project"]["requires-python"])
        assert project["tool"]["mypy"]["python_version"] == each["python-version"]
        assert each["cache"] == "pip"
        assert all((ROOT / name).is_file() for name in each["cache-dependency-path"].split())


def test_what_is_called_is_in_the_makefile_and_in_the_readme():
    makefile, readme = ((ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "README.md"))
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    called = [script.split() for script in scripts()]
    assert all(words[0] == "make" for words in called)
    named = {word for words in called for word in words[1:] if "=" not in word}
    assert {"test", "book"} <= named <= targets
    variables = {word.split("=")[0] for words in called for word in words if "=" in word}
    assert all(re.search(rf"^{name} \?=", makefile, re.MULTILINE) for name in variables)
    assert "make test" in readme
    assert "make book PROFILE=" in readme


def test_the_pages_that_are_published_are_those_that_are_built(tmp_path):
    job = the_book()["book"]
    main, other = re.search(r"'refs/heads/main' && '(\w+)' \|\| '(\w+)'", job["env"]["PROFILE"]).groups()
    assert (main, other) == ("demo", "smoke")
    (upload,) = steps(job, "actions/upload-pages-artifact")
    for profile in (main, other):
        built = open_edition(profile, workspace=Workspace(tmp_path)).index.parent.relative_to(tmp_path)
        assert upload["with"]["path"].replace("${{ env.PROFILE }}", profile) == str(built)


def test_only_main_is_published_and_only_after_the_tests():
    publish = the_book()["publish"]
    assert set(publish["needs"]) == {"test", "book"}
    assert publish["if"] == "github.ref == 'refs/heads/main' && github.event_name != 'pull_request'"
    (deploy,) = publish["steps"]
    assert publish["environment"]["url"] == f"${{{{ steps.{deploy['id']}.outputs.page_url }}}}"
    assert publish["concurrency"]["cancel-in-progress"] is False


def test_the_citation_file_is_valid_and_of_this_version():
    citation = load(ROOT / "CITATION.cff")
    check("vendor.citation-file-format", citation)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {citation['version']} — {citation['date-released']}\n" in changelog


def test_a_citation_file_without_authors_is_seen():
    broken = {key: value for key, value in load(ROOT / "CITATION.cff").items() if key != "authors"}
    with pytest.raises(jsonschema.ValidationError):
        check("vendor.citation-file-format", broken)
