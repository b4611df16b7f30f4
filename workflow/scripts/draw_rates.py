"""Draw the distribution of firing rates over the units of one architecture on one dataset."""

from spikegrid.figures import style
from spikegrid.figures.networks import final_units
from spikegrid.figures.rates import draw_rates
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_histories

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    units = final_units(snakemake.input.units, runs)
    style.save(draw_rates(units, params.regimes), *output, names=snakemake.wildcards)
