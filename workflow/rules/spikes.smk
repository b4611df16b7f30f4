# Image set + checkpoints -> spikes.npz of one run, or spikes_train.npz where an observable asks for training images.


rule extract_spikes:
    """Show the same images to every checkpoint of a run and keep which nodes fire."""
    input:
        dataset=rules.prepare_dataset.output.dataset,
        checkpoints=rules.train.output.checkpoints,
    output:
        spikes=f"{RUN}/spikes{{presented}}.npz",
    log:
        f"{RUN}/logs/extract_spikes{{presented}}.log",
    benchmark:
        f"{RUN}/benchmarks/extract_spikes{{presented}}.tsv"
    wildcard_constraints:
        regime=one_of(list(grid.config["regimes"])),
    priority: 1
    conda:
        "../../envs/spikes.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=memory,
        runtime=240,
    params:
        spikes=grid.spikes,
        code=grid.code("extract_spikes"),
    script:
        "../scripts/extract_spikes.py"
