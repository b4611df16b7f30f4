"""Draw inter-spike intervals of one architecture on one dataset against the geometric and the exponential law."""

from spikegrid.figures import style
from spikegrid.figures.interval_laws import draw_interval_laws
from spikegrid.figures.networks import final_units
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_histories

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    histograms = final_units(snakemake.input.histograms, runs)
    style.save(draw_interval_laws(histograms, params.regimes), *output, names=snakemake.wildcards)
