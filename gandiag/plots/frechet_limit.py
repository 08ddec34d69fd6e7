"""The Fréchet distance against one over the number of rows, with the line to infinitely many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import short
from gandiag.plots._evidence import Array, kept, loudest
from gandiag.plots._style import FAINT, REAL, fake_colour, labels, legend, new_axes, nothing_to_draw, tidy
from gandiag.plots._words import pretty

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_frechet_limit(report: Report, fake: int = 0, *, ax: Axes | None = None, metric: str | None = None) -> Axes:
    """Draw distances at several sizes, the line through them, and where it meets infinitely many rows.

    Parameters
    ----------
    report : Report
    fake : int
        Index of the sampler.
    ax : matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.
    metric : str, optional
        ``frechet`` or ``fid``; the one that the report holds, otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    The axis is one over the number of rows, on which the bias is a straight line; its ticks say the rows per side,
    the harmonic mean where the sides differ. The square is what real scores against real at full size, with one
    standard deviation; the bar at infinity is the jackknife interval, where the report holds one.

    Raises
    ------
    ConfigError
        When the report holds no line.
    """
    found = _found(report, fake, metric)
    if found is None:
        raise nothing_to_draw("frechet_limit", "no line to infinitely many rows")
    ax = new_axes() if ax is None else ax
    (result, line, limit), colour = found, fake_colour(fake)
    _lines(ax, line, limit, colour)
    if result.floor is not None:
        style: dict[str, Any] = {"markerfacecolor": "white", "markersize": 5, "capsize": 2, "elinewidth": 1.1}
        ax.errorbar([1.0], [result.floor.mean], yerr=[result.floor.sd], color=REAL, fmt="s", zorder=3,
                    label=f"real against real: {short(result.floor.mean)}", **style)  # fmt: skip
    ax.axhline(0.0, color=FAINT, linewidth=0.7, zorder=1)
    tidy(ax, grid="y")
    _rows(ax, result, line)
    title = f"{pretty(result.metric)}: {short(result.estimate or 0.0)}"
    labels(ax, title=title, x="rows per side, spaced as 1 / rows", y="distance")
    legend(ax, loc="best", bbox_to_anchor=None, ncols=1, borderaxespad=0.4)
    return ax


def _found(report: Report, fake: int, metric: str | None) -> tuple[Result, Array, float] | None:
    """Give the result that holds a line, the line, and its value at no bias."""
    result = loudest(report, fake, metric, "infinity_line")
    found = None if result is None else kept(report, fake, result.metric, "infinity_line")
    told = None if result is None else (result.details.get("infinity") or {}).get("estimate")
    return None if result is None or found is None or told is None else (result, found[0], float(told))


def _lines(ax: Axes, line: Array, limit: float, colour: str) -> None:
    ax.plot([0.0, *line[:, 0]], [limit, *line[:, 2]], color=colour, linewidth=1.0, linestyle=(0, (4, 2)), zorder=2)
    ax.plot(line[:, 0], line[:, 1], color=colour, marker="D", markersize=5, linestyle="none", zorder=4,
            label="shares of the rows, mean")  # fmt: skip
    ax.plot([0.0], [limit], color=colour, marker="o", markerfacecolor="white", markeredgewidth=1.3, markersize=6,
            linestyle="none", zorder=5, clip_on=False,
            label=f"at infinitely many rows: {short(limit)}")  # fmt: skip


def _rows(ax: Axes, result: Result, line: Array) -> None:
    """Add the interval at infinity, and name the places of the axis by their rows."""
    interval = (result.details.get("infinity") or {}).get("interval")
    if interval:
        ax.plot([0.0, 0.0], [interval["low"], interval["high"]], color=ax.lines[0].get_color(), linewidth=1.3,
                marker="_", zorder=3, clip_on=False)  # fmt: skip
    rows = 2.0 / (1.0 / max(result.n_real, 1) + 1.0 / max(result.n_fake, 1))
    places = np.concatenate([[0.0], line[:, 0]])
    ax.set_xticks(places.tolist(), ["∞", *(f"{rows / k:.0f}" for k in line[:, 0])], parse_math=False)
    ax.set_xlim(-0.08 * float(places.max()), 1.06 * float(places.max()))


def applies(report: Report, fake: int) -> bool:
    """Tell whether a Fréchet distance kept its line to infinity."""
    return _found(report, fake, None) is not None


PLOT = PlotSpec(
    name="frechet_limit",
    summary="The Fréchet distance at several sample sizes, and what it would be with infinitely many rows.",
    draw=plot_frechet_limit,
    applies=applies,
    options={"metric": None},
)
