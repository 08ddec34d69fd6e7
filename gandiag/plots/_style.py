"""Private helpers of the figures: colours, axes, and text that never runs as mathematics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.core.report import Report
from gandiag.core.wording import printable
from gandiag.errors import ConfigError
from gandiag.plots._words import one

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

# Okabe & Ito's palette, told apart by people with any common colour blindness. Real is always dark grey, with a hatch
# or a marker of its own; vermilion is kept for what is wrong.
REAL = "#4a4e57"
WRONG = "#d55e00"
FAKES = ("#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
INK = "#26282c"
FAINT = "#8b9099"
GRID = "#e3e4e8"
REAL_HATCH = "////"

SMALL, NORMAL = 7.0, 8.0
COLUMN = 3.4  # inches: one column of a two-column paper


def fake_colour(fake: int) -> str:
    """Give the colour of one sampler, the same in every figure."""
    return FAKES[fake % len(FAKES)]


def fake_name(report: Report, fake: int, *, longest: int = 28) -> str:
    """Give the name of one sampler as labels print it."""
    return printable(one(report, fake).name, longest=longest) or f"sampler {fake}"


def new_axes(*, width: float = COLUMN, height: float = 2.4) -> Axes:
    """Make axes on a figure of their own, which pyplot never hears of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").add_subplot()


def new_pair(*, width: float = 2 * COLUMN, height: float = 3.3) -> Any:
    """Make two axes side by side on a figure of their own."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").subplots(1, 2)


def pair_of(ax: Any, **size: float) -> Any:
    """Take the pair of axes that was given, or make one.

    Raises
    ------
    ConfigError
        For anything but two axes.
    """
    pair = np.asarray(new_pair(**size) if ax is None else ax, dtype=object).ravel()
    if pair.shape != (2,):
        raise ConfigError("`ax` must be a pair of axes", received=f"{pair.size}", remedy="Pass Figure.subplots(1, 2).")
    return pair


def tidy(ax: Axes, *, grid: str | None = None) -> None:
    """Take away what carries no information; draw a faint grid along one axis."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set(color=FAINT, linewidth=0.7)
    ax.tick_params(colors=INK, color=FAINT, labelsize=SMALL, width=0.7, length=2.5)
    ax.set_axisbelow(True)
    if grid in ("x", "y", "both"):
        ax.grid(True, axis=grid, color=GRID, linewidth=0.7)  # type: ignore[arg-type]


def labels(ax: Axes, *, title: str = "", x: str = "", y: str = "") -> None:
    """Set title and axis labels as plain text."""
    if title:
        ax.set_title(title, loc="left", fontsize=NORMAL, color=INK, fontweight="bold", parse_math=False)
    if x:
        ax.set_xlabel(x, fontsize=SMALL, color=INK, parse_math=False)
    if y:
        ax.set_ylabel(y, fontsize=SMALL, color=INK, parse_math=False)


def write(ax: Axes, x: float, y: float, text: str, **style: Any) -> Any:
    """Write plain text; a dollar sign is a dollar sign."""
    settings: dict[str, Any] = {"fontsize": SMALL, "color": INK, "parse_math": False, **style}
    return ax.text(x, y, text, **settings)


def beside(ax: Axes, row: float, text: str, points: float, **style: Any) -> None:
    """Write plain text to the right of the axes, ``points`` away from them, at data height ``row``."""
    settings: dict[str, Any] = {"fontsize": SMALL, "color": INK, "va": "center", "parse_math": False, **style}
    ax.annotate(
        text,
        xy=(1.0, row),
        xycoords=ax.get_yaxis_transform(),
        xytext=(points, 0),
        textcoords="offset points",
        annotation_clip=False,
        **settings,
    )


def legend(ax: Axes, *, order: tuple[int, ...] | None = None, **style: Any) -> Legend:
    """Add a frameless legend above the axes, as plain text; one row where it fits, else one column."""
    handles, texts = ax.get_legend_handles_labels()
    picked = range(len(handles)) if order is None else [i for i in order if i < len(handles)]
    handles, texts = [handles[i] for i in picked], [texts[i] for i in picked]
    figure_width = float(ax.get_figure(root=True).get_size_inches()[0])  # type: ignore[union-attr]
    fits = sum(len(text) + 6 for text in texts) < 14.0 * figure_width * ax.get_position().width
    settings: dict[str, Any] = {
        "loc": "lower left",
        "bbox_to_anchor": (0.0, 1.0),
        "ncols": len(texts) if fits else 1,
        "fontsize": SMALL,
        "frameon": False,
        "borderaxespad": 0.1,
        "handlelength": 1.4,
        "columnspacing": 1.2,
        "labelcolor": INK,
        **style,
    }
    made = ax.legend(handles, texts, **settings)
    for text in made.get_texts():
        text.set_parse_math(False)
    return made


def nothing_to_draw(plot: str, why: str) -> ConfigError:
    """Build the error for a report that does not hold what a figure shows."""
    return ConfigError(
        f"the report does not hold what `{plot}` draws",
        received=why,
        remedy="Score again with the metrics it needs, and keep the .safetensors file beside the report.",
    )
