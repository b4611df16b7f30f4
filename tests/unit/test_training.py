"""Training: seeds that repeat, labels that stay, steps and scores against plain torch and scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from torch.nn.functional import cross_entropy

from spikegrid.checkpoints import TrainedNetwork
from spikegrid.errors import InputError
from spikegrid.history import COLUMNS
from spikegrid.images import TEST, TRAIN
from spikegrid.networks import as_inputs, network_builder
from spikegrid.training import train_block

CPU = torch.device("cpu")

DROPOUT = """
from torch import nn

PARAMETERS = {}

def build(shape, classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, classes))
"""


VIEWING = """
from torch import nn

PARAMETERS = {}

class Viewing(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.convolution = nn.Conv2d(channels, 6, 3, padding=1)
        self.logits = nn.Linear(6 * 16, classes)

    def forward(self, images):
        return self.logits(self.convolution(images).relu().view(len(images), -1))

def build(shape, classes):
    return Viewing(shape[0], classes)
"""


@pytest.fixture
def viewing(tmp_path) -> dict:
    """An architecture of a user's own, which takes no images with their channels last in memory."""
    (tmp_path / "viewing.py").write_text(VIEWING)
    return {"plugin": str(tmp_path / "viewing.py"), "parameters": {}}


@pytest.fixture
def dropout(tmp_path) -> dict:
    """An architecture of a user's own, which draws noise while it trains."""
    (tmp_path / "dropout.py").write_text(DROPOUT)
    return {"plugin": str(tmp_path / "dropout.py"), "parameters": {}}


@pytest.fixture
def memorizing() -> dict:
    return {"plugin": "memorizing", "parameters": {"fraction": 1.0, "labels": "uniform"}}


@pytest.fixture
def train(run, make_images, mlp, generalizing, training):
    """Trains a block of seeds; keywords change the run, and ``settings`` the training."""

    def trained(seeds=(0,), images=None, architecture=mlp, regime=generalizing, names=None, **settings):
        named = run | (names or {}) | {"seeds": list(seeds)}
        return train_block(named, images or make_images(), architecture, regime, training | settings, CPU)

    return trained


def bytes_of(network: TrainedNetwork) -> dict[int, dict[str, bytes]]:
    return {
        epoch: {name: tensor.numpy().tobytes() for name, tensor in state.items()}
        for epoch, state in network.states.items()
    }


def assert_identical(first: TrainedNetwork, second: TrainedNetwork) -> None:
    assert first.seed == second.seed
    assert bytes_of(first) == bytes_of(second)
    assert first.history == second.history
    assert first.labels.tobytes() == second.labels.tobytes()


# --- seeds ---


@pytest.mark.parametrize("kind", ["mlp", "cnn", "dropout"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_seed_trained_alone_is_byte_identical_to_the_same_seed_in_a_block(train, memorizing, request, kind, optimizer):
    options = {
        "architecture": request.getfixturevalue(kind),
        "regime": memorizing,
        "optimizer": optimizer,
        "schedule": "cosine",
    }
    block = train(seeds=(3, 1, 4), **options)
    for network in block:
        assert_identical(*train(seeds=(network.seed,), **options), network)


def test_random_state_of_the_process_does_not_matter(train, dropout):
    torch.manual_seed(1)
    first = train(architecture=dropout)
    torch.manual_seed(2)
    torch.rand(5)
    assert_identical(*first, *train(architecture=dropout))


def test_different_seeds_have_different_weights_orders_and_labels(train, memorizing):
    first, second = train(seeds=(0, 1), regime=memorizing)
    assert bytes_of(first)[0] != bytes_of(second)[0]
    assert (first.labels != second.labels).any()


@pytest.mark.parametrize("axis", ["dataset", "architecture", "regime"])
def test_runs_of_different_names_have_different_weights_and_labels(train, memorizing, axis):
    (first,) = train(regime=memorizing)
    (second,) = train(regime=memorizing, names={axis: "other"})
    assert bytes_of(first)[0] != bytes_of(second)[0]
    assert (first.labels != second.labels).any()


def test_more_epochs_at_a_constant_rate_continue_the_same_training(train, dropout):
    (short,) = train(architecture=dropout, epochs=2, checkpoints=[0, 1, 2])
    (long,) = train(architecture=dropout, epochs=4, checkpoints=[0, 1, 2, 4])
    assert long.history[:3] == short.history
    assert {epoch: bytes_of(long)[epoch] for epoch in (0, 1, 2)} == bytes_of(short)


def test_checkpoints_asked_for_do_not_change_the_training(train, cnn):
    (few,) = train(architecture=cnn, epochs=3, checkpoints=[3])
    (many,) = train(architecture=cnn, epochs=3, checkpoints=[0, 1, 2, 3])
    assert set(few.states) == {3}
    assert set(many.states) == {0, 1, 2, 3}
    assert bytes_of(few)[3] == bytes_of(many)[3]


def test_order_of_images_differs_between_epochs(train, monkeypatch):
    orders = []
    shuffle = torch.randperm
    monkeypatch.setattr(
        torch, "randperm", lambda *args, **options: orders.append(shuffle(*args, **options)) or orders[-1]
    )
    train(epochs=3)
    assert len(orders) == 3
    assert len({tuple(order.tolist()) for order in orders}) == 3
    assert all(sorted(order.tolist()) == list(range(24)) for order in orders)


@pytest.mark.parametrize("hidden", [[7, 5], [33], [64, 32]])
@pytest.mark.parametrize("settings", [{"optimizer": "sgd"}, {"optimizer": "adamw", "weight_decay": 0.1}])
def test_a_seed_gives_the_same_perceptron_whichever_block_it_is_in(train, make_images, memorizing, hidden, settings):
    options = {
        "images": make_images(train=50, test=21),
        "architecture": {"plugin": "mlp", "parameters": {"hidden": hidden}},
        "regime": memorizing,
        "schedule": "cosine",
        "epochs": 3,
        "checkpoints": [0, 3],
        **settings,
    }
    of_seed = {network.seed: network for network in train(seeds=(3, 1, 4, 7, 9), **options)}
    for block in [(3,), (1, 4), (9, 3, 1), (7,)]:
        for network in train(seeds=block, **options):
            assert_identical(network, of_seed[network.seed])


def test_perceptrons_too_large_for_one_stack_are_those_of_a_stack(train, mlp, monkeypatch):
    together = train(seeds=(0, 1, 2), architecture=mlp)
    monkeypatch.setattr("spikegrid.side_by_side.STACKED_PARAMETERS", 1)
    for network, stacked in zip(train(seeds=(0, 1, 2), architecture=mlp), together):
        assert_identical(network, stacked)


def test_seeds_shown_different_numbers_of_images_train_in_one_block(train, tmp_path):
    (tmp_path / "some.py").write_text(
        "from spikegrid.images import TrainingSet\n"
        "PARAMETERS = {}\n"
        "def prepare(everything, classes, generator):\n"
        "    keep = generator.permutation(24)[: generator.integers(5, 24)]\n"
        "    return TrainingSet(255 - everything.images[keep], everything.labels[keep], everything.index[keep])\n"
    )
    regime = {"plugin": str(tmp_path / "some.py"), "parameters": {}}
    block = train(seeds=range(4), regime=regime)
    assert len({network.history[0]["training_images"] for network in block}) > 1
    for network in block:
        assert_identical(*train(seeds=(network.seed,), regime=regime), network)


# --- labels ---


def test_labels_trained_on_are_one_fixed_draw_for_all_epochs(train, make_images, memorizing, monkeypatch):
    seen = []

    def watched(logits, targets, **options):
        seen.append(targets)
        return cross_entropy(logits, targets, **options)

    monkeypatch.setattr("spikegrid.joint_training.cross_entropy", watched)
    monkeypatch.setattr(torch, "randperm", lambda size, **_: torch.arange(size))
    (network,) = train(images=make_images(train=24), regime=memorizing, epochs=3, batch_size=24)
    assert len(seen) == 3 + 4
    for targets in seen:
        assert targets.tolist() == network.labels.tolist()


def test_generalizing_trains_on_the_true_labels(train, make_images):
    (network,) = train()
    assert network.labels.tolist() == make_images().part(TRAIN)[1].tolist()
    assert network.labels.dtype == np.int16


@pytest.mark.parametrize("fraction", [0, 0.25, 1])
def test_memorizing_redraws_the_fraction_and_leaves_the_image_set_as_it_was(train, make_images, fraction):
    images = make_images(train=400, classes=4)
    truth = images.labels.copy()
    (network,) = train(
        images=images,
        regime={"plugin": "memorizing", "parameters": {"fraction": fraction, "labels": "uniform"}},
        epochs=0,
    )
    np.testing.assert_array_equal(images.labels, truth)
    wrong = (network.labels != images.part(TRAIN)[1]).mean()
    assert wrong == pytest.approx(0.75 * fraction, abs=0.1 * (fraction > 0))


def test_images_that_a_regime_leaves_out_have_no_label(train, make_images, tmp_path):
    (tmp_path / "fewer.py").write_text(
        "from spikegrid.images import TrainingSet\n"
        "PARAMETERS = {}\n"
        "def prepare(everything, classes, generator):\n"
        "    keep = [5, 2, 11]\n"
        "    return TrainingSet(everything.images[keep], everything.labels[keep], everything.index[keep])\n"
    )
    (network,) = train(regime={"plugin": str(tmp_path / "fewer.py"), "parameters": {}})
    truth = make_images().part(TRAIN)[1]
    expected = [truth[place] if place in (2, 5, 11) else -1 for place in range(24)]
    assert network.labels.tolist() == expected


# --- history and states ---


def test_history_has_a_row_an_epoch_with_its_columns(train):
    (network,) = train(seeds=(7,), epochs=5)
    assert [row["epoch"] for row in network.history] == [0, 1, 2, 3, 4, 5]
    for row in network.history:
        assert list(row) == [column for column in COLUMNS if column not in ("dataset", "architecture", "regime")]
        assert row["seed"] == 7


@pytest.mark.parametrize("epochs", [0, 2])
def test_history_counts_images_and_the_share_of_labels_that_are_not_the_true_ones(train, make_images, epochs):
    images = make_images(train=60)
    regime = {"plugin": "corrupted_labels", "parameters": {"fraction": 0.5, "labels": "uniform"}}
    (network,) = train(images=images, regime=regime, epochs=epochs)
    wrong = (network.labels != images.part(TRAIN)[1]).mean()
    assert 0 < wrong < 0.5
    for row in network.history:
        assert row["training_images"] == 60
        assert row["corrupted_share"] == pytest.approx(wrong, rel=1e-12)


def test_history_of_few_samples_counts_them_and_finds_every_label_true(train, make_images):
    (network,) = train(images=make_images(), regime={"plugin": "few_samples", "parameters": {"samples": 9}}, epochs=1)
    assert (network.labels >= 0).sum() == 9
    for row in network.history:
        assert type(row["training_images"]) is int
        assert (row["training_images"], row["corrupted_share"]) == (9, 0)


@pytest.mark.parametrize("kind", ["mlp", "cnn", "dropout"])
def test_scores_are_those_of_the_kept_network_in_evaluation_mode(train, make_images, memorizing, request, kind):
    images, architecture = make_images(train=60), request.getfixturevalue(kind)
    (network,) = train(images=images, architecture=architecture, regime=memorizing, epochs=3, checkpoints=[0, 1, 3])
    model = network_builder(architecture, images)().eval()
    for epoch, state in network.states.items():
        model.load_state_dict(state)
        (train_images, truth), (test_images, test_labels) = images.part(TRAIN), images.part(TEST)
        with torch.no_grad():
            probabilities = model(as_inputs(train_images, images, CPU)).double().softmax(dim=1).numpy()
            tested = model(as_inputs(test_images, images, CPU)).argmax(dim=1).numpy()
        predicted = probabilities.argmax(axis=1)
        row = network.history[epoch]
        assert row["loss"] == pytest.approx(log_loss(network.labels, probabilities, labels=[0, 1, 2]), rel=1e-4)
        assert row["train_accuracy"] == pytest.approx(accuracy_score(network.labels, predicted))
        assert row["true_label_accuracy"] == pytest.approx(accuracy_score(truth, predicted))
        assert row["test_accuracy"] == pytest.approx(accuracy_score(test_labels, tested))


def test_states_are_copies_that_later_epochs_do_not_change(train):
    (network,) = train(epochs=2, checkpoints=[0, 1, 2])
    states = bytes_of(network)
    assert len({state["logits.weight"] for state in states.values()}) == 3
    assert all(not tensor.requires_grad for state in network.states.values() for tensor in state.values())


def test_untrained_keeps_its_first_weights_alone(train):
    (network,) = train(epochs=0, checkpoints=[0])
    assert set(network.states) == {0}
    assert len(network.history) == 1


# --- steps ---


def gradients_of(images, architecture, state, labels) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Parameters and their gradients of the mean cross-entropy over all training images, by autograd alone."""
    model = network_builder(architecture, images)()
    model.load_state_dict(state)
    inputs = as_inputs(images.part(TRAIN)[0], images, CPU)
    probabilities = model(inputs).log_softmax(dim=1)
    loss = -probabilities[torch.arange(len(inputs)), torch.from_numpy(labels).long()].mean()
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    return {name: (value.detach(), gradient) for (name, value), gradient in zip(model.named_parameters(), gradients)}


def plain_step(images, architecture, state, labels, rate: float, decay: float = 0.0) -> dict[str, torch.Tensor]:
    """One step of gradient descent with an L2 penalty."""
    parts = gradients_of(images, architecture, state, labels)
    return {name: value - rate * (gradient + decay * value) for name, (value, gradient) in parts.items()}


@pytest.mark.parametrize("decay", [0, 0.3])
def test_full_batch_step_without_momentum_is_gradient_descent(train, make_images, mlp, decay):
    images = make_images()
    (network,) = train(images=images, epochs=1, batch_size=1000, momentum=0, learning_rate=0.3, weight_decay=decay)
    expected = plain_step(images, mlp, network.states[0], network.labels, 0.3, decay)
    torch.testing.assert_close(network.states[1], expected)


@pytest.mark.parametrize("decay", [0, 0.3])
def test_first_step_of_adamw_is_the_sign_of_the_gradient_with_decoupled_decay(train, make_images, mlp, decay):
    images = make_images()
    settings = {"epochs": 1, "batch_size": 1000, "learning_rate": 0.01, "weight_decay": decay}
    (network,) = train(images=images, optimizer="adamw", **settings)
    parts = gradients_of(images, mlp, network.states[0], network.labels)
    expected = {
        name: value * (1 - 0.01 * decay) - 0.01 * gradient / (gradient.abs() + 1e-8)
        for name, (value, gradient) in parts.items()
    }
    torch.testing.assert_close(network.states[1], expected, atol=1e-5, rtol=1e-4)


def test_cosine_schedule_halves_the_rate_at_half_time(train, make_images, mlp):
    images = make_images()
    settings = {"epochs": 2, "checkpoints": [0, 1, 2], "batch_size": 1000, "momentum": 0, "learning_rate": 0.4}
    (network,) = train(images=images, schedule="cosine", **settings)
    torch.testing.assert_close(network.states[1], plain_step(images, mlp, network.states[0], network.labels, 0.4))
    torch.testing.assert_close(network.states[2], plain_step(images, mlp, network.states[1], network.labels, 0.2))


def test_constant_schedule_keeps_the_rate(train, make_images, mlp):
    images = make_images()
    settings = {"epochs": 2, "checkpoints": [0, 1, 2], "batch_size": 1000, "momentum": 0, "learning_rate": 0.4}
    (network,) = train(images=images, schedule="constant", **settings)
    torch.testing.assert_close(network.states[2], plain_step(images, mlp, network.states[1], network.labels, 0.4))


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_momentum_changes_sgd_and_leaves_adamw(train, optimizer):
    (first,) = train(optimizer=optimizer, momentum=0.9, epochs=3)
    (second,) = train(optimizer=optimizer, momentum=0.1, epochs=3)
    assert (first.history == second.history) == (optimizer == "adamw")


@pytest.mark.parametrize(("batch_size", "steps"), [(1, 24), (7, 4), (24, 1), (100, 1), (None, 1)])
def test_every_image_is_in_one_batch_of_an_epoch(train, monkeypatch, batch_size, steps):
    sizes = []

    def watched(logits, targets, **options):
        sizes.append((logits.requires_grad, len(targets)))
        return cross_entropy(logits, targets, **options)

    monkeypatch.setattr("spikegrid.joint_training.cross_entropy", watched)
    train(epochs=1, batch_size=batch_size)
    trained = [size for is_step, size in sizes if is_step]
    assert len(trained) == steps
    assert sum(trained) == 24


def test_full_batches_descend_the_gradient_of_the_loss_over_all_images(train, make_images, mlp):
    images = make_images()
    settings = {"batch_size": None, "momentum": 0, "learning_rate": 0.4, "epochs": 3, "checkpoints": [0, 1, 2, 3]}
    (network,) = train(images=images, **settings)
    inputs, targets = as_inputs(images.part(TRAIN)[0], images, CPU), torch.from_numpy(images.part(TRAIN)[1]).long()
    model = network_builder(mlp, images)()
    for epoch in range(3):
        model.load_state_dict(network.states[epoch])
        model.zero_grad()
        cross_entropy(model(inputs), targets).backward()
        for name, parameter in model.named_parameters():
            expected = parameter.detach() - 0.4 * parameter.grad
            torch.testing.assert_close(network.states[epoch + 1][name], expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("samples", [6, 12])
def test_full_batches_are_of_the_images_that_the_regime_leaves(train, make_images, monkeypatch, samples):
    sizes = []

    def watched(logits, targets, **options):
        sizes.append((logits.requires_grad, len(targets)))
        return cross_entropy(logits, targets, **options)

    monkeypatch.setattr("spikegrid.joint_training.cross_entropy", watched)
    few = {"plugin": "few_samples", "parameters": {"samples": samples}}
    train(images=make_images(), regime=few, batch_size=None, epochs=2)
    assert [size for is_step, size in sizes if is_step] == [samples] * 2


def plain_loop(network, inputs, targets, orders, training) -> dict[str, torch.Tensor]:
    """Train as the tutorials of torch do: one network, unfused optimizer, torch's own schedule."""
    if training["optimizer"] == "adamw":
        optimizer = torch.optim.AdamW(network.parameters(), training["learning_rate"], weight_decay=0.1)
    else:
        optimizer = torch.optim.SGD(network.parameters(), training["learning_rate"], 0.9, weight_decay=0.1)
    batches = [batch for order in orders for batch in order.split(training["batch_size"])]
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, len(batches))
    network.train()
    for batch in batches:
        optimizer.zero_grad()
        cross_entropy(network(inputs[batch]), targets[batch]).backward()
        optimizer.step()
        schedule.step()
    return network.state_dict()


@pytest.mark.parametrize("kind", ["mlp", "cnn", "viewing"])
@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.05), ("adamw", 0.003)])
def test_every_seed_of_a_block_is_trained_as_a_plain_loop_trains_it(
    train, make_images, memorizing, monkeypatch, request, kind, optimizer, rate
):
    images, architecture = make_images(train=50, shape=(2, 4, 4)), request.getfixturevalue(kind)
    orders, shuffle = [], torch.randperm
    monkeypatch.setattr(
        torch, "randperm", lambda *args, **options: orders.append(shuffle(*args, **options)) or orders[-1]
    )
    settings = {"optimizer": optimizer, "learning_rate": rate, "weight_decay": 0.1, "schedule": "cosine", "epochs": 3}
    settings |= {"checkpoints": [0, 3], "batch_size": 8}
    block = train(seeds=(0, 1), images=images, architecture=architecture, regime=memorizing, **settings)
    by_seed = (orders[::2], orders[1::2]) if kind == "mlp" else (orders[:3], orders[3:])
    inputs = as_inputs(images.part(TRAIN)[0], images, CPU)
    for network, own in zip(block, by_seed):
        plain = network_builder(architecture, images)()
        plain.load_state_dict(network.states[0])
        expected = plain_loop(plain, inputs, torch.from_numpy(network.labels).long(), own, settings)
        torch.testing.assert_close(network.states[3], expected, atol=2e-4, rtol=1e-3)


# --- what training achieves ---


@pytest.fixture
def wide() -> dict:
    return {"plugin": "mlp", "parameters": {"hidden": [64]}}


@pytest.mark.parametrize("kind", ["wide", "cnn"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_separable_classes_are_learned_as_logistic_regression_learns_them(train, make_images, request, kind, optimizer):
    images = make_images(train=60, test=30)
    flat, labels = images.part(TRAIN)[0].reshape(60, -1) / 255, images.part(TRAIN)[1]
    assert LogisticRegression().fit(flat, labels).score(flat, labels) == 1
    (network,) = train(
        images=images, architecture=request.getfixturevalue(kind), optimizer=optimizer, learning_rate=0.01, epochs=20
    )
    last = network.history[-1]
    assert last["train_accuracy"] == last["true_label_accuracy"] == last["test_accuracy"] == 1
    assert last["loss"] < network.history[0]["loss"] / 2


def test_random_labels_are_memorized_and_test_images_stay_at_chance(train, make_images, memorizing, wide):
    images = make_images(train=60, test=300)
    images.images[:] = np.random.default_rng(0).integers(0, 256, images.images.shape)
    networks = train(seeds=(0, 1), images=images, architecture=wide, regime=memorizing, epochs=40, schedule="cosine")
    for network in networks:
        assert network.history[-1]["train_accuracy"] == 1
        assert network.history[-1]["true_label_accuracy"] == np.mean(network.labels == images.part(TRAIN)[1])
        assert network.history[-1]["test_accuracy"] == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / 300))


def test_loss_that_is_not_finite_is_one_line_with_seed_and_rate(train):
    with pytest.raises(
        InputError,
        match=r"seed 3: the loss is (nan|inf) after epoch \d+; lower training.learning_rate, "
        r"which is 1e\+30",
    ) as caught:
        train(seeds=(3,), learning_rate=1e30, epochs=5)
    assert "\n" not in str(caught.value)


def test_the_seed_whose_loss_is_not_finite_is_named_among_those_of_its_block(train, make_images, tmp_path):
    (tmp_path / "last_breaks.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "PARAMETERS = {}\n"
        "built = []\n"
        "def build(shape, classes):\n"
        "    network = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.ReLU(), nn.Linear(4, classes))\n"
        "    built.append(network)\n"
        "    if len(built) == 2:\n"
        "        nn.init.constant_(network[1].bias, float('nan'))\n"
        "    return network\n"
    )
    with pytest.raises(InputError, match="seed 8: the loss is nan after epoch 0"):
        train(seeds=(7, 8, 9), architecture={"plugin": str(tmp_path / "last_breaks.py"), "parameters": {}})


def test_history_of_a_network_that_trains_is_finite(train):
    (network,) = train(epochs=3)
    assert all(math.isfinite(value) for row in network.history for value in row.values())
