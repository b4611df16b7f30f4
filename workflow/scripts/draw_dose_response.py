"""Draw features against the share of wrong labels and the number of training images, for one dataset."""

from spikegrid import doses, stability
from spikegrid.features import read_table
from spikegrid.figures import style
from spikegrid.figures.dose_response import draw_dose_response
from spikegrid.job import logged
from spikegrid.tables import RUN_COLUMNS, read_named

params, output, dataset = snakemake.params, snakemake.output, snakemake.wildcards.dataset

with logged(snakemake.log[0], f"figure {output.png}"):
    features = read_table(snakemake.input.features, filters=[("dataset", "==", dataset)])
    runs = read_named(snakemake.input.runs, RUN_COLUMNS)
    response = read_named(snakemake.input.doses, doses.COLUMNS)
    stable = read_named(snakemake.input.stable, stability.COLUMNS)
    runs, response = (table[table["dataset"] == dataset] for table in (runs, response))
    compared = params.memorizing, params.generalizing, params.confidence
    figure = draw_dose_response(features, runs, params.series, response, stable, *compared)
    style.save(figure, *output, names=snakemake.wildcards)
