"""Plug-ins in a folder of the user's own, named by the config."""

from textwrap import dedent

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from snakemake_runs import append_comment, copy_folder, digests, files_of, snakemake

from spikegrid import images

PLUGINS = {
    "datasets/blobs.py": '''
        """Bright blobs on dark ground, one place a class."""

        import numpy as np

        from spikegrid.images import ImageSet

        PARAMETERS = {"per_class": {"type": "integer", "minimum": 2, "default": 20}}


        def load(data_root, per_class):
            generator = np.random.default_rng(7)
            labels = np.repeat(np.arange(3, dtype=np.int16), per_class)
            images = generator.integers(0, 60, (len(labels), 1, 6, 6), dtype=np.uint8)
            for image, label in zip(images, labels):
                image[0, 2 * label : 2 * label + 2, 2:4] += 150
            return ImageSet(images, labels, None, ["top", "middle", "bottom"], "blobs")
    ''',
    "architectures/wide.py": '''
        """One wide hidden layer."""

        from torch import nn

        PARAMETERS = {"factor": {"type": "integer", "minimum": 1, "default": 2}}


        def build(shape, classes, factor):
            pixels = shape[0] * shape[1] * shape[2]
            return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 9 * factor), nn.GELU(), nn.Linear(9 * factor, classes))
    ''',
    "regimes/half.py": '''
        """Trained on negatives of the images, with labels of which every second is drawn anew."""

        from dataclasses import replace

        PARAMETERS = {}
        TRAINING = {"epochs": 1}


        def prepare(training_set, classes, generator):
            labels = training_set.labels.copy()
            labels[::2] = generator.integers(0, classes, len(labels[::2]))
            return replace(training_set, labels=labels)


        def alter(images, generator):
            return 255 - images.images
    ''',
    "observables/spike_share.py": '''
        """Share of all nodes and images with a spike."""

        import numpy as np

        from spikegrid import spikes
        from spikegrid.features import NETWORK, tidy

        READS = ["spikes"]
        PARAMETERS = {}


        def observe(artefacts):
            records = []
            with spikes.load(artefacts["spikes"]) as run:
                for layer in run.layers:
                    for seed, epoch, trains in run.trains(layer.name):
                        where = {"seed": seed, "epoch": epoch, "layer": layer.name, "depth": layer.depth}
                        records.append(where | {"feature": "spike_share", "value": float(np.mean(trains.rates()))})
                return tidy(records, run.meta["run"])
    ''',
}
GRID = {
    "plugins": ["my_plugins"],
    "datasets": {"blobs": {"kind": "blobs", "per_class": 30}},
    "architectures": {"wide": {"kind": "wide"}},
    "regimes": {"half": {"kind": "half"}},
    "observables": {"share": {"kind": "spike_share"}, "firing": {"kind": "firing", "window": 5}},
    "indicators": {"memorizing": "half", "generalizing": "half"},
    "seeds": 1,
    "training": {"batch_size": 20, "target_accuracy": 0},
}


def write_plugins(folder, plugins=PLUGINS):
    for name, source in plugins.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source).lstrip(), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def own(once, code):
    def execute(folder):
        write_plugins(folder / "my_plugins")
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
    run = own.folder / "results/runs/blobs/wide/half/seeds0-0"
    assert sorted(path.name for path in (run / "observables").iterdir()) == ["firing.parquet", "share.parquet"]
    assert sorted(path.name for path in (run / "units").iterdir()) == ["firing.parquet"]
    features = pd.read_parquet(own.folder / "results" / "tables" / "features.parquet")
    by_layer = features[features["layer"] != "network"].set_index(["epoch", "layer", "feature"])["value"]
    shares, rates = by_layer.xs("spike_share", level="feature"), by_layer.xs("firing_rate_mean", level="feature")
    assert len(shares) == 2
    np.testing.assert_allclose(shares, rates[shares.index])


def test_own_regime_fixes_its_training(own):
    assert own.execution.code == 0, own.execution.text
    history = pd.read_csv(own.folder / "results" / "tables" / "history.csv")
    assert history["epoch"].tolist() == [0, 1]


def test_own_regime_presents_the_images_that_it_alters(own):
    assert own.execution.code == 0, own.execution.text
    blobs = images.load(own.folder / "results/datasets/blobs.safetensors")
    weights = load_file(own.folder / "results/runs/blobs/wide/half/seeds0-0/checkpoints.safetensors")
    with np.load(own.folder / "results/runs/blobs/wide/half/seeds0-0/spikes.npz") as file:
        spikes = np.unpackbits(file["2"][0, 1], axis=-1, count=18, bitorder="little")
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
    write_plugins(tmp_path / "my_plugins")
    grid = {key: value for key, value in GRID.items() if key != "indicators"}
    planned = snakemake(tmp_path, "-n", code=code, config=grid)
    assert planned.code == 0, planned.text
    assert "indicators" not in planned.rules
