# Files from elsewhere -> what training or extraction would have left: networks with their history, or spikes.


rule import_checkpoints:
    """Read the networks of a block of seeds from files of state dicts."""
    input:
        dataset=rules.prepare_dataset.output.dataset,
        states=local(grid.state_files),
        labels=local(grid.label_files),
    output:
        checkpoints=f"{RUN}/checkpoints.safetensors",
        history=f"{RUN}/history.csv",
    log:
        f"{RUN}/logs/import_checkpoints.log",
    benchmark:
        f"{RUN}/benchmarks/import_checkpoints.tsv"
    wildcard_constraints:
        regime=one_of(grid.imported_regimes),
    priority: 1
    conda:
        "../../envs/train.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=memory,
        runtime=60,
    params:
        run=grid.run,
        architecture=grid.architecture,
        regime=grid.regime,
        epochs=grid.epochs,
        code=grid.code_of_job("import_checkpoints", "architectures"),
    script:
        "../scripts/import_checkpoints.py"


rule import_recording:
    """Bin the spikes of one recorded session."""
    input:
        session=local(grid.session_file),
    output:
        spikes=f"{RUN}/spikes.npz",
        history=f"{RUN}/history.csv",
    log:
        f"{RUN}/logs/import_recording.log",
    benchmark:
        f"{RUN}/benchmarks/import_recording.tsv"
    wildcard_constraints:
        regime=one_of(grid.conditions),
    priority: 1
    conda:
        "../../envs/observe.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
    params:
        run=grid.run,
        recording=grid.recording,
        code=grid.code("import_recording"),
    script:
        "../scripts/import_recording.py"
