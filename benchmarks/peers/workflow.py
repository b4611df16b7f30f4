"""Snakemake alone: a workflow with as many jobs on runs, wired like ours, and nothing else in it."""

SNAKEFILE = """
networks, regimes, observables = (config[key] for key in ("networks", "regimes", "observables"))
RUN = "runs/{network}/{regime}"

rule all:
    input:
        expand(RUN + "/{observable}", network=range(networks), regime=range(regimes),
               observable=[f"observable{number}" for number in range(observables)])

rule train:
    output:
        RUN + "/checkpoints", RUN + "/history"
    shell:
        "touch {output}"

rule extract:
    input:
        RUN + "/checkpoints"
    output:
        RUN + "/spikes"
    shell:
        "touch {output}"

for number in range(observables):
    rule:
        name: f"observe{number}"
        input:
            RUN + "/spikes"
        output:
            RUN + f"/observable{number}"
        shell:
            "touch {output}"
"""
