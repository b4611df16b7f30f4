"""Correlate every feature with the dose of label noise and with the number of training images."""

import pandas as pd

from spikegrid.doses import dose_response
from spikegrid.features import write_table
from spikegrid.job import logged
from spikegrid.tables import read_named

params = snakemake.params

with logged(snakemake.log[0], "doses"):
    features, runs = pd.read_parquet(snakemake.input.features), read_named(snakemake.input.runs)
    write_table(snakemake.output.doses, dose_response(features, runs, params.series, params.indicators))
