"""The same config gives the same bytes, and a seed the same network whichever block it is in."""

import numpy as np
import pandas as pd
from safetensors.numpy import load_file
from snakemake_runs import digests, result_files, snakemake


def test_another_run_gives_the_same_bytes_in_another_order_of_jobs_and_on_another_number_of_cores(
    smoke, code, smoke_grid, tmp_path
):
    outputs = {job.rule: job.fields["output"] for job in reversed(smoke.execution.jobs) if "output" in job.fields}
    first_of_each_rule = {rule: files.split(", ")[0] for rule, files in outputs.items()}
    again = snakemake(tmp_path, code=code, config=smoke_grid, targets=first_of_each_rule.values(), cores=1)
    assert again.code == 0, again.text
    assert again.rules == smoke.execution.rules - {"all"}
    done, done_before = ([(job.rule, job.wildcards) for job in run.jobs] for run in (again, smoke.execution))
    assert done != [job for job in done_before if job in done], "the order is the same"
    first, second = (digests(folder, result_files(folder)) for folder in (smoke.folder, tmp_path))
    assert [str(file) for file in second if first.get(file) != second[file]] == []
    suffixes = {file.suffix for file in second}
    assert suffixes >= {".safetensors", ".npz", ".csv", ".parquet", ".png", ".pdf"}


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
