"""Draw how far memorizing networks lie from generalizing ones in the features of one observable."""

from spikegrid.figures import style
from spikegrid.figures.indicator_map import draw_indicator_map, read_indicators
from spikegrid.job import logged

params, output = snakemake.params, snakemake.output

with logged(snakemake.log[0], f"figure {output.png}"):
    indicators = read_indicators(snakemake.input.indicators, snakemake.wildcards.observable)
    figure = draw_indicator_map(indicators, params.regimes, params.memorizing, params.generalizing)
    style.save(figure, *output, names=snakemake.wildcards)
