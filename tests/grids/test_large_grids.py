"""The grids that want a GPU, run small on a CPU: other sizes, and made-up images in place of those of a download."""

import numpy as np
import pandas as pd
import pytest
from snakemake_runs import NO_NETWORK, snakemake

SMALL = [
    "training={epochs: 1, batch_size: 16}",
    "spikes={samples: 20, units_per_layer: 8}",
    "observables={firing: {window: 5}}",
    "seeds=1",
]

CELLS = {
    "zhang2017": [
        ("cifar10", "inception", "memorizing"),
        ("cifar10", "inception_without_norm", "shuffled_pixels"),
        ("cifar10", "alexnet", "random_pixels"),
        ("cifar10", "mlp_3x512", "gaussian"),
        ("cifar10", "mlp_1x512", "regularized"),
    ],
    "paper": [
        ("mnist", "mlp_2", "memorizing"),
        ("fashion_mnist", "mlp_4", "corrupted_25"),
        ("cifar10", "cnn", "untrained"),
        ("cifar10", "cnn_deep", "few_1000"),
    ],
}
"""Every architecture and dataset of each grid once, with as many regimes."""


@pytest.mark.parametrize("grid", CELLS)
def test_large_grid_runs_small_on_a_cpu(tmp_path, code, grid):
    generator, datasets = np.random.default_rng(0), []
    for name in {dataset for dataset, _, _ in CELLS[grid]}:
        shape = (3, 32, 32) if name == "cifar10" else (28, 28)
        labels = np.arange(60) % 10
        np.savez(tmp_path / f"{name}.npz", images=generator.integers(0, 256, (60, *shape), np.uint8), labels=labels)
        datasets.append(f"{name}: {{kind: arrays, path: {name}.npz, train_size: 40, test_size: 20}}")
    small = ["--config", f"datasets={{{', '.join(datasets)}}}", "regimes={few_1000: {samples: 20}}", *SMALL]
    small = [part for part in small if grid == "paper" or "few" not in part]
    paths = [f"results/runs/{'/'.join(cell)}/seeds0-0/observables/firing.parquet" for cell in CELLS[grid]]
    run = snakemake(
        tmp_path, *small, code=code, config=code / f"config/{grid}.yaml", targets=paths, environment=NO_NETWORK
    )
    assert run.code == 0, run.text
    for cell, path in zip(CELLS[grid], paths):
        features = pd.read_parquet(tmp_path / path)
        assert features[["dataset", "architecture", "regime"]].drop_duplicates().to_numpy().tolist() == [list(cell)]
        assert features.query("feature == 'mean_rate'")["value"].between(0, 1).all()
