# Image set -> the networks of one run at every checkpoint epoch, and their history.
# What leads to the tables goes before figures, which fill the cores while the last networks train.


rule train:
    """Train a block of seeds of one architecture under one regime."""
    input:
        dataset=rules.prepare_dataset.output.dataset,
    output:
        checkpoints=f"{RUN}/checkpoints.safetensors",
        history=f"{RUN}/history.csv",
    log:
        f"{RUN}/logs/train.log",
    benchmark:
        f"{RUN}/benchmarks/train.tsv"
    wildcard_constraints:
        regime=one_of(grid.trained_regimes),
    priority: 1
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=memory,
        runtime=720,
        # A resource and no parameter: how often a state is saved does not change what is trained.
        save_seconds=grid.config["save_seconds"],
    params:
        run=grid.run,
        architecture=grid.architecture,
        regime=grid.regime,
        training=grid.training,
        code=grid.code_of_job("train", "architectures", "regimes"),
    script:
        "../scripts/train.py"
