"""Rank the features by whether they tell memorizing from generalizing networks in every cell of the grid."""

from spikegrid import doses, indicators
from spikegrid.features import read_table, write_table
from spikegrid.files import write_text
from spikegrid.findings import findings_page
from spikegrid.job import logged
from spikegrid.stability import stable_indicators
from spikegrid.tables import read_named

params = snakemake.params

with logged(snakemake.log[0], "stable indicators") as log:
    features = read_table(snakemake.input.features)
    compared = read_named(snakemake.input.indicators, indicators.COLUMNS)
    response = read_named(snakemake.input.doses, doses.COLUMNS)
    ranked = stable_indicators(features, compared, response, params.indicators, params.traits)
    write_table(snakemake.output.stable, ranked)
    write_text(snakemake.output.findings, findings_page(ranked, params.indicators))
    log.info("%d of %d features are stable indicators", ranked["stable"].sum(), len(ranked))
