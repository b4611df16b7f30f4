"""Draw features against the share of wrong labels and the number of training images, for one dataset."""

import pandas as pd

from spikegrid.figures import style
from spikegrid.figures.dose_response import draw_dose_response
from spikegrid.job import logged
from spikegrid.tables import read_named

params, output, dataset = snakemake.params, snakemake.output, snakemake.wildcards.dataset

with logged(snakemake.log[0], f"figure {output.png}"):
    features = pd.read_parquet(snakemake.input.features, filters=[("dataset", "==", dataset)])
    runs, doses = (
        table[table["dataset"] == dataset] for table in map(read_named, [snakemake.input.runs, snakemake.input.doses])
    )
    compared = params.memorizing, params.generalizing, params.confidence
    figure = draw_dose_response(features, runs, params.series, doses, read_named(snakemake.input.stable), *compared)
    style.save(figure, output.pdf, output.png)
