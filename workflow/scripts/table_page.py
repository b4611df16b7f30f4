"""Write a table as a page of the report that sorts and filters."""

from spikegrid.files import write_text
from spikegrid.job import logged
from spikegrid.table_page import table_page

with logged(snakemake.log[0], f"page {snakemake.output.page}"):
    write_text(snakemake.output.page, table_page(snakemake.input.table))
