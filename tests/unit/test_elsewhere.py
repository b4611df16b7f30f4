"""Networks and spikes from elsewhere in a configuration: which files and cells they give, and what is refused."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from grids import changed_grid

from spikegrid.elsewhere import RECORDING
from spikegrid.errors import InputError
from spikegrid.estimate import estimate
from spikegrid.grid import one_of

NETWORKS = {
    "datasets": {"digits": {"kind": "digits"}},
    "architectures": {"mlp": {"kind": "mlp"}},
    "regimes": {
        "generalizing": {"kind": "generalizing"},
        "own": {"kind": "checkpoints", "files": "nets/{seed}-{epoch:02d}.pt", "epochs": [5, 0]},
    },
    "seeds": 2,
}
RECORDINGS = {
    "recordings": {
        "retina": {
            "span": [0, 2],
            "bin": 0.05,
            "conditions": {"movie": ["movie.csv", "second.parquet"], "dark": ["dark.csv"]},
        }
    },
}


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """The files that the configurations name, empty."""
    monkeypatch.chdir(tmp_path)
    Path("nets").mkdir()
    names = [f"nets/{seed}-{epoch:02d}.pt" for seed in (0, 1) for epoch in (0, 5)]
    for name in [*names, "movie.csv", "second.parquet", "dark.csv", "spikes.npz", "notes.txt"]:
        Path(name).touch()


def job(regime: str, dataset="digits", architecture="mlp", seeds="0-1") -> SimpleNamespace:
    return SimpleNamespace(dataset=dataset, architecture=architecture, regime=regime, seeds=seeds, presented="")


# --- checkpoints ---


def test_state_files_are_all_epochs_of_a_seed_together():
    grid = changed_grid(NETWORKS)
    assert grid.state_files(job("own")) == ["nets/0-00.pt", "nets/0-05.pt", "nets/1-00.pt", "nets/1-05.pt"]
    assert grid.epochs(job("own")) == grid.training(job("own"))["checkpoints"] == [0, 5]
    assert grid.label_files(job("own")) == []
    assert (grid.imported_regimes, grid.trained_regimes) == (["own"], ["generalizing"])


def test_files_may_name_dataset_architecture_and_regime_and_seeds_may_share_labels():
    Path("digits-mlp-own-1.pt").touch()
    Path("digits-mlp-own-0.pt").touch()
    Path("labels.npy").touch()
    files = "{dataset}-{architecture}-{regime}-{seed}.pt"
    entry = {"kind": "checkpoints", "files": files, "epochs": [3], "labels": "labels.npy"}
    grid = changed_grid(NETWORKS, regimes__own=entry)
    assert grid.state_files(job("own")) == ["digits-mlp-own-0.pt", "digits-mlp-own-1.pt"]
    assert grid.label_files(job("own")) == ["labels.npy"] * 2


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("files", "nets/{seed}.pt", r"regimes\.own\.files .*one path for several networks; expected \{seed\} and \{ep"),
        ("files", "nets/0-{epoch:02d}.pt", "one path for several networks"),
        ("files", "nets/{seed}-{epoch}-{net}.pt", r"expected a path with none but \{dataset\}.*\{seed\}, \{epoch\}"),
        ("files", "nets/{seed}-{epoch", "expected a path with none but"),
        ("files", "nets/{}.pt", "expected a path with none but"),
        ("files", "nets/{seed}-{epoch}.pt", r"regimes\.own\.files: there is no file nets/0-0\.pt"),
        ("epochs", [0, 5, 7], r"regimes\.own\.files: there is no file nets/0-07\.pt"),
        ("labels", "labels-{seed}.npy", r"regimes\.own\.labels: there is no file labels-0\.npy"),
        ("labels", "{epoch}.npy", r"regimes\.own\.labels .*none but"),
        ("epochs", [], r"regimes\.own\.epochs is \[\]; expected array"),
    ],
)
def test_files_that_are_not_there_or_not_told_apart_are_refused_in_one_line(key, value, message):
    with pytest.raises(InputError, match=message) as caught:
        changed_grid(NETWORKS, **{f"regimes__own__{key}": value})
    assert "\n" not in str(caught.value)


def test_files_of_cells_that_are_left_out_need_not_be_there():
    assert changed_grid(NETWORKS, seeds=9, exclude=[{"regime": "own"}]).cells


def test_imported_networks_need_reach_no_accuracy_unless_the_regime_says_so():
    targets = {target["regime"]: target["target_accuracy"] for target in changed_grid(NETWORKS).target_accuracies()}
    assert targets == {"generalizing": 0.99, "own": 0}
    asked = changed_grid(NETWORKS, regimes__own__training={"target_accuracy": 0.9}).target_accuracies()
    assert asked[1]["target_accuracy"] == 0.9


# --- recordings ---


def test_grid_of_recordings_alone_needs_no_networks():
    grid = changed_grid(RECORDINGS)
    assert grid.cells == []
    assert grid.recorded == [("retina", RECORDING, "movie"), ("retina", RECORDING, "dark")]
    runs = ["movie/seeds0-0", "movie/seeds1-1", "dark/seeds0-0"]
    assert grid.run_files("spikes.npz") == [f"results/runs/retina/recording/{run}/spikes.npz" for run in runs]
    assert grid.feature_files() == [
        f"results/runs/retina/recording/{run}/observables/firing.parquet" for run in runs
    ]  # fmt: skip
    figures = {figure.removeprefix("results/figures/").removesuffix(".png") for figure in grid.figures()}
    assert {"raster/retina/recording", "firing/rates/retina/recording"} <= figures
    assert not [figure for figure in figures if figure.startswith("training/") or "over_training/" in figure]
    assert grid.target_accuracies() == []
    with pytest.raises(InputError, match="recordings alone"):
        estimate(grid, 1, Path())


def test_jobs_of_recordings_get_their_session_and_bins():
    grid = changed_grid(RECORDINGS)
    second = job("movie", "retina", RECORDING, "1-1")
    assert grid.session_file(second) == "second.parquet"
    assert grid.recording(second) == {"span": [0, 2], "bin": 0.05}
    assert grid.run(second)["seeds"] == [1]


def test_cells_of_networks_are_as_they_are_without_recordings():
    alone, mixed = changed_grid(NETWORKS), changed_grid(NETWORKS | RECORDINGS)
    assert mixed.cells == alone.cells
    assert mixed.target_accuracies() == alone.target_accuracies()
    assert set(alone.figures()) < set(mixed.figures())
    assert [path for path in mixed.feature_files() if "/recording/" not in path] == alone.feature_files()
    assert mixed.regimes == ["generalizing", "own", "movie", "dark"]


@pytest.mark.parametrize("entry", [{"kind": "firing", "images": "train"}, {"kind": "by_history"}])
def test_observables_that_read_more_than_spikes_are_not_asked_of_recordings(tmp_path, entry):
    plugin = tmp_path / "own" / "observables" / "by_history.py"
    plugin.parent.mkdir(parents=True)
    plugin.write_text("READS = ['spikes', 'history']\nPARAMETERS = {}\ndef observe(artefacts): ...\n")
    observables = {"firing": {"kind": "firing"}, "other": entry}
    grid = changed_grid(NETWORKS | RECORDINGS, plugins=["own"], observables=observables)
    files = grid.feature_files()
    assert len([path for path in files if path.endswith("/firing.parquet")]) == 5
    assert [path for path in files if path.endswith("/other.parquet") and "/recording/" in path] == []
    assert [path for path in grid.figures() if "/other/" in path and "/recording" in path] == []
    with pytest.raises(InputError, match="observables: none can be measured"):
        changed_grid(RECORDINGS, plugins=["own"], observables={"other": entry})


def test_conditions_can_be_compared_and_left_out():
    grid = changed_grid(RECORDINGS, indicators={"memorizing": "movie", "generalizing": "dark"})
    assert grid.is_compared
    assert "results/tables/indicators.csv" in grid.tables()
    assert grid.dose_series() == {}
    left = changed_grid(RECORDINGS, exclude=[{"dataset": "retina", "architecture": RECORDING, "regime": "dark"}])
    assert [cell.regime for cell in left.recorded] == ["movie"]


def test_spike_files_need_neither_span_nor_bin():
    assert changed_grid({"recordings": {"retina": {"conditions": {"movie": ["spikes.npz"]}}}}).recorded


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"recordings__retina__conditions__movie": ["none.csv"]},
            r"retina\.conditions\.movie\.0: there is no file none",
        ),
        ({"recordings__retina__conditions__movie": ["notes.txt"]}, r"movie\.0 is 'notes.txt'; expected a file \.csv"),
        ({"recordings__retina__conditions": {}}, r"recordings\.retina\.conditions is empty"),
        ({"recordings__retina__conditions__a b": ["dark.csv"]}, "'a b' cannot be a name"),
        ({"recordings__retina__span": None}, r"recordings\.retina lacks the key 'span'"),
        ({"recordings__retina__bin": None}, r"recordings\.retina lacks the key 'bin'"),
        ({"recordings__retina__bin": 0.3}, r"recordings\.retina\.span is \[0, 2\]; expected .* whole bins later"),
        ({"recordings__retina__span": [2, 0]}, "expected .* whole bins later"),
        ({"recordings__retina__span": [2]}, r"recordings\.retina\.span is \[2\]"),
        ({"recordings__retina__bins": 3}, "unknown key recordings.retina.bins; did you mean 'bin'"),
        ({"recordings": None}, "recordings is None; expected object"),
        ({"recordings__digits": {"conditions": {"x": ["spikes.npz"]}}}, r"recordings\.digits: a dataset has this name"),
        ({"recordings__retina__conditions__own": ["dark.csv"]}, r"conditions\.own: a regime has this name"),
        ({"architectures__recording": {"kind": "mlp"}}, r"architectures\.recording: recordings stand under this name"),
        ({"only": [{"regime": "moovie"}]}, r"only\.0\.regime is 'moovie'.*did you mean 'movie'"),
    ],
)
def test_recording_that_cannot_be_read_is_refused_in_one_line(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        changed_grid(NETWORKS | RECORDINGS, **changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["datasets", "architectures", "regimes"])
def test_networks_beside_recordings_need_all_that_makes_them(key):
    with pytest.raises(InputError, match=f"lacks the key '{key}'"):
        changed_grid({name: value for name, value in (NETWORKS | RECORDINGS).items() if name != key})


def test_pattern_of_names_takes_these_alone():
    assert re.fullmatch(one_of(["a-b", "c"]), "a-b")
    assert not re.fullmatch(one_of(["a-b", "c"]), "a")
    assert not re.fullmatch(one_of([]), "")
