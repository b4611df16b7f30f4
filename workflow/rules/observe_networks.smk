# Networks of one run, and the images that they are shown -> tidy table of one observable. One rule an observable.


for name in grid.network_observables:

    rule:
        name:
            f"observe_{name}"
        input:
            **grid.observed_files(name),
        output:
            **grid.observable_tables(name),
        log:
            f"{RUN}/logs/observe_{name}.log",
        benchmark:
            f"{RUN}/benchmarks/observe_{name}.tsv"
        priority: 1
        group:
            group_of_run
        conda:
            "../../envs/observe_networks.yaml"
        threads: 1
        resources:
            gpu=1,
            mem_mb=memory,
            runtime=240,
        params:
            observable=grid.observable(name),
            code=grid.code("observe_networks", observables=name),
        script:
            "../scripts/observe_networks.py"
