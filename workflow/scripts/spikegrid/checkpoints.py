"""The networks of a run at every checkpoint epoch, in one safetensors file that says how they are built.

``seed{s}/epoch{e}/{name}`` is a tensor of the state dict of seed s after epoch e; ``seed{s}/labels`` int16 [n] are the
labels that seed s was trained on, in the order of the dataset's training images, -1 for those that it was not shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from spikegrid.tensor_files import TensorFile, write_tensors


@dataclass(frozen=True)
class TrainedNetwork:
    """What training one seed leaves.

    labels: int16 [n], the label trained on of each training image of the dataset, ``labels.NOT_SHOWN`` for those left
    out. states: state dict by epoch, on the CPU. history: a row an epoch, with the columns of ``history.COLUMNS`` that
    do not name the run.
    """

    seed: int
    labels: np.ndarray
    states: dict[int, dict[str, torch.Tensor]]
    history: list[dict[str, float]]


def save_checkpoints(
    path: str | Path,
    run: dict[str, Any],
    architecture: dict[str, Any],
    regime: dict[str, Any],
    networks: Iterable[TrainedNetwork],
) -> None:
    """Write the states and labels of the networks of one run; the entries are those of the grid."""
    tensors, epochs = {}, []
    for network in networks:
        epochs = sorted(network.states)
        tensors[f"seed{network.seed}/labels"] = torch.from_numpy(network.labels.copy())
        for epoch, state in network.states.items():
            tensors |= {f"seed{network.seed}/epoch{epoch}/{key}": value.contiguous() for key, value in state.items()}
    description = {"run": run, "architecture": architecture, "regime": regime, "epochs": epochs}
    write_tensors(path, tensors, description, save_file)


class Checkpoints:
    """A checkpoint file, read one state at a time.

    run: dataset, architecture, regime and seeds. architecture, regime: plug-in and parameters of these. epochs: those
    at which every seed was kept.
    Raises InputError when the file is not as it was written.
    """

    def __init__(self, path: str | Path):
        self._file = TensorFile(path, "checkpoint file", "pt")
        self.run: dict[str, Any] = self._file.description["run"]
        self.architecture: dict[str, Any] = self._file.description["architecture"]
        self.regime: dict[str, Any] = self._file.description["regime"]
        self.epochs: list[int] = self._file.description["epochs"]

    def state(self, seed: int, epoch: int) -> dict[str, torch.Tensor]:
        """Return the state dict of one seed after one epoch."""
        prefix = f"seed{seed}/epoch{epoch}/"
        keys = [key for key in self._file.keys if key.startswith(prefix)]
        return {key.removeprefix(prefix): self._file[key] for key in keys}

    def labels(self, seed: int) -> np.ndarray:
        """Return the labels that one seed was trained on, int16 [n], ``labels.NOT_SHOWN`` for images left out."""
        return self._file[f"seed{seed}/labels"].numpy()
