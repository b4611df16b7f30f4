# Histories and measures of networks themselves -> figures, each as pdf and png, with their data as csv. The png and
# its caption go into the report.


rule draw_response_decay:
    """Draw how the training response and its factors age, for one dataset and architecture."""
    input:
        features=lambda w: grid.run_files(f"observables/{w.observable}.parquet", **grid.shown(w)),
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/response_decay/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/response_decay/{dataset}/{architecture}.png",
            caption="../report/response_decay.rst",
            category=grid.chapter,
            subcategory="{observable}",
            labels={"figure": "response and its factors", **grid.network_labels},
        ),
        csv="results/figures/{observable}/response_decay/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_response_decay/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_response_decay/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        step=lambda w: grid.observable(w.observable)["parameters"]["step"],
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_response_decay"),
    script:
        "../scripts/draw_response_decay.py"


rule draw_response_kernel:
    """Draw the tangent kernel and the response against the distance of images, for one dataset and architecture."""
    input:
        kernels=lambda w: grid.run_files(f"kernel/{w.observable}.parquet", **grid.shown(w)),
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/response_kernel/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/response_kernel/{dataset}/{architecture}.png",
            caption="../report/response_kernel.rst",
            category=grid.chapter,
            subcategory="{observable}",
            labels={"figure": "kernel against distance", **grid.network_labels},
        ),
        csv="results/figures/{observable}/response_kernel/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_response_kernel/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_response_kernel/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_response_kernel"),
    script:
        "../scripts/draw_response_kernel.py"


rule draw_fragility_against_dimension:
    """Draw flip distances against the effective dimension of the last layer, for one dataset and architecture."""
    input:
        features=rules.collect.output.features,
    output:
        pdf="results/figures/{observable}/fragility_against_dimension/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/fragility_against_dimension/{dataset}/{architecture}.png",
            caption="../report/fragility_against_dimension.rst",
            category=grid.chapter,
            subcategory="{observable}",
            labels={"figure": "fragility against dimension", **grid.network_labels},
        ),
        csv="results/figures/{observable}/fragility_against_dimension/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_fragility_against_dimension/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_fragility_against_dimension/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        dimension=lambda w: grid.counterpart(w.observable, "dimension"),
        code=grid.code("draw_fragility_against_dimension"),
    script:
        "../scripts/draw_fragility_against_dimension.py"
