"""Draw tangent kernel and training response of one architecture on one dataset against the distance of images."""

from spikegrid.figures import style
from spikegrid.figures.networks import values_over_training
from spikegrid.figures.response_kernel import draw_response_kernel
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_histories

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    pairs = values_over_training(snakemake.input.kernels, runs)
    style.save(draw_response_kernel(pairs, params.regimes, params.confidence), *output, names=snakemake.wildcards)
