"""One metric's null: what it scores when real and fake are exchanged at random, and what it scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import short, short_p
from gandiag.plots._style import REAL, REAL_HATCH, WRONG, fake_colour, labels, new_axes, nothing_to_draw, tidy
from gandiag.plots._words import differs, one, p_used, pretty, sds, worse_by, z_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The observed value is drawn to scale up to this many widths of the null beyond it; farther, an arrow points at it.
_REACH = 3.0


def plot_null_distribution(report: Report, fake: int = 0, *, ax: Axes | None = None, metric: str | None = None) -> Axes:
    """Draw the permutation null of one metric as a histogram, and the observed value as a line.

    Parameters
    ----------
    report : Report
    fake : int
        Index of the sampler.
    ax : matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.
    metric : str, optional
        The metric whose adjusted p-value is smallest, and among those the farthest from its floor, otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigError
        When the report holds no null draws of the metric.
    """
    result = picked(report, fake, metric)
    ax = new_axes() if ax is None else ax
    null = _null(report, fake, result.metric)
    estimate = float(result.estimate or 0.0)
    wrong = differs(result)
    colour = WRONG if wrong else fake_colour(fake)
    low, high = float(null.min()), float(null.max())
    least = max(1e-6 * max(abs(high), abs(low)), 1e-12)
    spreads = high - low > least
    # A null without spread is one bar, and the axis as wide as the observed value lies away.
    width = high - low if spreads else max(abs(estimate - high), least)
    bins = np.linspace(low - 0.02 * width, high + 0.02 * width, 31 if spreads else 2)
    ax.hist(null, bins=bins.tolist(), color="none", edgecolor=REAL, hatch=REAL_HATCH, linewidth=0.6)
    ax.set_ylim(0, ax.get_ylim()[1] * 1.25)
    _mark(ax, estimate, low, high, width, colour)
    tidy(ax)
    ax.locator_params(axis="x", nbins=6)
    ax.ticklabel_format(axis="x", style="plain", useOffset=False)
    p = p_used(result)
    evidence = "" if p is None else f", p = {short_p(p)}"
    z = z_of(result)
    away = "" if z is None else f" ({sds(z)} sd)"
    labels(
        ax,
        title=f"{pretty(result.metric)}: {short(estimate)}{away}{evidence}",
        x=f"{pretty(result.metric)} under random relabelling ({len(null)} draws)",
        y="draws",
    )
    return ax


def _mark(ax: Axes, estimate: float, low: float, high: float, width: float, colour: str) -> None:
    top = ax.get_ylim()[1]
    beyond = max(estimate - high, low - estimate, 0.0)
    if beyond <= _REACH * width:
        ax.axvline(estimate, color=colour, linewidth=1.6)
        ax.plot([estimate], [top * 0.93], marker="v", color=colour, markersize=5, linestyle="none")
        middle = low + width / 2
        side, offset = ("right", -4) if estimate > middle else ("left", 4)
        _note(ax, f"observed {short(estimate)}", estimate, top * 0.93, offset, side, colour)
        return
    right = estimate > high
    edge = high + 1.1 * width if right else low - 1.1 * width
    ax.set_xlim((low - 0.1 * width, edge) if right else (edge, high + 0.1 * width))
    ax.annotate(
        "",
        xy=(edge, top * 0.5),
        xytext=(edge + (-0.35 if right else 0.35) * width, top * 0.5),
        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0},
    )
    text = f"observed {short(estimate)}\nfar beyond this axis"
    _note(ax, text, edge, top * 0.72, -4 if right else 4, "right" if right else "left", colour)


def _note(ax: Axes, text: str, x: float, y: float, offset: int, side: str, colour: str) -> None:
    ax.annotate(
        text,
        xy=(x, y),
        xytext=(offset, 0),
        textcoords="offset points",
        ha=side,
        va="center",
        fontsize=7.0,
        color=colour,
        fontweight="bold",
        parse_math=False,
    )


def _null(report: Report, fake: int, metric: str) -> NDArray[Any]:
    return np.asarray(report.arrays.get(f"{fake}/{metric}/null", np.empty(0))).ravel()


def _drawable(report: Report, fake: int) -> list[Result]:
    return [r for r in one(report, fake).results if r.estimate is not None and _null(report, fake, r.metric).size > 0]


def picked(report: Report, fake: int, metric: str | None) -> Result:
    """Pick the result that is drawn: the metric asked for, or the one that speaks loudest."""
    found = _drawable(report, fake)
    if metric is not None:
        found = [r for r in found if r.metric == metric]
    if not found:
        raise nothing_to_draw("null_distribution", f"no null draws of {metric or 'any metric'}")

    def gravity(result: Result) -> tuple[float, float]:
        p = p_used(result)
        return (1.0 if p is None else p, -(worse_by(result) or 0.0))

    return min(found, key=gravity)


def applies(report: Report, fake: int) -> bool:
    """Tell whether any metric of the sampler has null draws."""
    return bool(_drawable(report, fake))


PLOT = PlotSpec(
    name="null_distribution",
    summary="What one metric scores when labels are exchanged at random, and what it scored.",
    draw=plot_null_distribution,
    applies=applies,
    options={"metric": None},
)
