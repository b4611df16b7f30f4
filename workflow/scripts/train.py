"""Train the networks of one run, going on from where it was interrupted, and keep their checkpoints and history."""

from pathlib import Path

import torch

from spikegrid import images
from spikegrid.checkpoints import save_checkpoints
from spikegrid.device import prepare_device
from spikegrid.history import save_history
from spikegrid.job import logged
from spikegrid.seals import check_seal
from spikegrid.training import train_block
from spikegrid.unfinished import Unfinished, settings_key

params, resources = snakemake.params, snakemake.resources

with logged(snakemake.log[0], "/".join(params.run[axis] for axis in ("dataset", "architecture", "regime"))):
    image_set = images.load(snakemake.input.dataset)
    device = prepare_device(resources.gpu, snakemake.threads, params.training["precision"])
    key = settings_key(
        *(dict(params), check_seal(snakemake.input.dataset), torch.__version__, device.type, snakemake.threads)
    )
    unfinished = Unfinished(Path(snakemake.output.checkpoints).with_name("unfinished"), key, resources.save_seconds)
    networks = train_block(
        params.run, image_set, params.architecture, params.regime, params.training, device, unfinished
    )
    save_checkpoints(snakemake.output.checkpoints, params.run, params.architecture, params.regime, networks)
    save_history(snakemake.output.history, params.run, (row for network in networks for row in network.history))
    unfinished.remove()
