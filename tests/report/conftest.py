"""Fixtures of tests that open the report in a browser."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from executions import *  # noqa: F403
from playwright.sync_api import Browser, Page, sync_playwright
from snakemake_runs import Finished, snakemake

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}


@pytest.fixture(scope="session")
def report(once, copied_smoke, code, smoke_grid) -> Finished:
    """The smoke run with its report, results/report.html."""

    def reported(folder):
        return snakemake(copied_smoke(folder), "--report", "results/report.html", code=code, config=smoke_grid)

    finished = once("report", reported)
    assert finished.execution.code == 0, finished.execution.text
    return finished


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser of this machine, without a window."""
    path = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
    assert path, "no chromium or chrome is installed; make test-report installs Debian's for root"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


class Watched:
    """A page that is offline, and all that goes wrong in it."""

    def __init__(self, page: Page):
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(f"exception: {error}"))
        page.on("console", lambda said: self.errors.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("requestfailed", lambda request: self.errors.append(f"request failed: {request.url[:200]}"))
        page.on("request", self._note_request)

    def _note_request(self, request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.errors.append(f"request: {request.url[:200]}")


@contextmanager
def opened_at(browser: Browser, report: Finished, size: str) -> Iterator[Watched]:
    """The report, opened from its file in a window of a size, without a network; nothing may go wrong in it."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True)
    watched = Watched(context.new_page())
    watched.page.goto((report.folder / "results" / "report.html").as_uri())
    watched.page.wait_for_selector("#rulegraph canvas, #rulegraph svg")
    yield watched
    assert watched.errors == []
    context.close()


@pytest.fixture(params=SIZES)
def opened(request, browser, report) -> Iterator[Watched]:
    """The report, on a desktop and on a phone."""
    with opened_at(browser, report, request.param) as watched:
        yield watched


@pytest.fixture
def on_desktop(browser, report) -> Iterator[Watched]:
    """The report, on a desktop."""
    with opened_at(browser, report, "desktop") as watched:
        yield watched
