"""What a job runs with and on: the versions of packages, and the machine."""

import os
import platform
import sys
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


def loaded_versions() -> dict[str, str]:
    """Return the versions of Python and of every package that this process has imported, by name.

    They are what the packages say of themselves: importlib.metadata takes a third of a second for as many.
    """
    versions = {"python": platform.python_version()}
    for name in sorted(sys.modules.keys() - sys.stdlib_module_names):
        version = getattr(sys.modules[name], "__dict__", {}).get("__version__")
        if "." not in name and isinstance(version, str):
            versions[name] = str(version)
    return versions


def machine() -> str:
    """Describe processor, cores, memory and operating system in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.1f} GiB memory, {platform.platform()}"


def _processor() -> str:
    """Return the model of the processor where Linux tells it, else its kind."""
    lines = _CPUINFO.read_text(encoding="utf-8").splitlines() if _CPUINFO.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
