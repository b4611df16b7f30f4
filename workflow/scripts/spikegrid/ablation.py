"""Ablation: which thresholded units are removed first, and what a network still gets right without them.

A unit is removed by setting its output to 0, whatever it was shown; the rest of the network stays as it is. Units are
nodes as everywhere here: of a convolution each channel, row and column, of a transformer each token and hidden unit.

Source: Morcos, Barrett, Rabinowitz & Botvinick (2018), On the importance of single directions for generalization, ICLR,
arXiv 1803.06959, who remove whole feature maps of convolutional networks.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice, product

import numpy as np
import torch
from torch import Tensor

from spikegrid.capture import RecordedModel, presented_batch
from spikegrid.class_information import binary_entropy, class_blocked_fano, mutual_information


def unit_scores(
    recorded: RecordedModel, inputs: Tensor, labels: np.ndarray, window: int
) -> list[dict[str, np.ndarray]]:
    """Return for each layer the score of each unit by each criterion, float64 [U]: units of low score go first.

    inputs: [n, C, H, W]; labels: integers [n]. A unit fires on an image when its pre-activation is positive, which is
    when its output exceeds 0, or 1/2 where it is a sigmoid. With p its rate and p_c that in class c the scores are

    ===============  ===============================================================================================
    ``rare``         p: dead units go first
    ``always_on``    -p: units that always fire go first
    ``fano``         1 - E_c[p_c²]/p + T · Var_c(p_c)/p, T the ``window``, as ``class_blocked_fano``: dead units, for
                     which it is undefined, go first, then those always on, then those whose rate the class changes
                     least. In a random order F is 1 - p and its order that of ``always_on``
    ``entropy``      H2(p): dead units and those always on go first alike
    ``information``  plug-in mutual information of spike and class
    ``magnitude``    mean of the absolute output, which every architecture has; norms of incoming weights differ in
                     kind between convolutions, attention and linear layers
    ===============  ===============================================================================================
    """
    _, members, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    of_class = torch.eye(len(sizes), device=inputs.device)[torch.from_numpy(members).to(inputs.device)]
    spikes = [torch.zeros(layer.units, len(sizes), device=inputs.device) for layer in recorded.layers]
    magnitudes = [torch.zeros(layer.units, device=inputs.device) for layer in recorded.layers]

    def add(of_class: Tensor, place: int, output: Tensor, preactivation: Tensor) -> None:
        spikes[place] += (preactivation > 0).flatten(1).T.to(of_class.dtype) @ of_class
        magnitudes[place] += output.abs().flatten(1).sum(dim=0)

    batch = presented_batch(recorded.layers)
    for shown, its_class in zip(inputs.split(batch), of_class.split(batch)):
        recorded.show_preactivations(shown, partial(add, its_class))
    return [
        _scores(counts.cpu().numpy().astype(float), sizes, magnitude.cpu().numpy().astype(float), window)
        for counts, magnitude in zip(spikes, magnitudes)
    ]


def removal_ranks(scores: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return the place of each unit in the order of removal, int64 [U], 0 first: by score, ties in random order."""
    ranks = np.empty(len(scores), np.int64)
    ranks[np.lexsort([generator.permutation(len(scores)), scores])] = np.arange(len(scores))
    return ranks


def correct_without(
    recorded: RecordedModel, inputs: Tensor, targets: Tensor, ablations: Iterable[Mapping[int, Tensor]]
) -> np.ndarray:
    """Return which images a network gets right without some of its units, bool [ablations, n].

    inputs: [n, C, H, W]. targets: int64 [n], the class that the largest logit must name. ablations: for each the units
    removed, bool [U] by the place of their layer in ``recorded.layers``; layers that are not named stay whole. They are
    taken a few at a time, side by side, so that their number costs no memory.
    """
    batch, rows = presented_batch(recorded.layers), []
    remaining = iter(ablations)
    while together := list(islice(remaining, max(1, batch // len(inputs)))):
        remove, parts = partial(_remove, recorded, together), []
        for shown, aims in zip(inputs.split(batch), targets.split(batch)):
            logits = recorded.show(shown.repeat(len(together), 1, 1, 1), remove)
            parts.append(logits.argmax(dim=1).unflatten(0, (len(together), -1)) == aims)
        rows.append(torch.cat(parts, dim=1).cpu())
    return torch.cat(rows).numpy()


def correct_by_share(
    recorded: RecordedModel,
    inputs: Tensor,
    targets: Tensor,
    ranks: Sequence[np.ndarray],
    shares: np.ndarray,
    places: Sequence[Sequence[int]],
) -> np.ndarray:
    """Return which images a network gets right as more and more of its units are removed, bool [P, O, K, n].

    inputs, targets: as in ``correct_without``. ranks: for each layer O orders of removal, int64 [O, U], as
    ``removal_ranks`` gives one. shares: [K] of the units of a layer, from 0 to 1, rounded to whole units. places: for
    each of P the layers that units are removed from at once, the same share of each, by their place in
    ``recorded.layers``.
    """
    orders, between = len(ranks[0]), shares[1:-1]
    ranks = [torch.from_numpy(of_layer).to(inputs.device) for of_layer in ranks]

    def ablations() -> Iterator[dict[int, Tensor]]:
        yield {}
        for layers in places:
            for order, share in [(0, 1.0), *product(range(orders), between)]:
                yield {layer: ranks[layer][order] < round(share * ranks[layer].shape[1]) for layer in layers}

    correct = correct_without(recorded, inputs, targets, ablations())
    whole, removed = correct[0], correct[1:].reshape(len(places), -1, len(inputs))
    ends = (len(places), orders, 1, len(inputs))
    emptied = np.broadcast_to(removed[:, None, :1], ends)
    partly = removed[:, 1:].reshape(len(places), orders, len(between), len(inputs))
    return np.concatenate([np.broadcast_to(whole, ends), partly, emptied], axis=2)


def _scores(spikes: np.ndarray, sizes: np.ndarray, magnitude: np.ndarray, window: int) -> dict[str, np.ndarray]:
    """``spikes`` are those in each class, [U, C], of ``sizes`` images, [C]; ``magnitude`` is summed over images."""
    images, fired = sizes.sum(), spikes.sum(axis=1)
    rates, weights = spikes / sizes, sizes / images
    fano = class_blocked_fano(rates, weights, window)
    return {
        "rare": fired / images,
        "always_on": -fired / images,
        "fano": np.where(fired > 0, fano, -1.0),
        "entropy": binary_entropy(np.minimum(fired, images - fired) / images),  # p and 1 - p to the last bit alike
        "information": mutual_information(rates, weights, int(images), corrected=False),
        "magnitude": magnitude / images,
    }


def _remove(recorded: RecordedModel, together: list[Mapping[int, Tensor]], place: int, output: Tensor) -> None:
    for part, ablation in zip(output.unflatten(0, (len(together), -1)), together):
        if place in ablation:
            part.masked_fill_(ablation[place].view(recorded.layers[place].shape), 0)
