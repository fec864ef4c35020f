"""The real chapters under the smoke profile, built once for all test files, and the pages that come of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from bashkir_utils import book
from bashkir_utils.workspace import Workspace

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Built:
    edition: book.Edition
    index: Path
    inputs: dict[str, str]

    @property
    def chapters(self) -> list[Path]:
        return book.notebooks(CHECKOUT)

    @property
    def pages(self) -> dict[Path, BeautifulSoup]:
        root = self.index.parent
        paths = [path for path in sorted(root.rglob("*.html")) if path.relative_to(root).parts[0] != "_static"]
        return {path: soup(path) for path in paths}


def soup(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The real chapters, all of them, in a workspace of their own; a Sphinx warning would fail this."""
    base = tmp_path_factory.getbasetemp()
    # Workers of pytest-xdist share one workspace: the first builds, the others wait and reuse.
    workspace = Workspace((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "whole")
    index = book.build("smoke", None, workspace, project=CHECKOUT)
    edition = book.open_edition("smoke", None, workspace, CHECKOUT)
    return Built(edition, index, book.shared_inputs(edition))


@pytest.fixture(scope="session")
def pages(built: Built) -> dict[Path, BeautifulSoup]:
    return built.pages


def page_of(built: Built, chapter: Path) -> Path:
    return built.index.parent / chapter.relative_to(CHECKOUT).with_suffix(".html")
