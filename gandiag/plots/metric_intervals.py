"""Every metric against its own floor, in standard deviations of that floor, with the worse side to the right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import short, short_p
from gandiag.plots._style import (
    COLUMN,
    FAINT,
    GRID,
    REAL,
    WRONG,
    beside,
    labels,
    new_axes,
    nothing_to_draw,
    tidy,
    write,
)
from gandiag.plots._words import differs, far, one, p_used, pretty, sds, worse_by

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Linear up to here, logarithmic beyond: a metric 300 floor sds away must not flatten the others.
_LINEAR = 4.0
_BAND = 2.0
# Right edges of the two columns of numbers, in points from the axes.
_SDS, _P = 36.0, 73.0


def plot_metric_intervals(report: Report, fake: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw one row per metric: how far it lies from its floor, in floor standard deviations.

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
    The sign is turned so that right is worse whatever the metric's own direction is. Whiskers are the metric's
    confidence interval on the same scale, where it has one. Rows without a number say why.

    Raises
    ------
    ConfigError
        When the report holds no result of the sampler.
    """
    results = _ordered(one(report, fake).results)
    if not results:
        raise nothing_to_draw("metric_intervals", "no results")
    ax = new_axes(width=1.25 * COLUMN, height=0.75 + 0.19 * len(results)) if ax is None else ax
    _scale(ax, results)
    ax.axvspan(-_BAND, _BAND, color=GRID, linewidth=0, zorder=0)
    ax.axvline(0.0, color=FAINT, linewidth=0.8, zorder=1)
    for row, result in enumerate(results):
        _row(ax, row, result)
    ax.set_ylim(len(results) - 0.4, -0.6)
    ax.set_yticks(range(len(results)), [pretty(r.metric) for r in results], parse_math=False)
    tidy(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    labels(ax, x="distance from the floor (floor sds)   worse →")
    for text, points in (("sds", _SDS), ("p", _P)):
        beside(ax, -0.8, text, points, ha="right", va="bottom", color=FAINT)
    return ax


def _ordered(results: tuple[Result, ...]) -> list[Result]:
    measured = [r for r in results if worse_by(r) is not None]
    rest = [r for r in results if worse_by(r) is None]
    return sorted(measured, key=lambda r: -(worse_by(r) or 0.0)) + rest


def _scale(ax: Axes, results: list[Result]) -> None:
    places = [w for r in results if (w := worse_by(r)) is not None]
    low, high = min([*places, -_BAND]), max([*places, _BAND])
    if max(-low, high) > 3 * _LINEAR:
        ax.set_xscale("symlog", linthresh=_LINEAR, linscale=1.2)
        ticks = [t for t in (-1000, -100, -10, 0, 10, 100, 1000, 10000) if low * 1.6 <= t <= high * 1.6]
        ax.set_xticks(ticks, [f"{t:,}".replace("-", "−") for t in ticks])
        ax.minorticks_off()
        ax.set_xlim(min(low * 1.6, -_LINEAR), max(high * 1.6, _LINEAR))
    else:
        ax.set_xlim(low - 1.0, high + 1.0)


def _row(ax: Axes, row: int, result: Result) -> None:
    place = worse_by(result)
    if place is None:
        _without_place(ax, row, result)
        return
    loud = differs(result)
    colour = WRONG if loud or far(result) else REAL
    ends = _whisker(result)
    if ends is not None:
        ax.plot(ends, [row, row], color=colour, linewidth=1.1, solid_capstyle="butt", zorder=2)
    style: dict[str, Any] = {"marker": "D" if loud else "o", "markerfacecolor": colour if loud else "white"}
    ax.plot([place], [row], color=colour, markersize=4.2, markeredgewidth=1.1, linestyle="none", zorder=3, **style)
    p = p_used(result)
    weight = "bold" if loud else "normal"
    beside(ax, row, sds(place), _SDS, ha="right", fontweight=weight)
    beside(ax, row, "–" if p is None else short_p(p), _P, ha="right", fontweight=weight)


def _without_place(ax: Axes, row: int, result: Result) -> None:
    colour = FAINT
    if result.estimate is None:
        shown = f"not measured ({result.status})"
    elif result.floor is None:
        shown = "no floor to compare with"
    elif far(result):
        shown, colour = f"beyond a floor without spread: {short(result.estimate)}", WRONG
    else:
        shown = "at a floor without spread"
    # On a ground of its own, for the line at zero would run through it.
    ground = {"facecolor": "#ffffff", "edgecolor": "none", "pad": 0.8}
    write(ax, 0.01, row, shown, transform=ax.get_yaxis_transform(), va="center", color=colour, style="italic",
          bbox=ground, zorder=2)  # fmt: skip
    p = p_used(result)
    if p is not None:
        beside(ax, row, short_p(p), _P, ha="right", fontweight="bold" if differs(result) else "normal")


def _whisker(result: Result) -> tuple[float, float] | None:
    interval, floor = result.interval, result.floor
    if interval is None or floor is None or floor.sd <= 0 or interval.low is None or interval.high is None:
        return None
    low, high = ((end - floor.mean) / floor.sd for end in (interval.low, interval.high))
    if result.direction == "higher":
        return -high, -low
    if result.direction == "target":
        return None if low < 0 < high else (min(abs(low), abs(high)), max(abs(low), abs(high)))
    return low, high


def applies(report: Report, fake: int) -> bool:
    """Tell whether any metric of the sampler has a place on the scale."""
    return any(worse_by(r) is not None for r in one(report, fake).results)


PLOT = PlotSpec(
    name="metric_intervals",
    summary="Every metric against its own floor, in floor standard deviations, worse to the right.",
    draw=plot_metric_intervals,
    applies=applies,
)
