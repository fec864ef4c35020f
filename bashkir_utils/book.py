"""From notebooks to pages: papermill runs what changed, Jupyter Book sets the pages with warnings as errors."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import nbformat
import papermill
import yaml
from filelock import FileLock
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from PIL import Image

from . import corpus as corpora
from . import provenance
from .exceptions import BookError
from .markup import CSV_TYPE, escape_markdown
from .pages import embed_html
from .plots.figure_data import INTERACTIVE_TYPE, PICTURE_TYPE
from .study import Study, load_study
from .workspace import (
    BOOK_VARIABLE,
    ENVIRONMENT_VARIABLE,
    Workspace,
    atomic_directory,
    disk_errors,
    fingerprint,
    read_json,
    sha256_file,
    write_json,
    write_text,
)

HIDDEN = "remove-cell"
"""The tag that keeps a cell, with its output, off the page."""
PARAMETER_TAGS = frozenset({"parameters", "injected-parameters"})
PACKAGE = Path(__file__).resolve().parent
EXTENSIONS = (PACKAGE / "accessibility.py", *sorted((PACKAGE / "pages").glob("*.*")))
"""The parts of this package that Sphinx sets the pages with."""
LAUNCH = MappingProxyType(
    {
        "colab_url": "https://colab.research.google.com",
        "binderhub_url": "https://mybinder.org",
        "notebook_interface": "jupyterlab",
    }
)
REPOSITORY_BUTTONS = MappingProxyType({"use_repository_button": True, "use_issues_button": True})
FIGURE_CAPTION = "**Figure "
REMOTE_SCHEMES = ("hub:", "github:")


@dataclass(frozen=True)
class Edition:
    """One profile and corpus, and the folders that its pages are made in and from."""

    profile: str
    corpus: str
    """Source that replaces the profile's own; empty keeps it."""
    study: Study
    project: Path
    """The checkout: ``_config.yml``, ``_toc.yml``, ``book/`` and ``notebooks/``."""
    workspace: Workspace

    @property
    def folder(self) -> Path:
        """Everything that is made for this profile."""
        return self.workspace.build / Path(self.profile).stem

    @property
    def executed(self) -> Path:
        """Executed copies of the notebooks; also the folder that they run in."""
        return self.folder / "notebooks"

    @property
    def failed(self) -> Path:
        """Partly executed copies of notebooks that failed."""
        return self.folder / "failed"

    @property
    def source(self) -> Path:
        """What Jupyter Book is given."""
        return self.folder / "source"

    @property
    def index(self) -> Path:
        """The page to open."""
        return self.folder / "_build" / "html" / "index.html"

    @property
    def parameters(self) -> dict[str, str]:
        """What every notebook is told."""
        return {"PROFILE": self.profile, "CORPUS": self.corpus}


@dataclass(frozen=True)
class Executed:
    """A notebook that has run."""

    name: str
    path: Path
    seconds: float
    """Wall time of the run, also where an earlier one was reused."""
    date: str
    commit: str | None
    """Of the checkout when it ran; None outside one."""
    reused: bool


def open_edition(
    profile: str, corpus: str | None = None, workspace: Workspace | None = None, project: Path | None = None
) -> Edition:
    """Settle what is built, and where.

    Raises:
        ProfileError: the profile is unknown or malformed.
        BookError: ``project`` (by default the checkout, else the current folder) holds no ``_toc.yml``.
    """
    root = project_folder(project)
    profile, corpus = _absolute_profile(profile), absolute_corpus(corpus or "")
    study = load_study(profile, corpus=corpus or None)
    return Edition(profile, corpus, study, root, workspace or Workspace.find())


def project_folder(project: Path | None = None) -> Path:
    """The folder of a book's source: ``project``, by default the checkout, else the current folder.

    Raises:
        BookError: it holds no ``_toc.yml``.
    """
    root = (project or _checkout()).resolve()
    if not (root / "_toc.yml").is_file():
        raise BookError(f"{root}: no _toc.yml there; run this in the book's checkout")
    return root


def build(
    profile: str, corpus: str | None = None, workspace: Workspace | None = None, *, project: Path | None = None
) -> Path:
    """Run every notebook that changed, set the pages, and give the path of the first one.

    Raises:
        BashkirError: of its kind, for a bad profile or corpus.
        BookError: a notebook failed, or the pages gave a warning.
    """
    edition = open_edition(profile, corpus, workspace, project)
    with disk_errors("the book", BookError), _alone(edition):
        executed = _execute_all(edition)
        assemble(edition, executed)
        return render(edition)


def _execute_all(edition: Edition) -> list[Executed]:
    shared = shared_inputs(edition)
    return [execute(edition, notebook, shared) for notebook in notebooks(edition.project)]


@contextmanager
def _alone(edition: Edition) -> Iterator[None]:
    """Let a second build of the same profile wait for the first."""
    edition.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(edition.folder / ".lock"):
        yield


def _checkout() -> Path:
    beside_package = Path(__file__).resolve().parent.parent
    return beside_package if (beside_package / "_toc.yml").is_file() else Path.cwd()


def _absolute_profile(profile: str) -> str:
    """Notebooks run in another folder, so a path must not depend on this one."""
    return str(Path(profile).resolve()) if profile.endswith((".yaml", ".yml")) else profile


def absolute_corpus(corpus: str) -> str:
    """A source of text that does not depend on the current folder."""
    if not corpus or corpus == "embedded" or corpus.startswith(REMOTE_SCHEMES):
        return corpus
    return str(Path(corpus).expanduser().resolve())


# --- table of contents -------------------------------------------------------------------------------------------


def contents(project: Path) -> list[Path]:
    """Files of the table of contents in reading order.

    Raises:
        BookError: ``_toc.yml`` names a file that is not there.
    """
    toc = yaml.safe_load((project / "_toc.yml").read_text(encoding="utf-8"))
    return [_existing(project, name) for name in _names(toc)]


def notebooks(project: Path) -> list[Path]:
    """The notebooks of the table of contents in reading order."""
    return [path for path in contents(project) if path.suffix == ".ipynb"]


def _names(entry: Any) -> Iterator[str]:
    if isinstance(entry, list):
        for item in entry:
            yield from _names(item)
    elif isinstance(entry, dict):
        yield from (entry[key] for key in ("root", "file") if key in entry)
        for key in ("parts", "chapters", "sections"):
            yield from _names(entry.get(key, []))


def _existing(project: Path, name: str) -> Path:
    for suffix in (".ipynb", ".md"):
        if (path := project / f"{name}{suffix}").is_file():
            return path
    raise BookError(f"_toc.yml names {name}, but there is no {name}.ipynb and no {name}.md")


# --- execution ---------------------------------------------------------------------------------------------------


def shared_inputs(edition: Edition) -> dict[str, str]:
    """Hashes of all that every notebook's result depends on, besides the notebook itself."""
    prompts = edition.study.generation.prompts_file
    return {
        "parameters": fingerprint([edition.parameters, edition.study.model_dump(mode="json")]),
        "package": _hash_files(Path(__file__).resolve().parent, {".py", ".yaml"}),
        "corpus": corpora.source_fingerprint(edition.study.corpus, edition.workspace),
        "constraints": _hash_file(edition.project / "constraints.txt"),
        "prompts": "" if prompts is None else _hash_file(Path(prompts)),
        "recorded": _hash_files(edition.project / "book" / "recorded", {".json", ".parquet"}),
    }


def execute(edition: Edition, notebook: Path, shared: dict[str, str]) -> Executed:
    """Run one notebook, or take the copy that the same inputs gave before; say which.

    Raises:
        BookError: a cell failed; the message names notebook, cell (counted from 1, every kind of cell) and error.
    """
    inputs = {**shared, "notebook": sha256_file(notebook)}
    final = edition.executed / notebook.name
    if (known := _known(final, inputs)) is not None:
        print(f"{notebook.stem}: reused (ran {known.seconds:.1f} s on {known.date})", flush=True)
        return known
    print(f"{notebook.stem}: running", flush=True)
    begun = time.monotonic()
    _publish(_run(edition, notebook), final)
    seconds, date, commit = round(time.monotonic() - begun, 2), provenance.now(), provenance.commit(edition.project)
    about = {"seconds": seconds, "date": date, "commit": commit}
    write_json(_sidecar(final), {"inputs": inputs, "executed": sha256_file(final), **about})
    print(f"{notebook.stem}: {seconds:.1f} s", flush=True)
    return Executed(notebook.stem, final, seconds, date, commit, reused=False)


def _sidecar(executed: Path) -> Path:
    return executed.with_suffix(".json")


def _known(executed: Path, inputs: dict[str, str]) -> Executed | None:
    if not (executed.is_file() and _sidecar(executed).is_file()):
        return None
    record = read_json(_sidecar(executed))
    if record["inputs"] != inputs or record["executed"] != sha256_file(executed):
        return None
    return Executed(executed.stem, executed, record["seconds"], record["date"], record["commit"], reused=True)


def _run(edition: Edition, notebook: Path) -> Path:
    """Run into the folder of failures; what ends well is moved out of it."""
    edition.failed.mkdir(parents=True, exist_ok=True)
    edition.executed.mkdir(parents=True, exist_ok=True)
    partial = edition.failed / notebook.name
    try:
        papermill.execute_notebook(
            notebook,
            partial,
            parameters=edition.parameters,
            cwd=edition.executed,
            progress_bar={"desc": notebook.stem, "leave": False, "disable": None},
            kernel_name="python3",
            kernel_manager_class=_kernel_manager(edition),
            stderr_file=sys.stderr,
        )
    except PapermillExecutionError as error:
        cell = f"cell {_cell_number(partial, error.cell_index)}"
        reason = _one_line(f"{error.ename}: {error.evalue}")
        raise BookError(f"notebook {notebook.stem}, {cell}: {reason}; see {partial}") from error
    except (DeadKernelError, CellTimeoutError) as error:
        raise BookError(f"notebook {notebook.stem}: {_one_line(str(error))}; is there enough memory?") from error
    return partial


def _kernel_manager(edition: Edition) -> type[AsyncKernelManager]:
    """Start kernels with this interpreter, whatever kernel the user has registered under the same name."""
    environment = {
        ENVIRONMENT_VARIABLE: str(edition.workspace.root),
        BOOK_VARIABLE: str(edition.project),
        "IPYTHONDIR": str(edition.folder / "ipython"),
    }
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--log-level=CRITICAL"]
    spec = KernelSpec(argv=argv, env=environment, display_name="Python 3", language="python")
    return type("ProjectKernelManager", (AsyncKernelManager,), {"kernel_spec": property(lambda _: spec)})


def _cell_number(partial: Path, index: int) -> int:
    """Number of a cell in the author's notebook: papermill's own cells are not counted."""
    cells = [cell for cell in nbformat.read(partial, as_version=4).cells if not _papermill_error(cell)]
    return sum("injected-parameters" not in _tags(cell) for cell in cells[: index + 1])


def _papermill_error(cell: Any) -> bool:
    return "papermill-error-cell-tag" in _tags(cell)


def _tags(cell: Any) -> list[str]:
    return list(cell.metadata.get("tags", []))


def _publish(partial: Path, final: Path) -> None:
    """Hide the parameters, drop paths, times and widgets of the run, and put the copy in its place."""
    notebook = nbformat.read(partial, as_version=4)
    for key in ("papermill", "widgets"):
        notebook.metadata.pop(key, None)
    for cell in notebook.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if PARAMETER_TAGS & set(_tags(cell)):
            cell.metadata["tags"] = [*_tags(cell), HIDDEN]
    write_text(final, nbformat.writes(notebook))
    partial.unlink()


# --- pages -------------------------------------------------------------------------------------------------------


def assemble(edition: Edition, executed: list[Executed]) -> None:
    """Put executed notebooks, prose, settings and the status page together as the source of a Jupyter Book."""
    shutil.rmtree(edition.source, ignore_errors=True)
    with atomic_directory(edition.source) as folder:
        write_text(folder / "_config.yml", settings(edition.project))
        shutil.copyfile(edition.project / "_toc.yml", folder / "_toc.yml")
        _copy_pages_beside(edition, folder)
        shutil.copytree(edition.project / "book", folder / "book", ignore=shutil.ignore_patterns("recorded", ".*"))
        about = _run_with(edition)
        for each in executed:
            target = folder / "notebooks" / each.path.name
            target.parent.mkdir(exist_ok=True)
            notebook = _with_downloads(nbformat.read(each.path, as_version=4), target)
            write_text(target, nbformat.writes(_introduced(notebook, each, about)))
        _write_times(folder / contents(edition.project)[0].relative_to(edition.project), executed)
        write_text(folder / "book" / "status.md", status_page(edition, executed))


def _copy_pages_beside(edition: Edition, folder: Path) -> None:
    """Copy pages that must stand beside the table of contents, as Sphinx wants it of the index."""
    for path in contents(edition.project):
        if path.suffix == ".md" and path.parent == edition.project:
            shutil.copyfile(path, folder / path.name)


def _run_with(edition: Edition) -> str:
    """Markdown: what every notebook of an edition is run with."""
    study = edition.study
    text = corpora.prepare(study.corpus, edition.workspace)
    weights = dict.fromkeys(model.label or model.name for model in study.enabled_models)
    parts = {
        "profile": escape_markdown(study.name),
        "text": f"{text.markdown_label}, fingerprint {escape_markdown(text.fingerprint)}",
        "weights": escape_markdown("; ".join(weights)),
    }
    return " · ".join(f"**{name}:** {value}" for name, value in parts.items())


def _introduced(notebook: nbformat.NotebookNode, each: Executed, about: str) -> nbformat.NotebookNode:
    """A notebook with a line under its first cell that says what it was run with, when and for how long."""
    commit = escape_markdown(each.commit or "not in a checkout")
    made = f"**commit:** {commit} · **ran:** {each.date[:10]}, {_shown_time(each.seconds)}"
    line = f"```{{div}} run-with\n**This page was run with** {about} · {made}\n```"
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(line, id="run-with"))
    return notebook


def _write_times(page: Path, executed: list[Executed]) -> None:
    """Put each chapter's time where the first page asks for it by ``<!-- time of NAME -->``."""
    times = {each.name: _shown_time(each.seconds) for each in executed}
    text = page.read_text(encoding="utf-8")
    write_text(page, re.sub(r"<!-- time of (\w+) -->", lambda place: times.get(place[1], ""), text))


def _shown_time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _with_downloads(notebook: nbformat.NotebookNode, target: Path) -> nbformat.NotebookNode:
    """The notebook that is to stand at ``target``, with a file and a link for the data of each output that has some."""
    cells: list[Any] = []
    links: list[str] = []
    for cell in notebook.cells:
        _add_interactive(cell)
        caption = links and cell.source.startswith(FIGURE_CAPTION)
        if caption:
            first, blank, rest = cell.source.partition("\n\n")
            cell.source = f"{first}\n{' '.join(links)}{blank}{rest}"
        elif links and not _data_of(cell):
            cells.append(_links_cell(links, len(cells)))
        links = links if _data_of(cell) and not caption else []
        links = links + [_data_file(target, table) for table in _data_of(cell)]
        cells.append(cell)
    notebook.cells = [*cells, *([_links_cell(links, len(cells))] if links else [])]
    for data in (output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])):
        # Sphinx warns of types that it does not know
        for known_here in (CSV_TYPE, INTERACTIVE_TYPE):
            data.pop(known_here, None)
        if PICTURE_TYPE in data:
            data[PICTURE_TYPE] = lighter_picture(data[PICTURE_TYPE])
    return notebook


def lighter_picture(picture: str) -> str:
    """A PNG, in base64 as a notebook holds it, in at most 256 colours where that makes it smaller."""
    content = base64.b64decode(picture)
    with Image.open(io.BytesIO(content)) as opened:
        # what is behind a figure is opaque, and the palette needs no transparency
        whole = opened.convert("RGB")
    written = io.BytesIO()
    few = whole.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(written, "PNG", optimize=True)
    smaller = min(content, written.getvalue(), key=len)
    return base64.b64encode(smaller).decode("ascii")


def _add_interactive(cell: Any) -> None:
    """Put the interactive copy of each figure of a cell after it."""
    outputs = []
    for output in cell.get("outputs", []):
        item = output.get("data", {}).get(INTERACTIVE_TYPE)
        shown = [] if item is None else [nbformat.v4.new_output("display_data", {"text/html": embed_html(item)})]
        outputs += [output, *shown]
    if outputs:
        cell.outputs = outputs


def _data_of(cell: Any) -> list[str]:
    """The tables, as CSV, behind what a cell shows."""
    if {HIDDEN, "remove-output"} & set(_tags(cell)):
        return []
    return [each["data"][CSV_TYPE] for each in cell.get("outputs", []) if CSV_TYPE in each.get("data", {})]


def _data_file(target: Path, table: str) -> str:
    """Write a table beside the notebook, under the next free name; give the Markdown of its link."""
    number = len(list(target.parent.glob(f"{target.stem}-*.csv"))) + 1
    path = target.with_name(f"{target.stem}-{number:02}.csv")
    write_text(path, table)
    return f"{{download}}`Data, {path.stem} (CSV) <{path.name}>`"


def _links_cell(links: list[str], place: int) -> Any:
    return nbformat.v4.new_markdown_cell(" ".join(links), id=f"data-{place}")


def settings(project: Path) -> str:
    """``_config.yml`` of a checkout; with launch and repository buttons once it names ``repository.url``."""
    text = (project / "_config.yml").read_text(encoding="utf-8")
    content = yaml.safe_load(text)
    if not (content.get("repository") or {}).get("url"):
        return text
    content["launch_buttons"] = {**LAUNCH, **content.get("launch_buttons", {})}
    content["html"] = {**REPOSITORY_BUTTONS, **content.get("html", {})}
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)


def status_page(edition: Edition, executed: list[Executed]) -> str:
    """Markdown: profile, corpus, commit, machine, versions, and when and for how long each notebook ran."""
    machine = provenance.machine()
    facts = {
        "profile": f"{edition.study.name}: {edition.study.description}",
        "corpus": _corpus_name(edition.study.corpus.source),
        "commit": provenance.commit(edition.project) or "not in a checkout",
        "processor": f"{machine['processor']}, {machine['cores']} cores",
        "memory": f"{machine['memory_bytes'] / 2**30:.1f} GiB",
        "accelerator": machine["accelerator"],
        "system": machine["system"],
    }
    times = [(each.name, f"{each.seconds:.1f}", each.date) for each in executed]
    total = sum(each.seconds for each in executed)
    return "\n".join(
        [
            "# Status of this build\n",
            "What these pages were made with. A notebook is run again only when something that it needs has changed.\n",
            "## Notebooks\n",
            _table(("notebook", "seconds", "ran (UTC)"), [*times, ("all", f"{total:.1f}", "")]),
            "## Profile and machine\n",
            _table(("what", "value"), list(facts.items())),
            "## Versions\n",
            _table(("package", "version"), list(provenance.versions().items())),
        ]
    )


def _corpus_name(source: str) -> str:
    """A local path says more of the machine than of the text: its last part is enough."""
    return source if source.startswith(REMOTE_SCHEMES) else Path(source).name


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines) + "\n"


def _cell(value: str) -> str:
    return re.sub(r"([|<>`$*_\[\]\\])", r"\\\1", _one_line(value))


def render(edition: Edition) -> Path:
    """Run Jupyter Book on the assembled source, unless these very pages are there; give the path of the first page.

    Raises:
        BookError: Sphinx gave a warning or an error; the message is the first of them, the rest is in the log.
    """
    stamp, state = (
        edition.folder / "pages.json",
        {"source": _hash_files(edition.source), "extensions": [_hash_file(path) for path in EXTENSIONS]},
    )
    if edition.index.is_file() and stamp.is_file() and read_json(stamp) == state:
        return edition.index
    stamp.unlink(missing_ok=True)
    # From nothing: Sphinx does not repeat the warnings of pages that it keeps, and leaves pages that are gone.
    shutil.rmtree(edition.folder / "_build", ignore_errors=True)
    done = subprocess.run(_command(edition), capture_output=True, text=True, check=False, env=_environment())
    log = edition.folder / "jupyter-book.log"
    write_text(log, done.stdout + done.stderr)
    if done.returncode != 0:
        raise BookError(f"Jupyter Book: {_first_warning(done.stderr, edition.source)}; see {log}")
    offer_notebooks(edition)
    write_json(stamp, state)
    return edition.index


def offer_notebooks(edition: Edition) -> None:
    """Let a page's download be the chapter as it is stored, which runs anywhere, and not the copy that ran here."""
    for path in notebooks(edition.project):
        target = edition.index.parent / "_sources" / path.relative_to(edition.project)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def _command(edition: Edition) -> list[str]:
    strict = ["-n", "-W", "--keep-going", "-q"]
    output = ["--path-output", str(edition.folder)]
    start = "from jupyter_book.cli.main import main; main()"
    return [sys.executable, "-c", start, "build", str(edition.source), *output, *strict]


def _environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "PYTHONWARNINGS": "ignore", "PYTHONHASHSEED": "0"}


def _first_warning(log: str, source: Path) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", log).replace(f"{source}{os.sep}", "")
    lines = [line for line in plain.splitlines() if line.strip()]
    marked = [line for line in lines if re.search(r"\b(WARNING|ERROR|CRITICAL)\b", line)]
    return _one_line((marked or lines or ["no message"])[0])


# --- small help --------------------------------------------------------------------------------------------------


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _hash_file(path: Path) -> str:
    return sha256_file(path) if path.is_file() else "absent"


def _hash_files(folder: Path, suffixes: set[str] | None = None) -> str:
    """Hash of the names and contents of a folder's files, those of hidden and cache folders left out."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in name.parts)
        if path.is_file() and not hidden and (suffixes is None or path.suffix in suffixes):
            digest.update(f"{name.as_posix()}\0{sha256_file(path)}\0".encode())
    return digest.hexdigest()
