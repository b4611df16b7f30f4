"""Packing: which outputs of a layer exceed a threshold, one bit a unit, read once where the forward pass left them."""

import numpy as np
import torch
from torch import Tensor

from spikegrid.packed_bits import compiled

_BIT_VALUES = (1, 2, 4, 8, 16, 32, 64, 128)


def pack(outputs: Tensor, threshold: float) -> np.ndarray:
    """Return which units of each image exceed ``threshold``, uint8 [batch, ceil(U/8)].

    outputs: float [batch, *shape], of any precision, on any device and in any layout of memory. Bit u%8 of byte u//8 is
    1 when unit u, in channel-row-column order, fires; undefined values do not fire, and bits past U are 0.
    """
    if outputs.dtype != torch.float32 or outputs.device.type != "cpu":
        return _pack_with_torch(outputs > threshold)
    outputs = outputs.detach()
    images, units = len(outputs), outputs[0].numel()
    packed = np.zeros((images, -(-units // 8)), np.uint8)
    if outputs.ndim == 4 and outputs.is_contiguous(memory_format=torch.channels_last) and not outputs.is_contiguous():
        pixels = outputs.permute(0, 2, 3, 1).flatten(1, 2)
        _pack_pixels(pixels.numpy(), np.float32(threshold), packed)
    else:
        _pack_rows(outputs.reshape(images, units).contiguous().numpy(), np.float32(threshold), packed)
    return packed


def take_units(packed: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Return the spikes of some units alone, uint8 [batch, ceil(K/8)].

    packed: uint8 [batch, ceil(U/8)]. units: int64 [K], in [0, U).
    """
    taken = np.zeros((len(packed), -(-len(units) // 8)), np.uint8)
    _take_bits(packed, units, taken)
    return taken


def _pack_with_torch(fired: Tensor) -> np.ndarray:
    """Pack bool [batch, *shape] on the device where it lies, so that one bit a unit travels."""
    octets = torch.nn.functional.pad(fired.flatten(1).to(torch.uint8), (0, -fired[0].numel() % 8)).unflatten(1, (-1, 8))
    values = torch.tensor(_BIT_VALUES, dtype=torch.uint8, device=fired.device)
    return (octets * values).sum(dim=2, dtype=torch.uint8).cpu().numpy()


@compiled
def _pack_rows(outputs: np.ndarray, threshold: np.float32, packed: np.ndarray) -> None:
    """Pack float32 [batch, U] into zeros."""
    images, units = outputs.shape
    for image in range(images):
        for octet in range(units // 8):
            bits = np.uint8(0)
            for bit in range(8):
                bits |= np.uint8(outputs[image, 8 * octet + bit] > threshold) << np.uint8(bit)
            packed[image, octet] = bits
        for unit in range(units // 8 * 8, units):
            packed[image, unit // 8] |= np.uint8(outputs[image, unit] > threshold) << np.uint8(unit % 8)


@compiled
def _pack_pixels(outputs: np.ndarray, threshold: np.float32, packed: np.ndarray) -> None:
    """Pack float32 [batch, pixels, channels] channel by channel: 64 pixels of every channel become a word at a time.

    Whole words are packed in fixed steps of 8 pixels, which the compiler turns into vector instructions.
    """
    images, pixels, channels = outputs.shape
    octets = np.empty((channels, 8), np.uint8)
    words = octets.view(np.uint64)[:, 0]
    row = np.empty(packed.shape[1] // 8 + 2, np.uint64)
    for image in range(images):
        row[:] = 0
        for block in range(pixels // 64):
            for octet in range(8):
                for channel in range(channels):
                    bits = np.uint32(0)
                    for bit in range(8):
                        fires = outputs[image, 64 * block + 8 * octet + bit, channel] > threshold
                        bits |= np.uint32(fires) << np.uint32(bit)
                    octets[channel, octet] = bits
            _lay_words(words, 64 * block, pixels, row)
        if pixels % 64:
            words[:] = 0
            for pixel in range(pixels // 64 * 64, pixels):
                for channel in range(channels):
                    words[channel] |= np.uint64(outputs[image, pixel, channel] > threshold) << np.uint64(pixel % 64)
            _lay_words(words, pixels // 64 * 64, pixels, row)
        packed[image] = row.view(np.uint8)[: packed.shape[1]]


@compiled
def _lay_words(words: np.ndarray, first: int, pixels: int, row: np.ndarray) -> None:
    """Lay a word of each channel into a row of bits, where the channel's pixels from ``first`` on have their place."""
    for channel in range(len(words)):
        place = channel * pixels + first
        shift = np.uint64(place % 64)
        row[place // 64] |= words[channel] << shift
        if shift:
            row[place // 64 + 1] |= words[channel] >> (np.uint64(64) - shift)


@compiled
def _take_bits(packed: np.ndarray, units: np.ndarray, taken: np.ndarray) -> None:
    for image in range(len(packed)):
        for place, unit in enumerate(units):
            taken[image, place // 8] |= (packed[image, unit // 8] >> (unit % 8) & 1) << (place % 8)
