"""How far samples lie from the nearest training row: fake against real."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import short
from gandiag.plots._evidence import kept
from gandiag.plots._style import REAL, fake_colour, fake_name, labels, legend, new_axes, nothing_to_draw, tidy
from gandiag.plots._words import one

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METRIC = "data_copying"


def plot_nearest_training(report: Report, fake: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw the share of samples within each distance of their nearest training row, for either side.

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
    Real rows were not trained on: a fake curve to the left of theirs, above all one that starts at a height, is a
    sampler that copies.

    Raises
    ------
    ConfigError
        When data copying was not measured.
    """
    found = kept(report, fake, _METRIC, "real_distances", "fake_distances")
    if found is None:
        raise nothing_to_draw("nearest_training", "no distances from training rows")
    ax = new_axes() if ax is None else ax
    for distances, colour, style, name in (
        (found[0], REAL, (0, (4, 1.5)), "real, not trained on"),
        (found[1], fake_colour(fake), "-", fake_name(report, fake)),
    ):
        at = np.sort(distances.astype(float))
        share = np.arange(len(at) + 1) / len(at)
        ax.step([0.0, *at], share, where="post", color=colour, linestyle=style, linewidth=1.4, label=name)
    ax.set_ylim(0.0, 1.02)
    ax.set_xlim(left=-0.02 * float(max(found[0].max(), found[1].max(), 1e-12)))
    tidy(ax, grid="y")
    copies = int(one(report, fake)[_METRIC].details.get("exact_copies") or 0)
    chance = float(one(report, fake)[_METRIC].estimate or 0.0)
    said = f", {copies} exact copies" if copies else ""
    labels(ax, title=f"fake is the closer in {short(round(100 * chance, 1))} %{said}",
           x="distance from the nearest training row", y="share of samples within it")  # fmt: skip
    legend(ax, loc="lower right", bbox_to_anchor=(1.0, 0.0), ncols=1, borderaxespad=0.4)
    return ax


def applies(report: Report, fake: int) -> bool:
    """Tell whether distances from training rows were kept."""
    return kept(report, fake, _METRIC, "real_distances", "fake_distances") is not None


PLOT = PlotSpec(
    name="nearest_training",
    summary="How far fake and real samples lie from the nearest training row.",
    draw=plot_nearest_training,
    applies=applies,
)
