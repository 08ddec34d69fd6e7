"""Precision against recall for all trade-offs: what share of fake is as dense in real, and the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import short
from gandiag.plots._evidence import kept
from gandiag.plots._style import FAINT, REAL, fake_colour, fake_name, labels, legend, new_axes, nothing_to_draw, tidy
from gandiag.plots._words import find, one

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METRIC = "prd"


def plot_prd_curve(report: Report, fake: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw the precision-recall curve of the laws of one sampler and the real data.

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
    Equal laws fill the square. The diamond is the point with the best F score, which is the estimate; the dashed
    curve holds all points whose F score is the floor's: what real scores against real at these sizes.

    Raises
    ------
    ConfigError
        When the curve was not measured.
    """
    found, result = kept(report, fake, _METRIC, "precision", "recall"), find(one(report, fake), _METRIC)
    if found is None or result is None:
        raise nothing_to_draw("prd_curve", "no precision-recall curve")
    precision, recall = (values.astype(float) for values in found)
    ax = new_axes(height=3.2) if ax is None else ax
    colour = fake_colour(fake)
    ax.plot([0.0, 1.0, 1.0], [1.0, 1.0, 0.0], color=FAINT, linewidth=0.8, zorder=1)
    if result.floor is not None and result.floor.mean > 0:
        _contour(ax, min(result.floor.mean, 1.0))
    # The curve runs from recall to precision and may turn back where it is noisy: the area is that of its own outline.
    ax.fill([0.0, *recall, 0.0], [0.0, *precision, precision[-1]], color=colour, alpha=0.15, linewidth=0, zorder=1)
    ax.plot(recall, precision, color=colour, linewidth=1.5, zorder=3, label=fake_name(report, fake))
    best = result.details
    label = f"best F score: {short(result.estimate or 0.0)}"
    ax.plot([best["best_recall"]], [best["best_precision"]], color=colour, marker="D", markersize=5.5,
            linestyle="none", zorder=4, clip_on=False, label=label)  # fmt: skip
    ax.set(xlim=(0.0, 1.04), ylim=(0.0, 1.04), aspect="equal")
    tidy(ax, grid="both")
    labels(ax, x="recall: real that fake reaches", y="precision: fake that real reaches")
    legend(ax, order=(1, 2, 0), ncols=1)
    return ax


def _contour(ax: Axes, score: float) -> None:
    """Draw all points of one F score within the square."""
    recall = np.linspace(score / (2.0 - score), 1.0, 60)
    ax.plot(recall, score * recall / (2.0 * recall - score), color=REAL, linewidth=1.0, linestyle=(0, (4, 2)),
            zorder=2, label=f"real against real (floor): {short(score)}")  # fmt: skip


def applies(report: Report, fake: int) -> bool:
    """Tell whether the curve was measured."""
    return kept(report, fake, _METRIC, "precision", "recall") is not None


PLOT = PlotSpec(
    name="prd_curve",
    summary="Precision against recall for all trade-offs between them, with the best F score and its floor.",
    draw=plot_prd_curve,
    applies=applies,
)
