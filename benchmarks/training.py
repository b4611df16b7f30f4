"""Training against a DataLoader, against bare forward and backward passes, and small networks by the job."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from benchmarks.peers import resnet
from benchmarks.peers import training as peer
from benchmarks.timing import Line, Ratio, in_words, seconds
from spikegrid import device
from spikegrid import images as image_sets
from spikegrid.architectures import cnn
from spikegrid.cost import processes_with
from spikegrid.datasets import digits
from spikegrid.device import prepare_device
from spikegrid.examples import Examples
from spikegrid.images import TEST, TRAIN, ImageSet
from spikegrid.joint_training import evaluate, learning_rates, train_steps
from spikegrid.optimizers import make_optimizer
from spikegrid.side_by_side import side_by_side
from spikegrid.training import train_block

SETTINGS = {
    "epochs": 1000,
    "optimizer": "adamw",
    "learning_rate": 2e-3,
    "weight_decay": 0.01,
    "momentum": 0.9,
    "precision": "float32",
    "crop_padding": 0,
    "horizontal_flip": False,
    "early_stopping": None,
    "schedule": "cosine",
}
SCRIPTS = Path(__file__).parents[1] / "workflow" / "scripts"
HIDDEN, EPOCHS, SEEDS = 64, 8, 10
_JOB = f"""
import json, runpy, sys

class Named(dict):
    __getattr__ = dict.__getitem__

job = {{key: Named(value) if isinstance(value, dict) else value for key, value in json.loads(sys.argv[1]).items()}}
sys.path.insert(0, {str(SCRIPTS)!r})
runpy.run_path({str(SCRIPTS / "train.py")!r}, {{"snakemake": Named(job)}})
"""
"""Runs the script of the rule with what Snakemake gives it."""


class Workload:
    """A network and its training images, drawn from a seed; a round is one epoch of each competitor."""

    def __init__(self, name: str, seeds: int = 1, optimizer: str = "adamw"):
        build, shape, size, self.batch = {
            "MLP": (lambda: peer.perceptron(784, 256), (1, 28, 28), 2048, 128),
            "CNN": (lambda: cnn.build((1, 28, 28), 10, [16, 32], 1, [128], False), (1, 28, 28), 1024, 64),
            "ResNet": (lambda: resnet.build((3, 32, 32), 10), (3, 32, 32), 64, 64),
        }[name]
        prepare_device(0, 1)
        generator = np.random.default_rng(0)
        pixels = generator.integers(0, 256, (2 * size, *shape), np.uint8)
        split = np.repeat(np.array([TRAIN, TEST], np.uint8), size)
        classes = [str(number) for number in range(10)]
        labels = generator.integers(0, 10, len(pixels)).astype(np.int16)
        self.images = ImageSet(pixels, labels, split, classes, "noise")
        self.steps = -(-size // self.batch)
        self.order = torch.stack([torch.from_numpy(generator.permutation(size)) for _ in range(seeds)])
        torch.manual_seed(0)
        networks = [build() for _ in range(seeds)]
        torch.manual_seed(0)
        self.plain = build()
        self.train = Examples.of_training([self.images.training_set()] * seeds, self.images, torch.device("cpu"))
        self.test = Examples.of_test([self.images.part(TEST)[0]] * seeds, self.images, torch.device("cpu"))
        self.networks = side_by_side(networks, self.train.inputs[:2])
        self.settings = SETTINGS | {"optimizer": optimizer}
        self.optimizer = make_optimizer(self.networks.parameters, self.settings)
        self.rates = learning_rates(SETTINGS, SETTINGS["epochs"] * self.steps)

    def ours(self) -> None:
        """Train for one epoch."""
        batches = self.train.batches(self.order, self.batch)
        for _ in train_steps(self.networks, batches, self.optimizer, self.rates):
            pass

    def score(self) -> None:
        """Make one row of the history."""
        list(evaluate(self.networks, self.train, self.test))

    def with_loader(self) -> Callable[[], None]:
        """Return the same epoch with a DataLoader."""
        images, labels = self.images.part(TRAIN)
        mean, deviation = (values.tolist() for values in self.images.channel_statistics())
        shown = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).squeeze()
        dataset = peer.Images(shown, labels, mean, deviation)
        loader = DataLoader(dataset, self.batch, sampler=self.order[0].tolist())
        rate, decay = SETTINGS["learning_rate"], SETTINGS["weight_decay"]
        optimizer = (
            torch.optim.AdamW(self.plain.parameters(), rate, weight_decay=decay)
            if self.settings["optimizer"] == "adamw"
            else torch.optim.SGD(self.plain.parameters(), rate, SETTINGS["momentum"], weight_decay=decay)
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, SETTINGS["epochs"] * self.steps)
        return lambda: peer.train_epoch(self.plain, loader, optimizer, schedule)

    def bare(self) -> Callable[[], None]:
        """Return as many forward and backward passes over one batch, in the layout that is fastest."""
        inputs = self.train.inputs[: self.batch].contiguous(memory_format=torch.channels_last)
        targets = self.train.targets[0, : self.batch]
        network = self.plain.to(memory_format=torch.channels_last)

        def passes() -> None:
            network.train()
            for _ in range(self.steps):
                network.zero_grad(set_to_none=True)
                cross_entropy(network(inputs), targets).backward()

        return passes

    def bare_forward(self) -> Callable[[], None]:
        """Return forward passes over the training and the test images, in the layout that is fastest."""
        inputs = torch.cat([self.train.inputs, self.test.inputs]).contiguous(memory_format=torch.channels_last)
        network = self.plain.to(memory_format=torch.channels_last)

        @torch.inference_mode()
        def passes() -> None:
            network.eval()
            for batch in inputs.split(128):
                network(batch)

        return passes

    def check(self) -> None:
        """Raise unless one epoch of both leaves the same network, to what single precision keeps.

        For descent: the first steps of AdamW are the signs of gradients, also of those that are nothing but rounding.
        """
        self.ours()
        self.with_loader()()
        (state, *_) = self.networks.states()
        for name, expected in self.plain.state_dict().items():
            torch.testing.assert_close(state[name], expected, rtol=1e-3, atol=1e-5)


def _serve(name: str, side: str, wishes: Connection) -> None:
    if side != "ours":
        device.keep_freed_memory = lambda: None  # a script of one's own does not ask for it
    workload = Workload(name)
    run = workload.with_loader() if side == "loader" else workload.ours
    while wishes.recv():
        run()
        wishes.send(True)


class TwoProcesses:
    """Two processes of one thread which do the same side by side, as a grid on two cores does."""

    def __init__(self, name: str, side: str):
        context = processes_with(__name__)
        self.pipes = []
        for _ in range(2):
            here, there = context.Pipe()
            context.Process(target=_serve, args=(name, side, there), daemon=True).start()
            self.pipes.append(here)

    def __call__(self, wish: bool = True) -> None:
        for pipe in self.pipes:
            pipe.send(wish)
        for pipe in self.pipes if wish else []:
            pipe.recv()


class SmallNetworks:
    """A block of seeds of a small perceptron on scikit-learn's digits."""

    def __init__(self):
        self.images = image_sets.prepare(digits.load(""), "digits", None, None, 0.3)
        architecture = {"plugin": "mlp", "parameters": {"hidden": [HIDDEN, HIDDEN]}}
        self.params = {
            "run": {"dataset": "digits", "architecture": "mlp", "regime": "plain", "seeds": list(range(SEEDS))},
            "architecture": architecture,
            "regime": {"plugin": "generalizing", "parameters": {}},
            "training": SETTINGS | {"epochs": EPOCHS, "batch_size": 32, "checkpoints": [0, EPOCHS]},
        }

    def train(self) -> float:
        """Train the block and return the mean accuracy of its networks on test images."""
        params = self.params
        rest = (params[key] for key in list(params)[1:])
        networks = train_block(params["run"], self.images, *rest, torch.device("cpu"))
        return float(np.mean([network.history[-1]["test_accuracy"] for network in networks]))

    def command(self, folder: str) -> list[str]:
        """Save the images in ``folder`` and return the command that runs the script of the rule there."""
        image_sets.save(f"{folder}/dataset.safetensors", self.images)
        job = {
            "params": self.params,
            "input": {"dataset": f"{folder}/dataset.safetensors"},
            "output": {"checkpoints": f"{folder}/checkpoints.safetensors", "history": f"{folder}/history.csv"},
            "log": [f"{folder}/train.log"],
            "threads": 1,
            "resources": {"gpu": 0, "save_seconds": 300},
        }
        return [sys.executable, "-c", _JOB, json.dumps(job)]


def lines() -> Iterator[Line]:
    """Yield the lines of training."""
    for name, goal in (("MLP", 2.5), ("CNN", 1.4), ("ResNet", 1.4)):
        Workload(name, optimizer="sgd").check()
        yield from _against_scripts(name, goal)
    for name, seeds, goal in (("MLP", 5, 1.2), ("MLP", 1, None), ("CNN", 1, 1.1), ("ResNet", 1, 1.05)):
        yield from _against_bare(name, seeds, goal)
    yield from _small_networks()


def _against_scripts(name: str, goal: float) -> Iterator[Line]:
    sides = {side: TwoProcesses(name, side) for side in ("ours", "loader", "memory handed back")}
    taken = seconds(sides)
    for processes in sides.values():
        processes(False)
    case = f"{name}, 2 processes of 1 thread"
    why = f"our step takes what bare passes take, so the layout of memory is all there is to gain on {name}"
    yield replace(_faster(case, "DataLoader and transforms", taken["ours"], taken["loader"], goal), why=why)
    yield _faster(case, "the same, freed memory handed back", taken["ours"], taken["memory handed back"], None)


def _against_bare(name: str, seeds: int, goal: float | None) -> Iterator[Line]:
    workload = Workload(name, seeds)
    taken = seconds(
        {
            "ours": workload.ours,
            "bare": workload.bare(),
            "scores": workload.score,
            "forward": workload.bare_forward(),
        }
    )
    case = f"{name}, {seeds} seeds side by side, a seed" if seeds > 1 else f"{name}, 1 seed"
    for ours, limit, against, bound in (
        ("ours", "bare", "bare forward and backward, fixed batch", goal),
        ("scores", "forward", "history row: bare forward of the images", None),
    ):
        a_seed = taken[ours] / seeds
        ratio = Ratio.over(a_seed, taken[limit])
        words = in_words(np.median(a_seed)), in_words(np.median(taken[limit]))
        yield Line("training", case, against, ratio, bound, "at most", ours=words[0], theirs=words[1])


def _small_networks() -> Iterator[Line]:
    case = f"MLP {HIDDEN}-{HIDDEN}, {SEEDS} seeds a job, a seed"
    small = SmallNetworks()
    prepare_device(0, 1)
    np.testing.assert_allclose(small.train(), peer.train_digits(0, HIDDEN, EPOCHS), atol=0.05)  # their draws differ
    taken = seconds({"ours": small.train, "theirs": lambda: peer.train_digits(0, HIDDEN, EPOCHS)})
    yield _faster(case, "a DataLoader loop a seed", taken["ours"], taken["theirs"], 8, SEEDS)
    with tempfile.TemporaryDirectory() as folder:
        ours = small.command(folder)
        theirs = [sys.executable, peer.__file__, "0", str(HIDDEN), str(EPOCHS)]
        taken = seconds({"ours": lambda: _run(ours), "theirs": lambda: _run(theirs)}, warm_up=False)
    case = f"{case}, start-up included"
    yield _faster(case, "a job a seed with a DataLoader loop", taken["ours"], taken["theirs"], 12, SEEDS)


def _faster(case: str, against: str, ours: np.ndarray, theirs: np.ndarray, goal: float | None, seeds: int = 1) -> Line:
    a_seed = ours / seeds
    words = in_words(np.median(a_seed)), in_words(np.median(theirs))
    return Line("training", case, against, Ratio.over(theirs, a_seed), goal, ours=words[0], theirs=words[1])


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
