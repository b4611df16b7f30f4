"""The configuration: read strictly, checked against the closed schema, completed with its defaults."""

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cache
from itertools import chain
from os.path import isdir, isfile
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from spikegrid.class_folders import classes_of, parts_of
from spikegrid.elsewhere import RECORDING, check_recordings
from spikegrid.errors import InputError
from spikegrid.factories import is_factory
from spikegrid.plugins import FUNCTIONS, Plugin, find_plugins

SCHEMA_FILE = Path(__file__).parents[2] / "schemas" / "config.schema.yaml"

NAME_RULE = "names have letters, digits, - and _, begin with a letter or digit, and become part of paths"

_BROKEN_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Characters that break a line, steer a terminal, or cannot be written to a file."""

_LONGEST_KEY, _LONGEST_TEXT, _DEEPEST, _LARGEST, _MOST_VALUES = 100, 1000, 20, 2**63, 1_000_000
"""What a configuration may hold: characters of a key and of a text, levels, whole numbers below, and values, those
counted again that anchors repeat."""

_SHOWN = 200
"""Characters of a wrong value that a message repeats."""

FORMATS = {
    "folder": "a folder that exists",
    "class-folders": "a folder with a folder of images for each of at least 2 classes, "
    "or one with such folders under train and test (or val)",
    "array-file": "a file that exists, with a name ending in .npz or .safetensors",
    "factory": "path/to/file.py:function or package.module:function, of a file that exists and has this function",
}
"""Formats that a plug-in may ask of a parameter, checked on the disk before any job starts, and what they promise."""

Plugins = dict[str, dict[str, Plugin]]
"""Plug-ins by folder (``datasets``, ...) and name."""


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key may stand only once, and anchors make no more than a grid can need of a few lines."""

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None and _size(node, {}) > _MOST_VALUES:
            raise InputError(f"{self.name}: its anchors make more than {_MOST_VALUES:,} values; expected fewer")
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
            kind = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(problem=f"no {kind}: {node.value}", problem_mark=node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node)
            if key in seen:
                line = key_node.start_mark.line + 1
                raise InputError(
                    f"{key_node.start_mark.name}, line {line}: the key {key!r} stands here a second time; keep one"
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _size(node: yaml.Node, known: dict[yaml.Node, int]) -> int:
    """Return the number of values that a node makes. Raises RecursionError where it stands in itself."""
    if node not in known:
        inner = node.value if isinstance(node, yaml.CollectionNode) else []
        parts = chain.from_iterable(inner) if isinstance(node, yaml.MappingNode) else inner
        known[node] = 1 + sum(_size(part, known) for part in parts)
    return known[node]


_MALFORMED = (yaml.YAMLError, UnicodeDecodeError, RecursionError)
"""What PyYAML raises for texts that are no YAML."""


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML file. Raises InputError when it is missing, malformed or holds a key twice."""
    try:
        with open(path, encoding="utf-8") as stream:
            content = yaml.load(stream, _StrictLoader) or {}
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except _MALFORMED as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise InputError(f"{path}: not valid YAML: {_cut(reason)}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: is a {type(content).__name__}; expected keys and values")
    return content


def with_overrides(config: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config`` with ``overrides``, those of ``--config``, in the place of what it has under the same keys.

    Texts inside braces or brackets are read as YAML: of ``training={epochs: 5}`` Snakemake makes the text ``"5"``.
    """
    return _overridden(
        config, {key: value if isinstance(value, str) else _read(value) for key, value in overrides.items()}
    )


def _read(value: Any) -> Any:
    match value:
        case dict():
            return {key: _read(inner) for key, inner in value.items()}
        case list():
            return [_read(inner) for inner in value]
        case str():
            try:
                return yaml.load(value, _StrictLoader)
            except _MALFORMED:
                return value
    return value


def complete_configuration(config: dict[str, Any]) -> tuple[dict[str, Any], Plugins]:
    """Check ``config`` and fill in every default; return it with the plug-ins that it can name.

    Raises InputError with one line for each thing that is wrong.
    """
    _check_plain(config)
    folders = config.get("plugins", [])
    if not (isinstance(folders, list) and all(isinstance(folder, str) for folder in folders)):
        raise InputError(f"config: plugins is {folders!r}; expected a list of folders")
    plugins = {folder: find_plugins(folder, tuple(folders)) for folder in FUNCTIONS}
    config = deepcopy(config)
    schema = read_schema()
    for folder in FUNCTIONS:
        default = schema["properties"][folder].get("default")
        if default is not None:
            config.setdefault(folder, deepcopy(default))
        if isinstance(config.get(folder), dict):
            config[folder] = {name: _on_its_base(folder, name, config[folder]) for name in config[folder]}
    composed = compose_schema(schema, config, plugins)
    mistakes = _mistakes(config, composed)
    if mistakes:
        raise InputError("\n".join(f"config: {mistake}" for mistake in mistakes))
    _check_names(config)
    _fill_defaults(config, composed)
    for axis in ("datasets", "architectures", "regimes"):
        config.setdefault(axis, {})
    check_recordings(config)
    _check_case(config)
    return config, plugins


@cache
def read_schema() -> dict[str, Any]:
    """Return the schema of the configuration with its references resolved; plug-in parameters are not in it."""
    schema = read_yaml(SCHEMA_FILE)
    return _resolve(schema, schema["$defs"])


def compose_schema(schema: dict[str, Any], config: dict[str, Any], plugins: Plugins) -> dict[str, Any]:
    """Return ``schema`` with the entries of ``config`` closed by the parameters of the plug-ins that they name."""
    schema = deepcopy(schema)
    for folder in FUNCTIONS:
        entries = config.get(folder)
        if isinstance(entries, dict):
            kinds = {name: entry.get("kind") for name, entry in entries.items() if isinstance(entry, dict)}
            named = dict.fromkeys(kind for kind in kinds.values() if isinstance(kind, str))
            schemas = {kind: entry_schema(schema, folder, plugins[folder], kind) for kind in (None, *named)}
            schema["properties"][folder]["properties"] = {
                name: schemas[kind if isinstance(kind, str) else None] for name, kind in kinds.items()
            }
    if isinstance(config.get("datasets"), dict):
        for entry in schema["properties"]["observables"].get("properties", {}).values():
            _let_name_datasets(entry["properties"], list(config["datasets"]))
    if isinstance(config.get("recordings"), dict):
        recordings = schema["properties"]["recordings"]
        recordings["properties"] = dict.fromkeys(config["recordings"], recordings["additionalProperties"])
    return schema


def _let_name_datasets(rules: dict[str, dict], datasets: list[str]) -> None:
    """Let parameters of the format ``dataset`` take the names of the entries of ``datasets`` and nothing else."""
    for key, rule in rules.items():
        if rule.get("format") == "dataset":
            rules[key] = rule | {"enum": datasets}


def entry_schema(schema: dict[str, Any], folder: str, plugins: dict[str, Plugin], kind: Any) -> dict[str, Any]:
    """Return the closed schema of one entry: its kind, what every such entry may hold, and its plug-in's parameters."""
    properties = {
        "kind": {"enum": sorted(plugins), "description": "Name of the plug-in."},
        "base": {"type": "string", "description": "Name of the entry that this one is based on."},
    }
    if folder in ("datasets", "observables"):
        properties |= schema["$defs"][folder.removesuffix("s")]
    if folder != "observables":
        for section in ("training", "spikes"):
            properties[section] = _without_defaults(schema["properties"][section])
    if isinstance(kind, str) and kind in plugins:
        plugin = plugins[kind]
        _check_parameters(plugin, taken=frozenset(properties))
        for section in ("training", "spikes") if folder == "regimes" else ():
            fixed = plugin.constants.get(section.upper(), {})
            for mistake in _mistakes(fixed, _without_defaults(schema["properties"][section])):
                raise InputError(f"{plugin.path}: {section.upper()}: {mistake}")
        properties |= plugin.parameters
        required = ["kind", *(name for name, rule in plugin.parameters.items() if "default" not in rule)]
        return {"type": "object", "required": required, "properties": properties, "additionalProperties": False}
    return {"type": "object", "required": ["kind"], "properties": {"kind": properties["kind"]}}


def _on_its_base(folder: str, name: str, entries: dict[str, Any]) -> Any:
    """Return an entry completed by what the entry named by its ``base`` has, and by the base of that one, and so on."""
    entry, chain = entries[name], [name]
    while isinstance(entries[chain[-1]], dict) and "base" in entries[chain[-1]]:
        base = entries[chain[-1]]["base"]
        if not (isinstance(base, str) and base in entries):
            raise InputError(
                f"config: {folder}.{chain[-1]}.base is {base!r}; expected one of the {folder} {', '.join(entries)}"
                f"{_nearest(base, entries)}"
            )
        if base in chain:
            raise InputError(
                f"config: {folder}.{name}.base leads back to where it has been: {' → '.join([*chain, base])}; "
                "expected an entry without base at the end"
            )
        entry = _overridden(entries[base], entry)
        chain.append(base)
    return entry


def _overridden(base: Any, own: Any) -> Any:
    """Return ``base`` with the keys of ``own`` in their place, also in what both hold as keys and values."""
    if not (isinstance(base, dict) and isinstance(own, dict)):
        return own
    return base | {key: _overridden(base.get(key), value) for key, value in own.items()}


@cache
def _check_parameters(plugin: Plugin, taken: frozenset[str]) -> None:
    """Check that a plug-in's parameters are a schema, and that none has the name of a key that every entry may hold."""
    if not (isinstance(plugin.parameters, dict) and all(isinstance(name, str) for name in plugin.parameters)):
        raise InputError(
            f"{plugin.path}: PARAMETERS: expected a dictionary of the JSON schema of each parameter by name"
        )
    try:
        jsonschema.Draft202012Validator.check_schema({"type": "object", "properties": plugin.parameters})
    except jsonschema.SchemaError as error:
        where = ".".join(map(str, list(error.absolute_path)[1:]))
        raise InputError(f"{plugin.path}: PARAMETERS {where}: {error.message}; expected a JSON schema") from None
    clash = sorted(set(plugin.parameters) & taken)
    if clash:
        raise InputError(f"{plugin.path}: PARAMETERS: {clash[0]!r} is a key of every such entry; choose another name")


def _mistakes(value: Any, schema: dict[str, Any]) -> list[str]:
    """Return in one line each what ``value`` has against ``schema``."""
    validator, formats = _checks()
    errors = validator(schema, format_checker=formats).iter_errors(value)
    in_order = sorted(errors, key=lambda error: [str(part) for part in error.absolute_path])
    return list(dict.fromkeys(line for error in in_order for line in _describe(error)))


@cache
def _checks() -> tuple[type, jsonschema.FormatChecker]:
    """Return what validates, for which 4.0 is no integer, and the formats that it checks on the disk."""
    types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, number: isinstance(number, int) and not isinstance(number, bool)
    )
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("folder")(lambda path: not isinstance(path, str) or isdir(path))
    formats.checks("class-folders", OSError)(lambda path: not isinstance(path, str) or _holds_classes(Path(path)))
    formats.checks("array-file")(lambda path: not isinstance(path, str) or _is_array_file(Path(path)))
    formats.checks("factory")(lambda factory: not isinstance(factory, str) or is_factory(factory))
    return jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=types), formats


def _holds_classes(folder: Path) -> bool:
    return isdir(folder) and all(len(classes_of(part)) >= 2 for part in parts_of(folder))


def _is_array_file(file: Path) -> bool:
    return isfile(file) and file.suffix in (".npz", ".safetensors")


def _resolve(node: Any, definitions: dict[str, Any]) -> Any:
    """Put the definitions in the place of references to them; keys beside a reference win."""
    if isinstance(node, list):
        return [_resolve(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    resolved = {key: _resolve(value, definitions) for key, value in node.items() if key != "$ref"}
    if "$ref" in node:
        resolved = _resolve(definitions[node["$ref"].removeprefix("#/$defs/")], definitions) | resolved
    return resolved


def _without_defaults(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_defaults(value) for key, value in node.items() if key != "default"}
    return node


def _fill_defaults(config: dict[str, Any], schema: dict[str, Any]) -> None:
    """Fill in defaults and put keys in the order of the schema: Snakemake compares parameters as text."""
    rules = schema.get("properties", {})
    for key, rule in rules.items():
        if "default" in rule:
            config.setdefault(key, deepcopy(rule["default"]))
        if rule.get("type") == "object" and any("default" in part for part in rule.get("properties", {}).values()):
            config.setdefault(key, {})
        if isinstance(config.get(key), dict):
            _fill_defaults(config[key], rule)
    config.update({key: config.pop(key) for key in rules if key in config})


def _check_names(config: dict[str, Any]) -> None:
    """Check that names which refer to entries of the config are names of entries; defaults may name none."""
    named = [
        (f"indicators.{role}", "regime", config["indicators"][role])
        for role in ("memorizing", "generalizing")
        if role in config.get("indicators", {})
    ]
    for key in ("only", "exclude"):
        for number, cell in enumerate(config.get(key, [])):
            for axis, names in cell.items():
                listed = [names] if isinstance(names, str) else names
                named += [(f"{key}.{number}.{axis}", axis, name) for name in listed]
    recordings = config.get("recordings", {})
    recorded = {
        "dataset": recordings,
        "architecture": [RECORDING] if recordings else [],
        "regime": [condition for entry in recordings.values() for condition in entry["conditions"]],
    }
    for where, axis, name in named:
        known = [*config.get(f"{axis}s", {}), *recorded[axis]]
        if name not in known:
            known_names = ", ".join(known)
            raise InputError(
                f"config: {where} is {name!r}; expected one of the {axis}s {known_names}{_nearest(name, known)}"
            )


def _check_case(config: dict[str, Any]) -> None:
    """Check that no two names which stand at one place of paths differ in case alone."""
    names = {folder: [*config[folder]] for folder in FUNCTIONS}
    for name, entry in config["recordings"].items():
        names["datasets"].append(name)
        names["architectures"].append(RECORDING)
        names["regimes"] += entry["conditions"]
    for folder, listed in names.items():
        known: dict[str, str] = {}
        for name in listed:
            twin = known.setdefault(name.lower(), name)
            if twin != name:
                raise InputError(
                    f"config: {folder}: {twin!r} and {name!r} differ in case alone, which not every file system tells "
                    "apart; rename one of them"
                )


def _check_plain(value: Any, where: str = "", depth: int = 0) -> None:
    """Check what YAML does not promise: keys are words, numbers finite, texts one line, and nothing goes too deep."""
    if depth > _DEEPEST:
        raise InputError(f"config: {where} is nested more than {_DEEPEST} levels deep; expected fewer")
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"config: {where} is {value}; expected a finite number")
    if isinstance(value, int) and abs(value) >= _LARGEST:
        raise InputError(f"config: {where} is a number of {value.bit_length()} bits; expected one of 63 at most")
    if isinstance(value, str) and (len(value) > _LONGEST_TEXT or _BROKEN_LINE.search(value)):
        raise InputError(
            f"config: {where} is {_shown(value)}; expected a text of one line, without control characters, of "
            f"{_LONGEST_TEXT:,} characters at most"
        )
    if isinstance(value, dict):
        for key, part in value.items():
            if isinstance(key, str) and (not 0 < len(key) <= _LONGEST_KEY or _BROKEN_LINE.search(key)):
                raise InputError(f"config: {where or 'a key'}: {_shown(key)} cannot be a name; {NAME_RULE}")
            if not isinstance(key, str):
                _check_plain(key, where or "a key")
            path = f"{where}.{key}" if where else str(key)
            if not isinstance(key, str):
                raise InputError(f'config: the key {path} is read as {type(key).__name__}; put it in quotes: "{key}"')
            _check_plain(part, path, depth + 1)
    if isinstance(value, list):
        for number, part in enumerate(value):
            _check_plain(part, f"{where}.{number}", depth + 1)


def _describe(error: jsonschema.ValidationError) -> list[str]:
    """Say in one line each what is wrong, where, and what was expected."""
    where = ".".join(str(part) for part in error.absolute_path) or "the configuration"
    rule, value = error.schema, error.instance
    match error.validator:
        case "additionalProperties":
            known = rule["properties"]
            prefix = f"{where}." if error.absolute_path else ""
            return [f"unknown key {prefix}{key}{_nearest(key, known)}" for key in value if key not in known]
        case "required":
            missing = [key for key in error.validator_value if key not in value]
            return [f"{where} lacks the key {key!r}" for key in missing]
        case "pattern" | "maxLength":
            return [f"{where}: {_shown(value)} cannot be a name; {NAME_RULE}"]
        case "minProperties":
            return [f"{where} is empty; expected at least one entry"]
        case "contains":
            return [f"{where} is {_shown(value)}; expected {_expectation(rule['contains'])} among them"]
        case "uniqueItems":
            return [f"{where} is {_shown(value)}; expected each value once"]
        case "format":
            return [f"{where} is {_shown(value)}; expected {FORMATS[rule['format']]}"]
        case _:
            hint = _nearest(value, rule.get("enum", []))
            if error.validator == "type" and isinstance(value, str) and re.fullmatch(r"[-+]?\d+e[-+]?\d+", value):
                hint = f"; YAML reads {value} as text: write {float(value):.1e}"
            return [f"{where} is {_shown(value)}; expected {_expectation(rule)}{hint}"]


def _expectation(rule: dict[str, Any]) -> str:
    """Say in words which values a schema takes."""
    if "anyOf" in rule:
        return " or ".join(_expectation(part) for part in rule["anyOf"])
    if "const" in rule:
        return repr(rule["const"])
    if "enum" in rule:
        return f"one of {', '.join('null' if value is None else str(value) for value in rule['enum'])}"
    types = rule.get("type", "a value")
    words = " or ".join([types] if isinstance(types, str) else types)
    bounds = {
        "minimum": "≥",
        "exclusiveMinimum": ">",
        "maximum": "≤",
        "exclusiveMaximum": "<",
        "minItems": "length ≥",
        "minLength": "length ≥",
    }
    limits = [f"{sign} {rule[key]}" for key, sign in bounds.items() if key in rule]
    if "items" in rule:
        words += f" of {_expectation(rule['items'])}"
    return f"{words} {' and '.join(limits)}".strip()


def _shown(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


def _nearest(name: Any, known: Iterable[Any]) -> str:
    close = difflib.get_close_matches(str(name), [str(key) for key in known], n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
