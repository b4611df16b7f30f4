# Histories, spikes and measures of runs -> figures, each as pdf and png, with their data as csv. The png and its
# caption go into the report.


# results/figures/training/indicators.png would be of the dataset indicators or of the observable training; so would
# others, of datasets and observables with names of figures.
ruleorder: draw_indicator_map > draw_fano_by_order > draw_firing_over_training > draw_training_curves > draw_dose_response


rule draw_training_curves:
    """Draw loss and accuracies over training, for one dataset."""
    input:
        histories=lambda w: grid.run_files("history.csv", dataset=w.dataset),
    output:
        pdf="results/figures/training/{dataset}.pdf",
        png=report(
            "results/figures/training/{dataset}.png",
            caption="../report/training_curves.rst",
            category="2 Training",
            labels={"figure": "training curves", "regimes": "all", "dataset": "{dataset}"},
        ),
        csv="results/figures/training/{dataset}.csv",
    log:
        "results/logs/draw_training_curves/{dataset}.log",
    benchmark:
        "results/benchmarks/draw_training_curves/{dataset}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
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
        spikes=lambda w: grid.first_run_files("spikes.npz", **grid.shown(w)),
        histories=lambda w: grid.first_run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/raster/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/raster/{dataset}/{architecture}.png",
            caption="../report/raster.rst",
            category="3 Spike trains",
            subcategory="raster",
            labels={"figure": "raster", **grid.network_labels},
        ),
        csv="results/figures/raster/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_raster/{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_raster/{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        code=grid.code("draw_raster"),
    script:
        "../scripts/draw_raster.py"


rule draw_rates:
    """Draw the distribution of firing rates over units, for one dataset and architecture."""
    input:
        units=lambda w: grid.run_files(f"units/{w.observable}.parquet", **grid.shown(w)),
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/rates/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/rates/{dataset}/{architecture}.png",
            caption="../report/rates.rst",
            category=grid.chapter,
            subcategory="{observable}",
            labels={"figure": "rates", **grid.network_labels},
        ),
        csv="results/figures/{observable}/rates/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_rates/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_rates/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        code=grid.code("draw_rates"),
    script:
        "../scripts/draw_rates.py"


rule draw_fano_against_rate:
    """Draw Fano factor against firing rate of every unit, for one dataset and architecture."""
    input:
        units=lambda w: grid.run_files(f"units/{w.observable}.parquet", **grid.shown(w)),
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/fano_against_rate/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/fano_against_rate/{dataset}/{architecture}.png",
            caption="../report/fano_against_rate.rst",
            category=grid.chapter,
            subcategory="{observable}",
            labels={"figure": "Fano against rate", **grid.network_labels},
        ),
        csv="results/figures/{observable}/fano_against_rate/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_fano_against_rate/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_fano_against_rate/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        window=lambda w: grid.observable(w.observable)["parameters"]["window"],
        code=grid.code("draw_fano_against_rate"),
    script:
        "../scripts/draw_fano_against_rate.py"


rule draw_over_training:
    """Draw the features of one observable over training, for one dataset and architecture."""
    input:
        features=lambda w: grid.run_files(f"observables/{w.observable}.parquet", **grid.shown(w)),
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/over_training/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/over_training/{dataset}/{architecture}.png",
            caption="../report/over_training.rst",
            category=grid.chapter,
            subcategory="{observable}",
            labels={"figure": "over training", **grid.network_labels},
        ),
        csv="results/figures/{observable}/over_training/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_over_training/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_over_training/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_over_training"),
    script:
        "../scripts/draw_over_training.py"


rule draw_against_loss:
    """Draw the features of one observable against the training loss, for one dataset and architecture."""
    input:
        features=lambda w: grid.run_files(f"observables/{w.observable}.parquet", **grid.shown(w)),
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/against_loss/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/against_loss/{dataset}/{architecture}.png",
            caption="../report/against_loss.rst",
            category=grid.chapter,
            subcategory="{observable}",
            labels={"figure": "against the loss", **grid.network_labels},
        ),
        csv="results/figures/{observable}/against_loss/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_against_loss/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_against_loss/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_against_loss"),
    script:
        "../scripts/draw_against_loss.py"


rule draw_by_depth:
    """Draw the features of one observable from layer to layer, for one dataset and architecture."""
    input:
        features=lambda w: grid.run_files(f"observables/{w.observable}.parquet", **grid.shown(w)),
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/by_depth/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/by_depth/{dataset}/{architecture}.png",
            caption="../report/by_depth.rst",
            category=grid.chapter,
            subcategory="{observable}",
            labels={"figure": "by depth", **grid.network_labels},
        ),
        csv="results/figures/{observable}/by_depth/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_by_depth/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_by_depth/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_by_depth"),
    script:
        "../scripts/draw_by_depth.py"


rule draw_growth:
    """Draw the features of one observable over training with the laws fitted, for one dataset and architecture."""
    input:
        features=rules.collect.output.features,
        dynamics=rules.dynamics.output.dynamics,
    output:
        pdf="results/figures/{observable}/growth/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/growth/{dataset}/{architecture}.png",
            caption="../report/growth.rst",
            category=grid.chapter,
            subcategory="{observable}",
            labels={"figure": "laws over training", **grid.network_labels},
        ),
        csv="results/figures/{observable}/growth/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_growth/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_growth/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_growth"),
    script:
        "../scripts/draw_growth.py"


rule draw_indicator_map:
    """Draw how far memorizing networks lie from generalizing ones, for one observable."""
    input:
        indicators=rules.indicators.output.indicators,
    output:
        pdf="results/figures/{observable}/indicators.pdf",
        png=report(
            "results/figures/{observable}/indicators.png",
            caption="../report/indicator_map.rst",
            category="5 Indicators",
            subcategory="by observable",
            labels={"figure": "indicator map", "regimes": grid.compared, "observable": "{observable}"},
        ),
        csv="results/figures/{observable}/indicators.csv",
    log:
        "results/logs/draw_indicator_map/{observable}.log",
    benchmark:
        "results/benchmarks/draw_indicator_map/{observable}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        memorizing=grid.config["indicators"]["memorizing"],
        generalizing=grid.config["indicators"]["generalizing"],
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_indicator_map"),
    script:
        "../scripts/draw_indicator_map.py"


rule draw_fano_distributions:
    """Draw the distribution of F / (1 - p) over units by order of images, for one dataset and architecture."""
    input:
        units=lambda w: grid.run_files(f"units/{w.observable}.parquet", **grid.shown(w)),
        spikes=lambda w: grid.first_run_files(grid.spike_file(w.observable), **grid.shown(w))[0],
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/fano_distributions/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/fano_distributions/{dataset}/{architecture}.png",
            caption="../report/fano_distributions.rst",
            category="4 Process",
            subcategory="{observable}",
            labels={"figure": "Fano factors by order", **grid.network_labels},
        ),
        csv="results/figures/{observable}/fano_distributions/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_fano_distributions/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_fano_distributions/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        window=lambda w: grid.observable(w.observable)["parameters"]["window"],
        code=grid.code("draw_fano_distributions"),
    script:
        "../scripts/draw_fano_distributions.py"


rule draw_interval_laws:
    """Draw inter-spike intervals against the geometric and the exponential law, for one dataset and architecture."""
    input:
        histograms=lambda w: grid.run_files(f"interval_histograms/{w.observable}.parquet", **grid.shown(w)),
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/interval_laws/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/interval_laws/{dataset}/{architecture}.png",
            caption="../report/interval_laws.rst",
            category="4 Process",
            subcategory="{observable}",
            labels={"figure": "interval laws", **grid.network_labels},
        ),
        csv="results/figures/{observable}/interval_laws/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_interval_laws/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_interval_laws/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        code=grid.code("draw_interval_laws"),
    script:
        "../scripts/draw_interval_laws.py"


rule draw_assumptions:
    """Draw the shares of units that pass each test of a process, for one dataset and architecture."""
    input:
        features=lambda w: grid.run_files(f"observables/{w.observable}.parquet", **grid.shown(w)),
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/assumptions/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/assumptions/{dataset}/{architecture}.png",
            caption="../report/assumptions.rst",
            category="4 Process",
            subcategory="{observable}",
            labels={"figure": "assumptions", **grid.network_labels},
        ),
        csv="results/figures/{observable}/assumptions/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_assumptions/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_assumptions/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        level=lambda w: grid.observable(w.observable)["parameters"]["level"],
        code=grid.code("draw_assumptions"),
    script:
        "../scripts/draw_assumptions.py"


rule draw_spectra:
    """Draw the spectra of principal components of the last layer, for one dataset and architecture."""
    input:
        spectra=lambda w: grid.run_files(f"spectra/{w.observable}.parquet", **grid.shown(w)),
        features=lambda w: grid.run_files(f"observables/{w.observable}.parquet", **grid.shown(w)),
        histories=lambda w: grid.run_files("history.csv", **grid.shown(w)),
    output:
        pdf="results/figures/{observable}/spectra/{dataset}/{architecture}.pdf",
        png=report(
            "results/figures/{observable}/spectra/{dataset}/{architecture}.png",
            caption="../report/spectra.rst",
            category=grid.chapter,
            subcategory="{observable}",
            labels={"figure": "spectra", **grid.network_labels},
        ),
        csv="results/figures/{observable}/spectra/{dataset}/{architecture}.csv",
    log:
        "results/logs/draw_spectra/{observable}.{dataset}.{architecture}.log",
    benchmark:
        "results/benchmarks/draw_spectra/{observable}.{dataset}.{architecture}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        targets=lambda w: grid.target_accuracies(**grid.shown(w)),
        code=grid.code("draw_spectra"),
    script:
        "../scripts/draw_spectra.py"


rule draw_fano_by_order:
    """Draw F / (1 - p) by order of images, for all datasets and architectures."""
    input:
        features=rules.collect.output.features,
    output:
        pdf="results/figures/{observable}/fano_by_order.pdf",
        png=report(
            "results/figures/{observable}/fano_by_order.png",
            caption="../report/fano_by_order.rst",
            category="4 Process",
            subcategory="{observable}",
            labels={"figure": "Fano factor by order", "regimes": grid.named_regimes},
        ),
        csv="results/figures/{observable}/fano_by_order.csv",
    log:
        "results/logs/draw_fano_by_order/{observable}.log",
    benchmark:
        "results/benchmarks/draw_fano_by_order/{observable}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_fano_by_order"),
    script:
        "../scripts/draw_fano_by_order.py"


rule draw_firing_over_training:
    """Draw rates, Fano factors and their variances over training, all datasets and architectures in one grid."""
    input:
        features=rules.collect.output.features,
    output:
        pdf="results/figures/{observable}/firing_over_training.pdf",
        png=report(
            "results/figures/{observable}/firing_over_training.png",
            caption="../report/firing_over_training.rst",
            category=grid.chapter,
            subcategory="{observable}",
            labels={"figure": "firing over training, all networks", "regimes": grid.named_regimes},
        ),
        csv="results/figures/{observable}/firing_over_training.csv",
    log:
        "results/logs/draw_firing_over_training/{observable}.log",
    benchmark:
        "results/benchmarks/draw_firing_over_training/{observable}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        regimes=grid.shown_regimes,
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_firing_over_training"),
    script:
        "../scripts/draw_firing_over_training.py"


rule draw_stable_indicators:
    """Draw the ranked indicators with their intervals."""
    input:
        stable=rules.stable_indicators.output.stable,
        indicators=rules.indicators.output.indicators,
    output:
        pdf="results/figures/stable_indicators.pdf",
        png=report(
            "results/figures/stable_indicators.png",
            caption="../report/stable_indicators_figure.rst",
            category="5 Indicators",
            subcategory="ranked",
            labels={"figure": "stable indicators", "regimes": grid.compared},
        ),
        csv="results/figures/stable_indicators.csv",
    log:
        "results/logs/draw_stable_indicators.log",
    benchmark:
        "results/benchmarks/draw_stable_indicators.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        memorizing=grid.config["indicators"]["memorizing"],
        generalizing=grid.config["indicators"]["generalizing"],
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_stable_indicators"),
    script:
        "../scripts/draw_stable_indicators.py"


rule draw_dose_response:
    """Draw features against the share of corrupted labels and the number of training images, for one dataset."""
    input:
        features=rules.collect.output.features,
        runs=rules.collect.output.runs,
        doses=rules.doses.output.doses,
        stable=rules.stable_indicators.output.stable,
    output:
        pdf="results/figures/dose_response/{dataset}.pdf",
        png=report(
            "results/figures/dose_response/{dataset}.png",
            caption="../report/dose_response.rst",
            category="5 Indicators",
            subcategory="doses",
            labels={"figure": "dose-response", "regimes": "doses", "dataset": "{dataset}"},
        ),
        csv="results/figures/dose_response/{dataset}.csv",
    log:
        "results/logs/draw_dose_response/{dataset}.log",
    benchmark:
        "results/benchmarks/draw_dose_response/{dataset}.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        series=grid.dose_series(),
        memorizing=grid.config["indicators"]["memorizing"],
        generalizing=grid.config["indicators"]["generalizing"],
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_dose_response"),
    script:
        "../scripts/draw_dose_response.py"
