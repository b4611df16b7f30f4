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
    priority: 1
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
    params:
        targets=grid.target_accuracies(),
        code=grid.code("collect"),
    script:
        "../scripts/collect.py"


rule process:
    """Join the tests and fits of all runs: the parameters that describe a network."""
    input:
        histories=grid.run_files("history.csv"),
        processes=grid.further_files("process", "process"),
    output:
        process="results/tables/process.csv",
    log:
        "results/logs/process.log",
    benchmark:
        "results/benchmarks/process.tsv"
    priority: 1
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
    params:
        targets=grid.target_accuracies(),
        code=grid.code("process"),
    script:
        "../scripts/process.py"


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
    priority: 1
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
    params:
        indicators=grid.config["indicators"],
        code=grid.code("indicators"),
    script:
        "../scripts/indicators.py"


rule doses:
    """Correlate every feature with the share of corrupted labels and with the number of training images."""
    input:
        features=rules.collect.output.features,
        runs=rules.collect.output.runs,
    output:
        doses="results/tables/doses.csv",
    log:
        "results/logs/doses.log",
    benchmark:
        "results/benchmarks/doses.tsv"
    priority: 1
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
    params:
        series=grid.dose_series(),
        indicators=grid.config["indicators"],
        code=grid.code("doses"),
    script:
        "../scripts/doses.py"


rule dynamics:
    """Fit laws of growth and decay to the course of every feature over training."""
    input:
        features=rules.collect.output.features,
    output:
        dynamics="results/tables/dynamics.csv",
    log:
        "results/logs/dynamics.log",
    benchmark:
        "results/benchmarks/dynamics.tsv"
    priority: 1
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
    params:
        indicators=grid.config["indicators"],
        code=grid.code("dynamics"),
    script:
        "../scripts/dynamics.py"


rule stable_indicators:
    """Rank the features by whether they tell memorizing from generalizing networks in every cell of the grid."""
    input:
        features=rules.collect.output.features,
        indicators=rules.indicators.output.indicators,
        doses=rules.doses.output.doses,
    output:
        stable="results/tables/stable_indicators.csv",
        findings=report(
            "results/tables/stable_indicators.html",
            caption="../report/stable_indicators.rst",
            category="5 Indicators",
            subcategory="ranked",
            labels={"figure": "stable indicators, in words", "regimes": grid.compared},
        ),
    log:
        "results/logs/stable_indicators.log",
    benchmark:
        "results/benchmarks/stable_indicators.tsv"
    priority: 1
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
    params:
        indicators=grid.config["indicators"],
        traits=grid.traits(),
        code=grid.code("stable_indicators"),
    script:
        "../scripts/stable_indicators.py"
