"""The device of a job and its settings."""

import logging
import os
import resource
import sys

import pytest
import torch

from spikegrid import device
from spikegrid.device import prepare_device


@pytest.fixture(autouse=True)
def _restored_settings(monkeypatch):
    monkeypatch.setattr(device, "_current", torch.device("cpu"))
    threads, deterministic = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    backends = {backend: backend.fp32_precision for backend in (torch.backends.cuda.matmul, torch.backends.cudnn.conv)}
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    yield
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = fill
    for backend, precision in backends.items():
        backend.fp32_precision = precision


def present(monkeypatch, *names: str, free: tuple[int, ...] = (1,)) -> None:
    """Make torch say that devices are there; ``free`` is the free memory of each CUDA device."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in names)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(free))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Model X")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free[device], 100))
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in names)


@pytest.mark.parametrize(
    ("granted", "there", "expected"),
    [
        (0, [], "cpu"),
        (0, ["cuda"], "cpu"),
        (0, ["mps"], "cpu"),
        (1, [], "cpu"),
        (1, ["cuda"], "cuda:0"),
        (1, ["mps"], "mps"),
        (1, ["cuda", "mps"], "cuda:0"),
    ],
)
def test_gpu_is_used_when_it_is_granted_and_there(monkeypatch, granted, there, expected):
    present(monkeypatch, *there)
    assert prepare_device(granted, 1) == torch.device(expected)


def test_jobs_spread_over_the_gpus_of_a_machine(monkeypatch):
    present(monkeypatch, "cuda", free=(5, 40, 7))
    assert prepare_device(1, 1) == torch.device("cuda:1")


def test_products_are_rounded_to_tf32_only_on_request(monkeypatch):
    present(monkeypatch)
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
    for precision, expected in (("tf32", "tf32"), ("float32", "ieee"), ("bfloat16", "ieee")):
        prepare_device(0, 1, precision)
        assert [backend.fp32_precision for backend in backends] == [expected] * 2


@pytest.mark.parametrize("threads", [1, 2])
def test_torch_uses_the_threads_of_the_job(monkeypatch, threads):
    present(monkeypatch)
    prepare_device(0, threads)
    assert torch.get_num_threads() == threads


def test_torch_is_deterministic(monkeypatch):
    present(monkeypatch)
    prepare_device(0, 1)
    assert torch.are_deterministic_algorithms_enabled()


def test_products_do_not_depend_on_where_in_memory_a_matrix_begins(monkeypatch):
    present(monkeypatch)
    monkeypatch.delenv("MKL_CBWR", raising=False)
    prepare_device(0, 1)
    assert os.environ["MKL_CBWR"] == "AUTO,STRICT"


@pytest.mark.skipif(sys.platform != "linux", reason="the allocator is that of glibc")
def test_freed_memory_is_used_again_without_new_pages(monkeypatch):
    present(monkeypatch)
    prepare_device(0, 1)
    pages_of_a_block, blocks = 16_000_000 // resource.getpagesize(), 20
    for _ in range(blocks):
        torch.ones(4_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(blocks):
        torch.ones(4_000_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < pages_of_a_block * blocks / 4


@pytest.mark.parametrize(("granted", "said"), [(0, "cpu"), (1, "cuda:0 Model X")])
def test_device_stands_in_the_log(monkeypatch, caplog, granted, said):
    present(monkeypatch, "cuda")
    with caplog.at_level(logging.INFO, logger="spikegrid"):
        prepare_device(granted, 1)
    assert caplog.messages == [f"device: {said}, 1 threads"]
