"""Linear probes against scikit-learn, against the best possible classifier, and on features that say nothing."""

import math

import numpy as np
import pytest
import torch
from scipy.special import erf
from sklearn.linear_model import LogisticRegression

from spikegrid import linear_probe
from spikegrid.linear_probe import HELD_OUT, STRENGTHS, Probe, ProbeTask, fit, probe


def gaussians(n: int, mean: np.ndarray, seed: int, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Two classes in turn around -mean and +mean, spherical with deviation ``noise``."""
    labels = np.arange(n) % 2
    generator = np.random.default_rng(seed)
    return np.where(labels, 1, -1)[:, None] * mean + noise * generator.normal(size=(n, len(mean))), labels


def probed(
    features: np.ndarray, labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray, classes: int = 2
) -> Probe:
    task = ProbeTask.drawn(labels, test_labels, classes, "target", torch.device("cpu"))
    return probe(torch.from_numpy(features), torch.from_numpy(test), task)


@pytest.mark.parametrize("distance", [0.5, 1.0, 1.5])
def test_accuracy_on_two_gaussian_classes_is_that_of_the_best_classifier(distance):
    mean = np.array([distance, 0, 0, 0])
    known, tested = gaussians(2000, mean, seed=1), gaussians(20000, mean, seed=2)
    best = (1 + erf(distance / math.sqrt(2))) / 2
    assert probed(*known, *tested).accuracy == pytest.approx(best, abs=4 * math.sqrt(best * (1 - best) / 20000) + 0.003)


def test_classes_that_a_plane_divides_are_told_without_error():
    mean = np.array([0, 10.0, 0])
    assert probed(*gaussians(40, mean, seed=1), *gaussians(1000, mean, seed=2)).accuracy == 1


@pytest.mark.parametrize("seed", range(3))
def test_features_that_say_nothing_give_chance(seed):
    generator = np.random.default_rng(seed)
    features, test = generator.normal(size=(500, 30)), generator.normal(size=(5000, 30))
    labels, test_labels = np.arange(500) % 5, np.arange(5000) % 5
    accuracy = probed(features, labels, test, test_labels, classes=5).accuracy
    assert accuracy == pytest.approx(0.2, abs=4 * math.sqrt(0.2 * 0.8 / 5000))


def test_constant_features_give_the_share_of_the_largest_class_of_training():
    labels = np.repeat([0, 1, 2], [10, 60, 30])
    test_labels = np.repeat([0, 1, 2], [50, 20, 30])
    found = probed(np.full((100, 4), 7.0), labels, np.full((100, 4), 7.0), test_labels, classes=3)
    assert found.accuracy == 0.2


@pytest.mark.parametrize("features", [20, 300])
@pytest.mark.parametrize("strength", [1e-1, 1e-3])
def test_fit_is_that_of_scikit_learn(features, strength, monkeypatch):
    generator = np.random.default_rng(0)
    labels = np.arange(120) % 4
    values = generator.normal(size=(120, features)) + generator.normal(size=(4, features))[labels]
    start = torch.zeros(4, features + 1, dtype=torch.float64)
    monkeypatch.setattr(linear_probe, "_GRADIENT", 1e-8)
    found = fit(torch.from_numpy(values), torch.from_numpy(labels), strength, start).numpy()
    reference = LogisticRegression(C=1 / (120 * strength), tol=1e-8, max_iter=10_000).fit(values, labels)
    expected = reference.intercept_ - reference.intercept_.mean()
    np.testing.assert_allclose(found[:, :-1], reference.coef_, atol=1e-2 * np.abs(reference.coef_).max())
    np.testing.assert_allclose(found[:, -1] - found[:, -1].mean(), expected, atol=1e-2)


@pytest.mark.parametrize("features", [20, 300])
def test_probe_is_scikit_learn_with_the_strength_that_is_best_on_the_images_held_out(features):
    generator = np.random.default_rng(3)
    labels, test_labels = np.arange(150) % 3, np.arange(600) % 3
    centres = 0.3 * math.sqrt(20 / features) * generator.normal(size=(3, features))
    values = (3 + generator.normal(size=(150, features)) + centres[labels]) * 5
    test = (3 + generator.normal(size=(600, features)) + centres[test_labels]) * 5
    task = ProbeTask.drawn(labels, test_labels, 3, "target", torch.device("cpu"))
    held_out = task.held_out.numpy()

    def fitted(known: np.ndarray, own: np.ndarray, other: np.ndarray, strength: float) -> np.ndarray:
        mean = known.mean(axis=0)
        size = math.sqrt(((known - mean) ** 2).sum(axis=1).mean())
        model = LogisticRegression(C=1 / (len(known) * strength), tol=1e-8, max_iter=10_000)
        return model.fit((known - mean) / size, own).predict_log_proba((other - mean) / size)

    losses = []
    for strength in STRENGTHS:
        told = fitted(values[~held_out], labels[~held_out], values[held_out], strength)
        losses.append(-told[np.arange(len(told)), labels[held_out]].mean())
    best = STRENGTHS[int(np.argmin(losses))]
    expected = (fitted(values, labels, test, best).argmax(axis=1) == test_labels).mean()
    found = probe(torch.from_numpy(values), torch.from_numpy(test), task)
    assert found.strength == best
    assert found.accuracy == pytest.approx(expected, abs=1 / 600 + 1e-9)
    assert 0.4 < found.accuracy < 0.99


def test_probe_does_not_change_where_features_are_shifted_scaled_or_turned():
    generator = np.random.default_rng(4)
    (values, labels), (test, test_labels) = (gaussians(n, np.full(6, 0.3), seed=n) for n in (200, 500))
    turn = np.linalg.qr(generator.normal(size=(6, 6))).Q
    found = probed(values, labels, test, test_labels)
    other = probed(values @ turn * 50 + 9, labels, test @ turn * 50 + 9, test_labels)
    assert other.strength == found.strength
    assert other.accuracy == pytest.approx(found.accuracy, abs=1 / 500 + 1e-9)


def test_test_images_do_not_take_part_in_the_fit():
    known, tested = gaussians(100, np.array([1.0, 0]), seed=1), gaussians(100, np.array([1.0, 0]), seed=2)
    right = probed(*known, *tested)
    wrong = probed(*known, tested[0], 1 - tested[1])
    assert right.accuracy + wrong.accuracy == pytest.approx(1)
    assert right.strength == wrong.strength


@pytest.mark.parametrize("part", ["known", "tested"])
def test_a_feature_that_is_not_finite_makes_accuracy_undefined(part):
    known, tested = gaussians(100, np.array([1.0, 0]), seed=1), gaussians(100, np.array([1.0, 0]), seed=2)
    {"known": known, "tested": tested}[part][0][3, 1] = np.inf
    found = probed(*known, *tested)
    assert math.isnan(found.accuracy)
    assert math.isnan(found.strength)


def test_held_out_images_are_a_share_of_each_class_and_the_same_for_one_purpose_alone():
    labels = np.repeat(np.arange(5), 40).astype(np.int16)

    def held_out(purpose: str) -> np.ndarray:
        return ProbeTask.drawn(labels, labels, 5, purpose, torch.device("cpu")).held_out.numpy()

    assert np.bincount(labels[held_out("mnist")]).tolist() == [40 * HELD_OUT] * 5
    assert (held_out("mnist") == held_out("mnist")).all()
    assert (held_out("mnist") != held_out("cifar10")).any()


def test_a_fit_ends_at_its_least_value(monkeypatch):
    values, labels = gaussians(100, np.array([0.5, 0.2, 0]), seed=5)
    features, known = torch.from_numpy(values), torch.from_numpy(labels)
    start = torch.zeros(2, 4, dtype=torch.float64)

    def value(weights: torch.Tensor) -> float:
        logits = features @ weights[:, :-1].T + weights[:, -1]
        return (torch.nn.functional.cross_entropy(logits, known) + 5e-3 * weights[:, :-1].square().sum()).item()

    found = fit(features, known, 1e-2, start)
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        assert value(found) < value(found + 0.01 * torch.randn(2, 4, generator=generator, dtype=torch.float64))
    monkeypatch.setattr(linear_probe, "_ITERATIONS", 1)
    assert value(fit(features, known, 1e-2, start)) > value(found)
