"""TwoNN against scikit-dimension and against data of known dimension."""

import numpy as np
import pytest
import skdim
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikegrid.effective_dimension import gram_matrix
from spikegrid.intrinsic_dimension import LEAST_POINTS, twonn_dimension

pytestmark = pytest.mark.filterwarnings("error")


def cube(dimensions: int, points: int = 1000, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((points, dimensions)))


def rotated(x: torch.Tensor, units: int) -> torch.Tensor:
    """The same points in a space of more axes, none of them along one of the old."""
    rotation = torch.linalg.qr(torch.randn(units, units, dtype=x.dtype, generator=torch.Generator().manual_seed(1)))[0]
    return x @ rotation[: x.shape[1]]


@pytest.mark.parametrize("points", [LEAST_POINTS, 37, 360])
@pytest.mark.parametrize("dimensions", [2, 5, 40])
def test_estimate_is_that_of_scikit_dimension(points, dimensions):
    x = cube(dimensions, points)
    assert twonn_dimension(x).dimension == pytest.approx(skdim.id.TwoNN().fit(x.numpy()).dimension_, rel=1e-9)
    assert twonn_dimension(x, gram_matrix(x)) == twonn_dimension(x)


def test_estimate_of_single_precision_is_that_of_scikit_dimension():
    x = torch.randn(300, 700).relu()
    expected = skdim.id.TwoNN().fit(x.double().numpy()).dimension_
    assert twonn_dimension(x).dimension == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("dimensions", [1, 2, 5])
def test_points_of_a_cube_have_nearly_its_dimension(dimensions):
    estimates = [twonn_dimension(cube(dimensions, seed=seed)).dimension for seed in range(5)]
    assert np.mean(estimates) == pytest.approx(dimensions, rel=0.1)


def test_many_dimensions_are_underestimated_from_few_points():
    assert 13 < twonn_dimension(cube(20)).dimension < 17
    assert twonn_dimension(cube(20, 100)).dimension < twonn_dimension(cube(20)).dimension


def test_points_on_a_sphere_have_the_dimension_of_its_surface():
    x = torch.randn(2000, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert twonn_dimension(x / x.norm(dim=1, keepdim=True)).dimension == pytest.approx(2, rel=0.06)


@given(st.floats(1e-20, 1e20), st.integers(0, 50))
def test_rotation_scale_and_shift_change_nothing(scale, shift):
    x = cube(3, 60)
    expected = twonn_dimension(x).dimension
    assert twonn_dimension(scale * (rotated(x, 70) + shift)).dimension == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("units", [4, 500])
def test_copies_of_points_are_counted_and_change_nothing(units):
    x = rotated(cube(4, 90), units)
    expected = twonn_dimension(x)
    again = torch.cat([x, x[:30], x[:10]])[torch.randperm(130, generator=torch.Generator().manual_seed(0))]
    found = twonn_dimension(again)
    assert expected.duplicates == 0
    assert found.duplicates == 40
    assert found.dimension == pytest.approx(expected.dimension, rel=1e-9)


@pytest.mark.parametrize("units", [3, 3000])
def test_layer_that_does_not_vary_is_all_copies_and_has_no_dimension(units):
    dead = twonn_dimension(torch.rand(units).repeat(50, 1))
    assert np.isnan(dead.dimension)
    assert dead.duplicates == 49


def test_too_few_distinct_points_have_no_dimension():
    x = cube(3, LEAST_POINTS)
    assert twonn_dimension(x).dimension > 0
    assert np.isnan(twonn_dimension(x[1:]).dimension)
    assert np.isnan(twonn_dimension(torch.cat([x[1:], x[1:]])).dimension)
    assert np.isnan(twonn_dimension(x[:1]).dimension)


def test_points_equally_far_from_each_other_have_no_dimension():
    for points in (torch.eye(40), torch.eye(40, dtype=torch.bool), rotated(torch.eye(40, dtype=torch.float64), 60)):
        assert np.isnan(twonn_dimension(points).dimension)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_have_no_dimension(value):
    x = cube(3, 60)
    x[4, 1] = value
    assert np.isnan(twonn_dimension(x).dimension)
