"""The map of predictive checks: shades are shares that pass, numbers are z, what a model is fitted to is hatched."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pages import assert_within_page

from spikegrid.features import write_table
from spikegrid.figures.predictive_checks import draw_predictive_checks, read_checks
from spikegrid.simulation import COLUMNS

REGIMES = ["untrained", "generalizing", "memorizing", "noise20"]
MODELS = ["bernoulli", "beta_binomial", "class_rates", "latent_gaussian"]
STATISTICS = ["firing_rate_mean", "fano_ratio_class_blocked", "hamming_ratio"]


def table(regimes=REGIMES[:3], layers=("hidden1", "hidden2"), cell=("dots", "net")) -> pd.DataFrame:
    """Checks whose share grows with the model and whose z falls with the statistic and differs by layer."""
    rows = []
    for regime, (depth, layer), (i, model), (j, statistic) in product(
        regimes, enumerate(layers, start=1), enumerate(MODELS), enumerate(STATISTICS)
    ):
        names = ["simulation", *cell, regime, layer, depth, model, statistic, statistic == STATISTICS[0]]
        rows.append([*names, 5, i / 3, 0, 1, 0.5, 0.4, -(10.0**j) - i - 100 * (depth == 1), -1, 1])
    return pd.DataFrame(rows, columns=COLUMNS)


def cells_of(figure: Figure, panel: int = 0) -> list[Rectangle]:
    return [patch for patch in figure.axes[panel].patches if isinstance(patch, Rectangle)]


def numbers_of(figure: Figure, panel: int = 0) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].texts]


@pytest.mark.parametrize("number", [1, 3, 4])
def test_a_panel_stands_for_every_regime_that_is_there(number):
    figure = draw_predictive_checks(table(REGIMES[:number]), REGIMES)
    titles = [axes.get_title("left").split("   ")[-1] for axes in figure.axes[:-1]]
    assert titles == [f"{regime}, n = 5" for regime in REGIMES[:number]]
    named = [bool(axes.get_yticklabels()) for axes in figure.axes[:-1]]
    assert named == [place % 3 == 0 for place in range(number)]
    assert_within_page(figure)


def test_shades_and_numbers_are_those_of_the_last_layer():
    checks = table()
    figure = draw_predictive_checks(checks[~checks["by_construction"]], REGIMES)
    shown = cells_of(figure)
    assert len(shown) == 4 * 2
    by_model = {cell.get_x(): np.mean(cell.get_facecolor()[:3]) for cell in shown}
    assert by_model[0] == 1
    assert by_model[0] > by_model[1] > by_model[2] > by_model[3], "darker where more pass, in grey too"
    assert numbers_of(figure) == ["−10", "−100", "−11", "−101", "−12", "−102", "−13", "−103"]


def test_what_a_model_is_fitted_to_is_hatched_and_has_a_number_where_surrogates_differ_from_the_data():
    checks = table()
    checks.loc[checks["by_construction"] & (checks["model"] != "beta_binomial"), "z"] = np.nan
    figure = draw_predictive_checks(checks, REGIMES)
    hatched = [cell for cell in cells_of(figure) if cell.get_hatch()]
    assert [(cell.get_x(), cell.get_y()) for cell in hatched] == [(0, 0), (1, 0), (2, 0), (3, 0)]
    assert [text.get_text() for text in figure.axes[0].texts if text.get_position()[1] < 1] == ["−2.0"]
    fitted, free = (
        next(cell for cell in cells_of(figure) if (cell.get_x(), cell.get_y()) == place) for place in ((1, 0), (1, 1))
    )
    assert fitted.get_facecolor() == free.get_facecolor(), "shaded by the share that passes, as the others are"


def test_undefined_check_is_a_dash_and_small_z_have_a_digit_more():
    checks = table(["memorizing"], ["hidden1"])
    checks = checks[~checks["by_construction"]].copy()
    checks.loc[checks["statistic"] == "hamming_ratio", ["passing", "z"]] = np.nan
    checks.loc[checks["statistic"] == "fano_ratio_class_blocked", "z"] = 1.26
    assert numbers_of(draw_predictive_checks(checks, REGIMES)) == ["+1.3", "–"] * 4


def test_figure_says_the_layer_and_what_shades_and_numbers_mean():
    figure = draw_predictive_checks(table(), REGIMES)
    (legend,) = figure.legends
    assert legend.get_title().get_text() == "layer hidden2; numbers: mean z of the data among surrogates"
    assert figure.axes[-1].get_xlabel() == "share of networks that pass"


def test_checks_of_one_cell_and_observable_are_read_from_the_table_of_all(tmp_path):
    mine = table()
    path = tmp_path / "simulation.csv"
    write_table(path, pd.concat([mine, table(cell=("dots", "other")), mine.assign(observable="other")]))
    found = read_checks(path, "simulation", "dots", "net")
    pd.testing.assert_frame_equal(found.reset_index(drop=True), mine, check_dtype=False)
