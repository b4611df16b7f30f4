"""Correlate every feature with the dose of label noise and with the number of training images."""

from spikegrid.doses import dose_response
from spikegrid.features import read_table, write_table
from spikegrid.job import logged
from spikegrid.tables import RUN_COLUMNS, read_named

params = snakemake.params

with logged(snakemake.log[0], "doses"):
    features, runs = read_table(snakemake.input.features), read_named(snakemake.input.runs, RUN_COLUMNS)
    write_table(snakemake.output.doses, dose_response(features, runs, params.series, params.indicators))
