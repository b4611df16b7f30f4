"""Areas under curves of pruning and their comparisons, against areas and intervals in closed form."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from spikegrid.pruning_areas import COLUMNS, area_under_curve, compare_pruning, network_areas

SETTINGS = {"generalizing": "gen", "memorizing": "mem", "confidence": 0.95, "resamples": 2000}
SHARES = np.array([0, 0.25, 0.5, 1])


def curves(areas: dict[tuple[str, str], list[float]], layers=("hidden", "network"), **names) -> pd.DataFrame:
    """Curves of networks of a regime by a criterion, which fall from 1 in a line and have these areas, and half on
    held-out images from 1/2 on."""
    rows = []
    for (regime, criterion), of_seeds in areas.items():
        for layer, (seed, area) in product(layers, enumerate(of_seeds)):
            accuracy = 1 - 2 * (1 - area) * SHARES
            rows += [
                {
                    **{"observable": "pruning", "dataset": "dots", "architecture": "net", "regime": regime},
                    **{"seed": seed, "epoch": 9, "layer": layer, "depth": int(layer != "network")},
                    **{
                        "criterion": criterion,
                        "share": share,
                        "accuracy_train": on_train,
                        "accuracy_test": on_train / 2,
                    },
                    **{"reached_target": True},
                    **names,
                }
                for share, on_train in zip(SHARES, accuracy)
            ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("accuracy", "area"), [(1 - SHARES, 0.5), (np.full(4, 0.3), 0.3), (1 - SHARES**0, 0.0), ([1, 1, 0, 0], 0.375)]
)
def test_area_is_that_of_trapezoids(accuracy, area):
    assert area_under_curve(SHARES, np.asarray(accuracy)) == pytest.approx(area)


def test_area_of_a_network_is_taken_over_its_accuracy_with_no_unit_removed():
    table = network_areas(curves({("gen", "random"): [0.8]}, layers=["hidden"]))
    found = table.set_index("images")[["accuracy", "area", "relative_area"]]
    np.testing.assert_allclose(found.loc[["train", "test"]], [[1, 0.8, 0.8], [0.5, 0.4, 0.8]])


def test_relative_area_of_a_network_that_is_never_right_is_undefined():
    nothing = curves({("gen", "random"): [0.8]}).assign(accuracy_train=0.0)
    assert network_areas(nothing)["relative_area"].isna().tolist() == [True, False] * 2


AREAS = {
    ("gen", "random"): [0.7, 0.9],
    ("gen", "rare"): [0.8, 1.0],
    ("mem", "random"): [0.5, 0.6],
    ("mem", "rare"): [0.4, 0.7],
}


def row(table: pd.DataFrame, regime: str, criterion: str, **names) -> pd.Series:
    chosen = {"regime": regime, "criterion": criterion, "layer": "network", "images": "train", **names}
    (found,) = table[(table[list(chosen)] == pd.Series(chosen)).all(axis=1)].to_dict("records")
    return found


def test_areas_are_means_over_networks_with_the_bootstrap_interval_of_two():
    table = compare_pruning(curves(AREAS), SETTINGS)
    assert list(table) == COLUMNS
    assert len(table) == 4 * 2 * 2
    found = row(table, "mem", "rare")
    assert (found["networks"], found["accuracy"], found["depth"]) == (2, 1, 0)
    # Of two networks the mean of a resample is the lower, the middle or the upper one, with 1/4, 1/2 and 1/4.
    values = [found[f"relative_area{suffix}"] for suffix in ("", "_low", "_high")]
    assert values == pytest.approx([0.55, 0.4, 0.7])
    assert row(table, "mem", "rare", images="test")["area"] == pytest.approx(0.275)


def test_difference_to_random_removal_is_taken_network_by_network():
    table = compare_pruning(curves(AREAS), SETTINGS)
    same = [row(table, "gen", "rare")[f"above_random{suffix}"] for suffix in ("", "_low", "_high")]
    assert same == pytest.approx([0.1, 0.1, 0.1])
    other = [row(table, "mem", "rare")[f"above_random{suffix}"] for suffix in ("", "_low", "_high")]
    assert other == pytest.approx([0, -0.1, 0.1])


def test_difference_to_generalizing_networks_resamples_both():
    table = compare_pruning(curves(AREAS), SETTINGS)
    found = [row(table, "mem", "random")[f"above_generalizing{suffix}"] for suffix in ("", "_low", "_high")]
    assert found == pytest.approx([-0.25, -0.4, -0.1])
    assert np.isnan(row(table, "gen", "random")["above_generalizing"])


def test_cells_are_compared_with_generalizing_networks_of_their_own():
    first, second = curves(AREAS), curves({("mem", "random"): [0.2, 0.3]}, architecture="other")
    table = compare_pruning(pd.concat([first, second]), SETTINGS)
    assert np.isnan(row(table, "mem", "random", architecture="other")["above_generalizing"])
    assert row(table, "mem", "random", architecture="net")["above_generalizing"] == pytest.approx(-0.25)


def test_networks_that_missed_their_target_are_left_out():
    missed = curves(AREAS)
    missed["reached_target"] = (missed["regime"] == "gen") | (missed["seed"] == 1)
    found = row(compare_pruning(missed, SETTINGS), "mem", "rare")
    assert found["networks"] == 1
    assert found["relative_area"] == pytest.approx(0.7)
    assert np.isnan([found["relative_area_low"], found["above_generalizing_high"]]).all()
    assert compare_pruning(missed.assign(reached_target=False), SETTINGS).empty


def test_places_keep_the_order_of_the_layers():
    table = compare_pruning(curves({("gen", "random"): [0.7]}, layers=["network", "z", "a"]), SETTINGS)
    assert list(table["layer"]) == ["network", "network", "z", "z", "a", "a"]
