"""Write what the results were made of as a page of the report."""

import json
from pathlib import Path

from spikegrid.files import write_text
from spikegrid.job import logged
from spikegrid.provenance_page import provenance_page

with logged(snakemake.log[0], "provenance page"):
    provenance = json.loads(Path(snakemake.input.provenance).read_text(encoding="utf-8"))
    write_text(snakemake.output.page, provenance_page(provenance))
