"""Running notebooks, reusing what has not changed, and the pages of the whole smoke book."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import numpy as np
import pytest
import yaml
from PIL import Image
from whole_book import CHECKOUT, page_of, soup

from bashkir_utils import book
from bashkir_utils import corpus as corpora
from bashkir_utils.exceptions import BookError, ProfileError
from bashkir_utils.markup import CSV_TYPE
from bashkir_utils.plots.figure_data import INTERACTIVE_TYPE
from bashkir_utils.plots.style import new_figure
from bashkir_utils.workspace import Workspace, read_json

PARAMETERS = 'PROFILE = "demo"\nCORPUS = ""'
INPUTS = {"parameters": "p", "package": "k", "corpus": "c", "constraints": "l", "recorded": "r"}
CONFIGURATION = 'only_build_toc_files: true\nexecute:\n  execute_notebooks: "off"\n'


def write_notebook(path: Path, *code: str) -> Path:
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    parameters = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
    title = nbformat.v4.new_markdown_cell(f"# {path.stem}")
    notebook.cells = [title, parameters, *(nbformat.v4.new_code_cell(source) for source in code)]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A book of one page and one notebook."""
    root = tmp_path / "project"
    (root / "book").mkdir(parents=True)
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters:\n- file: notebooks/one\n")
    (root / "_config.yml").write_text(CONFIGURATION)
    (root / "book" / "index.md").write_text("# Front\n")
    write_notebook(root / "notebooks" / "one.ipynb", "print(PROFILE)")
    return root


@pytest.fixture
def edition(project: Path, tmp_path: Path) -> book.Edition:
    return book.open_edition("smoke", None, Workspace(tmp_path / "home"), project)


def own_cells(path: Path) -> list:
    """The cells of a source but the line on what it was run with."""
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.get("id") != "run-with"]


def outputs(path: Path) -> str:
    cells = nbformat.read(path, as_version=4).cells
    return "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))


# --- settings ----------------------------------------------------------------------------------------------------


def test_folder_without_a_table_of_contents_is_refused(tmp_path):
    with pytest.raises(BookError, match=r"no _toc\.yml"):
        book.open_edition("smoke", None, Workspace(tmp_path), tmp_path)


def test_unknown_profile_is_refused_before_anything_is_written(project, tmp_path):
    with pytest.raises(ProfileError):
        book.build("no-such", None, Workspace(tmp_path / "home"), project=project)
    assert not (tmp_path / "home").exists()


def test_local_corpus_becomes_absolute_and_a_remote_one_stays(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(tmp_path / "home")
    assert book.open_edition("smoke", "texts", workspace, project).corpus == str(tmp_path / "texts")
    assert book.open_edition("smoke", "hub:owner/name", workspace, project).corpus == "hub:owner/name"
    assert book.open_edition("smoke", "embedded", workspace, project).corpus == "embedded"


def test_contents_follow_parts_chapters_and_sections_in_order(project):
    for name in ("a", "b", "c"):
        (project / "book" / f"{name}.md").write_text("# x\n")
    (project / "_toc.yml").write_text(
        "root: book/index\nparts:\n- caption: P\n  chapters:\n  - file: book/b\n    sections:\n    - file: book/a\n"
        "- caption: Q\n  chapters:\n  - file: notebooks/one\n  - file: book/c\n"
    )
    assert [path.stem for path in book.contents(project)] == ["index", "b", "a", "one", "c"]
    assert [path.name for path in book.notebooks(project)] == ["one.ipynb"]


def test_missing_chapter_is_named(project):
    (project / "notebooks" / "one.ipynb").unlink()
    with pytest.raises(BookError, match="notebooks/one"):
        book.notebooks(project)


# --- execution ---------------------------------------------------------------------------------------------------


def test_notebook_gets_parameters_home_folder_and_this_interpreter(edition):
    lines = "import os, sys", "print(PROFILE, repr(CORPUS), os.environ['BASHKIR_HOME'], os.getcwd(), sys.executable)"
    notebook = write_notebook(edition.project / "notebooks" / "one.ipynb", "\n".join(lines))
    done = book.execute(edition, notebook, INPUTS)
    home = edition.workspace.root
    assert outputs(done.path).split() == ["smoke", "''", str(home), str(edition.executed), sys.executable]
    assert not done.reused
    assert done.seconds > 0


def test_kernel_registered_by_the_user_is_not_taken(edition, tmp_path, monkeypatch):
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    hijack = {"argv": ["/bin/false"], "display_name": "Python 3", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(hijack))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    done = book.execute(edition, edition.project / "notebooks" / "one.ipynb", INPUTS)
    assert outputs(done.path) == "smoke\n"


def test_without_a_terminal_no_bar_is_drawn(edition, capfd):
    book.execute(edition, edition.project / "notebooks" / "one.ipynb", INPUTS)
    assert "cell" not in capfd.readouterr().err


def test_stored_notebook_is_not_changed(edition):
    notebook = edition.project / "notebooks" / "one.ipynb"
    before = notebook.read_bytes()
    book.execute(edition, notebook, INPUTS)
    assert notebook.read_bytes() == before


def test_parameters_are_hidden_and_the_run_leaves_no_paths(edition):
    done = book.execute(edition, edition.project / "notebooks" / "one.ipynb", INPUTS)
    cells = nbformat.read(done.path, as_version=4).cells
    hidden = [cell.source for cell in cells if "remove-cell" in cell.metadata.get("tags", [])]
    assert len(hidden) == 2
    assert hidden[0] == PARAMETERS
    assert 'PROFILE = "smoke"' in hidden[1]
    assert str(edition.project) not in done.path.read_text()


def test_failing_cell_is_named_in_one_line_and_the_report_kept(edition):
    notebook = write_notebook(
        edition.project / "notebooks" / "one.ipynb", "x = 1", "raise ValueError('first\\nsecond')", "y = 2"
    )
    with pytest.raises(BookError) as failure:
        book.execute(edition, notebook, INPUTS)
    assert "notebook one, cell 4: ValueError: first second" in str(failure.value)
    assert "\n" not in str(failure.value)
    report = nbformat.read(edition.failed / "one.ipynb", as_version=4)
    assert "ValueError" in json.dumps(report)
    assert not (edition.executed / "one.ipynb").exists()


def test_dead_kernel_is_named(edition):
    notebook = write_notebook(edition.project / "notebooks" / "one.ipynb", "import os; os._exit(1)")
    with pytest.raises(BookError, match=r"^notebook one: .*died"):
        book.execute(edition, notebook, INPUTS)


def test_unchanged_notebook_is_reused_and_says_so(edition, capsys):
    notebook = edition.project / "notebooks" / "one.ipynb"
    first = book.execute(edition, notebook, INPUTS)
    second = book.execute(edition, notebook, dict(INPUTS))
    assert second == replace(first, reused=True)
    begun, ran, reused = capsys.readouterr().out.splitlines()
    assert begun == "one: running"
    assert re.fullmatch(r"one: \d+\.\d s", ran)
    assert reused.startswith("one: reused")


@pytest.mark.parametrize("changed", [*INPUTS, "notebook", "executed copy"])
def test_reuse_ends_when_any_input_changes(edition, changed, monkeypatch):
    notebook = edition.project / "notebooks" / "one.ipynb"
    inputs = {**INPUTS, "notebook": book.sha256_file(notebook)}
    final = edition.executed / "one.ipynb"
    final.parent.mkdir(parents=True)
    shutil.copyfile(notebook, final)
    record = {"inputs": inputs, "executed": book.sha256_file(final), "seconds": 1.0, "date": "then"}
    record |= {"commit": None}
    book.write_json(final.with_suffix(".json"), record)
    assert book.execute(edition, notebook, INPUTS).reused
    if changed == "notebook":
        write_notebook(notebook, "print('changed')")
    if changed == "executed copy":
        final.write_text("{}")
    ran = []
    monkeypatch.setattr(book, "_run", lambda _, path: ran.append(path) or write_notebook(edition.failed / path.name))
    again = book.execute(edition, notebook, {key: INPUTS[key] + "!" * (key == changed) for key in INPUTS})
    assert not again.reused
    assert ran == [notebook]


def test_shared_inputs_follow_profile_corpus_constraints_and_records(edition, tmp_path):
    before = book.shared_inputs(edition)
    (edition.project / "constraints.txt").write_text("torch==2.13.0\n")
    (edition.project / "book" / "recorded" / "x").mkdir(parents=True)
    (edition.project / "book" / "recorded" / "x" / "results.json").write_text("{}")
    corpus = edition.study.corpus.model_copy(update={"embedded_seed": 1})
    other = replace(edition, study=edition.study.model_copy(update={"corpus": corpus}))
    after = book.shared_inputs(other)
    assert {key for key in before if before[key] != after[key]} == {"parameters", "corpus", "constraints", "recorded"}


def test_shared_inputs_follow_the_prompts_of_a_profile(edition, tmp_path):
    path = tmp_path / "mine.tsv"
    path.write_text("news\tПаян\tToday\n", encoding="utf-8")
    generation = edition.study.generation.model_copy(update={"prompts_file": str(path)})
    own = replace(edition, study=edition.study.model_copy(update={"generation": generation}))
    before = book.shared_inputs(own)
    path.write_text("news\tКонча\tWhen it ended\n", encoding="utf-8")
    after = book.shared_inputs(own)
    assert {key for key in before if before[key] != after[key]} == {"prompts"}


def test_package_hash_follows_source_and_profiles_and_not_caches(tmp_path):
    (tmp_path / "a.py").write_text("x = 1")
    first = book._hash_files(tmp_path, {".py", ".yaml"})
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.py").write_text("x")
    (tmp_path / "notes.txt").write_text("x")
    assert book._hash_files(tmp_path, {".py", ".yaml"}) == first
    (tmp_path / "p.yaml").write_text("x: 1")
    second = book._hash_files(tmp_path, {".py", ".yaml"})
    (tmp_path / "p.yaml").rename(tmp_path / "q.yaml")
    third = book._hash_files(tmp_path, {".py", ".yaml"})
    (tmp_path / "a.py").write_text("x = 2")
    assert len({first, second, third, book._hash_files(tmp_path, {".py", ".yaml"})}) == 4


# --- pages -------------------------------------------------------------------------------------------------------


def test_warning_of_sphinx_fails_the_build_every_time_and_is_named(project, tmp_path):
    (project / "book" / "index.md").write_text("# Front\n\n[](nowhere)\n")
    for _ in range(2):
        with pytest.raises(BookError, match=r"book/index\.md.*nowhere") as failure:
            book.build("smoke", None, Workspace(tmp_path / "home"), project=project)
        assert "\n" not in str(failure.value)


def test_pages_are_set_again_only_when_the_source_changes(edition, monkeypatch):
    book.assemble(edition, [])
    (edition.source / "notebooks").mkdir()
    shutil.copyfile(edition.project / "notebooks" / "one.ipynb", edition.source / "notebooks" / "one.ipynb")
    index = book.render(edition)
    assert "Front" in (index.parent / "book" / "index.html").read_text()
    monkeypatch.setattr(book, "_command", lambda _: [sys.executable, "-c", "raise SystemExit('ran again')"])
    assert book.render(edition) == index
    (edition.source / "book" / "index.md").write_text("# Other\n")
    with pytest.raises(BookError, match="ran again"):
        book.render(edition)


def test_a_chapter_and_the_first_page_say_what_they_were_run_with_and_how_long(edition):
    (edition.project / "book" / "index.md").write_text("# Front\n\none: <!-- time of one -->, <!-- time of two -->\n")
    notebook = edition.project / "notebooks" / "one.ipynb"
    made = book.Executed("one", notebook, 250.0, "2026-01-02T03:04:05+00:00", "abc_123", False)
    book.assemble(edition, [made])
    assert "one: 4 min, \n" in (edition.source / "book" / "index.md").read_text()
    cells = nbformat.read(edition.source / "notebooks" / "one.ipynb", as_version=4).cells
    assert [cell.source for cell in cells[:1]] == ["# one"]
    text = corpora.prepare(edition.study.corpus, edition.workspace)
    for part in ("**profile:** smoke", text.fingerprint, r"**commit:** abc\_123", "2026-01-02, 4 min"):
        assert part in cells[1].source
    assert nbformat.read(notebook, as_version=4).cells[1].source == PARAMETERS


def test_status_page_escapes_what_it_shows_and_hides_local_folders(edition, tmp_path):
    corpus = edition.study.corpus.model_copy(update={"source": str(tmp_path / "my_<b>|texts")})
    study = edition.study.model_copy(update={"corpus": corpus, "description": "a | b"})
    page = book.status_page(replace(edition, study=study), [book.Executed("one", tmp_path, 3.25, "then", None, False)])
    assert r"| one | 3.2 | then |" in page
    assert r"my\_\<b\>\|texts" in page
    assert r"a \| b" in page
    assert str(tmp_path) not in page


def picture(pixels: np.ndarray) -> str:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode("ascii")


PIXEL = picture(np.zeros((1, 1, 3), dtype=np.uint8))


def test_a_picture_gets_lighter_and_looks_the_same():
    figure, (axes,) = new_figure()
    axes.plot([0, 1], [1, 0], label="full")
    axes.imshow(np.linspace(0, 1, 400).reshape(20, 20), extent=(0, 1, 0, 1))
    written = io.BytesIO()
    figure.savefig(written, format="png")
    before = base64.b64encode(written.getvalue()).decode("ascii")
    after = book.lighter_picture(before)
    assert len(after) < 0.5 * len(before)
    old, new = (Image.open(io.BytesIO(base64.b64decode(each))).convert("RGB") for each in (before, after))
    difference = np.abs(np.asarray(old, dtype=int) - np.asarray(new, dtype=int))
    assert difference.max() <= 24
    assert difference.mean() < 2


def test_a_picture_that_would_get_heavier_stays():
    assert book.lighter_picture(PIXEL) == PIXEL


def with_data(source: str, *tables: str, tags: tuple[str, ...] = ()) -> nbformat.NotebookNode:
    outputs = [nbformat.v4.new_output("display_data", {"image/png": PIXEL, CSV_TYPE: table}) for table in tables]
    return nbformat.v4.new_code_cell(source, outputs=outputs, metadata={"tags": list(tags)})


def test_data_of_figures_become_files_linked_under_the_caption_or_the_figure(edition, tmp_path):
    text = nbformat.v4.new_markdown_cell
    cells = [
        with_data("one", "x\n1\n"),
        with_data("two", "x\n2\n", "x\n3\n"),
        text("**Figure 1.1.** What it shows,\nin two lines.\n\nMore text."),
        with_data("three", "x\n4\n"),
        text("No caption."),
        with_data("hidden", "x\n5\n", tags=("remove-cell",)),
        with_data("last", "x\n6\n"),
    ]
    path = tmp_path / "chapter.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    book.assemble(edition, [book.Executed("chapter", path, 1.0, "today", None, reused=False)])
    folder = edition.source / "notebooks"
    cells = own_cells(folder / "chapter.ipynb")
    sources = [cell.source for cell in cells]
    assert not any(CSV_TYPE in output["data"] for cell in cells for output in cell.get("outputs", []))
    link = "{{download}}`Data, chapter-{0} (CSV) <chapter-{0}.csv>`".format
    caption = (
        "**Figure 1.1.** What it shows,\nin two lines.\n" + " ".join(map(link, ("01", "02", "03"))) + "\n\nMore text."
    )
    assert sources == ["one", "two", caption, "three", link("04"), "No caption.", "hidden", "last", link("05")]
    numbers = [path.read_text() for path in sorted(folder.glob("*.csv"))]
    assert numbers == ["x\n1\n", "x\n2\n", "x\n3\n", "x\n4\n", "x\n6\n"]


def test_an_interactive_copy_stands_after_its_figure(edition, tmp_path):
    shown = nbformat.v4.new_output("display_data", {"image/png": PIXEL, INTERACTIVE_TYPE: '{"a": "</script>"}'})
    cells = [nbformat.v4.new_code_cell("figure()", outputs=[shown])]
    path = tmp_path / "chapter.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    book.assemble(edition, [book.Executed("chapter", path, 1.0, "today", None, reused=False)])
    (cell,) = own_cells(edition.source / "notebooks" / "chapter.ipynb")
    picture, copy = cell.outputs
    assert "image/png" in picture["data"]
    assert 'class="bashkir-interactive"' in copy["data"]["text/html"]
    assert copy["data"]["text/html"].count("</script>") == 1


def with_numbers(path: Path) -> int:
    """How many figures of a notebook hand over their numbers; a drawing has none."""
    cells = nbformat.read(path, as_version=4).cells
    return sum(CSV_TYPE in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))


def test_every_figure_of_the_book_offers_its_data(built, pages):
    for chapter in built.chapters:
        page = pages[page_of(built, chapter)]
        links = page.select("a.reference.download")
        assert len(links) == with_numbers(built.edition.executed / f"{chapter.stem}.ipynb") > 0, chapter.stem
        for link in links:
            assert len((page_of(built, chapter).parent / unquote(link["href"])).read_text("utf-8").splitlines()) > 1


def test_launch_buttons_are_there_once_the_repository_is_named(project):
    shutil.copyfile(CHECKOUT / "_config.yml", project / "_config.yml")
    assert book.settings(project) == (project / "_config.yml").read_text()
    named = (project / "_config.yml").read_text().replace('url: ""', "url: https://github.com/owner/name")
    (project / "_config.yml").write_text(named)
    found, before = yaml.safe_load(book.settings(project)), yaml.safe_load(named)
    assert found["launch_buttons"] == dict(book.LAUNCH)
    assert found["html"] == before["html"] | dict(book.REPOSITORY_BUTTONS)
    assert {key: found[key] for key in before if key != "html"} == {key: before[key] for key in before if key != "html"}


def test_a_page_offers_its_notebook_as_it_is_stored(built, pages):
    for chapter in built.chapters:
        links = [a["href"] for a in pages[page_of(built, chapter)].select("a[href$='.ipynb'].btn")]
        assert len(links) == 1, chapter.stem
        offered = (page_of(built, chapter).parent / links[0]).resolve()
        assert offered.read_bytes() == chapter.read_bytes()


def test_plain_jupyter_book_build_sets_a_clone_without_running_it(tmp_path):
    for name in ("_config.yml", "_toc.yml", "genindex.md"):
        shutil.copyfile(CHECKOUT / name, tmp_path / name)
    for name in ("book", "notebooks"):
        shutil.copytree(CHECKOUT / name, tmp_path / name)
    start = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    done = subprocess.run([*start, "build", ".", "-n", "-W"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    page = soup(tmp_path / "_build" / "html" / "notebooks" / "07_results.html")
    assert "Results" in page.select_one("h1").get_text()
    assert not page.select("div.cell_output")


# --- the whole book under the smoke profile ----------------------------------------------------------------------


def test_every_entry_of_the_contents_has_a_page(built):
    assert all(page_of(built, path).is_file() for path in book.contents(CHECKOUT))


def test_log_holds_no_warning(built):
    log = (built.edition.folder / "jupyter-book.log").read_text()
    assert not re.search(r"\b(WARNING|ERROR|CRITICAL)\b", log)


def test_every_code_cell_ran_without_error(built):
    for chapter in built.chapters:
        cells = nbformat.read(built.edition.executed / chapter.name, as_version=4).cells
        code = [cell for cell in cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in code if cell.source.strip())
        assert not [output for cell in code for output in cell.outputs if output.output_type == "error"]


def test_every_figure_made_is_on_its_page_and_every_numbered_figure_was_made(built, pages):
    for chapter in built.chapters:
        cells = nbformat.read(built.edition.executed / chapter.name, as_version=4).cells
        made = sum("image/png" in output.get("data", {}) for cell in cells for output in cell.get("outputs", []))
        shown = pages[page_of(built, chapter)].select("div.cell_output img")
        numbered = {match for cell in cells for match in re.findall(r"^\*\*Figure (\d+\.\d+)\.\*\*", cell.source, re.M)}
        assert made == len(shown), chapter.stem
        assert made >= len(numbered) > 0, chapter.stem


def test_figures_hold_something(built, pages):
    for path, page in pages.items():
        for image in page.select("div.cell_output img"):
            content = (path.parent / unquote(image["src"])).read_bytes()
            assert content.startswith(b"\x89PNG")
            assert len(content) > 4000


def test_no_link_anchor_image_or_script_is_broken(built, pages):
    anchors = {path: {tag["id"] for tag in page.select("[id]")} for path, page in pages.items()}
    broken = []
    for path, page in pages.items():
        for tag in page.select("a[href], img[src], script[src], link[href]"):
            target = urlsplit(tag.get("href") or tag.get("src"))
            if target.scheme or target.netloc:
                continue
            file = (path.parent / unquote(target.path)).resolve() if target.path else path
            anchored = (
                not target.fragment or file.suffix != ".html" or unquote(target.fragment) in anchors.get(file, ())
            )
            if not file.exists() or not anchored:
                broken.append(f"{path.name}: {target.geturl()}")
    assert not broken


def test_reading_a_page_asks_no_other_host(pages):
    foreign = []
    for path, page in pages.items():
        for tag in page.select("script[src], img[src], iframe[src], link[rel~=stylesheet], link[rel~=preload]"):
            target = urlsplit(tag.get("src") or tag.get("href"))
            if target.netloc:
                foreign.append(f"{path.name}: {target.geturl()}")
    assert not foreign


def test_formulas_are_set_by_files_of_the_book(built, pages):
    page = pages[page_of(built, CHECKOUT / "notebooks" / "04_lora.ipynb")]
    sources = [tag["src"] for tag in page.select("script[src]") if "mathjax" in tag["src"]]
    assert page.select(".math")
    assert sources


def test_parameters_are_not_on_the_pages(pages):
    for page in pages.values():
        shown = "\n".join(block.get_text() for block in page.select("div.highlight"))
        assert "PROFILE = " not in shown.replace("PROFILE = mine", "")


def test_every_chapter_says_what_it_was_run_with(built, pages):
    index = built.index.parent
    for notebook in book.notebooks(CHECKOUT):
        said = pages[index / "notebooks" / f"{notebook.stem}.html"].select_one(".run-with").get_text(" ", strip=True)
        assert re.search(r"profile: smoke · text: .*fingerprint [0-9a-f]{16} · weights: .* · commit: .* · ran: 2", said)
        row = pages[index / "book" / "index.html"].select_one(f'table a[href*="{notebook.stem}"]').find_parent("tr")
        assert re.fullmatch(r"\d+ (s|min)", row.select("td")[-1].get_text(strip=True))


def test_status_page_lists_every_notebook_with_its_time(built, pages):
    text = pages[built.index.parent / "book" / "status.html"].select("table")[0].get_text("|", strip=True)
    for chapter in built.chapters:
        seconds = read_json(built.edition.executed / f"{chapter.stem}.json")["seconds"]
        assert f"{chapter.stem}|{seconds:.1f}" in text


def test_pages_say_what_their_numbers_are_worth(built, pages):
    for chapter in built.chapters[3:8]:
        assert "random weights" in pages[page_of(built, chapter)].get_text(), chapter.stem
    rereading, *others = built.chapters[8:]
    assert len(others) == 3
    for chapter in others:
        assert "random weights" in pages[page_of(built, chapter)].get_text(), chapter.stem
    assert "generated by the grammar of this project" in pages[page_of(built, rereading)].get_text()


def test_second_build_reuses_every_notebook_and_page(built, capsys):
    before = built.index.stat().st_mtime_ns
    assert book.build("smoke", None, built.edition.workspace, project=CHECKOUT) == built.index
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if "reused" in line] == [path.stem for path in built.chapters]
    assert built.index.stat().st_mtime_ns == before
