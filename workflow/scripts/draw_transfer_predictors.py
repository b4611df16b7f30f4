"""Draw which features of spikes go with what linear probes read off, for one architecture on one dataset."""

import pandas as pd

from spikegrid.figures import style
from spikegrid.figures.transfer_predictors import draw_transfer_predictors
from spikegrid.job import logged
from spikegrid.tables import read_named
from spikegrid.transfer_predictors import COLUMNS

params, output, names = snakemake.params, snakemake.output, snakemake.wildcards

with logged(snakemake.log[0], f"figure {output.png}"):
    table = read_named(snakemake.input.predictors, COLUMNS)
    shown = pd.Series({axis: names[axis] for axis in ("dataset", "architecture", "observable")})
    table = table[(table[list(shown.index)] == shown).all(axis=1)]
    figure = draw_transfer_predictors(table, params.false_discovery_rate, params.confidence)
    style.save(figure, *output, names=snakemake.wildcards)
