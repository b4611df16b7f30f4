"""Configurations that are broken at random are refused in one line; `make test-faults` tries hundreds of them."""

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from tests.broken_configs import BREAKAGES, TEXTS, VALID, changed_grids, plan, refusal, write_files


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)


@pytest.mark.parametrize("grid", VALID, ids=range(len(VALID)))
def test_grid_that_is_not_broken_is_planned(tmp_path, grid):
    (tmp_path / "whole.yaml").write_text(yaml.safe_dump(grid, sort_keys=False))
    assert plan(tmp_path / "whole.yaml").config["architectures"]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_that_is_no_configuration_is_refused_in_one_line(text):
    assert refusal(text if isinstance(text, bytes) else text.encode())


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(changed=changed_grids(BREAKAGES))
def test_refusal_of_a_broken_grid_names_what_is_wrong(changed):
    content, words = changed
    message = refusal(content)
    assert message is None or any(word in message for word in words)
