# Features of observables that read networks -> figures, each as pdf and png. The png and its caption go into the report.


rule draw_fragility_against_dimension:
    """Draw flip distances against the effective dimension of the last layer, for one dataset and architecture."""
    input:
        features=rules.collect.output.features,
    output:
        pdf="results/figures/{observable}/fragility_against_dimension/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/fragility_against_dimension/{dataset}/{architecture}.png",
            caption="../report/fragility_against_dimension.rst",
            category="Measures",
            subcategory="{observable}",
            labels={"figure": "fragility against dimension", "dataset": "{dataset}", "architecture": "{architecture}"},
        ),
    log:
        "results/logs/draw_fragility_against_dimension/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_fragility_against_dimension/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        dimension=lambda w: grid.counterpart(w.observable, "dimension"),
        code=grid.code("draw_fragility_against_dimension"),
    script:
        "../scripts/draw_fragility_against_dimension.py"
