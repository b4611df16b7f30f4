"""Rank the features by whether they tell memorizing from generalizing networks in every cell of the grid."""

import pandas as pd

from spikegrid.features import write_table
from spikegrid.files import written_whole
from spikegrid.findings import findings_page
from spikegrid.job import logged
from spikegrid.stability import stable_indicators
from spikegrid.tables import read_named

params = snakemake.params

with logged(snakemake.log[0], "stable indicators") as log:
    features = pd.read_parquet(snakemake.input.features)
    indicators, doses = read_named(snakemake.input.indicators), read_named(snakemake.input.doses)
    ranked = stable_indicators(features, indicators, doses, params.indicators, params.traits)
    write_table(snakemake.output.stable, ranked)
    with written_whole(snakemake.output.findings) as temporary:
        temporary.write_text(findings_page(ranked, params.indicators), encoding="utf-8")
    log.info("%d of %d features are stable indicators", ranked["stable"].sum(), len(ranked))
