"""The same config gives the same bytes, and a seed the same network whichever block it is in."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load_file
from snakemake_runs import digests, result_files, snakemake


def test_another_run_gives_the_same_bytes_in_another_order_of_jobs_and_on_one_core(
    smoke, copied_smoke, code, smoke_grid, tmp_path
):
    run = Path("results/runs/digits/mlp/memorizing/seeds0-1")
    of_run = [file for file in result_files(smoke.folder) if run in file.parents]
    alone, joined = tmp_path / "alone", copied_smoke(tmp_path / "joined")
    made = snakemake(alone, code=code, config=smoke_grid, targets=map(str, of_run), cores=1)
    assert made.code == 0, made.text
    for folder in ("tables", "figures"):
        shutil.rmtree(joined / "results" / folder)
    (joined / "results/provenance.json").unlink()
    figure = "results/figures/firing/rates/digits/mlp.csv"
    remade = snakemake(joined, code=code, config=smoke_grid, targets=["results/provenance.json", figure], cores=1)
    assert remade.code == 0, remade.text

    before, after = (
        [job.rule for job in done.jobs if job.wildcards.get("regime") == "memorizing"]
        for done in (smoke.execution, made)
    )
    assert sorted(before) == sorted(after)
    assert before != after, "the order is the same"
    first = digests(smoke.folder, result_files(smoke.folder))
    second = digests(alone, result_files(alone)) | digests(joined, result_files(joined))
    assert set(of_run) <= second.keys()
    assert [str(file) for file in second if first.get(file) != second[file]] == []
    suffixes = {file.suffix for file in second}
    assert suffixes >= {".safetensors", ".npz", ".csv", ".parquet", ".json", ".png", ".pdf"}


def test_a_seed_is_the_same_in_a_block_of_one_and_in_a_block_of_two(work, code, smoke_grid):
    runs = work / "results/runs/digits/mlp/memorizing"
    names = ["observables/firing.parquet", "history.csv"]
    blocks = ["seeds0-0", "seeds1-1"]
    done = snakemake(
        work,
        code=code,
        config=smoke_grid | {"seeds_per_job": 1},
        targets=[str((runs / block / name).relative_to(work)) for block in blocks for name in names],
    )
    assert done.code == 0, done.text
    whole = load_file(runs / "seeds0-1" / "checkpoints.safetensors")
    parts = load_file(runs / "seeds0-0" / "checkpoints.safetensors") | load_file(
        runs / "seeds1-1" / "checkpoints.safetensors"
    )
    assert whole.keys() == parts.keys()
    assert [name for name in whole if not np.array_equal(whole[name], parts[name])] == []

    with np.load(runs / "seeds0-1" / "spikes.npz", allow_pickle=False) as together:
        for seed, block in enumerate(blocks):
            with np.load(runs / block / "spikes.npz", allow_pickle=False) as alone:
                assert alone["seeds"].tolist() == [seed]
                assert together["seeds"][seed] == seed
                for name in set(together.files) - {"meta", "seeds"}:
                    of_all_seeds = together[name].ndim == 4 or name == "train_labels"
                    expected = together[name][[seed]] if of_all_seeds else together[name]
                    np.testing.assert_array_equal(alone[name], expected, err_msg=name)

    for name in [*names, "units/firing.parquet"]:
        read = pd.read_csv if name.endswith("csv") else pd.read_parquet
        split = pd.concat([read(runs / block / name) for block in blocks], ignore_index=True)
        joined = read(runs / "seeds0-1" / name).sort_values("seed", kind="stable", ignore_index=True)
        pd.testing.assert_frame_equal(split, joined, check_exact=True)
