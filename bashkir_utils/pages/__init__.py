"""A Sphinx extension: readers sort tables, look closer at figures, with scripts that come with the pages, and follow
links.

DataTables is taken whole from the package itables, whose bundle is an ES module. A browser refuses to import a module
from a ``file:`` address, so it is written as a plain script that imports the same text from a ``blob:`` of its own.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..markup import SORTABLE
from . import references

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDER = "bashkir"
"""Inside the pages' ``_static``."""
EMBEDDED = "bashkir-interactive"
"""The class of elements that the pages' script looks for."""
COLOURED = "bashkir-loss"
"""The class of text coloured by loss, of ``errors.coloured``."""
SEARCH_PAGE = "search.html"
_SEARCH_SCRIPT = re.compile(
    r'\s*<script src="[^"]*(?:_static/searchtools|_static/language_data|searchindex)\.js[^"]*"></script>'
)
SUMMARY = "Look closer: an interactive copy of this figure, with the name of the run under the pointer"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("html-page-context", _add_scripts)
    app.connect("build-finished", _write_scripts)
    app.connect("build-finished", _leave_search_to_its_page)
    references.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _add_scripts(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    """A page loads only what it needs."""
    if SORTABLE in context.get("body", ""):
        app.add_css_file(f"{FOLDER}/datatables.css")
        app.add_css_file(f"{FOLDER}/sortable.css")
        app.add_js_file(f"{FOLDER}/datatables.js", loading_method="defer")
        app.add_js_file(f"{FOLDER}/sortable.js", loading_method="defer")
    if COLOURED in context.get("body", ""):
        app.add_css_file(f"{FOLDER}/loss.css")
        app.add_js_file(f"{FOLDER}/loss.js", loading_method="defer")
    if EMBEDDED in context.get("body", ""):
        app.add_js_file(f"{FOLDER}/interactive.js", loading_method="defer")


def _write_scripts(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        write_scripts(Path(app.outdir) / "_static" / FOLDER)


def _leave_search_to_its_page(app: Sphinx, error: Exception | None) -> None:
    """The theme loads the whole search index on every page, for a search while one types, which is off."""
    if error is None and app.builder.format == "html":
        for path in Path(app.outdir).rglob("*.html"):
            text = path.read_text(encoding="utf-8")
            if path.name != SEARCH_PAGE and (lighter := _SEARCH_SCRIPT.sub("", text)) != text:
                path.write_text(lighter, encoding="utf-8")


def write_scripts(folder: Path) -> None:
    """Write the scripts and styles of sortable tables and interactive figures into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    bundle = resources.files("itables") / "html"
    module = json.dumps((bundle / "dt_bundle.js").read_text(encoding="utf-8"), ensure_ascii=False)
    blob = f'new Blob([{module}],{{type:"text/javascript"}})'
    script = f"window.bashkirDataTables=import(URL.createObjectURL({blob}));\n"
    (folder / "datatables.js").write_text(script, encoding="utf-8")
    (folder / "datatables.css").write_bytes((bundle / "dt_bundle.css").read_bytes())
    bokeh = Path(str(resources.files("bokeh"))) / "server" / "static" / "js" / "bokeh.min.js"
    own = sorted(path for path in Path(__file__).parent.iterdir() if path.suffix in {".js", ".css"})
    for path in (bokeh, *own):
        shutil.copyfile(path, folder / path.name)


def embed_html(item: str) -> str:
    """HTML that the pages' script turns into the figure; without a script nothing of it is seen.

    ``item`` is JSON of ``plots.interactive``; nothing in it can end the element that holds it.
    """
    inert = item.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return (
        f'<details class="{EMBEDDED}" hidden><summary>{html.escape(SUMMARY)}</summary>'
        f'<script type="application/json">{inert}</script></details>'
    )
