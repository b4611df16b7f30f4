"""Measure one observable on the artefacts of one run."""

from spikegrid.features import write_table
from spikegrid.job import logged
from spikegrid.plugins import load_plugin

entry = snakemake.params.observable

with logged(snakemake.log[0], f"observable {snakemake.output.features}"):
    observe = load_plugin("observables", entry["plugin"])
    tables = observe(dict(snakemake.input.items()), **entry["parameters"])
    if hasattr(snakemake.output, "units"):
        tables, units = tables
        write_table(snakemake.output.units, units)
    write_table(snakemake.output.features, tables)
