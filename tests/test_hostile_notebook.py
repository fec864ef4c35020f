"""A notebook whose outputs are full of markup and codes, opened in JupyterLab: it stays as it is.

The notebook is trusted, as one is that was run in Lab itself: Lab then cleans nothing, so what holds is the escaping.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
import pytest
from browser import executable, watched
from playwright.sync_api import expect
from test_hostile_text import FRAGMENTS

NAME = "hostile"
BEGIN = f"""
%matplotlib inline
import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown
from made_scores import made_scores
from bashkir_utils import report, tokenization
from bashkir_utils.errors import coloured, memorisation
from bashkir_utils.markup import escape_markdown, html_table
from bashkir_utils.plots import results as result_plots

formulas = "\\\\begin{{equation}}x\\\\end{{equation}} @@0@@ \\\\\\\\(x\\\\\\\\)"
bad = (*{FRAGMENTS[:-1]!r}, formulas, "башҡорттар" * 10_000)
"""
SHOWN = (
    'Markdown("\\n\\n".join(f"**{escape_markdown(each)}:** the text after it" for each in bad))',
    'Markdown("\\n".join(f"- one {escape_markdown(each)}" for each in bad))',
    "HTML(html_table(pd.DataFrame({each: bad for each in bad[:3]}, index=pd.Index(bad, name=bad[0])), bad[0], "
    'text=[bad[1]], language="ba"))',
    'HTML(report.continuations_html(pd.DataFrame([{"prompt": p, "kind": p, "gloss": p, "model": m, "continuation": m, '
    '"sample": 0} for p in bad[:3] for m in bad])))',
    'HTML(tokenization.split_table_html([tokenization.load_tokenizer("gpt2")], " ".join(each[:300] for each in bad)))',
    "HTML(coloured.loss_html((text := made_scores([' '.join(bad)], [])[1]), {each: np.full(len(text.units), 20.0) "
    "for each in bad}, 0, language=bad[0], characters=2000))",
    "result_plots.repetition_bars(pd.DataFrame(dict.fromkeys(result_plots.REPETITION, 0.5), index=list(bad)), bad[9])",
    'Markdown("A formula that is meant: $a+b$. The last line.")',
)
"""One cell each; the last shows that formulas are set, and that all before it had their turn."""
LAB_SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none", "maxNumberOutputs": 10_000},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
"""Every cell and output in the page at once, and nothing asked of other machines."""
PATIENCE = 300_000
"""Milliseconds that Lab may take to open a notebook on a busy machine."""
MEASURES = """() => {
  const INVISIBLE = /[\\u0000\\u001b\\u007f\\u034f\\u115f\\u2800\\u3164\\u202a-\\u202e\\u2066-\\u2069\\ufe0f\\ufeff]/;
  const outputs = [...document.querySelectorAll(".jp-OutputArea-output")];
  const inside = (what) => outputs.flatMap((output) => [...output.querySelectorAll(what)]);
  const name = (node) => node.outerHTML.slice(0, 300);
  return {
    hacked: window.hacked ?? null,
    foreign: inside("script, a[href], iframe, object, embed, form, textarea, h1, h2, hr, [onerror]").map(name),
    pictures: inside("img").map((image) => image.src).filter((src) => !src.startsWith("data:image/png;base64,")),
    formulas: inside("mjx-container").map((each) => each.closest("p")?.textContent.includes("is meant") ?? false),
    invisible: outputs.flatMap((each) => [...each.textContent]).filter((sign) => INVISIBLE.test(sign)).length,
    turned: inside("*").filter((node) => getComputedStyle(node).direction !== "ltr").map(name),
  };
}"""


@dataclass(frozen=True)
class Lab:
    notebook: nbformat.NotebookNode
    address: str
    """Of the notebook, with the token."""


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> Path:
    """The notebook, run."""
    executable()
    folder = tmp_path_factory.mktemp("notebook")
    cells = [nbformat.v4.new_code_cell(code) for code in (BEGIN, *SHOWN)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "plain.ipynb")
    papermill.execute_notebook(
        folder / "plain.ipynb", folder / f"{NAME}.ipynb", cwd=Path(__file__).parent, progress_bar=False
    )
    return folder / f"{NAME}.ipynb"


@pytest.fixture(scope="module")
def lab(executed, tmp_path_factory) -> Iterator[Lab]:
    """JupyterLab on the notebook, with settings and folders of its own."""
    home = tmp_path_factory.mktemp("lab")
    folders = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment = {**os.environ, **folders, "JUPYTERLAB_SETTINGS_DIR": str(home / "settings")}
    for name, content in LAB_SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))
    subprocess.run([sys.executable, "-m", "nbformat.sign", str(executed)], env=environment, check=True)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--ServerApp.port=0", f"--ServerApp.root_dir={executed.parent}"],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        found = serving(server, home / "runtime")
        address = f"{found['url']}lab/tree/{NAME}.ipynb?token={found['token']}"
        yield Lab(nbformat.read(executed, as_version=4), address)
    finally:
        stop(server)


def serving(server: subprocess.Popen, folder: Path) -> dict[str, str]:
    """What the server writes down of itself once it listens."""
    path = folder / f"jpserver-{server.pid}.json"
    while not (found := whole_json(path)):
        assert server.poll() is None, "JupyterLab did not start"
        time.sleep(0.1)
    return found


def whole_json(path: Path) -> dict[str, str]:
    """What a file holds; nothing while it is not there or not written to its end."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def stop(server: subprocess.Popen) -> None:
    """Politely, since it has kernels to end; a second time less so."""
    server.terminate()
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def outputs_shown(notebook: nbformat.NotebookNode) -> int:
    """How many outputs Lab makes of the notebook's: it joins neighbours of one stream."""
    count = 0
    for cell in notebook.cells:
        streams = [output.get("name") for output in cell.get("outputs", [])]
        count += sum(name is None or name != before for before, name in zip([None, *streams], streams, strict=False))
    return count


def test_a_trusted_notebook_in_jupyterlab_stays_as_it_is(lab, browser):
    assert outputs_shown(lab.notebook) >= len(SHOWN)
    with watched(browser) as found:
        page = found.page
        page.set_default_timeout(PATIENCE)
        page.goto(lab.address)
        shown = page.locator(".jp-OutputArea-output")
        expect(shown).to_have_count(outputs_shown(lab.notebook), timeout=PATIENCE)
        expect(shown.last).to_contain_text("The last line.", timeout=PATIENCE)
        shown.last.locator("mjx-container").wait_for(state="attached")
        measured = page.evaluate(MEASURES)
        assert measured == {
            "hacked": None, "foreign": [], "pictures": [], "formulas": [True], "invisible": 0, "turned": []
        }  # fmt: skip
        assert (found.foreign, found.dialogs) == ([], [])
        text = "\n".join(shown.all_text_contents()).replace("↵", " ")
    for fragment in (*FRAGMENTS[:6], FRAGMENTS[9], "@@0@@", r"\begin{equation}x\end{equation}"):
        assert " ".join(fragment.split()) in " ".join(text.split()), fragment
    assert "⟨U+001B⟩[31mҡыҙыл" in text
    assert "⟨U+202E⟩терс" in text
