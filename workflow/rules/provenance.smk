# Image sets, and the logs of all jobs -> what the results were made of.


rule provenance:
    """Say what the tables were made of: configuration, code, data, versions and machines."""
    input:
        datasets=expand(rules.prepare_dataset.output.dataset, dataset=grid.image_sets),
        tables=grid.tables(),
    output:
        report("results/provenance.json", caption="../report/provenance.rst", category="Provenance"),
    log:
        "results/logs/provenance.log",
    benchmark:
        "results/benchmarks/provenance.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        config=grid.settings(),
        codes=grid.code_of_all(rule.script for rule in workflow.rules if rule.script),
        logs=lambda wildcards: grid.logs(),
        code=grid.code("provenance"),
    script:
        "../scripts/provenance.py"
