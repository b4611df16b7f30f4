"""The bracket of the joint entropy: distributions of known entropy, and the logistic regression of scikit-learn."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.linear_model import LogisticRegression

from spikegrid.class_information import binary_entropy
from spikegrid.joint_entropy import chained_cross_entropy, joint_entropy, pattern_entropy

pytestmark = pytest.mark.filterwarnings("error")

IMAGES = 400
Distribution = tuple[Callable[[np.random.Generator, int], np.ndarray], float]


def fair(generator: np.random.Generator, images: int) -> np.ndarray:
    return generator.random((images, 8)) < 0.5


def skewed(generator: np.random.Generator, images: int) -> np.ndarray:
    return generator.random((images, 6)) < [0.05, 0.1, 0.3, 0.5, 0.8, 0.97]


def copied(generator: np.random.Generator, images: int) -> np.ndarray:
    """Three copies of one unit, and three times its opposite."""
    unit = generator.random((images, 1)) < 0.3
    return np.concatenate([unit] * 3 + [~unit] * 3, axis=1)


def parity(generator: np.random.Generator, images: int) -> np.ndarray:
    """Two pairs of independent units and the parity of each."""
    bits = generator.random((images, 4)) < 0.5
    return np.column_stack([bits[:, 0], bits[:, 1], bits[:, 0] ^ bits[:, 1], bits[:, 2:], bits[:, 2] ^ bits[:, 3]])


def parity_of_three(generator: np.random.Generator, images: int) -> np.ndarray:
    bits = generator.random((images, 3)) < 0.5
    return np.column_stack([bits, bits.sum(axis=1) % 2 == 1])


CLASS_RATES = np.array([[0.9, 0.9, 0.1, 0.1, 0.5], [0.1, 0.2, 0.8, 0.9, 0.5], [0.5, 0.1, 0.1, 0.5, 0.02]])


def mixture(generator: np.random.Generator, images: int) -> np.ndarray:
    """Units that are independent within each of three equally likely classes."""
    return generator.random((images, 5)) < CLASS_RATES[generator.integers(0, 3, images)]


def entropy_of_mixture() -> float:
    patterns = (np.arange(2**5)[:, None] >> np.arange(5)) & 1
    likelihood = np.where(patterns[:, None] == 1, CLASS_RATES, 1 - CLASS_RATES).prod(axis=2)
    return float(entropy(likelihood.mean(axis=1), base=2))


KNOWN: dict[str, Distribution] = {
    "fair": (fair, 8.0),
    "skewed": (skewed, float(sum(entropy([p, 1 - p], base=2) for p in (0.05, 0.1, 0.3, 0.5, 0.8, 0.97)))),
    "copied": (copied, float(entropy([0.3, 0.7], base=2))),
    "parity": (parity, 4.0),
    "parity of three": (parity_of_three, 3.0),
    "mixture": (mixture, entropy_of_mixture()),
}


def folds_of(images: int, folds: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).permutation(images) % folds


@pytest.mark.parametrize("name", KNOWN)
def test_known_entropy_lies_between_the_means_of_the_bounds(name):
    draw, known = KNOWN[name]
    generator = np.random.default_rng(1)
    found = [joint_entropy(draw(generator, IMAGES), folds_of(IMAGES, seed=seed)) for seed in range(12)]
    lower, upper = (np.array([getattr(bracket, side) for bracket in found]) for side in ("lower", "upper"))
    slack = 4 / np.sqrt(12)
    assert lower.mean() <= known + slack * lower.std() + 1e-9
    assert upper.mean() >= known - slack * upper.std() - 1e-9
    assert upper.min() > lower.max() - 0.3


@pytest.mark.parametrize(
    ("name", "loss"), [("fair", 0.35), ("skewed", 0.15), ("copied", 0.2), ("parity", 0.8), ("mixture", 0.3)]
)
def test_upper_bound_is_tight_where_units_depend_on_one_or_two_others(name, loss):
    draw, known = KNOWN[name]
    generator = np.random.default_rng(2)
    upper = np.mean([chained_cross_entropy(draw(generator, IMAGES), folds_of(IMAGES)) for _ in range(8)])
    assert upper - known < loss


def test_parity_of_three_units_is_missed_and_the_bound_is_loose_by_its_bit():
    spikes = parity_of_three(np.random.default_rng(3), IMAGES)
    assert chained_cross_entropy(spikes, folds_of(IMAGES)) == pytest.approx(4, abs=0.1)


def test_lower_bound_falls_short_by_the_bias_of_the_plug_in_entropy():
    generator = np.random.default_rng(4)
    found = [pattern_entropy(fair(generator, 4000)) for _ in range(40)]
    assert np.mean(found) == pytest.approx(8 - 255 / (2 * 4000 * np.log(2)), abs=4 * np.std(found) / np.sqrt(40))


def test_pattern_entropy_is_that_of_scipy_and_at_most_the_logarithm_of_the_images():
    spikes = np.random.default_rng(5).random((300, 9)) < 0.2
    _, counts = np.unique(spikes, axis=0, return_counts=True)
    assert pattern_entropy(spikes) == pytest.approx(entropy(counts, base=2))
    assert pattern_entropy(np.random.default_rng(5).random((64, 70)) < 0.5) == pytest.approx(6)


def test_upper_bound_is_that_of_the_logistic_regression_of_scikit_learn():
    spikes = mixture(np.random.default_rng(6), 200)
    folds, signs, bits = folds_of(200, 4), 2.0 * spikes - 1, 0.0
    for unit in range(5):
        pairs = [signs[:, [i]] * signs[:, [j]] for j in range(unit) for i in range(j)]
        # A penalty of 1 on coefficients of scaled columns is one of their inverse squared scale.
        terms = np.concatenate([signs[:, :unit] / np.sqrt(5), *(pair / np.sqrt(50) for pair in pairs)], axis=1)
        terms = np.concatenate([terms, np.zeros((200, 1))], axis=1)
        for fold in range(4):
            known = np.concatenate([terms[folds != fold], np.zeros((2, terms.shape[1]))])
            fires = np.append(spikes[folds != fold, unit], [True, False])
            weights = np.append(np.ones(len(fires) - 2), [0.5, 0.5])
            model = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(known, fires, weights)
            chances = model.predict_proba(terms[folds == fold])[:, 1]
            bits -= np.log2(np.where(spikes[folds == fold, unit], chances, 1 - chances)).sum() / 200
    assert chained_cross_entropy(spikes, folds) == pytest.approx(bits, rel=1e-4)


def test_first_unit_costs_the_cross_entropy_of_the_rate_of_the_other_folds():
    fires, folds = np.random.default_rng(7).random(50) < 0.3, folds_of(50)
    bits = 0.0
    for fold in range(5):
        others = fires[folds != fold]
        chance = (others.sum() + 0.5) / (len(others) + 1)
        bits -= np.log2(np.where(fires[folds == fold], chance, 1 - chance)).sum() / 50
    assert chained_cross_entropy(fires[:, None], folds) == pytest.approx(bits)


def test_no_fold_sees_itself():
    """The parity of the fold's number with a copied unit cannot be told from the other folds."""
    unit = np.random.default_rng(8).random(400) < 0.5
    folds = np.arange(400) % 2
    spikes = np.column_stack([unit, np.where(folds == 0, unit, ~unit)])
    assert chained_cross_entropy(spikes, folds) > 3, "each fold is predicted to do what the other one does"


@pytest.mark.parametrize("fires", [False, True])
def test_units_that_never_change_add_nothing_wherever_they_stand(fires):
    spikes, folds = mixture(np.random.default_rng(9), 150), folds_of(150)
    constant = np.full((150, 1), fires)
    wider = np.concatenate([constant, spikes[:, :2], constant, spikes[:, 2:], constant], axis=1)
    alone, beside = joint_entropy(spikes, folds), joint_entropy(wider, folds)
    assert (beside.lower, beside.upper, beside.units) == (alone.lower, alone.upper, 8)
    assert beside.separate == pytest.approx(alone.separate)
    nothing = joint_entropy(np.repeat(constant, 3, axis=1), folds)
    assert (nothing.lower, nothing.upper, nothing.total_correlation) == (0, 0, (0, 0))
    assert np.isnan(nothing.redundancy).all()


def test_unit_that_fires_once_has_a_finite_bound():
    spikes = np.zeros((100, 3), bool)
    spikes[3, 0] = spikes[3, 1] = spikes[70, 2] = True
    found = joint_entropy(spikes, folds_of(100))
    assert found.lower <= found.separate < found.upper < 1


def test_rare_units_of_which_one_tells_another_do_not_drive_coefficients_away():
    generator = np.random.default_rng(10)
    cause = generator.random((700, 1)) < 0.015
    spikes = np.concatenate([cause | (generator.random((700, 1)) < 0.002) for _ in range(16)], axis=1)
    found = joint_entropy(spikes, folds_of(700))
    assert found.lower < found.upper < found.separate / 2


def test_total_correlation_and_redundancy_are_those_of_copies_and_of_independent_units():
    copies = joint_entropy(copied(np.random.default_rng(11), 2000), folds_of(2000))
    own = float(entropy([0.3, 0.7], base=2))
    low, high = copies.total_correlation
    assert low <= high
    assert low == pytest.approx(5 * own, abs=0.3)
    assert high == pytest.approx(5 * own, abs=0.3)
    assert copies.redundancy == pytest.approx((low / copies.separate, 5 / 6))
    alone = joint_entropy(skewed(np.random.default_rng(12), 2000), folds_of(2000))
    assert -0.1 < alone.total_correlation[0] < 0 < alone.total_correlation[1] < 0.1
    assert alone.separate == pytest.approx(binary_entropy(skewed(np.random.default_rng(12), 2000).mean(axis=0)).sum())


@pytest.mark.parametrize("shape", [(0, 4), (5, 0), (0, 0)])
def test_bracket_without_images_or_units_is_undefined(shape):
    found = joint_entropy(np.zeros(shape, bool), np.arange(shape[0]))
    assert np.isnan([found.lower, found.upper, found.separate, *found.total_correlation, *found.redundancy]).all()


@pytest.mark.parametrize("folds", [np.zeros(6, int), np.arange(5)])
def test_folds_that_predict_nothing_are_refused(folds):
    with pytest.raises(ValueError, match="expected \\[6\\], of at least two different values"):
        chained_cross_entropy(np.zeros((6, 2), bool), folds)
