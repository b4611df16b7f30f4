"""Measure one observable on the networks of one run."""

from spikegrid.device import prepare_device
from spikegrid.features import write_observed
from spikegrid.job import logged
from spikegrid.plugins import load_plugin

entry = snakemake.params.observable

with logged(snakemake.log[0], f"observable {snakemake.output.features}"):
    prepare_device(snakemake.resources.gpu, snakemake.threads)
    observe = load_plugin("observables", entry["plugin"])
    observed = observe(dict(snakemake.input.items()), **entry["parameters"])
    write_observed(dict(snakemake.output.items()), observed)
