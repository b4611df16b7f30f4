"""Draw how well detectors of memorization do on networks that they were not fitted to."""

from spikegrid.detector_scores import COLUMNS
from spikegrid.figures import style
from spikegrid.figures.detector import draw_detector
from spikegrid.job import logged
from spikegrid.tables import read_named

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    scores = read_named(snakemake.input.scores, COLUMNS)
    style.save(
        draw_detector(scores, params.memorizing, params.generalizing, params.confidence),
        *output,
        names=snakemake.wildcards,
    )
