"""Draw the features of one observable over training, for one architecture on one dataset."""

from spikegrid.figures import style
from spikegrid.figures.over_training import draw_over_training
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_features, join_histories

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    features = join_features(snakemake.input.features, runs)
    style.save(draw_over_training(features, params.regimes, params.confidence), *output, names=snakemake.wildcards)
