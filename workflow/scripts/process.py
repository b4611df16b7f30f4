"""Join the tests and fits of all runs into the table of parameters that describe each network."""

from spikegrid.features import write_table
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_histories, join_tables

with logged(snakemake.log[0], "process"):
    runs = final_accuracies(join_histories(snakemake.input.histories), snakemake.params.targets)
    write_table(snakemake.output.process, join_tables(snakemake.input.processes, runs))
