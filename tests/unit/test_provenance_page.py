"""What results were made of, as a page: every key and number of the JSON, escaped."""

import re
from html import unescape

from spikegrid.provenance_page import provenance_page

PROVENANCE = {
    "spikegrid": "0.1.0",
    "commit": None,
    "repeatable": "The same gives the same.",
    "config": {
        "seeds": 5,
        "detector": None,
        "training": {"amp": False, "checkpoints": [0, 1, 4], "name": "<&>"},
        "exclude": [{"dataset": "a", "regime": ["b", "c"]}, {"dataset": "d"}],
        "only": [],
        "recordings": {},
    },
    "code": {"train": "0f0f"},
    "datasets": {"results/datasets/digits.safetensors": {"sha256": "abc123"}},
    "steps": {
        "train": {
            "jobs": 12,
            "versions": {"torch": "2.6.0, 2.7.0"},
            "machines": ["Abacus"],
            "devices": ["cpu, 1 threads"],
        },
        "observe": {"jobs": 7, "versions": {"torch": "2.7.0", "numpy": "2.1"}, "machines": [], "devices": []},
    },
}


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)).split())


def test_page_shows_configuration_code_data_and_steps():
    said = words(provenance_page(PROVENANCE))
    assert "Made by spikegrid 0.1.0, commit unknown. The same gives the same." in said
    assert "seeds 5 detector none training amp false checkpoints 0, 1, 4 name <&> exclude dataset a regime b, c" in said
    assert "dataset d only none" in said
    assert "results/datasets/digits.safetensors abc123" in said
    assert "train 12 Abacus cpu, 1 threads" in said
    assert "numpy 2.1 torch 2.6.0, 2.7.0" in said
    assert "train 0f0f" in said


def test_names_are_escaped_and_the_page_needs_no_other_file():
    page = provenance_page(PROVENANCE)
    assert "&lt;&amp;&gt;" in page
    assert not re.search(r"https?:|url\(|<link|<script|src=", page)
