"""Read the networks of one run from files of state dicts and keep them as training does."""

from spikegrid import images
from spikegrid.checkpoints import save_checkpoints
from spikegrid.device import prepare_device
from spikegrid.history import save_history
from spikegrid.job import logged
from spikegrid.state_dicts import import_block

params = snakemake.params

with logged(snakemake.log[0], "/".join(params.run[axis] for axis in ("dataset", "architecture", "regime"))):
    networks = import_block(
        params.run,
        images.load(snakemake.input.dataset),
        params.architecture,
        params.epochs,
        snakemake.input.states,
        snakemake.input.labels,
        prepare_device(snakemake.resources.gpu, snakemake.threads),
    )
    save_checkpoints(snakemake.output.checkpoints, params.run, params.architecture, params.regime, networks)
    save_history(snakemake.output.history, params.run, (row for network in networks for row in network.history))
