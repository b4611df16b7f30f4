"""Tables of a spike file: a row a unit, a layer, a network."""

import numpy as np
import pandas as pd
import pytest

from spikegrid import spikes
from spikegrid.errors import InputError
from spikegrid.features import COLUMNS
from spikegrid.tabulation import in_order, measure_layers, measure_units, summarize_units
from spikegrid.trains import Raster

PLACE = ["seed", "epoch", "layer", "depth", "unit"]


@pytest.fixture
def layers() -> dict[str, np.ndarray]:
    """Spikes of 3 seeds, 2 epochs, 20 images; in the second layer executed stands the name that sorts first."""
    generator = np.random.default_rng(0)
    return {
        "zero.relu": generator.random((3, 2, 20, 2, 3)) < generator.random((2, 3)),
        "a.relu": generator.random((3, 2, 20, 4)) < generator.random(4),
        "m.relu": generator.random((3, 2, 20, 5)) < 0.5,
    }


def rates(seed: int, raster: Raster) -> dict[str, np.ndarray]:
    return {"rate": raster.trains().rates(), "seed_again": np.full(raster.units, seed)}


def test_units_have_a_row_each_with_their_place_and_values(write_spikes, layers):
    with spikes.load(write_spikes(layers)) as run_spikes:
        units = measure_units(run_spikes, rates)
    assert list(units) == [*PLACE, "rate", "seed_again"]
    assert len(units) == 3 * 2 * (6 + 4 + 5)
    assert units.index.tolist() == list(range(len(units)))
    assert (units["seed"] == units["seed_again"]).all()
    assert units.dtypes[["seed", "epoch", "depth", "unit"]].eq(np.int32).all()
    assert units.drop_duplicates("layer").set_index("layer")["depth"].to_dict() == {
        "zero.relu": 1, "a.relu": 2, "m.relu": 3
    }  # fmt: skip
    for name, array in layers.items():
        for s, e in np.ndindex(3, 2):
            rows = units[(units["layer"] == name) & (units["seed"] == s) & (units["epoch"] == 10 * e)]
            np.testing.assert_allclose(rows["rate"], array[s, e].reshape(20, -1).mean(axis=0))
            assert rows["unit"].tolist() == list(range(array[0, 0, 0].size))


def test_units_that_are_kept_bear_their_flat_index(write_spikes, layers):
    kept = {"zero.relu": [1, 5], "a.relu": [3]}
    with spikes.load(write_spikes(layers, kept=kept)) as run_spikes:
        units = measure_units(run_spikes, rates)
    for layer, places in kept.items():
        rows = units[(units["layer"] == layer) & (units["seed"] == 2) & (units["epoch"] == 10)]
        assert rows["unit"].tolist() == places
        np.testing.assert_allclose(rows["rate"], layers[layer][2, 1].reshape(20, -1).mean(axis=0)[places])


def test_summaries_are_of_each_layer_and_of_all_units_of_the_network(write_spikes, layers):
    with spikes.load(write_spikes(layers)) as run_spikes:
        units, run = measure_units(run_spikes, rates), run_spikes.meta["run"]
    table = summarize_units(units, run, lambda members: {"b": members["rate"].median(), "a": float(len(members))})
    assert list(table) == COLUMNS
    assert len(table) == 3 * 2 * (3 + 1) * 2
    assert table["feature"].tolist() == ["b", "a"] * 24, "features keep the order in which they were given"
    assert table["layer"].tolist() == [name for name in ("network", *layers) for _ in "ba"] * 6
    assert table["depth"].tolist() == [0, 0, 1, 1, 2, 2, 3, 3] * 6
    assert table["seed"].tolist() == np.repeat([0, 1, 2], 16).tolist()
    assert table["epoch"].tolist() == np.tile(np.repeat([0, 10], 8), 3).tolist()
    last = table[(table["seed"] == 2) & (table["epoch"] == 10)]
    of_layers = [array[2, 1].reshape(20, -1).mean(axis=0) for array in layers.values()]
    for row, members in enumerate([np.concatenate(of_layers), *of_layers]):
        np.testing.assert_allclose(last["value"].iloc[2 * row : 2 * row + 2], [np.median(members), len(members)])
    assert set(table["regime"]) == {"generalizing"}


def test_undefined_summaries_keep_their_row(write_spikes, layers):
    with spikes.load(write_spikes(layers)) as run_spikes:
        units, run = measure_units(run_spikes, rates), run_spikes.meta["run"]
    table = summarize_units(units, run, lambda _: {"nothing": np.nan})
    assert len(table) == 3 * 2 * 4
    assert table["value"].isna().all()


def test_layers_are_measured_once_for_each_seed_and_epoch_with_their_own_trains(write_spikes, layers):
    seen = []

    def measure(layer, seed, raster) -> dict[str, float]:
        seen.append((layer.name, seed))
        return {"spikes": raster.trains().spike_counts().sum(), "depth_again": layer.depth}

    with spikes.load(write_spikes(layers)) as run_spikes:
        table = measure_layers(run_spikes, measure)
    assert len(seen) == 3 * 3 * 2
    assert list(table) == COLUMNS
    assert len(table) == 18 * 2
    for name, array in layers.items():
        for s, e in np.ndindex(3, 2):
            rows = table[(table["layer"] == name) & (table["seed"] == s) & (table["epoch"] == 10 * e)]
            assert rows["value"].tolist() == [array[s, e].sum(), rows["depth"].iloc[0]]
    assert table["depth"].tolist() == [1, 1, 2, 2, 3, 3] * 6


def test_damage_is_found_before_any_table_is_given(write_spikes, layers):
    path = write_spikes(layers)
    content = bytearray(path.read_bytes())
    content[content.index(b"m.relu.npy") + 60] ^= 255
    path.write_bytes(content)
    with spikes.load(path) as run_spikes, pytest.raises(InputError, match=r"spikes.npz"):
        measure_units(run_spikes, rates)


def test_rows_of_one_place_keep_their_order():
    table = pd.DataFrame(
        {"seed": [1, 0, 1, 0, 0], "epoch": [0, 5, 0, 5, 2], "depth": [0, 1, 0, 1, 7], "value": [3, 1, 4, 2, 0]}
    )
    assert in_order(table)["value"].tolist() == [0, 1, 2, 3, 4]
    assert in_order(table).index.tolist() == [0, 1, 2, 3, 4]
