# Predictive checks of all runs -> the table of which model reproduces which statistic, and its figures, each as pdf and
# png, with their data as csv. The png and its caption go into the report.


rule simulation:
    """Join the predictive checks of all runs: which model reproduces which statistic of which regime."""
    input:
        histories=grid.run_files("history.csv"),
        simulations=grid.further_files("simulation", "simulation"),
    output:
        simulation="results/tables/simulation.csv",
    log:
        "results/logs/simulation.log",
    benchmark:
        "results/benchmarks/simulation.tsv"
    priority: 1
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
    params:
        targets=grid.target_accuracies(),
        indicators=grid.config["indicators"],
        code=grid.code("simulation"),
    script:
        "../scripts/simulation.py"


rule draw_predictive_checks:
    """Draw which model reproduces which statistic of which regime, for one dataset and architecture."""
    input:
        simulation=rules.simulation.output.simulation,
    output:
        pdf="results/figures/{observable}/predictive_checks/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/predictive_checks/{dataset}/{architecture}.png",
            caption="../report/predictive_checks.rst",
            category="8 Uses",
            subcategory="{observable}",
            labels={"figure": "predictive checks", **grid.network_labels},
        ),
        csv="results/figures/{observable}/predictive_checks/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_predictive_checks/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_predictive_checks/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        level=lambda w: grid.observable(w.observable)["parameters"]["level"],
        surrogates=lambda w: grid.observable(w.observable)["parameters"]["surrogates"],
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_predictive_checks"),
    script:
        "../scripts/draw_predictive_checks.py"
