"""Draw the features of one observable over training with the laws fitted, for one architecture on one dataset."""

import pandas as pd

from spikegrid.dynamics import COLUMNS
from spikegrid.features import read_table
from spikegrid.figures import style
from spikegrid.figures.growth import draw_growth
from spikegrid.job import logged
from spikegrid.tables import read_named

params, output, names = snakemake.params, snakemake.output, snakemake.wildcards

with logged(snakemake.log[0], f"figure {output.png}"):
    shown = {"dataset": names.dataset, "architecture": names.architecture, "observable": names.observable}
    features = read_table(snakemake.input.features, filters=[(axis, "==", name) for axis, name in shown.items()])
    dynamics = read_named(snakemake.input.dynamics, COLUMNS)
    dynamics = dynamics[(dynamics[list(shown)] == pd.Series(shown)).all(axis=1)]
    style.save(draw_growth(features, dynamics, params.regimes, params.confidence), *output, names=snakemake.wildcards)
