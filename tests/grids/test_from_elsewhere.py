"""Recordings alone, then networks that were trained elsewhere beside them, from the files of a user to the tables."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file
from scipy.stats import entropy
from snakemake_runs import copy_folder, snakemake
from torch import nn

from spikegrid.recordings import spike_table

RATES = np.array([3.0, 8.0, 20.0] * 8)
"""Rates of the Poisson neurons, Hz."""

BIN = 0.02
RECORDINGS = {
    "recordings": {
        "retina": {
            "span": [0, 1],
            "bin": BIN,
            "conditions": {"still": ["still0.csv", "still1.csv"], "moving": ["moving0.csv", "moving1.parquet"]},
        }
    },
    "observables": {"firing": {"kind": "firing", "window": 50}, "complexity": {"kind": "complexity", "units": 8}},
    "indicators": {"memorizing": "moving", "generalizing": "still", "resamples": 100},
}
MIXED = RECORDINGS | {
    "datasets": {"digits": {"kind": "digits", "train_size": 100, "test_size": 100}},
    "architectures": {"mlp": {"kind": "mlp", "hidden": [12]}},
    "regimes": {"own": {"kind": "checkpoints", "files": "net-{seed}-{epoch}.pt", "epochs": [0, 8]}},
    "seeds": 1,
}
OWN = "results/runs/digits/mlp/own/seeds0-0"


def write_session(path, seed: int, factor: float):
    generator = np.random.default_rng(seed)
    trials = [[generator.uniform(0, 1, generator.poisson(rate * factor)) for rate in RATES] for _ in range(60)]
    table = spike_table(trials, np.arange(60) % 3)
    table.to_csv(path, index=False) if path.suffix == ".csv" else table.to_parquet(path, index=False)


def own_network(seed: int) -> nn.Sequential:
    """A network with the structure of the architecture mlp and, in plain torch, its own names."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 10))


def save_network(path, seed: int):
    names = ["hidden1.linear.weight", "hidden1.linear.bias", "logits.weight", "logits.bias"]
    state = dict(zip(names, own_network(seed).state_dict().values(), strict=True))
    torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, path)


@pytest.fixture(scope="session")
def recorded(once, code):
    """Recordings alone, run to their figures."""

    def execute(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for number, (name, factor) in enumerate(
            [("still0.csv", 1), ("still1.csv", 1), ("moving0.csv", 2), ("moving1.parquet", 2)]
        ):
            write_session(folder / name, number, factor)
        return snakemake(folder, code=code, config=RECORDINGS)

    return once("recorded", execute)


@pytest.fixture(scope="session")
def mixed(once, code, recorded):
    """The same folder with networks of files beside the recordings, run to the tables and the curves."""

    def execute(folder):
        assert recorded.execution.code == 0, recorded.execution.text
        copy_folder(recorded.folder, folder)
        for epoch in (0, 8):
            save_network(folder / f"net-0-{epoch}.pt", epoch)
        targets = ["results/tables/features.parquet", "results/figures/training/digits.png"]
        return snakemake(folder, code=code, config=MIXED, targets=targets)

    return once("mixed", execute)


def test_recordings_alone_run_to_their_tables_and_figures(recorded):
    assert recorded.execution.code == 0, recorded.execution.text
    assert {"train", "prepare_dataset", "extract_spikes", "import_checkpoints"} & recorded.execution.rules == set()
    assert "4 recorded sessions" in recorded.execution.text
    assert [line for line in recorded.execution.text.splitlines() if "Warning:" in line] == []
    figures = recorded.folder / "results" / "figures"
    for name in (
        "raster",
        "firing/rates",
        "firing/fano_against_rate",
        "firing/fano_distributions",
        "complexity/by_depth",
    ):
        assert (figures / name / "retina" / "recording.png").is_file()
    assert (figures / "stable_indicators.png").is_file()


def test_recorded_independent_neurons_share_no_information(recorded):
    assert recorded.execution.code == 0, recorded.execution.text
    features = pd.read_parquet(recorded.folder / "results" / "tables" / "features.parquet")
    values = features[features["layer"] == "units"].set_index(["regime", "seed", "feature"])["value"].sort_index()
    for regime, factor in (("still", 1), ("moving", 2)):
        rates = 1 - np.exp(-RATES * factor * BIN)
        for seed in (0, 1):
            of_session = values[regime, seed]
            expected = entropy([rates, 1 - rates], base=2, axis=0).mean()
            assert of_session["node_complexity"] == pytest.approx(expected, abs=0.01)
            assert -0.1 < of_session["total_correlation_lower"] < 0.02 < of_session["total_correlation_upper"] < 0.2


def test_recorded_poisson_neurons_have_the_rates_and_fano_factors_of_their_law(recorded):
    assert recorded.execution.code == 0, recorded.execution.text
    features = pd.read_parquet(recorded.folder / "results" / "tables" / "features.parquet")
    values = features[features["layer"] == "units"].set_index(["regime", "seed", "feature"])["value"]
    for regime, factor in (("still", 1), ("moving", 2)):
        expected = np.mean(1 - np.exp(-RATES * factor * BIN))
        for seed in (0, 1):
            # 24 units, 3,000 bins: the deviation of a rate is at most sqrt(p (1 - p) / 72,000) < 0.002.
            assert values[regime, seed, "firing_rate_mean"] == pytest.approx(expected, abs=0.008)
            # 60 windows: that of F / (1 - p) is about sqrt(2 / 60 / 24) = 0.037, its mean 1 - 1/60.
            for order in ("random", "given", "class_blocked"):
                assert values[regime, seed, f"fano_ratio_mean_{order}"] == pytest.approx(1, abs=0.17)


def test_conditions_are_compared_session_by_session(recorded):
    assert recorded.execution.code == 0, recorded.execution.text
    indicators = pd.read_csv(recorded.folder / "results" / "tables" / "indicators.csv")
    (row,) = indicators[(indicators["feature"] == "firing_rate_mean") & indicators["final"]
                        & (indicators["layer"] == "units")].to_dict("records")  # fmt: skip
    expected = np.mean(np.exp(-RATES * BIN) - np.exp(-RATES * 2 * BIN))
    assert row["difference"] == pytest.approx(expected, abs=0.01)
    assert (row["n_memorizing"], row["n_generalizing"]) == (2, 2)
    assert row["low_over_training"] == pytest.approx(row["low"])  # there is one epoch


def test_networks_join_recordings_and_redo_none(mixed):
    assert mixed.execution.code == 0, mixed.execution.text
    assert {"prepare_dataset", "import_checkpoints", "extract_spikes"} <= mixed.execution.rules
    assert {"train", "import_recording"} & mixed.execution.rules == set()
    assert {job.run[0] for job in mixed.execution.jobs if job.rule == "observe_firing"} == {"digits"}
    features = pd.read_parquet(mixed.folder / "results" / "tables" / "features.parquet")
    assert set(features["regime"]) == {"own", "still", "moving"}
    assert set(features.loc[features["regime"] == "own", "epoch"]) == {0, 8}
    assert features["reached_target"].all()


def test_spikes_and_accuracies_of_imported_networks_are_those_of_a_plain_forward_pass(mixed):
    assert mixed.execution.code == 0, mixed.execution.text
    dataset = load_file(mixed.folder / "results" / "datasets" / "digits.safetensors")
    train, test = (dataset["images"][dataset["split"] == part].astype(np.float64) / 255 for part in (0, 1))
    history = pd.read_csv(mixed.folder / OWN / "history.csv").set_index("epoch")
    assert history.index.tolist() == [0, 8]
    archive = np.load(mixed.folder / OWN / "spikes.npz")
    for place, epoch in enumerate((0, 8)):
        network = own_network(epoch).double()
        inputs = torch.from_numpy((test - train.mean()) / train.std())
        right = network(inputs).argmax(1).numpy() == dataset["labels"][dataset["split"] == 1]
        assert history.loc[epoch, "test_accuracy"] == pytest.approx(right.mean())
        hidden = network[:3](torch.from_numpy((dataset["images"] / 255 - train.mean()) / train.std())[archive["index"]])
        packed = archive["hidden1.relu"][0, place]
        fired = np.unpackbits(packed, axis=-1, count=12, bitorder="little")
        np.testing.assert_array_equal(fired, (hidden > 0).numpy())


def test_a_changed_file_is_read_again_and_nothing_else(mixed, code, tmp_path):
    assert mixed.execution.code == 0, mixed.execution.text
    folder = copy_folder(mixed.folder, tmp_path / "mixed")
    save_network(folder / "net-0-8.pt", 99)
    write_session(folder / "moving0.csv", 9, 2)
    planned = snakemake(folder, "-n", code=code, config=MIXED, targets=["results/tables/features.parquet"])
    assert planned.code == 0, planned.text
    assert {job.rule for job in planned.jobs} & {"train", "prepare_dataset"} == set()
    (imported,) = [job for job in planned.jobs if job.rule == "import_recording"]
    assert imported.run == ("retina", "recording", "moving", "0-0")
    assert {job.run for job in planned.jobs if job.rule in ("import_checkpoints", "extract_spikes")} == {
        ("digits", "mlp", "own", "0-0")
    }


def test_a_missing_file_is_named_in_one_line_before_any_job(tmp_path, code):
    refused = snakemake(tmp_path, "-n", code=code, config=RECORDINGS)
    assert refused.code != 0
    (line,) = refused.lines("config: ")
    assert line.strip() == "config: recordings.retina.conditions.still.0: there is no file still0.csv"
    assert "Traceback" not in refused.text
