"""Hundreds of configurations, broken over every key of the schema and of the plug-ins, in process and by snakemake."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.broken_configs import BREAKAGES, REPOSITORY, TEXTS, changed_grids, refusal, write_files
from tests.workflow.snakemake_runs import copy_code, snakemake

REFUSED = 500
EXAMPLES_OF_EACH = 60
RUN_OF_EACH = 2


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)


def broken(breakage, count: int) -> dict[bytes, str]:
    """Grids with changes of one kind that were refused, and what was said of each."""
    found = {}

    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(changed=changed_grids([breakage]))
    def draw(changed):
        content, words = changed
        message = refusal(content)
        if message is not None:
            assert any(word in message for word in words), message
            found[content] = message

    draw()
    return found


def test_hundreds_of_broken_grids_of_every_kind_are_refused_in_one_line_that_names_what_is_wrong(
    record_property,
):
    found = {breakage.__name__: broken(breakage, EXAMPLES_OF_EACH) for breakage in BREAKAGES}
    assert min(map(len, found.values())) >= 10, {name: len(refused) for name, refused in found.items()}
    refused = sum(map(len, found.values()))
    for name, value in {"fault": "broken configuration", "tried": refused, "survived": refused, "lost": 0}.items():
        record_property(name, value)
    assert refused >= REFUSED


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    return copy_code(REPOSITORY, tmp_path_factory.mktemp("broken") / "code")


def assert_nothing_starts(folder, code, content, config=None):
    (folder / "config.yaml").write_bytes(content)
    refused = snakemake(folder, code=code, config=config)
    assert refused.code != 0
    assert "Traceback" not in refused.text
    assert not refused.jobs
    assert not (folder / "results").exists()
    assert not (folder / "EVIL").exists()
    return refused


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.__name__)
def test_snakemake_says_of_a_broken_grid_what_the_library_says_and_starts_nothing(tmp_path, code, breakage):
    refused = [*broken(breakage, 3 * RUN_OF_EACH).items()]
    for content, message in refused[-RUN_OF_EACH:]:
        assert message in assert_nothing_starts(tmp_path, code, content, config=tmp_path / "config.yaml").text


@pytest.mark.parametrize("text", [*TEXTS.values()][::3], ids=[*TEXTS][::3])
def test_snakemake_refuses_a_text_that_is_no_configuration_and_starts_nothing(tmp_path, code, text):
    assert_nothing_starts(tmp_path, code, text if isinstance(text, bytes) else text.encode())
