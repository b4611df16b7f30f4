"""The grid: which cells, blocks and files there are, and the settings of each job."""

import re
from functools import partial
from itertools import product
from types import SimpleNamespace

import pytest
from grids import changed_grid
from hypothesis import given
from hypothesis import strategies as st

from spikegrid.errors import InputError
from spikegrid.grid import NAME, RUN
from spikegrid.plugins import find_plugins

CONFIG = {
    "datasets": {"digits": {"kind": "digits"}, "small": {"kind": "digits", "train_size": 100}},
    "architectures": {"mlp": {"kind": "mlp"}, "cnn": {"kind": "cnn"}},
    "regimes": {
        "untrained": {"kind": "untrained"},
        "generalizing": {"kind": "generalizing"},
        "memorizing": {"kind": "memorizing"},
    },
}


grid_of = partial(changed_grid, CONFIG)


def job(dataset="digits", architecture="mlp", regime="generalizing", seeds="0-4", presented="") -> SimpleNamespace:
    """Wildcards of a job, as Snakemake gives them."""
    return SimpleNamespace(dataset=dataset, architecture=architecture, regime=regime, seeds=seeds, presented=presented)


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
    assert grid.first_run_files("history.csv", dataset="small", architecture="cnn", regimes=["memorizing"]) == [
        "results/runs/small/cnn/memorizing/seeds0-4/history.csv"
    ]


def test_feature_files_are_one_an_observable_and_run():
    grid = grid_of(observables={"fine": {"kind": "firing", "window": 5}, "coarse": {"kind": "firing", "window": 50}})
    paths = grid.feature_files()
    assert len(paths) == len(set(paths)) == 24
    assert "results/runs/digits/mlp/memorizing/seeds0-4/observables/coarse.parquet" in paths


def test_observable_gets_the_artefacts_that_it_reads_and_gives_its_tables():
    grid = grid_of()
    assert RUN == "results/runs/{dataset}/{architecture}/{regime}/seeds{seeds}"
    assert grid.observed_files("firing") == {"spikes": f"{RUN}/spikes.npz"}
    assert grid.observable_tables("firing") == {
        "features": f"{RUN}/observables/firing.parquet",
        "units": f"{RUN}/units/firing.parquet",
    }


@pytest.mark.parametrize("images", ["train", "test"])
def test_observable_that_names_images_gets_their_spikes_whatever_the_configuration_presents(images):
    entry = {"kind": "firing", "images": images}
    for presented in ("train", "test"):
        grid = grid_of(observables={"here": entry, "there": {"kind": "firing"}}, spikes={"images": presented})
        assert grid.observed_files("here") == {"spikes": f"{RUN}/spikes_{images}.npz"}
        assert grid.observed_files("there") == {"spikes": f"{RUN}/spikes.npz"}


@pytest.mark.parametrize(("presented", "expected"), [("", "test"), ("_train", "train"), ("_test", "test")])
def test_spike_file_holds_the_images_that_its_name_says(presented, expected):
    settings = grid_of(spikes={"samples": 30}).spikes(job(presented=presented))
    assert settings["images"] == expected
    assert settings["samples"] == 30


@pytest.mark.parametrize(("presented", "expected"), [("", "train"), ("_train", "train"), ("_test", "test")])
def test_images_in_the_name_of_a_spike_file_override_every_setting(presented, expected):
    grid = grid_of(**{f"{level}spikes": {"images": "train"} for level in LEVELS})
    assert grid.spikes(job(presented=presented))["images"] == expected


def test_images_are_no_parameter_of_an_observable():
    entries = {"here": {"kind": "correlations", "images": "train"}, "there": {"kind": "correlations"}}
    grid = grid_of(observables=entries)
    assert grid.observable("here") == grid.observable("there") == {
        "plugin": "correlations", "parameters": {"pairs": 20000}
    }  # fmt: skip


@pytest.fixture
def own_observable(tmp_path):
    """Builds a grid of one observable of the user's own from the constants of its plug-in."""

    def build(constants: str, **entry: str):
        (tmp_path / "observables").mkdir()
        source = f"{constants}\nPARAMETERS = {{}}\ndef observe(artefacts): ...\n"
        (tmp_path / "observables" / "mine.py").write_text(source)
        return grid_of(plugins=[str(tmp_path)], observables={"own": {"kind": "mine"} | entry})

    return build


def test_observable_gets_the_files_that_it_reads_and_no_others(own_observable):
    grid = own_observable('READS = ["history"]')
    assert grid.observed_files("own") == {"history": f"{RUN}/history.csv"}
    assert grid.observable_tables("own") == {"features": f"{RUN}/observables/own.parquet"}


def test_observable_that_reads_networks_is_none_of_tables(own_observable):
    grid = own_observable('READS = ["checkpoints", "dataset", "spikes"]', images="train")
    assert grid.observed_files("own") == {
        "checkpoints": f"{RUN}/checkpoints.safetensors",
        "dataset": "results/datasets/{dataset}.safetensors",
        "spikes": f"{RUN}/spikes_train.npz",
    }
    assert (grid.network_observables, grid.table_observables) == (["own"], [])


def test_images_of_an_observable_without_spikes_are_refused_by_name(own_observable):
    with pytest.raises(InputError, match=r"observables\.own\.images: the observable mine reads no spikes"):
        own_observable('READS = ["checkpoints", "dataset"]', images="train")


def test_observable_says_itself_which_images_it_shows_where_it_reads_no_spikes(own_observable):
    grid = own_observable('READS = ["checkpoints", "dataset"]\nSHOWN = "train"')
    assert grid.traits() == {"own": {"images": "train", "labels": [], "caveats": {}}}


@pytest.mark.parametrize(
    ("kind", "tables"),
    [
        ("firing", ["units"]),
        ("intervals", ["units", "interval_histograms"]),
        ("correlations", []),
        ("class_information", ["units"]),
        ("process", ["process"]),
        ("dimension", ["spectra"]),
        ("simulation", ["simulation"]),
    ],
)
def test_tables_of_an_observable_lie_in_folders_of_their_names(kind, tables):
    grid = grid_of(observables={"mine": {"kind": kind}})
    expected = {table: f"{RUN}/{table}/mine.parquet" for table in tables}
    assert grid.observable_tables("mine") == {"features": f"{RUN}/observables/mine.parquet"} | expected


@pytest.mark.parametrize("kind", ["process", "pruning", "simulation"])
def test_files_of_a_use_are_those_of_every_observable_of_its_kind(kind):
    entries = {"fine": {"kind": kind, "window": 5}, "coarse": {"kind": kind}, "firing": {"kind": "firing"}}
    grid, without = grid_of(observables=entries), grid_of()
    paths, none = (of.further_files(kind, kind) for of in (grid, without))
    assert len(paths) == len(set(paths)) == 24
    assert f"results/runs/digits/mlp/memorizing/seeds0-4/{kind}/coarse.parquet" in paths
    assert f"results/tables/{kind}.csv" in grid.tables()
    assert none == []
    assert f"results/tables/{kind}.csv" not in without.tables()


def test_logs_are_those_of_every_job_that_tables_come_from():
    entries = {"firing": {"kind": "firing"}, "pairs": {"kind": "correlations", "images": "train"}}
    logs = grid_of(observables=entries, seeds=7, regimes__memorizing__fraction=0.9).logs()
    assert logs["prepare_dataset"] == [f"results/logs/prepare_dataset/{name}.log" for name in ("digits", "small")]
    assert logs["collect"] == ["results/logs/collect.log"]
    assert "results/runs/small/cnn/memorizing/seeds5-6/logs/extract_spikes_train.log" in logs["extract_spikes_train"]
    counts = {step: len(files) for step, files in logs.items()}
    of_runs = dict.fromkeys(["train", "extract_spikes", "extract_spikes_train", "observe_firing", "observe_pairs"], 24)
    none = {"import_checkpoints": 0, "import_recording": 0}
    joining = dict.fromkeys(["collect", "dynamics", "indicators", "doses", "stable_indicators"], 1)
    assert counts == {"prepare_dataset": 2} | of_runs | none | joining


def test_settings_are_the_configuration_without_what_changes_no_result():
    grid = grid_of(data_root="elsewhere", save_seconds=7)
    assert grid.settings() == grid_of().settings()
    assert grid.settings() != grid_of(seeds=2).settings()
    assert grid.config.keys() - grid.settings().keys() == {"data_root", "save_seconds"}


def test_code_of_all_has_every_script_and_the_plugin_of_every_entry():
    grid = grid_of(observables={"fine": {"kind": "firing"}})
    hashes = grid.code_of_all(["../scripts/train.py", "../scripts/collect.py"])
    entries = {f"{axis}.{name}" for axis in ("datasets", "architectures", "regimes") for name in CONFIG[axis]}
    assert hashes.keys() == {"train", "collect", "observables.fine"} | entries
    assert hashes["train"] == grid.code("train")
    assert hashes["datasets.digits"] == hashes["datasets.small"] != hashes["architectures.mlp"]


def test_traits_name_the_images_and_the_features_that_need_labels_or_have_a_caveat():
    entries = {
        "firing": {"kind": "firing"},
        "firing_train": {"kind": "firing", "images": "train"},
        "classes": {"kind": "class_information"},
        "pairs": {"kind": "correlations", "images": "test"},
    }
    firing = {"labels": ["*_class_blocked"], "caveats": {"bound to rates": ["fano_factor_*"]}}
    assert grid_of(observables=entries).traits() == {
        "firing": {"images": "test"} | firing,
        "firing_train": {"images": "train"} | firing,
        "classes": {
            "images": "test",
            "labels": ["*"],
            "caveats": {
                "not learned": ["*_trained_labels"],
                "bound to rates": ["selectivity*", "hamming_within*", "hamming_between*"],
            },
        },
        "pairs": {"images": "test", "labels": ["noise_correlation*"], "caveats": {}},
    }
    traits = grid_of(observables=entries, spikes={"images": "train"}).traits()
    images = {name: trait["images"] for name, trait in traits.items()}
    assert images == {"firing": "train", "firing_train": "train", "classes": "train", "pairs": "test"}


def test_traits_of_an_observable_that_names_no_features_are_empty(own_observable):
    grid = own_observable('READS = ["spikes"]')
    assert grid.traits() == {"own": {"images": "test", "labels": [], "caveats": {}}}


def test_observables_can_be_chosen_by_kind():
    grid = grid_of(observables={"fine": {"kind": "firing", "window": 5}})
    assert grid.observables() == grid.observables("firing") == ["fine"]
    assert grid.observables("other") == []


def test_indicators_are_made_only_where_both_regimes_meet_in_one_network():
    assert "results/tables/indicators.csv" in grid_of().tables()
    apart = [{"dataset": "digits", "regime": "memorizing"}, {"dataset": "small", "regime": "generalizing"}]
    assert "results/tables/indicators.csv" not in grid_of(only=apart).tables()


def test_dynamics_are_made_only_where_a_regime_has_several_checkpoints():
    assert "results/tables/dynamics.csv" in grid_of().tables()
    assert "results/tables/dynamics.csv" not in grid_of(only=[{"regime": "untrained"}]).tables()
    assert "results/tables/dynamics.csv" not in grid_of(training__epochs=0).tables()


def test_kinds_that_grow_have_a_figure_of_the_laws_fitted_for_every_trained_network(tmp_path):
    (tmp_path / "observables").mkdir()
    source = 'READS = ["spikes"]\nPARAMETERS = {}\ndef observe(artefacts): ...\n'
    (tmp_path / "observables" / "grown.py").write_text(source)
    entries = {"first": {"kind": "grown"}, "firing": {"kind": "firing"}}
    trained = [{"dataset": "digits"}, {"dataset": "small", "regime": "untrained"}]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spikegrid.grid._GROWING", ("grown",))
        figures = grid_of(plugins=[str(tmp_path)], observables=entries, only=trained).figures()
    growth = [path for path in figures if "/growth/" in path and path.endswith(".pdf")]
    assert growth == [f"results/figures/first/growth/digits/{network}.pdf" for network in ("mlp", "cnn")]


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


# --- doses ---

DOSES = {
    "corrupted_30": {"kind": "corrupted_labels", "fraction": 0.3},
    "corrupted_60": {"kind": "corrupted_labels", "fraction": 0.6},
    "few_50": {"kind": "few_samples", "samples": 50},
}


def test_doses_are_left_out_of_most_figures_and_make_series_with_the_compared_regimes_at_their_ends():
    grid = grid_of(regimes=CONFIG["regimes"] | DOSES)
    assert grid.shown_regimes == ["untrained", "generalizing", "memorizing"]
    assert grid.dose_series() == {
        "label_noise": ["generalizing", "memorizing", "corrupted_30", "corrupted_60"],
        "training_size": ["generalizing", "few_50"],
    }


def test_regimes_of_a_series_stand_in_the_order_of_the_configuration():
    regimes = {name: (CONFIG["regimes"] | DOSES)[name] for name in ("corrupted_60", "memorizing", "generalizing")}
    assert grid_of(regimes=regimes).dose_series() == {"label_noise": ["corrupted_60", "memorizing", "generalizing"]}


def test_grid_without_doses_shows_every_regime_and_has_no_series():
    grid = grid_of()
    assert grid.shown_regimes == list(CONFIG["regimes"])
    assert grid.dose_series() == {}


def test_second_fraction_of_the_memorizing_kind_is_a_dose():
    grid = grid_of(regimes=CONFIG["regimes"] | {"half": {"kind": "memorizing", "fraction": 0.5}})
    assert grid.shown_regimes == list(CONFIG["regimes"])
    assert grid.dose_series() == {"label_noise": ["generalizing", "memorizing", "half"]}


@pytest.mark.parametrize("section", ["training", "spikes"])
def test_variant_of_a_compared_kind_in_training_or_spikes_is_no_dose(section):
    settings = {"training": {"weight_decay": 0.01}, "spikes": {"threshold": 0.5}}[section]
    variant = {"kind": "memorizing", "fraction": 0.5, section: settings}
    grid = grid_of(regimes=CONFIG["regimes"] | {"decayed": variant})
    assert grid.shown_regimes == [*CONFIG["regimes"], "decayed"]
    assert grid.dose_series() == {}


@pytest.mark.parametrize("section", ["training", "spikes"])
def test_empty_override_makes_no_variant(section):
    grid = grid_of(regimes=CONFIG["regimes"] | {"half": {"kind": "memorizing", "fraction": 0.5, section: {}}})
    assert grid.dose_series() == {"label_noise": ["generalizing", "memorizing", "half"]}


def test_dose_of_a_kind_that_is_not_compared_stays_one_with_training_of_its_own():
    few = DOSES["few_50"] | {"training": {"epochs": 500}}
    grid = grid_of(regimes=CONFIG["regimes"] | {"few_50": few})
    assert grid.shown_regimes == list(CONFIG["regimes"])
    assert grid.dose_series() == {"training_size": ["generalizing", "few_50"]}


VARIANTS = {
    "training": {"base": "memorizing", "training": {"weight_decay": 0.01}},
    "spikes": {"base": "memorizing", "spikes": {"threshold": 0.5}},
    "labels": {"base": "memorizing", "labels": "permuted"},
    "labels without base": {"kind": "memorizing", "labels": "permuted"},
    "training and dose": {"base": "memorizing", "fraction": 0.5, "training": {"weight_decay": 0.01}},
    "training of a dose": {"base": "corrupted_30", "training": {"weight_decay": 0.01}},
    "training of few": {"base": "few_50", "samples": 20, "training": {"crop_padding": 1}},
}


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=VARIANTS.keys())
def test_variant_of_a_regime_is_shown_and_no_dose_nor_is_what_is_based_on_it(variant):
    further = {"variant": variant, "again": {"base": "variant"}, "more": {"base": "again", "training": {}}}
    grid = grid_of(regimes=CONFIG["regimes"] | DOSES | further)
    assert grid.shown_regimes == [*CONFIG["regimes"], *further]
    assert grid.dose_series() == grid_of(regimes=CONFIG["regimes"] | DOSES).dose_series()


def test_regime_that_differs_from_its_base_in_a_number_alone_is_a_dose():
    settings = {"training": {"epochs": 30}, "spikes": {"threshold": 0.1}}
    regimes = CONFIG["regimes"] | {
        "generalizing": {"kind": "generalizing", **settings},
        "memorizing": {"kind": "memorizing", **settings},
        "half": {"base": "memorizing", "fraction": 0.5},
        "third": {"base": "half", "fraction": 0.3, "training": {"epochs": 30}},
        "without_base": {"kind": "memorizing", "fraction": 0.2, **settings},
        "corrupted": {"base": "generalizing", "kind": "corrupted_labels", "fraction": 0.1},
        "few": {"base": "generalizing", "kind": "few_samples", "samples": 50},
    }
    grid = grid_of(regimes=regimes)
    assert grid.shown_regimes == ["untrained", "generalizing", "memorizing"]
    assert grid.dose_series() == {
        "label_noise": ["generalizing", "memorizing", "half", "third", "without_base", "corrupted"],
        "training_size": ["generalizing", "few"],
    }


def test_regime_without_series_is_never_a_dose():
    regimes = {"shuffled": {"kind": "shuffled_pixels"}, "noise": {"base": "generalizing", "kind": "gaussian_inputs"}}
    grid = grid_of(regimes=CONFIG["regimes"] | regimes)
    assert grid.shown_regimes == [*CONFIG["regimes"], *regimes]
    assert grid.dose_series() == {}


def test_settings_and_parameters_of_a_job_are_those_of_its_base_and_its_own():
    regimes = {"decayed": {"base": "memorizing", "fraction": 0.5, "training": {"weight_decay": 0.1}}}
    grid = grid_of(regimes=CONFIG["regimes"] | regimes)
    parameters = {"fraction": 0.5, "labels": "uniform"}
    assert grid.regime(job(regime="decayed")) == {"plugin": "memorizing", "parameters": parameters}
    assert grid.training(job(regime="decayed"))["weight_decay"] == 0.1
    assert grid.training(job(regime="memorizing"))["weight_decay"] == 0


def test_corrupted_labels_that_are_compared_are_shown_and_end_their_series():
    regimes = CONFIG["regimes"] | DOSES
    grid = grid_of(regimes=regimes, indicators={"memorizing": "corrupted_60"})
    assert grid.shown_regimes == ["untrained", "generalizing", "corrupted_60"]
    assert grid.dose_series() == {
        "label_noise": ["generalizing", "memorizing", "corrupted_30", "corrupted_60"],
        "training_size": ["generalizing", "few_50"],
    }


def test_few_samples_that_are_compared_as_memorizing_end_the_series_of_sizes_alone():
    grid = grid_of(regimes=CONFIG["regimes"] | DOSES, indicators={"memorizing": "few_50"})
    assert grid.shown_regimes == ["untrained", "generalizing", "few_50"]
    assert grid.dose_series() == {"label_noise": ["generalizing", "memorizing", "corrupted_30", "corrupted_60"]}


@pytest.mark.parametrize("regimes", [["memorizing", *DOSES], [*DOSES], ["few_50"], ["generalizing", "corrupted_30"]])
def test_grid_without_comparison_shows_every_regime(regimes):
    grid = grid_of(regimes={name: (CONFIG["regimes"] | DOSES)[name] for name in regimes})
    assert not grid.is_compared
    assert grid.shown_regimes == regimes
    assert grid.dose_series() == {}
    assert not [path for path in grid.tables() if "doses" in path or "indicators" in path]
    assert not [path for path in grid.figures() if "dose" in path or "indicators" in path]


def test_doses_have_a_table_and_figures_where_regimes_are_compared():
    grid = grid_of(regimes=CONFIG["regimes"] | DOSES)
    assert {"results/tables/doses.csv", "results/tables/stable_indicators.csv"} <= set(grid.tables())
    figures = grid.figures()
    assert len(figures) == len(set(figures))
    assert "results/figures/dose_response/digits.pdf" in figures
    assert not [path for path in grid_of().figures() if "dose" in path]


# --- settings of jobs ---


def test_parameters_of_an_entry_are_those_of_its_plugin_alone():
    grid = grid_of(architectures__cnn={"kind": "cnn", "channels": [4], "training": {"epochs": 3}})
    assert grid.architecture(job(architecture="cnn")) == {
        "plugin": "cnn",
        "parameters": {"channels": [4], "convolutions": 1, "hidden": [128], "batch_norm": False, "dropout": 0},
    }
    assert grid.regime(job(regime="memorizing")) == {
        "plugin": "memorizing",
        "parameters": {"fraction": 1.0, "labels": "uniform"},
    }
    orders = ["random", "class_blocked", "given"]
    assert grid.observable("firing") == {"plugin": "firing", "parameters": {"window": 20, "orders": orders}}


def test_dataset_has_its_name_plugin_and_sizes():
    assert grid_of().dataset(job(dataset="small")) == {
        "name": "small",
        "plugin": "digits",
        "parameters": {"turned": 0},
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
    assert grid.target_accuracies(dataset="small", architecture="cnn", regimes=["memorizing"]) == [
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
    with_doses = grid_of(regimes=CONFIG["regimes"] | DOSES)
    check(with_doses.dose_series())
    check(with_doses.shown_regimes)
    check(with_doses.traits())


def test_code_of_a_job_differs_where_its_plugins_do():
    code = grid_of().code_of_job("train", "architectures", "regimes")
    hashes = {code(job(architecture=name, regime=regime)) for name in ("mlp", "cnn") for regime in CONFIG["regimes"]}
    assert len(hashes) == 6
    assert code(job(dataset="digits")) == code(job(dataset="small"))


OWN = {"kind": "python", "factory": "nets.py:net"}


def test_code_of_a_network_of_ones_own_changes_with_the_file_of_its_factory_and_with_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ["nets.py", "blocks.py", "other.py"]
    codes = []
    for edited in [None, *names]:
        folder = tmp_path / str(edited)  # files are read once in a process: each edit has a copy of its own
        folder.mkdir()
        for name in names:
            imports = "from blocks import block\n" if name == "nets.py" else ""
            edit = "# edited\n" if name == edited else ""
            (folder / name).write_text(f"{imports}def net(shape, classes): ...\ndef block(): ...\n{edit}")
        own = OWN | {"factory": f"{folder / 'nets.py'}:net"}
        code = grid_of(architectures__own=own).code_of_job("train", "architectures", "regimes")
        codes.append((code(job(architecture="own")), code(job(architecture="mlp"))))
    of_own, of_mlp = zip(*codes)
    assert len(set(of_mlp)) == 1
    unedited, nets, blocks, other = of_own
    assert unedited == other
    assert len({unedited, nets, blocks}) == 3


def test_network_of_ones_own_is_named_by_its_factory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text("def net(shape, classes, width): ...\n")
    grid = grid_of(architectures__own=OWN | {"parameters": {"width": 3}})
    expected = {"factory": "nets.py:net", "parameters": {"width": 3}}
    assert grid.architecture(job(architecture="own")) == {"plugin": "python", "parameters": expected}


def test_code_of_an_observable_is_that_of_its_plugin():
    grid = grid_of(observables={"fine": {"kind": "firing", "window": 5}, "coarse": {"kind": "firing"}})
    assert grid.code("observe", observables="fine") == grid.code("observe", observables="coarse")


def test_plugin_of_the_user_is_named_by_its_path(tmp_path):
    (tmp_path / "architectures").mkdir()
    path = tmp_path / "architectures" / "mine.py"
    path.write_text("PARAMETERS = {}\ndef build(shape, classes): ...\n")
    grid = grid_of(plugins=[str(tmp_path)], architectures__own={"kind": "mine"})
    assert grid.architecture(job(architecture="own")) == {"plugin": str(path), "parameters": {}}


# --- the report ---


def test_every_kind_of_observable_has_a_chapter_and_those_of_ones_own_have_one_of_theirs(monkeypatch):
    kinds = set(find_plugins("observables"))
    grid = grid_of(observables={kind: {"kind": kind} for kind in kinds - {"transfer"}})
    chapters = {kind: grid.chapter(SimpleNamespace(observable=kind)) for kind in kinds - {"transfer"}}
    assert chapters["firing"] == "3 Spike trains"
    assert chapters["pruning"] == "8 Uses"
    assert "Measures" not in chapters.values()
    monkeypatch.setitem(grid.config["observables"]["firing"], "kind", "of_my_own")
    assert grid.chapter(SimpleNamespace(observable="firing")) == "Measures"


def test_figures_are_labelled_by_dataset_and_architecture():
    apart = {"dataset": "{dataset}", "architecture": "{architecture}"}
    assert grid_of().networks_named == apart
    assert grid_of(only=[{"dataset": "digits"}]).networks_named == apart


def test_dataset_and_architecture_are_one_label_where_not_each_is_with_each():
    """Two labels of two values each would be a switch of the report that leads to figures that are not there."""
    grid = grid_of(only=[{"dataset": "digits", "architecture": "mlp"}, {"dataset": "small", "architecture": "cnn"}])
    assert grid.networks_named == {"dataset, architecture": "{dataset}, {architecture}"}


def test_csv_tables_are_those_that_have_a_page():
    grid = grid_of(detector={})
    assert "results/tables/detector.csv" in grid.csv_tables()
    assert set(grid.tables()) - set(grid.csv_tables()) == {
        "results/tables/features.parquet",
        "results/tables/stable_indicators.html",
        "results/detector.json",
    }
