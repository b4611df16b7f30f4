"""Versions of what is loaded, and the machine in words."""

import os
import platform
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

from spikegrid import machine
from spikegrid.machine import loaded_versions


def test_versions_are_those_of_loaded_packages_and_of_python_but_not_of_its_own_library():
    versions = loaded_versions()
    assert next(iter(versions.items())) == ("python", platform.python_version())
    assert versions["numpy"] == np.__version__
    assert not {"json", "logging", "numpy.linalg"} & versions.keys()


def test_modules_without_a_version_are_left_out(monkeypatch):
    for name, module in {"none": None, "plain": SimpleNamespace(), "odd": SimpleNamespace(__version__=(1, 2))}.items():
        monkeypatch.setitem(sys.modules, name, module)
    assert not {"none", "plain", "odd"} & loaded_versions().keys()


def test_head_of_a_log_costs_milliseconds():
    started = time.process_time()
    loaded_versions(), machine.machine()
    assert time.process_time() - started < 0.05


def test_machine_names_processor_cores_memory_and_system(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Abacus 3000\n\nmodel name\t: Abacus 3000\n")
    assert machine.machine().startswith(f"Abacus 3000, {os.cpu_count()} cores, ")
    assert machine.machine().endswith(platform.platform())


@pytest.mark.parametrize("there", [True, False])
def test_kind_of_the_processor_stands_where_its_model_is_not_told(there, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(platform, "processor", lambda: "")
    if there:
        (tmp_path / "cpuinfo").write_text("processor : 0\n")
    assert machine.machine().startswith(f"{platform.machine()}, ")
