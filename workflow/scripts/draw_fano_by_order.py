"""Draw F / (1 − p) by the order of images, for all datasets and architectures."""

from spikegrid.features import read_table
from spikegrid.figures import style
from spikegrid.figures.fano_by_order import draw_fano_by_order
from spikegrid.job import logged

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    observable = [("observable", "==", snakemake.wildcards.observable)]
    features = read_table(snakemake.input.features, filters=observable)
    style.save(draw_fano_by_order(features, params.regimes, params.confidence), *output, names=snakemake.wildcards)
