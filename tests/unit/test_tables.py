"""Tables over all runs."""

import logging

import numpy as np
import pandas as pd
import pytest

from spikegrid.errors import InputError
from spikegrid.features import tidy, write_table
from spikegrid.history import save_history
from spikegrid.tables import final_accuracies, join_features, join_histories, warn_of_missed_targets


def names(dataset: str = "dots", architecture: str = "net", regime: str = "memorizing") -> dict:
    return {"dataset": dataset, "architecture": architecture, "regime": regime}


@pytest.fixture
def history(tmp_path):
    """Writes the history of a run whose training accuracy ends at ``accuracy``; gives its path."""

    def write(run: dict, seeds=(0,), accuracy: float = 1.0, epochs: int = 2):
        rows = [
            {"seed": seed, "epoch": epoch, "loss": 1.5, "train_accuracy": accuracy if epoch == epochs else 0.1,
             "true_label_accuracy": 0.2, "test_accuracy": 0.3}
            for seed in seeds for epoch in range(epochs + 1)
        ]  # fmt: skip
        path = tmp_path / "-".join([*run.values(), *map(str, seeds)]) / "history.csv"
        save_history(path, run, rows)
        return path

    return write


def test_histories_are_joined_in_the_order_of_their_paths(history):
    paths = [history(names(regime=regime), seeds=(0, 1)) for regime in ("memorizing", "untrained")]
    table = join_histories(reversed(paths))
    assert len(table) == 12
    assert table["regime"].tolist() == ["untrained"] * 6 + ["memorizing"] * 6
    assert table.index.tolist() == list(range(12))


@pytest.mark.parametrize("name", ["NA", "1", "007", "null", "1e5", "True", "nan"])
def test_names_that_look_like_something_else_stay_names(history, name):
    table = join_histories([history(names(name, name, name))])
    for axis in ("dataset", "architecture", "regime"):
        assert table[axis].tolist() == [name] * 3
    assert final_accuracies(table, [names(name, name, name) | {"target_accuracy": 0.9}])["reached_target"].tolist() == [
        True
    ]


def test_final_accuracies_are_those_of_the_last_epoch_of_each_network(history):
    paths = [history(names(), seeds=(0, 1)), history(names(regime="untrained"), seeds=(0,), epochs=0)]
    targets = [names() | {"target_accuracy": 0.9}, names(regime="untrained") | {"target_accuracy": 0}]
    runs = final_accuracies(join_histories(paths), targets)
    assert runs[["regime", "seed", "epoch", "train_accuracy"]].to_numpy().tolist() == [
        ["memorizing", 0, 2, 1.0],
        ["memorizing", 1, 2, 1.0],
        ["untrained", 0, 0, 1.0],
    ]
    assert runs["target_accuracy"].tolist() == [0.9, 0.9, 0]


@pytest.mark.parametrize(("accuracy", "reached"), [(0.9, True), (0.8999, False), (1.0, True), (0.0, False)])
def test_network_reaches_its_target_when_it_is_not_below_it(history, accuracy, reached):
    table = join_histories([history(names(), accuracy=accuracy)])
    runs = final_accuracies(table, [names() | {"target_accuracy": 0.9}])
    assert runs["reached_target"].tolist() == [reached]


def test_every_network_that_missed_its_target_and_no_other_is_warned_of_by_name(history, caplog):
    paths = [history(names(), seeds=(0, 3), accuracy=0.5), history(names(regime="generalizing"))]
    targets = [names() | {"target_accuracy": 0.9}, names(regime="generalizing") | {"target_accuracy": 0.9}]
    with caplog.at_level(logging.WARNING, logger="spikegrid"):
        warn_of_missed_targets(final_accuracies(join_histories(paths), targets))
    assert len(caplog.messages) == 2
    assert "dots/net/memorizing seed 0" in caplog.messages[0]
    assert "dots/net/memorizing seed 3: training accuracy 0.5000 is below the target 0.9" in caplog.messages[1]


# --- features ---


@pytest.fixture
def features(tmp_path):
    """Writes the features of a run of seeds 0 and 1; gives the path."""

    def write(run: dict, observable: str = "firing", drop: str | None = None):
        records = [
            {"seed": seed, "epoch": 10, "layer": layer, "depth": depth, "feature": "rate", "value": seed + depth / 10}
            for seed in (0, 1)
            for depth, layer in enumerate(["network", "relu"])
        ]
        table = tidy(records, run)
        path = tmp_path / "-".join(run.values()) / f"{observable}.parquet"
        write_table(path, table if drop is None else table.drop(columns=drop))
        return path

    return write


def runs_of(*regimes: str, reached: bool = True) -> pd.DataFrame:
    rows = [names(regime=regime) | {"seed": seed, "reached_target": reached} for regime in regimes for seed in (0, 1)]
    return pd.DataFrame(rows)


def test_features_are_joined_with_their_observable_and_whether_the_network_reached_its_target(features):
    runs = runs_of("memorizing", "generalizing")
    runs["reached_target"] = [True, False, True, True]
    paths = [features(names(regime=regime)) for regime in ("memorizing", "generalizing")]
    table = join_features(paths, runs)
    assert len(table) == 8
    assert set(table["observable"]) == {"firing"}
    missed = table[~table["reached_target"]]
    assert missed[["regime", "seed"]].drop_duplicates().to_numpy().tolist() == [["memorizing", 1]]
    assert table["reached_target"].dtype == bool
    np.testing.assert_allclose(table["value"][:4], [0.0, 0.1, 1.0, 1.1])


def test_observables_are_named_by_their_files(features):
    paths = [features(names(), observable) for observable in ("fine", "coarse")]
    table = join_features(paths, runs_of("memorizing"))
    assert table["observable"].tolist() == ["fine"] * 4 + ["coarse"] * 4


def test_columns_that_are_not_common_to_all_observables_are_left_out(features):
    path = features(names())
    write_table(path, pd.read_parquet(path).assign(extra=1))
    assert "extra" not in join_features([path], runs_of("memorizing"))


@pytest.mark.parametrize("column", ["value", "layer", "seed"])
def test_table_without_a_column_is_refused_with_its_path(features, column):
    path = features(names(), drop=column)
    with pytest.raises(InputError, match=rf"firing.parquet: lacks the columns {column}; expected dataset"):
        join_features([path], runs_of("memorizing"))


def test_two_values_for_the_same_place_are_refused(features):
    path = features(names())
    with pytest.raises(InputError, match="two values for firing, dots, net, memorizing, 0, 10, network, 0, rate"):
        join_features([path, path], runs_of("memorizing"))
