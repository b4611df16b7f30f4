"""Where tensors live, and the settings that make results repeat."""

import ctypes
import logging
import os
import sys

import torch

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""Names of settings in malloc.h of glibc; 32 MiB is the most that the first takes."""

_log = logging.getLogger("spikegrid")

_current = torch.device("cpu")


def prepare_device(gpu: int, threads: int, precision: str = "float32") -> torch.device:
    """Return the device of a job and make torch deterministic on it.

    ``gpu`` is the number of GPUs granted. With one granted and present the device is ``cuda`` or ``mps``, else ``cpu``,
    which then uses ``threads`` threads; ``current_device`` returns it from then on. Of several CUDA devices it is the
    one with the most free memory, so that jobs which run side by side spread over them. ``precision`` is that of
    ``training``; only with ``tf32`` do NVIDIA's products of float32 round to 10 bits.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")  # sums that do not depend on where in memory a matrix begins
    keep_freed_memory()
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms says the same, and imports the compiler
    torch.utils.deterministic.fill_uninitialized_memory = False
    for products in (torch.backends.cuda.matmul, torch.backends.cudnn.conv):
        products.fp32_precision = "tf32" if precision == "tf32" else "ieee"
    if gpu and torch.cuda.is_available():
        name = f"cuda:{max(range(torch.cuda.device_count()), key=_free_memory)}"
    elif gpu and torch.backends.mps.is_available():
        name = "mps"
    else:
        name = "cpu"
    model = f" {torch.cuda.get_device_name(name)}" if name.startswith("cuda") else ""
    _log.info("device: %s%s, %d threads", name, model, threads)
    global _current
    _current = torch.device(name)
    return _current


def current_device() -> torch.device:
    """Return the device that the job was given last, the CPU where none was."""
    return _current


def generator_states(device: torch.device) -> dict[str, torch.Tensor]:
    """Return the states of the generators that a network on ``device`` draws from, each a tensor on the CPU."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["mps"] = torch.mps.get_rng_state()
    return states


def set_generator_states(device: torch.device, states: dict[str, torch.Tensor]) -> None:
    """Set the generators to what ``generator_states`` gave for a device of the same type."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(states["mps"])


def _free_memory(device: int) -> int:
    free, _ = torch.cuda.mem_get_info(device)
    return free


def keep_freed_memory() -> None:
    """Let the process keep blocks up to 32 MiB that it frees, for the next step.

    By default glibc hands large blocks back and gets them anew, page by page, with every step.
    """
    if sys.platform == "linux":
        allocator = ctypes.CDLL(None)
        if hasattr(allocator, "mallopt"):
            allocator.mallopt(_MMAP_THRESHOLD, 32 * 2**20)
            allocator.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
