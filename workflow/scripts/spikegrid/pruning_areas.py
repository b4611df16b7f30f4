"""Areas under curves of pruning: of each network, and of the networks of a regime beside random pruning."""

from typing import Any

import numpy as np
import pandas as pd

from spikegrid.indicators import bootstrap_interval
from spikegrid.tables import CELL

CRITERIA = ["rare", "always_on", "fano", "entropy", "information", "magnitude"]
"""What the order in which units are removed goes by, see ``spikegrid.ablation.unit_scores``."""

RANDOM = "random"
"""Name of removal in random order, which stands beside CRITERIA."""

PLACE = ["layer", "depth", "criterion", "images"]
"""What names a curve of one network."""

IMAGES = ("train", "test")
"""Images that accuracy is measured on: ``accuracy_train`` and ``accuracy_test`` are columns of curves."""

COLUMNS = [
    "observable",
    *CELL,
    "regime",
    *PLACE,
    "networks",
    "accuracy",
    "area",
    "relative_area",
    "relative_area_low",
    "relative_area_high",
    "above_random",
    "above_random_low",
    "above_random_high",
    "above_generalizing",
    "above_generalizing_low",
    "above_generalizing_high",
]


def area_under_curve(shares: np.ndarray, accuracy: np.ndarray) -> float:
    """Return the area under accuracy [K] against the share of units removed [K], by the trapezoidal rule, in [0, 1].

    shares: increasing from 0 to 1. With no unit left a network names one class for all images, so that accuracy ends at
    the share of that class, and the area does not come to 0.
    """
    return float(np.trapezoid(accuracy, shares))


def network_areas(curves: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each curve and kind of images: ``accuracy`` with no unit removed, ``area``, ``relative_area``.

    curves: the table that the observable ``pruning`` gives, or several joined. What names a curve there names it here.
    ``relative_area`` is the area over that accuracy, NaN where this is 0.
    """
    measured = ["share", *(f"accuracy_{images}" for images in IMAGES)]
    names = [name for name in curves.columns if name not in measured]
    rows = []
    for name, curve in curves.groupby(names, sort=False):
        for images in IMAGES:
            accuracy = curve[f"accuracy_{images}"].to_numpy()
            area = area_under_curve(curve["share"].to_numpy(), accuracy)
            relative = area / accuracy[0] if accuracy[0] > 0 else np.nan
            rows.append((*name, images, accuracy[0], area, relative))
    return pd.DataFrame(rows, columns=[*names, "images", "accuracy", "area", "relative_area"])


def compare_pruning(curves: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return a row for each regime of a cell, place, criterion and kind of images, in COLUMNS; means over networks.

    curves: those of all runs, with ``observable`` and ``reached_target``; networks that missed their target are left
    out. settings: the name of the regime ``generalizing``, ``confidence`` and ``resamples``.

    ``above_random`` is the relative area less that of random removal in the same networks, ``above_generalizing`` less
    that in the networks of the generalizing regime, whose own rows have none. Of random removal, by training labels,
    the latter is below 0 where networks rely more on single directions than generalizing ones do. ``*_low`` and
    ``*_high`` bound percentile bootstrap intervals over networks: NaN of fewer than 2, narrower than their name says of
    few.
    """
    names = ["observable", *CELL, "regime"]
    areas = network_areas(curves[curves["reached_target"]])
    regimes = {name: _by_network(group) for name, group in areas.groupby(names, sort=False)}
    tables = [pd.DataFrame(columns=COLUMNS)]
    for (*cell, regime), values in regimes.items():
        relative = values["relative_area"].to_numpy()
        table = values.index.to_frame(index=False)
        table[names] = *cell, regime
        table["networks"] = relative.shape[1]
        for column in ("accuracy", "area"):
            table[column] = values[column].mean(axis=1).to_numpy()
        at_random = pd.MultiIndex.from_frame(table[PLACE].assign(criterion=RANDOM))
        random, nothing = values["relative_area"].loc[at_random].to_numpy(), np.zeros_like(relative)
        differences = {"relative_area": (relative, nothing), "above_random": (relative - random, nothing)}
        generalizing = regimes.get((*cell, settings["generalizing"]))
        if generalizing is not None and regime != settings["generalizing"]:
            differences["above_generalizing"] = relative, generalizing["relative_area"].loc[values.index].to_numpy()
        for name, (first, second) in differences.items():
            low, high = bootstrap_interval(first, second, settings["confidence"], settings["resamples"])
            table[name], table[f"{name}_low"], table[f"{name}_high"] = (
                first.mean(axis=1) - second.mean(axis=1),
                low,
                high,
            )
        tables.append(table.reindex(columns=COLUMNS))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _by_network(areas: pd.DataFrame) -> pd.DataFrame:
    """Return places × (value, seed) of one regime, in the order in which places appear."""
    values = areas.pivot(index=PLACE, columns="seed", values=["accuracy", "area", "relative_area"])
    return values.loc[pd.MultiIndex.from_frame(areas[PLACE].drop_duplicates())]
