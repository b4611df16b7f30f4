"""Draw accuracy against the share of units removed at random, layer by layer, of one architecture on one dataset."""

from spikegrid.figures import style
from spikegrid.figures.pruning import draw_random_ablation
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_histories, join_tables

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    curves = join_tables(snakemake.input.curves, runs)
    style.save(draw_random_ablation(curves, params.regimes, params.confidence), *output, names=snakemake.wildcards)
