"""What the stable indicators say, in words: a sentence a row, and all of them on a page."""

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from spikegrid.dose_series import SERIES
from spikegrid.feature_names import in_words
from spikegrid.pages import STYLE, page

LAST_LAYER, WHOLE_NETWORK = "last layer", "network"
PLACES = {LAST_LAYER: "layer nearest the output", WHOLE_NETWORK: "whole network"}
"""Places compared across architectures, in words: the deepest layer that an observable measures, and depth 0."""


_STYLE = """\
td:first-child { color: #6b6b6b; text-align: right; }
.unstable { color: #6b6b6b; }
"""
_INTRODUCTION = """\
<h1>Which features tell {memorizing} from {generalizing} networks?</h1>
<p>A row a feature, by rank. A cell is a dataset with an architecture. Stable: one sign in every cell, intervals off 0
in each of them, at the end and over training, and a permutation p that holds among all features. Caveats: what is
bound to rates changes when the firing rates alone change; what is not learned differs before any training.</p>
"""


def findings_page(ranked: pd.DataFrame, settings: dict[str, Any]) -> str:
    """Return the sentences of the stable indicators as a page of HTML, by place and rank, which needs no other file."""
    sections = []
    for place, words in PLACES.items():
        rows = ranked[ranked["place"] == place]
        count = f"{rows['stable'].sum()} of {len(rows)} features are stable."
        found = "".join(
            f"<tr class={'stable' if row.stable else 'unstable'}><td>{row.rank}<td>{escape(row.sentence)}\n"
            for row in rows.itertuples()
        )
        sections.append(f"<h2>{words.capitalize()}</h2>\n<p>{count}</p>\n<table>\n{found}</table>\n")
    regimes = {role: escape(settings[role]) for role in ("memorizing", "generalizing")}
    return page("Stable indicators", _INTRODUCTION.format(**regimes) + "".join(sections), STYLE + _STYLE)


def sentence(row: dict[str, Any], settings: dict[str, Any]) -> str:
    """Return a row of the stable indicators as one sentence; where it is not stable, with every reason.

    row: the columns of ``stability.stable_indicators`` but this one, and the numbers of cells with each reason.
    settings: the names of the two regimes and ``false_discovery_rate``.
    """
    place = "last layer" if row["place"] == LAST_LAYER else "whole network"
    subject = f"the {in_words(row['feature'])} (observable {row['observable']}) of the {place}"
    memorizing, generalizing = settings["memorizing"], settings["generalizing"]
    if not row["stable"]:
        reasons = "; ".join(_reasons(row, settings["false_discovery_rate"]))
        return f"Not stable: {subject}, {memorizing} against {generalizing} networks: {reasons}."
    effects = _range(row["smallest_g"], row["largest_g"], written_number)
    spread = "" if np.isnan(row["smallest_g"]) else f"Hedges' g {effects}, "
    clauses = [
        f"{subject} is {row['sign']} in {memorizing} than in {generalizing} networks in {_all(row['cells'])} "
        f"({spread}adjusted p {_p(row['p_adjusted'])}), {_since(row['separated_from'])} to the end",
        f"it needs {'training' if row['images'] == 'train' else 'test'} images and "
        f"{'' if row['needs_labels'] else 'no '}labels",
    ]
    for series, dose in SERIES.items():
        low, high = row[f"{series}_rho_low"], row[f"{series}_rho_high"]
        if not np.isnan(low):
            course = "it rises" if low > 0 else "it falls" if high < 0 else "it moves in no one direction"
            clauses.append(f"with the {dose.words} {course} (ρ {_range(low, high, written_share)})")
    if row["caveat"]:
        clauses.append(f"caveat: {row['caveat']}")
    return f"Stable: {'; '.join(clauses)}."


def _reasons(row: dict[str, Any], rate: float) -> list[str]:
    """Say why an indicator is not stable, every reason."""
    cells = row["cells"]
    reasons = []
    if row["missing_cells"]:
        reasons.append(f"no network of one regime to compare in {_of(row['missing_cells'], cells)}")
    if row["disagreeing_cells"]:
        reasons.append("its sign differs between cells")
    if row["zero_cells"]:
        reasons.append(f"its difference is 0 in {_of(row['zero_cells'], cells)}")
    for period, words in (("", ""), ("_over_training", "over training ")):
        opposite, undefined = row[f"opposite{period}_cells"], row[f"no_interval{period}_cells"]
        if around := cells - row["missing_cells"] - row[f"off_zero{period}_cells"] - opposite - undefined:
            reasons.append(f"{words}its interval includes 0 in {_of(around, cells)}")
        if opposite and not row["disagreeing_cells"]:
            reasons.append(f"{words}its interval lies on the other side of 0 in {_of(opposite, cells)}")
    if row["p_adjusted"] > rate:
        reasons.append(f"adjusted p {_p(row['p_adjusted'])} is above {written_share(rate, 2 if rate >= 0.01 else 3)}")
    if row["undefined_cells"]:
        reasons.append(f"undefined in {_of(row['undefined_cells'], cells)}")
    elif row["no_interval_cells"]:
        reasons.append(f"its interval is undefined in {_of(row['no_interval_cells'], cells)}")
    if row["no_interval_over_training_cells"] > row["undefined_cells"]:
        reasons.append(
            f"over training its interval is undefined in {_of(row['no_interval_over_training_cells'], cells)}"
        )
    return reasons


def _since(epoch: float) -> str:
    return f"from epoch {epoch:.0f}{', so before any training,' if epoch == 0 else ''}"


def _all(cells: int) -> str:
    return {1: "the one cell", 2: "both cells"}.get(cells, f"all {cells} cells")


def _of(count: int, cells: int) -> str:
    return "the one cell" if cells == 1 else f"{count} of {cells} cells"


def _range(first: float, last: float, written: Callable[[float], str]) -> str:
    return " to ".join(dict.fromkeys([written(first), written(last)]))


def written_number(value: float) -> str:
    """Write with 2 significant digits, and all digits before the point: −3.1, 0.45, 12."""
    rounded = float(f"{value:.2g}")
    return (f"{rounded:.0f}" if abs(rounded) >= 10 else f"{rounded:#.2g}").replace("-", "−")


def written_share(value: float, decimals: int = 2) -> str:
    """Write a number of at most 1 in size without a zero before the point: −.93, .05, 1.00."""
    return f"{round(value, decimals) + 0:.{decimals}f}".replace("0.", ".", 1).replace("-", "−")


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else written_share(value, 2 if value >= 0.1 else 3)
