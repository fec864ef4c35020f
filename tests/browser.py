"""A real browser for tests: Debian's Chromium, driven by Playwright, which brings none of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, Route, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    # as root there is no other way
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
)
LOCAL_SCHEMES = frozenset({"file", "data", "blob", "about"})
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost"})
LOUD = frozenset({"error", "warning"})
"""Kinds of messages of the console that should not be."""
SERIOUS = frozenset({"serious", "critical"})
"""What axe-core calls the barriers that a page may not have."""


@dataclass
class Watched:
    """A page, and what happened on it that should not have."""

    page: Page
    foreign: list[str] = field(default_factory=list)
    """Requests to another machine; they are refused."""
    complaints: list[str] = field(default_factory=list)
    """Errors and warnings of the console, and uncaught errors."""
    dialogs: list[str] = field(default_factory=list)

    def assert_quiet(self) -> None:
        """Nothing left the machine, nothing was complained of, nothing popped up."""
        assert (self.foreign, self.complaints, self.dialogs) == ([], [], [])


def executable() -> str:
    """Path of a Chromium; without one the test fails in CI and is skipped elsewhere."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    reason = f"no browser ({', '.join(NAMES)}): apt-get update && apt-get install -y chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def running() -> Iterator[Browser]:
    """Chromium, closed after the block."""
    path = executable()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield started
        started.close()


@contextmanager
def watched(browser: Browser, **settings: object) -> Iterator[Watched]:
    """A page of its own, with storage of its own; ``settings`` are those of Playwright's ``new_context``."""
    context = browser.new_context(**settings)
    found = Watched(context.new_page())

    def route(asked: Route) -> None:
        target = urlsplit(asked.request.url)
        if target.scheme in LOCAL_SCHEMES or target.hostname in LOCAL_HOSTS:
            asked.continue_()
        else:
            found.foreign.append(asked.request.url)
            asked.abort()

    context.route("**/*", route)
    found.page.on("console", lambda said: found.complaints.append(said.text) if said.type in LOUD else None)
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.on("dialog", lambda dialog: (found.dialogs.append(dialog.message), dialog.dismiss()))
    yield found
    context.close()


def violations(page: Page) -> list[str]:
    """What axe-core holds to be a serious or critical barrier, with the elements and the reason."""
    # without `preload`: it fetches what style sheets import, from a wrong folder
    found = page.evaluate("axe.run({resultTypes: ['violations'], preload: false})")["violations"]
    return [
        f"{each['id']}: {node['html'][:200]} {(node['any'] + node['all'] + node['none'])[0]['message']}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]


def lasting_violations(page: Page) -> list[str]:
    """As :func:`violations`; a page that a busy machine has not laid out yet is looked at again."""
    found = violations(page)
    if found:
        page.wait_for_timeout(3000)
        found = violations(page)
    return found


def barriers(page: Page) -> list[str]:
    """What :func:`lasting_violations` finds on a page that has no axe-core yet."""
    page.evaluate(AXE_SCRIPT)
    return lasting_violations(page)
