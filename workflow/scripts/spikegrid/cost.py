"""What work costs, measured in processes of its own: processor seconds and memory.

Seconds are those of all threads, on the processor: what cores are filled with, whoever else uses the machine.
"""

import ast
import gc
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver, get_context
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any, Self

Work = Callable[[], object]

_BYTES_OF_MAXRSS = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """Processor seconds, and bytes of memory at the peak, above those of the imports where there are any."""

    seconds: float
    memory: float

    def __add__(self, other: Self) -> Self:
        """Return the cost of a process that does both, one after the other on top of what the first keeps."""
        return Cost(self.seconds + other.seconds, self.memory + other.memory)


@dataclass(frozen=True)
class Linear:
    """A value that grows by ``each`` with every one of n, from ``fixed``."""

    fixed: float
    each: float

    @classmethod
    def through(cls, first: tuple[float, float], second: tuple[float, float]) -> Self:
        """Return the line through two points (n, value); one that falls, by noise, is taken as flat."""
        (n1, value1), (n2, value2) = first, second
        each = max(value2 - value1, 0) / (n2 - n1) if n1 != n2 else 0
        return cls(max(value2 - each * n2, 0), each)

    def at(self, n: float) -> float:
        """Return the value at n."""
        return self.fixed + self.each * n


def measured(prepare: Callable[..., Work], *arguments: Any, copies: int = 1) -> Cost:
    """Return the cost of the work that ``prepare(*arguments)`` returns, in a fresh process.

    What ``prepare`` does itself, such as imports, is not counted. ``copies`` processes do the same at the same time, as
    jobs will that share a machine, and the mean is returned. Raises what the work raises.
    """
    with ProcessPoolExecutor(copies, mp_context=processes_with(prepare.__module__), max_tasks_per_child=1) as pool:
        costs = [task.result() for task in [pool.submit(_measure, prepare, arguments) for _ in range(copies)]]
    return Cost(sum(cost.seconds for cost in costs) / copies, max(cost.memory for cost in costs))


def startup(script: Path, *calls: str, copies: int = 1) -> Cost:
    """Return what a job of ``script`` costs before its work: a new interpreter, the imports of the script, and calls.

    ``calls`` are Python code of what else every job does first, such as loading a plug-in.
    """
    imports = [node for node in ast.parse(script.read_bytes()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    lines = ["from snakemake import script", *map(ast.unparse, imports), *calls]
    # Not the peak: before the interpreter it would be that of this process. Snakemake itself needs psutil.
    lines += ["import psutil", "print(psutil.Process().memory_info().rss)"]
    command = [sys.executable, "-c", "\n".join(lines)]
    environment = os.environ | {"PYTHONPATH": str(script.parent)}
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(copies)]
    usages = [os.wait4(process.pid, 0)[2] for process in started]
    seconds = sum(usage.ru_utime + usage.ru_stime for usage in usages) / copies
    return Cost(seconds, max(int(process.stdout.read()) for process in started))


@cache
def processes_with(module: str) -> BaseContext:
    """Return the source of processes that have imported ``module`` already."""
    context = get_context("forkserver")
    context.set_forkserver_preload([module])
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # the server does not take over where modules are found
    forkserver.ensure_running()
    os.environ.pop("PYTHONPATH") if path is None else os.environ.update(PYTHONPATH=path)
    return context


def _measure(prepare: Callable[..., Work], arguments: tuple[Any, ...]) -> Cost:
    work = prepare(*arguments)
    gc.collect()
    gc.freeze()  # else going through all that was imported falls into the work, or not, by chance
    imported, started = _peak(), time.process_time()
    work()
    return Cost(time.process_time() - started, _peak() - imported)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _BYTES_OF_MAXRSS
