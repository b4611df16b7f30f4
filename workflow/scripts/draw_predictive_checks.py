"""Draw which model reproduces which statistic of the networks of one architecture on one dataset, by regime."""

from spikegrid.figures import style
from spikegrid.figures.predictive_checks import draw_predictive_checks, read_checks
from spikegrid.job import logged

params, output, cell = snakemake.params, snakemake.output, snakemake.wildcards

with logged(snakemake.log[0], f"figure {output.png}"):
    checks = read_checks(snakemake.input.simulation, cell.observable, cell.dataset, cell.architecture)
    style.save(draw_predictive_checks(checks, params.regimes), *output, names=snakemake.wildcards)
