"""Fit detectors of memorization to the networks of the grid, and score them on networks that were left out."""

from spikegrid.detector_file import write_detectors
from spikegrid.detector_training import train_detectors
from spikegrid.features import read_table, write_table
from spikegrid.job import logged
from spikegrid.machine import loaded_versions
from spikegrid.tables import RUN_COLUMNS, read_named

params = snakemake.params

with logged(snakemake.log[0], "detector"):
    features, runs = read_table(snakemake.input.features), read_named(snakemake.input.runs, RUN_COLUMNS)
    described = params.series, params.indicators, params.traits, params.observables, params.spikes
    scores, detectors, left_out = train_detectors(features, runs, *described, params.detector["penalties"])
    write_table(snakemake.output.scores, scores)
    write_detectors(snakemake.output.detector, detectors, left_out, loaded_versions(), params.code)
