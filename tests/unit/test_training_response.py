"""Training response and tangent kernel against explicit Jacobians of torch.autograd, and against closed forms."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from spikegrid import training_response as module
from spikegrid.plugins import find_plugins, load_plugin
from spikegrid.response_factors import response_factors
from spikegrid.training_response import orthonormal_directions, training_response

pytestmark = pytest.mark.filterwarnings("error")

CLASSES = 3
IMAGES = 5
LABELS = np.array([0, 1, 2, 1, 0])


def smooth_network() -> nn.Module:
    """A convolutional network without a kink, with batch normalization whose buffers are not those of the start."""
    torch.manual_seed(4)
    convolution = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.GELU(), nn.Flatten()
    network = nn.Sequential(*convolution, nn.Linear(8, 6), nn.SiLU(), nn.Linear(6, CLASSES)).double()
    network.train()(torch.randn(20, 1, 4, 4, dtype=torch.float64))
    return network.eval()


def images(count: int = IMAGES, shape: tuple[int, ...] = (1, 4, 4)) -> torch.Tensor:
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(1))


def measured(network: nn.Module, step: float = 1e-3, directions: int = 2, inputs=None, labels=LABELS):
    inputs = images() if inputs is None else inputs
    return training_response(network, inputs, labels, orthonormal_directions(CLASSES, directions, 0), step)


def jacobians(network: nn.Module, inputs: torch.Tensor) -> np.ndarray:
    """J(x) [n, C, P], a row of torch.autograd for each image and output."""
    rows = []
    for image in inputs.double():
        outputs = network(image[None])[0]
        gradients = [torch.autograd.grad(output, list(network.parameters()), retain_graph=True) for output in outputs]
        rows.append([torch.cat([part.ravel() for part in parts]).numpy() for parts in gradients])
    return np.array(rows)


def errors(network: nn.Module, inputs: torch.Tensor, labels: np.ndarray) -> np.ndarray:
    logits = network(inputs.double()).detach().requires_grad_()
    cross_entropy(logits, torch.as_tensor(labels), reduction="sum").backward()
    return logits.grad.numpy()


def test_kernel_and_first_order_response_are_those_of_explicit_jacobians():
    network, directions = smooth_network(), orthonormal_directions(CLASSES, 2, 0)
    found, jacobian, error = measured(network), jacobians(network, images()), errors(network, images(), LABELS)
    kernel = np.einsum("xcp,ydp->xycd", jacobian, jacobian)
    np.testing.assert_allclose(found.errors, error, rtol=1e-12)
    np.testing.assert_allclose(found.first_order, -np.einsum("xycd,xc->xyd", kernel, error), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(
        found.kernel, np.einsum("xycd,vc,vd->xy", kernel, directions, directions) / 2, rtol=1e-9, atol=1e-12
    )


def test_response_is_that_of_a_step_of_sgd_on_a_copy_of_the_network():
    network, step = smooth_network(), 0.05
    found, before = measured(network, step), network(images().double()).detach()
    for source in range(IMAGES):
        stepped = copy.deepcopy(network)
        optimizer = torch.optim.SGD(stepped.parameters(), lr=step)
        label = torch.as_tensor(LABELS[source : source + 1])
        cross_entropy(stepped(images()[source : source + 1].double()), label).backward()
        optimizer.step()
        change = (stepped(images().double()).detach() - before) / step
        np.testing.assert_allclose(found.response[source], change.numpy(), rtol=1e-9, atol=1e-11)


def test_response_tends_to_the_first_order_one_and_half_the_step_halves_the_deviation():
    deviations = [
        np.abs(found.response - found.first_order).max()
        for found in (measured(smooth_network(), step) for step in (1e-3, 5e-4, 2.5e-4))
    ]
    np.testing.assert_allclose(np.divide(deviations[:-1], deviations[1:]), 2, rtol=0.01)
    assert deviations[-1] < 1e-3 * np.abs(measured(smooth_network()).first_order).max()


def test_linear_softmax_model_has_the_response_of_its_closed_form():
    network, inputs = nn.Sequential(nn.Flatten(), nn.Linear(16, CLASSES)), images()
    found = measured(network.eval(), 0.5)
    flat = inputs.flatten(1).double().numpy()
    kernel = 1 + flat @ flat.T
    np.testing.assert_allclose(found.kernel, kernel, rtol=1e-12)
    logits = network.double()(inputs.double()).detach().numpy()
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    error = probabilities - np.eye(CLASSES)[LABELS]
    expected = -kernel[..., None] * error[:, None]
    np.testing.assert_allclose(found.first_order, expected, rtol=1e-12)
    np.testing.assert_allclose(found.response, expected, rtol=1e-10, err_msg="linear in its weights: any step will do")


def test_kernel_over_all_directions_is_the_trace_over_classes():
    network = smooth_network()
    kernel = np.einsum("xcp,ycp->xy", *[jacobians(network, images())] * 2) / CLASSES
    np.testing.assert_allclose(measured(network, directions=CLASSES + 4).kernel, kernel, rtol=1e-9)


def test_directions_are_orthonormal_and_isotropic():
    drawn = np.stack([orthonormal_directions(4, 2, seed) for seed in range(2000)])
    np.testing.assert_allclose(drawn @ drawn.mT, np.broadcast_to(np.eye(2), (2000, 2, 2)), atol=1e-12)
    for place in range(2):
        second_moment = np.einsum("sc,sd->cd", drawn[:, place], drawn[:, place]) / 2000
        np.testing.assert_allclose(second_moment, np.eye(4) / 4, atol=0.03)
    assert orthonormal_directions(3, 5, 0).shape == (3, 3)


def test_error_of_a_saturated_network_is_not_rounded_away():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, CLASSES)).eval()
    with torch.no_grad():
        network[1].weight.zero_()
        network[1].bias.copy_(torch.tensor([60.0, 0.0, -10.0]))
    found = measured(network, inputs=images(2, (1, 2, 2)), labels=np.array([0, 0]))
    expected = np.array([-(np.exp(-60) + np.exp(-70)), np.exp(-60), np.exp(-70)])
    np.testing.assert_allclose(found.errors, [expected, expected], rtol=1e-12)
    factors = response_factors(found.probabilities, found.errors, found.kernel_on_error)
    np.testing.assert_allclose(factors["error"][0], np.linalg.norm(expected), rtol=1e-12)
    change = np.exp(-60) * (found.kernel_on_error[0, 1, 1] - found.kernel_on_error[0, 1, 0])
    change = np.array([-change, change])  # between the two likely classes; the third adds a share of exp(-10)
    slope = np.linalg.norm(change) / factors["kernel"][0, 1]
    np.testing.assert_allclose(factors["slope"][0, 1], slope, rtol=1e-3)


def test_parameters_that_are_not_trained_do_not_move():
    network = smooth_network()
    network[0].requires_grad_(False)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    found, projection = measured(network, directions=1), orthonormal_directions(CLASSES, 1, 0)[0]
    gradients = []
    for image in images().double():
        parts = torch.autograd.grad((network(image[None])[0] * torch.as_tensor(projection)).sum(), trained)
        gradients.append(torch.cat([part.ravel() for part in parts]).numpy())
    np.testing.assert_allclose(found.kernel, np.array(gradients) @ np.array(gradients).T, rtol=1e-9)


def test_chunks_of_sources_change_nothing_but_memory(monkeypatch):
    whole = measured(smooth_network())
    monkeypatch.setattr(module, "NUMBERS_AT_A_TIME", 1)
    for name, array in vars(measured(smooth_network())).items():
        np.testing.assert_allclose(array, getattr(whole, name), rtol=1e-10, atol=1e-13)


def test_network_stays_as_it_is():
    network = smooth_network().float()
    before = copy.deepcopy(network.state_dict())
    measured(network)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.backends.mha.get_fastpath_enabled()


ARCHITECTURES = {
    "mlp": ({"hidden": [9, 7], "activation": "leaky_relu"}, (1, 8, 8)),
    "cnn": ({"channels": [3, 4], "hidden": [5], "batch_norm": True}, (1, 8, 8)),
    "lenet": ({}, (1, 28, 28)),
    "vgg": ({"depth": 11, "batch_norm": True, "width": 4}, (1, 32, 32)),
    "resnet": ({"depth": 20, "width": 2}, (2, 8, 8)),
    "resnet_projected": ({"depth": 18, "width": 2}, (2, 8, 8)),
    "vit": ({"width": 8, "depth": 2, "heads": 2, "dropout": 0.1}, (1, 8, 8)),
    "small_alexnet": ({}, (3, 28, 28)),
    "small_inception": ({}, (3, 28, 28)),
    "torchvision": ({"name": "squeezenet1_1"}, (3, 32, 32)),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_built_in_architecture_has_the_kernel_of_its_gradients(name):
    parameters, shape = ARCHITECTURES[name]
    torch.manual_seed(2)
    kind = name.removesuffix("_projected")
    rules = find_plugins("architectures")[kind].parameters
    defaults = {key: rule["default"] for key, rule in rules.items() if "default" in rule}
    network = load_plugin("architectures", kind)(shape, CLASSES, **defaults | parameters).eval()
    inputs, projection = images(2, shape), torch.as_tensor(orthonormal_directions(CLASSES, 1, 0)[0])
    found = training_response(network, inputs, LABELS[:2], projection.numpy()[None], 1e-4)
    network.double()
    one, other = (
        torch.cat(
            [
                part.ravel()
                for part in torch.autograd.grad(
                    (network(image[None])[0] * projection).sum(),
                    list(network.parameters()),
                    allow_unused=True,
                    materialize_grads=True,
                )
            ]
        )
        for image in inputs.double()
    )
    assert found.kernel[0, 1] == pytest.approx(float(one @ other), rel=1e-9)
    assert np.isfinite(found.response).all()
