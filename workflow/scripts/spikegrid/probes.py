"""The table of probes that an observable of transfer gives, a row a layer of a network at one epoch."""

COLUMNS = [
    *("target", "dataset", "architecture", "regime", "seed", "epoch", "layer", "depth"),
    *("width", "samples", "strength", "accuracy", "chance"),
]

PIXELS = "pixels"
"""Name of the images themselves among the layers; their depth is 0."""
