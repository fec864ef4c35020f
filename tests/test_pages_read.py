"""The pages of the smoke book as people read them: by eye, by keyboard, by ear, in a real browser and offline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote, unquote, urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browser import Watched, lasting_violations, watched
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, expect
from whole_book import CHECKOUT, Built

from bashkir_utils import book

CONTENTS = [path.relative_to(CHECKOUT).with_suffix(".html").as_posix() for path in book.contents(CHECKOUT)]
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
CYRILLIC = re.compile("[\u0400-\u052f]")
MEGABYTE = 10**6
LARGEST_PAGE = 3 * MEGABYTE
"""Bytes of a page with all that it loads, on a first visit."""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """The terminal is for the tests."""


@pytest.fixture(scope="module")
def site(built: Built) -> Iterator[str]:
    """Address of the built pages on a server of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built.index.parent)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def seen(browser: Browser) -> Iterator[Watched]:
    with watched(browser, viewport={"width": WIDTHS[0], "height": 900}, color_scheme="light") as found:
        yield found


def local(url: str, root: Path) -> Path:
    return root / unquote(urlsplit(url).path).lstrip("/")


def total_size(files: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in files)


# --- every page in the browser -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*CONTENTS, "search.html"])
def test_page_has_no_barrier_asks_no_other_host_complains_of_nothing_and_is_small(name, seen, site, built):
    asked: set[str] = set()
    seen.page.on("request", lambda request: asked.add(request.url))
    seen.page.goto(f"{site}/{name}", wait_until="load")
    seen.page.evaluate(AXE_SCRIPT)
    barriers = []
    for scheme in SCHEMES:
        seen.page.emulate_media(color_scheme=scheme)
        expect(seen.page.locator("html")).to_have_attribute("data-theme", scheme)
        for width in WIDTHS:
            seen.page.set_viewport_size({"width": width, "height": 900})
            # the theme gives what scrolls a tab stop 300 ms after the width has changed
            seen.page.wait_for_timeout(400)
            barriers += [f"{scheme}, {width}: {each}" for each in lasting_violations(seen.page)]
            wider = seen.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            barriers += [f"{width}: the page is {wider} pixels wider than the window"] if wider > 0 else []
    assert not barriers, "\n".join(barriers)
    seen.assert_quiet()
    root = built.index.parent
    files = {path for path in (local(url, root) for url in asked if url.startswith(site)) if path.is_file()}
    assert total_size(files) < LARGEST_PAGE, sorted((path.stat().st_size, path.name) for path in files)[-8:]


def test_the_search_index_is_loaded_by_its_own_page_alone(built):
    for page in built.pages:
        text = page.read_text(encoding="utf-8")
        assert ("searchindex.js" in text) == ("searchtools.js" in text) == (page.name == "search.html"), page.name


def test_search_finds_a_bashkir_word_by_its_own_letters(seen, site):
    seen.page.goto(f"{site}/search.html?q={quote('ҡала')}")
    results = seen.page.locator("#search-results ul.search li")
    expect(results.first).to_be_visible()
    assert any(
        "10_vocabulary" in link
        for link in seen.page.locator("#search-results a").evaluate_all("links => links.map(link => link.href)")
    )
    seen.assert_quiet()


def test_dark_mode_by_its_button_is_dark_and_stays(seen, site):
    def brightness() -> float:
        colour = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / (3 * 255)

    seen.page.goto(f"{site}/{CONTENTS[0]}")
    html, button = seen.page.locator("html"), seen.page.locator("button.theme-switch-button:visible").first
    assert brightness() > 0.9
    icon = button.locator("i:visible")
    expect(icon).to_have_count(1)
    assert "Awesome" in icon.evaluate("icon => getComputedStyle(icon, '::before').fontFamily")
    assert (
        seen.page.evaluate("document.fonts.load('900 16px \"Font Awesome 6 Free\"').then(fonts => fonts.length)") == 1
    )
    for _ in range(3):
        if html.get_attribute("data-mode") != "dark":
            button.focus()
            seen.page.keyboard.press("Enter")
    expect(html).to_have_attribute("data-mode", "dark")
    assert brightness() < 0.2
    seen.page.goto(f"{site}/{CONTENTS[1]}")
    expect(html).to_have_attribute("data-theme", "dark")
    assert brightness() < 0.2
    seen.assert_quiet()


def test_solutions_are_folded_and_open_by_keyboard(seen, site):
    seen.page.goto(f"{site}/notebooks/00_language.html")
    solution = seen.page.locator("details.sd-dropdown").first
    inside = solution.locator(".sd-summary-content")
    expect(inside).to_be_hidden()
    solution.locator("summary").focus()
    seen.page.keyboard.press("Enter")
    expect(inside).to_be_visible()
    seen.page.keyboard.press("Enter")
    expect(inside).to_be_hidden()
    seen.assert_quiet()


def test_first_stop_of_the_keyboard_leads_past_the_navigation(seen, site):
    seen.page.goto(f"{site}/{CONTENTS[0]}")
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.activeElement.getAttribute('href')") == "#main-content"
    seen.page.keyboard.press("Enter")
    seen.page.keyboard.press("Tab")
    assert seen.page.evaluate("document.querySelector('main').contains(document.activeElement)")


# --- every page as it is written ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def articles(built: Built, pages: dict[Path, BeautifulSoup]) -> dict[str, Tag]:
    """The content of each page of the table of contents, by its address."""
    names = {path: path.relative_to(built.index.parent).as_posix() for path in pages}
    found = {names[path]: page.select_one("article") for path, page in pages.items() if names[path] in CONTENTS}
    assert set(found) == set(CONTENTS)
    return found


def test_images_together_are_small(built):
    images = [
        path for path in built.index.parent.rglob("*") if path.suffix in {".png", ".svg", ".jpg", ".gif", ".webp"}
    ]
    assert images
    assert total_size(images) < 15 * MEGABYTE


def test_every_image_says_what_it_shows(articles):
    alternatives = {name: [image.get("alt", "") for image in page.select("img")] for name, page in articles.items()}
    poor = {name: [alt for alt in alts if len(alt) < 25 or "_images" in alt] for name, alts in alternatives.items()}
    assert not any(poor.values()), poor
    assert all(len(alts) == len(set(alts)) for alts in alternatives.values()), "two images of a page are told apart"
    assert any(alternatives.values())


def test_every_table_has_headers_that_say_what_they_head(articles):
    for name, page in articles.items():
        # the index stands in columns, which Sphinx makes of a table without headers
        for table in page.select("table:not(.indextable)"):
            assert table.select("thead th[scope=col]"), f"{name}: {table.get_text(' ', strip=True)[:80]}"
            assert not table.select("th:not([scope])")


def test_every_page_is_english_and_every_cyrillic_word_on_it_is_not(pages, articles):
    assert all(page.html["lang"] == "en" for path, page in pages.items() if page.select_one("article"))
    for name, page in articles.items():
        for text in page.find_all(string=CYRILLIC):
            ancestors = [parent["lang"] for parent in text.parents if parent.has_attr("lang")]
            settled = text.parent.name in {"script", "style", "text"} or text.find_parent(class_="math")
            assert settled or ancestors[0] != "en", f"{name}: {text[:60]}"


def test_tatar_is_not_called_bashkir(articles):
    marked = [element.get_text() for element in articles["notebooks/06_errors.html"].select("[lang=tt]")]
    assert "Син мине көтмә, мин иртәгә генә киләм." in marked
