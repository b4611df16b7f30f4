# Source images -> one image set in the format of the workflow.


rule prepare_dataset:
    """Load a dataset, split and subsample it."""
    input:
        local(grid.dataset_files),
    output:
        dataset="results/datasets/{dataset}.safetensors",
    log:
        "results/logs/prepare_dataset/{dataset}.log",
    benchmark:
        "results/benchmarks/prepare_dataset/{dataset}.tsv"
    conda:
        "../../envs/dataset.yaml"
    resources:
        mem_mb=memory,
        runtime=60,
        # A resource and no parameter: where downloads lie does not change what they are.
        data_root=grid.config["data_root"],
    params:
        dataset=grid.dataset,
        code=grid.code_of_job("prepare_dataset", "datasets"),
    script:
        "../scripts/prepare_dataset.py"
