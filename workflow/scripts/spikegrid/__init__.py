"""Spike trains of image classifiers: capture, storage, statistics, and the grid that compares them."""

__version__ = "0.1.0"
