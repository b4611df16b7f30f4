"""What results were made of, as a page: the complete configuration, data, steps with versions and machines, code."""

from html import escape
from typing import Any

from spikegrid.pages import STYLE, page, table

_STYLE = """\
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15em 1em; margin: 0; }
dl dl { border-left: 2px solid #e6e6e6; padding-left: .8em; }
dt { color: #6b6b6b; }
dd { margin: 0; overflow-wrap: anywhere; }
td { overflow-wrap: anywhere; }
section > dl > dt { color: inherit; font-weight: 600; }
@media (max-width: 600px) { dl { grid-template-columns: 1fr; } dd { padding-left: 1em; } }
"""


def provenance_page(provenance: dict[str, Any]) -> str:
    """Return the page of what ``provenance.write_provenance`` wrote."""
    made_by = f"spikegrid {provenance['spikegrid']}, commit {provenance['commit'] or 'unknown'}"
    datasets = [(path, said["sha256"]) for path, said in provenance["datasets"].items()]
    steps = provenance["steps"].items()
    versions = sorted({package for _, step in steps for package in step["versions"]})
    ran = [(name, step["jobs"], *(", ".join(step[kind]) for kind in ("machines", "devices"))) for name, step in steps]
    found = [(package, [step["versions"].get(package) for _, step in steps]) for package in versions]
    packages = [(package, ", ".join(dict.fromkeys(filter(None, own)))) for package, own in found]
    return page(
        "Configuration and provenance",
        "<h1>Configuration and provenance</h1>\n"
        f"<p>Made by {escape(made_by)}. {escape(provenance['repeatable'])} How long each job took is under Statistics, "
        "and in <code>results/benchmarks</code>. This page as data: <code>results/provenance.json</code>.</p>\n"
        "<h2>Configuration</h2>\n<p>Complete: what was not given stands with its default.</p>\n"
        f"<section>{_nested(provenance['config'])}</section>\n"
        f"<h2>Images</h2>\n{table(['file', 'SHA-256'], datasets)}"
        f"<h2>Jobs that the tables come from</h2>\n{table(['step', 'jobs', 'machines', 'devices'], ran, ['jobs'])}"
        "<h2>Versions</h2>\n<p>Several where steps ran at different times or places.</p>\n"
        f"{table(['package', 'versions'], packages)}"
        "<h2>Code</h2>\n<p>Hashes of each step and plug-in, with the library files that it uses.</p>\n"
        f"{table(['step or entry', 'hash'], provenance['code'].items())}",
        STYLE + _STYLE,
    )


def _nested(value: Any) -> str:
    """Return a dictionary as a list of definitions, within it others; a list as its values in a line."""
    if isinstance(value, dict) and value:
        return f"<dl>{''.join(f'<dt>{escape(str(key))}<dd>{_nested(part)}' for key, part in value.items())}</dl>"
    if isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        return "".join(f"<div>{_nested(part)}</div>" for part in value)
    if isinstance(value, list):
        return ", ".join(map(_nested, value)) or "none"
    words = {None: "none", True: "true", False: "false"}
    return escape(str(value)) if type(value) not in (type(None), bool) else words[value]
