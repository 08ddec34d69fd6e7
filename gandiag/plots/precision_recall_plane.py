"""Fidelity against diversity: precision and recall of one sampler, what chance makes of them, and clouds of halves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.core.specs import PlotSpec
from gandiag.plots._plane import draw_plane, reach
from gandiag.plots._style import INK, labels, legend, new_axes, nothing_to_draw, tidy, write
from gandiag.plots._words import find, one

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_precision_recall_plane(report: Report, fake: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw recall against precision for one sampler, beside the real-against-real floor, with clouds of halves.

    Parameters
    ----------
    report : Report
    fake : int
        Index of the sampler.
    ax : matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    The floor's bars are one standard deviation; the sampler's are its confidence intervals, where it has them. Dots
    are halves of the real rows against halves of the fake ones; crosses are halves of the real rows against as many
    others. Both clouds are of equally many rows and compare with each other: they lie apart from the diamond and the
    square as far as precision and recall move with the number of rows. They are no confidence region. Density and
    coverage, where measured, are written in the corner.

    Raises
    ------
    ConfigError
        When precision or recall was not measured.
    """
    precision, recall = (find(one(report, fake), name) for name in ("precision", "recall"))
    if precision is None or recall is None or precision.estimate is None or recall.estimate is None:
        raise nothing_to_draw("precision_recall_plane", "no precision or no recall")
    ax = new_axes(height=3.3) if ax is None else ax
    draw_plane(ax, report, fake, precision, recall)
    top = max(reach(ax))
    ax.set(xlim=(-0.04, top * 1.04), ylim=(-0.04, top * 1.04), aspect="equal")
    tidy(ax, grid="both")
    labels(ax, x="recall: share of real covered by fake", y="precision: share of fake within real")
    legend(ax, ncols=1)
    _corner(ax, report, fake, low=precision.estimate > 0.5 or recall.estimate > 0.5)
    return ax


def _corner(ax: Axes, report: Report, fake: int, *, low: bool) -> None:
    lines = [_line(r) for name in ("density", "coverage") if (r := find(one(report, fake), name)) is not None]
    if lines:
        y, edge = (0.03, "bottom") if low else (0.97, "top")
        write(ax, 0.03, y, "\n".join(lines), transform=ax.transAxes, va=edge, ha="left", color=INK, linespacing=1.5)


def _line(result: Result) -> str:
    floor = "" if result.floor is None else f" (floor {result.floor.mean:.2f} ± {result.floor.sd:.2f})"
    return f"{result.metric} {result.estimate:.2f}{floor}"


def applies(report: Report, fake: int) -> bool:
    """Tell whether precision and recall of the sampler were both measured."""
    return all(find(one(report, fake), name) is not None for name in ("precision", "recall"))


PLOT = PlotSpec(
    name="precision_recall_plane",
    summary="Fidelity against diversity, beside what a second real sample would score, with clouds of halves.",
    draw=plot_precision_recall_plane,
    applies=applies,
)
