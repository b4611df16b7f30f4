"""Draw the Fano factor against the firing rate of the units of one architecture on one dataset."""

from spikegrid.figures import style
from spikegrid.figures.fano_against_rate import draw_fano_against_rate
from spikegrid.figures.networks import final_units
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_histories

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    units = final_units(snakemake.input.units, runs)
    style.save(draw_fano_against_rate(units, params.regimes), *output, names=snakemake.wildcards)
