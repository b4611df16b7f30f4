"""Show the same images to every checkpoint of one run and write the spikes of its thresholded nodes."""

from spikegrid import images
from spikegrid.checkpoints import Checkpoints
from spikegrid.device import prepare_device
from spikegrid.extraction import extract_spikes
from spikegrid.job import logged

with logged(snakemake.log[0], f"spikes {snakemake.output.spikes}"):
    extract_spikes(
        Checkpoints(snakemake.input.checkpoints),
        images.load(snakemake.input.dataset),
        snakemake.params.spikes,
        prepare_device(snakemake.resources.gpu, snakemake.threads),
        snakemake.output.spikes,
    )
