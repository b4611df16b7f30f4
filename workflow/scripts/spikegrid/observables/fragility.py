"""Fragility: how small a perturbation of an image flips the decision of the network.

Sources: Nakazato, arXiv 2405.04074, for fragility as what training changes; Moosavi-Dezfooli, Fawzi & Frossard (2016),
CVPR, for the perturbation. Only the abstract and opening of the first could be read: which perturbation stands for
fragility is a reading of ours.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from spikegrid import spikes
from spikegrid.features import NETWORK, tidy
from spikegrid.observed_networks import ObservedNetworks
from spikegrid.smallest_perturbation import flip_distances

READS = ["spikes", "checkpoints", "dataset"]
PARAMETERS = {
    "samples": {
        "type": "integer",
        "minimum": 1,
        "default": 32,
        "description": "Images that are perturbed: a random draw of those presented, or all where these are fewer.",
    },
    "classes": {
        "type": "integer",
        "minimum": 2,
        "default": 10,
        "description": "Classes among which the nearest other decision is sought: those of the largest logits.",
    },
    "steps": {
        "type": "integer",
        "minimum": 1,
        "default": 30,
        "description": "Linear steps after which the search for a perturbation of an image ends.",
    },
}


def observe(artefacts: dict[str, Path], samples: int, classes: int, steps: int) -> pd.DataFrame:
    """Return features of the network as a whole, depth 0; a SMALL distance is a fragile network.

    ==================================  ================================================================================
    ``flip_distance_l2``                median over images of ‖r‖₂ of the smallest perturbation r found that flips the
                                        decision, over all pixels and channels
    ``flip_distance_linf``              median of max |r|, of perturbations sought to be small in that norm
    ``unflipped_share_l2``              share of images for which none was found within ``steps``
    ``unflipped_share_linf``            the same in the other norm
    ==================================  ================================================================================

    The unit of r is the brightness from black, 0, to white, 1; a perturbed image may leave that range, so a distance
    may be smaller than that of any true image. Decisions are the largest logits, right or wrong: no label is read. All
    networks of a dataset are shown the same images, drawn at random from those presented.

    An image whose decision did not flip counts as farther away than any other. A median among such images is NaN, as in
    a network that decides for one class everywhere. Distances are those that DeepFool finds: an upper bound of the
    smallest one, exact where the network is linear up to the boundary. They shrink as logits grow steeper against the
    gap between classes, not as they grow alone: multiplying all logits by a number changes nothing.
    """
    observed = ObservedNetworks(artefacts)
    with spikes.load(artefacts["spikes"]) as run_spikes:
        index = observed.drawn(run_spikes.index, samples, "fragility")
    scale = torch.from_numpy(observed.pixel_scale())[:, None, None].to(observed.device)
    records = []
    for seed in observed.seeds:
        inputs = observed.inputs(seed, index)
        for epoch, network in observed.networks(seed):
            where = {"seed": seed, "epoch": epoch, "layer": NETWORK, "depth": 0}
            distances = {
                norm: flip_distances(network, inputs, norm, scale, classes, steps).cpu().numpy()
                for norm in ("l2", "linf")
            }
            features = {f"flip_distance_{norm}": _median(values) for norm, values in distances.items()}
            features |= {f"unflipped_share_{norm}": np.isinf(values).mean() for norm, values in distances.items()}
            records += [where | {"feature": name, "value": value} for name, value in features.items()]
    return tidy(records, observed.run)


def _median(distances: np.ndarray) -> float:
    median = np.median(distances)
    return float(median) if np.isfinite(median) else np.nan
