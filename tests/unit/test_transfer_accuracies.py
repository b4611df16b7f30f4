"""Accuracies of probes over networks: means, paired gains and their intervals from made-up probes."""

import numpy as np
import pandas as pd
import pytest

from spikegrid.probes import COLUMNS as PROBE_COLUMNS
from spikegrid.probes import PIXELS
from spikegrid.transfer_accuracies import COLUMNS, transfer_accuracies

SETTINGS = {"confidence": 0.9, "resamples": 4000}


def probes_of(regime: str, before: list[float], after: list[float], layer: str = "relu", **columns) -> pd.DataFrame:
    """Probes of one layer and of pixels, of a network a value, at epoch 0 and, where there is a value, at epoch 7."""
    place = {"observable": "transfer", "target": "cifar10", "dataset": "mnist", "architecture": "mlp", "regime": regime}
    rows = [
        place
        | {"seed": seed, "epoch": epoch, "layer": name, "depth": depth, "width": width, "samples": 500, "strength": 0.1}
        | {"accuracy": accuracy, "chance": 0.1, "reached_target": True}
        | columns
        for epoch, values in ((0, before), (7, after))
        for seed, value in enumerate(values)
        for name, depth, width, accuracy in ((PIXELS, 0, 784, 0.4), (layer, 1, 64, value))
    ]
    return pd.DataFrame(rows, columns=["observable", *PROBE_COLUMNS, "reached_target"])


def row_of(probes: pd.DataFrame, **settings: float) -> pd.Series:
    table = transfer_accuracies(probes, SETTINGS | settings)
    assert list(table) == COLUMNS
    assert len(table) == 1
    return table.iloc[0]


def test_a_row_has_means_of_the_last_epoch_of_the_same_networks_before_and_of_the_gain():
    row = row_of(probes_of("memorizing", [0.3, 0.5, 0.4], [0.6, 0.7, 0.8]))
    assert row[["accuracy", "untrained", "gain", "pixels", "chance"]].tolist() == pytest.approx(
        [0.7, 0.4, 0.3, 0.4, 0.1]
    )
    assert row[["layer", "depth", "width", "networks", "target"]].tolist() == ["relu", 1, 64, 3, "cifar10"]


def test_gains_are_paired_by_network():
    row = row_of(probes_of("memorizing", [0.1, 0.3, 0.5], [0.2, 0.4, 0.6]))
    assert row[["gain_low", "gain_high"]].tolist() == pytest.approx([0.1, 0.1])
    assert row["low"] < 0.3 < row["high"]


def test_interval_is_that_of_all_resamples():
    values = [0.5, 0.6, 0.9, 0.7]
    means = [np.mean(drawn) for drawn in np.stack(np.meshgrid(*[values] * 4), axis=-1).reshape(-1, 4)]
    row = row_of(probes_of("memorizing", [0.4] * 4, values))
    assert row[["low", "high"]].tolist() == pytest.approx(np.quantile(means, [0.05, 0.95]), abs=0.02)


def test_one_network_has_no_interval():
    row = row_of(probes_of("memorizing", [0.5], [0.6]))
    assert row["accuracy"] == 0.6
    assert row[["low", "high", "gain_low", "gain_high"]].isna().all()


def test_networks_that_are_not_trained_gain_nothing():
    row = row_of(probes_of("untrained", [0.5, 0.6], []))
    assert row[["accuracy", "untrained", "gain", "gain_low", "gain_high"]].tolist() == pytest.approx(
        [0.55, 0.55, 0, 0, 0]
    )


def test_networks_without_an_epoch_0_have_no_gain():
    row = row_of(probes_of("own", [], [0.5, 0.6]))
    assert row["accuracy"] == pytest.approx(0.55)
    assert row[["untrained", "gain", "gain_low", "gain_high"]].isna().all()


def test_networks_that_missed_their_target_are_left_out():
    probes = probes_of("memorizing", [0.3, 0.5, 0.4], [0.6, 0.7, 0.8])
    probes.loc[probes["seed"] == 1, "reached_target"] = False
    row = row_of(probes)
    assert row[["networks", "accuracy"]].tolist() == pytest.approx([2, 0.7])
    assert transfer_accuracies(probes.assign(reached_target=False), SETTINGS).empty


def test_layers_stand_by_depth_and_each_pixel_probe_by_its_network():
    deep = probes_of("memorizing", [0.1, 0.1], [0.2, 0.2], layer="deep").assign(depth=lambda t: t["depth"] * 2)
    first = probes_of("memorizing", [0.3, 0.3], [0.4, 0.4])
    other = probes_of("memorizing", [0.3, 0.3], [0.4, 0.4], architecture="cnn")
    other.loc[other["layer"] == PIXELS, "accuracy"] = 0.9
    table = transfer_accuracies(pd.concat([deep[deep["depth"] > 0], first, other]), SETTINGS)
    assert table[["architecture", "layer"]].to_numpy().tolist() == [["mlp", "relu"], ["mlp", "deep"], ["cnn", "relu"]]
    assert table["pixels"].tolist() == pytest.approx([0.4, 0.4, 0.9])
