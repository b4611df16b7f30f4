"""Features against the loss: closed forms at equal loss, which networks and features are shown, whole figures."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy.interpolate import interp1d
from scipy.stats import bootstrap

from spikegrid.figures import style
from spikegrid.figures.against_loss import LEVELS, at_equal_loss, draw_against_loss

REGIMES = ["untrained", "gd", "sgd_8"]
EPOCHS = [0, 1, 3, 10, 30, 100]
NAMES = ["effective_dimension_activations", "effective_dimension_spikes"]
HALVING = {"gd": 20.0, "sgd_8": 5.0}
"""Epochs in which the loss of a regime falls by half."""

Course = Callable[[str, int, float], float]
"""A feature as a function of regime, seed and loss."""


def loss_of(regime: str, seed: int, epoch: int) -> float:
    return (0.7 + 0.05 * seed) * 2 ** (-epoch / HALVING.get(regime, np.inf))


def histories(regimes=REGIMES, seeds=3, loss=loss_of) -> pd.DataFrame:
    """Losses after every epoch up to the last checkpoint."""
    rows = [
        ("line", "mlp", regime, seed, epoch, loss(regime, seed, epoch))
        for regime, seed in product(regimes, range(seeds))
        for epoch in range(1 if regime == "untrained" else EPOCHS[-1] + 1)
    ]
    return pd.DataFrame(rows, columns=["dataset", "architecture", "regime", "seed", "epoch", "loss"])


def features(
    history: pd.DataFrame, course: Course, names=NAMES, places=((1, "hidden1"), (2, "hidden2")), missed=()
) -> pd.DataFrame:
    """Features at checkpoints; those of ``hidden1`` are -1."""
    rows = [
        (*run[1:6], layer, depth, name, -1.0 if layer == "hidden1" else course(run.regime, run.seed, run.loss))
        for run in history[history["epoch"].isin(EPOCHS)].itertuples()
        for (depth, layer), name in product(places, names)
    ]
    columns = ["dataset", "architecture", "regime", "seed", "epoch", "layer", "depth", "feature", "value"]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(reached_target=[run not in missed for run in zip(table["regime"], table["seed"])])


def logarithmic(_: str, seed: int, loss: float) -> float:
    return 2 + seed - 3 * np.log(loss)


def is_between(low: float, high: float, levels: np.ndarray) -> np.ndarray:
    return (levels >= low) & (levels <= high)


def drawn(figure: Figure, panel: int, regime: str, regimes=REGIMES) -> np.ndarray:
    """Loss and height of the points of a regime's line, float [n, 2]."""
    color = style.regime_looks(regimes)[regime].color
    (line,) = [line for line in figure.axes[panel].lines if line.get_color() == color]
    points = np.asarray(line.get_xydata(), float)
    return points[np.isfinite(points[:, 1])]


def titles(figure: Figure) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes if axes.axison]


# --- values at equal loss ---


def test_what_goes_with_the_logarithm_of_the_loss_is_met_at_every_level_that_was_passed():
    history = histories(["gd"])
    table = history[history["epoch"].isin(EPOCHS)].assign(value=lambda rows: 1 - 3 * np.log(rows["loss"]))
    found = at_equal_loss(table)
    for seed in range(3):
        passed = is_between(loss_of("gd", seed, EPOCHS[-1]), loss_of("gd", seed, 0), LEVELS)
        assert passed.sum() > 8
        np.testing.assert_allclose(found.loc[passed, seed], 1 - 3 * np.log(LEVELS[passed]), rtol=1e-12)
        assert found.loc[~passed, seed].isna().all()


def test_values_between_checkpoints_are_those_of_scipy():
    losses, values = np.array([2.0, 0.9, 0.31, 0.04]), np.array([4.0, 7.0, 1.0, 5.0])
    table = pd.DataFrame({"seed": 0, "epoch": [0, 2, 5, 9], "loss": losses, "value": values})
    expected = interp1d(np.log(losses), values, bounds_error=False)(np.log(LEVELS))
    np.testing.assert_allclose(at_equal_loss(table)[0], expected)


def test_a_network_is_taken_where_its_loss_first_fell_to_a_level():
    losses, values = [1.0, 3.0, 0.1, 0.5, 0.1, 0.01], [0.0, 9.0, 1.0, 9.0, 9.0, 2.0]
    table = pd.DataFrame({"seed": 0, "epoch": range(6), "loss": losses, "value": values})
    levels = np.array([2.0, 1.0, 10**-0.5, 0.1, 10**-1.5, 0.01])
    np.testing.assert_allclose(at_equal_loss(table, levels)[0], [np.nan, 0, 0.5, 1, 1.5, 2])


def test_checkpoints_count_in_the_order_of_their_epochs():
    table = pd.DataFrame({"seed": 0, "epoch": [9, 0, 3], "loss": [0.01, 1.0, 0.1], "value": [2.0, 0.0, 1.0]})
    np.testing.assert_allclose(at_equal_loss(table, np.array([1.0, 0.1, 0.01]))[0], [0, 1, 2])


@pytest.mark.parametrize("loss", [0.0, np.nan, -0.1])
def test_a_checkpoint_without_a_positive_loss_does_not_count(loss):
    table = pd.DataFrame({"seed": 0, "epoch": [0, 1, 2], "loss": [1.0, loss, 0.1], "value": [0.0, 50.0, 1.0]})
    np.testing.assert_allclose(at_equal_loss(table, np.array([1.0, 10**-0.5, 0.1, 0.01]))[0], [0, 0.5, 1, np.nan])
    nowhere = table.assign(loss=loss)
    assert at_equal_loss(nowhere)[0].isna().all()


def test_there_is_no_value_beside_a_checkpoint_without_one():
    table = pd.DataFrame({"seed": 0, "epoch": range(4), "loss": [1.0, 0.1, 0.01, 0.001], "value": [0, 1, np.nan, 3]})
    found = at_equal_loss(table, np.array([10**-0.5, 10**-1.5, 10**-2.5, 0.001]))[0]
    np.testing.assert_allclose(found, [0.5, np.nan, np.nan, 3])


# --- what the figure shows ---


def test_lines_are_means_over_networks_at_equal_loss_however_fast_they_trained():
    history = histories()
    figure = draw_against_loss(features(history, logarithmic), history, REGIMES)
    for panel, regime in product(range(2), ("gd", "sgd_8")):
        points = drawn(figure, panel, regime)
        assert len(points) > 8
        np.testing.assert_allclose(points[:, 1], 3 - 3 * np.log(points[:, 0]), rtol=1e-9)


def test_a_line_spans_the_levels_that_all_networks_of_the_regime_passed():
    history = histories()
    points = drawn(draw_against_loss(features(history, logarithmic), history, REGIMES), 0, "gd")
    low, high = loss_of("gd", 2, EPOCHS[-1]), loss_of("gd", 0, 0)
    np.testing.assert_allclose(np.sort(points[:, 0]), LEVELS[is_between(low, high, LEVELS)])


def test_loss_falls_from_left_to_right_over_the_levels_that_were_passed():
    history = histories()
    figure = draw_against_loss(features(history, logarithmic), history, REGIMES)
    levels = np.concatenate([drawn(figure, 0, regime)[:, 0] for regime in ("gd", "sgd_8")])
    for axes in figure.axes[:2]:
        left, right = axes.get_xlim()
        assert levels.max() < left < 1.5 * levels.max()
        assert levels.min() / 1.5 < right < levels.min()
        assert axes.get_xscale() == "log"
        assert axes.get_xlabel() == "training loss (nats)"


def test_bands_are_bootstrap_intervals_of_the_mean_at_equal_loss():
    history = histories(["gd"], seeds=6)
    figure = draw_against_loss(features(history, lambda _, seed, __: float(seed**2)), history, ["gd"])
    (band,) = figure.axes[0].collections
    heights = band.get_paths()[0].vertices[:, 1]
    scipy = bootstrap(([seed**2 for seed in range(6)],), np.mean, method="percentile", rng=0).confidence_interval
    np.testing.assert_allclose([heights.min(), heights.max()], [scipy.low, scipy.high], atol=0.35)


def test_networks_that_missed_their_target_are_left_out_and_counted():
    history = histories()
    table = features(history, logarithmic, missed=[("gd", 2)])
    figure = draw_against_loss(table, history, REGIMES)
    points = drawn(figure, 0, "gd")
    np.testing.assert_allclose(points[:, 1], 2.5 - 3 * np.log(points[:, 0]), rtol=1e-9)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "gd, n = 2 (1 missed target)" in texts


def test_untrained_networks_are_a_level_line():
    history = histories()
    figure = draw_against_loss(features(history, lambda _, seed, __: float(seed)), history, REGIMES)
    color = style.regime_looks(REGIMES)["untrained"].color
    (line,) = [line for line in figure.axes[0].lines if line.get_color() == color]
    assert (list(line.get_xdata()), set(line.get_ydata())) == ([0, 1], {1.0})


def test_regimes_that_are_not_listed_are_not_shown():
    history = histories()
    figure = draw_against_loss(features(history, logarithmic), history, ["gd"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["gd, n = 3"]


def test_the_layer_nearest_the_output_is_shown_and_named():
    history = histories()
    figure = draw_against_loss(features(history, logarithmic), history, REGIMES)
    assert figure.get_suptitle() == "layer hidden2"
    assert drawn(figure, 0, "gd")[:, 1].min() > 0


def test_a_feature_of_the_network_as_a_whole_is_shown_beside_those_of_layers():
    history = histories()
    whole = features(history, logarithmic, ["kernel_effective_dimension"], [(0, "network")])
    table = pd.concat([features(history, logarithmic), whole])
    figure = draw_against_loss(table, history, REGIMES)
    assert figure.get_suptitle() == ""
    assert [title.splitlines()[-1] for title in titles(figure)] == ["layer hidden2", "layer hidden2", "whole network"]
    alone = draw_against_loss(whole, history, REGIMES)
    assert alone.get_suptitle() == "whole network"


SHOWN = [
    *("effective_dimension", "effective_dimension_spikes", "kernel_effective_dimension", "flip_distance_l2"),
    *("response_amplitude", "response_kernel", "response_slope", "response_error"),
]
NOT_SHOWN = ["participation_ratio_spikes", "response_separability", "unflipped_share_l2", "firing_rate_mean"]


def test_features_that_say_what_training_changes_are_shown_and_no_others():
    history = histories()
    figure = draw_against_loss(features(history, logarithmic, [*SHOWN, *NOT_SHOWN]), history, REGIMES)
    shown = [" ".join(title.split()[1:]) for title in titles(figure)]
    assert shown == [style.axis_label(name, 1000) for name in SHOWN]


@pytest.mark.parametrize(
    ("course", "scale"),
    [
        (lambda _, __, loss: loss**4, "log"),
        (lambda _, __, loss: 1 + loss, "linear"),
        (lambda _, __, loss: loss**4 - 1e-3, "linear"),
    ],
)
def test_positive_values_of_unlike_size_have_a_logarithmic_scale(course, scale):
    history = histories()
    assert draw_against_loss(features(history, course), history, REGIMES).axes[0].get_yscale() == scale


def test_last_digits_of_a_constant_do_not_look_like_a_course():
    history = histories()
    figure = draw_against_loss(features(history, lambda _, __, loss: 1 + 1e-12 * loss), history, REGIMES)
    low, high = figure.axes[0].get_ylim()
    assert high - low > 0.04


def test_a_figure_without_anything_to_show_says_so(tmp_path):
    history = histories()
    table = features(history, logarithmic)
    for shown, losses, text in (
        (table.assign(feature="other"), history, "no feature that is shown against the loss was measured"),
        (table.assign(value=np.nan), history, "undefined"),
        (table, history.assign(loss=np.nan), "no loss that all networks passed"),
        (table.assign(reached_target=False), history, "undefined"),
    ):
        figure = draw_against_loss(shown, losses, REGIMES)
        assert text in [written.get_text() for axes in figure.axes for written in axes.texts]
        style.save(figure, tmp_path / "figure.png")


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_every_feature_has_a_panel_and_the_figure_fits_the_page(count, tmp_path):
    regimes = ["gd", *(f"sgd_{2**power}" for power in range(6))]
    history = histories(regimes)
    names = [f"effective_dimension_of_{number}" for number in range(count)]
    figure = draw_against_loss(features(history, logarithmic, names), history, regimes)
    assert len(titles(figure)) == count
    assert figure.get_figwidth() * 25.4 <= style.FULL_WIDTH + 1e-6
    looks = [style.regime_looks(regimes)[regime] for regime in regimes]
    assert len({look.color for look in looks}) == len({look.marker for look in looks}) == len(regimes)
    style.save(figure, tmp_path / "a.png", tmp_path / "a.pdf")
    style.save(draw_against_loss(features(history, logarithmic, names), history, regimes), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
