import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "bashkir_utils"
ORDER = (
    "exceptions", "markup", "accessibility", "workspace", "progress", "processes", "heap", "provenance",
    "packaged", "study", "language", "corpus", "tokenization", "packing", "models", "adapt", "aligned_texts",
    "distillation", "vocabulary", "inspection", "losses", "pace", "training", "planning", "evaluation", "statistics",
    "minimal_pairs", "pairs_export", "generation", "throughput", "errors", "failures", "runs", "sweep", "export",
    "causes", "report", "recording", "comparisons", "pairs_report", "errors_report", "two_best", "errors_record",
    "rating",
    "forgetting_report", "all_results", "rereading", "block_lengths", "vocabulary_report", "writing_speed",
    "normalisations", "tokenizer_record",
    "training_report",
    "trying", "plots", "readme", "pages", "book", "new_language", "cli", "__main__",
)  # fmt: skip
"""Data walks down this list; a module imports only from those before it."""
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def place(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """First names, inside the package, of what a module imports from other parts of it."""
    depth = len(path.relative_to(PACKAGE).parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module.split(".")[0]] if node.module else [alias.name for alias in node.names]
            found |= set(names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("bashkir_utils"):
            found |= {node.module.split(".")[1]} if "." in node.module else {alias.name for alias in node.names}
    return found


def test_every_module_has_its_place():
    assert {place(path) for path in MODULES} == set(ORDER)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_comes_before_it(path):
    own = ORDER.index(place(path))
    later = {name for name in imported(path) if name in ORDER and ORDER.index(name) > own}
    assert not later, f"{place(path)} imports {later}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_public_things_are_documented(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), path
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path.name}: {node.name}"


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_path_of_one_machine_and_no_note_to_oneself():
    folders = re.compile(r"(?<![\w.<])/(?:work|farm|root)/")
    notes = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b|raise NotImpl" + r"emented")
    for path in tracked():
        if path.suffix in {".py", ".ipynb", ".md", ".yaml", ".yml", ".toml", ".txt", ".json", ""}:
            text = path.read_text(encoding="utf-8")
            assert not folders.search(text), path
            assert not notes.search(text), path


def test_no_model_code_from_outside_is_run_and_nothing_is_unpickled():
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert "trust_remote_code=True" not in text, path
        assert not re.search(r"\bimport pickle\b|\bpickle\.|torch\.load\(", text), path
        assert not re.search(r"from pickle import (?!UnpicklingError\n)", text), path


def test_help_is_quick_because_heavy_libraries_wait():
    code = "import sys, bashkir_utils.cli; print([m for m in ('torch', 'transformers', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_notebooks_import_only_public_names():
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                text = "".join(cell["source"])
                assert not re.search(r"from bashkir_utils[\w.]* import .*\b_\w+", text), notebook.name
                assert not re.search(r"\b(?:corpora|runs|report|plots|adapt|statistics|findings)\._[a-z]", text), (
                    notebook
                )
