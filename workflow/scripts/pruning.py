"""Compare the areas under the curves of pruning of all runs, by criterion and regime."""

from spikegrid.features import write_table
from spikegrid.job import logged
from spikegrid.pruning_areas import compare_pruning
from spikegrid.tables import final_accuracies, join_histories, join_tables

params = snakemake.params

with logged(snakemake.log[0], "pruning"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    curves = join_tables(snakemake.input.curves, runs)
    write_table(snakemake.output.pruning, compare_pruning(curves, params.indicators))
