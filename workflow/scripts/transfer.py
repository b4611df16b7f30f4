"""Sum up what linear probes read off the layers of all networks."""

from spikegrid.features import write_table
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_histories, join_tables
from spikegrid.transfer_accuracies import transfer_accuracies

params = snakemake.params

with logged(snakemake.log[0], "transfer"):
    runs = final_accuracies(join_histories(snakemake.input.histories), params.targets)
    probes = join_tables(snakemake.input.probes, runs)
    write_table(snakemake.output.transfer, transfer_accuracies(probes, params.indicators))
