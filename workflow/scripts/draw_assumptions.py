"""Draw which assumptions of a stochastic process hold in the networks of one architecture on one dataset."""

from spikegrid.figures import style
from spikegrid.figures.assumptions import draw_assumptions
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_features, join_histories

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    features = join_features(snakemake.input.features, runs)
    style.save(draw_assumptions(features, params.regimes), *output, names=snakemake.wildcards)
