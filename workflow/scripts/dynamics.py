"""Fit laws of growth and decay to the course of every feature over training."""

from spikegrid.dynamics import training_dynamics
from spikegrid.features import read_table, write_table
from spikegrid.job import logged

with logged(snakemake.log[0], "dynamics"):
    features = read_table(snakemake.input.features)
    write_table(snakemake.output.dynamics, training_dynamics(features, snakemake.params.indicators))
