"""A transport distance against the rows of a block: how its two ends close in on the distance of the laws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.plots._evidence import Array, kept, loudest
from gandiag.plots._style import FAINT, GRID, REAL, fake_colour, labels, legend, new_axes, nothing_to_draw, tidy
from gandiag.plots._words import pretty

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROWS, _UPPER, _UPPER_BOUND, _LOWER, _LOWER_BOUND, _REAL, _FAKE = range(7)


def plot_transport_sizes(report: Report, fake: int = 0, *, ax: Axes | None = None, metric: str | None = None) -> Axes:
    """Draw the distance between blocks of real and fake at several sizes, its lower end, and what one side scores.

    Parameters
    ----------
    report : Report
    fake : int
        Index of the sampler.
    ax : matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.
    metric : str, optional
        ``wasserstein``, or another that keeps its bracket by size.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    The distance of the laws is the same at every size and lies between the two ends in expectation; the lines at the
    marks are their margins, which hold together at one size with the interval's confidence, not over all sizes. Blocks
    of one side score what chance alone gives, which falls slowly with the rows where there are many columns.

    Raises
    ------
    ConfigError
        When no transport distance kept its bracket by size.
    """
    result = loudest(report, fake, metric, "by_size")
    found = None if result is None else kept(report, fake, result.metric, "by_size")
    if result is None or found is None:
        raise nothing_to_draw("transport_sizes", "no bracket at several sizes of blocks")
    ax = new_axes(height=2.8) if ax is None else ax
    _drawn(ax, found[0], fake_colour(fake))
    ax.axhline(0.0, color=FAINT, linewidth=0.7, zorder=1)
    _rows(ax, found[0][:, _ROWS])
    tidy(ax, grid="y")
    labels(ax, x="rows per side of a block", y=pretty(result.metric))
    legend(ax, ncols=1)
    return ax


def _drawn(ax: Axes, table: Array, colour: str) -> None:
    x = table[:, _ROWS]
    ax.fill_between(x, table[:, _LOWER_BOUND], table[:, _UPPER_BOUND], color=GRID, linewidth=0, zorder=0)
    for end, bound, marker, label in (
        (_UPPER, _UPPER_BOUND, "v", "real against fake: the upper end"),
        (_LOWER, _LOWER_BOUND, "^", "less what one side scores: the lower end"),
    ):
        ax.vlines(x, table[:, end], table[:, bound], color=colour, linewidth=1.3, zorder=3)
        ax.plot(x, table[:, end], color=colour, marker=marker, markersize=5, linewidth=1.1, zorder=4, label=label)
    hollow: dict[str, Any] = {"markersize": 4.5, "markerfacecolor": "white", "linewidth": 0.9, "zorder": 2}
    ax.plot(x, table[:, _REAL], color=REAL, marker="s", linestyle=(0, (4, 2)), label="real against real", **hollow)
    ax.plot(x, table[:, _FAKE], color=colour, marker="o", linestyle=(0, (1, 1.5)), label="fake against fake", **hollow)


def _rows(ax: Axes, sizes: Array) -> None:
    """Space the sizes as their logarithms, and name each."""
    from matplotlib.ticker import NullLocator

    ax.set_xscale("log")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(sizes.tolist(), [f"{size:.0f}" for size in sizes], parse_math=False)


def applies(report: Report, fake: int) -> bool:
    """Tell whether a transport distance kept its bracket by size."""
    return loudest(report, fake, None, "by_size") is not None


PLOT = PlotSpec(
    name="transport_sizes",
    summary="A transport distance against the rows of a block: how its two ends close in on that of the laws.",
    draw=plot_transport_sizes,
    applies=applies,
    options={"metric": None},
)
