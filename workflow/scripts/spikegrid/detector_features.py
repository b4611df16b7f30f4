"""What a detector is given of each network: its features at the end of training, a column a feature."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from spikegrid.findings import LAST_LAYER, WHOLE_NETWORK
from spikegrid.stability import INDICATOR
from spikegrid.tables import RUN, at_last_epoch, in_last_layer

NAME = tuple[str, str, str]
"""What names a feature: observable, feature and place."""

SETS = LABEL_FREE, TRAINING_DATA_ONLY, ALL = "label_free", "training_data_only", "all"

_NOT_LEARNED = "not learned"
_OVER_TRAINING = "*_separability"
"""Features that compare checkpoints of one training with each other; a network that comes alone has none."""


def network_features(features: pd.DataFrame) -> pd.DataFrame:
    """Return the features of networks at their last epoch, float64, a row a network and a column a feature.

    features: a joined table of observables. Rows are named by RUN and columns by observable, feature and place: the
    ``last layer``, the deepest that the observable measures in this dataset and architecture, or the ``network`` as a
    whole, both in order. NaN where a network lacks a feature.
    """
    last = at_last_epoch(features)
    places = np.select([last["depth"] == 0, in_last_layer(last)], [WHOLE_NETWORK, LAST_LAYER], "")
    placed = last.assign(place=places)[places != ""]
    table = placed.pivot(index=RUN, columns=INDICATOR, values="value").astype(float)
    return table.sort_index().sort_index(axis=1)


def usable_features(table: pd.DataFrame, traits: dict[str, dict[str, Any]]) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return a table of ``network_features`` without those that no detector may take, and the reason for each by name.

    traits: for each observable the ``caveats`` of its features. Left out are features that differ before any training,
    because they would tell labels that do not fit the images, whatever the network has learned of them; those that need
    the course of training; and those that a network lacks or that are the same in all networks.
    """
    reasons = {}
    for column in table:
        observable, feature, _ = column
        values = table[column].to_numpy()
        undefined = np.count_nonzero(~np.isfinite(values))
        if _matches(feature, traits[observable]["caveats"].get(_NOT_LEARNED, [])):
            reasons[column] = "differs before any training"
        elif fnmatchcase(feature, _OVER_TRAINING):
            reasons[column] = "needs the course of training"
        elif undefined:
            reasons[column] = f"undefined in {undefined} of {len(values)} networks"
        elif np.ptp(values) == 0:
            reasons[column] = "the same in all networks"
    return table.drop(columns=list(reasons)), {in_words(column): reason for column, reason in reasons.items()}


def feature_sets(columns: Iterable[NAME], traits: dict[str, dict[str, Any]]) -> dict[str, list[NAME]]:
    """Return the features of each set that has any, by what must be at hand to measure them.

    ``label_free`` needs no labels; ``training_data_only`` training images, with or without their true labels, but no
    others; ``all`` whatever the grid measures. traits: for each observable its ``images`` and which features need
    ``labels``.
    """
    columns = list(columns)
    sets = {
        LABEL_FREE: [name for name in columns if not needs_labels(name, traits)],
        TRAINING_DATA_ONLY: [name for name in columns if traits[name[0]]["images"] == "train"],
        ALL: columns,
    }
    return {name: members for name, members in sets.items() if members}


def needs_labels(name: NAME, traits: dict[str, dict[str, Any]]) -> bool:
    """Tell whether a feature needs the labels of images."""
    return _matches(name[1], traits[name[0]]["labels"])


def in_words(name: NAME) -> str:
    """Return the name of a feature as one text."""
    observable, feature, place = name
    return f"{observable}/{feature}, {place}"


def _matches(feature: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(feature, pattern) for pattern in patterns)
