"""Negative control: networks of one and the same regime, under two names, give no stable indicator."""

import pandas as pd
import pytest
from snakemake_runs import changed, snakemake

STABLE, INDICATORS = "results/tables/stable_indicators.csv", "results/tables/indicators.csv"


@pytest.fixture(scope="module")
def control(once, code, smoke_grid):
    """Two groups of five seeds trained alike on true labels, in two architectures, compared as if one memorized."""
    grid = changed(
        smoke_grid | {"regimes": {"one": {"kind": "generalizing"}, "other": {"kind": "generalizing"}}},
        architectures={"wide": {"kind": "mlp", "hidden": [64]}},
        indicators={"memorizing": "other", "generalizing": "one", "resamples": 2000},
        training={"epochs": 10},
    )
    grid |= {"seeds": 5, "seeds_per_job": 5}
    return once("control", lambda folder: snakemake(folder, code=code, config=grid, targets=[STABLE]))


def test_two_groups_of_seeds_of_one_regime_give_no_stable_indicator(control):
    assert control.execution.code == 0, control.execution.text
    ranked = pd.read_csv(control.folder / STABLE)
    assert len(ranked) > 100
    assert set(ranked["cells"]) == {2}
    assert ranked["p_adjusted"].notna().sum() > 50
    assert ranked.loc[ranked["stable"], "feature"].tolist() == []


def test_the_control_could_have_found_something(control):
    indicators = pd.read_csv(control.folder / INDICATORS)
    final = indicators[indicators["final"]]
    assert set(final["n_memorizing"]) == set(final["n_generalizing"]) == {5}
    assert (final["difference"].abs() > 0).mean() > 0.5
    assert ((final["low"] > 0) | (final["high"] < 0)).any(), "intervals alone call some chance differences real"
