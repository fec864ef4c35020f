"""The extension that links figures and gathers the index."""

from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from sphinx.application import Sphinx
from sphinx.errors import SphinxWarning
from sphinx.util.docutils import docutils_namespace

from bashkir_utils.pages.references import glossary_terms

GLOSSARY = """# Glossary

```{glossary}
:sorted:

perplexity
  Also used in bits per byte.

LoRA
  Small matrices.

LoRA rank
  A term within which another one lies.

rep-n
  Never used elsewhere.
```
"""
ONE = """# 1. One

Figure 2.1 comes later, `Figure 2.1` is code, Figure 2.10 and Figure 9.9 are nowhere. Perplexities are no perplexity.

**Figure 1.1.** Perplexity as Figure 1.1 shows it.

$$
a = \\frac{b}{c} \\tag{1.1}
$$

$$
a = 2
$$
"""
TWO = """# 2. Two; more

```{container} run-with
LoRA rank: 8
```

A LoRA rank, a step-rep-n. See Figure 1.1, equation (1.1) and Equation (1.2).

LoRAs and LoRA.

**Figure 2.1.** Rank.
"""


def build(folder: Path, glossary: str = "glossary.md") -> Path:
    source = folder / "source"
    source.mkdir()
    pages = {
        "index": "# Start\n\n```{toctree}\none\ntwo\nglossary\n```\n",
        "one": ONE,
        "two": TWO,
        "glossary": GLOSSARY,
    }
    for name, text in pages.items():
        (source / f"{name}.md").write_text(text)
    settings = {
        "extensions": ["myst_parser", "bashkir_utils.pages.references"],
        "myst_enable_extensions": ["dollarmath"],
        "indexed_glossary": glossary,
    }
    with docutils_namespace():
        app = Sphinx(source, None, folder / "html", folder / "trees", "html", settings, warningiserror=True)
        app.build()
    return folder / "html"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    return build(tmp_path_factory.mktemp("references"))


def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def links(path: Path) -> list[tuple[str, str]]:
    found = soup(path).select("[role=main] p a.reference.internal")
    return [(link.get_text(), str(link["href"])) for link in found]


def test_a_mention_leads_to_the_caption_of_a_figure_that_there_is(site):
    assert [link for link in links(site / "one.html") if "figure" in link[1]] == [
        ("Figure 2.1", "two.html#figure-2-1"),
        ("Figure 1.1", "#figure-1-1"),
    ]
    assert [link for link in links(site / "two.html") if "glossary" not in link[1]] == [
        ("Figure 1.1", "one.html#figure-1-1"),
        ("equation (1.1)", "one.html#equation-1-1"),
    ]
    assert r"\tag{1.1}" in soup(site / "one.html").select_one("div.math#equation-1-1").get_text()
    assert soup(site / "two.html").select_one("#figure-2-1").get_text() == "Figure 2.1. Rank."


def test_no_word_of_a_page_is_lost(site):
    for name, page in (("one", ONE), ("two", TWO)):
        body = soup(site / f"{name}.html").select_one("[role=main]")
        words = "".join(body.get_text().replace("¶", "").replace("\\[", "$$").replace("\\]", "$$").split())
        prose = "\n".join(line for line in page.splitlines() if not line.startswith("```"))
        assert words == "".join(prose.translate(dict.fromkeys(map(ord, "#*`"))).split())


def test_the_index_leads_to_the_first_use_on_each_page(site):
    index = soup(site / "genindex.html")
    entries = [link for link in index.select("td > ul > li li a") if link["href"].startswith(("one", "two"))]
    assert [(link.get_text(), link["href"]) for link in entries] == [
        ("Two, more (chapter 2)", "two.html#index-0"),
        ("Two, more (chapter 2)", "two.html#index-1"),
        ("One (chapter 1)", "one.html#index-0"),
    ]
    terms = [item.find(string=True) for item in index.select("td > ul > li")]
    assert terms == ["LoRA", "LoRA rank", "perplexity", "rep-n"]
    first = soup(site / "one.html").select_one("#index-0")
    assert first.find_parent("p").get_text().endswith("no perplexity.")


def test_the_first_use_of_a_term_leads_to_the_glossary(site):
    """And no other: not the second one, not one within a longer word or term."""
    leading = {
        name: [link for link in links(site / f"{name}.html") if "glossary" in link[1]] for name in ("one", "two")
    }
    assert leading == {
        "one": [("perplexity", "glossary.html#term-perplexity")],
        "two": [("LoRA rank", "glossary.html#term-LoRA-rank"), ("LoRAs", "glossary.html#term-LoRA")],
    }


def test_terms_are_the_lines_that_open_an_entry():
    assert glossary_terms(GLOSSARY) == ["perplexity", "LoRA", "LoRA rank", "rep-n"]


def test_a_glossary_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SphinxWarning, match=r"nowhere\.md, which is not there"):
        build(tmp_path, "nowhere.md")
