"""Figures of the training response: what their lines show and leave out, and layouts that survive other grids."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from scipy import stats

from spikegrid.features import write_table
from spikegrid.figures import style
from spikegrid.figures.networks import values_over_training
from spikegrid.figures.response_decay import PANELS, draw_response_decay
from spikegrid.figures.response_kernel import REGIMES, STAGES, draw_response_kernel

ROLES = ["untrained", "generalizing", "memorizing"]
MANY = [*ROLES, "noise20", "noise40", "few100"]
EPOCHS = [0, 1, 2, 5, 10, 20]
LOOKS = style.regime_looks(ROLES)


def networks(regimes=ROLES, seeds=3, missed=frozenset()) -> pd.DataFrame:
    """A row a network and epoch, those in ``missed`` below their target."""
    rows = [
        (regime, seed, epoch, (regime, seed) not in missed)
        for regime, seed in product(regimes, range(seeds))
        for epoch in ([0] if regime == "untrained" else EPOCHS)
    ]
    return pd.DataFrame(rows, columns=["regime", "seed", "epoch", "reached_target"])


def features(runs: pd.DataFrame) -> pd.DataFrame:
    """Factors that age as (1 + epoch)^-exponent, ten times higher from each seed to the next."""
    exponents = {"response_error": 1, "response_kernel": -0.5, "response_slope": 2, "finite_step_deviation": 0}
    exponents |= {"response_probability_amplitude": 2.5, "response_amplitude": 0.5}
    parts = [
        runs.assign(
            feature=name, layer="network", depth=0, value=10.0 ** runs["seed"] * (1.0 + runs["epoch"]) ** -power
        )
        for name, power in exponents.items()
    ]
    return pd.concat(parts, ignore_index=True)


def pairs(runs: pd.DataFrame, bins=5) -> pd.DataFrame:
    """κ falls with distance from 1, more in later epochs; |R| is ten times higher from each seed to the next."""
    table = runs.merge(pd.DataFrame({"bin": range(bins), "distance": np.linspace(0.5, 1.5, bins)}), how="cross")
    table["kernel"] = 1 - table["distance"] * (1 + table["epoch"]) / 50 + table["seed"] / 100
    table["response"] = 10.0 ** table["seed"] / (1 + table["epoch"]) / table["distance"]
    return table


def courses(axes: Axes, color: str) -> list[np.ndarray]:
    return [line.get_ydata() for line in axes.lines if line.get_color() == color]


def said(figure) -> str:
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    for legend in figure.legends:
        texts += [legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())]
    return " ".join(" ".join(texts).split())


def test_lines_of_the_decay_are_geometric_means_of_the_networks_that_reached_their_target():
    table = features(networks(missed={("memorizing", 2)}))
    figure = draw_response_decay(table, ROLES)
    reached = table[table["reached_target"] & (table["regime"] == "memorizing")]
    for axes, feature in zip(figure.axes, PANELS):
        (course,) = courses(axes, LOOKS["memorizing"].color)
        by_epoch = reached[reached["feature"] == feature].groupby("epoch")["value"]
        np.testing.assert_allclose(course, by_epoch.apply(stats.gmean))
    assert "memorizing, n = 2 (1 missed target)" in said(figure)


def test_lines_of_factors_multiply_to_that_of_their_product():
    figure = draw_response_decay(features(networks(seeds=1)), ROLES)
    course = {name: courses(axes, LOOKS["generalizing"].color)[0] for axes, name in zip(figure.axes, PANELS)}
    product_of_factors = course["response_error"] * course["response_kernel"] * course["response_slope"]
    np.testing.assert_allclose(course["response_probability_amplitude"], product_of_factors)


def test_both_scales_of_the_decay_are_logarithmic_and_untrained_networks_a_level_line():
    figure = draw_response_decay(features(networks()), ROLES)
    for axes in figure.axes:
        assert (axes.get_xscale(), axes.get_yscale()) == ("symlog", "log")
        (level,) = courses(axes, LOOKS["untrained"].color)
        assert level[0] == level[1] == pytest.approx(10)


def test_a_value_that_is_undefined_or_zero_leaves_a_gap_and_a_panel_of_them_says_so():
    table = features(networks(["memorizing"]))
    is_error = table["feature"] == "response_error"
    table.loc[is_error & (table["epoch"] == 5) & (table["seed"] == 0), "value"] = 0
    table.loc[table["feature"] == "response_slope", "value"] = np.nan
    figure = draw_response_decay(table, ROLES)
    panels = dict(zip(PANELS, figure.axes))
    (course,) = courses(panels["response_error"], LOOKS["memorizing"].color)
    assert np.isnan(course).tolist() == [epoch == 5 for epoch in EPOCHS]
    assert [text.get_text() for text in panels["response_slope"].texts] == ["undefined"]


def test_a_regime_has_a_column_with_a_line_for_each_stage():
    runs = networks(missed={("memorizing", 2)})
    table = pairs(runs)
    figure = draw_response_kernel(table, ROLES)
    above, below = figure.axes[:3], figure.axes[3:]
    assert [len(axes.lines) for axes in above] == [1, STAGES, STAGES]
    reached = table[(table["regime"] == "memorizing") & table["reached_target"]]
    for place, epoch in enumerate([0, 2, 5, 20]):
        at_stage = reached[reached["epoch"] == epoch].groupby("bin")
        np.testing.assert_allclose(above[2].lines[place].get_ydata(), at_stage["kernel"].mean())
        np.testing.assert_allclose(above[2].lines[place].get_xdata(), at_stage["distance"].mean())
        np.testing.assert_allclose(below[2].lines[place].get_ydata(), at_stage["response"].apply(stats.gmean))
        assert f"epoch {epoch}" in said(figure)
    assert below[0].get_yscale() == "log"
    assert "memorizing, n = 2 (1 missed target)" in said(figure)


def test_the_last_stage_has_the_full_colour_of_its_regime():
    figure = draw_response_kernel(pairs(networks()), ROLES)
    colors = [line.get_color() for line in figure.axes[2].lines]
    assert len(set(colors)) == STAGES
    assert colors[-1].lower() == LOOKS["memorizing"].color.lower()


def test_regimes_beyond_the_fourth_are_named_and_not_shown():
    figure = draw_response_kernel(pairs(networks(MANY)), MANY)
    assert len(figure.axes) == 2 * REGIMES
    assert "not shown: noise40, few100" in said(figure)


def test_a_regime_without_a_network_that_reached_its_target_says_so():
    missed = {("memorizing", seed) for seed in range(3)}
    assert said(draw_response_kernel(pairs(networks(missed=missed)), ROLES)).count("undefined in every network") == 2


def test_tables_of_all_epochs_are_joined_with_names_of_their_regimes(tmp_path):
    runs = pd.DataFrame({"regime": ["one", "one", "two"], "seed": [0, 1, 0], "reached_target": [True, False, True]})
    paths = []
    for regime, seeds in (("one", [0, 1]), ("two", [0])):
        path = tmp_path / regime / "seeds0-1" / "kernel" / "response.parquet"
        rows = [(seed, epoch) for seed in seeds for epoch in (0, 5)]
        write_table(path, pd.DataFrame(rows, columns=["seed", "epoch"]))
        paths.append(path)
    joined = values_over_training(paths, runs)
    assert joined[["regime", "seed", "epoch", "reached_target"]].to_numpy().tolist() == [
        *(["one", 0, 0, True], ["one", 0, 5, True], ["one", 1, 0, False], ["one", 1, 5, False]),
        *(["two", 0, 0, True], ["two", 0, 5, True]),
    ]


@pytest.mark.parametrize(("regimes", "seeds"), [(["memorizing"], 1), (ROLES, 2), (MANY, 3)])
def test_layouts_hold_for_grids_of_other_sizes(regimes, seeds, tmp_path):
    runs = networks(regimes, seeds, missed={(regimes[-1], seed) for seed in range(seeds)})
    for number, figure in enumerate(
        (draw_response_decay(features(runs), regimes), draw_response_kernel(pairs(runs), regimes))
    ):
        style.save(figure, tmp_path / f"{number}.png")
        width, height = figure.get_size_inches() * figure.dpi
        boxes = [artist.get_tightbbox() for artist in (*figure.axes, *figure.legends)]
        assert all(box.x0 > -1 and box.y0 > -1 and box.x1 < width + 1 and box.y1 < height + 1 for box in boxes)
