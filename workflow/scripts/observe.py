"""Measure one observable on the spikes or the history of one run."""

from spikegrid.features import write_observed
from spikegrid.job import logged
from spikegrid.packed_bits import set_threads
from spikegrid.plugins import load_plugin

set_threads(snakemake.threads)
entry = snakemake.params.observable

with logged(snakemake.log[0], f"observable {snakemake.output.features}"):
    observe = load_plugin("observables", entry["plugin"])
    observed = observe(dict(snakemake.input.items()), **entry["parameters"])
    write_observed(dict(snakemake.output.items()), observed)
