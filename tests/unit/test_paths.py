"""No name leaves results/: all paths of a grid that is accepted, and all that the wildcards of rules can be."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from spikegrid.configuration import complete_configuration
from spikegrid.errors import InputError
from spikegrid.grid import ARTEFACTS, NAME, Grid
from tests.broken_configs import BAD_NAMES, write_files

GOOD = st.from_regex(rf"\A{NAME}\Z") | st.sampled_from(
    ["training", "raster", "indicators", "dose_response", "stable_indicators", "rates", "growth", "recording", "units"]
)
"""Names that follow the rule, some of them those of figures and folders of the workflow itself."""

ANY = GOOD | st.text(alphabet="aA0-_./\\ ~\n\0é", max_size=6) | st.sampled_from(BAD_NAMES)


@st.composite
def named_grids(draw: st.DrawFn) -> dict:
    """Grids of every kind of entry under names that are drawn, half of them with names that follow the rule alone."""
    names = draw(st.sampled_from([GOOD, ANY]))

    def named(*entries: dict) -> dict:
        drawn = draw(st.lists(names, min_size=len(entries), max_size=len(entries), unique=True))
        return dict(zip(drawn, entries))

    compared = named({"kind": "memorizing"}, {"kind": "generalizing"}, {"kind": "corrupted_labels", "fraction": 0.3})
    memorizing, generalizing = [*compared][:2]
    return {
        "datasets": named({"kind": "digits"}, {"kind": "scalar"}),
        "architectures": named({"kind": "mlp"}),
        "regimes": compared,
        "observables": named({"kind": "firing"}, {"kind": "dimension"}, {"kind": "fragility"}),
        "recordings": named({"span": [0, 2], "bin": 0.05, "conditions": named(["session.csv"], ["spikes.npz"])}),
        "indicators": {"memorizing": memorizing, "generalizing": generalizing},
        "seeds": 2,
        "seeds_per_job": 1,
    }


def paths_of(grid: Grid) -> list[str]:
    """Every path that the rules ask the grid for."""
    patterns = [*ARTEFACTS.values()]
    for name in grid.observables():
        patterns += [*grid.observable_tables(name).values(), *grid.observed_files(name).values()]
    runs = [{**cell._asdict(), "seeds": block} for cell in (*grid.cells, *grid.recorded) for block in grid.blocks]
    filled = [pattern.format(**run) for pattern in patterns for run in runs]
    return [*filled, *grid.tables(), *grid.figures(), *grid.feature_files(), *grid.run_files("history.csv")]


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(config=named_grids())
def test_every_path_of_a_grid_that_is_accepted_lies_in_results_and_is_one_on_any_file_system(
    tmp_path, monkeypatch, config
):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    try:
        grid = Grid(*complete_configuration(config))
    except InputError:
        event("refused")
        return
    event("accepted")
    for path in paths_of(grid):
        assert Path(path).parts[0] == "results"
        assert os.path.normpath(path) == path
        assert re.fullmatch(r"[A-Za-z0-9_./-]+", path)
    figures = grid.figures()
    assert len({figure.lower() for figure in figures}) == len(figures)
    assert len({path.lower() for path in grid.feature_files()}) == len(grid.feature_files())


@given(name=st.text(max_size=12) | st.sampled_from(BAD_NAMES) | st.from_regex(rf"\A{NAME}\Z"))
def test_wildcard_takes_no_name_that_leads_elsewhere(name):
    if re.fullmatch(NAME, name):
        assert not set(name) & set("/\\.~ \n\0")
        assert Path(name).parts == (name,)


@pytest.mark.parametrize(
    ("folder", "entries"),
    [
        ("datasets", {"Digits": {"kind": "digits"}}),
        ("architectures", {"MLP": {"kind": "mlp"}}),
        ("regimes", {"Generalizing": {"kind": "generalizing"}}),
        ("observables", {"FIRING": {"kind": "firing"}}),
    ],
)
def test_names_that_differ_in_case_alone_are_refused(folder, entries):
    config = {
        "datasets": {"digits": {"kind": "digits"}},
        "architectures": {"mlp": {"kind": "mlp"}},
        "regimes": {"memorizing": {"kind": "memorizing"}, "generalizing": {"kind": "generalizing"}},
        "observables": {"firing": {"kind": "firing"}},
    }
    complete_configuration(config)
    (name,) = entries
    config[folder] |= entries
    with pytest.raises(InputError, match=rf"config: {folder}: '{name.lower()}' and '{name}' differ in case alone"):
        complete_configuration(config)


def test_conditions_and_recordings_may_not_differ_in_case_from_regimes_and_datasets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    for name, condition in (("DIGITS", "movie"), ("retina", "Memorizing")):
        config = {
            "datasets": {"digits": {"kind": "digits"}},
            "architectures": {"mlp": {"kind": "mlp"}},
            "regimes": {"memorizing": {"kind": "memorizing"}, "generalizing": {"kind": "generalizing"}},
            "recordings": {name: {"conditions": {condition: ["spikes.npz"]}}},
        }
        with pytest.raises(InputError, match="differ in case alone"):
            complete_configuration(config)


def test_names_that_would_give_two_figures_one_path_are_refused():
    config = {
        "datasets": {"Indicators": {"kind": "digits"}},
        "architectures": {"mlp": {"kind": "mlp"}},
        "regimes": {"memorizing": {"kind": "memorizing"}, "generalizing": {"kind": "generalizing"}},
        "observables": {"training": {"kind": "firing"}},
    }
    with pytest.raises(InputError, match=r"two figures would be results/figures/training/indicators\.pdf; rename"):
        Grid(*complete_configuration(config))
