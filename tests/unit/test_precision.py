"""Precision of training: bfloat16 against plain torch, and a GPU against the CPU."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from spikegrid import spikes
from spikegrid.checkpoints import Checkpoints, TrainedNetwork, save_checkpoints
from spikegrid.device import prepare_device
from spikegrid.errors import InputError
from spikegrid.extraction import extract_spikes
from spikegrid.images import TRAIN
from spikegrid.networks import as_inputs, network_builder
from spikegrid.training import train_block

CPU = torch.device("cpu")
ONE_STEP = {"epochs": 1, "batch_size": 1000, "momentum": 0, "learning_rate": 0.3}


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_step_in_bfloat16_is_that_of_torch_autocast(run, make_images, generalizing, training, request, kind):
    images, architecture = make_images(), request.getfixturevalue(kind)
    settings = training | ONE_STEP | {"precision": "bfloat16"}
    (network,) = train_block(run, images, architecture, generalizing, settings, CPU)
    model = network_builder(architecture, images)()
    model.load_state_dict(network.states[0])
    pixels, labels = images.part(TRAIN)
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(as_inputs(pixels, images, CPU))
    cross_entropy(logits.float(), torch.from_numpy(labels).long()).backward()
    for name, parameter in model.named_parameters():
        expected = parameter.detach() - 0.3 * parameter.grad
        torch.testing.assert_close(network.states[1][name], expected, rtol=0.02, atol=2e-3)


def test_bfloat16_is_another_training_and_keeps_weights_of_float32(run, make_images, mlp, generalizing, training):
    states = {}
    for precision in ("float32", "tf32", "bfloat16"):
        settings = training | {"precision": precision}
        (network,) = train_block(run, make_images(), mlp, generalizing, settings, CPU)
        states[precision] = network.states[training["checkpoints"][-1]]
        assert all(value.dtype == torch.float32 for value in states[precision].values())
    assert all(torch.equal(states["tf32"][name], value) for name, value in states["float32"].items())
    assert any(not torch.equal(states["bfloat16"][name], value) for name, value in states["float32"].items())


def test_batch_too_small_for_the_network_is_one_line(run, make_images, generalizing, training):
    architecture = {"plugin": "vgg", "parameters": {"depth": 11, "batch_norm": True, "width": 1, "hidden": [2, 2]}}
    architecture["parameters"]["dropout"] = 0
    settings = training | {"batch_size": 23}  # of 24 images
    with pytest.raises(InputError, match=r"^a batch of 1: .*; choose another training.batch_size$") as error:
        train_block(run, make_images(shape=(1, 8, 8)), architecture, generalizing, settings, CPU)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU is here to compare with the CPU")
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_gpu_draws_what_the_cpu_draws_and_rates_agree(run, make_images, presented, training, request, tmp_path, kind):
    images, architecture = make_images(train=96, test=600), request.getfixturevalue(kind)
    regime = {"plugin": "memorizing", "parameters": {"fraction": 1.0, "labels": "uniform"}}
    trained: dict[str, TrainedNetwork] = {}
    rates, order = {}, {}
    for name, gpu in (("cpu", 0), ("gpu", 1)):
        device = prepare_device(gpu, 1)
        assert device.type == ("cuda" if gpu else "cpu")
        (trained[name],) = train_block(run, images, architecture, regime, training, device)
        save_checkpoints(tmp_path / f"{name}.safetensors", run, architecture, regime, [trained[name]])
        path, checkpoints = tmp_path / f"{name}.npz", Checkpoints(tmp_path / f"{name}.safetensors")
        extract_spikes(checkpoints, images, presented, device, path)
        with spikes.load(path) as file:
            order[name] = file.index
            rates[name] = np.concatenate(
                [trains.rates() for layer in file.layers for _, _, trains in file.trains(layer.name)]
            )
    assert trained["cpu"].labels.tobytes() == trained["gpu"].labels.tobytes()
    assert order["cpu"].tobytes() == order["gpu"].tobytes()
    for name, value in trained["cpu"].states[0].items():
        assert torch.equal(value, trained["gpu"].states[0][name].cpu())
    np.testing.assert_allclose(rates["gpu"], rates["cpu"], atol=1e-3)
