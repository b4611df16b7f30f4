"""Correlate the features of the spikes of each layer with what linear probes read off it."""

from spikegrid.features import read_table, write_table
from spikegrid.job import logged
from spikegrid.tables import RUN_COLUMNS, read_named
from spikegrid.transfer_predictors import transfer_predictors

params = snakemake.params

with logged(snakemake.log[0], "transfer predictors"):
    features, runs = read_table(snakemake.input.features), read_named(snakemake.input.runs, RUN_COLUMNS)
    table = transfer_predictors(features, runs, params.transfers, params.predictors, params.indicators)
    write_table(snakemake.output.predictors, table)
