"""The grid: which cells, blocks and files there are, and the settings of each job."""

import re
from copy import deepcopy
from itertools import product
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikegrid.configuration import complete_configuration
from spikegrid.errors import InputError
from spikegrid.grid import NAME, Grid

CONFIG = {
    "datasets": {"digits": {"kind": "digits"}, "small": {"kind": "digits", "train_size": 100}},
    "architectures": {"mlp": {"kind": "mlp"}, "cnn": {"kind": "cnn"}},
    "regimes": {
        "untrained": {"kind": "untrained"},
        "generalizing": {"kind": "generalizing"},
        "memorizing": {"kind": "memorizing"},
    },
}


def grid_of(**changes) -> Grid:
    """Grid of the configuration with the keys at dotted paths, written with __, changed."""
    config = deepcopy(CONFIG)
    for path, value in changes.items():
        *parents, last = path.split("__")
        place = config
        for key in parents:
            place = place.setdefault(key, {})
        place[last] = value
    return Grid(*complete_configuration(config))


def job(dataset="digits", architecture="mlp", regime="generalizing", seeds="0-4") -> SimpleNamespace:
    """Wildcards of a job, as Snakemake gives them."""
    return SimpleNamespace(dataset=dataset, architecture=architecture, regime=regime, seeds=seeds)


# --- cells ---


def test_cells_are_the_product_of_the_entries():
    expected = set(product(CONFIG["datasets"], CONFIG["architectures"], CONFIG["regimes"]))
    cells = grid_of().cells
    assert len(cells) == 12
    assert set(cells) == expected


@pytest.mark.parametrize(
    ("only", "exclude", "expected"),
    [
        ([{"dataset": "digits"}], [], 6),
        ([{"dataset": "digits"}, {"architecture": "mlp"}], [], 9),
        ([{"dataset": "digits", "architecture": "mlp"}], [], 3),
        ([{"regime": ["untrained", "memorizing"]}], [], 8),
        ([], [{"architecture": "cnn"}], 6),
        ([], [{"dataset": "small", "regime": ["untrained", "memorizing"]}], 8),
        ([{"dataset": "digits"}], [{"architecture": "cnn"}, {"regime": "untrained"}], 2),
    ],
)
def test_only_keeps_what_matches_one_rule_and_exclude_leaves_out_what_matches_one(only, exclude, expected):
    assert len(grid_of(only=only, exclude=exclude).cells) == expected


def test_excluded_cell_is_not_in_any_list_of_files():
    grid = grid_of(exclude=[{"dataset": "digits", "architecture": "cnn", "regime": "memorizing"}])
    assert len(grid.cells) == 11
    assert not [path for path in grid.run_files("spikes.npz") if "digits/cnn/memorizing" in path]


def test_datasets_and_networks_are_those_of_the_cells_that_are_kept():
    grid = grid_of(exclude=[{"dataset": "small"}, {"architecture": "cnn"}])
    assert grid.datasets == ["digits"]
    assert grid.networks == [("digits", "mlp")]


def test_grid_without_a_cell_is_refused():
    with pytest.raises(InputError, match="only and exclude leave no cell"):
        grid_of(only=[{"dataset": "digits"}], exclude=[{"dataset": "digits"}])


# --- seeds ---

WHOLE_GRID = grid_of()


@given(seeds=st.integers(1, 60), size=st.integers(1, 70))
def test_blocks_hold_every_seed_once_in_order_and_at_most_their_size(seeds, size):
    grid = WHOLE_GRID
    grid.config |= {"seeds": seeds, "seeds_per_job": size}
    blocks = [grid.run(job(seeds=block))["seeds"] for block in grid.blocks]
    assert [seed for block in blocks for seed in block] == list(range(seeds))
    assert all(len(block) == size for block in blocks[:-1])
    assert 1 <= len(blocks[-1]) <= size


def test_more_seeds_add_blocks_and_keep_the_old_ones():
    assert set(grid_of(seeds=6, seeds_per_job=3).blocks) < set(grid_of(seeds=12, seeds_per_job=3).blocks)


def test_run_names_its_cell_and_seeds():
    run = grid_of().run(job("small", "cnn", "memorizing", "5-7"))
    assert run == {"dataset": "small", "architecture": "cnn", "regime": "memorizing", "seeds": [5, 6, 7]}


# --- files ---


def test_files_of_runs_are_one_a_cell_and_block():
    grid = grid_of(seeds=7, seeds_per_job=5)
    paths = grid.run_files("spikes.npz")
    assert len(paths) == len(set(paths)) == 12 * 2
    assert "results/runs/small/cnn/memorizing/seeds5-6/spikes.npz" in paths


def test_files_of_runs_can_be_chosen_by_name_and_block():
    grid = grid_of(seeds=7, seeds_per_job=5)
    assert len(grid.run_files("history.csv", dataset="small")) == 12
    assert grid.run_files("history.csv", seeds="0-4", dataset="small", architecture="cnn", regime="memorizing") == [
        "results/runs/small/cnn/memorizing/seeds0-4/history.csv"
    ]


def test_feature_files_are_one_an_observable_and_run():
    grid = grid_of(observables={"fine": {"kind": "firing", "window": 5}, "coarse": {"kind": "firing", "window": 50}})
    paths = grid.feature_files()
    assert len(paths) == len(set(paths)) == 24
    assert "results/runs/digits/mlp/memorizing/seeds0-4/observables/coarse.parquet" in paths


def test_observable_gets_the_artefacts_that_it_reads_and_gives_its_tables():
    grid = grid_of()
    run = "results/runs/{dataset}/{architecture}/{regime}/seeds{seeds}"
    assert grid.observed_files("firing") == {"spikes": f"{run}/spikes.npz"}
    assert grid.observable_tables("firing") == {
        "features": f"{run}/observables/firing.parquet",
        "units": f"{run}/units/firing.parquet",
    }


def test_observables_can_be_chosen_by_kind():
    grid = grid_of(observables={"fine": {"kind": "firing", "window": 5}})
    assert grid.observables() == grid.observables("firing") == ["fine"]
    assert grid.observables("other") == []


def test_indicators_are_made_only_where_both_regimes_meet_in_one_network():
    assert "results/tables/indicators.csv" in grid_of().tables()
    apart = [{"dataset": "digits", "regime": "memorizing"}, {"dataset": "small", "regime": "generalizing"}]
    assert "results/tables/indicators.csv" not in grid_of(only=apart).tables()


def test_every_output_lies_in_results():
    grid = grid_of()
    for path in [*grid.tables(), *grid.figures(), *grid.feature_files(), *grid.run_files("spikes.npz")]:
        assert path.startswith("results/")


def test_names_of_outputs_are_unique():
    for paths in (grid_of().figures(), grid_of().tables()):
        assert len(paths) == len(set(paths))


@pytest.mark.parametrize("name", ["mlp", "3", "a-b_c", "A9"])
def test_pattern_of_names_takes_names(name):
    assert re.fullmatch(NAME, name)


@pytest.mark.parametrize("name", ["", "-a", "_a", "a/b", "a b", "a.b", "..", "a\n"])
def test_pattern_of_names_takes_nothing_else(name):
    assert not re.fullmatch(NAME, name)


# --- settings of jobs ---


def test_parameters_of_an_entry_are_those_of_its_plugin_alone():
    grid = grid_of(architectures__cnn={"kind": "cnn", "channels": [4], "training": {"epochs": 3}})
    assert grid.architecture(job(architecture="cnn")) == {
        "plugin": "cnn",
        "parameters": {"channels": [4], "convolutions": 1, "hidden": [128], "batch_norm": False},
    }
    assert grid.regime(job(regime="memorizing")) == {"plugin": "memorizing", "parameters": {"fraction": 1.0}}
    assert grid.observable("firing") == {"plugin": "firing", "parameters": {"window": 20}}


def test_dataset_has_its_name_plugin_and_sizes():
    assert grid_of().dataset(job(dataset="small")) == {
        "name": "small",
        "plugin": "digits",
        "parameters": {},
        "train_size": 100,
        "test_size": None,
        "test_share": 0.4,
    }


LEVELS = ["", "datasets__digits__", "architectures__mlp__", "regimes__generalizing__"]
"""Where a setting may stand, from weakest to strongest."""


@pytest.mark.parametrize("strongest", range(len(LEVELS)))
def test_regime_overrides_architecture_overrides_dataset_overrides_configuration(strongest):
    values = {f"{level}training": {"epochs": 10 + place} for place, level in enumerate(LEVELS[: strongest + 1])}
    presented = {f"{level}spikes": {"samples": 10 + place} for place, level in enumerate(LEVELS[: strongest + 1])}
    grid = grid_of(**values, **presented)
    assert grid.training(job())["epochs"] == 10 + strongest
    assert grid.spikes(job())["samples"] == 10 + strongest


def test_override_of_one_key_leaves_the_others():
    grid = grid_of(training={"epochs": 7, "momentum": 0.5}, architectures__mlp__training={"epochs": 9})
    training = grid.training(job())
    assert (training["epochs"], training["momentum"], training["batch_size"]) == (9, 0.5, 64)


def test_override_of_an_entry_leaves_other_entries():
    grid = grid_of(training={"epochs": 7}, architectures__mlp__training={"epochs": 9})
    assert grid.training(job(architecture="cnn"))["epochs"] == 7


def test_untrained_has_no_epochs_whatever_configuration_dataset_and_architecture_say():
    grid = grid_of(**{f"{level}training": {"epochs": 50} for level in LEVELS[:3]})
    training = grid.training(job(regime="untrained"))
    assert training["epochs"] == 0
    assert training["checkpoints"] == [0]
    assert grid.training(job())["epochs"] == 50


def test_what_a_regime_fixes_gives_way_to_its_own_entry_alone():
    grid = grid_of(regimes__untrained__training={"target_accuracy": 0.5})
    targets = {target["regime"]: target["target_accuracy"] for target in grid.target_accuracies()}
    assert targets == {"untrained": 0.5, "generalizing": 0.99, "memorizing": 0.99}


@pytest.mark.parametrize(
    ("epochs", "listed", "expected"),
    [
        (10, [0, 1, 5, 10], [0, 1, 5, 10]),
        (10, [], [0, 10]),
        (10, [3], [0, 3, 10]),
        (10, [20, 30], [0, 10]),
        (10, [5, 1, 5], [0, 1, 5, 10]),
        (0, [0, 1, 5], [0]),
        (1, [1], [0, 1]),
    ],
)
def test_checkpoints_are_those_listed_up_to_the_last_epoch_and_always_the_first_and_last(epochs, listed, expected):
    assert grid_of(training={"epochs": epochs, "checkpoints": listed}).training(job())["checkpoints"] == expected


def test_target_accuracy_is_no_setting_of_a_job_that_trains():
    assert "target_accuracy" not in grid_of().training(job())


def test_targets_are_those_of_every_cell_or_of_the_cells_chosen():
    grid = grid_of(architectures__cnn__training={"target_accuracy": 0.7})
    assert len(grid.target_accuracies()) == 12
    assert grid.target_accuracies(dataset="small", architecture="cnn", regime="memorizing") == [
        {"dataset": "small", "architecture": "cnn", "regime": "memorizing", "target_accuracy": 0.7}
    ]


def test_settings_of_jobs_are_builtin_types_alone():
    def check(value):
        assert type(value) in {str, int, float, bool, list, dict, type(None)}
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
            check(part)

    grid = grid_of()
    wildcards = job(regime="memorizing")
    for settings in (grid.run, grid.dataset, grid.architecture, grid.regime, grid.training, grid.spikes):
        check(settings(wildcards))
    check(grid.observable("firing"))
    check(grid.target_accuracies())


def test_code_of_a_job_differs_where_its_plugins_do():
    code = grid_of().code("train", "architectures", "regimes")
    hashes = {code(job(architecture=name, regime=regime)) for name in ("mlp", "cnn") for regime in CONFIG["regimes"]}
    assert len(hashes) == 6
    assert code(job(dataset="digits")) == code(job(dataset="small"))


def test_code_of_an_observable_is_that_of_its_plugin():
    grid = grid_of(observables={"fine": {"kind": "firing", "window": 5}, "coarse": {"kind": "firing"}})
    assert grid.code("observe", observables="fine")(job()) == grid.code("observe", observables="coarse")(job())


def test_plugin_of_the_user_is_named_by_its_path(tmp_path):
    (tmp_path / "architectures").mkdir()
    path = tmp_path / "architectures" / "mine.py"
    path.write_text("PARAMETERS = {}\ndef build(shape, classes): ...\n")
    grid = grid_of(plugins=[str(tmp_path)], architectures__own={"kind": "mine"})
    assert grid.architecture(job(architecture="own")) == {"plugin": str(path), "parameters": {}}
