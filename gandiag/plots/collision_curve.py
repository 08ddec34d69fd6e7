"""How often two samples of one side lie within a distance: fake against real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.plots._evidence import kept
from gandiag.plots._style import FAINT, REAL, fake_colour, fake_name, labels, legend, new_axes, nothing_to_draw, tidy
from gandiag.plots._words import one

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METRIC = "near_duplicates"


def plot_collision_curve(report: Report, fake: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw the share of pairs within each distance, for either side, on logarithmic axes.

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
    Where the fake curve lies above the real one there are more close pairs than real data have: at distances near zero
    they are copies of each other, at larger ones missing variety. The dashed line is the threshold of the metric.

    Raises
    ------
    ConfigError
        When near duplicates were not measured, or not one pair is within reach.
    """
    found = kept(report, fake, _METRIC, "curve_tau", "curve_fake", "curve_real")
    if found is None or not applies(report, fake):
        raise nothing_to_draw("collision_curve", "no pairs within a distance")
    ax = new_axes() if ax is None else ax
    tau, made, real = (values.astype(float) for values in found)
    for share, colour, style, name in (
        (real, REAL, (0, (4, 1.5)), "real"),
        (made, fake_colour(fake), "-", fake_name(report, fake)),
    ):
        seen = (share > 0) & (tau > 0)  # no logarithm of none
        ax.plot(tau[seen], share[seen], color=colour, linestyle=style, linewidth=1.4, label=name)
    threshold = float(one(report, fake)[_METRIC].details.get("tau") or 0.0)
    if threshold > 0:
        ax.axvline(threshold, color=FAINT, linewidth=0.9, linestyle=(0, (2, 2)), label="threshold")
    ax.set(xscale="log", yscale="log")
    tidy(ax, grid="y")
    ax.minorticks_off()
    labels(ax, x="distance", y="share of pairs within it")
    legend(ax)
    return ax


def applies(report: Report, fake: int) -> bool:
    """Tell whether the sampler's near duplicates were searched, and some pair of either side is within reach."""
    found = kept(report, fake, _METRIC, "curve_tau", "curve_fake", "curve_real")
    return found is not None and bool(np.any((found[0] > 0) & ((found[1] > 0) | (found[2] > 0))))


PLOT = PlotSpec(
    name="collision_curve",
    summary="Share of pairs within each distance, real and fake: where fake lies above, samples repeat.",
    draw=plot_collision_curve,
    applies=applies,
)
