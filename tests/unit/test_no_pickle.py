"""No pickle is loaded: nothing that any step imports can, and a malicious one does nothing under any name."""

import ast
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from spikegrid import code, images, spikes
from spikegrid.checkpoints import Checkpoints
from spikegrid.configuration import read_yaml
from spikegrid.datasets import arrays, cifar10, image_folder, mnist, svhn
from spikegrid.errors import InputError
from spikegrid.recordings import import_session, read_session
from spikegrid.state_dicts import read_labels, read_state_dict
from spikegrid.tables import join_features, join_histories
from spikegrid.unfinished import Unfinished

# --- what the library can call ---

SCRIPTS = Path(code.__file__).parent.parent
FILES = sorted(set().union(*map(code.reachable_files, SCRIPTS.rglob("*.py"))))

PICKLING = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "copyreg"}
FORBIDDEN_NAMES = {"CIFAR10", "CIFAR100", "fetch_openml", "read_pickle", "to_pickle", "unsafe_load", "full_load"}
FORBIDDEN_NAMES |= {"UnsafeLoader", "FullLoader", "Unpickler", "torch.jit.load", "torch.hub.load"}
SAFE = {
    "np.load": ("allow_pickle", "False"),
    "torch.load": ("weights_only", "True"),
    "yaml.load": (None, "_StrictLoader"),
}
"""The argument that makes a reader safe: its keyword, or None for the second one, and its value."""


def unsafe(tree: ast.AST) -> Iterator[str]:
    """Whatever in a syntax tree could load a pickle."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name.split(".")[0] in PICKLING)
            case ast.ImportFrom(module="pickle", names=[ast.alias(name="UnpicklingError")]):
                pass  # what others raise is caught by this name
            case ast.ImportFrom(module=module, names=names):
                yield from [module] if (module or "").split(".")[0] in PICKLING else []
                yield from (f"{module}.{alias.name}" for alias in names if alias.name in {*FORBIDDEN_NAMES, "load"})
            case ast.Name(id="eval" | "exec" as name):
                yield name
            case ast.Name() | ast.Attribute():
                written = ast.unparse(node)
                yield from [written] if {written, written.split(".")[-1]} & FORBIDDEN_NAMES else []
            case ast.keyword(arg="allow_pickle", value=value) if ast.unparse(value) != "False":
                yield f"allow_pickle={ast.unparse(value)}"
            case ast.Call(func=func) if ast.unparse(func) in SAFE:
                keyword, expected = SAFE[ast.unparse(func)]
                given = {argument.arg: argument.value for argument in node.keywords}
                given[None] = node.args[1] if len(node.args) > 1 else None
                if given.get(keyword) is None or ast.unparse(given[keyword]) != expected:
                    yield ast.unparse(node)


def test_every_script_plugin_and_library_file_is_looked_at():
    names = {file.relative_to(SCRIPTS).as_posix() for file in FILES}
    assert {"train.py", "spikegrid/state_dicts.py", "spikegrid/datasets/cifar10.py", "spikegrid/tables.py"} <= names


def test_no_file_of_the_library_can_load_a_pickle():
    found = {str(file): [*unsafe(ast.parse(file.read_text()))] for file in FILES}
    assert {file: names for file, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        *(
            "import pickle",
            "import pickle as safe",
            "from pickle import loads",
            "from pickle import UnpicklingError, load",
        ),
        *("import joblib", "from joblib import load", "import dill", "import marshal", "from shelve import open"),
        *(
            "np.load(path)",
            "np.load(path, allow_pickle=True)",
            "np.load(path, allow_pickle=given)",
            "from numpy import load",
        ),
        *("torch.load(path)", "torch.load(path, weights_only=False)", "from torch import load", "torch.jit.load(path)"),
        *("np.lib.format.read_array(file, allow_pickle=True)", "pd.read_pickle(path)", "eval(text)", "exec(text)"),
        *("yaml.load(text)", "yaml.load(text, yaml.Loader)", "yaml.unsafe_load(text)", "yaml.full_load(text)"),
        *("from torchvision.datasets import CIFAR10", "torchvision.datasets.CIFAR100(root)", "table.to_pickle(path)"),
    ],
)
def test_what_could_load_a_pickle_is_found(source):
    assert [*unsafe(ast.parse(source))]


# --- malicious files ---


class Trap:
    """An object whose unpickling makes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def trap(tmp_path) -> Path:
    """The file that a pickle makes which is loaded."""
    return tmp_path / "SPRUNG"


ARRAYS = ["meta", "seeds", "epochs", "index", "labels", "images", "split", "train_images", "train_labels"]


def as_pickle(path: Path, trap: Path) -> None:
    path.write_bytes(pickle.dumps({"data": Trap(trap), "labels": [Trap(trap)]}))


def as_old_pickle(path: Path, trap: Path) -> None:
    path.write_bytes(pickle.dumps([Trap(trap)], protocol=0))


def as_array(path: Path, trap: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.array([Trap(trap)]), allow_pickle=True)


def as_arrays(path: Path, trap: Path) -> None:
    with path.open("wb") as stream:
        np.savez(stream, **{name: np.array([Trap(trap)]) for name in ARRAYS})


def as_zip_of_torch(path: Path, trap: Path) -> None:
    with path.open("wb") as stream:
        torch.save({"state_dict": {"weight": Trap(trap)}}, stream)


def as_stream_of_torch(path: Path, trap: Path) -> None:
    with path.open("wb") as stream:
        torch.save({"weight": Trap(trap)}, stream, _use_new_zipfile_serialization=False)


def as_extension_of_arrow(path: Path, trap: Path) -> None:
    kind = {"ARROW:extension:name": "arrow.py_extension_type", "ARROW:extension:metadata": pickle.dumps(Trap(trap))}
    names = ["unit", "trial", "time"]
    schema = pa.schema([pa.field(name, pa.int64(), metadata=kind) for name in names])
    parquet.write_table(pa.table({name: [1] for name in names}, schema=schema), path)


def as_yaml(path: Path, trap: Path) -> None:
    path.write_text(f"seeds: !!python/object/apply:os.mkdir [{trap}]\n")


FORMS = [
    as_pickle,
    as_old_pickle,
    as_array,
    as_arrays,
    as_zip_of_torch,
    as_stream_of_torch,
    as_extension_of_arrow,
    as_yaml,
]


def image(path: Path) -> None:
    (path.parents[1] / "b").mkdir(exist_ok=True)
    (path.parents[1] / "b" / "1.png").write_bytes(path.read_bytes())
    image_folder.load("", path=str(path.parents[1]), size=8, colour=True)


def session(path: Path) -> None:
    import_session(path, path.with_name("made.npz"), {"seeds": [0]}, [0, 1], 0.1)


def labels(path: Path) -> None:
    shown = images.TrainingSet(np.zeros((1, 1, 2, 2), np.uint8), np.zeros(1, np.int16), np.zeros(1, int))
    read_labels(path, shown, 2)


def cifar(path: Path) -> None:
    for name in cifar10.VERSION.train | cifar10.VERSION.test:
        (path.parent / name).write_bytes(path.read_bytes())
    cifar10.load(str(path.parents[1]))


def mnist_file(path: Path) -> None:
    for name, _ in mnist.MNIST.resources:
        (path.parent / name.removesuffix(".gz")).write_bytes(path.read_bytes())
    (path.parents[1] / "processed").mkdir(exist_ok=True)
    for name in ("training.pt", "test.pt"):  # torchvision would read these in the place of the raw files
        (path.parents[1] / "processed" / name).write_bytes(path.read_bytes())
    mnist.load(str(path.parents[2]))


def svhn_file(path: Path) -> None:
    for name in ("train_32x32.mat", "test_32x32.mat"):
        (path.parent / name).write_bytes(path.read_bytes())
    svhn.load(str(path.parents[1]))


LOADERS = [
    *[("configuration/grid.yaml", read_yaml), ("spikes/spikes.npz", spikes.load), ("set/set.safetensors", images.load)],
    *[(f"net/net{suffix}", read_state_dict) for suffix in (".pt", ".pth", ".bin", ".tar", ".safetensors")],
    *[("net/checkpoints.safetensors", Checkpoints), ("net/labels.npy", labels), ("net/labels.txt", labels)],
    *[("session/session.csv", read_session), ("session/session.parquet", read_session), ("session/x.npz", session)],
    *[(f"mine/mine{suffix}", lambda path: arrays.load("", str(path), [])) for suffix in (".npz", ".safetensors")],
    *[("photos/a/1.png", image), ("photos/a/1.tiff", image), ("cifar-10-batches-bin/data_batch_1.bin", cifar)],
    *[("MNIST/raw/train-images-idx3-ubyte", mnist_file), ("SVHN/train_32x32.mat", svhn_file)],
    *[
        ("tables/features.parquet", lambda path: join_features([path], None)),
        ("runs/history.csv", lambda path: join_histories([path])),
    ],
]
"""A name for a file, and what reads it."""


@pytest.mark.parametrize(("name", "load"), LOADERS, ids=[name for name, _ in LOADERS])
def test_malicious_pickle_is_refused_in_one_line_and_never_run(tmp_path, trap, name, load):
    for form in FORMS:
        path = tmp_path / form.__name__ / name
        path.parent.mkdir(parents=True)
        form(path, trap)
        if (form, path.suffix) == (as_extension_of_arrow, ".parquet"):
            continue
        with pytest.raises(InputError) as caught:
            load(path)
        assert str(path.parent) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not trap.exists(), form.__name__


@pytest.mark.filterwarnings("ignore")
def test_type_of_arrow_that_hides_a_pickle_is_read_as_what_it_stores(tmp_path, trap):
    as_extension_of_arrow(tmp_path / "session.parquet", trap)
    assert read_session(tmp_path / "session.parquet").units == ["1"]
    assert not trap.exists()


def test_malicious_unfinished_training_is_taken_to_be_missing(tmp_path, trap):
    for form in FORMS:
        form(tmp_path / "seed0.safetensors", trap)
        assert Unfinished(tmp_path, "key", 1).load("seed0") is None
        assert not trap.exists()


@pytest.mark.parametrize(
    ("form", "load"),
    [
        (as_pickle, lambda path: pickle.loads(path.read_bytes())),
        (as_old_pickle, lambda path: pickle.loads(path.read_bytes())),
        (as_array, lambda path: np.load(path, allow_pickle=True)),
        (as_arrays, lambda path: np.load(path, allow_pickle=True)["images"]),
        (as_zip_of_torch, lambda path: torch.load(path, weights_only=False)),
        (as_stream_of_torch, lambda path: torch.load(path, weights_only=False)),
    ],
)
def test_traps_spring_where_pickles_are_loaded(tmp_path, trap, form, load):
    form(tmp_path / "file", trap)
    load(tmp_path / "file")
    assert trap.exists()
