"""What linear probes read off layers, over networks, beside what they read off pixels and off untrained networks."""

from typing import Any

import numpy as np
import pandas as pd

from spikegrid.indicators import bootstrap_interval
from spikegrid.probes import PIXELS
from spikegrid.tables import RUN, at_last_epoch

COLUMNS = [
    *("observable", "target", "dataset", "architecture", "regime", "layer", "depth", "width", "networks"),
    *("accuracy", "low", "high", "untrained", "gain", "gain_low", "gain_high", "pixels", "chance"),
]

_REGIME = ["observable", "target", "dataset", "architecture", "regime"]
_LAYER = ["layer", "depth", "width"]


def transfer_accuracies(probes: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return the accuracy of probes at the end of training, a row for each layer and regime of a cell, in COLUMNS.

    probes: the joined table of probes of all runs, with ``observable`` and ``reached_target``. settings: ``confidence``
    and ``resamples``. Networks that missed their target accuracy are left out; ``networks`` are left.

    ``accuracy`` is the mean over networks, ``untrained`` that of the same networks at epoch 0, ``gain`` the mean
    difference of the two; ``low`` and ``high``, ``gain_low`` and ``gain_high`` bound their percentile bootstrap
    intervals over networks, of which gain and its interval are paired by network. Intervals are NaN for one network,
    ``untrained`` and ``gain`` where there is no epoch 0. ``pixels`` is the accuracy of a probe of the images, without a
    network; ``chance`` the share of the largest class. Both have no interval over networks: they are the same for all.
    """
    key = ["observable", *RUN]
    reached = probes[probes["reached_target"]]
    before = reached[reached["epoch"] == 0].rename(columns={"accuracy": "untrained"})
    last = at_last_epoch(reached)
    pixels = last[last["layer"] == PIXELS].rename(columns={"accuracy": "pixels"})
    layers = last[last["depth"] > 0].merge(before[[*key, "layer", "untrained"]], on=[*key, "layer"], how="left")
    layers = layers.merge(pixels[[*key, "pixels"]], on=key, validate="many_to_one")
    layers["gain"] = layers["accuracy"] - layers["untrained"]
    tables = [_over_networks(names, networks, settings) for names, networks in layers.groupby(_REGIME, sort=False)]
    return pd.concat(tables, ignore_index=True)[COLUMNS] if tables else pd.DataFrame(columns=COLUMNS)


def _over_networks(names: tuple[str, ...], networks: pd.DataFrame, settings: dict[str, Any]) -> pd.DataFrame:
    """Return the rows of one regime of a cell."""
    by_layer = networks.sort_values("depth", kind="stable").groupby(_LAYER, sort=False)
    table = by_layer[["accuracy", "untrained", "gain", "pixels", "chance"]].mean()
    table["networks"] = by_layer.size()
    for value, bounds in (("accuracy", ["low", "high"]), ("gain", ["gain_low", "gain_high"])):
        values = networks.pivot(index=_LAYER, columns="seed", values=value).loc[table.index].to_numpy(float)
        nothing = np.zeros((len(values), 2))
        table[bounds] = np.transpose(bootstrap_interval(values, nothing, settings["confidence"], settings["resamples"]))
    return table.reset_index().assign(**dict(zip(_REGIME, names)))
