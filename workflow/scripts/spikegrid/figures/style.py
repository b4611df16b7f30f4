"""The one style of all figures: sizes, fonts, the look of each regime, and how a figure becomes files."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from string import ascii_lowercase
from textwrap import fill

import matplotlib
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from spikegrid.feature_names import in_words, unit_of
from spikegrid.features import write_table
from spikegrid.figures.data import Figure, data_of, name_data
from spikegrid.files import written_whole

matplotlib.use("Agg")

FULL_WIDTH = 180.0
"""Width of a figure over the whole print page, in mm."""

HALF_WIDTH = 88.0
"""Width of a figure in one of two columns, in mm."""

RC = {
    "figure.dpi": 200,
    "savefig.dpi": 200,
    "savefig.facecolor": "white",
    "pdf.fonttype": 42,
    "pdf.compression": 9,
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "mathtext.default": "regular",
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlepad": 4,
    "axes.titley": 1.0,
    "axes.labelpad": 3,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "legend.fontsize": 6.5,
    "legend.title_fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.2,
    "hatch.linewidth": 0.4,
}
"""Settings of matplotlib under which every figure is drawn and saved. The font comes with matplotlib, so that figures
do not depend on those of the machine; type 42 embeds it as text."""

INK, PALE = "#262626", "#B3B3B3"
"""Colours of what belongs to no regime."""

_METADATA = {".pdf": {"CreationDate": None}, ".png": {"Software": None}}
_MM_PER_INCH = 25.4
_MM_PER_CHARACTER = 1.3


@dataclass(frozen=True)
class Look:
    """How a regime is drawn in every figure."""

    color: str
    dashes: tuple[int, tuple[float, ...]]
    marker: str


_SOLID = (0, ())
_ROLES = {
    "untrained": Look("#A6A6A6", (0, (4, 1.5)), "s"),
    "generalizing": Look("#004C8C", _SOLID, "o"),
    "memorizing": Look("#E0600F", (0, (6, 1.2)), "^"),
}
_COLORS = ["#882255", "#66CCEE", "#FFC20A", "#0C7BDC", "#000000"]
_DASHES = [(0, (5, 1, 1, 1)), (0, (3, 1)), (0, (9, 2)), (0, (5, 1, 1, 1, 1, 1))]
_MARKERS = ["D", "v", "P", "X", "p", "<", ">"]
"""The colours lie at least 20 apart in CIELAB for normal sight and for protanopia, deuteranopia and tritanopia as
Machado, Oliveira & Fernandes (2009), IEEE TVCG 15, 1291, simulate them; those of the roles differ in grey print too. No
line is dotted: dots are for networks that missed their target."""


def regime_looks(regimes: Sequence[str]) -> dict[str, Look]:
    """Return the look of each regime, given all regimes in the order of the configuration.

    Regimes of the names ``untrained``, ``generalizing`` and ``memorizing`` are grey, blue and vermillion. The others
    take what is left in order: first blue and vermillion, where nobody has them, then the further colours.
    """
    free = [_ROLES[role] for role in ("generalizing", "memorizing") if role not in regimes]
    free += [
        Look(color, _DASHES[place % len(_DASHES)], _MARKERS[place % len(_MARKERS)])
        for place, color in enumerate(_COLORS * len(regimes))
    ]
    looks = iter(free)
    return {regime: _ROLES[regime] if regime in _ROLES else next(looks) for regime in regimes}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in mm whose parts are laid out without overlap, and that keeps its data."""
    return Figure(figsize=(width / _MM_PER_INCH, height / _MM_PER_INCH), layout="constrained")


def panel_letters() -> Iterator[str]:
    """Yield a to z, then aa, ab and so on."""
    yield from ascii_lowercase
    yield from map("".join, product(ascii_lowercase, repeat=2))


def name_panel(axes: Axes, letter: str, title: str = "", **names: Hashable) -> None:
    """Write the letter of a panel in bold at its upper left, and its title beside it.

    names: what the panel shows, columns of the data behind it beside the letter.
    """
    axes.set_title(with_letter(letter, title), loc="left")
    name_data(axes, panel=letter, **names)


def with_letter(letter: str, title: str) -> str:
    """Return the title of a panel behind its letter in bold."""
    return rf"$\bf{{{letter}}}$   {title}".rstrip()


def shortened(name: str, length: int) -> str:
    """Return a name of at most ``length`` characters: its middle is left out where it is longer."""
    if len(name) <= length:
        return name
    head = (length - 1) // 2
    return f"{name[:head]}…{name[len(name) - (length - 1 - head) :]}"


def feature_label(feature: str, length: int = 60) -> str:
    """Return a feature's name as words, broken into lines of about ``length`` characters."""
    return _in_lines(in_words(feature), length)


def axis_label(feature: str, length: int) -> str:
    """Return a feature's name as words, with its unit where it has one, broken as by ``feature_label``."""
    unit = unit_of(feature)
    return _in_lines(in_words(feature) + (f" ({unit})" if unit else ""), length)


def _in_lines(text: str, length: int) -> str:
    return fill(text, length, break_long_words=False, break_on_hyphens=False)


def regime_key(look: Look, label: str, marker: bool = False) -> Line2D:
    """Return the line that stands for a regime in a legend."""
    return Line2D([], [], color=look.color, linestyle=look.dashes, marker=look.marker if marker else "", label=label)


def legend_below(figure: Figure, keys: Sequence[Line2D], width: float, title: str | None = None) -> None:
    """Put a legend below all panels of a figure that is ``width`` mm wide, in as many columns as fit."""
    longest = max((len(str(key.get_label())) for key in keys), default=0)
    columns = max(1, min(len(keys), int(width / (longest * _MM_PER_CHARACTER + 10))))
    title = fill(title, int(width / _MM_PER_CHARACTER)) if title else None
    figure.legend(handles=list(keys), loc="outside lower center", ncols=columns, title=title)


def regime_keys(looks: Mapping[str, Look], labels: Mapping[str, str], marker: bool = False) -> list[Line2D]:
    """Return the keys of the regimes that have a label, in the order of the configuration."""
    return [regime_key(look, labels[regime], marker) for regime, look in looks.items() if regime in labels]


def say(axes: Axes, text: str) -> None:
    """Write in the middle of a panel why it is empty."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="0.45", style="italic")


def empty_figure(reason: str) -> Figure:
    """Return a small figure that only says why there is nothing to show."""
    figure = new_figure(HALF_WIDTH, 25)
    axes = figure.subplots()
    axes.set_axis_off()
    say(axes, reason)
    return figure


def save(figure: Figure, *paths: str | Path, names: Mapping[str, Hashable] | None = None) -> None:
    """Write one drawing as pdf or png, and its data as csv, by the suffix of each path; each file whole.

    The same figure gives the same bytes: no file says when it was made. The layout is settled once, so that all show
    the same. names: what the whole figure shows, such as its dataset and architecture, columns of the csv.
    """
    with matplotlib.rc_context(RC):
        figure.get_layout_engine().execute(figure)
        figure.set_layout_engine(None)
        for path in map(Path, paths):
            if path.suffix == ".csv":
                write_table(path, data_of(figure, dict((names or {}).items())))
                continue
            with written_whole(path) as temporary:
                figure.savefig(temporary, metadata=_METADATA[path.suffix])
