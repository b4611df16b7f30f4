"""Join the histories and features of all runs into tables."""

from spikegrid.features import write_table
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_features, join_histories, warn_of_missed_targets

with logged(snakemake.log[0], "collect") as log:
    history = join_histories(snakemake.input.histories)
    runs = final_accuracies(history, snakemake.params.targets)
    warn_of_missed_targets(runs)
    features = join_features(snakemake.input.features, runs)
    write_table(snakemake.output.history, history)
    write_table(snakemake.output.runs, runs)
    write_table(snakemake.output.features, features)
    log.info("%d networks, %d values", len(runs), len(features))
