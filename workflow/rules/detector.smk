# Features and accuracies of all networks -> detectors of memorization, how well they do on networks that they were not
# fitted to, and a figure of that.


rule detector:
    """Fit detectors of memorization, and score them on architectures, datasets and seeds that were left out."""
    input:
        features=rules.collect.output.features,
        runs=rules.collect.output.runs,
    output:
        scores="results/tables/detector.csv",
        detector="results/detector.json",
    log:
        "results/logs/detector.log",
    benchmark:
        "results/benchmarks/detector.tsv"
    priority: 1
    conda:
        "../../envs/detector.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
    params:
        detector=grid.config["detector"],
        series=grid.dose_series(),
        indicators=grid.config["indicators"],
        traits=grid.traits(),
        observables={name: grid.observable(name) for name in grid.observables() if not grid.targets(name)},
        spikes=grid.config["spikes"],
        code=grid.code("detector"),
    script:
        "../scripts/detector.py"


rule draw_detector:
    """Draw how well detectors do on networks that they were not fitted to, beside baselines."""
    input:
        scores=rules.detector.output.scores,
    output:
        pdf="results/figures/detector.pdf",
        png=report(
            "results/figures/detector.png",
            caption="../report/detector.rst",
            category="8 Uses",
            subcategory="detector",
            labels={"figure": "detector of memorization", "regimes": grid.compared},
        ),
        csv="results/figures/detector.csv",
    log:
        "results/logs/draw_detector.log",
    benchmark:
        "results/benchmarks/draw_detector.tsv"
    conda:
        "../../envs/figures.yaml"
    resources:
        mem_mb=memory,
        runtime=30,
    params:
        memorizing=grid.config["indicators"]["memorizing"],
        generalizing=grid.config["indicators"]["generalizing"],
        confidence=grid.config["indicators"]["confidence"],
        code=grid.code("draw_detector"),
    script:
        "../scripts/draw_detector.py"
