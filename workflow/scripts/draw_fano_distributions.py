"""Draw the distribution of F / (1 - p) over the units of one architecture on one dataset."""

from spikegrid import spikes
from spikegrid.figures import style
from spikegrid.figures.fano_distributions import draw_fano_distributions
from spikegrid.figures.networks import final_units
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_histories

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    units = final_units(snakemake.input.units, runs)
    with spikes.load(snakemake.input.spikes) as presented:
        windows = len(presented.index) // params.window
    style.save(draw_fano_distributions(units, params.regimes, windows), *output, names=snakemake.wildcards)
