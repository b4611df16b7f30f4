"""Load one image set, split and subsample it, and write it in the workflow's format."""

from spikegrid import images
from spikegrid.job import logged
from spikegrid.plugins import load_plugin

entry = snakemake.params.dataset

with logged(snakemake.log[0], f"dataset {entry['name']}") as log:
    load = load_plugin("datasets", entry["plugin"])
    loaded = load(snakemake.resources.data_root, **entry["parameters"])
    prepared = images.prepare(loaded, entry["name"], entry["train_size"], entry["test_size"], entry["test_share"])
    images.save(snakemake.output.dataset, prepared)
    log.info("%d images of shape %s from %s", len(prepared.images), prepared.images.shape[1:], prepared.source)
