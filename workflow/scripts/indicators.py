"""Compare memorizing with generalizing networks, feature by feature."""

from spikegrid.features import read_table, write_table
from spikegrid.indicators import compare_regimes
from spikegrid.job import logged

with logged(snakemake.log[0], "indicators"):
    features = read_table(snakemake.input.features)
    write_table(snakemake.output.indicators, compare_regimes(features, snakemake.params.indicators))
