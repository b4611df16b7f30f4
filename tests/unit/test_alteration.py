"""Images as a regime alters them: the same in every job, others for every seed, refused where they are no images."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from spikegrid.alteration import altered_images
from spikegrid.checkpoints import Checkpoints, TrainedNetwork, save_checkpoints
from spikegrid.errors import InputError
from spikegrid.extraction import extract_spikes
from spikegrid.images import ImageSet
from spikegrid.networks import as_inputs
from spikegrid.training import train_block

CPU = torch.device("cpu")

ALTERING = {
    "fixed": {"plugin": "shuffled_pixels", "parameters": {"permutation": "fixed"}},
    "per_image": {"plugin": "shuffled_pixels", "parameters": {"permutation": "per_image"}},
    "gaussian": {"plugin": "gaussian_inputs", "parameters": {}},
}


def bytes_of(network: TrainedNetwork) -> list[bytes]:
    states = [tensor.numpy().tobytes() for state in network.states.values() for tensor in state.values()]
    return [*states, network.labels.tobytes(), str(network.history).encode()]


@pytest.fixture(params=ALTERING)
def altering(request) -> dict:
    return ALTERING[request.param]


@pytest.fixture
def images(make_images) -> ImageSet:
    return make_images(shape=(2, 4, 4))


@pytest.fixture
def own(tmp_path) -> Callable[[str], dict]:
    """Writes a regime of a user's own whose alter() returns an expression."""

    def write(returned: str) -> dict:
        (tmp_path / "own.py").write_text(
            "import numpy as np\n"
            "PARAMETERS = {}\n"
            "def prepare(training_set, classes, generator):\n"
            "    return training_set\n"
            "def alter(images, generator):\n"
            f"    return {returned}\n"
        )
        return {"plugin": str(tmp_path / "own.py"), "parameters": {}}

    return write


def test_a_regime_that_alters_nothing_shows_the_images_of_the_set(images, run, generalizing):
    assert altered_images(images, generalizing, run, 0) is images.images


def test_images_depend_on_run_and_seed_alone(images, run, altering):
    first = altered_images(images, altering, run, 3)
    np.testing.assert_array_equal(altered_images(images, altering, run | {"seeds": [3, 4]}, 3), first)
    for other in (run | {"dataset": "x"}, run | {"architecture": "x"}, run | {"regime": "x"}):
        assert (altered_images(images, altering, other, 3) != first).any()
    assert (altered_images(images, altering, run, 4) != first).any()


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        ("images.images[1:]", r"an array of shape \[39, 2, 4, 4\], uint8"),
        ("images.images / 255", r"an array of shape \[40, 2, 4, 4\], float64"),
        ("images", "a ImageSet"),
        ("None", "a NoneType"),
    ],
)
def test_what_is_no_set_of_images_is_refused_with_the_file(images, run, own, returned, found):
    expected = rf"own\.py: alter\(\) returned {found}; expected an array of shape \[40, 2, 4, 4\], uint8 or float32$"
    with pytest.raises(InputError, match=expected):
        altered_images(images, own(returned), run, 0)


def test_altered_images_in_the_unit_of_bytes_become_the_same_inputs_and_stay_as_they_were(images):
    floats = images.images.astype(np.float32)
    torch.testing.assert_close(as_inputs(floats, images, CPU), as_inputs(images.images, images, CPU), rtol=0, atol=0)
    np.testing.assert_array_equal(floats, images.images)


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_networks_train_and_are_tested_on_altered_images_in_any_block(images, run, training, altering, request, kind):
    architecture = request.getfixturevalue(kind)
    block = train_block(run | {"seeds": [0, 1, 2]}, images, architecture, altering, training, CPU)
    assert len({str(bytes_of(network)) for network in block}) == 3
    for network in block:
        (alone,) = train_block(run | {"seeds": [network.seed]}, images, architecture, altering, training, CPU)
        assert bytes_of(alone) == bytes_of(network)
        # The same as a dataset that holds these images from the start, normalized as the true ones are.
        world = replace(images, images=altered_images(images, altering, run, network.seed))
        world.__dict__["_channel_statistics"] = images.channel_statistics()
        plain = {"plugin": "generalizing", "parameters": {}}
        (expected,) = train_block(run | {"seeds": [network.seed]}, world, architecture, plain, training, CPU)
        assert bytes_of(network) == bytes_of(expected)


@pytest.mark.parametrize("part", ["test", "train"])
def test_networks_are_presented_images_altered_as_for_their_seed(
    images, run, training, presented, altering, mlp, tmp_path, part
):
    run, settings = run | {"seeds": [0, 1]}, presented | {"images": part, "samples": 12}
    networks = train_block(run, images, mlp, altering, training, CPU)
    save_checkpoints(tmp_path / "checkpoints.safetensors", run, mlp, altering, networks)
    checkpoints = Checkpoints(tmp_path / "checkpoints.safetensors")
    extract_spikes(checkpoints, images, settings, CPU, tmp_path / "spikes.npz")
    with np.load(tmp_path / "spikes.npz") as file:
        index, spikes = file["index"], file["hidden1.relu"]
        assert file["labels"].tolist() == images.labels[index].tolist()
    for place, network in enumerate(networks):
        shown = as_inputs(altered_images(images, altering, run, network.seed)[index], images, CPU).flatten(1)
        state = network.states[1]
        sums = shown @ state["hidden1.linear.weight"].T + state["hidden1.linear.bias"]
        own = np.unpackbits(spikes[place, 1], axis=-1, count=7, bitorder="little")
        clear = sums.abs().numpy() > 1e-5
        assert clear.mean() > 0.95
        np.testing.assert_array_equal(own[clear], (sums.numpy() > 0)[clear])


def test_a_fixed_permutation_is_learned_and_holds_for_test_images(make_images, run, training):
    wide = {"plugin": "mlp", "parameters": {"hidden": [32]}}
    settings = training | {"epochs": 20, "checkpoints": [20], "learning_rate": 0.02}
    (network,) = train_block(run, make_images(train=60, test=30), wide, ALTERING["fixed"], settings, CPU)
    assert network.history[-1]["test_accuracy"] == 1


def test_noise_in_place_of_images_is_learned_by_heart_and_tells_nothing_of_others(make_images, run, training):
    images = make_images(train=60, test=600)
    wide = {"plugin": "mlp", "parameters": {"hidden": [64]}}
    settings = training | {"epochs": 60, "checkpoints": [60]}
    (network,) = train_block(run, images, wide, ALTERING["gaussian"], settings, CPU)
    assert network.history[-1]["train_accuracy"] == 1
    assert network.history[-1]["test_accuracy"] == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 600))
    assert network.labels.tolist() == images.training_set().labels.tolist()
