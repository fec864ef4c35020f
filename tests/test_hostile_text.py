"""A corpus, prompts and model outputs full of markup and codes: the pages of the book, in a browser, stay as they are.

Chapters 1, 2 and 6 run on such a corpus under a name that is as bad; a page of its own passes the same fragments as
prompts, outputs, words and names through everything that shows them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
import yaml
from browser import executable, watched

from bashkir_utils import book
from bashkir_utils.language import generate_documents
from bashkir_utils.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parent.parent
FRAGMENTS = (
    "<script>window.hacked=1</script>",
    "</textarea></pre></code></td></table></div>",
    "<img src=x onerror=window.hacked=1>",
    "[x](javascript:window.hacked=1) ![y](https://example.org/y.png) <a href='javascript:window.hacked=1'>z</a>",
    "`code` {raw}`html` $$\\frac{1}{2}$$ $x$ {{ x }}",
    "\n```{raw} html\n<script>window.hacked=1</script>\n```\n",
    "\x1b[31mҡыҙыл\x1b[0m\x1b]0;title\x07",
    "\u202eтерс\u202c \u2067изоляция\u2066",
    "\x00\x01\x7f\ufeff\u034f\u115f\u2800\u3164\ufe0f",
    r"$\notacommand{ $ \(x\) \[y\] $_{^}$",
    "https://example.org <https://example.org> &lt;b&gt; |a|b|",
    "башҡорттар" * 10_000,
)
CORPUS_NAME = "<img src=x onerror=window.hacked=1>$x$ [y](javascript:z) `{raw}`\x1b[31m\u202e.jsonl"
CHAPTERS = ("01_corpus", "02_tokenization", "06_errors")
OWN = "10_fragments"
PLAIN = "00_language"
"""Stands for the chapter that others link to, and shows what a page says without any corpus."""
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
PROFILE = {
    "name": "hostile",
    "description": "<script>window.hacked=1</script> [x](javascript:window.hacked=1) $x$",
    "models": [
        {"name": "tiny", "source": "random:llama", "label": "<img src=x onerror=window.hacked=1> random weights"}
    ],
    "methods": [{"name": "full", "kind": "full", "learning_rate": 0.003}],
    "seeds": [1],
    "tokenizers": ["gpt2", "smollm2-135m"],
    "training": {"block_length": 32, "batch_size": 2, "tokens": 256, "validation_blocks": 1},
    "evaluation": {"max_bytes": 6000, "window": 64, "overlap": 16, "bootstrap_samples": 20},
    "generation": {"prompts": 2, "max_new_tokens": 4},
    "minimal_pairs": {"pairs": 1, "reference_characters": 20_000},
}
SHOWN = """
%matplotlib inline
from types import SimpleNamespace
import pandas as pd
from IPython.display import HTML, Markdown, display
from bashkir_utils import errors, rating, report, tokenization
from bashkir_utils.errors import memorisation, wellformed
from bashkir_utils.errors.agreement import choices_html, correlation_findings
from bashkir_utils.errors.wellformed import Vocabulary
from bashkir_utils.markup import escape_markdown, html_table
from bashkir_utils.plots import agreement as agreement_plots
from bashkir_utils.plots import corpus as corpus_plots
from bashkir_utils.plots import places as place_plots
from bashkir_utils.plots import rating as rating_plots
from bashkir_utils.plots import results as result_plots
from bashkir_utils.plots import switching as switching_plots
from bashkir_utils.plots import tokenization as token_plots
from bashkir_utils.plots import wellformed as word_plots

bad = FRAGMENTS
display(Markdown("\\n\\n".join(f"**{escape_markdown(each)}:** the text after it" for each in bad)))
frame = pd.DataFrame({each: bad for each in bad[:3]}, index=pd.Index(bad, name=bad[0]))
display(HTML(html_table(frame, bad[0], text=[bad[1]], language="ba")))
rows = [{"prompt": p, "kind": p, "gloss": p, "model": m, "continuation": m, "sample": 0} for p in bad for m in bad]
written = pd.DataFrame(rows)
display(HTML(report.continuations_html(written)))
display(HTML(html_table(errors.language_by_sentence(list(bad)).set_index("sentence"), "By sentence")))
display(result_plots.language_bars(errors.language_shares(written), "Languages"))
display(result_plots.letter_bars(errors.letters_of_models(written), "Letters"))
documents = pd.DataFrame({"id": bad, "source": bad, "nll": 1.0, "bytes": 9, "tokens": 3})
words = pd.DataFrame({"document": 0, "word": [*bad, *bad], "nll": 5.0, "bytes": 4})
scored = SimpleNamespace(documents=documents, words=words)
texts = pd.DataFrame({"id": bad, "text": bad})
worst = report.with_excerpts(errors.worst_documents(scored), texts)
display(HTML(html_table(worst, bad[2], text=["excerpt"], language="ba")))
display(HTML(html_table(errors.worst_words(scored).set_index("word"), bad[3], text=["word"], language="ba")))
loaded = [tokenization.load_tokenizer("gpt2")]
short = " ".join(each[:300] for each in bad)
display(HTML(tokenization.split_table_html(loaded, short)))
display(token_plots.plot_splits(loaded, short[:400]))
display(corpus_plots.plot_sources(pd.DataFrame({"share_of_words": 0.1}, index=list(bad))))
means = pd.DataFrame({"correlation": 0.9, "low": 0.5, "high": 1.0, "p_holm": 0.01, "ways": 6}, index=list(bad))
means = means.assign(tests=9, claimed=[*[True] * 3, *[False] * (len(bad) - 3)], possible=True, same=False)
display(Markdown(correlation_findings(means, bad[3], {})))
several = [list(bad)] * len(bad)
choice = {"choose": bad, "value": 1.0, "not_worse": several, "worse": several, "worst": bad, "worst_value": 0.0}
choice |= {"units": 9, "left_out": several}
display(HTML(choices_html(pd.DataFrame(choice, index=pd.Index(bad, name="wish")), bad[3])))
heading = bad[9]
judged = wellformed.judge_words(written.assign(ended=True), Vocabulary({}))
display(HTML(html_table(wellformed.examples(judged).set_index("model"), heading, text=["words"], language=bad[1])))
index = memorisation.index_documents(pd.DataFrame({"id": bad, "source": bad, "text": bad}))
drawn = written.head(3 * len(bad)).assign(ended=True)
copied = memorisation.memorised(drawn.assign(continuation=drawn["continuation"].str[:300]), index)
display(HTML(memorisation.nearest_html(copied, language=bad[1])))
display(word_plots.class_bars(wellformed.class_shares(judged), heading))
dots = wellformed.well_formed_table(judged, bad)
shown = {"well_formed": "well formed", "mixed_vowels": "mixed", "broken_letters": "broken"}
display(word_plots.share_dots(dots, shown, heading))
display(word_plots.copies(memorisation.memorisation_table(copied), heading))
summary = pd.DataFrame(dict.fromkeys(result_plots.REPETITION, 0.5), index=list(bad))
display(result_plots.repetition_bars(summary, heading))
curve = pd.DataFrame({"model": [*bad, "whose"], "word": 1, "switched": 0.5, "low": 0.4, "high": 0.6})
display(switching_plots.switch_curves(curve, dict.fromkeys(bad, "full"), heading, heading))
display(agreement_plots.correlations({heading: means, bad[0]: means}, {bad[0]: heading}, heading))
places = {"model": bad[:8], "kind": heading, "group": bad[:8]}
lost = pd.DataFrame({**places, "bits_per_byte": 1.0, "low": 0.5, "high": 2.0})
display(place_plots.loss_by_place(lost, heading, confidence=0.95))
gained = lost.assign(difference=1.0, gains=bad[:8])
display(place_plots.gains(gained, heading, bad[0], heading))
columns = {f"{name}{end}": 0.5 for name in rating.QUESTIONS for end in ("", "_low", "_high")}
display(HTML(rating.summary_html(pd.DataFrame({**columns, "texts": 1, "ratings": 1}, index=list(bad)), bad[0])))
display(rating_plots.means(pd.DataFrame(columns, index=list(bad)), heading))
Markdown("The last line.")
"""
SETTLED = "async () => { await window.MathJax?.startup?.promise; }"
"""Formulas are set, if the page has any."""
MEASURES = """() => {
  const INVISIBLE = /[\\u0000\\u001b\\u007f\\u034f\\u115f\\u2800\\u3164\\u202a-\\u202e\\u2066-\\u2069\\ufe0f\\ufeff]/;
  const article = document.querySelector("article");
  const outputs = [...document.querySelectorAll("div.cell_output")];
  const inside = (what) => outputs.flatMap((output) => [...output.querySelectorAll(what)]);
  const scrolls = (node) => {
    for (let box = node.parentElement; box && box !== article.parentElement; box = box.parentElement) {
      if (getComputedStyle(box).overflowX !== "visible") return true;
    }
    return false;
  };
  const edge = article.getBoundingClientRect().right + 1;
  const formulas = ".math, mjx-container, .MathJax, .MathJax_Display";
  return {
    foreign: inside("script, a[href], iframe, object, embed, form, textarea, " + formulas).map((e) => e.outerHTML),
    pictures: inside("img").map((image) => image.getAttribute("src")).filter((src) => !src.startsWith("../_images/")),
    wide: [...article.querySelectorAll("*")]
      .filter((node) => node.getBoundingClientRect().right > edge && !scrolls(node))
      .map((node) => node.outerHTML.slice(0, 200)),
    spill: [document.documentElement.scrollWidth - document.documentElement.clientWidth,
            article.scrollWidth - article.clientWidth],
    tables: inside("table").map((table) => Math.round(table.getBoundingClientRect().width)),
    invisible: [...article.textContent].filter((sign) => INVISIBLE.test(sign)).length,
    turned: [...article.querySelectorAll("*")].filter((node) => getComputedStyle(node).direction !== "ltr").length,
  };
}"""


def corpus(folder: Path) -> Path:
    """Documents with a fragment at the beginning or the end of each, and one as the name of their source."""
    path = folder / CORPUS_NAME
    *short, endless = FRAGMENTS
    with path.open("w", encoding="utf-8") as stream:
        for number, document in enumerate(generate_documents(80, 3)):
            # one endless word in a training text and in some sources is enough, and every step reads it
            fragment = endless if number == 0 else short[number % len(short)]
            text = f"{fragment} {document.text}" if number // len(short) % 2 else f"{document.text} {fragment}"
            record = {"text": text, "source": FRAGMENTS[number * 7 % len(FRAGMENTS)]}
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")
    return path


def project(folder: Path) -> Path:
    """A book of the three chapters and the page of fragments."""
    shutil.copytree(CHECKOUT / "book", folder / "book", ignore=shutil.ignore_patterns("*.md"))
    shutil.copy(CHECKOUT / "_config.yml", folder)
    for name in ("bibliography.md", "glossary.md"):
        shutil.copy(CHECKOUT / "book" / name, folder / "book")
    (folder / "notebooks").mkdir()
    for name in CHAPTERS:
        shutil.copy(CHECKOUT / "notebooks" / f"{name}.ipynb", folder / "notebooks")
    parameters = nbformat.v4.new_code_cell('PROFILE = "demo"\nCORPUS = ""', metadata={"tags": ["parameters"]})
    code = nbformat.v4.new_code_cell(
        SHOWN.replace("FRAGMENTS", repr(FRAGMENTS[:-1]) + " + ('башҡорттар' * 10_000,)", 1)
    )
    code.metadata["tags"] = ["remove-input"]
    title = nbformat.v4.new_markdown_cell("# Fragments")
    notebook = nbformat.v4.new_notebook(cells=[title, parameters, code], metadata=KERNEL)
    nbformat.write(notebook, folder / "notebooks" / f"{OWN}.ipynb")
    plain = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Plain"), parameters], metadata=KERNEL)
    nbformat.write(plain, folder / "notebooks" / f"{PLAIN}.ipynb")
    files = [{"file": f"notebooks/{name}"} for name in (PLAIN, *CHAPTERS, OWN)]
    (folder / "_toc.yml").write_text(
        yaml.safe_dump({"format": "jb-book", "root": "book/bibliography", "chapters": files})
    )
    return folder


@dataclass(frozen=True)
class Pages:
    folder: Path
    executed: Path
    """The notebooks, run."""

    def address(self, name: str) -> str:
        return (self.folder / "notebooks" / f"{name}.html").as_uri()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """The pages, built before the browser starts."""
    executable()
    folder = tmp_path_factory.mktemp("hostile")
    profile = folder / "hostile.yaml"
    profile.write_text(yaml.safe_dump(PROFILE))
    (folder / "project").mkdir()
    index = book.build(
        str(profile), str(corpus(folder)), Workspace(folder / "home"), project=project(folder / "project")
    )
    return Pages(index.parent, index.parents[2] / "notebooks")


@pytest.fixture(scope="module")
def usual(pages, browser) -> list[str]:
    """What the console of a page without any corpus says: the theme's own complaints."""
    with watched(browser) as found:
        found.page.goto(pages.address(PLAIN))
        found.page.evaluate(SETTLED)
        return found.complaints


@pytest.mark.parametrize("width", [1200, 390])
@pytest.mark.parametrize("name", [*CHAPTERS, OWN])
def test_page_stays_as_it_is(pages, browser, usual, name, width):
    with watched(browser, viewport={"width": width, "height": 800}) as found:
        page = found.page
        page.goto(pages.address(name))
        page.evaluate(SETTLED)
        page.locator("details").evaluate_all("all => all.forEach((each) => { each.open = true; })")
        measured = page.evaluate(MEASURES)
        assert measured.pop("tables"), "nothing was measured"
        assert measured == {
            "foreign": [], "pictures": [], "wide": [], "spill": [0, 0], "invisible": 0, "turned": 0
        }  # fmt: skip
        assert (found.foreign, found.dialogs, found.complaints) == ([], [], usual)
        assert page.evaluate("window.hacked") is None


def test_a_word_without_end_leaves_tables_readable(pages, browser):
    with watched(browser, viewport={"width": 1200, "height": 800}) as found:
        found.page.goto(pages.address(OWN))
        article = found.page.locator("article").bounding_box()["width"]
        widths = found.page.evaluate(MEASURES)["tables"]
        assert max(widths) < 1.5 * article, widths


def test_fragments_are_shown_and_not_removed(pages, browser):
    with watched(browser) as found:
        found.page.goto(pages.address(OWN))
        text = found.page.locator("article").text_content()
    for fragment in FRAGMENTS[:6]:
        assert " ".join(fragment.split()) in " ".join(text.replace("↵", " ").split()), fragment
    assert "⟨U+001B⟩[31mҡыҙыл" in text
    assert "⟨U+202E⟩терс" in text
    assert "The last line." in text
