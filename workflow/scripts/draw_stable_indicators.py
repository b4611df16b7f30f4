"""Draw the ranked indicators: effect and interval in every dataset and architecture."""

from spikegrid import indicators, stability
from spikegrid.figures import style
from spikegrid.figures.stable_indicators import draw_stable_indicators
from spikegrid.job import logged
from spikegrid.tables import read_named

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    stable = read_named(snakemake.input.stable, stability.COLUMNS)
    compared = read_named(snakemake.input.indicators, indicators.COLUMNS)
    figure = draw_stable_indicators(stable, compared, params.memorizing, params.generalizing, params.confidence)
    style.save(figure, *output, names=snakemake.wildcards)
