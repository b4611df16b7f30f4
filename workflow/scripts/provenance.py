"""Write what the results were made of."""

from spikegrid.job import logged
from spikegrid.provenance import write_provenance

params = snakemake.params

with logged(snakemake.log[0], "provenance"):
    write_provenance(snakemake.output[0], params.config, params.codes, snakemake.input.datasets, params.logs)
