"""Effective dimension and participation ratio against scikit-learn's PCA, scipy's entropy and closed forms."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn.decomposition import PCA

from spikegrid import effective_dimension as module
from spikegrid.effective_dimension import (
    effective_dimension,
    explained_variance_ratios,
    gram_matrix,
    participation_ratio,
)

pytestmark = pytest.mark.filterwarnings("error")

SHAPES = [(40, 7), (40, 39), (40, 40), (40, 41), (40, 300), (2, 5), (5, 2), (2, 1)]


def patterns(images: int, units: int, seed: int = 0) -> torch.Tensor:
    """Correlated patterns with a mean that is large against their spread."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(images, units, generator=generator) @ torch.randn(units, units, generator=generator)
    return mixed + 50 * torch.rand(units, generator=generator)


def both(ratios: np.ndarray) -> tuple[float, float]:
    return effective_dimension(ratios), participation_ratio(ratios)


@pytest.mark.parametrize(("images", "units"), SHAPES)
@pytest.mark.parametrize("kind", ["float32", "float64", "spikes"])
def test_explained_variance_ratios_are_those_of_scikit_learn(images, units, kind):
    x = patterns(images, units)
    x = x > x.mean(dim=0) if kind == "spikes" else x.to(getattr(torch, kind))
    expected = PCA(svd_solver="full").fit(x.double().numpy()).explained_variance_ratio_
    np.testing.assert_allclose(explained_variance_ratios(x), expected, rtol=1e-8, atol=1e-12)
    np.testing.assert_array_equal(explained_variance_ratios(x, gram_matrix(x)), explained_variance_ratios(x))


@pytest.mark.parametrize(("images", "units"), SHAPES)
def test_both_dimensions_are_those_of_the_ratios_of_scikit_learn(images, units):
    x = patterns(images, units)
    ratios = PCA(svd_solver="full").fit(x.double().numpy()).explained_variance_ratio_
    found = explained_variance_ratios(x)
    assert effective_dimension(found) == pytest.approx(np.exp(entropy(ratios)), rel=1e-9)
    assert participation_ratio(found) == pytest.approx(1 / np.sum(ratios**2), rel=1e-9)


@given(st.integers(2, 30), st.integers(1, 40), st.integers(0, 2**20))
def test_dimensions_lie_between_one_and_the_most_that_there_can_be(images, units, seed):
    effective, participation = both(explained_variance_ratios(patterns(images, units, seed)))
    assert 1 - 1e-12 <= participation <= effective + 1e-9
    assert effective <= min(images - 1, units) + 1e-9


@pytest.mark.parametrize("k", [1, 2, 5, 20])
@pytest.mark.parametrize("units", [24, 500])
def test_points_on_both_sides_of_k_axes_have_dimension_k(k, units):
    rotation = torch.linalg.qr(torch.randn(units, units, dtype=torch.float64))[0]
    crosses = torch.eye(units, dtype=torch.float64)[:k]
    x = torch.cat([crosses, -crosses]) @ rotation + 3
    assert both(explained_variance_ratios(x)) == pytest.approx((k, k), rel=1e-9)


@pytest.mark.parametrize("units", [10, 30])
def test_patterns_along_one_line_have_dimension_one(units):
    line = torch.randn(20, 1, dtype=torch.float64) * torch.randn(units, dtype=torch.float64) + 7
    assert both(explained_variance_ratios(line)) == pytest.approx((1, 1), abs=1e-12)


@pytest.mark.parametrize("images", [2, 9, 30])
def test_images_that_each_drive_one_unit_of_their_own_have_dimension_n_less_one(images):
    for units in (images, images + 50):
        spikes = torch.eye(images, units).bool()
        assert both(explained_variance_ratios(spikes)) == pytest.approx((images - 1, images - 1), rel=1e-12)


@pytest.mark.parametrize(("images", "units"), [(600, 300), (300, 300), (300, 900)])
def test_independent_normal_units_have_the_dimensions_of_random_matrices(images, units):
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(images, units)))
    effective, participation = both(explained_variance_ratios(x))
    lesser, greater = sorted((images - 1, units))
    assert effective == pytest.approx(lesser * np.exp(-lesser / (2 * greater)), rel=0.02)
    assert participation == pytest.approx(units * images / (units + images), rel=0.02)


def test_spikes_of_independent_units_have_a_lower_dimension_where_rates_differ():
    generator = np.random.default_rng(0)
    even, uneven = (torch.from_numpy(generator.random((360, 200)) < p) for p in (0.5, generator.beta(0.3, 0.3, 200)))
    assert effective_dimension(explained_variance_ratios(uneven)) < 0.8 * effective_dimension(
        explained_variance_ratios(even)
    )


@given(st.sampled_from([(12, 5), (5, 12)]), st.integers(-100, 100))
def test_common_scale_and_shift_change_nothing(shape, exponent):
    x = patterns(*shape).double()
    expected = explained_variance_ratios(x)
    np.testing.assert_allclose(explained_variance_ratios(x * 10.0**exponent), expected, rtol=1e-9)
    np.testing.assert_allclose(explained_variance_ratios(x + 1000), expected, rtol=1e-6)


@pytest.mark.parametrize("units", [4, 100])
def test_dead_units_change_nothing(units):
    x = patterns(20, units)
    with_dead = torch.cat([x, torch.full((20, 60), 0.3)], dim=1)
    assert both(explained_variance_ratios(with_dead)) == pytest.approx(both(explained_variance_ratios(x)), rel=1e-9)


@pytest.mark.parametrize(
    "constant",
    [
        *(torch.zeros(20, 5), torch.zeros(5, 20, dtype=torch.bool), torch.full((7, 9), 0.1)),
        *(torch.full((70, 9), 1 / 3, dtype=torch.float64), torch.randn(1, 6), torch.rand(1, 6).repeat(30, 1)),
    ],
)
def test_layer_that_does_not_vary_has_no_dimension(constant):
    ratios = explained_variance_ratios(constant)
    assert ratios.shape == (min(constant.shape),)
    assert np.isnan([*ratios, *both(ratios)]).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("shape", [(9, 4), (4, 9)])
def test_values_that_are_not_finite_have_no_dimension(shape, value):
    x = torch.randn(shape)
    x[1, 2] = value
    assert np.isnan(explained_variance_ratios(x)).all()


def test_no_images_have_no_dimension():
    assert np.isnan(both(explained_variance_ratios(torch.zeros(0, 5)))).all()


def test_wide_layers_are_summed_in_parts_and_left_as_they_are(monkeypatch):
    x = patterns(30, 101).double()
    before, whole = x.clone(), gram_matrix(x)
    centred = x - x.mean(dim=0)
    torch.testing.assert_close(whole, centred @ centred.T)
    monkeypatch.setattr(module, "_HELD", 30 * 8)
    torch.testing.assert_close(gram_matrix(x), whole)
    assert torch.equal(x, before)


def test_ratios_repeat_to_the_last_bit_wherever_the_patterns_lie():
    x = patterns(50, 64)
    expected = explained_variance_ratios(x)
    for offset in range(1, 8):
        held = torch.empty(x.numel() + offset)[offset:].view(x.shape).copy_(x)
        np.testing.assert_array_equal(explained_variance_ratios(held), expected)
