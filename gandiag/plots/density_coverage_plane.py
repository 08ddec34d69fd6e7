"""Fidelity against diversity with real balls alone: density and coverage, what chance makes of them, and halves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.plots._plane import draw_plane, reach
from gandiag.plots._style import labels, legend, new_axes, nothing_to_draw, tidy
from gandiag.plots._words import find, one

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_density_coverage_plane(report: Report, fake: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw coverage against density for one sampler, beside the real-against-real floor, with clouds of halves.

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
    As `plot_precision_recall_plane`, with the balls of the real rows for both axes, which scattered samples cannot
    widen. Density is 1 in the mean under equal laws and has no upper end: above 1 lie samples that crowd in the dense
    parts of the data.

    Raises
    ------
    ConfigError
        When density or coverage was not measured.
    """
    density, coverage = (find(one(report, fake), name) for name in ("density", "coverage"))
    if density is None or coverage is None:
        raise nothing_to_draw("density_coverage_plane", "no density or no coverage")
    ax = new_axes(height=3.3) if ax is None else ax
    draw_plane(ax, report, fake, density, coverage)
    ax.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04 * reach(ax)[1]))
    tidy(ax, grid="both")
    labels(ax, x="coverage: share of real balls with fake", y="density: real balls around fake, per k")
    legend(ax, ncols=1)
    return ax


def applies(report: Report, fake: int) -> bool:
    """Tell whether density and coverage of the sampler were both measured."""
    return all(find(one(report, fake), name) is not None for name in ("density", "coverage"))


PLOT = PlotSpec(
    name="density_coverage_plane",
    summary="Fidelity against diversity by the balls of real rows alone, with clouds of halves.",
    draw=plot_density_coverage_plane,
    applies=applies,
)
