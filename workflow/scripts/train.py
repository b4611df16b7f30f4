"""Train the networks of one run and keep their checkpoints and history."""

from spikegrid import images
from spikegrid.checkpoints import save_checkpoints
from spikegrid.device import prepare_device
from spikegrid.history import save_history
from spikegrid.job import logged
from spikegrid.training import train_block

params = snakemake.params

with logged(snakemake.log[0], "/".join(params.run[axis] for axis in ("dataset", "architecture", "regime"))):
    networks = train_block(
        params.run,
        images.load(snakemake.input.dataset),
        params.architecture,
        params.regime,
        params.training,
        prepare_device(snakemake.resources.gpu, snakemake.threads, params.training["precision"]),
    )
    save_checkpoints(snakemake.output.checkpoints, params.run, params.architecture, params.regime, networks)
    save_history(snakemake.output.history, params.run, (row for network in networks for row in network.history))
