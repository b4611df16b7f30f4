"""Figures of pruning: their panels, lines and areas."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pages import assert_within_page

from spikegrid.figures import style
from spikegrid.figures.pruning import draw_pruning_curves, draw_random_ablation
from spikegrid.pruning_areas import CRITERIA, RANDOM

ROLES = ["untrained", "generalizing", "memorizing"]
LOOKS = style.regime_looks(ROLES)
SHARES = np.linspace(0, 1, 5)


def curves(layers=("hidden1", "hidden2"), seeds=3, missed=()) -> pd.DataFrame:
    """Curves whose value at share s is (1 - s/10 · (place of criterion + regime)) less a hundredth a seed."""
    rows = []
    places = [(name, depth) for depth, name in enumerate(layers, start=1)] + [("network", 0)]
    everything = product(enumerate(ROLES), range(seeds), places, enumerate([*CRITERIA, RANDOM]), SHARES)
    for (number, regime), seed, (layer, depth), (place, criterion), share in everything:
        accuracy = 1 - share / 10 * (place + number) - seed / 100
        rows.append({"observable": "pruning", "dataset": "dots", "architecture": "net", "regime": regime, "seed": seed,
                     "epoch": 9, "layer": layer, "depth": depth, "criterion": criterion, "share": share,
                     "accuracy_train": accuracy, "accuracy_test": accuracy / 2,
                     "reached_target": (regime, seed) not in missed})  # fmt: skip
    return pd.DataFrame(rows)


def panel(figure: Figure, letter: str) -> Axes:
    (found,) = [axes for axes in figure.axes if axes.get_title("left").startswith(rf"$\bf{{{letter}}}$")]
    return found


def lines(axes: Axes, regime: str) -> list[np.ndarray]:
    """What stands on the lines of a regime, the fullest first."""
    own = [line for line in axes.lines if line.get_color() == LOOKS[regime].color]
    return [line.get_ydata() for line in sorted(own, key=lambda line: -line.get_linewidth())]


@pytest.mark.parametrize("draw", [draw_pruning_curves, draw_random_ablation])
@pytest.mark.parametrize("layers", [["a"], ["hidden1", "hidden2"], [f"features.block{n}.relu" for n in range(17)]])
def test_figures_fit_their_page(draw, layers):
    assert_within_page(draw(curves(layers), ROLES, resamples=100))


def test_each_criterion_has_a_panel_with_its_means_and_those_of_random_removal():
    figure = draw_pruning_curves(curves(), ROLES, resamples=100)
    letters = dict(zip([RANDOM, *CRITERIA], "abcdefg"))
    for number, regime in enumerate(ROLES):
        at_random = 1 - SHARES / 10 * (6 + number) - 0.01
        (alone,) = lines(panel(figure, letters[RANDOM]), regime)
        np.testing.assert_allclose(alone, at_random)
        for place, criterion in enumerate(CRITERIA):
            own, beside = lines(panel(figure, letters[criterion]), regime)
            np.testing.assert_allclose(own, 1 - SHARES / 10 * (place + number) - 0.01)
            np.testing.assert_allclose(beside, at_random)
    held_out, _ = lines(panel(figure, "j"), "memorizing")
    np.testing.assert_allclose(held_out, (1 - SHARES / 10 * 2 - 0.01) / 2)


def test_areas_of_criteria_have_their_means_and_intervals():
    figure = draw_pruning_curves(curves(), ROLES, resamples=4000)
    axes = panel(figure, "p")
    assert [label.get_text() for label in axes.get_yticklabels()][:3] == ["random", "rare", "always on"]
    (points,) = [line for line in axes.lines if line.get_color() == LOOKS["memorizing"].color]
    falls = np.array([8, 2, 3, 4, 5, 6, 7]) / 20
    areas = np.array([(1 - falls - seed / 100) / 2 for seed in range(3)])
    np.testing.assert_allclose(points.get_xdata(), areas.mean(axis=0))
    bars = np.array([bar.get_segments() for bar in axes.collections][-1])[:, :, 0]
    np.testing.assert_allclose(bars, np.sort([areas.min(axis=0), areas.max(axis=0)], axis=0).T)


def test_random_ablation_has_a_panel_for_each_layer_and_one_for_all():
    figure = draw_random_ablation(curves(), ROLES, resamples=100)
    titles = [axes.get_title("left").split("$")[-1].strip() for axes in figure.axes if axes.axison]
    assert titles == ["layer hidden1", "layer hidden2", "every layer", "areas"]
    for letter in "abc":
        (line,) = lines(panel(figure, letter), "generalizing")
        np.testing.assert_allclose(line, 1 - SHARES / 10 * 7 - 0.01)


def test_networks_that_missed_their_target_are_counted_and_not_drawn():
    missed = [("memorizing", 0), ("memorizing", 1)]
    for draw in (draw_pruning_curves, draw_random_ablation):
        figure = draw(curves(missed=missed), ROLES, resamples=100)
        texts = [text.get_text() for text in figure.legends[0].get_texts()]
        assert "memorizing, n = 1 (2 missed target)" in texts
        np.testing.assert_allclose(lines(panel(figure, "a"), "memorizing")[0][0], 0.98)
