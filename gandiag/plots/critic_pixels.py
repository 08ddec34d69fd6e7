"""Where in an image the critic found the difference: its scores of real less fake, shared out over the pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.plots._evidence import kept, loudest
from gandiag.plots._style import SMALL, labels, new_axes, nothing_to_draw
from gandiag.plots._words import pretty

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_critic_pixels(report: Report, fake: int = 0, *, ax: Axes | None = None, metric: str | None = None) -> Axes:
    """Draw the share of each pixel in the difference of the critic's mean scores.

    Parameters
    ----------
    report : Report
    fake : int
        Index of the sampler.
    ax : matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.
    metric : str, optional
        One of the classifier tests on images; the one with the smallest p-value, otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    In log odds: the map adds up to the difference of the scores of real and fake images (integrated gradients, from
    fake to real). Bright pixels gave the sampler away; where it is below 0, a pixel speaks for the wrong side.

    Raises
    ------
    ConfigError
        When no classifier test kept a map.
    """
    result = loudest(report, fake, metric, "pixel_map")
    found = None if result is None else kept(report, fake, result.metric, "pixel_map")
    if result is None or found is None:
        raise nothing_to_draw("critic_pixels", f"no map of pixels of {metric or 'any classifier test'}")
    ax = new_axes(height=2.7) if ax is None else ax
    shares = found[0].astype(float)
    low, high = min(float(shares.min()), 0.0), max(float(shares.max()), 1e-12)
    corners = np.arange(shares.shape[1] + 1), np.arange(shares.shape[0] + 1)
    drawn = ax.pcolormesh(*corners, shares, cmap="viridis", vmin=low, vmax=high, rasterized=shares.size > 4096)
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.invert_yaxis()
    bar = ax.figure.colorbar(drawn, cax=ax.inset_axes((1.05, 0.0, 0.05, 1.0)))
    bar.ax.tick_params(labelsize=SMALL, length=2)
    bar.outline.set_visible(False)
    bar.set_label("log odds by pixel", fontsize=SMALL)
    labels(ax, title=f"{pretty(result.metric)}: where it looks")
    return ax


def applies(report: Report, fake: int) -> bool:
    """Tell whether any classifier test kept a map of pixels."""
    return loudest(report, fake, None, "pixel_map") is not None


PLOT = PlotSpec(
    name="critic_pixels",
    summary="Where in an image the critic found the difference between real and fake.",
    draw=plot_critic_pixels,
    applies=applies,
    options={"metric": None},
)
