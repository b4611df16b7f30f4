# Histories and features of all runs -> the tables that people read.


rule collect:
    """Join the histories and features of all runs."""
    input:
        histories=grid.run_files("history.csv"),
        features=grid.feature_files(),
    output:
        history="results/tables/history.csv",
        runs="results/tables/runs.csv",
        features="results/tables/features.parquet",
    log:
        "results/logs/collect.log",
    benchmark:
        "results/benchmarks/collect.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        targets=grid.target_accuracies(),
        code=grid.code("collect"),
    script:
        "../scripts/collect.py"


rule indicators:
    """Compare memorizing with generalizing networks, feature by feature."""
    input:
        features=rules.collect.output.features,
    output:
        indicators="results/tables/indicators.csv",
    log:
        "results/logs/indicators.log",
    benchmark:
        "results/benchmarks/indicators.tsv"
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        indicators=grid.config["indicators"],
        code=grid.code("indicators"),
    script:
        "../scripts/indicators.py"
