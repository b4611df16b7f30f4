"""Draw firing rates and Fano factors over training, for all datasets and architectures."""

from spikegrid.features import read_table
from spikegrid.figures import style
from spikegrid.figures.firing_over_training import draw_firing_over_training
from spikegrid.job import logged

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    observable = [("observable", "==", snakemake.wildcards.observable)]
    features = read_table(snakemake.input.features, filters=observable)
    style.save(
        draw_firing_over_training(features, params.regimes, params.confidence), *output, names=snakemake.wildcards
    )
