"""The page of findings holds every sentence once, escaped, and needs nothing else. Sentences: test_stability."""

import re
from html.parser import HTMLParser

import pandas as pd

from spikegrid.feature_names import in_words
from spikegrid.findings import findings_page

SETTINGS = {"memorizing": "noise<1>", "generalizing": "true & plain", "false_discovery_rate": 0.05}


class Texts(HTMLParser):
    """Text of every cell of a table, and every address."""

    def __init__(self):
        super().__init__()
        self.cells, self.addresses, self._open = [], [], False

    def handle_starttag(self, tag, attributes):
        self._open = tag == "td"
        self.cells += [""] if self._open else []
        self.addresses += [value for name, value in attributes if name in ("href", "src")]

    def handle_data(self, data):
        if self._open:
            self.cells[-1] += data.strip()

    def handle_endtag(self, tag):
        self._open = False


def ranked() -> pd.DataFrame:
    rows = [
        (1, "last layer", True, "Stable: p < .001 & more."),
        (2, "network", True, "Stable: the whole."),
        (3, "last layer", False, "Not stable: its interval includes 0."),
    ]
    return pd.DataFrame(rows, columns=["rank", "place", "stable", "sentence"])


def test_every_sentence_stands_on_the_page_beside_its_rank_by_place():
    page = Texts()
    page.feed(findings_page(ranked(), SETTINGS))
    assert list(zip(page.cells[::2], page.cells[1::2])) == [
        ("1", "Stable: p < .001 & more."),
        ("3", "Not stable: its interval includes 0."),
        ("2", "Stable: the whole."),
    ]


def test_page_counts_stable_features_and_names_the_regimes():
    page = findings_page(ranked(), SETTINGS)
    assert "1 of 2 features are stable." in page
    assert "1 of 1 features are stable." in page
    assert "noise&lt;1&gt;" in page
    assert "true &amp; plain" in page
    assert "noise<1>" not in page


def test_page_needs_no_other_file_and_holds_no_script():
    page = findings_page(ranked(), SETTINGS)
    texts = Texts()
    texts.feed(page)
    assert texts.addresses == []
    assert not re.search(r"<script|url\(", page)


def test_page_without_features_says_so():
    page = findings_page(ranked()[:0], SETTINGS)
    assert page.count("0 of 0 features are stable.") == 2


def test_names_of_features_become_words_with_their_order_behind_a_comma():
    assert in_words("fano_ratio_mean_class_blocked") == "Fano ratio mean, class-blocked"
    assert in_words("firing_rate_mean") == "firing rate mean"
    assert in_words("given") == "given"
