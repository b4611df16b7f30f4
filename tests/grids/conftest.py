"""Fixtures of tests that run Snakemake."""

from executions import *  # noqa: F403
