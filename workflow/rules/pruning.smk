# What is left of accuracy as units are removed: curves of all runs -> table and figures. The png and its caption go
# into the report.


rule pruning:
    """Compare orders of removal with random ones, and regimes with generalizing networks."""
    input:
        histories=grid.run_files("history.csv"),
        curves=grid.further_files("pruning", "pruning"),
    output:
        pruning="results/tables/pruning.csv",
    log:
        "results/logs/pruning.log",
    benchmark:
        "results/benchmarks/pruning.tsv"
    priority: 1
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
    params:
        targets=grid.target_accuracies(),
        indicators=grid.config["indicators"],
        code=grid.code("pruning"),
    script:
        "../scripts/pruning.py"


rule draw_pruning_curves:
    """Draw accuracy against the share of units removed, by criterion, for one dataset and architecture."""
    input:
        curves=lambda w: grid.run_files(f"pruning/{w.observable}.parquet", **grid.shown(w)),
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/pruning_curves/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/pruning_curves/{dataset}/{architecture}.png",
            caption="../report/pruning_curves.rst",
            category="8 Uses",
            subcategory="{observable}",
            labels={"figure": "pruning by criterion", **grid.network_labels},
        ),
        csv="results/figures/{observable}/pruning_curves/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_pruning_curves/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_pruning_curves/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_pruning_curves"),
    script:
        "../scripts/draw_pruning_curves.py"


rule draw_random_ablation:
    """Draw accuracy against the share of units removed at random, layer by layer, for one dataset and architecture."""
    input:
        curves=lambda w: grid.run_files(f"pruning/{w.observable}.parquet", **grid.shown(w)),
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/random_ablation/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/random_ablation/{dataset}/{architecture}.png",
            caption="../report/random_ablation.rst",
            category="8 Uses",
            subcategory="{observable}",
            labels={"figure": "random ablation", **grid.network_labels},
        ),
        csv="results/figures/{observable}/random_ablation/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_random_ablation/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_random_ablation/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_random_ablation"),
    script:
        "../scripts/draw_random_ablation.py"
