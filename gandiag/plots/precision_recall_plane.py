"""Fidelity against diversity: one sampler's precision and recall, and what a second real sample would score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.core.report import Report
from gandiag.core.results import Interval, Result
from gandiag.core.specs import PlotSpec
from gandiag.plots._style import (
    FAINT,
    INK,
    REAL,
    fake_colour,
    fake_name,
    labels,
    legend,
    new_axes,
    nothing_to_draw,
    tidy,
    write,
)
from gandiag.plots._words import find, one

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_precision_recall_plane(report: Report, fake: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw recall against precision for one sampler, beside the real-against-real floor with its error bars.

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
    The floor's bars are one standard deviation; the sampler's are its confidence intervals, where it has them.
    Density and coverage, where measured, are written in the corner.

    Raises
    ------
    ConfigError
        When precision or recall was not measured.
    """
    precision, recall = (find(one(report, fake), name) for name in ("precision", "recall"))
    if precision is None or recall is None or precision.estimate is None or recall.estimate is None:
        raise nothing_to_draw("precision_recall_plane", "no precision or no recall")
    ax = new_axes(height=3.0) if ax is None else ax
    colour = fake_colour(fake)
    x, y = recall.estimate, precision.estimate
    if recall.floor is not None and precision.floor is not None:
        at = (recall.floor.mean, precision.floor.mean)
        _arrow(ax, at, (x, y))
        bars: dict[str, Any] = {"xerr": recall.floor.sd, "yerr": precision.floor.sd}
        _point(ax, *at, bars, colour=REAL, marker="s", filled=False, label="real against real (floor)")
    bars = {"xerr": _bars(x, recall.interval), "yerr": _bars(y, precision.interval)}
    _point(ax, x, y, bars, colour=colour, marker="D", filled=True, label=fake_name(report, fake))
    top = max(1.0, x, y)
    ax.set(xlim=(-0.04, top * 1.04), ylim=(-0.04, top * 1.04), aspect="equal")
    tidy(ax, grid="both")
    labels(ax, x="recall: share of real covered by fake", y="precision: share of fake within real")
    legend(ax, ncols=1)
    _corner(ax, report, fake, low=y > 0.5 or x > 0.5)
    return ax


def _point(
    ax: Axes, x: float, y: float, bars: dict[str, Any], *, colour: str, marker: str, filled: bool, label: str
) -> None:
    ax.errorbar([x], [y], **bars, color=colour, linestyle="none", elinewidth=1.1, capsize=2, zorder=3)
    face = colour if filled else "white"
    style: dict[str, Any] = {"marker": marker, "markersize": 5.5, "markerfacecolor": face, "markeredgewidth": 1.2}
    ax.plot([x], [y], color=colour, linestyle="none", label=label, zorder=4, **style)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.9, "linestyle": (0, (3, 2)), "shrinkA": 4, "shrinkB": 4}
    ax.annotate("", xy=end, xytext=start, arrowprops=style)


def _bars(estimate: float, interval: Interval | None) -> list[list[float]] | None:
    if interval is None or interval.low is None or interval.high is None:
        return None
    return [[max(estimate - interval.low, 0.0)], [max(interval.high - estimate, 0.0)]]


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
    summary="Fidelity against diversity, beside what a second real sample would score.",
    draw=plot_precision_recall_plane,
    applies=applies,
)
