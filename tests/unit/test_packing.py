"""Packing against outputs > threshold packed by numpy, for every layout of memory, precision and width."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from spikegrid.packing import pack, take_units

SHAPES = [(1,), (7,), (8,), (64,), (77,), (3, 5), (1, 1, 1), (5, 1, 1), (3, 8, 8), (16, 9, 9), (2, 1, 5), (9, 13, 11)]


def packed_by_numpy(outputs: Tensor, threshold: float) -> np.ndarray:
    return np.packbits((outputs > threshold).flatten(1).numpy(), axis=1, bitorder="little")


def rectified(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).relu()


LAYOUTS = {
    "contiguous": lambda x: x,
    "channels last": lambda x: x.to(memory_format=torch.channels_last) if x.ndim == 4 else x,
    "transposed": lambda x: x.transpose(0, -1).contiguous().transpose(0, -1),
    "part of a larger tensor": lambda x: torch.cat([x, x], dim=1)[:, : x.shape[1]],
    "every other image": lambda x: x.repeat_interleave(2, dim=0)[::2],
    "one value for all": lambda x: x[:1].expand(x.shape),
}


@pytest.mark.parametrize("threshold", [0, 0.5])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bits_are_outputs_above_the_threshold_in_every_layout(shape, layout, threshold):
    outputs = LAYOUTS[layout](rectified(5, *shape))
    np.testing.assert_array_equal(pack(outputs, threshold), packed_by_numpy(outputs, threshold))


@given(st.integers(1, 4), st.integers(1, 40), st.integers(1, 12), st.integers(1, 12), st.floats(0, 2, width=32))
def test_bits_of_channels_last_are_those_of_channels_first(images, channels, rows, columns, threshold):
    outputs = rectified(images, channels, rows, columns)
    expected = packed_by_numpy(outputs, threshold)
    np.testing.assert_array_equal(pack(outputs, threshold), expected)
    np.testing.assert_array_equal(pack(outputs.to(memory_format=torch.channels_last), threshold), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bits_are_outputs_above_the_threshold_in_every_precision(shape, dtype):
    outputs = rectified(5, *shape).to(dtype)
    np.testing.assert_array_equal(pack(outputs, 0.5), packed_by_numpy(outputs, 0.5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zeros_and_undefined_values_do_not_fire_and_the_least_positive_value_does(dtype):
    least = torch.finfo(dtype).smallest_normal
    outputs = torch.tensor([[0.0, -0.0, float("nan"), least, float("inf"), -least, -float("inf")]], dtype=dtype)
    assert pack(outputs, 0).tolist() == [[0b0011000]]


def test_threshold_is_compared_in_the_precision_of_the_outputs():
    outputs = torch.tensor([[0.1, 0.3]])
    np.testing.assert_array_equal(pack(outputs, 0.1), packed_by_numpy(outputs, 0.1))


@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_outputs_that_have_gradients_are_packed_too(layout):
    outputs = LAYOUTS[layout](rectified(2, 3, 4, 4)).requires_grad_()
    np.testing.assert_array_equal(pack(outputs, 0), packed_by_numpy(outputs.detach(), 0))


@given(st.data())
def test_taken_units_have_the_spikes_that_they_have_among_all(data):
    units = data.draw(st.integers(1, 100))
    taken = np.array(sorted(data.draw(st.sets(st.integers(0, units - 1), min_size=1))))
    fired = np.random.default_rng(units).random((3, units)) < 0.5
    found = take_units(np.packbits(fired, axis=1, bitorder="little"), taken)
    np.testing.assert_array_equal(found, np.packbits(fired[:, taken], axis=1, bitorder="little"))
