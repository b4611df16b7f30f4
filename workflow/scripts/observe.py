"""Measure one observable on the artefacts of one run."""

from spikegrid.features import write_table
from spikegrid.job import logged
from spikegrid.packed_bits import set_threads
from spikegrid.plugins import load_plugin

set_threads(snakemake.threads)
entry = snakemake.params.observable

with logged(snakemake.log[0], f"observable {snakemake.output.features}"):
    observe = load_plugin("observables", entry["plugin"])
    observed = observe(dict(snakemake.input.items()), **entry["parameters"])
    tables = observed if isinstance(observed, dict) else {"features": observed}
    for name, path in snakemake.output.items():
        write_table(path, tables[name])
