"""The plug-ins of the library, and finding those of a user."""

import inspect
from pathlib import Path

import jsonschema
import pytest

from spikegrid.errors import InputError
from spikegrid.grid import ARTEFACTS
from spikegrid.plugins import FUNCTIONS, find_plugins, load_plugin, plugin_path, read_plugin

PLUGINS = [(folder, name) for folder in FUNCTIONS for name in find_plugins(folder)]
GIVEN = {
    "datasets": ["data_root"],
    "architectures": ["shape", "classes"],
    "regimes": ["training_set", "classes", "generator"],
    "observables": ["artefacts"],
}
"""Arguments that the workflow gives to every plug-in of a kind, before its own parameters."""

TRAINING_KEYS = {
    *("epochs", "checkpoints", "batch_size", "optimizer", "learning_rate", "momentum", "weight_decay", "schedule"),
    *("precision", "crop_padding", "horizontal_flip", "early_stopping", "target_accuracy"),
}


def test_each_kind_has_the_plugins_that_the_design_names():
    names = {folder: set(find_plugins(folder)) for folder in FUNCTIONS}
    assert names["datasets"] >= {"digits", "mnist", "fashion_mnist", "kmnist", "cifar10", "cifar100", "svhn"}
    assert names["datasets"] >= {"image_folder", "arrays", "synthetic"}
    assert names["architectures"] >= {"mlp", "cnn", "vgg", "resnet", "torchvision", "vit", "python"}
    assert names["regimes"] >= {"untrained", "generalizing", "memorizing"}
    assert names["observables"] >= {"firing"}


@pytest.mark.parametrize(("folder", "name"), PLUGINS)
class TestPluginOfTheLibrary:
    def test_takes_what_its_kind_is_given_and_then_its_parameters(self, folder, name):
        expected = GIVEN[folder] + list(find_plugins(folder)[name].parameters)
        assert list(inspect.signature(load_plugin(folder, name)).parameters) == expected

    def test_has_a_valid_schema_with_type_and_description_for_each_parameter(self, folder, name):
        for parameter, rule in find_plugins(folder)[name].parameters.items():
            jsonschema.Draft202012Validator.check_schema(rule)
            assert {"type", "enum", "anyOf"} & set(rule), parameter
            assert rule["description"].endswith("."), parameter

    def test_has_defaults_that_its_own_schema_takes(self, folder, name):
        for rule in find_plugins(folder)[name].parameters.values():
            if "default" in rule:
                jsonschema.validate(rule["default"], rule)

    def test_has_a_one_line_summary_and_a_documented_function(self, folder, name):
        assert find_plugins(folder)[name].summary.endswith(".")
        assert load_plugin(folder, name).__doc__


@pytest.mark.parametrize("name", find_plugins("observables"))
def test_observables_read_artefacts_that_the_workflow_makes(name):
    reads = find_plugins("observables")[name].constants["READS"]
    assert reads
    assert set(reads) <= set(ARTEFACTS)


@pytest.mark.parametrize("name", find_plugins("regimes"))
def test_regimes_fix_only_settings_that_exist(name):
    assert set(find_plugins("regimes")[name].constants.get("TRAINING", {})) <= TRAINING_KEYS


# --- a user's own ---

GOOD = '''"""My network."""

PARAMETERS = {"width": {"type": "integer", "default": 4, "description": "Width."}}

def build(shape, classes, width):
    return width
'''


@pytest.fixture
def mine(tmp_path):
    """Writes an architecture plug-in of the user's and returns their folder."""

    def write(content: str, name: str = "mine", folder: str = "architectures") -> str:
        (tmp_path / "plugins" / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "plugins" / folder / f"{name}.py").write_text(content)
        return str(tmp_path / "plugins")

    return write


def test_a_file_in_a_folder_of_the_user_is_a_plugin(mine):
    folder = mine(GOOD)
    plugin = find_plugins("architectures", (folder,))["mine"]
    assert plugin.path == Path(folder, "architectures", "mine.py")
    assert plugin.summary == "My network."
    assert list(plugin.parameters) == ["width"]
    assert load_plugin("architectures", plugin.source)((1, 2, 2), 3, 7) == 7


def test_plugins_of_the_user_stand_beside_those_of_the_library(mine):
    names = set(find_plugins("architectures", (mine(GOOD),)))
    assert names == {*find_plugins("architectures"), "mine"}


def test_folder_of_the_user_need_not_hold_every_kind(mine):
    assert set(find_plugins("regimes", (mine(GOOD),))) == set(find_plugins("regimes"))


def test_files_that_begin_with_an_underscore_are_no_plugins(mine):
    assert "_shared" not in find_plugins("architectures", (mine("", name="_shared"),))


def test_declaring_is_read_without_running_the_file(mine, tmp_path):
    content = f"import nowhere_to_be_found\nopen({str(tmp_path / 'ran')!r}, 'w')\n" + GOOD
    assert find_plugins("architectures", (mine(content),))["mine"].parameters["width"]["default"] == 4
    assert not (tmp_path / "ran").exists()


def test_constants_that_are_no_literals_are_passed_over(mine):
    folder = mine("NOW = print()\nSUM = 1 + x\nODD = {[]: 1}\nlower = 1\n" + GOOD)
    assert set(find_plugins("architectures", (folder,))["mine"].constants) == {"PARAMETERS"}


def refusal(folder: str, kind: str = "architectures") -> str:
    with pytest.raises(InputError) as caught:
        find_plugins(kind, (folder,))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_folder_that_is_missing_is_refused_by_name():
    assert "plugins: there is no folder 'nowhere'" in refusal("nowhere")


def test_name_of_a_plugin_of_the_library_is_refused(mine):
    assert "mlp.py: the architectures already have a plug-in named 'mlp'; rename" in refusal(mine(GOOD, name="mlp"))


def test_name_taken_in_another_folder_of_the_user_is_refused(mine, tmp_path):
    first = mine(GOOD)
    second = tmp_path / "second"
    (second / "architectures").mkdir(parents=True)
    (second / "architectures" / "mine.py").write_text(GOOD)
    with pytest.raises(InputError, match="already have a plug-in named 'mine'"):
        find_plugins("architectures", (first, str(second)))


def test_syntax_error_is_refused_with_its_line(mine):
    assert "mine.py, line 8: " in refusal(mine(GOOD + "\ndef broken(:\n"))


@pytest.mark.parametrize(
    "content",
    [
        GOOD.replace("PARAMETERS", "parameters"),
        GOOD.replace('{"width"', 'dict() or {"width"'),
        "",
    ],
    ids=["absent", "no literal", "empty file"],
)
def test_file_without_literal_parameters_is_refused(mine, content):
    assert "mine.py: expected a literal PARAMETERS = {name: JSON schema}" in refusal(mine(content))


def test_file_without_its_function_is_refused(mine):
    assert "mine.py: expected a function build()" in refusal(mine(GOOD.replace("def build", "def make")))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x = 1\x00"])
def test_file_that_is_no_text_is_refused(mine, content):
    folder = mine("")
    Path(folder, "architectures", "mine.py").write_bytes(content)
    assert "mine.py" in refusal(folder)


def test_path_of_a_plugin_is_found_from_its_source(mine):
    assert plugin_path("architectures", "mlp").name == "mlp.py"
    assert read_plugin("architectures", "mlp").source == "mlp"
    assert plugin_path("architectures", "/home/me/architectures/net.py") == Path("/home/me/architectures/net.py")


def test_plugin_may_import_a_file_beside_it(tmp_path):
    (tmp_path / "widths_of_mine.py").write_text("WIDTH = 7\n")
    path = tmp_path / "own.py"
    path.write_text("from widths_of_mine import WIDTH\nPARAMETERS = {}\ndef build(shape, classes):\n    return WIDTH\n")
    assert load_plugin("architectures", str(path))((1, 8, 8), 10) == 7
