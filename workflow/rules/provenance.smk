# Image sets, and the logs of all jobs -> what the results were made of.

# In a module, where its prefix puts a file.
placed = workflow.modifier.modify_path
own_rules = workflow.modifier.rules


rule provenance_page:
    """Make a page of the configuration and of all else that the results were made of."""
    input:
        provenance="results/provenance.json",
    output:
        page=report(
            "results/provenance.html",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"page": "configuration and provenance"},
        ),
    log:
        "results/logs/provenance_page.log",
    benchmark:
        "results/benchmarks/provenance_page.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        code=grid.code("provenance_page"),
    script:
        "../scripts/provenance_page.py"


rule provenance:
    """Say what the tables were made of: configuration, code, data, versions and machines."""
    input:
        datasets=expand(rules.prepare_dataset.output.dataset, dataset=grid.image_sets),
        tables=grid.tables(),
    output:
        report(
            "results/provenance.json",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"page": "the same as data"},
        ),
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
        codes=grid.code_of_all(rule.script for rule in workflow.rules if rule in own_rules and rule.script),
        logs=lambda wildcards: {step: [str(placed(log)) for log in logs] for step, logs in grid.logs().items()},
        code=grid.code("provenance"),
    script:
        "../scripts/provenance.py"
