"""The extension that marks languages, scopes headers and describes figures."""

from __future__ import annotations

import html

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from docutils.utils import new_document
from hypothesis import given, settings
from hypothesis import strategies as st
from sphinx.search import WordCollector
from sphinx.search.en import SearchEnglish

from bashkir_utils.accessibility import accessible, describe_figures, part_cells

BASHKIR = {"CYRILLIC": "ba"}


def marked(body: str) -> list[tuple[str, str]]:
    """Language and text of every marked element."""
    return [(tag["lang"], tag.get_text()) for tag in BeautifulSoup(body, "html.parser").select("[lang]")]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<p>The letter <em>ҙ</em>.</p>", ["ҙ"]),
        ("<p>Beside book <em>китап-тар-ыбыҙ</em> stands.</p>", ["китап-тар-ыбыҙ"]),
        ("<p>Say «Һаумы, донъя!» and then ә ө ү.</p>", ["Һаумы, донъя", "ә ө ү"]),
        ("<p>ҡала town, ауыл village</p>", ["ҡала", "ауыл"]),
        ("<p>no other letters, naïve and α</p>", []),
    ],
)
def test_words_of_the_script_get_its_language(body, found):
    assert marked(accessible(body, BASHKIR)) == [("ba", text) for text in found]


def test_what_is_marked_already_and_what_is_not_read_stays():
    body = (
        '<p><em lang="tt">мин <b>иртәгә</b></em></p><script>"ҡ"</script><style>.a::after{content:"ҡ"}</style>'
        '<svg><text>ҡ</text></svg><span class="math notranslate">\\(\\text{ҡ}\\)</span><!-- ҡ -->'
    )
    assert accessible(body, BASHKIR) == body


def test_without_scripts_nothing_is_marked_and_another_script_has_its_own_language():
    assert accessible("<p>ҡала</p>", {}) == "<p>ҡала</p>"
    assert marked(accessible("<p>ხე, дуб</p>", {"GEORGIAN": "ka", "CYRILLIC": "ru"})) == [("ka", "ხე"), ("ru", "дуб")]


@settings(deadline=None)
@given(st.text(alphabet="aҡә <>&\"'-\n", max_size=40))
def test_the_text_of_a_page_does_not_change(text):
    page = BeautifulSoup(accessible(f"<pre>{html.escape(text)}</pre>", BASHKIR), "html.parser")
    assert page.get_text() == text


def test_headers_of_any_table_say_what_they_head():
    body = (
        '<table><thead><tr><th></th><th scope="colgroup">a</th></tr></thead>'
        "<tbody><tr><th>b</th><td>1</td></tr></tbody></table>"
    )
    scopes = [tag["scope"] for tag in BeautifulSoup(accessible(body, {}), "html.parser").select("th")]
    assert scopes == ["col", "colgroup", "row"]


def test_words_of_two_cells_are_two_words_for_the_search():
    page = nodes.raw("", "<table><tr><th>5</th><td>ҡала</td></tr><tr><td>a</td></tr></table>", format="html")
    latex = nodes.raw("", "</td><td>", format="latex")
    whole = document(nodes.section("", page, latex))
    part_cells(whole)
    index = WordCollector(whole, SearchEnglish({}))
    whole.walk(index)
    assert index.found_words == ["5", "ҡала", "a"]
    assert latex.astext() == "</td><td>"


def test_an_entry_of_the_bibliography_is_an_item_of_its_list():
    body = '<div role="list"><div class="citation" role="doc-biblioentry">a</div></div>'
    assert accessible(body, {}) == '<div role="list"><div class="citation" role="listitem">a</div></div>'


def paragraph(text: str) -> nodes.paragraph:
    return nodes.paragraph(text, text)


def test_a_figure_is_described_by_the_first_sentence_of_its_caption():
    first, second, third, own = (nodes.image(uri=f"{name}.png") for name in "abcd")
    own["alt"] = "a bird"
    section = nodes.section()
    section += [
        nodes.title("", "Loss"),
        first,
        paragraph("Between."),
        paragraph("Figure 3.1. Loss falls to\n1.5 bits. More."),
    ]
    section += [own, second, third, paragraph("Figure 3.2. Two of them, by step.")]
    describe_figures(document(section))
    assert [image["alt"] for image in (first, second, third, own)] == [
        "Figure 3.1. Loss falls to 1.5 bits.",
        "Figure 3.2. Two of them, by step. (1 of 2)",
        "Figure 3.2. Two of them, by step. (2 of 2)",
        "a bird",
    ]


def test_a_figure_without_a_caption_names_its_own_section():
    image = nodes.image(uri="a.png")
    one, two = nodes.section(), nodes.section()
    one += [nodes.title("", "One"), image]
    two += [nodes.title("", "Two"), paragraph("Figure 1.1. Of another section.")]
    describe_figures(document(one, two))
    assert image["alt"] == "Figure of the section “One”"


def document(*sections: nodes.section) -> nodes.document:
    whole = new_document("page")
    whole += sections
    return whole
