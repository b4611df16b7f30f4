# Histories, spikes and measures of runs -> figures, each as pdf and png. The png and its caption go into the report.


# results/figures/training/indicators.png would be of the dataset indicators or of the observable training.
ruleorder: draw_indicator_map > draw_training_curves


rule draw_training_curves:
    """Draw loss and accuracies over training, for one dataset."""
    input:
        histories=lambda w: grid.run_files("history.csv", dataset=w.dataset),
    output:
        pdf="results/figures/training/{dataset}.pdf",
        png=report(
            "results/figures/training/{dataset}.png",
            caption="../report/training_curves.rst",
            category="Training",
            labels={"figure": "training curves", "dataset": "{dataset}"},
        ),
    log:
        "results/logs/draw_training_curves/{dataset}.log",
    benchmark:
        "results/benchmarks/draw_training_curves/{dataset}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        regimes=list(grid.config["regimes"]),
        targets=lambda w: grid.target_accuracies(dataset=w.dataset),
        code=grid.code("draw_training_curves"),
    script:
        "../scripts/draw_training_curves.py"


rule draw_raster:
    """Draw rasters of one network of each regime, for one dataset and architecture."""
    input:
        spikes=lambda w: grid.run_files("spikes.npz", grid.blocks[0], dataset=w.dataset, architecture=w.architecture),
        histories=lambda w: grid.run_files(
            "history.csv", grid.blocks[0], dataset=w.dataset, architecture=w.architecture
        ),
    output:
        pdf="results/figures/raster/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/raster/{dataset}/{architecture}.png",
            caption="../report/raster.rst",
            category="Spike trains",
            labels={"figure": "raster", "dataset": "{dataset}", "architecture": "{architecture}"},
        ),
    log:
        "results/logs/draw_raster/{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_raster/{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        regimes=list(grid.config["regimes"]),
        targets=lambda w: grid.target_accuracies(dataset=w.dataset, architecture=w.architecture),
        code=grid.code("draw_raster"),
    script:
        "../scripts/draw_raster.py"


rule draw_rates:
    """Draw the distribution of firing rates over units, for one dataset and architecture."""
    input:
        units=lambda w: grid.run_files(f"units/{w.observable}.parquet", dataset=w.dataset, architecture=w.architecture),
        histories=lambda w: grid.run_files("history.csv", dataset=w.dataset, architecture=w.architecture),
    output:
        pdf="results/figures/{observable}/rates/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/rates/{dataset}/{architecture}.png",
            caption="../report/rates.rst",
            category="Measures",
            subcategory="{observable}",
            labels={"figure": "rates", "dataset": "{dataset}", "architecture": "{architecture}"},
        ),
    log:
        "results/logs/draw_rates/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_rates/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        regimes=list(grid.config["regimes"]),
        targets=lambda w: grid.target_accuracies(dataset=w.dataset, architecture=w.architecture),
        code=grid.code("draw_rates"),
    script:
        "../scripts/draw_rates.py"


rule draw_fano_against_rate:
    """Draw Fano factor against firing rate of every unit, for one dataset and architecture."""
    input:
        units=lambda w: grid.run_files(f"units/{w.observable}.parquet", dataset=w.dataset, architecture=w.architecture),
        histories=lambda w: grid.run_files("history.csv", dataset=w.dataset, architecture=w.architecture),
    output:
        pdf="results/figures/{observable}/fano_against_rate/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/fano_against_rate/{dataset}/{architecture}.png",
            caption="../report/fano_against_rate.rst",
            category="Measures",
            subcategory="{observable}",
            labels={"figure": "Fano against rate", "dataset": "{dataset}", "architecture": "{architecture}"},
        ),
    log:
        "results/logs/draw_fano_against_rate/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_fano_against_rate/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        regimes=list(grid.config["regimes"]),
        targets=lambda w: grid.target_accuracies(dataset=w.dataset, architecture=w.architecture),
        window=lambda w: grid.observable(w.observable)["parameters"]["window"],
        code=grid.code("draw_fano_against_rate"),
    script:
        "../scripts/draw_fano_against_rate.py"


rule draw_over_training:
    """Draw the features of one observable over training, for one dataset and architecture."""
    input:
        features=lambda w: grid.run_files(
            f"observables/{w.observable}.parquet", dataset=w.dataset, architecture=w.architecture
        ),
        histories=lambda w: grid.run_files("history.csv", dataset=w.dataset, architecture=w.architecture),
    output:
        pdf="results/figures/{observable}/over_training/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/over_training/{dataset}/{architecture}.png",
            caption="../report/over_training.rst",
            category="Measures",
            subcategory="{observable}",
            labels={"figure": "over training", "dataset": "{dataset}", "architecture": "{architecture}"},
        ),
    log:
        "results/logs/draw_over_training/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_over_training/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        regimes=list(grid.config["regimes"]),
        targets=lambda w: grid.target_accuracies(dataset=w.dataset, architecture=w.architecture),
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_over_training"),
    script:
        "../scripts/draw_over_training.py"


rule draw_indicator_map:
    """Draw how far memorizing networks lie from generalizing ones, for one observable."""
    input:
        indicators=rules.indicators.output.indicators,
    output:
        pdf="results/figures/{observable}/indicators.pdf",
        png=report(
            "results/figures/{observable}/indicators.png",
            caption="../report/indicator_map.rst",
            category="Indicators",
            labels={"figure": "indicator map", "observable": "{observable}"},
        ),
    log:
        "results/logs/draw_indicator_map/{observable}.log",
    benchmark:
        "results/benchmarks/draw_indicator_map/{observable}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        regimes=list(grid.config["regimes"]),
        memorizing=grid.config["indicators"]["memorizing"],
        generalizing=grid.config["indicators"]["generalizing"],
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_indicator_map"),
    script:
        "../scripts/draw_indicator_map.py"
