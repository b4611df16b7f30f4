"""Draw what linear probes read off each layer, for one architecture on one dataset."""

import pandas as pd

from spikegrid.figures import style
from spikegrid.figures.transfer_accuracy import draw_transfer_accuracy
from spikegrid.job import logged
from spikegrid.tables import read_named
from spikegrid.transfer_accuracies import COLUMNS

params, output, names = snakemake.params, snakemake.output, snakemake.wildcards

with logged(snakemake.log[0], f"figure {output.png}"):
    table = read_named(snakemake.input.transfer, COLUMNS)
    shown = pd.Series({axis: names[axis] for axis in ("dataset", "architecture", "observable")})
    table = table[(table[list(shown.index)] == shown).all(axis=1)]
    style.save(draw_transfer_accuracy(table, params.regimes, params.confidence), *output, names=snakemake.wildcards)
