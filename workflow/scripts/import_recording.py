"""Bin the spikes of one recorded session and write them as those of a network."""

from spikegrid.history import save_history
from spikegrid.job import logged
from spikegrid.recordings import import_session

params = snakemake.params

with logged(snakemake.log[0], f"recording {snakemake.input.session}"):
    epochs = import_session(snakemake.input.session, snakemake.output.spikes, params.run, **params.recording)
    (seed,) = params.run["seeds"]
    save_history(snakemake.output.history, params.run, ({"seed": seed, "epoch": epoch} for epoch in epochs))
