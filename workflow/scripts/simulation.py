"""Join the predictive checks of all runs: which model reproduces which statistic of which regime."""

from spikegrid.features import write_table
from spikegrid.job import logged
from spikegrid.simulation import summarize_checks
from spikegrid.tables import final_accuracies, join_histories, join_tables

params = snakemake.params

with logged(snakemake.log[0], "simulation"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    checks = join_tables(snakemake.input.simulations, runs)
    write_table(snakemake.output.simulation, summarize_checks(checks, params.indicators))
