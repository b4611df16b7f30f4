# Probes of all runs, and the features of the same layers -> what networks are worth for another dataset.


rule transfer:
    """Sum up what linear probes read off the layers of all networks, for other datasets."""
    input:
        histories=grid.run_files("history.csv"),
        probes=grid.further_files("transfer", "probes"),
    output:
        transfer="results/tables/transfer.csv",
    log:
        "results/logs/transfer.log",
    benchmark:
        "results/benchmarks/transfer.tsv"
    priority: 1
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
    params:
        targets=grid.target_accuracies(),
        indicators=grid.config["indicators"],
        code=grid.code("transfer"),
    script:
        "../scripts/transfer.py"


rule transfer_predictors:
    """Correlate the features of the spikes of each layer with what linear probes read off it."""
    input:
        features=rules.collect.output.features,
        runs=rules.collect.output.runs,
    output:
        predictors="results/tables/transfer_predictors.csv",
    log:
        "results/logs/transfer_predictors.log",
    benchmark:
        "results/benchmarks/transfer_predictors.tsv"
    priority: 1
    conda:
        "../../envs/tables.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
    params:
        transfers=grid.transfers(),
        predictors=grid.spike_observables,
        indicators=grid.config["indicators"],
        code=grid.code("transfer_predictors"),
    script:
        "../scripts/transfer_predictors.py"


rule draw_transfer_accuracy:
    """Draw what linear probes read off each layer, for one dataset and architecture."""
    input:
        transfer=rules.transfer.output.transfer,
    output:
        pdf="results/figures/{observable}/transfer_accuracy/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/transfer_accuracy/{dataset}/{architecture}.png",
            caption="../report/transfer_accuracy.rst",
            category="8 Uses",
            subcategory="{observable}",
            labels={"figure": "transfer by layer", **grid.network_labels},
        ),
        csv="results/figures/{observable}/transfer_accuracy/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_transfer_accuracy/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_transfer_accuracy/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        target=lambda w: grid.transfers()[w.observable],
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_transfer_accuracy"),
    script:
        "../scripts/draw_transfer_accuracy.py"


rule draw_transfer_predictors:
    """Draw which features of spikes go with what linear probes read off, for one dataset and architecture."""
    input:
        predictors=rules.transfer_predictors.output.predictors,
    output:
        pdf="results/figures/{observable}/transfer_predictors/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/transfer_predictors/{dataset}/{architecture}.png",
            caption="../report/transfer_predictors.rst",
            category="8 Uses",
            subcategory="{observable}",
            labels={"figure": "predictors of transfer, all regimes", **grid.networks_named},
        ),
        csv="results/figures/{observable}/transfer_predictors/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_transfer_predictors/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_transfer_predictors/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        target=lambda w: grid.transfers()[w.observable],
        confidence=grid.config["indicators"]["confidence"],
        false_discovery_rate=grid.config["indicators"]["false_discovery_rate"],
        code=grid.code("draw_transfer_predictors"),
    script:
        "../scripts/draw_transfer_predictors.py"
