"""A csv table as a page of HTML: it sorts, filters and turns its pages by itself, without a network."""

import base64
import csv
import io
import json
import zlib
from html import escape
from pathlib import Path

from spikegrid.errors import InputError
from spikegrid.files import CSV_END
from spikegrid.pages import page
from spikegrid.tables import WORDS

_STYLE = """\
* { box-sizing: border-box; }
body { font: 14px/1.4 sans-serif; color: #262626; margin: 0; height: 100vh; height: 100dvh; display: flex;
  flex-direction: column; }
header { padding: .6em 1em; display: flex; flex-wrap: wrap; gap: .4em 1em; align-items: center; }
h1 { font-size: 1.15em; margin: 0; }
input, button { font: inherit; color: inherit; padding: .25em .6em; border: 1px solid #949494; border-radius: 4px;
  background: white; }
input { width: 16em; max-width: 100%; }
button:disabled { color: #949494; border-color: #d9d9d9; }
#turn { display: flex; gap: .4em; align-items: center; }
#rows { flex: 1; overflow: auto; border-top: 1px solid #d9d9d9; }
table { border-collapse: separate; border-spacing: 0; }
th { position: sticky; top: 0; background: #f2f2f2; border-bottom: 1px solid #bfbfbf; padding: 0; text-align: left; }
th button { border: 0; border-radius: 0; background: none; font-weight: 600; white-space: nowrap; padding: .4em .7em;
  width: 100%; text-align: inherit; cursor: pointer; }
th button::after { content: " \\2195"; color: #949494; }
th[aria-sort=ascending] button::after { content: " \\2191"; color: inherit; }
th[aria-sort=descending] button::after { content: " \\2193"; color: inherit; }
td { padding: .25em .7em; border-bottom: 1px solid #ececec; white-space: nowrap; vertical-align: top; }
td.long { white-space: normal; min-width: 24em; }
tbody tr:nth-child(even) { background: #fafafa; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
:focus-visible { outline: 2px solid #004c8c; outline-offset: -2px; }
"""

_BODY = """\
<header>
<h1>{title}</h1>
<input id="filter" type="search" placeholder="Filter rows" aria-label="Show rows that hold all of these words">
<span id="turn"><button id="back" aria-label="previous rows">&#8592;</button>
<button id="on" aria-label="next rows">&#8594;</button>
<span id="count" role="status">reading</span></span>
</header>
<div id="rows" tabindex="0" role="region" aria-label="rows"><table><thead><tr></tr></thead><tbody></tbody></table></div>
<noscript>Sorting needs JavaScript; the same table lies in results/tables/{title}.</noscript>
<script id="data" type="text/plain">{data}</script>
<script>
{script}</script>
"""

_SCRIPT = r""""use strict";
const ROWS = 100;  // shown at a time, so that tables of ten thousands open at once
const element = name => document.getElementById(name);
const head = document.querySelector("thead tr"), body = document.querySelector("tbody");
const words = new Intl.Collator("en", {numeric: true});
let table, shown, first = 0, sorted = null;

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), character => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

function cell(kind, text, column) {
  const made = document.createElement(kind);
  made.textContent = text;
  if (table.numeric[column]) made.className = "number";
  else if (text.length > 60) made.className = "long";
  return made;
}

function show() {
  const last = Math.min(first + ROWS, shown.length);
  body.replaceChildren(...shown.slice(first, last).map(row => {
    const line = document.createElement("tr");
    line.append(...row.map((text, column) => cell("td", text, column)));
    return line;
  }));
  const all = shown.length === table.rows.length ? "rows" : `found in ${table.rows.length} rows`;
  element("count").textContent = `${shown.length ? first + 1 : 0}\u2013${last} of ${shown.length} ${all}`;
  element("back").disabled = first === 0;
  element("on").disabled = last === shown.length;
  element("rows").scrollTop = 0;
}

function choose() {
  const wanted = element("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  shown = table.rows.filter(row => {
    const text = row.join("\n").toLowerCase();
    return wanted.every(word => text.includes(word));
  });
  if (sorted) {
    const {column, direction} = sorted;
    const value = table.numeric[column] ? text => Number(text.replace("inf", "Infinity")) : text => text;
    const compare = table.numeric[column] ? (a, b) => a < b ? -1 : a > b ? 1 : 0 : words.compare;
    const there = shown.filter(row => row[column] !== "").map(row => [value(row[column]), row]);
    there.sort((a, b) => direction * compare(a[0], b[0]));
    shown = [...there.map(pair => pair[1]), ...shown.filter(row => row[column] === "")];
  }
  first = 0;
  show();
}

function sort(column) {
  const again = sorted && sorted.column === column;
  sorted = !again ? {column, direction: 1} : sorted.direction > 0 ? {column, direction: -1} : null;
  [...head.children].forEach((name, place) => name.setAttribute("aria-sort",
    !sorted || place !== column ? "none" : sorted.direction > 0 ? "ascending" : "descending"));
  choose();
}

function turn(rows) {
  first += rows;
  show();
}

unpacked(element("data").textContent).then(read => {
  table = read;
  head.append(...table.columns.map((name, column) => {
    const title = cell("th", "", column), button = document.createElement("button");
    title.setAttribute("aria-sort", "none");
    title.scope = "col";
    button.textContent = name;
    button.onclick = () => sort(column);
    title.append(button);
    return title;
  }));
  element("filter").oninput = choose;
  element("back").onclick = () => turn(-ROWS);
  element("on").onclick = () => turn(ROWS);
  choose();
}).catch(() => { element("count").textContent = "this browser is too old to show the table"; });
"""


def table_page(path: str | Path) -> str:
    """Return a csv table of the workflow as a page, its fields as they stand in the file.

    Columns that hold numbers sort as numbers, others as words; missing values come last. The rows are deflated JSON in
    base64, a fifth of the csv. Raises InputError when the file is cut short.
    """
    path = Path(path)
    text = path.read_bytes().decode()
    if not text.endswith("\n" + CSV_END):
        raise InputError(f"{path}: not a whole table of this workflow (its end is missing); delete it and run again")
    columns, *rows, _ = csv.reader(io.StringIO(text, newline=""), strict=True)
    numeric = [name not in WORDS and _are_numbers(values) for name, values in zip(columns, zip(*rows))]
    content = {"columns": columns, "numeric": numeric or [False] * len(columns), "rows": rows}
    packed = zlib.compress(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode(), level=9)
    data = base64.b64encode(packed).decode()
    return page(path.name, _BODY.format(title=escape(path.name), data=data, script=_SCRIPT), _STYLE)


def _are_numbers(values: tuple[str, ...]) -> bool:
    """Tell whether all fields are numbers or missing."""
    try:
        return bool([float(value) for value in values if value])
    except ValueError:
        return False
