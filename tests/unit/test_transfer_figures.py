"""Figures of transfer: what their points, bars and baselines show, which are filled, and what they leave out."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from spikegrid.figures import style
from spikegrid.figures.transfer_accuracy import draw_transfer_accuracy
from spikegrid.figures.transfer_predictors import BEST, draw_transfer_predictors
from spikegrid.transfer_accuracies import COLUMNS as ACCURACY_COLUMNS
from spikegrid.transfer_predictors import BASELINE
from spikegrid.transfer_predictors import COLUMNS as PREDICTOR_COLUMNS

ROLES = ["untrained", "generalizing", "memorizing"]
PLACE = {"observable": "transfer", "target": "cifar10", "dataset": "mnist", "architecture": "mlp"}


def accuracies(regimes=ROLES, layers=("hidden1.relu", "hidden2.relu")) -> pd.DataFrame:
    rows = []
    for (place, regime), (depth, layer) in product(enumerate(regimes), enumerate(layers, start=1)):
        accuracy, untrained = 0.5 + place / 10 - depth / 100, 0.5 - depth / 100
        rows.append(
            PLACE
            | {"regime": regime, "layer": layer, "depth": depth, "width": 64, "networks": 5 - place}
            | {"accuracy": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.03, "untrained": untrained}
            | {"gain": place / 10, "gain_low": place / 10 - 0.01, "gain_high": place / 10 + 0.04}
            | {"pixels": 0.42, "chance": 0.11}
        )
    return pd.DataFrame(rows, columns=ACCURACY_COLUMNS)


def predictors(features: int = 3, layers=(("first", 1), ("last", 2))) -> pd.DataFrame:
    rows = []
    for layer, depth in layers:
        for number in range(features):
            rho = 0.9 - number / (2 * features)
            values = {"rho_within": rho, "rho": -rho, "p_adjusted_within": number / features, "p_adjusted": 0.01}
            names = {"predictor": "firing", "feature": f"feature_{depth}_{number}"}
            rows.append({"layer": layer, "depth": depth} | names | values)
        of_baseline = dict(zip(("predictor", "feature"), BASELINE))
        rows.append({"layer": layer, "depth": depth} | of_baseline | {"rho_within": 0.25, "rho": 0.5, "p_adjusted": 1})
    table = pd.DataFrame(rows, columns=PREDICTOR_COLUMNS).assign(**PLACE, networks=15, regimes=3)
    for suffix in ("", "_within"):
        table[f"low{suffix}"], table[f"high{suffix}"] = table[f"rho{suffix}"] - 0.1, table[f"rho{suffix}"] + 0.05
    return table


def lines(axes: Axes, regime: str) -> list[np.ndarray]:
    """Heights of the points of the lines with markers of one regime."""
    color = style.regime_looks(ROLES)[regime].color.lower()
    return [
        line.get_ydata() for line in axes.lines if to_hex(line.get_color()) == color and line.get_marker() != "None"
    ]


def bars(axes: Axes) -> list[list[float]]:
    """Ends of all bars of intervals, in the order drawn."""
    segments = (segment for lines in axes.collections for segment in lines.get_segments())
    return [segment[:, 1].tolist() for segment in segments if len(segment)]


def texts(figure: Figure) -> str:
    figure.canvas.draw()
    return "\n".join(text.get_text() for text in figure.findobj(match=lambda part: hasattr(part, "get_text")))


def test_points_are_means_and_bars_their_intervals():
    figure = draw_transfer_accuracy(accuracies(), ROLES)
    accuracy, gain = figure.axes
    (points,) = lines(accuracy, "memorizing")
    assert points.tolist() == pytest.approx([0.69, 0.68])
    assert np.array(bars(accuracy)) == pytest.approx(
        np.array([[a - 0.02, a + 0.03] for a in (0.49, 0.48, 0.59, 0.58, 0.69, 0.68)])
    )
    (points,) = lines(gain, "memorizing")
    assert points.tolist() == pytest.approx([0.2, 0.2])
    assert [0.19, 0.24] in [pytest.approx(bar) for bar in bars(gain)]


def test_pixels_and_guessing_stand_beside_accuracies_and_zero_beside_gains():
    figure = draw_transfer_accuracy(accuracies(), ROLES)
    accuracy, gain = figure.axes
    assert 0.42 in {line.get_ydata()[0] for line in accuracy.lines}
    assert "guessing: 0.11" in texts(figure)
    assert 0 in {line.get_ydata()[0] for line in gain.lines}


def test_regimes_that_do_not_train_have_no_gain():
    accuracy, gain = draw_transfer_accuracy(accuracies(), ROLES).axes
    assert len(lines(accuracy, "untrained")) == 1
    assert all(np.isnan(points).all() for points in lines(gain, "untrained"))


def test_networks_are_counted_and_names_written():
    said = texts(draw_transfer_accuracy(accuracies(), ROLES, confidence=0.9))
    for part in (
        "untrained, n = 5",
        "memorizing, n = 3",
        "classes of cifar10",
        "90 % bootstrap",
        "probe of the pixels",
    ):
        assert part in said, part
    assert "hidden2.relu" in said


def test_regimes_that_are_not_asked_for_are_left_out():
    said = texts(draw_transfer_accuracy(accuracies(), ["generalizing"]))
    assert "memorizing" not in said
    assert "generalizing, n = 4" in said


@pytest.mark.parametrize(
    "draw",
    [lambda: draw_transfer_accuracy(accuracies([]), ROLES), lambda: draw_transfer_predictors(predictors(layers=()))],
)
def test_where_nothing_was_measured_the_figure_says_so(draw):
    assert "no " in texts(draw())


def test_rows_are_the_features_of_the_deepest_layer_with_the_baseline_below():
    figure = draw_transfer_predictors(predictors())
    (axes,) = figure.axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["feature 2 0", "feature 2 1", "feature 2 2", "test accuracy on mnist"]
    assert "n = 15 networks of 3 regimes" in texts(figure)


def test_each_row_has_rho_within_and_over_regimes_with_its_interval():
    (axes,) = draw_transfer_predictors(predictors(features=1)).axes
    points = [line.get_xdata()[0] for line in axes.lines if line.get_marker() in ("o", "D")]
    assert points == pytest.approx([0.9, -0.9, 0.25, 0.5])
    ends = [segment[:, 0].tolist() for lines in axes.collections for segment in lines.get_segments()]
    assert np.array(ends) == pytest.approx(np.array([[0.8, 0.95], [-1.0, -0.85], [0.15, 0.3], [0.4, 0.55]]))


def test_points_are_filled_where_the_adjusted_p_is_small():
    (axes,) = draw_transfer_predictors(predictors(features=3)).axes
    within = [line for line in axes.lines if line.get_marker() == "o"]
    assert [to_hex(line.get_markerfacecolor()) == "#ffffff" for line in within] == [False, True, True, True]
    over_all = [line for line in axes.lines if line.get_marker() == "D"]
    assert [to_hex(line.get_markerfacecolor()) == "#ffffff" for line in over_all] == [False, False, False, True]


def test_no_more_than_the_best_features_are_shown():
    (axes,) = draw_transfer_predictors(predictors(features=BEST + 5)).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert len(labels) == BEST + 1
    assert labels[0] == "feature 2 0"


def test_features_of_one_name_are_told_by_their_observable():
    table = predictors(features=2)
    table.loc[table["predictor"] == "firing", "feature"] = "mean_rate"
    table.loc[[3, 4], "predictor"] = ["firing", "firing_train"]
    (axes,) = draw_transfer_predictors(table).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels[:2] == ["mean rate (firing)", "mean rate (firing_train)"]


@pytest.mark.parametrize(
    "draw", [lambda: draw_transfer_accuracy(accuracies(), ROLES), lambda: draw_transfer_predictors(predictors())]
)
def test_the_same_numbers_give_the_same_bytes(draw, tmp_path):
    for name in ("a", "b"):
        style.save(draw(), tmp_path / f"{name}.png", tmp_path / f"{name}.pdf")
    for suffix in ("png", "pdf"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
