"""Figures as papers want them: the venue's width and letters, fonts that may be embedded, the same bytes every time."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import unknown_name
from gandiag.core.csv_text import csv_text
from gandiag.core.files import write_files
from gandiag.core.wording import printable
from gandiag.errors import ConfigError, MissingExtra
from gandiag.plots._pgf import in_tex, tex_program

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Widths(NamedTuple):
    """Inches of one column and of the whole text, and the kind of letters of the venue's template."""

    column: float
    text: float
    family: Literal["serif", "sans-serif"] = "serif"


# As the templates set them; where a template has one column, a figure of one column is as wide as the text.
VENUES: Mapping[str, Widths] = {
    "acm": Widths(3.335, 7.005),
    "aistats": Widths(3.25, 6.75),
    "cvpr": Widths(3.25, 6.875),
    "iclr": Widths(5.5, 5.5),
    "icml": Widths(3.25, 6.75),
    "ieee": Widths(3.5, 7.16),
    "jmlr": Widths(6.0, 6.0),
    "nature": Widths(3.504, 7.205, "sans-serif"),
    "neurips": Widths(5.5, 5.5),
    "tmlr": Widths(6.5, 6.5),
}
ENDINGS = (".pdf", ".svg", ".png", ".pgf", ".eps")
_FAMILIES = {"serif": ["STIXGeneral", "DejaVu Serif"], "sans-serif": ["Arial", "Helvetica", "DejaVu Sans"]}
# TrueType instead of Type 3, which several venues refuse; ids that do not change from run to run.
_EMBEDDED: dict[str, Any] = {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.hashsalt": "gandiag", "svg.fonttype": "path"}
_NO_DATES: dict[str, dict[str, Any]] = {
    ".pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
    ".svg": {"Date": None, "Creator": None},
    ".png": {"Software": None},
}
_DPI = 300


def width_of(venue: str, columns: int) -> Widths:
    """Find the widths of a venue: our own table's, or those of the package tueplots where it is installed.

    Raises
    ------
    UnknownName
        For a venue that neither knows.
    """
    name = venue.lower()
    if columns not in (1, 2):
        raise ConfigError("`columns` must be 1 or 2", received=columns, remedy="Pass 2 for the width of the page.")
    if name in VENUES:
        return VENUES[name]
    known = _from_tueplots()
    if name in known:
        return known[name]
    raise unknown_name(venue, sorted({*VENUES, *known}), what="venue", listing=f"There is: {', '.join(VENUES)}.")


def one_column(venue: str) -> bool:
    """Tell whether the pages of a venue have one column."""
    widths = width_of(venue, 2)
    return widths.column == widths.text


def _from_tueplots() -> dict[str, Widths]:
    """Read the venues of tueplots, each by its latest year: ``icml2024_half`` and ``icml2024_full``."""
    try:
        sizes = importlib.import_module("tueplots.figsizes")
    except ImportError:
        return {}
    found: dict[str, dict[str, float]] = {}
    for name in sorted(n for n in dir(sizes) if not n.startswith("_")):  # later years come later, and win
        venue, _, part = name.partition("_")
        try:
            width = float(getattr(sizes, name)()["figure.figsize"][0])
        except (TypeError, KeyError):
            continue
        found.setdefault(venue.rstrip("0123456789"), {})[part or "full"] = width
    return {
        venue: Widths(parts.get("half", parts["full"]), parts["full"])
        for venue, parts in found.items()
        if "full" in parts
    }


@contextmanager
def paper_style(venue: str | None = None, *, columns: int = 1) -> Iterator[None]:
    """Draw in a venue's letters inside, on matplotlib's own defaults; afterwards the user's settings are back."""
    import matplotlib.style

    family = "sans-serif" if venue is None else width_of(venue, columns).family
    letters = {"font.family": family, f"font.{family}": _FAMILIES[family] if venue else ["DejaVu Sans"]}
    math = {"mathtext.fontset": "stix" if family == "serif" else "dejavusans"}
    with matplotlib.style.context(["default", {**_EMBEDDED, **letters, **math}]):
        yield


def fitted(figure: Figure, venue: str, columns: int) -> None:
    """Bring a figure to the venue's width. Letters keep their size; the height keeps what it was drawn for."""
    widths = width_of(venue, columns)
    width, height = (float(side) for side in figure.get_size_inches())
    wanted = widths.column if columns == 1 else widths.text
    # A wider figure is not made higher in proportion, for papers have no room for that; a narrower one a little lower.
    figure.set_size_inches(wanted, height * min(1.0, wanted / width) ** 0.5)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure whole or not at all; the same figure gives the same bytes.

    Raises
    ------
    ConfigError
        For an ending that no figure has, or a folder that is not there.
    MissingExtra
        For .pgf where no LaTeX is installed.
    """
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise ConfigError(
            "a figure must be written to a file of a known kind",
            received=path.name,
            remedy=f"End it in {', '.join(ENDINGS)}.",
        )
    if ending == ".pgf" and not tex_program():
        raise MissingExtra(
            "a .pgf figure needs LaTeX to measure its letters",
            received="neither xelatex, pdflatex nor lualatex is installed",
            remedy="Install LaTeX, or write a .pdf.",
        )
    buffer = io.BytesIO()
    with in_tex(figure) if ending == ".pgf" else nullcontext():
        dates: Any = {"metadata": _NO_DATES[ending]} if ending in _NO_DATES else {}
        figure.savefig(buffer, format=ending[1:], dpi=_DPI, **dates)
    write_files({path: buffer.getvalue()}, what="a figure")


COLUMNS = ("panel", "title", "series", "kind", "point", "name", "x", "y", "x2", "y2", "value")


def drawn_numbers(figure: Figure) -> list[dict[str, Any]]:
    """List what a figure draws, in data coordinates.

    Points, lines, bars (two corners), segments (two ends), bands (their outline), cells of heat maps (two corners and a
    value). Artists that are placed by hand, such as text and arrows, carry no numbers. Pictures are left out: their
    numbers are those of the samples.
    """
    rows: list[dict[str, Any]] = []
    for panel, ax in enumerate(figure.axes):
        title = printable(ax.get_title(loc="left") or ax.get_title() or ax.get_ylabel())
        names = _names(ax)
        for kind, series, points in _drawn(ax):
            for i, point in enumerate(points):
                values = [float(v) if np.isfinite(v) else None for v in np.ravel(point)]
                name = names[1].get(values[1]) or names[0].get(values[0]) or ""
                padded = (*values, None, None, None)[:5]
                rows.append(dict(zip(COLUMNS, (panel, title, series, kind, i, name, *padded), strict=True)))
    return rows


def _names(ax: Any) -> tuple[dict[float | None, str], dict[float | None, str]]:
    """Read what places along either axis are called, where ticks were named by hand."""
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    found: list[dict[float | None, str]] = []
    for axis in (ax.xaxis, ax.yaxis):
        by_hand = isinstance(axis.get_major_formatter(), FixedFormatter | FuncFormatter)
        ticks = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=False) if by_hand else ()
        found.append({float(place): printable(label.get_text()) for place, label in ticks})
    return found[0], found[1]


def _drawn(ax: Any) -> Iterator[tuple[str, str, Any]]:
    from matplotlib.collections import LineCollection, PathCollection, PolyCollection, QuadMesh
    from matplotlib.patches import Rectangle

    def called(artist: Any) -> str:
        label = str(artist.get_label())
        return "" if label.startswith("_") else printable(label)

    for line in ax.lines:
        if line.get_transform().contains_branch(ax.transData) and len(line.get_xdata()) > 0:
            yield (
                "line",
                called(line),
                np.stack([np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)], 1),
            )
    for collection in ax.collections:
        if isinstance(collection, LineCollection):
            yield "segment", called(collection), [s[[0, -1]] for s in collection.get_segments() if len(s)]
        elif isinstance(collection, PathCollection):
            yield "points", called(collection), np.ma.filled(np.ma.asarray(collection.get_offsets()), np.nan)
        elif isinstance(collection, PolyCollection):
            yield (
                "band",
                called(collection),
                [point for path in collection.get_paths() for point in np.asarray(path.vertices)],
            )
        elif isinstance(collection, QuadMesh):
            yield "cell", called(collection), _cells(collection)
    for patch in ax.patches:
        if isinstance(patch, Rectangle):
            x, y = patch.get_xy()
            yield "bar", called(patch), [[x, y, x + patch.get_width(), y + patch.get_height()]]


def _cells(mesh: Any) -> NDArray[np.float64]:
    """List the cells of a heat map: two corners, and the value."""
    corners = np.asarray(mesh.get_coordinates(), dtype=np.float64)
    values = np.ma.filled(np.ma.asarray(mesh.get_array(), dtype=np.float64), np.nan).reshape(-1, 1)
    return np.hstack([corners[:-1, :-1].reshape(-1, 2), corners[1:, 1:].reshape(-1, 2), values])


def write_numbers(figure: Figure, path: Path) -> None:
    """Write what a figure draws as CSV."""
    write_files({path: csv_text(COLUMNS, drawn_numbers(figure)).encode()}, what="the numbers of a figure")
