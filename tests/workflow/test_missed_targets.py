"""Networks that miss their target accuracy are marked, warned of, and left out of the indicators."""

import csv
from copy import deepcopy

import pandas as pd
from snakemake_runs import snakemake


def test_the_seed_that_misses_its_target_is_marked_warned_of_and_not_compared(work, code, smoke_grid):
    tables = work / "results" / "tables"
    runs = pd.read_csv(tables / "runs.csv").set_index(["regime", "seed"])["train_accuracy"]
    low, high = sorted(runs["memorizing"])
    assert low < high, "both seeds end at the same accuracy: take another grid"
    (missing,) = runs["memorizing"].index[runs["memorizing"] == low]
    grid = deepcopy(smoke_grid)
    grid["regimes"]["memorizing"]["training"] = {"target_accuracy": float((low + high) / 2)}
    done = snakemake(work, code=code, config=grid, targets=["collect", "indicators"])
    assert done.code == 0, done.text

    runs = pd.read_csv(tables / "runs.csv")
    missed = runs.loc[~runs["reached_target"], ["dataset", "architecture", "regime", "seed"]]
    assert missed.to_numpy().tolist() == [["digits", "mlp", "memorizing", missing]]
    features = pd.read_parquet(tables / "features.parquet")
    left_out = features.loc[~features["reached_target"], ["regime", "seed"]].drop_duplicates()
    assert left_out.to_numpy().tolist() == [["memorizing", missing]]
    with (tables / "indicators.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {(row["n_memorizing"], row["n_generalizing"]) for row in rows} == {("1", "2")}

    warnings = [line for line in done.text.splitlines() if "target" in line and "memorizing" in line]
    assert warnings, done.text
    assert any(str(missing) in line and "left out" in line for line in warnings), warnings
