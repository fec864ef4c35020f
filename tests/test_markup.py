import re
from html.parser import HTMLParser

import pandas as pd
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bashkir_utils.markup import (
    csv_text,
    escape_html,
    escape_markdown,
    html_table,
    terminal_text,
    visible_text,
)

HOSTILE = (
    "<script>alert(1)</script></textarea></td></table><img src=x onerror=alert(2)> [click](javascript:alert(3)) "
    "\x1b[31mred\x1b[0m \u202etfel ot thgir\u202c $\\frac{1}{2}$ {ref}`index` {{ variable }} `code` **bold** "
    "https://example.org <https://example.org> &lt;b&gt; " + "ҡ" * 100_000
)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def parsed(page):
    reader = Tags()
    reader.feed(page)
    return reader


def test_a_hostile_text_stays_text_in_a_table():
    frame = pd.DataFrame({HOSTILE: [HOSTILE]}, index=[HOSTILE])
    page = html_table(frame, HOSTILE, text=[HOSTILE], language='"><script>')
    reader = parsed(page)
    assert reader.tags == ["table", "caption", "thead", "tr", "th", "th", "tbody", "tr", "th", "td"]
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert len(page) < 20_000
    assert "<script>alert(1)</script>" in "".join(reader.text), "it is shown as it is, not removed"
    assert "tex2jax_ignore mathjax_ignore" in page


def test_nothing_that_no_font_draws_is_left():
    """Against the tables of Unicode that the package ``regex`` brings."""
    ignorable = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Cc}\p{Zl}\p{Zp}\u2800]")
    every = [chr(code) for code in range(0x110000)]
    hidden = [sign for sign in every if ignorable.match(sign) and sign != "\n"]
    assert len(hidden) > 4000
    assert [sign for sign in hidden if sign in visible_text(sign)] == []
    assert visible_text("а\u115fб\u3164в\u2800г\ufe0fд\u034f") == "а⟨U+115F⟩б⟨U+3164⟩в⟨U+2800⟩г⟨U+FE0F⟩д⟨U+034F⟩"
    assert visible_text("и\u0306 👍 ҡ") == "и\u0306 👍 ҡ", "marks that change a letter are seen"


def test_half_a_surrogate_pair_can_be_written():
    assert escape_html("a\ud800").encode() == "a⟨U+D800⟩".encode()


@given(st.text())
def test_any_text_makes_no_tag(text):
    reader = parsed(f"<p>{escape_html(text)}</p>")
    assert reader.tags == ["p"]
    assert "".join(reader.text) == visible_text(text)


def test_a_hostile_text_stays_text_in_markdown():
    page = MarkdownIt("commonmark", {"html": True, "linkify": False}).render(escape_markdown(HOSTILE))
    reader = parsed(page)
    assert (set(reader.tags), reader.attributes) == ({"p", "span"}, [])
    assert "<script>alert(1)</script>" in "".join(reader.text)


@given(st.text("\\$@()[]{}0a ", max_size=30) | st.text())
def test_no_formula_can_begin_in_escaped_markdown(text):
    """MathJax takes delimiters that stand whole in one text node; JupyterLab looks for some in the Markdown as well."""
    source = escape_markdown(text)
    page = parsed(MarkdownIt("commonmark", {"html": True}).render(source))
    assert not any(re.search(r"\\[(\[]|\\begin|\$.*\$|@@\d", node, re.DOTALL) for node in page.text)
    assert not re.search(r"\\\\[()\[\]]|(?<!\\)\$|@@\d", source)


def test_signs_of_formulas_by_hand():
    assert escape_markdown(r"\(x$") == r"\\<span></span>\(x\$<span></span>"
    assert escape_markdown("a_b") == r"a\_b", "what begins no formula needs no element"


def test_a_hostile_text_stays_text_in_the_books_own_markdown():
    from docutils.nodes import raw
    from myst_parser.config.main import MdParserConfig
    from myst_parser.mdit_to_docutils.base import DocutilsRenderer, make_document
    from myst_parser.parsers.mdit import create_md_parser

    extensions = {"dollarmath", "amsmath", "linkify", "substitution", "colon_fence", "html_image", "attrs_inline"}
    config = MdParserConfig(enable_extensions=extensions, substitutions={"variable": "SUBSTITUTED"})
    parser = create_md_parser(config, DocutilsRenderer)
    parser.options["document"] = make_document()
    document = parser.render(f"- one {escape_markdown(HOSTILE)}")
    kinds = {type(node).__name__ for node in document.findall()}
    assert kinds <= {"document", "bullet_list", "list_item", "paragraph", "Text", "raw"}
    assert {node.astext() for node in document.findall(raw)} == {"<span>", "</span>"}
    assert "SUBSTITUTED" not in document.astext()


@given(st.text())
def test_a_terminal_gets_lines_and_nothing_that_moves_it(text):
    shown = terminal_text(text)
    assert all(sign.isprintable() or sign in "\n\t" for sign in shown)
    assert shown.count("\n") == text.count("\n")
    assert terminal_text("a\tb\n\x1b[2Jҡ\r\x07\u202e") == "a\tb\n⟨U+001B⟩[2Jҡ⟨U+000D⟩⟨U+0007⟩⟨U+202E⟩"


@given(st.text(min_size=1).filter(str.strip))
def test_markdown_gives_the_visible_text_back(text):
    inline = MarkdownIt("commonmark").parse("x" + escape_markdown(text) + "x")[1]
    assert {child.type for child in inline.children} <= {"text", "text_special", "softbreak", "html_inline"}
    assert {child.content for child in inline.children if child.type == "html_inline"} <= {"<span>", "</span>"}
    assert (
        "".join(child.content for child in inline.children if child.type != "html_inline")
        == "x" + visible_text(text) + "x"
    )


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"), (float("nan"), "–"), (True, "yes"), (False, "no"), (1234567, "1,234,567"), (40.0, "40"),
        (0.12341, "0.1234"), (1234.5, "1,234"), (float("inf"), "inf"), (3.2e15, "3.2e+15"), ("", ""),
    ],
)  # fmt: skip
def test_cells_are_readable(value, shown):
    page = html_table(pd.DataFrame({"a": pd.Series([value], dtype=object)}), "caption")
    assert f">{shown}</td>" in page


def test_headings_have_a_scope_and_bashkir_its_language():
    frame = pd.DataFrame({"count": [3]}, index=pd.Index(["ҡала"], name="word"))
    page = html_table(frame, "Words", text=["word"], language="ba")
    assert '<th scope="row" lang="ba">ҡала</th>' in page
    assert ' lang="tt"' in html_table(frame, "Words", text=["word"], language="tt")
    assert "lang=" not in html_table(frame, "Words", text=["word"], language=None)
    assert '<th scope="col">count</th>' in page
    assert page.startswith('<table class="bashkir-table')


def test_a_word_without_end_breaks_wherever_it_stands_and_other_headings_stay_plain():
    long = "ҡ" * 31
    page = html_table(pd.DataFrame({long: [long], "a": ["б"]}, index=pd.Index([long], name="word")), long)
    assert page.count("overflow-wrap:anywhere;min-width:12em") == 3
    assert '<th scope="col">a</th>' in page


def test_no_cell_of_a_csv_file_is_computed_by_a_spreadsheet():
    frame = pd.DataFrame({"=name": ["=1+1", "+a", "-a", "@a", 'a,"b"\n', None], "n": [-1.5, 2, 3, 4, 5, 6]})
    assert csv_text(frame) == ('\'=name,n\n\'=1+1,-1.5\n\'+a,2.0\n\'-a,3.0\n\'@a,4.0\n"a,""b"" ↵ ",5.0\n,6.0\n')
