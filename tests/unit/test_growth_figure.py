"""Figure of features over training with the laws fitted to them."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from pages import assert_within_page
from scipy.stats import bootstrap

from spikegrid.dynamics import training_dynamics
from spikegrid.figures import style
from spikegrid.figures.growth import SHIFTED_POWER, draw_growth
from spikegrid.growth_laws import curve

EPOCHS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]
ROLES = ["untrained", "generalizing", "memorizing"]
LONG = "a_name_of_a_hundred_letters_" * 3 + "and_its_end"
COURSES = {
    "power": lambda t: (1 + t / 3) ** -0.6,
    "saturating": lambda t: 1 + 3 * (1 - np.exp(-t / 20)),
    "constant": lambda t: 0 * t + 0.5,
    "zero": lambda t: 0 * t,
    "undefined": lambda t: t * np.nan,
}


def features(names=("power", "saturating"), layers=(("first", 1), ("last", 2)), seeds=4, epochs=EPOCHS) -> pd.DataFrame:
    """Values of memorizing networks along COURSES, twice as large in generalizing ones."""
    generator = np.random.default_rng(len(names))
    rows = [
        (regime, seed, epoch, layer, depth, name, COURSES.get(name, COURSES["power"])(epoch))
        for regime in ROLES
        for seed in range(seeds)
        for epoch in (epochs if regime != "untrained" else epochs[:1])
        for layer, depth in layers
        for name in names
    ]
    table = pd.DataFrame(rows, columns=["regime", "seed", "epoch", "layer", "depth", "feature", "value"])
    noise = np.exp((0.01 + 0.2 * (table["depth"] == 1)) * generator.normal(size=len(table)))
    table["value"] *= noise * np.where(table["regime"] == "generalizing", 2, 1)
    return table.assign(dataset="dots", architecture="mlp", observable="complexity", reached_target=True)


def drawn(table: pd.DataFrame, **options) -> tuple[Figure, pd.DataFrame]:
    dynamics = training_dynamics(table, {"confidence": 0.95, "resamples": 200})
    return draw_growth(table, dynamics, ROLES, resamples=200, **options), dynamics


def panel(figure: Figure, name: str) -> Axes:
    (axes,) = [axes for axes in figure.axes if name in axes.get_title("left")]
    return axes


def above(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def lines_of(axes: Axes, color: str) -> list:
    return [line for line in axes.lines if line.get_color() == color and line.get_linestyle() != "None"]


def test_points_are_geometric_means_in_the_last_layer_with_their_bootstrap_interval():
    table = features(seeds=6)
    table.loc[(table["seed"] == 5) & (table["regime"] == "memorizing"), "reached_target"] = False
    figure, _ = drawn(table)
    axes, look = panel(figure, "power"), style.regime_looks(ROLES)["memorizing"]
    shown = table[(table["layer"] == "last") & (table["feature"] == "power") & (table["regime"] == "memorizing")]
    logs = np.log(shown[shown["seed"] < 5].pivot(index="epoch", columns="seed", values="value").to_numpy())
    (points,) = [line for line in axes.lines if line.get_marker() == look.marker]
    np.testing.assert_allclose(points.get_xydata(), np.transpose([EPOCHS, np.exp(logs.mean(axis=1))]))
    (bars,) = [bars.get_segments() for bars in axes.collections if to_hex(bars.get_color()[0]) == look.color.lower()]
    for segment, row in zip(bars, logs):
        expected = bootstrap((row,), np.mean, method="percentile", n_resamples=5000, rng=1).confidence_interval
        np.testing.assert_allclose(np.log(segment[:, 1]), expected, atol=0.15 * (expected.high - expected.low))
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert texts[:2] == ["generalizing, n = 6", "memorizing, n = 5 (1 missed target)"]


def test_lines_are_the_law_of_lowest_aicc_and_the_power_law():
    figure, dynamics = drawn(features())
    color = style.regime_looks(ROLES)["memorizing"].color
    laws = dynamics[(dynamics["regime"] == "memorizing") & (dynamics["layer"] == "last")].set_index(["feature", "law"])
    for feature, names in {"power": ["power"], "saturating": ["power", "saturating"]}.items():
        lines = lines_of(panel(figure, feature), color)
        assert len(lines) == len(names)
        for name, line in zip(names, lines):
            law = laws.loc[(feature, name)]
            expected = curve(name, law["a"], law["b"], law["t0"], line.get_xdata())
            np.testing.assert_allclose(line.get_ydata(), expected)
            assert (line.get_linestyle() == "-") == (law["delta_aicc"] == 0) == (name == feature)
            assert [line.get_xdata().min(), line.get_xdata().max()] == [0, 1000]


def test_the_law_of_lowest_aicc_is_named_with_its_exponent_or_slope():
    figure, dynamics = drawn(features())
    best = dynamics[(dynamics["layer"] == "last") & (dynamics["delta_aicc"] == 0)].set_index(["feature", "regime"])
    one, other = above(panel(figure, "power")), above(panel(figure, "saturating"))
    assert len(one) == len(other) == 2
    for text, regime in zip(one, ROLES[1:]):
        law = best.loc[("power", regime)]
        numbers = [f"{law[name]:.2f}".replace("-0.", "−.") for name in ("b", "b_low", "b_high")]
        assert text.endswith("b = {} [{}, {}]".format(*numbers))
        assert f"power law ± {100 * law['deviation']:.2g} %" in text
    assert "saturating ±" in other[0]
    assert "slope" in other[0]


def test_power_law_is_said_only_where_it_is_claimed():
    table = features(names=["power"])
    dynamics = training_dynamics(table, {"confidence": 0.95, "resamples": 200})
    assert dynamics["power_law"].any()
    figure = draw_growth(table, dynamics.assign(power_law=False), ROLES, resamples=100)
    (axes,) = figure.axes
    assert all(SHIFTED_POWER in text for text in above(axes))
    everything = [*above(axes), axes.get_title("left"), *(t.get_text() for g in figure.legends for t in g.get_texts())]
    assert not [text for text in everything if "power law" in text]


def test_epoch_0_has_a_place_on_the_axis_and_values_are_logarithmic():
    axes = panel(drawn(features())[0], "power")
    assert axes.get_xscale() == "symlog"
    assert 0 in axes.get_xticks()
    assert axes.get_xlim()[0] < 0
    assert axes.get_yscale() == "log"


def test_features_that_are_not_positive_have_a_linear_axis_and_no_law():
    axes = panel(drawn(features(names=["zero"]))[0], "zero")
    assert axes.get_yscale() == "linear"
    assert [text.split(" ", 1)[1] for text in above(axes)] == ["no law: not positive"] * 2
    assert not lines_of(axes, style.regime_looks(ROLES)["memorizing"].color)


def test_features_of_the_network_are_shown_where_no_layer_has_them():
    both = pd.concat([features(), features(names=["power", "whole"], layers=[("network", 0)])])
    titles = [axes.get_title("left").split("   ")[1] for axes in drawn(both)[0].axes if axes.axison]
    assert titles == ["power (last)", "saturating (last)", "whole (network)"]
    alone, _ = drawn(features(names=["whole"], layers=[("network", 0)]))
    assert alone.get_suptitle() == "whole network"
    assert drawn(features())[0].get_suptitle() == "layer last"


def test_regimes_of_one_checkpoint_are_left_out():
    figure, _ = drawn(features())
    assert not [text for legend in figure.legends for text in legend.get_texts() if "untrained" in text.get_text()]
    nothing, _ = drawn(features().query("regime == 'untrained'"))
    assert nothing.axes[0].texts[0].get_text() == "no feature was measured at several epochs"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "options",
    [
        {"seeds": 1},
        {"names": list(COURSES)},
        {"names": ["undefined"]},
        {"names": [LONG]},
        {"layers": [(LONG, 1)]},
        {"epochs": [0, 1, 4]},
        {"epochs": [0, 1, 2, 3, 4, 5, 6]},
        {"epochs": EPOCHS[1:]},
    ],
    ids=["one network", "all kinds", "undefined", "long name", "long layer", "few", "short", "no epoch 0"],
)
def test_other_tables_are_laid_out_without_a_warning_and_inside_the_figure(options):
    figure, _ = drawn(features(**options))
    assert_within_page(figure)


def test_all_networks_missed_says_so():
    figure, _ = drawn(features().assign(reached_target=lambda table: table["regime"] != "memorizing"))
    assert above(panel(figure, "power"))[1].endswith("no networks")


def test_the_same_data_give_the_same_bytes(tmp_path):
    table = features()
    for folder in ("first", "second"):
        style.save(drawn(table)[0], tmp_path / folder / "growth.pdf", tmp_path / folder / "growth.png")
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes(), path.name
