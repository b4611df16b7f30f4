# Tables -> what the report shows beside figures: its opening page, and tables that sort.


rule overview:
    """Say in words, with numbers, what was run and what was found."""
    input:
        datasets=expand(rules.prepare_dataset.output.dataset, dataset=grid.datasets),
        features=rules.collect.output.features,
        tables=grid.csv_tables(),
    output:
        page=report(
            "results/overview.html",
            caption="../report/overview.rst",
            category="1 Overview",
            labels={"page": "what was run and found"},
        ),
    log:
        "results/logs/overview.log",
    benchmark:
        "results/benchmarks/overview.tsv"
    priority: 1
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        kinds={name: entry["kind"] for name, entry in grid.config["observables"].items()},
        indicators=grid.config["indicators"],
        code=grid.code("overview"),
    script:
        "../scripts/overview.py"


rule table_page:
    """Make a page of a table that sorts, filters and turns its pages."""
    input:
        table="results/tables/{table}.csv",
    output:
        page=report(
            "results/pages/{table}.html",
            caption="../report/table_page.rst",
            category="9 Tables",
            labels={"table": "{table}"},
        ),
    log:
        "results/logs/table_page/{table}.log",
    benchmark:
        "results/benchmarks/table_page/{table}.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        code=grid.code("table_page"),
    script:
        "../scripts/table_page.py"
