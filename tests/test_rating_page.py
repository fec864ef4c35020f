"""The rating page in a real browser: rate, reload, download, read back; blind, quiet and usable by keyboard."""

import json
from pathlib import Path

import pytest
from browser import barriers, watched
from playwright.sync_api import Page, expect

from bashkir_utils.rating import KEY_FILE, PAGE_FILE, Text, agreement, make_kit, read_ratings, write_kit

WAYS = {"gpt2-medium full": "run-gpt2-full-s42", "mistral qlora r8": "run-mistral-qlora-s42"}
HOSTILE = (
    "<script>window.hacked=1</script></textarea></script><img src=x onerror=window.hacked=1> "
    "[x](javascript:alert(1)) \x1b[31m \u202eтерс\u202c \u2067 `{raw}` $$x$$ \x00\ufeff\n"
)


def texts() -> list[Text]:
    return [
        Text(way, run_id, "news", f"Башы {number}", f" дауамы {place} {number}")
        for place, (way, run_id) in enumerate(WAYS.items())
        for number in range(2)
    ]


def written(folder: Path, some: list[Text]) -> Path:
    write_kit(make_kit(some, study="made", corpus="texts of a test", decoding="nucleus"), folder)
    return folder


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    return written(tmp_path / "kit", texts())


@pytest.fixture
def seen(browser, kit):
    with watched(browser, viewport={"width": 1000, "height": 900}) as found:
        found.page.goto((kit / PAGE_FILE).as_uri())
        yield found


def start(page: Page, rater: str) -> None:
    page.get_by_label("Your name or initials").fill(rater)
    page.get_by_role("button", name="Start").click()


def rate(page: Page, language: str, fluency: int, adequacy: int) -> None:
    page.get_by_role("group", name="In which language").get_by_label(language).check()
    page.get_by_role("group", name="How well is it written").get_by_label(str(fluency)).check()
    page.get_by_role("group", name="How well does it go on").get_by_label(str(adequacy)).check()


def shown(page: Page) -> str:
    return page.locator("#text").inner_text()


def order(page: Page) -> list[str]:
    """The texts in the order in which the rater sees them, from the one on show."""
    found = []
    for _ in range(4):
        found.append(shown(page))
        page.get_by_role("button", name="Next").click()
    return found


def download(page: Page, path: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download ratings").click()
    assert waiting.value.suggested_filename.startswith("rating-")
    waiting.value.save_as(path)
    return path


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 390)])
def test_no_barrier_before_the_start_and_while_rating(browser, kit, scheme, width):
    with watched(browser, color_scheme=scheme, viewport={"width": width, "height": 900}) as found:
        found.page.goto((kit / PAGE_FILE).as_uri())
        assert barriers(found.page) == []
        start(found.page, "Гөлнара")
        rate(found.page, "Bashkir", 4, 5)
        assert barriers(found.page) == []
        found.assert_quiet()


def test_rate_reload_download_and_read_back(seen, kit, tmp_path):
    page = seen.page
    start(page, "Гөлнара")
    rate(page, "Bashkir", 4, 5)
    page.get_by_label("Comment").fill("Яҡшы </textarea><script>window.hacked=1</script>")
    first = shown(page)
    page.get_by_role("button", name="Next").click()
    rate(page, "mixed", 2, 1)
    page.reload()
    assert "2 of 4" in page.get_by_role("status").inner_text()
    assert page.locator("#place").inner_text() == "3 / 4"
    page.get_by_role("button", name="Previous").click()
    page.get_by_role("button", name="Previous").click()
    assert shown(page) == first
    expect(page.get_by_role("group", name="In which language").get_by_label("Bashkir")).to_be_checked()
    assert page.get_by_label("Comment").input_value().startswith("Яҡшы </textarea>")

    ratings = read_ratings(kit / KEY_FILE, [download(page, tmp_path / "g.json")])
    assert ratings.raters == ("Гөлнара",)
    answers = ratings.table[["language", "fluency", "adequacy"]].to_numpy().tolist()
    assert answers == [["bashkir", 4, 5], ["mixed", 2, 1]]
    by_text = {item.prompt + item.continuation: item.way for item in ratings.key.items.values()}
    assert ratings.table["way"].iloc[0] == by_text[first]
    assert ratings.table["comment"].tolist() == ["Яҡшы </textarea><script>window.hacked=1</script>", ""]
    seen.assert_quiet()


def test_keyboard_alone_is_enough(seen, kit, tmp_path):
    page, press = seen.page, seen.page.keyboard.press
    page.get_by_label("Your name or initials").focus()
    page.keyboard.type("Ә. Б.")
    press("Enter")
    expect(page.locator("#place")).to_be_focused()
    for _ in range(4):
        press("Tab")  # the first radio of the language
        press("Space")
        press("ArrowDown")  # another language
        press("Tab")
        press("Space")
        press("ArrowRight")  # fluency 2
        press("Tab")
        press("Space")
        press("ArrowRight")
        press("ArrowRight")  # adequacy 3
        press("Enter")
        expect(page.locator("#place")).to_be_focused()
    assert "All are rated" in page.get_by_role("status").inner_text()
    table = read_ratings(kit / KEY_FILE, [download(page, tmp_path / "k.json")]).table
    assert table[["language", "fluency", "adequacy"]].drop_duplicates().to_numpy().tolist() == [["other", 2, 3]]
    assert len(table) == 4


def test_order_is_the_raters_own_and_stays(browser, kit):
    orders = {}
    for rater in ("a", "b", "c", "d", "a again"):
        with watched(browser) as found:
            found.page.goto((kit / PAGE_FILE).as_uri())
            start(found.page, rater.removesuffix(" again"))
            orders[rater] = order(found.page)
    assert orders["a"] == orders["a again"]
    assert all(sorted(each) == sorted(orders["a"]) for each in orders.values())
    assert len({tuple(each) for each in orders.values()}) > 1


def test_two_raters_agree_as_computed_by_hand(browser, kit, tmp_path):
    # by text: both say Bashkir, both say Bashkir, Bashkir and mixed, both say mixed
    answers = {"a": ["Bashkir", "Bashkir", "Bashkir", "mixed"], "b": ["Bashkir", "Bashkir", "mixed", "mixed"]}
    paths = []
    for rater, languages in answers.items():
        with watched(browser) as found:
            page = found.page
            page.goto((kit / PAGE_FILE).as_uri())
            start(page, rater)
            said = dict(zip(sorted(text.prompt + text.continuation for text in texts()), languages, strict=True))
            for _ in range(4):
                rate(page, said[shown(page)], 3, 3)
                page.get_by_role("button", name="Next").click()
            paths.append(download(page, tmp_path / f"{rater}.json"))
            found.assert_quiet()
    table = read_ratings(kit / KEY_FILE, paths).table
    found = agreement(table, samples=20)
    # 8 ratings, 5 Bashkir and 3 mixed: D_o = 2/8, D_e = 2·5·3/(8·7)
    assert found.loc["language", "alpha"] == pytest.approx(1 - (2 / 8) / (30 / 56))
    assert found["texts"].tolist() == [4, 4, 4]


def test_download_goes_on_elsewhere_and_the_later_answer_stays(browser, kit, tmp_path):
    with watched(browser) as found:
        found.page.goto((kit / PAGE_FILE).as_uri())
        start(found.page, "Гөлнара")
        rate(found.page, "Bashkir", 5, 5)
        path = download(found.page, tmp_path / "first.json")
    with watched(browser) as found:
        page = found.page
        page.goto((kit / PAGE_FILE).as_uri())
        page.get_by_label("Go on from ratings").set_input_files(path)
        assert "1 of 4" in page.get_by_role("status").inner_text()
        assert "Гөлнара" in page.get_by_role("status").inner_text()
        page.get_by_role("button", name="Previous").click()
        rate(page, "mixed", 1, 1)
        page.get_by_label("Go on from ratings").set_input_files(path)
        again = download(page, tmp_path / "again.json")
        found.assert_quiet()
    rating = json.loads(again.read_text(encoding="utf-8"))["ratings"]
    assert [(each["language"], each["fluency"]) for each in rating] == [("mixed", 1)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [(r"\ud800 Гөл\n  нара\t", "\ufffd Гөл нара"), (r"Гөлнара\udfff", "Гөлнара\ufffd"), (r"  и\u0306  ", "й")],
)
def test_a_name_in_a_file_is_made_as_fit_as_one_that_is_typed(browser, kit, tmp_path, name, shown):
    with watched(browser) as found:
        found.page.goto((kit / PAGE_FILE).as_uri())
        start(found.page, "x")
        rate(found.page, "Bashkir", 5, 5)
        path = download(found.page, tmp_path / "first.json")
    hostile = tmp_path / "hostile.json"
    hostile.write_text(path.read_text(encoding="utf-8").replace('"rater": "x"', f'"rater": "{name}"'), encoding="utf-8")
    with watched(browser) as found:
        found.page.goto((kit / PAGE_FILE).as_uri())
        found.page.get_by_label("Go on from ratings").set_input_files(hostile)
        again = read_ratings(kit / KEY_FILE, [download(found.page, tmp_path / "again.json")])
        found.assert_quiet()
    assert again.raters == (shown,)


def test_a_name_that_is_cut_at_a_space_is_the_same_when_it_is_read_again(browser, kit, tmp_path):
    with watched(browser) as found:
        found.page.goto((kit / PAGE_FILE).as_uri())
        found.page.locator("#rater").evaluate("(field, name) => { field.value = name; }", "ҡ" * 59 + " ә")
        found.page.get_by_role("button", name="Start").click()
        rate(found.page, "Bashkir", 5, 5)
        path = download(found.page, tmp_path / "first.json")
        written = json.loads(path.read_text(encoding="utf-8"))
        (known,) = read_ratings(kit / KEY_FILE, [path]).raters
    assert written["rater"] == known == "ҡ" * 59


@pytest.mark.parametrize(
    "content",
    ["", "{", "null", '{"form": "other"}', '{"form": "bashkir-rating", "version": 1, "kit": "feed", "rater": "x"}'],
)
def test_a_file_that_is_none_of_this_kit_is_refused_in_words(seen, tmp_path, content):
    path = tmp_path / "odd.json"
    path.write_text(content)
    seen.page.get_by_label("Go on from ratings").set_input_files(path)
    expect(seen.page.get_by_role("alert")).to_contain_text("cannot be opened here")
    seen.assert_quiet()


def test_damaged_storage_does_no_harm(seen):
    page = seen.page
    start(page, "x")
    kit = page.evaluate("JSON.parse(document.getElementById('kit').textContent)")
    key, name = f"bashkir-rating:{kit['fingerprint']}:x", kit["items"][0]["id"]
    for value in ("{", "[]", json.dumps({name: {"language": "<b>", "fluency": 99, "rated": "x"}, "__proto__": 1})):
        page.evaluate("([key, value]) => localStorage.setItem(key, value)", [key, value])
        page.reload()
        assert "0 of 4" in page.get_by_role("status").inner_text()
    seen.assert_quiet()


def test_an_answer_in_a_second_window_is_shown_in_the_first_and_not_lost(seen, kit, tmp_path):
    page = seen.page
    start(page, "x")
    other = page.context.new_page()
    other.goto((kit / PAGE_FILE).as_uri())
    rate(other, "Bashkir", 5, 4)
    other.get_by_label("Comment").fill("Яҡшы")
    expect(page.get_by_label("Comment")).to_have_value("Яҡшы")
    page.get_by_role("group", name="How well is it written").get_by_label("2").check()
    (rating,) = json.loads(download(page, tmp_path / "x.json").read_text(encoding="utf-8"))["ratings"]
    assert {name: rating[name] for name in ("language", "fluency", "adequacy", "comment")} == {
        "language": "bashkir", "fluency": 2, "adequacy": 4, "comment": "Яҡшы",
    }  # fmt: skip
    seen.assert_quiet()


def test_answers_are_not_lost_when_the_browser_keeps_them_again(seen, kit, tmp_path):
    page = seen.page
    start(page, "x")
    page.evaluate(
        """() => {
          const keep = Storage.prototype.setItem;
          Storage.prototype.setItem = function () { Storage.prototype.setItem = keep; throw new DOMException("full"); };
        }"""
    )
    page.get_by_role("group", name="In which language").get_by_label("Bashkir").check()
    expect(page.get_by_role("alert")).to_contain_text("does not keep your answers")
    rate(page, "mixed", 5, 4)
    assert "1 of 4" in page.get_by_role("status").inner_text()
    assert read_ratings(kit / KEY_FILE, [download(page, tmp_path / "x.json")]).table["language"].tolist() == ["mixed"]
    seen.assert_quiet()


@pytest.mark.parametrize(
    ("rated", "kept"),
    [("May 4 2026 10:00 UTC", True), ("2026-05-04T10:00:00+05:00", True), ("+012026-01-01T00:00:00Z", False)],
)
def test_a_time_in_a_file_is_made_one_that_can_be_read_back(seen, kit, tmp_path, rated, kept):
    page = seen.page
    start(page, "x")
    rate(page, "Bashkir", 5, 5)
    content = json.loads(download(page, tmp_path / "first.json").read_text(encoding="utf-8"))
    content["ratings"][0]["rated"], content["rater"] = rated, "y"
    odd = tmp_path / "odd.json"
    odd.write_text(json.dumps(content), encoding="utf-8")
    page.get_by_label("Go on from ratings").set_input_files(odd)
    expect(page.get_by_role("status")).to_contain_text(f"Rated by y: {int(kept)} of 4")
    if kept:
        assert len(read_ratings(kit / KEY_FILE, [download(page, tmp_path / "again.json")]).table) == 1
    seen.assert_quiet()


def test_kits_do_not_mix(seen, tmp_path):
    start(seen.page, "x")
    rate(seen.page, "Bashkir", 5, 5)
    seen.page.goto((written(tmp_path / "other", texts()) / PAGE_FILE).as_uri())
    expect(seen.page.get_by_label("Your name or initials")).to_be_visible()
    start(seen.page, "x")
    assert "0 of 4" in seen.page.get_by_role("status").inner_text()


def test_page_holds_no_name_of_a_model(seen):
    start(seen.page, "x")
    everything = seen.page.content()
    for name in (*WAYS, *WAYS.values(), "gpt2", "qlora", "mistral", "nucleus"):
        assert name not in everything


def test_every_control_has_a_name_and_bashkir_its_language(seen):
    page = seen.page
    start(page, "x")
    assert page.locator("fieldset > legend").count() == page.locator("fieldset").count() == 3
    unnamed = "controls => controls.filter((each) => each.labels.length === 0).length"
    assert page.locator("input, textarea").evaluate_all(unnamed) == 0
    assert page.locator("#prompt").get_attribute("lang") == "ba"
    assert page.locator('span[lang="ba"]').count() > 15


CONTRAST = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parts(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("h1, h2, p, label, legend, span, button:not(:disabled), strong, bdi")]
    .filter((node) => node.checkVisibility() && node.textContent.trim())
    .map((node) => {
      const [a, b] = [light(parts(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), node.textContent];
    }).sort((x, y) => x[0] - y[0])[0];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1000])
def test_contrast_and_width_in_both_schemes(browser, kit, scheme, width):
    with watched(browser, viewport={"width": width, "height": 700}, color_scheme=scheme) as found:
        found.page.goto((kit / PAGE_FILE).as_uri())
        for step in (lambda: None, lambda: start(found.page, "x")):
            step()
            ratio, where = found.page.evaluate(CONTRAST)
            assert ratio >= 4.5, where
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert found.page.evaluate(wide) <= 0


def test_hostile_texts_and_names_change_nothing(browser, tmp_path):
    long = "ҡ" * 100_000
    some = [Text("full", "r", "news", HOSTILE + long, HOSTILE + long), Text("full", "r", "news", "Башы", "")]
    folder = written(tmp_path / "hostile", some)
    with watched(browser, viewport={"width": 400, "height": 700}) as found:
        page = found.page
        page.goto((folder / PAGE_FILE).as_uri())
        before = page.locator("script, img, a, iframe, textarea").count()
        start(page, "<img src=x onerror=window.hacked=1>\u202e")
        for _ in range(2):
            wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert page.evaluate(wide) <= 0
            assert not set(shown(page)) & set("\u202e\u2067\x1b\x00\ufeff")
            assert page.evaluate("getComputedStyle(document.querySelector('#status')).direction") == "ltr"
            rate(page, "cannot tell", 1, 1)
            page.get_by_role("button", name="Next").click()
        assert page.locator("script, img, a, iframe, textarea").count() == before
        assert page.evaluate("window.hacked") is None
        ratings = read_ratings(folder / KEY_FILE, [download(page, tmp_path / "h.json")])
        assert len(ratings.table) == 2
        found.assert_quiet()
