"""The reference of the configuration, config/README.md, made from the schema and the plug-ins.

``python -m spikegrid.reference`` prints it.
"""

import json
from collections.abc import Iterator
from typing import Any

from spikegrid.configuration import read_schema
from spikegrid.plugins import FUNCTIONS, find_plugins

INTRODUCTION = """\
# Configuration

This page is made by `make docs` from the schema (`workflow/schemas/config.schema.yaml`) and the plug-ins; edit those.

A configuration is one YAML file. `config.yaml` is the default; `--configfile my_grid.yaml` takes its place, and
`--config key=value` overrides single keys of either, and `--config 'training={epochs: 5}'` single keys inside others.
The schema is closed: an unknown key is an error, found before any job starts.

| file | grid |
| --- | --- |
| `config.yaml` | digits of scikit-learn, an MLP and a CNN, 5 seeds; minutes on two cores, no download |
| `config/smoke.yaml` | the smallest grid that has every part; seconds, for tests |
| `config/mnist.yaml` | MNIST, larger networks, 5 seeds |
| `config/architectures.yaml` | MLP, CNN, VGG-11, ResNet-18 × MNIST, CIFAR-10, 3 seeds; under an hour on two cores |
| `config/toy_response.yaml` | a toy: inputs on a line, one hidden layer, gradient descent and SGD, 5 seeds; minutes |
| `config/paper.yaml` | four architectures × MNIST, Fashion-MNIST, CIFAR-10, 5 seeds; wants a GPU |
| `config/zhang2017.yaml` | the networks and regimes of Zhang et al. (2017) on CIFAR-10, 3 seeds; wants a GPU |

The grid is **datasets × architectures × regimes**, over all seeds. Each entry has a name of your choice, which becomes
part of paths and tables, a `kind`, which names a plug-in, and the parameters of that plug-in:

```yaml
architectures:
  wide: { kind: mlp, hidden: [1024, 1024] }
  deep: { kind: mlp, hidden: [128, 128, 128, 128], training: { learning_rate: 0.01 } }
```

Entries of datasets, architectures and regimes may override single keys of `training` and `spikes`. Where several do,
the first of these wins: the regime's entry, what its kind fixes (an untrained network has 0 epochs), the architecture's
entry, the dataset's entry, the top level.

An entry may be based on another one of its kind of plug-in: it has whatever that one has, and its own keys in their
place, single keys of `training` and `spikes` too. That one may be based on a third:

```yaml
regimes:
  memorizing: { kind: memorizing, training: { epochs: 200 } }
  memorizing_decayed: { base: memorizing, training: { weight_decay: 0.001 } }
  memorizing_half: { base: memorizing, fraction: 0.5 }
```

`only` and `exclude` cut cells out of the product: a cell runs when it matches one of `only` (or `only` is empty) and
none of `exclude`. This leaves out one architecture on one dataset, and two regimes on another:

```yaml
exclude:
  - { dataset: cifar10, architecture: mlp }
  - { dataset: mnist, regime: [memorizing, generalizing] }
```

Regimes may be doses of one thing: those of kind `corrupted_labels` and further ones of kind `memorizing` are doses of
label noise, those of kind `few_samples` doses of training images. They have a table and a figure of their own, with the
two regimes that `indicators` compares, and are left out of most other figures. A variant is no dose and is shown as any
regime: one that differs in training, in spikes or in a parameter that is not a number, such as `labels`, from its base
or, without a base, from the compared regime of its kind.

Two kinds of regime show networks other images. `shuffled_pixels` and `gaussian_inputs` alter all images of the dataset,
by draws of their own for each seed, so that what a draw happens to do is within the intervals over networks. Training
images are presented as the network was trained on them. Test images are altered likewise: by the same permutation where
it is fixed, else by draws of their own. Labels and order stay those of the images that were there.
"""

RECORDINGS = """\
## Recordings: `recordings`

Spikes that were recorded elsewhere, of neurons or of other software, are measured as those of networks are: by every
observable that reads spikes alone and names no `images`. In paths and tables a recording is the dataset, `recording`
the architecture, a condition the regime, and a session, counted from 0 in the order of its files, the seed; the epoch
is 1. A grid may hold recordings, networks or both; `indicators` may name two conditions.

A file is a table of spike times, csv or parquet, with a row a spike:

| column | meaning |
| --- | --- |
| `unit` | name or number of the neuron |
| `trial` | number of the trial; trials follow one another in increasing order |
| `time` | seconds since the start of the trial; empty where unit and trial were there without a spike |
| `stimulus` | name or number of the stimulus of the trial, in all of its rows; the column may be missing |

Spikes are binned: each bin of each trial is what a presented image is to a network, the stimulus of the trial is its
label, and a unit fires in a bin when it has at least one spike there; how many is dropped, so take bins that rarely
hold two. The order `given` is that of the recording, trial after trial; a `window` of as many bins as a trial has
counts spikes by trial. Without stimuli, features that need labels are missing.

`spikegrid.recordings.spike_table` makes the table from spike times by trial and unit, whatever library holds them:

```python
from spikegrid.recordings import spike_table

# neo, and so elephant: a segment a trial
trials = [
    [(train.times - train.t_start).rescale("s").magnitude for train in segment.spiketrains]
    for segment in block.segments
]
# NWB, read by pynwb
trials = [
    [times[(times >= start) & (times < stop)] - start for times in nwb.units["spike_times"][:]]
    for start, stop in zip(nwb.trials["start_time"][:], nwb.trials["stop_time"][:])
]
spike_table(trials, stimuli).to_csv("session.csv", index=False)
```

A file may also be a spike file of this workflow, npz of format 1 with one seed; its threshold and labels stay as they
are, and `span` and `bin` are not asked for.
"""

SECTIONS = {"training": "Training", "spikes": "Spikes", "indicators": "Indicators", "detector": "Detector"}

FOLDERS = {
    "datasets": "Datasets",
    "architectures": "Architectures",
    "regimes": "Regimes",
    "observables": "Observables",
}


def reference() -> str:
    """Return the reference as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    schema = read_schema()
    sections = {key: rule for key, rule in schema["properties"].items() if key in SECTIONS}
    yield INTRODUCTION
    yield "## Top level\n"
    top_level = {key: rule for key, rule in schema["properties"].items() if key not in sections}
    yield from _table(top_level, required=schema["then"]["required"])
    for key, rule in sections.items():
        yield f"## {SECTIONS[key]}: `{key}`\n\n{rule['description']}\n"
        yield from _table(rule["properties"])
    recording = schema["$defs"]["recording"]
    yield RECORDINGS
    yield from _table(recording["properties"], required=recording["required"])
    for folder, title in FOLDERS.items():
        yield f"## {title}: `{folder}`\n"
        yield f"A plug-in is one file in `workflow/scripts/spikegrid/{folder}/`, or in the folder `{folder}` of one of"
        yield f"your `plugins` folders. It exports `{FUNCTIONS[folder]}()` and the schema of its parameters.\n"
        if folder in ("datasets", "observables"):
            yield "Every entry may hold:\n"
            yield from _table(schema["$defs"][folder.removesuffix("s")])
        for name, plugin in find_plugins(folder).items():
            yield f"### `kind: {name}`\n\n{plugin.summary.replace('``', '`')}\n"
            if plugin.parameters:
                yield from _table(plugin.parameters)


def _table(rules: dict[str, dict[str, Any]], required: list[str] | None = None) -> Iterator[str]:
    yield "| key | type | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for key, rule in rules.items():
        is_required = "default" not in rule and (required is None or key in required)
        default = "required" if is_required else f"`{json.dumps(rule['default'])}`" if "default" in rule else ""
        yield f"| `{key}` | {_type(rule)} | {default} | {rule['description']} |"
    yield ""


def _type(rule: dict[str, Any]) -> str:
    if "enum" in rule:
        return ", ".join(f"`{'null' if value is None else value}`" for value in rule["enum"])
    if "propertyNames" in rule:
        return "entries by name"
    types = rule["type"] if isinstance(rule["type"], list) else [rule["type"]]
    words = " or ".join(types)
    if "items" in rule:
        items = rule["items"]
        words = "list of cells" if items.get("type") == "object" else f"list of {_type(items)}"
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    return " ".join([words, ", ".join(f"{sign} {rule[key]:,}" for key, sign in bounds.items() if key in rule)]).strip()


if __name__ == "__main__":
    print(reference(), end="")
