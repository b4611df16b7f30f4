"""Compare memorizing with generalizing networks, feature by feature."""

import pandas as pd

from spikegrid.features import write_table
from spikegrid.indicators import compare_regimes
from spikegrid.job import logged

with logged(snakemake.log[0], "indicators"):
    features = pd.read_parquet(snakemake.input.features)
    write_table(snakemake.output.indicators, compare_regimes(features, snakemake.params.indicators))
