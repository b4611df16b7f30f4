# Spikes or history of one run -> tidy table of one observable, and values by unit where it has them. One rule an
# observable.


for name in grid.table_observables:

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
            "../../envs/observe.yaml"
        threads: 1
        resources:
            mem_mb=memory,
            runtime=120,
        params:
            observable=grid.observable(name),
            code=grid.code("observe", observables=name),
        script:
            "../scripts/observe.py"
