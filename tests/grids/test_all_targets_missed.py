"""A grid that has nothing to compare ends all the same."""

import pandas as pd
from snakemake_runs import half_written, snakemake


def test_a_grid_in_which_every_network_misses_its_target_still_ends_in_tables_and_figures(code, smoke_grid, tmp_path):
    grid = smoke_grid | {
        "seeds": 1,
        "exclude": [{"regime": ["untrained", "few"]}],
        "observables": {name: smoke_grid["observables"][name] for name in ("firing", "intervals", "process")},
        "training": {"epochs": 1, "target_accuracy": 1, "batch_size": 50},
    }
    done = snakemake(tmp_path, code=code, config=grid)
    assert done.code == 0, done.text
    assert half_written(tmp_path) == []
    tables = tmp_path / "results" / "tables"
    assert not pd.read_csv(tables / "runs.csv")["reached_target"].any()
    indicators = pd.read_csv(tables / "indicators.csv")
    assert len(indicators) == 0
    assert "difference" in indicators.columns
