"""Draw flip distances against the effective dimension of the last layer, for one architecture on one dataset."""

from spikegrid.features import read_table
from spikegrid.figures import style
from spikegrid.figures.fragility_against_dimension import draw_fragility_against_dimension
from spikegrid.job import logged

params, output, names = snakemake.params, snakemake.output, snakemake.wildcards

with logged(snakemake.log[0], f"figure {output.png}"):
    chosen = [
        ("dataset", "==", names.dataset),
        ("architecture", "==", names.architecture),
        ("observable", "in", [names.observable, params.dimension]),
    ]
    features = read_table(snakemake.input.features, filters=chosen)
    style.save(draw_fragility_against_dimension(features, params.regimes), *output, names=snakemake.wildcards)
