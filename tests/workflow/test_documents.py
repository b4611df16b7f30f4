"""README and documentation: all of their code is executed, their links lead somewhere, they leave nothing out."""

import ast
import os
import re
import runpy
import shlex
import subprocess
from collections.abc import Callable
from fnmatch import fnmatchcase
from inspect import getdoc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import neo
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from documents import (
    DOCUMENTS,
    Block,
    anchors_of,
    apply_difference,
    blocks_of,
    files_of_blocks,
    inline_code_of,
    links_of,
    prose_of,
    text_of,
    write_files,
)
from PIL import Image
from snakemake.exceptions import LockException
from snakemake_runs import REPOSITORY, Finished, beside_python, copy_code, copy_folder, snakemake

from spikegrid import images
from spikegrid.configuration import complete_configuration, read_yaml
from spikegrid.grid import Grid
from spikegrid.networks import network_builder, record_network
from spikegrid.plugins import find_plugins, load_plugin
from spikegrid.recordings import spike_table

NOT_RUN = {
    "snakemake --workflow-profile profiles/slurm*": "asks a Slurm; `make test-slurm` does",
    "snakemake --unlock": "goes with the commands of Slurm; `make test-slurm` does",
    "squeue *": "asks a Slurm; `make test-slurm` does",
    "while squeue *": "asks a Slurm; `make test-slurm` does",
    "pip install snakedeploy": "installs, over the network",
    "snakedeploy *": "asks conda for the newest packages, over the network",
    "snakemake --containerize *": "is for docker alone",
    "docker *": "needs docker and builds from the network",
    "*--logger live": "`tests/workflow/test_terminal.py` does",
    "*python -m spikegrid.detect *": "`tests/workflow/test_detector_command.py` does",
}
"""Commands of consoles that no test of this file executes, and why."""

RUN_ELSEWHERE = {"docs/reuse.md"}
"""Documents whose code is run by tests of its own: tests/workflow/test_reuse.py and tests/unit/test_library.py."""

BASE = {
    "datasets": {"digits": {"kind": "digits"}, "mnist": {"kind": "mnist"}, "cifar10": {"kind": "cifar10"}},
    "architectures": {"mlp": {"kind": "mlp"}},
    "regimes": {kind: {"kind": kind} for kind in ("untrained", "generalizing", "memorizing")},
}
"""A grid that parts of grids are read into."""

RULE = "workflow/rules/rate_table.smk"


def recorded() -> dict[str, Any]:
    """Recordings of two trials of two neurons, as the blocks of config/README.md find them in neo and in NWB."""
    block = neo.Block()
    for start in (0, 2):
        segment = neo.Segment()
        for times in ([0.5, 1.5], [1.0]):
            segment.spiketrains.append(neo.SpikeTrain(np.add(times, start), units="s", t_start=start, t_stop=start + 2))
        block.segments.append(segment)
    nwb = SimpleNamespace(
        units={"spike_times": [np.array([0.5, 2.5]), np.array([3.0])]},
        trials={"start_time": np.array([0.0, 2.0]), "stop_time": np.array([2.0, 4.0])},
    )
    return {"block": block, "nwb": nwb, "stimuli": ["grating", "face"]}


@pytest.fixture
def clone(tmp_path: Path, code: Path, smoke: Finished, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone in which a user works: finished results, a block of seeds more than there is, and own files."""
    assert smoke.execution.code == 0, smoke.execution.text
    folder = copy_code(code, tmp_path / "clone")
    copy_folder(smoke.folder / "results", folder / "results")
    run = folder / "results/runs/digits/mlp/memorizing"
    (run / "seeds0-4").symlink_to(run / "seeds0-1")
    (folder / "spikes.npz").symlink_to(run / "seeds0-1" / "spikes.npz")
    for name in ("cat", "dog"):
        (folder / "my_photos" / name).mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (40, 30), (40 * number, 0, 0)).save(folder / "my_photos" / name / f"{number}.png")
    (folder / "my_networks").mkdir()
    for seed in range(3):
        for epoch in (10, 100):
            (folder / "my_networks" / f"{seed}-{epoch}.pt").touch()
    for session in (f"{condition}_mouse{mouse}.csv" for condition in ("awake", "asleep") for mouse in (1, 2, 3)):
        spike_table([[[0.01], []], [[], [0.5]]], ["grating", "face"]).to_csv(folder / session, index=False)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    return folder


@pytest.mark.parametrize("document", [document for document in DOCUMENTS if document not in RUN_ELSEWHERE])
def test_every_block_of_code_does_what_it_is_there_for(document, clone, capsys):
    blocks = blocks_of(document)
    write_files(clone, files_of_blocks(document))
    namespace = recorded() if document == "config/README.md" else {}
    executed: dict[str, Callable[[Block], None]] = {
        "python": lambda block: execute(block, namespace),
        "yaml": accept,
        "console": lambda block: plan(block, clone),
        "diff": lambda block: apply_difference(block, clone),
        "text": lambda _: None,
    }
    for block in blocks:
        assert block.language in executed, f"{document}, line {block.line}: name the language of the block"
        try:
            executed[block.language](block)
        except Exception as error:
            raise AssertionError(f"{document}, line {block.line}: {error}") from error


def execute(block: Block, namespace: dict[str, Any]) -> None:
    """Run a block of Python; the parts of the workflow itself are run by the test of the rule below."""
    if block.file is None:
        exec(compile(block.code, f"{block.document}:{block.line}", "exec"), namespace)
    elif not block.file.startswith("workflow/"):
        runpy.run_path(block.file)


def accept(block: Block) -> None:
    """Read a grid as a run does, prepare its images and try its networks on them; or read a part of a grid."""
    if block.file is None:
        part = yaml.safe_load(block.code)
        complete_configuration(BASE | {key: _joined(BASE.get(key), value) for key, value in part.items()})
        return
    grid = Grid(*complete_configuration(read_yaml(block.file)))
    for dataset, architecture in grid.networks:
        wildcards = SimpleNamespace(dataset=dataset, architecture=architecture)
        entry = grid.dataset(wildcards)
        loaded = load_plugin("datasets", entry["plugin"])("data", **entry["parameters"])
        prepared = images.prepare(loaded, dataset, entry["train_size"], entry["test_size"], entry["test_share"])
        network = network_builder(grid.architecture(wildcards), prepared)()
        assert record_network(network, prepared, torch.device("cpu")).layers


def plan(block: Block, clone: Path) -> None:
    """Try the commands of a console without doing what they do."""
    for command in block.commands:
        program, *arguments = shlex.split(command, comments=True)
        if any(fnmatchcase(command, pattern) for pattern in NOT_RUN):
            continue
        assert program in ("make", "snakemake"), f"{command}: neither tried nor among NOT_RUN"
        path = {"PATH": f"{beside_python('python').parent}{os.pathsep}{os.environ['PATH']}"}
        folder = REPOSITORY if program == "make" else clone
        planned = subprocess.run(
            [program, "-n", *arguments], cwd=folder, env=os.environ | path, capture_output=True, text=True, timeout=300
        )
        assert planned.returncode == 0, f"{command}: {planned.stdout}{planned.stderr}"
        for value in [part.partition("=")[2] for part in arguments if program == "make" and "=" in part]:
            assert value in planned.stdout, f"{command}: does nothing with {value}"


def _joined(base: Any, part: Any) -> Any:
    return base | part if isinstance(base, dict) else part


def test_every_command_that_is_not_run_stands_in_a_document():
    commands = [
        line for document in DOCUMENTS for block in blocks_of(document) if block.language == "console"
        for line in block.commands
    ]  # fmt: skip
    assert [pattern for pattern in NOT_RUN if not any(fnmatchcase(command, pattern) for command in commands)] == []


def test_rule_of_the_documentation_averages_the_rates_of_a_finished_grid(work, code, smoke_grid, tmp_path):
    extended = copy_code(code, tmp_path / "extended")
    files = files_of_blocks("docs/extending.md")
    write_files(extended, {name: content for name, content in files.items() if name.startswith("workflow/")})
    assert RULE in files
    for block in blocks_of("docs/extending.md"):
        if block.language == "diff":
            apply_difference(block, extended)
    planned = snakemake(work, "-n", code=extended, config=smoke_grid)
    assert "rate_table" in planned.rules
    assert planned.run_jobs == set()
    targets = ["results/tables/rate_table.csv", "results/figures/rate_table.png"]
    done = snakemake(work, code=extended, config=smoke_grid, targets=targets)
    assert done.code == 0, done.text
    assert done.rules == {"rate_table", "draw_rate_table"}
    features = pd.read_parquet(work / "results/tables/features.parquet")
    last = features[(features["regime"] == "memorizing") & (features["epoch"] == 4) & (features["layer"] == "network")]
    rates = last.loc[(last["feature"] == "firing_rate_mean") & (last["observable"] == "firing"), "value"]
    table = pd.read_csv(work / "results/tables/rate_table.csv").set_index(["observable", "layer", "regime"])
    row = table.loc[("firing", "network", "memorizing")]
    assert row["networks"] == 2
    assert row[["mean", "deviation"]].tolist() == pytest.approx([rates.mean(), rates.std()], rel=1e-6)
    behind = pd.read_csv(work / "results/figures/rate_table.csv").set_index(["observable", "layer", "regime"])
    in_layer = table.loc[behind.index]
    assert len(behind)
    assert behind["value"].tolist() == in_layer["mean"].tolist()
    assert behind["high"].tolist() == pytest.approx((in_layer["mean"] + in_layer["deviation"]).tolist(), rel=1e-6)


def test_commands_in_sentences_have_targets_and_options_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    said = subprocess.run([beside_python("snakemake"), "--help"], capture_output=True, text=True, check=True).stdout
    said_to_type = [code for document in DOCUMENTS for code in inline_code_of(document)]
    of_make = [shlex.split(code) for code in said_to_type if code.startswith("make ")]
    of_snakemake = [shlex.split(code) for code in said_to_type if code.startswith("snakemake ")]
    assert len(of_make) > 5
    assert len(of_snakemake) > 5
    assert {word for words in of_make for word in words[1:] if "=" not in word} <= targets
    options = {word.partition("=")[0] for words in of_snakemake for word in words if word.startswith("-")}
    assert {option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", said)} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_into_the_repository_leads_to_a_file_and_a_heading(document):
    for target, anchor in links_of(document):
        path = (REPOSITORY / document).parent / target if target else REPOSITORY / document
        assert path.exists(), f"{document}: there is no {target}"
        if anchor:
            there = str(path.resolve().relative_to(REPOSITORY.resolve()))
            assert anchor in anchors_of(there), f"{document}: {there} has no heading {anchor}"


def test_every_page_of_the_documentation_is_linked_from_its_first():
    linked = {Path(os.path.normpath(Path("docs") / target)) for target, _ in links_of("docs/README.md")}
    assert {Path(document) for document in DOCUMENTS} - linked == {Path("docs/README.md")}


def test_every_feature_of_every_observable_is_among_the_measures():
    page = text_of("docs/measures.md")
    for name in find_plugins("observables"):
        section = page.partition(f"\n## `{name}`")[2].partition("\n## ")[0]
        described = getdoc(load_plugin("observables", name))
        features = {*re.findall(r"^``(\w[\w{}]*)``", described, re.MULTILINE)}
        features |= {*re.findall(r"``(\w+_\{\w+\})``", described)}
        assert features, name
        assert {feature for feature in features if f"`{feature}`" not in section} == set(), name


def test_every_message_of_the_questions_is_said_somewhere():
    quoted = [
        " ".join(text.split()) for text in re.findall(r"^\*\*`([^`]*)`\*\*", prose_of("docs/faq.md"), re.MULTILINE)
    ]
    assert len(quoted) >= 20
    said = [*messages(), text_of("workflow/Snakefile"), str(LockException())]
    assert [message for message in quoted if not any(message in text for text in said)] == []


def messages() -> list[str]:
    """Return every text in the code of the library, with … where a value goes."""
    texts = []
    for path in (REPOSITORY / "workflow" / "scripts" / "spikegrid").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in ast.iter_child_nodes(node))
                texts.append(re.sub("…+", "…", "".join(parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(re.sub(r"%[.\d]*[sdfg]", "…", node.value))
    return texts
