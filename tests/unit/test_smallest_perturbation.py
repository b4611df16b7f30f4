"""Smallest perturbations against closed forms of linear and curved networks, and against brute force in the plane."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from spikegrid.smallest_perturbation import flip_distances, smallest_perturbations

NORMS = {"l2": 2, "linf": math.inf}
DUAL = {"l2": 2, "linf": 1}


class Function(nn.Module):
    """A network that is a given function."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


def linear(inputs: int, classes: int, seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(inputs, classes).double()


def two_classes(gap) -> Function:
    """A network of one number whose logits are the gap and 0."""
    return Function(lambda x: torch.cat([gap(x), torch.zeros_like(x)], dim=1))


def exact_distances(weights: np.ndarray, logits: np.ndarray, norm: str) -> np.ndarray:
    """Smallest distance from images to the boundary of a linear network, from the distances to all its hyperplanes."""
    distances = []
    for own in logits:
        decision = own.argmax()
        others = np.delete(np.arange(len(own)), decision)
        gaps, normals = own[decision] - own[others], weights[decision] - weights[others]
        distances.append((gaps / np.linalg.norm(normals, DUAL[norm], axis=1)).min())
    return np.array(distances)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("inputs", "classes"), [(1, 2), (5, 3), (30, 20)])
def test_distance_to_the_boundary_of_a_linear_network_is_exact(norm, inputs, classes):
    network = linear(inputs, classes)
    images = torch.randn(40, inputs, dtype=torch.float64)
    found = flip_distances(network, images, norm, classes=classes).numpy()
    with torch.no_grad():
        logits = network(images).numpy()
    exact = exact_distances(network.weight.detach().numpy(), logits, norm)
    np.testing.assert_allclose(found, exact, rtol=2e-6)
    assert (found >= exact * (1 - 1e-12)).all()


@pytest.mark.parametrize("norm", NORMS)
def test_perturbations_are_in_the_unit_that_the_scale_of_each_channel_gives(norm):
    network = nn.Sequential(nn.Flatten(), linear(3 * 2 * 2, 4))
    images, scale = torch.randn(20, 3, 2, 2, dtype=torch.float64), torch.tensor([0.5, 2.0, 7.0]).double()
    found = flip_distances(network, images, norm, scale[:, None, None])
    weights = network[1].weight.detach().numpy() * np.repeat(scale.numpy(), 4)
    with torch.no_grad():
        logits = network(images).numpy()
    np.testing.assert_allclose(found, exact_distances(weights, logits, norm), rtol=2e-6)


def test_only_the_classes_of_the_largest_logits_are_looked_at():
    weights = np.array([[1.0, 0.0], [0.9, 0.0], [0.0, 9.0]])  # class 1 is the second largest, class 2 the nearest
    network = linear(2, 3)
    with torch.no_grad():
        network.weight.copy_(torch.from_numpy(weights))
        network.bias.copy_(torch.tensor([1.0, 0.5, -10.0]))
    image = torch.zeros(1, 2, dtype=torch.float64)
    assert flip_distances(network, image, "l2", classes=2).item() == pytest.approx(0.5 / 0.1, rel=1e-5)
    assert flip_distances(network, image, "l2", classes=3).item() == pytest.approx(11 / math.sqrt(82), rel=1e-5)


@pytest.fixture
def rectifier() -> nn.Module:
    """A perceptron of two inputs, 16 rectifiers and 4 classes."""
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 4)).double()


def distance_by_brute_force(network: nn.Module, image: np.ndarray, norm: str, reach: float) -> float:
    """Smallest distance at which the decision changes, in 720 directions and at 500 radii."""
    angles = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    directions /= np.linalg.norm(directions, NORMS[norm], axis=1, keepdims=True)
    radii = np.linspace(0, reach, 501)[1:]
    points = torch.from_numpy(image + radii[:, None, None] * directions)
    with torch.no_grad():
        decisions = network(points.reshape(-1, 2)).argmax(dim=1).reshape(len(radii), -1).numpy()
        own = network(torch.from_numpy(image)[None]).argmax().item()
    return radii[(decisions != own).any(axis=1)].min(initial=np.inf)


@pytest.mark.parametrize("norm", NORMS)
def test_in_the_plane_no_smaller_perturbation_flips_a_rectifier_network_than_brute_force_finds(rectifier, norm):
    images = np.random.default_rng(0).normal(size=(30, 2))
    found = flip_distances(rectifier, torch.from_numpy(images), norm).numpy()
    flipped = np.isfinite(found)
    assert flipped.sum() >= 15
    ratios = []
    for image, distance in zip(images[flipped], found[flipped]):
        smallest = distance_by_brute_force(rectifier, image, norm, 1.1 * distance)
        assert distance >= 0.98 * smallest, "the search in the plane is finer than 2 %"
        ratios.append(distance / smallest)
    assert np.median(ratios) < 1.2


@pytest.mark.parametrize("norm", NORMS)
def test_distance_is_exact_where_a_rectifier_network_is_linear_up_to_the_boundary(rectifier, norm):
    images = np.random.default_rng(1).normal(size=(400, 2))
    found = flip_distances(rectifier, torch.from_numpy(images), norm).numpy()
    hidden, output = (layer.weight.detach().numpy() for layer in (rectifier[0], rectifier[2]))
    with torch.no_grad():
        before = rectifier[0](torch.from_numpy(images)).numpy()
        logits = rectifier(torch.from_numpy(images)).numpy()
    compared = 0
    for image, potential, own, distance in zip(images, before, logits, found):
        to_nearest_kink = (np.abs(potential) / np.linalg.norm(hidden, DUAL[norm], axis=1)).min()
        in_region = output @ (hidden * (potential > 0)[:, None])
        exact = exact_distances(in_region, own[None], norm)[0]
        if exact < to_nearest_kink:
            assert distance == pytest.approx(exact, rel=2e-6), image
            compared += 1
    assert compared > 20


@pytest.mark.parametrize("norm", NORMS)
def test_perturbations_flip_and_a_trifle_less_does_not(rectifier, norm):
    images = torch.from_numpy(np.random.default_rng(2).normal(size=(50, 2)))
    perturbations, flipped = smallest_perturbations(rectifier, images, norm)
    with torch.no_grad():
        own, far, near = (
            rectifier(images + share * perturbations).argmax(dim=1)[flipped] for share in (0, 1, 1 - 3e-6)
        )
    assert (far != own).all()
    assert (near == own).all()


def test_a_boundary_behind_a_flattening_slope_takes_several_steps_and_is_found():
    network = two_classes(lambda x: torch.exp(-x) - 0.1)
    image = torch.zeros(1, 1, dtype=torch.float64)
    assert flip_distances(network, image, "l2", steps=1).item() == math.inf
    assert flip_distances(network, image, "l2").item() == pytest.approx(math.log(10), rel=2e-6)


def test_a_step_far_beyond_the_boundary_is_cut_to_it():
    network = two_classes(lambda x: 1 - x**2)
    image = torch.full((1, 1), 0.1, dtype=torch.float64)
    assert flip_distances(network, image, "l2").item() == pytest.approx(0.9, rel=2e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_an_image_on_the_boundary_has_next_to_no_distance(norm):
    network = linear(4, 2)
    with torch.no_grad():
        network.bias.zero_()
    found = flip_distances(network, torch.zeros(1, 4, dtype=torch.float64), norm)
    assert 0 < found.item() < 1e-9


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("function", [lambda x: 0 * x[:, :3] + 1, lambda x: (x - 9).relu() + torch.arange(4.0)])
def test_a_network_without_gradient_is_not_flipped_and_nothing_is_undefined(norm, function):
    perturbations, flipped = smallest_perturbations(Function(function), torch.randn(6, 4), norm)
    assert not flipped.any()
    assert perturbations.isfinite().all()
    assert flip_distances(Function(function), torch.randn(6, 4), norm).isposinf().all()


def test_images_without_gradient_do_not_disturb_the_others():
    network = two_classes(lambda x: x.relu() + 0.5 - 0.25 * x.clamp(max=2))
    images = torch.tensor([[-1.0], [1.0], [40.0]]).double()  # the second moves away from the boundary where it is flat
    together = flip_distances(network, images, "l2")
    alone = torch.cat([flip_distances(network, image[None], "l2") for image in images])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("norm", NORMS)
def test_distance_of_an_image_does_not_depend_on_the_others(rectifier, norm):
    images = torch.from_numpy(np.random.default_rng(4).normal(size=(12, 2)))
    together = flip_distances(rectifier, images, norm)
    alone = torch.cat([flip_distances(rectifier, image[None], norm) for image in images])
    torch.testing.assert_close(together, alone)


def test_logits_that_are_multiplied_or_shifted_keep_the_distances(rectifier):
    images = torch.from_numpy(np.random.default_rng(5).normal(size=(12, 2)))

    def changed(x: Tensor) -> Tensor:
        return 100 * rectifier(x) + 7

    torch.testing.assert_close(
        flip_distances(Function(changed), images, "l2"), flip_distances(rectifier, images, "l2"), rtol=1e-5, atol=0
    )


def test_neither_the_network_nor_the_images_are_changed(rectifier):
    images = torch.randn(5, 2, dtype=torch.float64)
    before = images.clone()
    flip_distances(rectifier, images, "l2")
    assert torch.equal(images, before)
    assert not images.requires_grad
    assert all(parameter.grad is None for parameter in rectifier.parameters())
