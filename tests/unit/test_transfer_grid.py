"""Observables that take another dataset: their files, the cells that they are measured on, what the grid refuses."""

from types import SimpleNamespace

import pytest
from grids import changed_grid

from spikegrid.configuration import complete_configuration
from spikegrid.errors import InputError
from spikegrid.grid import RUN, Grid

ROLES = ["untrained", "generalizing", "memorizing"]
CONFIG = {
    "datasets": {
        "digits": {"kind": "digits"},
        "small": {"kind": "digits", "train_size": 100},
        "turned": {"kind": "digits", "turned": 90},
    },
    "architectures": {"mlp": {"kind": "mlp"}},
    "regimes": {name: {"kind": name} for name in ROLES},
    "exclude": [{"dataset": "turned"}],
    "observables": {"firing": {"kind": "firing"}, "reach": {"kind": "transfer", "target": "turned"}},
}


def grid_of(**changes) -> Grid:
    return changed_grid(CONFIG, **changes)


def names(paths: list[str]) -> set[str]:
    return {path.removeprefix("results/") for path in paths}


def test_an_observable_gets_the_images_of_its_target_under_the_name_of_the_parameter():
    assert grid_of().observed_files("reach") == {
        "checkpoints": f"{RUN}/checkpoints.safetensors",
        "dataset": "results/datasets/{dataset}.safetensors",
        "target": "results/datasets/turned.safetensors",
    }
    assert grid_of().observable("reach")["parameters"] == {"target": "turned", "samples": 500}


def test_a_target_that_nothing_is_trained_on_is_prepared_and_has_no_run():
    grid = grid_of()
    assert grid.datasets == ["digits", "small"]
    assert grid.image_sets == ["digits", "small", "turned"]
    assert "results/logs/prepare_dataset/turned.log" in grid.logs()["prepare_dataset"]
    assert not [path for path in (*grid.feature_files(), *grid.figures()) if "turned" in path]
    assert grid.dataset(SimpleNamespace(dataset="turned"))["parameters"] == {"turned": 90}


def test_a_dataset_that_is_neither_trained_on_nor_a_target_is_not_prepared():
    assert grid_of(observables__reach__target="small").image_sets == ["digits", "small"]
    assert grid_of(observables={"firing": {"kind": "firing"}}).image_sets == ["digits", "small"]


def test_networks_trained_on_the_target_are_not_measured():
    grid = grid_of(observables__reach__target="small")
    assert {path.split("/")[2] for path in grid.observable_files("observables", "reach")} == {"digits"}
    assert {path.split("/")[2] for path in grid.further_files("transfer", "probes")} == {"digits"}
    drawn = [path for path in grid.figures() if "/reach/" in path and path.endswith("png")]
    assert names(drawn) == {
        f"figures/reach/{figure}.png"
        for figure in (
            *(f"{kind}/digits/mlp" for kind in ("over_training", "transfer_accuracy", "transfer_predictors")),
            "indicators",
        )
    }


def test_datasets_can_be_the_targets_of_each_other():
    observables = {f"to_{name}": {"kind": "transfer", "target": name} for name in ("digits", "small")}
    grid = grid_of(observables=observables | {"firing": {"kind": "firing"}})
    assert grid.transfers() == {"to_digits": "digits", "to_small": "small"}
    of_runs = {tuple(path.split("/")[place] for place in (2, -1)) for path in grid.further_files("transfer", "probes")}
    assert of_runs == {("digits", "to_small.parquet"), ("small", "to_digits.parquet")}


def test_tables_of_transfer_are_made_where_it_is_observed():
    tables = {"tables/transfer.csv", "tables/transfer_predictors.csv"}
    assert names(grid_of().tables()) >= tables
    assert not names(grid_of(observables={"firing": {"kind": "firing"}}).tables()) & tables


def test_predictors_are_the_observables_that_read_spikes():
    further = {"dimension": {"kind": "dimension"}, "plasticity": {"kind": "plasticity"}}
    assert grid_of(observables=CONFIG["observables"] | further).spike_observables == ["firing", "dimension"]


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        ("truned", ["observables.reach.target is 'truned'", "one of digits, small, turned", "did you mean 'turned'"]),
        (3, ["observables.reach.target is 3", "one of digits, small, turned"]),
        (None, ["observables.reach.target is None", "one of digits, small, turned"]),
    ],
)
def test_a_target_that_is_no_dataset_is_refused_in_one_line(target, parts):
    with pytest.raises(InputError) as refused:
        grid_of(observables__reach__target=target)
    (line,) = str(refused.value).splitlines()
    assert all(part in line for part in parts), line


def test_a_transfer_without_a_target_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"^config: observables\.reach lacks the key 'target'$"):
        grid_of(observables__reach={"kind": "transfer"})


def test_a_recording_is_no_target(tmp_path):
    recording = {"conditions": {"before": [str(tmp_path / "a.csv")]}, "span": [0, 1], "bin": 0.1}
    (tmp_path / "a.csv").touch()
    with pytest.raises(InputError, match=r"observables\.reach\.target is 'cells'; expected one of digits"):
        grid_of(recordings={"cells": recording}, observables__reach__target="cells")


def test_the_only_dataset_that_networks_are_trained_on_is_refused_as_a_target():
    line = "config: observables.reach.target is 'digits', which all networks are trained on; expected another dataset"
    with pytest.raises(InputError, match=f"^{line}$"):
        grid_of(observables__reach__target="digits", only=[{"dataset": "digits"}])


def test_names_of_one_plugin_do_not_reach_into_another_configuration():
    grid_of()
    config = {**CONFIG, "datasets": {"digits": {"kind": "digits"}, "other": {"kind": "digits"}}, "exclude": []}
    config["observables"] = {"reach": {"kind": "transfer", "target": "other"}}
    assert complete_configuration(config)[0]["observables"]["reach"]["target"] == "other"


def test_a_parameter_with_the_name_of_an_artefact_is_refused(tmp_path):
    (tmp_path / "observables").mkdir()
    schema = {"type": "string", "format": "dataset", "description": "Images."}
    plugin = f"READS = ['checkpoints']\nPARAMETERS = {{'dataset': {schema}}}\ndef observe(artefacts, dataset): ...\n"
    (tmp_path / "observables" / "mine.py").write_text(plugin)
    with pytest.raises(InputError, match=r"mine\.py: PARAMETERS: 'dataset' is an artefact of a run"):
        grid_of(plugins=[str(tmp_path)], observables={"own": {"kind": "mine", "dataset": "turned"}})
