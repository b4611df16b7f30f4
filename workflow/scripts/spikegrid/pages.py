"""Pages of HTML with one look, which need no other file and no network."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

STYLE = """\
body { font: 15px/1.5 sans-serif; color: #262626; max-width: 62em; margin: 1.5em auto; padding: 0 1em; }
h1 { font-size: 1.5em; line-height: 1.25; }
h2 { font-size: 1.15em; margin-top: 1.6em; }
table { border-collapse: collapse; }
th, td { padding: .35em .8em .35em 0; text-align: left; vertical-align: top; border-bottom: 1px solid #e6e6e6; }
th { font-weight: 600; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.aside { color: #6b6b6b; }
.wide { overflow-x: auto; }
"""

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
{body}</html>
"""


def page(title: str, body: str, style: str = STYLE) -> str:
    """Return a whole page of HTML around ``body``, which is HTML itself and ends with a line break."""
    return _PAGE.format(title=escape(title), style=style, body=body)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], numbers: Sequence[str] = ()) -> str:
    """Return a table of HTML, which scrolls by itself where it is wider than the page.

    header: texts. rows: texts or numbers, as many. numbers: the columns to align at the right.
    """
    sides = [' class="number"' if name in numbers else "" for name in header]
    lines = [_row("th", header, sides), *(_row("td", row, sides) for row in rows)]
    return f'<div class="wide"><table>\n{"".join(lines)}</table></div>\n'


def _row(kind: str, cells: Sequence[Any], sides: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{kind}{side}>{escape(str(cell))}' for cell, side in zip(cells, sides))}\n"
