"""Early stopping: which images are held out, when training ends, and which network is left."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spikegrid.checkpoints import Checkpoints, save_checkpoints
from spikegrid.early_stopping import EarlyStopping, held_out
from spikegrid.errors import InputError
from spikegrid.images import TRAIN
from spikegrid.labels import NOT_SHOWN
from spikegrid.networks import as_inputs, network_builder
from spikegrid.training import train_block

CPU = torch.device("cpu")

# --- which images ---


@given(
    counts=st.lists(st.integers(10, 40), min_size=2, max_size=6),
    share=st.floats(0.1, 0.9),
    seed=st.integers(0, 2**32),
)
def test_the_same_share_of_every_label_is_held_out(counts, share, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int16)
    is_held = held_out(labels, share, seed)
    assert is_held.sum() == round(share * len(labels))
    actual = is_held.sum() / len(labels)
    for label, count in enumerate(counts):
        assert abs((is_held & (labels == label)).sum() - actual * count) < 1 + 1e-9


def test_images_held_out_are_spread_over_all_and_differ_between_seeds():
    labels = (np.arange(200) % 4).astype(np.int16)
    times = sum(held_out(labels, 0.25, seed).astype(int) for seed in range(400))
    deviation = np.sqrt(400 * 0.25 * 0.75)
    assert abs(times - 100).max() < 5 * deviation
    assert times.std() == pytest.approx(deviation, rel=0.25)


@pytest.mark.parametrize(
    ("count", "share", "message"),
    [
        (30, 0.01, "of 30 training images 0 are held out, and none of label 0 is held out"),
        (30, 0.05, "of 30 training images 2 are held out, and none of label . is held out"),
        (30, 0.99, "of 30 training images 30 are held out, and none of label 0 is trained on"),
        (30, 0.95, "of 30 training images 28 are held out, and none of label . is trained on"),
    ],
)
def test_share_that_leaves_a_label_without_image_is_refused(count, share, message):
    with pytest.raises(
        InputError, match=rf"^training.early_stopping.share is {share}: {message}; expected one at least"
    ):
        held_out(np.arange(count) % 3, share, 0)


# --- when ---


def followed(losses: list[list[float]], patience: int) -> tuple[list[list[int]], list[list[int]]]:
    """Epochs whose scores and whose states each network counts with, after each epoch; its state is its epoch."""
    last = len(losses[0]) - 1
    stopping = EarlyStopping(len(losses), {"epochs": last, "early_stopping": {"patience": patience}})
    scores, states = [], []
    for epoch in range(last + 1):
        now = [{"own": torch.tensor(epoch)}] * len(losses)
        if not stopping.has_ended:
            own = [{"epoch": epoch}] * len(losses)
            counting = stopping.follow(epoch, [loss[epoch] for loss in losses], own, lambda now=now: now)
        scores.append([row["epoch"] for row in counting])
        states.append([int(state["own"]) for state in stopping.states(now)])
    return scores, states


def expected_epochs(losses: list[float], patience: int) -> list[int]:
    """By the definition: the epoch of the first minimum from the first epoch on at which it is ``patience`` old."""
    last = len(losses) - 1
    ends = [e for e in range(last + 1) if e - int(np.argmin(losses[: e + 1])) >= patience or e == last]
    best = int(np.argmin(losses[: ends[0] + 1]))
    return [best if epoch >= ends[0] else epoch for epoch in range(last + 1)]


@given(
    losses=st.integers(1, 12).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 8).map(float), min_size=n, max_size=n), min_size=1, max_size=4)
    ),
    patience=st.integers(1, 6),
)
def test_training_ends_when_the_lowest_loss_is_as_old_as_patience_allows(losses, patience):
    expected = [list(epochs) for epochs in zip(*(expected_epochs(own, patience) for own in losses))]
    scores, states = followed(losses, patience)
    assert scores == states == expected


@pytest.mark.parametrize("worst", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_no_lowest_one(worst):
    assert followed([[worst, 3.0, worst, 4.0, 5.0]], 2)[0] == [[0], [1], [2], [1], [1]]


# --- in training ---


@pytest.fixture
def noisy(make_images):
    """Images with labels so noisy that the loss on images held out soon rises."""
    images = make_images(train=90, test=30)
    generator = np.random.default_rng(3)
    images.images[:] = np.clip(images.images + generator.normal(0, 90, images.images.shape), 0, 255)
    return images


@pytest.fixture
def stopped(run, noisy, training):
    """Trains a block of seeds with early stopping."""

    def train(architecture, seeds=(0,), share=0.2, patience=3, regime=None, **settings):
        settings = {"epochs": 40, "checkpoints": list(range(41)), "learning_rate": 0.05} | settings
        settings["early_stopping"] = {"share": share, "patience": patience}
        regime = regime or {"plugin": "generalizing", "parameters": {}}
        return train_block(run | {"seeds": list(seeds)}, noisy, architecture, regime, training | settings, CPU)

    return train


def weights(network, epoch: int) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in network.states[epoch].values()]


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_networks_stop_at_epochs_of_their_own_whichever_block_they_are_in(stopped, request, kind):
    architecture = request.getfixturevalue(kind)
    block = stopped(architecture, seeds=range(4))
    assert len({network.history[-1]["trained_epochs"] for network in block}) > 1
    for network in block:
        (alone,) = stopped(architecture, seeds=(network.seed,))
        assert alone.history == network.history
        assert alone.labels.tobytes() == network.labels.tobytes()
        assert all(weights(alone, epoch) == weights(network, epoch) for epoch in range(41))


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_the_network_left_is_that_of_the_lowest_loss_on_images_held_out(stopped, noisy, request, kind):
    architecture = request.getfixturevalue(kind)
    (network,) = stopped(architecture, patience=4)
    inputs, labels = noisy.part(TRAIN)
    is_held = network.labels == NOT_SHOWN
    assert is_held.sum() == 18
    model, losses = network_builder(architecture, noisy)().eval(), []
    (free,) = stopped(architecture, patience=1000)  # follows the training to its last epoch
    for epoch in range(40):
        model.load_state_dict(free.states[epoch])
        with torch.no_grad():
            log_probabilities = model(as_inputs(inputs[is_held], noisy, CPU)).double().log_softmax(dim=1).numpy()
        losses.append(-log_probabilities[np.arange(18), labels[is_held]].mean())
    end = next(epoch for epoch in range(40) if epoch - np.argmin(losses[: epoch + 1]) >= 4)
    best = int(np.argmin(losses[:end]))
    assert 0 < best < end < 40
    trained_epochs = [row["trained_epochs"] for row in network.history]
    assert trained_epochs == [*range(end), *[best] * (41 - end)]
    assert [row["epoch"] for row in network.history] == list(range(41))
    for row, epoch in zip(network.history, trained_epochs):
        assert weights(network, row["epoch"]) == weights(free, epoch)
        assert row | {"epoch": epoch} == free.history[epoch]


def test_checkpoints_after_the_end_are_kept_in_a_file_as_others_are(stopped, run, mlp, generalizing, tmp_path):
    networks = stopped(mlp, checkpoints=[0, 39, 40])
    assert all(network.history[-1]["trained_epochs"] < 39 for network in networks)
    save_checkpoints(tmp_path / "checkpoints.safetensors", run, mlp, generalizing, networks)
    checkpoints = Checkpoints(tmp_path / "checkpoints.safetensors")
    for network in networks:
        for epoch, state in network.states.items():
            torch.testing.assert_close(checkpoints.state(network.seed, epoch), state, rtol=0, atol=0)
        assert weights(network, 39) == weights(network, 40) != weights(network, 0)


def test_training_is_that_without_the_images_held_out(stopped, run, noisy, training, mlp, tmp_path):
    (network,) = stopped(mlp, patience=1000, epochs=3)
    kept = np.flatnonzero(network.labels != NOT_SHOWN).tolist()
    assert network.history[0]["training_images"] == len(kept) == 72
    (tmp_path / "kept.py").write_text(
        "from spikegrid.images import TrainingSet\n"
        "PARAMETERS = {}\n"
        "def prepare(everything, classes, generator):\n"
        f"    keep = {kept}\n"
        "    return TrainingSet(everything.images[keep], everything.labels[keep], everything.index[keep])\n"
    )
    regime = {"plugin": str(tmp_path / "kept.py"), "parameters": {}}
    settings = training | {"epochs": 2, "checkpoints": [0, 1, 2], "learning_rate": 0.05}
    (plain,) = train_block(run, noisy, mlp, regime, settings, CPU)
    assert plain.history == network.history[:3]
    assert all(weights(plain, epoch) == weights(network, epoch) for epoch in range(3))


def test_labels_held_out_are_those_that_would_be_trained_on(stopped, mlp):
    memorizing = {"plugin": "memorizing", "parameters": {"fraction": 1.0, "labels": "uniform"}}
    (network,) = stopped(mlp, regime=memorizing, share=0.5, patience=5, epochs=100, checkpoints=[100])
    last = network.history[-1]
    assert last["training_images"] == 45
    # Random labels tell nothing of others: what is learned by heart only raises the loss on images held out.
    assert last["trained_epochs"] < 10
    assert last["train_accuracy"] < 0.8


def test_without_early_stopping_every_epoch_counts(run, noisy, training, mlp):
    regime = {"plugin": "generalizing", "parameters": {}}
    (network,) = train_block(run, noisy, mlp, regime, training | {"epochs": 3}, CPU)
    assert [row["trained_epochs"] for row in network.history] == [0, 1, 2, 3]
    assert NOT_SHOWN not in network.labels


def test_share_too_small_for_the_images_of_a_regime_is_refused(stopped, mlp):
    few = {"plugin": "few_samples", "parameters": {"samples": 6}}
    with pytest.raises(InputError, match=r"share is 0\.2: of 6 training images 1 are held out, and none of label"):
        stopped(mlp, regime=few)
