"""What a run says at its end."""

import pandas as pd

from spikegrid.closing import closing_message


def write_runs(folder, reached: list[bool]) -> None:
    (folder / "tables").mkdir()
    rows = [
        {
            "dataset": "digits",
            "architecture": "mlp",
            "regime": "memorizing",
            "seed": seed,
            "reached_target": reached_one,
        }
        for seed, reached_one in enumerate(reached)
    ]
    pd.DataFrame(rows).to_csv(folder / "tables" / "runs.csv", index=False)


def test_networks_are_counted_and_results_named(tmp_path):
    write_runs(tmp_path, [True, True, True])
    message = closing_message(tmp_path)
    assert "3 networks" in message
    assert f"{tmp_path}/figures" in message
    assert f"{tmp_path}/tables" in message
    assert "snakemake --report" in message
    assert "Warning" not in message


def test_networks_that_missed_their_target_are_named(tmp_path):
    write_runs(tmp_path, [True, False, False])
    assert "Warning: 2 networks missed their target accuracy" in closing_message(tmp_path)
    assert closing_message(tmp_path).endswith("digits/mlp/memorizing/1, digits/mlp/memorizing/2")


def test_a_part_of_the_workflow_that_makes_no_tables_ends_with_the_folder(tmp_path):
    assert closing_message(tmp_path) == f"Done. Results: {tmp_path}"
