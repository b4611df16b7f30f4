"""What was run and what was found, in words with numbers: the opening page of the report."""

from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from spikegrid import detector_scores, doses, indicators, pruning_areas, simulation, stability, transfer_accuracies
from spikegrid.elsewhere import RECORDING
from spikegrid.images import TEST, TRAIN, ImageSet
from spikegrid.overview_findings import (
    Section,
    accuracy_kept,
    answers_to_doses,
    best_features,
    comparison,
    counted,
    detection,
    listed,
    mean_share,
    process,
    reproduced,
    span,
    transferred,
)
from spikegrid.pages import table
from spikegrid.tables import RUN, RUN_COLUMNS

COLUMNS = {
    "runs": RUN_COLUMNS,
    "indicators": indicators.COLUMNS,
    "stable_indicators": stability.COLUMNS,
    "doses": doses.COLUMNS,
    "simulation": simulation.COLUMNS,
    "detector": detector_scores.COLUMNS,
    "pruning": pruning_areas.COLUMNS,
    "transfer": transfer_accuracies.COLUMNS,
}
"""The csv tables that the page is made of, and their columns."""

STYLE = """\
.overview { font: 15px/1.5 sans-serif; color: #262626; max-width: 50em; }
.overview h2 { font-size: 1.2em; font-weight: 600; margin: 1.2em 0 .4em; }
.overview h3 { font-size: 1em; font-weight: 600; margin: 1em 0 .2em; }
.overview p, .overview li { margin: .3em 0; }
.overview ul { padding-left: 1.2em; list-style: disc; }
.overview table { border-collapse: collapse; font-size: .9em; }
.overview th, .overview td { padding: .2em .8em .2em 0; text-align: left; border-bottom: 1px solid #e6e6e6; }
.overview .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.overview th.number { white-space: normal; }
.overview .wide { overflow-x: auto; }
"""


def overview(
    images: dict[str, ImageSet],
    features: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    kinds: dict[str, str],
    settings: dict[str, Any],
) -> str:
    """Return the opening page: HTML to be put into a page, in a block of the class ``overview``.

    images: the sets that networks were trained on, by name. features: the joined table of all runs. tables: those of
    COLUMNS that the grid has, by name; there are always ``runs``. kinds: the kind of each observable. settings: those
    of ``indicators``.

    A number over networks has its interval and n beside it, as the tables have them. Of what is not in the tables
    nothing is said.
    """
    runs = tables["runs"]
    regimes = _shown_regimes(runs, settings)
    chosen = best_features(tables["stable_indicators"], kinds) if "stable_indicators" in tables else []
    parts: dict[str, Callable[[pd.DataFrame], Section]] = {
        "doses": lambda rows: answers_to_doses(rows, chosen, settings),
        "simulation": lambda rows: reproduced(rows, regimes, settings),
        "detector": detection,
        "pruning": lambda rows: accuracy_kept(rows, regimes),
        "transfer": lambda rows: transferred(rows, regimes),
    }
    found = [
        comparison(tables, chosen, settings),
        process(features, kinds, regimes, settings),
        *(part(tables[name]) for name, part in parts.items() if name in tables),
    ]
    intervals = (
        f"In brackets: {100 * settings['confidence']:.3g} % intervals over networks (seeds), never over units: exact "
        "ones for shares of networks, of all else percentile bootstrap ones, which of few networks are narrower than "
        "their name says. Networks that missed their target accuracy are left out."
    )
    sections = [
        Section("What was run", _run(runs, images, kinds), _networks(runs, settings)),
        Section("What was found", [], f"<p>{escape(intervals)}</p>\n"),
    ]
    below = [_written(section, "h3") for section in found if section.sentences or section.further]
    return (
        f'<meta charset="utf-8">\n<style>\n{STYLE}</style>\n<div class="overview">\n'
        f"{''.join(_written(section, 'h2') for section in sections)}{''.join(below)}</div>\n"
    )


def _written(section: Section, heading: str) -> str:
    points = "".join(f"<li>{escape(sentence)}\n" for sentence in section.sentences)
    points = f"<ul>\n{points}</ul>\n" if points else ""
    return f"<{heading}>{escape(section.title)}</{heading}>\n{points}{section.further}"


def _run(runs: pd.DataFrame, images: dict[str, ImageSet], kinds: dict[str, str]) -> list[str]:
    recorded = runs[runs["architecture"] == RECORDING]
    networks = runs[runs["architecture"] != RECORDING]
    said = []
    if len(networks):
        trained = np.count_nonzero(networks["trained_epochs"] > 0)
        datasets, architectures, regimes = (networks[axis].drop_duplicates() for axis in RUN[:-1])
        seeds = networks.groupby(RUN[:-1])["seed"].size()
        said.append(
            f"{counted(len(networks), 'network')}, {trained} of them trained: {listed(architectures)} on "
            f"{listed(datasets)}, {'regime' if len(regimes) == 1 else 'regimes'} {listed(regimes)}; "
            f"{span(seeds)} {'network' if seeds.max() == 1 else 'networks'} (seeds) of each combination."
        )
    for name, image_set in images.items():
        parts = [np.count_nonzero(image_set.split == part) for part in (TRAIN, TEST)]
        said.append(
            f"{name}: {parts[0]:,} images for training and {parts[1]:,} for testing, of "
            f"{counted(len(image_set.classes), 'class', 'es')}."
        )
    for (name, condition), sessions in recorded.groupby(["dataset", "regime"], sort=False):
        said.append(f"{name}, recorded: {counted(len(sessions), 'session')} under {condition}.")
    with_target = networks[networks["target_accuracy"] > 0]
    missed = networks[~networks["reached_target"]]
    if len(missed):
        counts = missed.groupby(RUN[:-1], sort=False).size().items()
        cells = listed(f"{count} of " + "/".join(cell) for cell, count in counts)
        said.append(
            f"{len(missed)} of {len(networks)} networks missed the accuracy that they had to reach on their own "
            f"labels, and are in no comparison: {cells}."
        )
    elif len(with_target):
        said.append(
            f"All {counted(len(with_target), 'network')} with a target accuracy on their own labels reached it."
        )
    elif len(networks):
        said.append("No network had a target accuracy to reach.")
    return [*said, f"Measured: {listed(kinds)}."]


def _networks(runs: pd.DataFrame, settings: dict[str, Any]) -> str:
    """Return a table of accuracies, a row a regime of a cell."""
    rows = []
    for names, group in runs[runs["architecture"] != RECORDING].groupby(RUN[:-1], sort=False):
        reached = group[group["reached_target"]]
        accuracies = [mean_share(reached[name], settings) for name in ("train_accuracy", "test_accuracy")]
        epochs, shown = span(group["trained_epochs"]), span(group["training_images"])
        rows.append([*names, f"{len(reached)} of {len(group)}", epochs, shown, *accuracies])
    header = [*RUN[:-1], "reached target", "epochs", "training images", "accuracy on labels trained on"]
    header.append("on test images")
    return table(header, rows, header[4:]) if rows else ""


def _shown_regimes(runs: pd.DataFrame, settings: dict[str, Any]) -> list[str]:
    """Return the compared regimes that are there, or else all."""
    regimes = runs["regime"].drop_duplicates().tolist()
    compared = [settings[role] for role in ("generalizing", "memorizing")]
    return [regime for regime in compared if regime in regimes] or regimes
