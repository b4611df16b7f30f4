"""The figure from layer to layer: what it shows and leaves out, its names of layers, other grids."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from spikegrid.figures import style
from spikegrid.figures.by_depth import NAMED, draw_by_depth

pytestmark = pytest.mark.filterwarnings("error")

ROLES = ["untrained", "generalizing", "memorizing"]
LAYERS = ["conv.relu", "hidden1", "hidden2"]
LOOKS = style.regime_looks(ROLES)
LONG = "a-name-of-a-hundred-letters-" * 3 + "and-its-end"


def features(
    regimes=ROLES, layers=LAYERS, names=("effective_dimension_spikes",), seeds=3, missed: frozenset = frozenset()
) -> pd.DataFrame:
    """Features at two epochs, 10 × depth + seed at the last one and 0 before; -1 for the network as a whole."""
    rows = []
    for regime, seed, (depth, layer), name in product(
        regimes, range(seeds), [*enumerate(layers, start=1), (0, "network")], names
    ):
        for epoch in [0] if regime == "untrained" else [0, 20]:
            last = regime == "untrained" or epoch == 20
            value = -1.0 if depth == 0 else (10.0 * depth + seed) * last
            rows.append(("dots", "net", regime, seed, epoch, layer, depth, name, value, (regime, seed) not in missed))
    columns = ["dataset", "architecture", "regime", "seed", "epoch", "layer", "depth", "feature", "value"]
    return pd.DataFrame(rows, columns=[*columns, "reached_target"])


def line_of(axes: Axes, regime: str) -> np.ndarray:
    (found,) = [line for line in axes.lines if line.get_color() == LOOKS[regime].color]
    return found.get_xydata()


def shown_names(axes: Axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels() if label.get_visible()]


def test_points_are_means_at_the_last_epoch_of_networks_that_reached_their_target():
    table = features(missed=frozenset({("memorizing", 2)}))
    figure = draw_by_depth(table.sample(frac=1, random_state=0), ROLES)
    (axes,) = figure.axes
    np.testing.assert_allclose(line_of(axes, "generalizing"), [[1, 11], [2, 21], [3, 31]])
    for regime, heights, side in (("untrained", [11, 21, 31], -1), ("memorizing", [10.5, 20.5, 30.5], 1)):
        depths, means = line_of(axes, regime).T
        np.testing.assert_allclose(means, heights)
        assert (side * (depths - [1, 2, 3]) > 0).all()
        assert (side * (depths - [1, 2, 3]) < 0.2).all()
    texts = [" ".join(text.get_text().split()) for text in figure.legends[0].get_texts()]
    assert texts == ["untrained, n = 3", "generalizing, n = 3", "memorizing, n = 2 (1 missed target)"]


def test_bars_are_intervals_over_networks_and_one_network_has_none():
    def bars(table: pd.DataFrame) -> np.ndarray:
        (axes,) = draw_by_depth(table, ["generalizing"], resamples=2000).axes
        (found,) = axes.collections
        return np.array([segment[:, 1] for segment in found.get_segments() if len(segment)])

    several = bars(features(["generalizing"]))
    assert several.shape == (3, 2)
    assert (several[:, 0] >= [10, 20, 30]).all()
    assert (several[:, 0] < [11, 21, 31]).all()
    assert (several[:, 1] > [11, 21, 31]).all()
    assert (several[:, 1] <= [12, 22, 32]).all()
    assert len(bars(features(["generalizing"], seeds=1))) == 0


def test_a_value_that_a_network_lacks_is_a_gap_and_a_feature_without_values_is_said_to_be_undefined():
    table = features(names=["participation_ratio", "never_defined"])
    table.loc[table["feature"] == "never_defined", "value"] = np.nan
    table.loc[(table["layer"] == "hidden1") & (table["seed"] == 1), "value"] = np.nan
    defined, undefined = draw_by_depth(table, ROLES).axes
    np.testing.assert_array_equal(np.isnan(line_of(defined, "memorizing")[:, 1]), [False, True, False])
    assert [text.get_text() for text in undefined.texts] == ["undefined"]


def test_layers_are_named_in_order_of_depth_below_the_lowest_panels_alone():
    figure = draw_by_depth(features(names=["a", "b", "c", "d"], layers=["z", "a", LONG]), ROLES)
    panels = [axes for axes in figure.axes if axes.axison]
    named = [bool(shown_names(axes)) and axes.xaxis.get_tick_params()["labelbottom"] for axes in panels]
    assert named == [False, True, True, True]
    assert shown_names(panels[-1]) == ["z", "a", style.shortened(LONG, 16)]
    assert [axes.get_xlabel() for axes in panels] == ["", "layer", "layer", "layer"]


def test_names_of_layers_are_turned_where_they_are_long():
    turned = [
        {label.get_rotation() for label in draw_by_depth(features(layers=layers), ROLES).axes[0].get_xticklabels()}
        for layers in (["conv1.relu", "hidden1"], [f"{LONG}{number}" for number in range(5)])
    ]
    assert turned == [{0}, {90}]


def test_depths_stand_for_more_layers_than_can_be_named():
    layers = [f"layer{number}" for number in range(NAMED + 1)]
    few, many = (draw_by_depth(features(layers=layers[:count]), ROLES).axes[0] for count in (NAMED, NAMED + 1))
    assert shown_names(few)[0] == "layer0"
    assert many.get_xlabel() == "depth of layer"
    assert not {*shown_names(many)} & {*layers}


def test_regimes_that_are_not_asked_for_and_the_whole_network_are_left_out():
    (axes,) = draw_by_depth(features(), ROLES[1:]).axes
    assert len(axes.lines) == 2
    assert min(line.get_ydata().min() for line in axes.lines) > 0


def test_a_table_without_layers_says_so():
    table = features()
    (axes,) = draw_by_depth(table[table["depth"] == 0], ROLES).axes
    assert axes.texts[0].get_text() == "no feature of a layer was measured"


@pytest.mark.parametrize(
    "table",
    [
        features(["generalizing"], ["units"], seeds=1),
        features(names=[f"feature_{number}" for number in range(9)]),
        features(layers=[f"block{number}.relu" for number in range(50)]),
        features(layers=[f"{LONG}{number}" for number in range(NAMED)], names=[LONG.replace("-", "_"), "total"]),
        features(missed=frozenset(product(ROLES, range(3)))),
    ],
    ids=["one layer", "nine features", "50 layers", "long names", "all missed"],
)
def test_other_grids_are_laid_out_without_a_warning_and_inside_the_figure(table):
    figure = draw_by_depth(table, ROLES, resamples=100)
    figure.draw_without_rendering()
    page = figure.bbox.padded(1)
    assert figure.get_figwidth() * 25.4 <= style.FULL_WIDTH + 1e-6
    for part in [*figure.legends, *figure.axes]:
        box = part.get_tightbbox()
        for x, y in ((box.x0, box.y0), (box.x1, box.y1)):
            assert page.contains(x, y)


def test_the_same_data_give_the_same_bytes(tmp_path):
    for folder in ("first", "second"):
        style.save(draw_by_depth(features(), ROLES), tmp_path / folder / "a.pdf", tmp_path / folder / "a.png")
    for name in ("a.pdf", "a.png"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
