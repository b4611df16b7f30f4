"""Draw the features of one observable against the training loss, for one architecture on one dataset."""

from spikegrid.figures import style
from spikegrid.figures.against_loss import draw_against_loss
from spikegrid.job import logged
from spikegrid.tables import final_accuracies, join_features, join_histories

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    history = join_histories(snakemake.input.histories)
    features = join_features(snakemake.input.features, final_accuracies(history, params.targets))
    style.save(
        draw_against_loss(features, history, params.regimes, params.confidence), *output, names=snakemake.wildcards
    )
