"""The device of a job and its settings."""

import logging
import os
import resource
import sys

import pytest
import torch

from spikegrid.device import prepare_device


@pytest.fixture(autouse=True)
def _restored_settings(monkeypatch):
    threads, deterministic = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    fill = torch.utils.deterministic.fill_uninitialized_memory
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    yield
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = fill


def present(monkeypatch, *names: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in names)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in names)


@pytest.mark.parametrize(
    ("granted", "there", "expected"),
    [
        (0, [], "cpu"),
        (0, ["cuda"], "cpu"),
        (0, ["mps"], "cpu"),
        (1, [], "cpu"),
        (1, ["cuda"], "cuda"),
        (1, ["mps"], "mps"),
        (1, ["cuda", "mps"], "cuda"),
    ],
)
def test_gpu_is_used_when_it_is_granted_and_there(monkeypatch, granted, there, expected):
    present(monkeypatch, *there)
    assert prepare_device(granted, 1) == torch.device(expected)


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


def test_device_stands_in_the_log(monkeypatch, caplog):
    present(monkeypatch)
    with caplog.at_level(logging.INFO, logger="spikegrid"):
        prepare_device(0, 1)
    assert caplog.messages == ["device cpu, 1 threads"]
