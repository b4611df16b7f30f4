# The door of the workflow: run `snakemake --cores all` here. Everything else is in workflow/.
include: "workflow/Snakefile"


rule all:
    default_target: True
    input:
        rules.results.input,
