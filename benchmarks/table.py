"""The table of a run of the benchmarks: printed, as csv, and as a figure."""

import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from benchmarks.timing import Line
from spikegrid.figures import style
from spikegrid.files import written_whole

RESULTS = Path("results")
_LINE_HEIGHT = 4.6


def run_steps(steps: Sequence[str]) -> None:
    """Run steps one after the other, each in a process of its own; print their lines as they come, and write files.

    A step may have a table and a figure of its own, which its function ``write`` puts into the folder of results.
    """
    RESULTS.mkdir(exist_ok=True)
    started = time.perf_counter()
    print(f"{'step':10} {'what':58} {'against':41} {'ratio (least to greatest)':26} goal")
    lines = []
    for step in steps:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            lines += alone.submit(_lines_of, step).result()
    report(lines)
    print(f"It took {(time.perf_counter() - started) / 60:.1f} min.")


def report(lines: Sequence[Line]) -> None:
    """Say how many goals are met, and write the table as csv and as a figure."""
    met = [line.met for line in lines if line.met is not None]
    print(f"{sum(met)} of {len(met)} goals are met; the table is in {RESULTS / 'benchmarks.csv'}")
    with written_whole(RESULTS / "benchmarks.csv") as temporary:
        pd.DataFrame(map(_row, lines)).to_csv(temporary, index=False, float_format="%.4g")
    with rc_context(style.RC):
        style.save(_draw(lines), *(RESULTS / f"benchmarks.{suffix}" for suffix in ("pdf", "png")))


def _lines_of(step: str) -> list[Line]:
    module, lines = import_module(f"benchmarks.{step}"), []
    for line in module.lines():
        print(_in_words(line), flush=True)
        lines.append(line)
    if hasattr(module, "write"):
        module.write(RESULTS)
    return lines


def _in_words(line: Line) -> str:
    ratio = f"{_number(line.ratio.median)} {line.unit}"
    if line.ratio.least != line.ratio.greatest:
        ratio += f" ({_number(line.ratio.least)} to {_number(line.ratio.greatest)})"
    text = f"{line.step:10} {line.case:58} {line.against:41} {ratio:26} {_goal(line):7} {_verdict(line)}".rstrip()
    sides = f"{line.ours} against {line.theirs}" if line.ours and line.theirs else line.ours
    return "\n".join([text, *(f"{'':13}{part}" for part in (sides, _why(line)) if part)])


def _goal(line: Line) -> str:
    return "" if line.goal is None else f"{'≥' if line.better == 'at least' else '≤'} {_number(line.goal)}"


def _verdict(line: Line) -> str:
    return {True: "met", False: "missed", None: ""}[line.met]


def _why(line: Line) -> str:
    return line.why if line.met is False else ""


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _row(line: Line) -> dict[str, str | float | None]:
    ratio = {"ratio": line.ratio.median, "least": line.ratio.least, "greatest": line.ratio.greatest}
    goal = {"unit": line.unit, "goal": _goal(line), "verdict": _verdict(line)}
    sides = {"ours": line.ours, "theirs": line.theirs, "why": _why(line)}
    return {"step": line.step, "case": line.case, "against": line.against, **ratio, **goal, **sides}


def _draw(lines: Sequence[Line]) -> Figure:
    """Draw by what factor each goal is surpassed: right of 1 it is met, whichever way it goes."""
    lines = [line for line in lines if line.goal is not None and line.unit]  # exponents have no unit
    figure = style.new_figure(style.FULL_WIDTH, 18 + _LINE_HEIGHT * len(lines))
    axes = figure.subplots()
    for place, line in enumerate(lines):
        around = (line.ratio.median, line.ratio.least, line.ratio.greatest)
        more = line.better == "at least"
        median, *ends = (value / line.goal if more else line.goal / value for value in around)
        color = style.regime_looks(["generalizing", "memorizing"])["generalizing" if line.met else "memorizing"].color
        axes.plot(ends, [place, place], color=color)
        axes.plot(median, place, "o", color=color, mew=0)
        said = f"{_number(line.ratio.median)} {line.unit}   ({_goal(line)})"
        axes.annotate(said, (1.01, place), xycoords=("axes fraction", "data"), va="center")
    axes.axvline(1, color=style.INK, linewidth=0.6)
    axes.set_xscale("log")
    names = [f"{line.step}: {line.case}\nagainst {line.against}" for line in lines]
    axes.set_yticks(range(len(lines)), names, linespacing=0.95)
    axes.tick_params("y", length=0, labelsize=5)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_xlabel("goal surpassed by this factor; at 1 it is just met (median, least and greatest of a run)")
    return figure
