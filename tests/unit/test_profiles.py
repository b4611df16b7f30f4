"""The profile of clusters knows every step."""

import re

import yaml
from snakemake_runs import REPOSITORY


def test_every_short_step_is_in_a_group_of_the_slurm_profile():
    profile = yaml.safe_load((REPOSITORY / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8"))
    texts = [file.read_text(encoding="utf-8") for file in REPOSITORY.glob("workflow/rules/*.smk")]
    rules = {name for text in texts for name in re.findall(r"^rule (\w+):", text, re.MULTILINE)}
    assert profile["groups"].keys() == rules - {"prepare_dataset", "train"}
    assert profile["group-components"].keys() == set(profile["groups"].values())
