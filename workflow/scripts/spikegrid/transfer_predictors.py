"""Which features of the spikes of a layer go with what a linear probe reads off it, from network to network."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from spikegrid.false_discovery import benjamini_hochberg
from spikegrid.rank_correlation import permuted_p_values, resampled_within, spearman, spearman_intervals
from spikegrid.tables import CELL, RUN, at_last_epoch

COLUMNS = [
    *("observable", "target", "dataset", "architecture", "layer", "depth", "predictor", "feature"),
    *("networks", "regimes", "rho", "low", "high", "p_value", "p_adjusted"),
    *("rho_within", "low_within", "high_within", "p_value_within", "p_adjusted_within"),
]

BASELINE = ("history", "test_accuracy")
"""Predictor and feature of the baseline: the accuracy of the network on the test images of its own dataset."""

_ROUNDING = 12
"""A ρ of 0 has rounding errors beyond these decimals, which are no sign."""


def transfer_predictors(
    features: pd.DataFrame,
    runs: pd.DataFrame,
    targets: dict[str, str],
    predictors: Sequence[str],
    settings: dict[str, Any],
) -> pd.DataFrame:
    """Return Spearman's ρ of the features of a layer with the accuracy of probes of it, in COLUMNS.

    features: the joined table of all runs. runs: a row a network with ``test_accuracy``. targets: the dataset that each
    observable of transfer reads classes of. predictors: observables whose features are tried. settings: ``confidence``
    and ``resamples``. A row is a feature and layer of one cell; features and accuracies are those of the last epoch.
    Networks that missed their target accuracy are left out. The strongest ``rho_within`` of a layer comes first.

    ``rho`` goes over all networks of all regimes of the cell. Regimes differ in many things at once, so a feature that
    only tells them apart has it as well: a ρ between regimes says nothing of networks alike in training. ``rho_within``
    ranks networks among those of their own regime, see ``rank_correlation.spearman``; what is left is chance of the
    weights and of the order of images, so it is the harder test and the smaller number. ``low`` and ``high`` bound
    percentile bootstrap intervals, networks resampled within regimes; ``p_value`` permutes networks, that of
    ``rho_within`` within regimes; ``p_adjusted`` are adjusted by Benjamini and Hochberg, each over its column. All are
    NaN for values of which one is undefined, and for values that are all alike.

    The baseline is the accuracy on the network's own test images, the same for all layers: a feature that does not do
    better needs no spikes. Null: ρ = 0. With few networks in a regime no p_value_within can be small, and then nothing
    is shown either way.
    """
    last = at_last_epoch(features[features["reached_target"]])
    tried = last[last["observable"].isin(list(predictors))]
    by_layer = dict(list(tried.groupby([*CELL, "layer"])))
    own = runs.set_index(RUN)["test_accuracy"].sort_index()
    parts = []
    probed = last[last["observable"].isin(list(targets))]
    for names, networks in probed.groupby(["observable", *CELL, "layer", "depth"], sort=False):
        name, *cell, layer, _ = names
        accuracy = networks.set_index(["regime", "seed"])["value"].sort_index()
        values = _values(by_layer.get((*cell, layer)), accuracy.index)
        values.loc[BASELINE, :] = own.loc[tuple(cell)].reindex(accuracy.index)
        table = _correlated(values, accuracy, settings).assign(target=targets[name])
        table[["observable", *CELL, "layer", "depth"]] = names
        parts.append(table)
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    table = pd.concat(parts, ignore_index=True)
    for suffix in ("", "_within"):
        table[f"p_adjusted{suffix}"] = benjamini_hochberg(table[f"p_value{suffix}"].to_numpy())
    return table[COLUMNS]


def _values(tried: pd.DataFrame | None, networks: pd.MultiIndex) -> pd.DataFrame:
    """Return a table of (predictor, feature) × networks."""
    index = pd.MultiIndex.from_tuples([], names=["predictor", "feature"])
    if tried is None:
        return pd.DataFrame(index=index, columns=networks, dtype=float)
    values = tried.pivot(index=["observable", "feature"], columns=["regime", "seed"], values="value")
    return values.reindex(columns=networks).rename_axis(index=index.names)


def _correlated(values: pd.DataFrame, accuracy: pd.Series, settings: dict[str, Any]) -> pd.DataFrame:
    rows, outcome = values.to_numpy(float), accuracy.to_numpy(float)
    regimes = accuracy.index.get_level_values("regime").to_numpy()
    counts = resampled_within(regimes, settings["resamples"], "transfer predictors")
    table = pd.DataFrame({"networks": len(outcome), "regimes": len(set(regimes))}, index=values.index)
    for suffix, groups in (("", None), ("_within", regimes)):
        found = (
            spearman(rows, outcome, groups),
            *spearman_intervals(rows, outcome, counts, settings["confidence"], groups),
            permuted_p_values(rows, outcome, groups, "transfer predictors"),
        )
        table[[f"{name}{suffix}" for name in ("rho", "low", "high", "p_value")]] = np.round(found, _ROUNDING).T + 0.0
    return table.sort_values("rho_within", key=np.abs, ascending=False, kind="stable").reset_index()
