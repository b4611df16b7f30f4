"""The report of the smoke grid in a real browser, offline, on a desktop and on a phone."""

import csv
import math
import re
from itertools import groupby

import pytest
from playwright.sync_api import Page

CHAPTERS = [
    "1 Overview",
    "2 Training",
    "3 Spike trains",
    "4 Process",
    "5 Indicators",
    "8 Uses",
    "9 Tables",
    "Provenance",
]


PICTURE = (
    "[...document.querySelectorAll('#app img')].some(image => image.src.length > 9999 && image.naturalWidth > 200)"
)
"""Tells whether a picture that is no logo has come."""


def results_of(page: Page) -> dict[str, dict]:
    """What the report holds, by path; without the files themselves."""
    return page.evaluate(
        "Object.fromEntries(Object.entries(results).map(([path, {mime_type, labels}]) => [path, {mime_type, labels}]))"
    )


def open_menu(page: Page) -> None:
    page.evaluate("app.setView({navbarMode: 'menu'})")


def lists_of(page: Page):
    """Open every category and subcategory by clicks, and yield their names, each with its list of results."""
    open_menu(page)
    for category in page.evaluate("Object.keys(categories).sort((a, b) => a.localeCompare(b))"):
        open_menu(page)
        page.locator("nav li a", has_text=re.compile(rf"^{re.escape(category)}$")).click()
        subcategories = page.evaluate("category => Object.keys(categories[category])", category)
        for subcategory in subcategories:
            if len(subcategories) > 1:
                page.evaluate("category => app.showCategory(category)", category)
                page.locator("nav li a", has_text=re.compile(rf"^{re.escape(subcategory)}$")).click()
            page.wait_for_selector("nav table")
            yield category, subcategory


def table_in(page: Page, name: str):
    """Show a table, and return the frame that it is in."""
    entry = f"results/pages/{name}.html"
    page.evaluate("p => app.setView({content: 'html', contentPath: results[p].data_uri, resultPath: p})", entry)
    frame = page.frame_locator("iframe")
    frame.locator("tbody tr").first.wait_for()
    return frame


def test_opening_page_says_what_was_run_and_found(opened):
    said = opened.page.locator("#app .overview").inner_text()
    assert "10 networks, 8 of them trained: mlp on digits" in said
    assert "200 images for training and 100 for testing" in said
    assert "Which features tell memorizing from generalizing networks" in said
    assert "What answers to doses" in said
    assert "Can a network be told to memorize" in said


def test_opening_page_begins_in_the_window_and_fits_its_width(opened):
    box, window = opened.page.locator("#app .overview").bounding_box(), opened.page.viewport_size
    assert 0 <= box["y"] < window["height"]
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= window["width"]


def test_chapters_stand_in_order_and_the_opening_page_leads_to_each(opened):
    page = opened.page
    titles = page.locator("nav li a span").all_inner_texts()
    assert [title for title in titles if title in CHAPTERS] == CHAPTERS
    for chapter in CHAPTERS:
        page.locator("#app dl a", has_text=re.compile(rf"^{chapter}$")).click()
        page.locator("nav ol", has_text=chapter).wait_for()
    page.locator("#app dl a", has_text="Statistics").click()
    page.wait_for_selector("#runtimes canvas, #runtimes svg")


def test_every_category_opens_and_every_figure_and_page_shows(opened):
    page = opened.page
    kinds = {path: result["mime_type"] for path, result in results_of(page).items()}
    seen = set()
    for _ in lists_of(page):
        for switch in page.locator("nav fieldset input").all() or [None]:
            if switch:
                switch.evaluate("input => input.click()")
            for eye in page.locator("nav tbody tr td:last-child a:first-of-type").all():
                if eye.get_attribute("download"):
                    continue
                eye.evaluate("link => link.click()")
                path = page.evaluate("app.state.resultPath")
                if kinds[path] == "image/png":
                    page.wait_for_function(PICTURE)
                else:
                    page.frame_locator("iframe").locator("h1, h2").first.wait_for()
                seen.add(path)
    assert seen == {path for path, kind in kinds.items() if kind in ("image/png", "text/html")}


def test_every_figure_says_what_to_see_and_which_networks(opened):
    page = opened.page
    for path, result in results_of(page).items():
        page.evaluate("path => app.showResultInfo(path)", path)
        assert len(page.locator("nav .prose").inner_text()) > 150, path
        if result["mime_type"] == "image/png":
            assert {"figure"} < result["labels"].keys(), path


SORTED = """body => [...document.querySelectorAll("th")].map((title, place) => [1, 2, 3].map(() => {
  title.querySelector("button").click();
  const shown = [...document.querySelectorAll("tbody tr")].map(row => row.cells[place].textContent);
  return [title.getAttribute("aria-sort"), shown];
}))"""
"""Clicks three times on each column, and returns after each what it says of the order and which values it shows."""


def test_every_table_sorts_by_every_column(on_desktop, report):
    for path in sorted((report.folder / "results" / "tables").glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as stream:
            columns, *rows = filter(None, csv.reader(stream))
        frame = table_in(on_desktop.page, path.stem)
        assert frame.locator("th").evaluate_all("titles => titles.map(title => title.textContent)") == columns
        for name, values, clicks in zip(columns, zip(*rows), frame.locator("body").evaluate(SORTED)):
            assert [said for said, _ in clicks] == ["ascending", "descending", "none"]
            shown = [texts for _, texts in clicks]
            assert shown[2] == list(values[:100]), f"{path.name}: {name} is not as in the file"
            present, missing = [value for value in values if value], [value for value in values if not value]
            if all(map(is_number, present)):
                for texts, descends in zip(shown, (False, True)):
                    expected = [*sorted(map(float, present), reverse=descends), *missing][:100]
                    assert [float(text) if text else "" for text in texts] == expected, f"{path.name}: {name}"
            else:
                groups = [[text for text, _ in groupby(texts)] for texts in shown[:2]]
                assert all(len(set(group)) == len(group) for group in groups), f"{path.name}: {name} is in no order"
                if len(values) <= 100:
                    assert [text for text in groups[0] if text] == [text for text in groups[1] if text][::-1]


def is_number(text: str) -> bool:
    try:
        return not math.isnan(float(text))
    except ValueError:
        return False


@pytest.fixture
def indicators(opened, report):
    """The table of indicators as it is shown, and the rows of its file."""
    with (report.folder / "results" / "tables" / "indicators.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(filter(None, csv.reader(stream)))[1:]
    return table_in(opened.page, "indicators"), rows


def test_words_sort_in_their_order(indicators):
    frame, rows = indicators
    frame.get_by_role("button", name="observable").click()
    first = frame.locator("tbody tr td:nth-child(3)").first.inner_text()
    assert first == min(row[2] for row in rows)


def test_words_in_the_filter_keep_the_rows_that_hold_all_of_them(indicators):
    frame, rows = indicators
    frame.get_by_role("searchbox").fill("FIRING_train  rate_mean")
    kept = [row for row in rows if "firing_train" in "\n".join(row) and "rate_mean" in "\n".join(row)]
    assert 0 < len(kept) < 100
    frame.get_by_text(f"of {len(kept)} found in {len(rows)} rows").wait_for()
    assert frame.locator("tbody tr").count() == len(kept)
    frame.get_by_role("searchbox").fill("no such word")
    frame.get_by_text("0–0 of 0 found").wait_for()


def test_pages_turn_to_the_last_row(indicators):
    frame, rows = indicators
    shown = []
    back, on = frame.get_by_role("button", name="previous rows"), frame.get_by_role("button", name="next rows")
    assert back.is_disabled()
    while True:
        shown += frame.locator("tbody").evaluate(
            "body => [...body.rows].map(row => [...row.cells].map(c => c.textContent))"
        )
        if on.is_disabled():
            break
        on.click()
    assert shown == rows


def test_keys_alone_sort_and_turn(indicators):
    frame, rows = indicators
    button = frame.get_by_role("button", name="p_value")
    button.focus()
    button.press("Enter")
    smallest = min(float(row[18]) for row in rows if row[18])
    assert float(frame.locator("tbody tr td:nth-child(19)").first.inner_text()) == smallest
