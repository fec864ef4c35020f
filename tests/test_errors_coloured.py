import re
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_scores import made_scores

from bashkir_utils.errors import coloured
from bashkir_utils.exceptions import RunError

HOSTILE = (
    "Бал <script>alert(1)</script> </textarea> [x](javascript:1) $x$ \x1b[31mҡар\u202e\u200f "
    '" onmouseover="1 &amp; \x00'
)


class Page(HTMLParser):
    """Tags, attributes and text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words, self.text = [], [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag == "span":
            self.words.append(dict(attrs))

    def handle_data(self, data):
        self.text += data


def read(text):
    return made_scores([text], [])[1]


def body(html):
    """Without the style sheet and the legend."""
    return html.partition('<div class="columns">')[2]


def test_words_get_the_level_and_the_bits_of_their_loss():
    text = read("а б в г д")
    page = body(coloured.loss_html(text, {"m": np.array([0.0, 4.0, 15.9, 16.0, 99.6])}, 0, language="ba"))
    words = Page(page).words
    assert [word["class"] for word in words] == ["l0", "l1", "l2", "l3", "l4"]
    assert [word["title"] for word in words] == ["0.0 bits", "4.0 bits", "15.9 bits", "16.0 bits", "99.6 bits"]
    assert re.findall(r"<sub>(.*?)</sub>", page) == ["16", "100"]
    assert '<p lang="ba">' in page


def test_two_models_stand_side_by_side_with_their_bits_per_byte():
    text = read("аб вг")
    html = body(coloured.loss_html(text, {"one": np.array([9.0, 9.0]), "two": np.array([0.0, 4.5])}, 0))
    assert html.count("<section>") == 2
    assert "one: 2.000 bits per byte" in html
    assert "two: 0.500 bits per byte" in html
    assert "lang=" not in html


def test_a_difference_has_signs_besides_colours():
    text = read("а б в г")
    html = coloured.difference_html(text, ("one", np.array([1.0, 9, 1, 1])), ("two", np.array([10.0, 1, 1.5, 4])), 0)
    words = Page(body(html)).words
    assert [word["class"] for word in words] == ["a3", "b2", "l0", "a2"]
    assert [word["title"] for word in words] == ["+9.0 bits", "−8.0 bits", "+0.5 bits", "+3.0 bits"]
    assert re.findall(r"<sub>(.*?)</sub>", body(html)) == ["+9", "−8", "+3"]
    assert "one pays so many bits less" in html
    for side, line in (("a", "solid"), ("b", "dotted")):
        assert re.search(rf"\.{side}1\{{[^}}]*1px {line}", html)


def test_nothing_of_a_hostile_text_or_name_becomes_markup():
    text = read(HOSTILE)
    losses = np.full(len(text.units), 20.0)
    for html in (
        coloured.loss_html(text, {HOSTILE: losses, "b": losses}, 0, language='b"a<script>'),
        coloured.difference_html(text, (HOSTILE, losses), ("<b>", losses * 0), 0, language="ba"),
    ):
        page = Page(html)
        assert set(page.tags) <= {"style", "div", "ul", "li", "span", "section", "h4", "p", "sub", "br"}
        assert set(page.attributes) <= {"class", "title", "lang"}
        assert not re.search("[\x00\x1b\u202e\u200f]", html)
        assert "⟨U+202E⟩" in html
        assert "mathjax_ignore" in html


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_a_text_adds_no_tag_and_no_attribute(written):
    text = read(written)
    html = coloured.loss_html(text, {"m": np.zeros(len(text.units))}, 0)
    page = Page(body(html))
    assert set(page.tags) <= {"section", "h4", "p", "span", "br"}
    assert set(page.attributes) <= {"class", "title"}
    shown = iter(page.text.partition("bits per byte")[2])
    assert all(sign in shown for sign in written if sign.isprintable() and not sign.isspace()), "nothing is lost"


def test_only_the_beginning_is_shown():
    text = read("бал " * 1000)
    html = body(coloured.loss_html(text, {"m": np.zeros(len(text.units))}, 0, characters=40))
    assert len(Page(html).words) == 10
    assert html.count("…") == 1
    whole = read("бал ҡар")
    assert "…" not in body(coloured.loss_html(whole, {"m": np.zeros(2)}, 0))
    endless = read("ҡ" * 100_000)
    assert len(body(coloured.loss_html(endless, {"m": np.zeros(1)}, 0))) < 3000


def test_lines_stay_lines():
    text = read("бал\nҡар")
    html = body(coloured.loss_html(text, {"m": np.zeros(2)}, 0))
    assert "бал</span>↵<br><span" in html


def test_the_second_document_is_the_second():
    text = made_scores(["бал", "ҡар юл"], [])[1]
    html = body(coloured.loss_html(text, {"m": np.array([1.0, 2.0, 3.0])}, 1))
    assert [word["title"] for word in Page(html).words] == ["2.0 bits", "3.0 bits"]
    assert "бал" not in html
    with pytest.raises(RunError, match="no document 2; the text has 2"):
        coloured.loss_html(text, {"m": np.zeros(3)}, 2)


def test_the_document_with_the_largest_difference_per_byte():
    text = made_scores(["бал", "ҡар ҡар ҡар ҡар", "юл"], [])[1]
    first = np.array([1.0, 2, 2, 2, 2, 0])
    assert coloured.document_of_largest_gain(text, first, np.zeros(6)) == 1
    assert coloured.document_of_largest_gain(text, first, np.array([9.0, 0, 0, 0, 0, 0])) == 0


def luminance(colour):
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", coloured.PALETTES)
def test_every_level_can_be_read_and_told_by_lightness_alone(palette):
    for name in ("loss", "first", "second"):
        steps = [palette["page"], *palette[name]]
        assert all(contrast(palette["text"], step) >= 4.5 for step in steps)
        light = [luminance(step) for step in steps]
        assert light == sorted(light, reverse=palette is coloured.LIGHT)
        assert len(set(light)) == len(light)
    assert len(palette["loss"]) == len(coloured.LOSS_EDGES)
    assert len(palette["first"]) == len(palette["second"]) == len(coloured.GAIN_EDGES)


def test_both_themes_are_in_the_style_sheet():
    html = coloured.loss_html(read("а"), {"m": np.zeros(1)}, 0)
    assert html.count(f"--page:{coloured.DARK['page']}") == 2
    assert "html[data-theme=dark] .bashkir-loss" in html
    assert "prefers-color-scheme:dark){html:not([data-theme=light])" in html
    assert "<script" not in html
    assert "http" not in html
