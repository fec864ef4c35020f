"""The extension of the pages, on a small book in a browser: sorting, filtering, nothing from elsewhere."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from browser import executable, watched
from bs4 import BeautifulSoup
from made_results import made_report
from made_scores import made_scores

from bashkir_utils.book import settings
from bashkir_utils.errors.coloured import difference_html, loss_html
from bashkir_utils.markup import Ordered, sortable_table
from bashkir_utils.pages import embed_html
from bashkir_utils.plots.interactive import pareto

CHECKOUT = Path(__file__).resolve().parent.parent
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
HOSTILE = "<img src=x onerror=window.hacked=1> & $x$"
TABLE = "table.bashkir-sortable"
READY = f"{TABLE}[data-ready]"
REPOSITORY = "https://github.com/owner/name"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WORDS = 'bits per byte against tokens. "<b>full</b>": from 2.93 at 0 to 1.38 at 256,000.'
CHAPTERS = ("sortable", "closer", "coloured")
LARGEST_PAGE = 3_000_000


def table() -> str:
    bits = [Ordered("2.930", 2.93), Ordered("–", None), Ordered("10.4", 10.4), Ordered("1.376", 1.376)]
    frame = pd.DataFrame({"way": ["lora r8", HOSTILE, "full", "lora r16"], "bits": bits})
    frame.index = pd.Index(["demo", "demo", "study", "study"], name="study")
    return sortable_table(frame, "Runs", choices=["study", "way"])


def notebook(*outputs: str) -> nbformat.NotebookNode:
    made = [nbformat.v4.new_output("display_data", {"text/html": each, "text/plain": "a table"}) for each in outputs]
    code = nbformat.v4.new_code_cell("made()", outputs=made, execution_count=1)
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# A page"), code], metadata=KERNEL)


def with_picture(page: nbformat.NotebookNode) -> nbformat.NotebookNode:
    shown = nbformat.v4.new_output("display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": WORDS}})
    page.cells[-1].outputs.append(shown)
    page.cells.append(nbformat.v4.new_markdown_cell(f"$$\n{' + '.join('abcdefghij' * 3)} = 0 \\tag{{1.1}}\n$$"))
    return page


def coloured_text() -> tuple[str, str]:
    """Three words by the loss of two models, and by what the first gains."""
    _, text = made_scores(["ҡала шәһәр ауыл"], [])
    first, second = np.array([5.0, 20.0, 1.0]), np.array([6.5, 9.0, 1.0])
    both = {HOSTILE: first, "lora r8": second}
    return loss_html(text, both, 0, language="ba"), difference_html(text, ("full", first), ("lora", second), 0)


def build(folder: Path) -> Path:
    command = "from jupyter_book.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "build", str(folder), "-W", "-n", "-q"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    """Pages with a sortable table, with an interactive figure, and with neither."""
    executable()
    folder = tmp_path_factory.mktemp("pages")
    named = (CHECKOUT / "_config.yml").read_text("utf-8").replace('url: ""', f"url: {REPOSITORY}")
    (folder / "_config.yml").write_text(named)
    (folder / "_config.yml").write_text(settings(folder))
    shutil.copytree(CHECKOUT / "book" / "static", folder / "book" / "static")
    for name in ("references.bib", "glossary.md"):
        shutil.copy(CHECKOUT / "book" / name, folder / "book")
    (folder / "_toc.yml").write_text(
        yaml.safe_dump({"format": "jb-book", "root": "plain", "chapters": [{"file": name} for name in CHAPTERS]})
    )
    nbformat.write(with_picture(notebook("<p>no table</p>")), folder / "plain.ipynb")
    nbformat.write(notebook(table()), folder / "sortable.ipynb")
    item = pareto(made_report(tmp_path_factory.mktemp("made")), "trainable_parameters", "trainable parameters")
    nbformat.write(notebook(embed_html(item)), folder / "closer.ipynb")
    nbformat.write(notebook(*coloured_text()), folder / "coloured.ipynb")
    return build(folder)


@pytest.fixture
def opened(pages, browser):
    with watched(browser) as found:
        found.page.goto((pages / "sortable.html").as_uri())
        found.page.wait_for_selector(READY)
        yield found


def column(found, place: int) -> list[str]:
    cells = f"{TABLE} tbody tr > :nth-child({place})"
    return found.page.eval_on_selector_all(cells, "all => all.map((cell) => cell.textContent)")


def test_a_click_sorts_by_number_with_what_is_missing_at_one_end(opened):
    header = opened.page.get_by_role("columnheader", name="bits")
    header.click()
    assert column(opened, 3) == ["–", "1.376", "2.930", "10.4"]
    assert header.get_attribute("aria-sort") == "ascending"
    header.click()
    opened.page.wait_for_selector('th[aria-sort="descending"]')
    assert column(opened, 3) == ["10.4", "2.930", "1.376", "–"]


def test_the_keyboard_sorts(opened):
    opened.page.get_by_label("Filter by words:").focus()
    for _ in range(12):
        opened.page.keyboard.press("Tab")
        if "bits" in opened.page.evaluate("document.activeElement.closest('th')?.textContent ?? ''"):
            break
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_selector('th[aria-sort="ascending"]')
    assert opened.page.get_by_role("columnheader", name="bits").get_attribute("aria-sort") == "ascending"


def test_words_and_choices_filter_together(opened):
    opened.page.get_by_label("Filter by words:").fill("lora")
    assert column(opened, 2) == ["lora r8", "lora r16"]
    opened.page.get_by_label("study", exact=True).select_option("study")
    assert column(opened, 2) == ["lora r16"]
    assert opened.page.locator(".dt-info").inner_text() == "1 rows of 4"
    opened.page.get_by_label("study", exact=True).select_option("all")
    opened.page.get_by_label("Filter by words:").fill("")
    assert len(column(opened, 2)) == 4


def test_a_hostile_name_stays_text_and_can_be_chosen(opened):
    opened.page.get_by_label("way", exact=True).select_option(HOSTILE)
    assert column(opened, 2) == [HOSTILE]
    assert opened.page.evaluate("window.hacked") is None


def test_nothing_is_asked_of_another_host_and_nothing_is_complained_of(pages, opened, browser):
    with watched(browser) as plain:
        plain.page.goto((pages / "plain.html").as_uri())
        assert (opened.foreign, opened.dialogs, opened.complaints) == ([], [], plain.complaints)


def test_without_scripts_the_table_is_read_as_it_stands(pages, browser):
    with watched(browser, java_script_enabled=False) as found:
        found.page.goto((pages / "sortable.html").as_uri())
        assert found.page.locator(f"{TABLE} tbody tr").count() == 4
        assert found.page.locator(f"{TABLE} th[scope=col]").count() == 3
        assert found.page.locator(TABLE).is_visible()


def test_only_a_page_with_such_a_table_loads_the_scripts_and_none_is_large(pages):
    sizes = {path.name: path.stat().st_size for path in (pages / "_static" / "bashkir").iterdir()}
    assert max(sizes.values()) < 1_500_000, sizes
    for name in ("datatables", "bashkir/interactive"):
        assert name not in (pages / "plain.html").read_text("utf-8")
    assert "datatables" not in (pages / "closer.html").read_text("utf-8")
    whole = (pages / "sortable.html").stat().st_size + sum(sizes.values())
    assert whole < LARGEST_PAGE


def test_a_chapter_opens_elsewhere_at_the_repository_that_is_named(pages, browser):
    with watched(browser) as found:
        found.page.goto((pages / "sortable.html").as_uri())
        links = found.page.eval_on_selector_all("a[href]", "all => all.map((each) => each.href)")
    assert "https://colab.research.google.com/github/owner/name/blob/main/sortable.ipynb" in links
    assert "https://mybinder.org/v2/gh/owner/name/main?urlpath=lab/tree/sortable.ipynb" in links
    assert REPOSITORY in links
    assert found.foreign == []


POINT = """(label) => {
  const plot = Bokeh.documents[0].roots()[0];
  const view = Bokeh.index.find_one(plot);
  const source = plot.renderers.map((each) => each.data_source).find((each) => (each.data.label ?? []).includes(label));
  const place = source.data.label.indexOf(label);
  const frame = view.frame.bbox, box = view.el.getBoundingClientRect();
  return {
    x: box.left + view.frame.x_scale.compute(source.data.trainable_parameters[place]),
    y: box.top + view.frame.y_scale.compute(source.data.bits_per_byte[place]),
  };
}"""


ENDS = """() => Bokeh.documents[0].roots()[0].renderers.map((each) => each.data_source.data)
  .flatMap((data) => [...(data.bits_per_byte_low ?? []), ...(data.bits_per_byte_high ?? [])])"""


def test_a_pointer_on_a_point_names_its_run(pages, browser):
    with watched(browser) as found, watched(browser) as plain:
        page = found.page
        page.goto((pages / "closer.html").as_uri())
        assert page.evaluate("typeof Bokeh") == "undefined"
        page.get_by_text("Look closer").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("details.bashkir-interactive[data-ready]")
        page.locator("details.bashkir-interactive").scroll_into_view_if_needed()
        page.wait_for_function("Bokeh.index.find_one(Bokeh.documents[0].roots()[0])?.is_idle")
        low, high = page.evaluate("(({start, end}) => [start, end])(Bokeh.documents[0].roots()[0].y_range)")
        ends = page.evaluate(ENDS)
        assert low < min(ends) < max(ends) < high
        place = page.evaluate(POINT, "full")
        page.mouse.move(place["x"] - 3, place["y"])
        page.mouse.move(place["x"], place["y"])
        shown = page.locator(".bk-tooltip-content").inner_text()
        assert "full" in shown
        assert "100,000" in shown
        plain.page.goto((pages / "plain.html").as_uri())
        assert (found.foreign, found.dialogs, found.complaints) == ([], [], plain.complaints)


def test_without_scripts_nothing_is_seen_of_an_interactive_figure(pages, browser):
    with watched(browser, java_script_enabled=False) as found:
        found.page.goto((pages / "closer.html").as_uri())
        assert not found.page.locator("details.bashkir-interactive").is_visible()


def test_no_name_ends_the_element_that_holds_the_figure():
    page = embed_html('{"label": "</script><script>alert(1)</script>&amp;"}')
    assert page.count("<script") == page.count("</script") == 1
    assert json.loads(BeautifulSoup(page, "html.parser").script.string)["label"].startswith("</script>")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_controls_have_the_colours_around_them(pages, browser, theme):
    with watched(browser) as found:
        found.page.goto((pages / "sortable.html").as_uri())
        found.page.wait_for_selector(READY)
        found.page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        text = found.page.locator("div.cell_output").evaluate("(n) => getComputedStyle(n.firstElementChild).color")
        for control in (".dt-search input", ".bashkir-choices select >> nth=0"):
            colours = "(node) => [getComputedStyle(node).color, getComputedStyle(node).backgroundColor]"
            assert found.page.locator(control).evaluate(colours) == [text, "rgba(0, 0, 0, 0)"]


def test_a_picture_says_in_words_what_its_metadata_hold(pages):
    page = BeautifulSoup((pages / "plain.html").read_text(encoding="utf-8"), "html.parser")
    assert [image["alt"] for image in page.select("article img")] == [WORDS]


@pytest.fixture
def coloured(pages, browser):
    with watched(browser) as found:
        found.page.goto((pages / "coloured.html").as_uri())
        found.page.wait_for_selector(".bashkir-loss[data-ready]")
        yield found
        found.assert_quiet()


def test_a_word_under_the_pointer_is_marked_in_both_columns_and_told(coloured):
    figure = coloured.page.locator(".bashkir-loss").first
    figure.locator("section:nth-of-type(2) p > span").nth(1).hover()
    assert figure.locator(".chosen").evaluate_all("all => all.map((word) => word.title)") == ["20.0 bits", "9.0 bits"]
    told = figure.locator("p[role=status]").text_content()
    assert told == f"2 of 3: шәһәр · {HOSTILE}: 20.0 bits · lora r8: 9.0 bits"
    assert coloured.page.evaluate("window.hacked") is None


def test_arrow_keys_go_from_word_to_word_and_stop_at_the_ends(coloured):
    figure = coloured.page.locator(".bashkir-loss").nth(1)
    figure.locator("section p").focus()
    said = []
    for key in ("ArrowLeft", "ArrowRight", "ArrowRight", "ArrowRight"):
        coloured.page.keyboard.press(key)
        said.append(figure.locator("p[role=status]").text_content().split(" ·")[0])
    assert said == ["1 of 3: ҡала", "2 of 3: шәһәр", "3 of 3: ауыл", "3 of 3: ауыл"]
    assert figure.locator("p[role=status]").locator("b").inner_text() == "ауыл"


def test_the_slider_leaves_only_dear_words_marked(coloured):
    figure = coloured.page.locator(".bashkir-loss").first
    slider = figure.get_by_role("slider", name="Mark words from")
    assert slider.get_attribute("max") == "20"
    slider.fill("7")
    quiet = figure.locator("p > span.quiet")
    assert quiet.evaluate_all("all => all.map((word) => word.title)") == [
        "5.0 bits",
        "1.0 bits",
        "6.5 bits",
        "1.0 bits",
    ]
    assert quiet.first.evaluate("word => getComputedStyle(word).backgroundColor") == "rgba(0, 0, 0, 0)"
    slider.fill("0")
    assert not quiet.count()


def test_a_numbered_equation_that_is_wider_than_a_phone_can_be_scrolled_to_its_beginning(pages, browser):
    with watched(browser) as found:
        found.page.set_viewport_size({"width": 390, "height": 800})
        found.page.goto((pages / "plain.html").as_uri())
        formula = found.page.locator("div.math mjx-container")
        formula.wait_for()
        row = found.page.locator("div.math")
        assert row.evaluate("row => row.scrollWidth > row.clientWidth")
        assert formula.evaluate("formula => formula.getBoundingClientRect().left") >= 0
