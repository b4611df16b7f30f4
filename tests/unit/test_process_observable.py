"""The process observable: its table is that of the fits of every layer and order, its features are read off it."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from spikegrid.features import COLUMNS, write_table
from spikegrid.observables import process
from spikegrid.orders import presentation_order
from spikegrid.process_fit import assumption_summary, assumption_tests, count_summary, rate_summary
from spikegrid.tables import join_tables
from spikegrid.trains import SpikeTrains

pytestmark = pytest.mark.filterwarnings("error")

ORDERS = ["random", "class_blocked", "given"]
TESTS = [
    *("poisson_dispersion", "binomial_dispersion", "interval_chi_square", "interval_kolmogorov_smirnov"),
    *("wald_wolfowitz_runs", "ljung_box", "cochran_armitage_trend", "cusum"),
]
RANDOMIZED = "interval_kolmogorov_smirnov"
IMAGES = 400


def images_of() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(4)
    index = generator.permutation(IMAGES).astype(np.int32)
    return {"index": index, "labels": generator.integers(0, 4, IMAGES).astype(np.int16)}


def random_layers() -> dict[str, np.ndarray]:
    """Spikes of 2 seeds and 2 epochs in two layers that answer to the class; some units never or always fire."""
    generator = np.random.default_rng(0)
    layers = {}
    for name, shape in (("conv.relu", (2, 5)), ("hidden", (12,))):
        by_class = generator.uniform(0.1, 0.9, (4, *shape))
        layers[name] = generator.random((2, 2, IMAGES, *shape)) < by_class[images_of()["labels"]]
    layers["hidden"][..., :2] = [False, True]
    return layers


def observed(path, window: int = 20, lags: int = 10, level: float = 0.05, orders: list[str] = ORDERS):
    return process.observe({"spikes": path}, window, lags, level, orders)


@pytest.fixture
def tables(write_spikes) -> dict[str, pd.DataFrame]:
    return observed(write_spikes(random_layers(), batch=IMAGES, **images_of()))


def trains_of(spikes: np.ndarray, order: str, seed: int) -> SpikeTrains:
    """Trains of spikes [N, *shape] of one network in an order of its images."""
    images = images_of()
    if order == "given":
        places = np.argsort(images["index"])
    else:
        places = presentation_order(order, images["index"], images["labels"], "dots", "net", "generalizing", seed)
    return SpikeTrains.from_array(spikes.reshape(IMAGES, -1)[places].T)


def test_process_table_has_a_row_for_each_layer_epoch_network_and_order(tables):
    table = tables["process"]
    names = ["dataset", "architecture", "regime", "seed", "epoch", "layer", "depth", "order"]
    assert list(table)[: len(names) + 1] == [*names, "units"]
    assert len(table) == 2 * 2 * 2 * 3
    assert not table.duplicated(names).any()
    assert table["layer"].tolist() == (["conv.relu"] * 3 + ["hidden"] * 3) * 4
    assert table["order"].tolist() == ORDERS * 8
    assert table["units"].tolist() == ([10] * 3 + [12] * 3) * 4
    assert set(table["dataset"]) == {"dots"}


def test_process_table_holds_the_tests_and_fits_of_the_trains_in_that_order(tables):
    layers, table = random_layers(), tables["process"]
    for row in table.to_dict("records"):
        trains = trains_of(layers[row["layer"]][row["seed"], row["epoch"] // 10], row["order"], row["seed"])
        tests = assumption_summary(assumption_tests(trains, 20, 10, np.random.default_rng(0)), 0.05)
        expected = tests | count_summary(trains, 20) | rate_summary(trains)
        assert list(row)[9:] == list(expected)
        for name, value in expected.items():
            if not name.startswith(RANDOMIZED):
                assert row[name] == value or (np.isnan(row[name]) and np.isnan(value)), name


def test_randomized_test_draws_for_each_layer_and_network_and_repeats(write_spikes):
    same = {name: np.broadcast_to(array[:1, :1], array.shape) for name, array in random_layers().items()}
    path = write_spikes({**same, "twin": same["hidden"]}, batch=IMAGES, **images_of())
    one, other = (observed(path)["process"] for _ in range(2))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    given_order = one[(one["order"] == "given") & one["layer"].isin(["hidden", "twin"])]
    assert given_order[f"{RANDOMIZED}_effect"].nunique() == 2 * 2 * 2, "seeds, epochs, layers"
    assert len(set(given_order["wald_wolfowitz_runs_effect"])) == 1, "while what they draw for is the same"


def test_features_are_read_off_the_process_table(tables):
    features, table = tables["features"], tables["process"]
    by_order = [[*(f"{test}_passing_{order}" for test in TESTS), f"count_overdispersion_{order}"] for order in ORDERS]
    names = [*by_order[0], "rate_beta_alpha", "rate_beta_beta", *by_order[1], *by_order[2]]
    assert list(features) == COLUMNS
    assert len(features) == 2 * 2 * 2 * len(names)
    for (seed, epoch, layer), rows in table.groupby(["seed", "epoch", "layer"]):
        place = (features["seed"] == seed) & (features["epoch"] == epoch) & (features["layer"] == layer)
        found = features[place].set_index("feature")["value"]
        assert found.index.tolist() == names
        for row in rows.to_dict("records"):
            for test in TESTS:
                np.testing.assert_equal(found[f"{test}_passing_{row['order']}"], row[f"{test}_passing"])
            total = row["count_beta_binomial_alpha"] + row["count_beta_binomial_beta"]
            assert found[f"count_overdispersion_{row['order']}"] == 1 / (total + 1)
            for parameter in ("alpha", "beta"):
                assert found[f"rate_beta_{parameter}"] == row[f"rate_beta_{parameter}"]


def test_overdispersion_is_the_correlation_of_two_images_of_a_window(tables):
    """The beta-binomial law of its α and β has the variance Tp(1 - p)(1 + (T - 1)ρ)."""
    row = tables["process"].iloc[1]
    alpha, beta = row["count_beta_binomial_alpha"], row["count_beta_binomial_beta"]
    p, law = alpha / (alpha + beta), stats.betabinom(20, alpha, beta)
    rho = (law.var() / (20 * p * (1 - p)) - 1) / 19
    features = tables["features"]
    assert features[features["feature"] == "count_overdispersion_class_blocked"]["value"].iloc[0] == pytest.approx(rho)


def test_measures_of_rates_are_the_same_in_every_order(tables):
    table = tables["process"]
    of_rates = [name for name in table if name.startswith("rate_")]
    for _, rows in table.groupby(["seed", "epoch", "layer"]):
        for name in of_rates:
            assert len(set(rows[name].map(str))) == 1, name


def test_random_order_passes_and_class_blocked_order_does_not(tables):
    shares = tables["features"].groupby("feature")["value"].mean()
    for test in TESTS[1:]:
        assert shares[f"{test}_passing_random"] > 0.9, test
    assert shares["binomial_dispersion_passing_class_blocked"] < 0.4
    assert shares["cusum_passing_class_blocked"] < 0.4


@pytest.mark.parametrize("orders", [["random"], ["given", "random"]])
def test_orders_asked_for_are_those_of_table_and_features(write_spikes, orders):
    found = observed(write_spikes(random_layers(), batch=IMAGES, **images_of()), orders=orders)
    assert found["process"]["order"].unique().tolist() == orders
    names = found["features"]["feature"].unique()
    assert len(names) == 9 * len(orders) + 2
    assert {"rate_beta_alpha", "cusum_passing_random"} <= set(names)


@pytest.mark.parametrize("fires", [False, True])
def test_layer_without_a_unit_that_varies_is_undefined_without_a_warning(write_spikes, fires):
    found = observed(write_spikes({"hidden": np.full((1, 1, 100, 4), fires)}))
    features = found["features"].set_index("feature")["value"]
    passing = features[features.index.str.contains("passing") | features.index.str.startswith("rate_beta")]
    assert len(passing) == 8 * 3 + 2
    assert passing.isna().all()
    assert features[[f"count_overdispersion_{order}" for order in ORDERS]].isna().all()
    assert set(found["process"]["rate_model"]) == {""}


def test_process_tables_of_all_runs_are_joined_with_whether_the_network_reached_its_target(write_spikes, tmp_path):
    table = observed(write_spikes(random_layers(), batch=IMAGES, **images_of()))["process"]
    write_table(tmp_path / "mine.parquet", table)
    names = {"dataset": "dots", "architecture": "net", "regime": "generalizing"}
    runs = pd.DataFrame([names | {"seed": seed, "reached_target": seed == 0} for seed in range(2)])
    joined = join_tables([tmp_path / "mine.parquet"], runs)
    assert list(joined) == ["observable", *table, "reached_target"]
    assert set(joined["observable"]) == {"mine"}
    assert joined.groupby("seed")["reached_target"].all().tolist() == [True, False]
    pd.testing.assert_frame_equal(joined[list(table)], table, check_dtype=False)
