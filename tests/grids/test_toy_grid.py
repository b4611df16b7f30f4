"""The toy of config/toy_response.yaml, run small."""

import pandas as pd
from snakemake_runs import snakemake

SMALL_TOY = [
    "seeds=1",
    "regimes={gd: {training: {epochs: 3}}, sgd_8: {training: {epochs: 2}}}",
    "training={target_accuracy: 0}",
    "only=[{architecture: sigmoid, regime: [gd, sgd_8]}]",
]


def test_toy_runs_small(tmp_path, code):
    figure = "results/figures/dimension/against_loss/line/sigmoid.png"
    config = code / "config/toy_response.yaml"
    run = snakemake(tmp_path, "--config", *SMALL_TOY, code=code, config=config, targets=["collect", figure])
    assert run.code == 0, run.text
    features = pd.read_parquet(tmp_path / "results/tables/features.parquet")
    assert set(features["observable"]) == {"firing", "complexity", "dimension", "response", "fragility"}
    assert set(features["regime"]) == {"gd", "sgd_8"}
    assert (tmp_path / figure).is_file()
