"""Grids that are broken at random, over every key that the schema and the plug-ins name, and texts that are no YAML."""

import datetime
import signal
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from hypothesis import strategies as st

from spikegrid.configuration import complete_configuration, compose_schema, read_schema, read_yaml, with_overrides
from spikegrid.errors import InputError
from spikegrid.grid import Grid
from spikegrid.plugins import FUNCTIONS, find_plugins

REPOSITORY = Path(__file__).parents[1]
SHIPPED = sorted((REPOSITORY / "config").glob("*.yaml"))

PLUGINS = {folder: find_plugins(folder) for folder in FUNCTIONS}

_GIVEN = {
    "fraction": 0.5,
    "samples": 50,
    "path": {"image_folder": "photos", "arrays": "images.npz"},
    "factory": "nets.py:build",
    "target": "a_digits",
    "name": "resnet18",
    "files": "nets/{seed}-{epoch:02d}.pt",
    "epochs": [1, 5],
}
"""Values of parameters without a default."""


def write_files(folder: Path) -> None:
    """Write the files that ``everything`` names to a folder."""
    nets = [f"nets/{seed}-{epoch:02d}.pt" for seed in range(5) for epoch in (1, 5)]
    for name in ("photos/cat/1.png", "photos/dog/1.png", "session.csv", "spikes.npz", *nets):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    (folder / "nets.py").write_text("def build(shape, classes): ...\n")
    np.savez(folder / "images.npz", images=np.zeros((4, 2, 2), np.uint8), labels=np.arange(4) % 2)


def everything() -> dict[str, Any]:
    """A grid with an entry of every plug-in, and a recording; its files are those of ``write_files``."""
    grid = {folder: {f"a_{kind}": _entry(folder, kind) for kind in kinds} for folder, kinds in PLUGINS.items()}
    grid["recordings"] = {
        "retina": {"span": [0, 2], "bin": 0.05, "conditions": {"movie": ["session.csv"], "dark": ["spikes.npz"]}}
    }
    grid["regimes"] |= {"memorizing": {"base": "a_memorizing"}, "generalizing": {"kind": "generalizing"}}
    return grid | {"seeds": 1, "training": {"early_stopping": {"share": 0.1, "patience": 3}}, "only": [], "exclude": []}


def _entry(folder: str, kind: str) -> dict[str, Any]:
    required = [name for name, rule in PLUGINS[folder][kind].parameters.items() if "default" not in rule]
    given = {name: _GIVEN[name][kind] if isinstance(_GIVEN[name], dict) else _GIVEN[name] for name in required}
    return {"kind": kind, **given}


VALID = [*map(read_yaml, SHIPPED), everything()]
"""The shipped grids, and one of everything."""


# --- what is done to a grid: each changes it, and returns words of which the message must hold one ---

Rules = list[tuple[tuple[str, ...], dict[str, Any]]]
"""Path and schema of every key that a grid may have."""

Breakage = Callable[[st.DrawFn, dict[str, Any], Rules], list[str]]

STRANGE = [
    *(
        None,
        True,
        False,
        "",
        "x",
        "0",
        "1e-3",
        "None",
        0,
        1,
        -1,
        -7,
        2.5,
        -0.5,
        1e308,
        [],
        {},
        [1],
        ["x"],
        [[]],
        [None],
    ),
    *({"x": 1}, [{}], {"kind": "mlp"}, datetime.date(2020, 1, 1), b"bytes", 10**400, -(10**25), 1 << 63),
    *(
        float("nan"),
        float("inf"),
        -float("inf"),
        "a\nb",
        "\x1b[2J",
        "\x00",
        "x" * 5000,
        "../x",
        "/",
        "~",
        "é",
        "\u2028",
    ),
]
"""Values of every type, out of every range, and of no length that fits."""

BAD_NAMES = [
    *(
        "../x",
        "..",
        ".",
        "a/b",
        "/etc/x",
        "a b",
        "",
        "-a",
        "_a",
        "a.b",
        "é",
        "名",
        "a\n",
        "a\nb",
        "\ta",
        "\x00",
        "\x1b[31m",
    ),
    *(
        "x" * 101,
        "x" * 5000,
        "a\\b",
        "C:x",
        "~",
        "$HOME",
        "*",
        "{a}",
        "a'b",
        'a"b',
        "\u2028",
        "\u202e",
        "%2e%2e",
        "CON.",
    ),
]
"""Names that cannot be part of a path."""

NO_TEXTS = [7, 0, -1, 1.5, True, None, datetime.date(2020, 1, 1), b"x", float("nan"), 1 << 63]
"""Keys that YAML does not read as text."""


def _at(grid: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The dictionary that holds the last key of a path, made where it is not there."""
    for key in path[:-1]:
        if not isinstance(grid.get(key), dict):
            grid[key] = {}
        grid = grid[key]
    return grid


@cache
def _rules(number: int) -> Rules:
    """The keys that a valid grid may have, by its number."""

    def below(rules: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
        for key, rule in rules.get("properties", {}).items():
            yield (*path, key), rule
            yield from below(rule, (*path, key))

    return [*below(compose_schema(read_schema(), VALID[number], PLUGINS), ())]


def _some_rule(draw: st.DrawFn, rules: Rules, *words: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Draw a key whose schema has one of some words."""
    return draw(st.sampled_from([(path, rule) for path, rule in rules if not words or set(words) & set(rule)]))


def _some_name(draw: st.DrawFn, grid: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    """Draw an entry: the dictionary that it stands in, the key of that, its own name."""
    folders = [folder for folder in (*FUNCTIONS, "recordings") if isinstance(grid.get(folder), dict) and grid[folder]]
    folder = draw(st.sampled_from(folders or ["regimes"]))
    return grid.setdefault(folder, {}), folder, draw(st.sampled_from(sorted(map(str, grid[folder])) or ["x"]))


def a_strange_value(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    path, _ = _some_rule(draw, rules)
    _at(grid, path)[path[-1]] = deepcopy(draw(st.sampled_from(STRANGE)))
    return [*path]


def a_number_out_of_range(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    path, rule = _some_rule(draw, rules, "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    beyond = [rule["minimum"] - 1] if "minimum" in rule else []
    beyond += [rule["maximum"] + 1, rule["maximum"] * 10 + 1] if "maximum" in rule else []
    beyond += [rule[key] for key in ("exclusiveMinimum", "exclusiveMaximum") if key in rule]
    _at(grid, path)[path[-1]] = draw(st.sampled_from(beyond))
    return [*path]


def a_number_that_is_not_finite(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    path, _ = _some_rule(draw, rules, "minimum", "exclusiveMinimum")
    _at(grid, path)[path[-1]] = draw(st.sampled_from([float("nan"), float("inf"), -float("inf"), 10**400, -(2**70)]))
    return [*path]


def a_null(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    path, _ = _some_rule(draw, rules)
    _at(grid, path)[path[-1]] = None
    return [*path]


def an_unknown_choice(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    path, rule = _some_rule(draw, rules, "enum")
    known = str(draw(st.sampled_from(rule["enum"])))
    _at(grid, path)[path[-1]] = draw(st.sampled_from([known[:-1], f"{known}s", known.upper(), f" {known}", 3, [known]]))
    return [*path]


def a_misspelt_key(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    path, _ = _some_rule(draw, rules)
    place, key = _at(grid, path), path[-1]
    wrong = draw(st.sampled_from([key[:-1], f"{key}s", key.upper(), key.replace("_", "-"), f"{key} ", key[::-1]]))
    place[wrong] = place.pop(key, 1)
    return [*path, wrong]


def an_unknown_key(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    path, _ = _some_rule(draw, rules)
    key = draw(st.text(max_size=8) | st.sampled_from(["__use_yte__", "__class__", "$ref", "default", *BAD_NAMES]))
    _at(grid, path)[key] = draw(st.sampled_from(STRANGE))
    return [*path, key, repr(key)]


def a_missing_key(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    place, path = grid, ()
    while not path or (isinstance(place.get(path[-1]), dict) and place[path[-1]] and draw(st.booleans())):
        place = place[path[-1]] if path else place
        path = (*path, draw(st.sampled_from(sorted(map(str, place)) or ["x"])))
    place.pop(path[-1], None)
    return [*path, "exclude"]  # which may name all that is left


def a_bad_name(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    entries, folder, name = _some_name(draw, grid)
    bad = draw(st.sampled_from(BAD_NAMES) | st.text(alphabet="a./\\ -_\n\0é", min_size=1, max_size=6))
    entries[bad] = entries.pop(name, {"kind": "x"})
    return [folder, name, bad]


def names_that_differ_in_case(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    entries, folder, name = _some_name(draw, grid)
    twin = draw(st.sampled_from([name.upper(), name.capitalize(), name.swapcase()]))
    entries[twin] = deepcopy(entries.get(name))
    return [folder, name, twin]


def an_unknown_kind(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    entries, folder, name = _some_name(draw, grid)
    kind = draw(st.sampled_from(["mpl", "", "MLP", "../mlp", "mlp.py", "os:system", "__init__", None, ["mlp"], {}, 3]))
    entries[name] = (entries[name] if isinstance(entries.get(name), dict) else {}) | {"kind": kind}
    return [folder, name]


def bases_that_lead_nowhere(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    entries, folder, name = _some_name(draw, grid)
    ring = draw(st.sampled_from([[name], [name, "b"], [name, "b", "c"], [name, "nowhere"]]))
    for own, base in zip(ring, [*ring[1:], ring[0]]):
        if own != "nowhere":
            entries[own] = {"base": draw(st.sampled_from([base, base, 3, None, [base]]))}
    return [folder, name]


def a_reference_to_no_entry(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    name = draw(st.sampled_from(["memorising", "x", "", "../x", 3, None, ["x"], "MLP"]))
    axis = draw(st.sampled_from(["dataset", "architecture", "regime", "observable", "seed"]))
    where = draw(st.sampled_from(["only", "exclude", "memorizing", "generalizing"]))
    if where in ("only", "exclude"):
        grid[where] = [{axis: draw(st.sampled_from([name, [name], []]))}]
    else:
        _at(grid, ("indicators", where))[where] = name
    return [where]


def a_key_that_is_no_text(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    path, _ = _some_rule(draw, rules)
    place = _at(grid, path)
    place[draw(st.sampled_from(NO_TEXTS))] = place.pop(path[-1], 1)
    return [*path, "key"]


def a_path_to_nowhere(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    paths = {
        "image_folder": ("datasets", "path"),
        "arrays": ("datasets", "path"),
        "python": ("architectures", "factory"),
        "checkpoints": ("regimes", "files"),
    }
    kind = draw(st.sampled_from([*paths]))
    folder, key = paths[kind]
    wrong = ["nowhere", "nets", "/dev/null", "/", "x" * 300, "a/" * 3000, "a\0b", "{seed:99999999999}", "{epoch.real}"]
    wrong += [
        "{dataset[x]}",
        "{seed!r}",
        "{0}",
        "{",
        "nets.py:nothing",
        "nets.py:build.x",
        "..:x",
        ":",
        "nets.py:build\n",
    ]
    _at(grid, (folder, "own"))["own"] = _entry(folder, kind) | {key: draw(st.sampled_from(wrong))}
    return [folder, "own"]


def plugins_that_are_not_there(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    wrong = ["nowhere", ["nowhere"], ["x" * 5000], ["a\0b"], ["/dev/null"], [""], [3], [["x"]], {"x": 1}, None, [None]]
    grid["plugins"] = draw(st.sampled_from(wrong))
    return ["plugins"]


def a_recording_that_cannot_be_read(draw: st.DrawFn, grid: dict[str, Any], rules: Rules) -> list[str]:
    key, values = draw(
        st.sampled_from(
            [
                ("span", [[2, 0], [0, 0], [0], [0, 10**300], [0, 1e308], [-1e308, 1e308], ["0", "2"], [0, 0.07], None]),
                ("bin", [0, -1, 1e-320, 1e308, None, "0.1", 3]),
                ("conditions", [{}, {"a/b": ["session.csv"]}, {"x": []}, {"x": ["nowhere.csv"]}, {"x": ["nets.py"]}]),
                ("conditions", [{"Movie": ["session.csv"], "movie": ["session.csv"]}, {"x": ["x" * 5000]}, {"x": [3]}]),
            ]
        )
    )
    own = {"span": [0, 2], "bin": 0.05, "conditions": {"seen": ["session.csv"]}, key: draw(st.sampled_from(values))}
    _at(grid, ("recordings", "own"))["own"] = own
    return ["recordings", "regimes"]


BREAKAGES: list[Breakage] = [
    a_strange_value,
    a_number_out_of_range,
    a_number_that_is_not_finite,
    a_null,
    an_unknown_choice,
    a_misspelt_key,
    an_unknown_key,
    a_missing_key,
    a_bad_name,
    names_that_differ_in_case,
    an_unknown_kind,
    bases_that_lead_nowhere,
    a_reference_to_no_entry,
    a_key_that_is_no_text,
    a_path_to_nowhere,
    plugins_that_are_not_there,
    a_recording_that_cannot_be_read,
]


@st.composite
def changed_grids(draw: st.DrawFn, breakages: list[Breakage] = BREAKAGES) -> tuple[bytes, list[str]]:
    """Draw a grid with one to three changes, as YAML, and words of which a refusal must hold one."""
    number, words = draw(st.integers(0, len(VALID) - 1)), []
    grid = deepcopy(VALID[number])
    for breakage in draw(st.lists(st.sampled_from(breakages), min_size=1, max_size=3)):
        words += breakage(draw, grid, _rules(number))
    return yaml.dump(grid, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True).encode(), words


TEXTS = {
    "a tab": "\tseeds: 1\n",
    "a tab within": "training:\n\tepochs: 1\n",
    "a list": "- seeds: 1\n",
    "a word": "seeds\n",
    "a number": "7\n",
    "an open bracket": "seeds: [1\n",
    "an open quote": 'seeds: "1\n',
    "no alias": "seeds: *nowhere\n",
    "two colons": "a: b: c\n",
    "two documents": "seeds: 1\n---\nseeds: 2\n",
    "a key that stands twice": "seeds: 1\nseeds: 2\n",
    "a key that stands twice within": "training: {epochs: 1, epochs: 2}\n",
    "a list as a key": "[a]: 1\n",
    "a dictionary as a key": "? {a: 1}\n: 2\n",
    "a month too many": "seeds: 2020-13-45\n",
    "a time zone too far": "seeds: 0001-01-01 00:00:00 +23:59\n",
    "an empty integer": "seeds: !!int ''\n",
    "an empty number": "seeds: !!float ''\n",
    "no integer": "seeds: !!int x\n",
    "no truth": "seeds: !!bool x\n",
    "no time": "seeds: !!timestamp x\n",
    "no bytes": "seeds: !!binary é\n",
    "bytes": "seeds: !!binary aGVsbG8=\n",
    "a set": "only: !!set {a, b}\n",
    "pairs": "only: !!omap [a: 1]\n",
    "python called": "seeds: !!python/object/apply:os.mkdir [EVIL]\n",
    "python made": "seeds: !!python/object/new:os.mkdir [EVIL]\n",
    "python named": "seeds: !!python/name:os.mkdir\n",
    "a python tuple": "seeds: !!python/tuple [1]\n",
    "a python module": "seeds: !!python/module:os\n",
    "a value in itself": "only: &a [*a]\n",
    "a key in itself": "only: &a {x: *a}\n",
    "a merge of itself": "training: &a {<<: *a}\n",
    "a merge of a number": "training: {<<: 3}\n",
    "anchors that multiply": "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 9)}]\n" for n in range(9)
    ),
    "merges that multiply": "".join(
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" if n else "a0: &a0 {x: 1}\n" for n in range(9)
    ),
    "a deep list": f"only: {'[' * 600}{']' * 600}\n",
    "a list that is less deep": f"only: {'[' * 40}{']' * 40}\n",
    "a deep dictionary": f"only: {'{a: ' * 100}1{'}' * 100}\n",
    "a number of many digits": f"seeds: {'9' * 5000}\n",
    "a hexadecimal number of many digits": f"seeds: 0x{'f' * 5000}\n",
    "a key of many digits": f"? 0x{'f' * 5000}\n: 1\n",
    "half a character": 'data_root: "\\ud800"\n',
    "half a character as a key": '"\\udfff": 1\n',
    "a key of two lines": '"a\\nb": 1\n',
    "a key that steers the terminal": '"\\e[2J": 1\n',
    "a zero": b"seeds: \x00\n",
    "no characters": b"seeds: \xff\xfe\n",
    "characters of 16 bits": "seeds: 1\n".encode("utf-16"),
    "a pickle": b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "a picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
}
"""Texts that are no configuration; alone, or after one."""


# --- what is said of it ---


def plan(path: Path) -> Grid:
    """What the Snakefile makes of a configuration file before its rules."""
    grid = Grid(*complete_configuration(with_overrides(read_yaml(path), {})))
    assert grid.tables()
    assert grid.figures() or grid.feature_files()
    return grid


def refusal(content: bytes) -> str | None:
    """Return what is said of a configuration in the working directory that is refused, None where it is not.

    Each mistake is one line, which names the file or a key.
    """
    path = Path("broken.yaml")
    path.write_bytes(content)
    try:
        with _seconds(60):
            plan(path)
    except InputError as error:
        lines = str(error).split("\n")
        for line in lines:
            assert line.startswith(("config: ", "broken.yaml")), line
            assert not {"Cc", "Cs", "Zl", "Zp"} & {*map(unicodedata.category, line)}, repr(line)
            assert 12 < len(line) < 2500, line
        assert not Path("EVIL").exists()
        assert not Path("results").exists()
        return str(error)
    return None


class TooLong(Exception):
    """Nothing in the library catches this one."""


@contextmanager
def _seconds(limit: int) -> Iterator[None]:
    """Raise TooLong in what takes longer."""

    def end(*_: object) -> None:
        raise TooLong(f"more than {limit} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(limit)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
