"""The figure of spectra: what its lines, bands and markers show, and what it leaves out."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from spikegrid.figures import style
from spikegrid.figures.spectra import draw_spectra

pytestmark = pytest.mark.filterwarnings("error")

ROLES = ["untrained", "generalizing", "memorizing"]
REPRESENTATIONS = ["activations", "preactivations", "spikes"]
LOOKS = style.regime_looks(ROLES)


def ratios_of(place: int, seed: int) -> np.ndarray:
    """A power law of its own for each regime and seed."""
    falling = np.arange(1, 31.0) ** -(1 + 0.5 * place + 0.1 * seed)
    return falling / falling.sum()


def tables(regimes=ROLES, seeds=3, missed=frozenset()) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Spectra and effective dimensions of networks of two layers; of the first all shares are equal."""
    spectra, features = [], []
    for (place, regime), seed, (depth, layer) in product(
        enumerate(regimes), range(seeds), enumerate(("hidden1", "hidden2"), start=1)
    ):
        where = {"regime": regime, "seed": seed, "epoch": 9, "layer": layer, "depth": depth}
        where["reached_target"] = (regime, seed) not in missed
        for name in REPRESENTATIONS:
            ratios = ratios_of(place, seed) if depth == 2 else np.full(30, 1 / 30)
            sizes = {"representation": name, "images": 360, "units": 64}
            columns = {"component": np.arange(1, 31), "explained_variance_ratio": ratios}
            spectra.append(pd.DataFrame({**where, **sizes, **columns}))
            features.append({**where, "feature": f"effective_dimension_{name}", "value": 10.0 + place + seed})
    return pd.concat(spectra, ignore_index=True), pd.DataFrame(features)


def of_color(axes, regime: str) -> list:
    return [line for line in axes.lines if line.get_color() == LOOKS[regime].color]


def test_lines_are_means_over_networks_in_the_last_layer_and_markers_their_dimensions():
    spectra, features = tables(missed={("memorizing", 2)})
    figure = draw_spectra(spectra, features, ROLES)
    assert [axes.get_title(loc="left").split()[-1] for axes in figure.axes] == REPRESENTATIONS
    for axes in figure.axes:
        for place, regime in enumerate(ROLES):
            seeds = [0, 1] if regime == "memorizing" else [0, 1, 2]
            line, foot = of_color(axes, regime)
            np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 31))
            np.testing.assert_allclose(line.get_ydata(), np.mean([ratios_of(place, seed) for seed in seeds], axis=0))
            assert foot.get_xdata() == [10 + place + np.mean(seeds)]


def test_bands_reach_from_the_least_to_the_greatest_network():
    figure = draw_spectra(*tables(["memorizing"], missed={("memorizing", 2)}), ["memorizing"])
    for axes in figure.axes:
        (band,) = axes.collections
        corners = band.get_paths()[0].vertices
        at_first = corners[corners[:, 0] == 1, 1]
        assert [at_first.min(), at_first.max()] == pytest.approx([ratios_of(0, 0)[0], ratios_of(0, 1)[0]])


def test_legend_counts_networks_and_says_layer_units_and_images():
    figure = draw_spectra(*tables(missed={("memorizing", 2)}), ROLES)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *("untrained, n = 3", "generalizing, n = 3", "memorizing, n = 2 (1 missed target)")
    ]
    assert legend.get_title().get_text().replace("\n", " ").startswith("hidden2, 64 units, 360 images")


def test_dead_layer_of_a_network_is_left_out_of_the_mean():
    spectra, features = tables(["memorizing"])
    spectra.loc[spectra["seed"] == 0, "explained_variance_ratio"] = np.nan
    features.loc[features["seed"] == 0, "value"] = np.nan
    line, foot = draw_spectra(spectra, features, ["memorizing"]).axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), np.mean([ratios_of(0, seed) for seed in (1, 2)], axis=0))
    assert foot.get_xdata() == [11.5]


@pytest.mark.parametrize("empty", ["dead", "missed"])
def test_panel_without_a_layer_that_varies_says_so(empty):
    missed = {("memorizing", seed) for seed in range(3)} if empty == "missed" else frozenset()
    spectra, features = tables(["memorizing"], missed=missed)
    if empty == "dead":
        spectra["explained_variance_ratio"], features["value"] = np.nan, np.nan
    figure = draw_spectra(spectra, features, ["memorizing"])
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert not axes.lines
        assert [text.get_text() for text in axes.texts] == ["no layer that varies"]


def test_components_without_variance_are_off_the_axis(tmp_path):
    spectra, features = tables()
    spectra.loc[spectra["component"] > 20, "explained_variance_ratio"] = 0
    figure = draw_spectra(spectra, features, ROLES)
    style.save(figure, tmp_path / "spectra.png")
    low, high = figure.axes[0].get_ylim()
    assert 1e-6 < low < spectra["explained_variance_ratio"].max() < high


def test_same_tables_give_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        style.save(draw_spectra(*tables(), ROLES), tmp_path / f"{name}.pdf", tmp_path / f"{name}.png")
    for suffix in ("pdf", "png"):
        assert (tmp_path / f"one.{suffix}").read_bytes() == (tmp_path / f"other.{suffix}").read_bytes()
