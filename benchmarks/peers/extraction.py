"""Spikes by forward hooks, as a researcher writes it today: once as bool arrays, once with ``np.packbits``."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

BATCH = 128


def save_bool_spikes(network: nn.Module, inputs: Tensor, path: Path) -> None:
    """Save which outputs of every ReLU are positive, bool [N, *shape] by layer."""
    _save(network, inputs, path, lambda fired: fired)


def save_packed_spikes(network: nn.Module, inputs: Tensor, path: Path) -> None:
    """Save the same, packed along the units of each image with ``np.packbits``."""
    _save(network, inputs, path, lambda fired: np.packbits(fired.reshape(len(fired), -1), axis=1))


def _save(network: nn.Module, inputs: Tensor, path: Path, keep: Callable[[np.ndarray], np.ndarray]) -> None:
    spikes = defaultdict(list)

    def record(name: str) -> Callable:
        return lambda module, arguments, output: spikes[name].append(keep((output > 0).numpy()))

    hooks = [
        module.register_forward_hook(record(name))
        for name, module in network.named_modules()
        if isinstance(module, nn.ReLU)
    ]
    network.eval()
    with torch.inference_mode():
        for batch in inputs.split(BATCH):
            network(batch)
    for hook in hooks:
        hook.remove()
    np.savez_compressed(path, **{name: np.concatenate(parts) for name, parts in spikes.items()})
