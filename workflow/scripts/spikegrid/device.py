"""Where tensors live, and the settings that make results repeat."""

import logging
import os

import torch

_log = logging.getLogger("spikegrid")


def prepare_device(gpu: int, threads: int) -> torch.device:
    """Return the device of a job and make torch deterministic on it.

    ``gpu`` is the number of GPUs granted. With one granted and present the device is ``cuda`` or ``mps``, else ``cpu``,
    which then uses ``threads`` threads.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    if gpu and torch.cuda.is_available():
        name = "cuda"
    elif gpu and torch.backends.mps.is_available():
        name = "mps"
    else:
        name = "cpu"
    _log.info("device %s, %d threads", name, threads)
    return torch.device(name)
