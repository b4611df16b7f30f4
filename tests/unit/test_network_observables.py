"""What holds for every observable that reads networks: columns, places of its values, repetition, blocks of seeds."""

import warnings
from fnmatch import fnmatch

import pandas as pd
import pytest

from spikegrid.features import COLUMNS, NETWORK, write_table
from spikegrid.plugins import find_plugins, load_plugin

pytestmark = pytest.mark.filterwarnings("error")

OBSERVABLES = sorted(
    name for name, plugin in find_plugins("observables").items() if "checkpoints" in plugin.constants["READS"]
)


def observed(name: str, artefacts: dict) -> dict[str, pd.DataFrame]:
    """Tables of one observable with its defaults, given the artefacts that it reads, as the workflow calls it."""
    plugin = find_plugins("observables")[name]
    targets = [key for key, rule in plugin.parameters.items() if rule.get("format") == "dataset"]
    arguments = {key: "other" if key in targets else rule["default"] for key, rule in plugin.parameters.items()}
    read = {artefact: artefacts[artefact] for artefact in plugin.constants["READS"]}
    tables = load_plugin("observables", name)(read | dict.fromkeys(targets, artefacts["dataset"]), **arguments)
    return tables if isinstance(tables, dict) else {"features": tables}


@pytest.fixture
def run_of(observed_run, make_images):
    """Trains a run on the images of these tests; further arguments are those of ``observed_run``."""
    return lambda **arguments: observed_run(image_set=make_images(train=24, test=30), **arguments)


@pytest.mark.parametrize("name", OBSERVABLES)
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_features_have_the_columns_of_every_observable_and_the_names_of_the_run(run_of, name, kind, request):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = observed(name, run_of(architecture=request.getfixturevalue(kind)))["features"]
    layers = {"mlp": ["hidden1.relu", "hidden2.relu"], "cnn": ["conv1.relu", "hidden1.relu"]}[kind]
    assert list(table) == COLUMNS
    assert not table.duplicated(COLUMNS[:-1]).any()
    assert table["value"].dtype == float
    assert table["value"].notna().any()
    names = table[["dataset", "architecture", "regime"]].drop_duplicates()
    assert names.to_numpy().tolist() == [["dots", "net", "generalizing"]]
    places = dict(table[["layer", "depth"]].drop_duplicates().itertuples(index=False, name=None))
    assert places.items() <= {NETWORK: 0, layers[0]: 1, layers[1]: 2}.items()
    assert table[["seed", "epoch", "depth"]].apply(tuple, axis=1).is_monotonic_increasing


@pytest.mark.parametrize("name", OBSERVABLES)
def test_every_feature_has_a_row_for_each_seed_and_epoch_at_its_layers(run_of, name):
    table = observed(name, run_of(seeds=(0, 3)))["features"]
    assert set(table["seed"]) == {0, 3}
    assert set(table["epoch"]) <= {0, 1}
    rows = table.groupby("feature").size()
    places = table.groupby("feature")[["seed", "epoch", "layer"]].nunique().prod(axis=1)
    pd.testing.assert_series_equal(rows, places, check_names=False)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_tables_are_those_that_the_plugin_declares_and_can_be_written_and_read(run_of, name, tmp_path):
    tables = observed(name, run_of())
    declared = find_plugins("observables")[name].constants.get("TABLES", [])
    assert list(tables) == ["features", *declared]
    for table_name, table in tables.items():
        assert {"seed", "epoch"} <= set(table)
        write_table(tmp_path / f"{table_name}.parquet", table)
        read = pd.read_parquet(tmp_path / f"{table_name}.parquet")
        pd.testing.assert_frame_equal(read, table, check_dtype=False)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_every_pattern_of_features_matches_one(run_of, name):
    features = observed(name, run_of())["features"]["feature"].unique()
    constants = find_plugins("observables")[name].constants
    for patterns in [constants.get("LABELS", []), *constants.get("CAVEATS", {}).values()]:
        for pattern in patterns:
            assert any(fnmatch(feature, pattern) for feature in features), pattern


@pytest.mark.parametrize("name", OBSERVABLES)
def test_observing_twice_gives_the_same_tables(run_of, name):
    artefacts = run_of()
    found, again = observed(name, artefacts), observed(name, artefacts)
    for table, rows in found.items():
        pd.testing.assert_frame_equal(again[table], rows, check_exact=True)


@pytest.mark.parametrize("name", OBSERVABLES)
@pytest.mark.parametrize("regime", ["generalizing", "memorizing"])
def test_seed_measured_alone_has_the_values_that_it_has_in_a_block(run_of, name, regime):
    entry = {"plugin": regime, "parameters": {"fraction": 1.0, "labels": "uniform"} if regime == "memorizing" else {}}
    block, alone = (observed(name, run_of(seeds=seeds, regime=entry)) for seeds in ((0, 1, 2), (1,)))
    for table, rows in alone.items():
        expected = block[table][block[table]["seed"] == 1].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, expected, check_exact=True)
