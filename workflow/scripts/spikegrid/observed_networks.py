"""The networks of one run as an observable takes them: at every checkpoint, with the images that they were shown."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from spikegrid import images
from spikegrid.alteration import altered_images
from spikegrid.checkpoints import Checkpoints
from spikegrid.device import current_device
from spikegrid.images import TRAIN
from spikegrid.labels import NOT_SHOWN
from spikegrid.networks import as_inputs, load_tensors, network_builder
from spikegrid.randomness import derived_seed

_log = logging.getLogger("spikegrid")


class ObservedNetworks:
    """The networks of a run on the device of the job.

    artefacts: paths of the ``checkpoints`` and of the ``dataset`` of the run. run: dataset, architecture, regime and
    seeds. epochs: those of the checkpoints. device: where networks and images live. classes: their number.
    labels: int16 [n], the true labels of all images of the dataset. training_images: int64 [m], which of them are for
    training. Raises InputError when a file is not whole.
    """

    def __init__(self, artefacts: Mapping[str, str | Path]):
        self._checkpoints = Checkpoints(artefacts["checkpoints"])
        self._images = images.load(artefacts["dataset"])
        self.run: dict[str, Any] = self._checkpoints.run
        self.seeds: list[int] = self.run["seeds"]
        self.epochs: list[int] = self._checkpoints.epochs
        self.device = current_device()
        self.classes = len(self._images.classes)
        self.labels = self._images.labels
        self.training_images = np.flatnonzero(self._images.split == TRAIN)
        self._pixels = cache(self._altered)

    def networks(self, seed: int, epochs: Sequence[int] | None = None) -> Iterator[tuple[int, nn.Module]]:
        """Yield each epoch, or each of ``epochs``, and the network of a seed after it, in evaluation mode.

        It is one module, whose weights change from one epoch to the next: copy it to change it.
        """
        network = network_builder(self._checkpoints.architecture, self._images)().to(self.device).eval()
        for epoch in self.epochs if epochs is None else epochs:
            load_tensors(network, self._checkpoints.state(seed, epoch))
            yield epoch, network
            _log.info("seed %d, epoch %d measured", seed, epoch)

    def inputs(self, seed: int, index: np.ndarray) -> Tensor:
        """Return images of the dataset as the network of a seed takes them, float32 [len(index), C, H, W].

        index: which ones, as in ``spikes.Spikes.index``. They are altered as the regime of the run alters them.
        """
        return as_inputs(self._pixels(seed)[index], self._images, self.device)

    def trained_on(self, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return which images of the dataset a seed was trained on, int64 [m], and their labels in training, int16 [m].

        Those of a network that is not trained are the ones that it would have been trained on.
        """
        labels = self._checkpoints.labels(seed)
        shown = labels != NOT_SHOWN
        return self.training_images[shown], labels[shown]

    def drawn(self, index: np.ndarray, samples: int, purpose: str) -> np.ndarray:
        """Return ``samples`` random ones of the images ``index``, or all, the same for all networks of the dataset.

        In random order, whatever the order of ``index``; another ``purpose`` draws others.
        """
        generator = np.random.default_rng(derived_seed(self.run["dataset"], purpose))
        return generator.permutation(np.sort(index))[:samples]

    def pixel_scale(self) -> np.ndarray:
        """Return how much of a network's input one unit of brightness, from black to white, is; float32 [C]."""
        return 1 / self._images.channel_statistics()[1]

    def _altered(self, seed: int) -> np.ndarray:
        return altered_images(self._images, self._checkpoints.regime, self.run, seed)
