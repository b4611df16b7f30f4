"""Write the opening page of the report: what was run and what was found."""

from pathlib import Path

from spikegrid import images
from spikegrid.features import read_table
from spikegrid.files import write_text
from spikegrid.job import logged
from spikegrid.overview import COLUMNS, overview
from spikegrid.tables import read_named

params, given = snakemake.params, snakemake.input

with logged(snakemake.log[0], "overview"):
    image_sets = {Path(path).stem: images.load(path) for path in given.datasets}
    paths = {Path(path).stem: path for path in given.tables}
    tables = {name: read_named(paths[name], columns) for name, columns in COLUMNS.items() if name in paths}
    features = read_table(given.features)
    write_text(snakemake.output.page, overview(image_sets, features, tables, params.kinds, params.indicators))
