"""A transport distance from blocks: what lies above it, what below, and what real scores against real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.core.specs import PlotSpec
from gandiag.plots._evidence import kept
from gandiag.plots._style import FAINT, GRID, REAL, fake_colour, labels, new_axes, nothing_to_draw, tidy
from gandiag.plots._words import find, one, pretty

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METRICS = ("wasserstein", "projected_wasserstein")


def plot_transport_bracket(report: Report, fake: int = 0, *, ax: Axes | None = None, metric: str | None = None) -> Axes:
    """Draw the distances of all blocks, the bracket of the distance of the laws, and what blocks of one side score.

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
    The distance of the laws lies between the two ends in expectation; bars are their margins, which hold together at
    the interval's level. Blocks of real against blocks of real score what chance alone gives at this block size.

    Raises
    ------
    ConfigError
        When no transport distance kept its blocks.
    """
    result = _result(report, fake, metric)
    found = None if result is None else kept(report, fake, result.metric, "w_per_block")
    if result is None or found is None:
        raise nothing_to_draw("transport_bracket", "no distances of blocks")
    ax = new_axes(height=1.7) if ax is None else ax
    colour, told = fake_colour(fake), result.details
    if result.interval is not None and None not in (result.interval.low, result.interval.high):
        ax.axvspan(float(result.interval.low or 0.0), float(result.interval.high or 0.0), color=GRID, linewidth=0)
    names = ["blocks", "upper end", "lower end", "real : real", "fake : fake"]
    ax.plot(found[0].astype(float), [0.0] * len(found[0]), color=colour, marker="|", markersize=8, linestyle="none")
    rows: tuple[tuple[Any, Any, str, str], ...] = (
        (told.get("upper"), told.get("upper_margin"), colour, "D"),
        (told.get("lower"), told.get("lower_margin"), colour, "D"),
        (told.get("w_real_real"), None, REAL, "s"),
        (told.get("w_fake_fake"), None, colour, "o"),
    )
    for row, (value, margin, shade, marker) in enumerate(rows, start=1):
        if value is None:
            continue
        ends = [float(value), float(value) + (float(margin or 0.0) * (1 if row == 1 else -1))]
        ax.plot(ends, [row, row], color=shade, linewidth=1.3)
        face = shade if row < 3 else "white"
        ax.plot([value], [row], color=shade, marker=marker, markersize=5, markerfacecolor=face, linestyle="none")
    ax.set_yticks(range(len(names)), names, parse_math=False)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.axvline(0.0, color=FAINT, linewidth=0.7)
    tidy(ax, grid="x")
    ax.tick_params(axis="y", length=0)
    size, count = told.get("block_size"), len(found[0])
    blocks = "" if size is None else f" ({count} blocks of {size} rows per side)"
    labels(ax, x=f"{pretty(result.metric)}{blocks}")
    return ax


def _result(report: Report, fake: int, metric: str | None) -> Result | None:
    names = _METRICS if metric is None else (metric,)
    named = (find(one(report, fake), name) for name in names if kept(report, fake, name, "w_per_block") is not None)
    return next(named, None)


def applies(report: Report, fake: int) -> bool:
    """Tell whether a transport distance kept its blocks."""
    return _result(report, fake, None) is not None


PLOT = PlotSpec(
    name="transport_bracket",
    summary="A transport distance from blocks: the ends between which it lies, and what real scores against real.",
    draw=plot_transport_bracket,
    applies=applies,
    options={"metric": None},
)
