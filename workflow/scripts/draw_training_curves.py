"""Draw loss and accuracies of the networks of one dataset over training."""

from spikegrid.figures import style
from spikegrid.figures.training_curves import draw_training_curves
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_histories

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    history = join_histories(snakemake.input.histories)
    runs = final_accuracies(history, params.targets)
    style.save(draw_training_curves(history, runs, params.regimes), *output, names=snakemake.wildcards)
