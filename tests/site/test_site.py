"""The site as `make site` builds it: it loads nothing from elsewhere, and its links lead somewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

SITE = Path(__file__).parents[2] / "site"
PAGES = sorted(path.name for path in SITE.glob("*.html") if path.name != "404.html")

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
"""What a browser fetches by itself, by element and attribute."""


class Page(HTMLParser):
    """What a page loads, links to, and is linked to at."""

    def __init__(self, path: Path):
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag in LOADED and attributes.get(LOADED[tag]):
            self.loaded.append(attributes[LOADED[tag]])
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        if attributes.get("id"):
            self.anchors.add(attributes["id"])


def test_site_was_built():
    assert {"index.html", "tour.html", "parameters.html", "library.html"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_page_loads_files_of_the_site_alone(name):
    loaded = Page(SITE / name).loaded
    assert len(loaded) > 2
    assert [source for source in loaded if not (SITE / source.partition("?")[0]).is_file()] == []


def test_styles_load_files_of_the_site_alone():
    styles = list(SITE.rglob("*.css"))
    assert styles
    for style in styles:
        assert re.findall(r"url\(\s*[\"']?(?:https?:)?//|@import", style.read_text(encoding="utf-8")) == [], style


@pytest.mark.parametrize("name", PAGES)
def test_links_of_the_page_lead_to_pages_and_anchors(name):
    for link in Page(SITE / name).links:
        if not re.match(r"https?:", link):
            target, _, anchor = link.partition("#")
            path = SITE / (target or name)
            assert path.is_file(), link
            assert not anchor or anchor in Page(path).anchors, link


def test_every_function_that_the_library_page_names_is_described():
    named = re.findall(r"^::: (\S+)$", (SITE.parent / "docs" / "library.md").read_text(encoding="utf-8"), re.MULTILINE)
    anchors = Page(SITE / "library.html").anchors
    described = {name for name in named if name in anchors or any(anchor.startswith(f"{name}.") for anchor in anchors)}
    assert set(named) - described == set()
