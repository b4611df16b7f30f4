"""Files are damaged on the disk, unnoticed by Snakemake: the step that reads one names it, and once it is deleted all
is made again as it was."""

import os
from pathlib import Path

import pytest
from snakemake_runs import digests, half_written, result_files, snakemake

RUNS = "results/runs/digits/mlp"
RUN = f"{RUNS}/memorizing/seeds0-1"
READERS = {
    "artefacts of runs": {
        "results/datasets/digits.safetensors": f"{RUNS}/untrained/seeds0-1/checkpoints.safetensors",
        f"{RUNS}/generalizing/seeds0-1/checkpoints.safetensors": f"{RUNS}/generalizing/seeds0-1/spikes.npz",
        f"{RUN}/spikes.npz": f"{RUN}/observables/class_information.parquet",
    },
    "what is joined": {
        f"{RUN}/units/firing.parquet": "results/figures/firing/rates/digits/mlp.png",
        f"{RUN}/observables/intervals.parquet": "results/figures/intervals/over_training/digits/mlp.png",
        f"{RUN}/process/process.parquet": "results/tables/process.csv",
        "results/tables/runs.csv": "results/tables/doses.csv",
    },
    "tables": {
        f"{RUNS}/corrupted/seeds0-1/history.csv": "results/figures/training/digits.png",
        "results/tables/features.parquet": "results/figures/firing/fano_by_order.png",
        "results/tables/indicators.csv": "results/figures/intervals/indicators.png",
        "results/tables/stable_indicators.csv": "results/figures/stable_indicators.png",
    },
}
"""By file, what is made from it: nothing that another one of its group is needed for."""


@pytest.mark.parametrize("made_from", READERS.values(), ids=READERS)
def test_a_damaged_file_is_named_and_once_deleted_made_again(made_from, work, code, smoke, smoke_grid, record_property):
    tried = 0
    for damage in (flipped, cut_short):
        damaged = [file for file in made_from if damage is cut_short or not file.endswith(".csv")]
        for file in damaged:
            overwrite(work / file, damage((smoke.folder / file).read_bytes()))
        targets = [made_from[file] for file in damaged]
        refused = snakemake(work, "--force", "--keep-going", code=code, config=smoke_grid, targets=targets)
        assert refused.code != 0
        assert "Traceback" not in refused.text
        said = refused.lines("spikegrid:")
        for file in damaged:
            (line,) = [line for line in said if f"{file}: not a" in line]
            assert line.endswith("delete it and run again")
        assert len(said) == len(damaged), refused.text
        assert [target for target in targets if (work / target).exists()] == []
        tried += len(damaged)
    for file in made_from:
        (work / file).unlink()
    done = snakemake(work, code=code, config=smoke_grid, targets=[*made_from, *made_from.values(), "all"])
    assert done.code == 0, done.text
    expected, found = (digests(folder, result_files(folder)) for folder in (smoke.folder, work))
    lost = [str(file) for file in expected if found.get(file) != expected[file]]
    noted = {"fault": "bit flipped, file cut short", "tried": tried, "survived": tried - len(lost), "lost": len(lost)}
    for name, value in noted.items():
        record_property(name, value)
    assert lost == []
    assert half_written(work) == []


def flipped(whole: bytes) -> bytes:
    """Flip a bit in the middle."""
    middle = len(whole) // 2
    return whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]


def cut_short(whole: bytes) -> bytes:
    """Leave the first half."""
    return whole[: len(whole) // 2]


def overwrite(path: Path, content: bytes) -> None:
    """Change a file but not its time."""
    times = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
