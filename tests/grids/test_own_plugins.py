"""Plug-ins in a folder of the user's own, named by the config: those of docs/extending.md."""

import numpy as np
import pandas as pd
import pytest
import yaml
from documents import files_of_blocks, write_files
from safetensors.numpy import load_file
from snakemake_runs import append_comment, copy_folder, digests, files_of, snakemake

from spikegrid import images

EXAMPLES = files_of_blocks("docs/extending.md")
PLUGINS = {name: source for name, source in EXAMPLES.items() if name.startswith("my_plugins/")}
GRID = yaml.safe_load(EXAMPLES["my_extended_grid.yaml"])


@pytest.fixture(scope="session")
def own(once, code):
    def execute(folder):
        write_files(folder, PLUGINS)
        before = digests(code, files_of(code))
        execution = snakemake(folder, code=code, config=GRID)
        changed = [str(file) for file in files_of(code) if digests(code, [file])[file] != before.get(file)]
        (folder / "changed").write_text("\n".join(changed))
        return execution

    return once("own_plugins", execute)


def test_own_plugins_of_every_kind_run_to_the_end(own):
    assert own.execution.code == 0, own.execution.text
    rules = {"prepare_dataset", "train", "extract_spikes", "observe_share", "observe_firing", "all"}
    assert rules <= own.execution.rules


def test_own_plugins_change_no_file_of_the_repository(own):
    assert own.execution.code == 0, own.execution.text
    assert (own.folder / "changed").read_text() == ""


def test_own_observable_that_returns_a_plain_table_joins_the_tables(own):
    assert own.execution.code == 0, own.execution.text
    run = own.folder / "results/runs/blobs/narrow/half/seeds0-0"
    assert sorted(path.name for path in (run / "observables").iterdir()) == ["firing.parquet", "share.parquet"]
    assert sorted(path.name for path in (run / "units").iterdir()) == ["firing.parquet"]
    features = pd.read_parquet(own.folder / "results" / "tables" / "features.parquet")
    by_layer = features[features["layer"] != "network"].set_index(["epoch", "layer", "feature"])["value"]
    shares, rates = by_layer.xs("spike_share", level="feature"), by_layer.xs("firing_rate_mean", level="feature")
    assert len(shares) == 4
    np.testing.assert_allclose(shares, rates[shares.index])


def test_own_regime_fixes_its_training(own):
    assert own.execution.code == 0, own.execution.text
    history = pd.read_csv(own.folder / "results" / "tables" / "history.csv")
    assert history["epoch"].tolist() == [0, 1]


def test_own_regime_presents_the_images_that_it_alters(own):
    assert own.execution.code == 0, own.execution.text
    blobs = images.load(own.folder / "results/datasets/blobs.safetensors")
    weights = load_file(own.folder / "results/runs/blobs/narrow/half/seeds0-0/checkpoints.safetensors")
    with np.load(own.folder / "results/runs/blobs/narrow/half/seeds0-0/spikes.npz") as file:
        spikes = np.unpackbits(file["2"][0, 1], axis=-1, count=256, bitorder="little")
        pixels = (255 - blobs.images[file["index"]]).reshape(len(spikes), -1) / 255
    mean, deviation = blobs.channel_statistics()
    sums = (pixels - mean) / deviation @ weights["seed0/epoch1/1.weight"].T + weights["seed0/epoch1/1.bias"]
    clear = np.abs(sums) > 1e-3
    assert clear.mean() > 0.95
    np.testing.assert_array_equal(spikes[clear], (sums > 0)[clear])


def test_an_edit_of_an_own_observable_redoes_only_what_it_measured(own, code, tmp_path):
    assert own.execution.code == 0, own.execution.text
    folder = copy_folder(own.folder, tmp_path / "own")
    append_comment(folder / "my_plugins" / "observables" / "spike_share.py")
    planned = snakemake(folder, "-n", code=code, config=GRID)
    assert {rule for rule, _ in planned.run_jobs} == {"observe_share"}
    assert planned.datasets == set()


def test_a_grid_without_the_two_default_regimes_needs_no_word_on_indicators(tmp_path, code):
    write_files(tmp_path, PLUGINS)
    grid = {key: value for key, value in GRID.items() if key != "indicators"}
    planned = snakemake(tmp_path, "-n", code=code, config=grid)
    assert planned.code == 0, planned.text
    assert "indicators" not in planned.rules
