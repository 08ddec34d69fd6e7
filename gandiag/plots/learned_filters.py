"""The first filters of a critic that is a convolutional network: the textures that it tells real from fake by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.plots._evidence import kept, loudest
from gandiag.plots._pictures import montage
from gandiag.plots._style import labels, new_axes, nothing_to_draw
from gandiag.plots._words import pretty

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PER_ROW = 8
_PIXELS = 6  # of the montage for one weight, so that the gap between filters is thinner than a weight


def plot_learned_filters(report: Report, fake: int = 0, *, ax: Axes | None = None, metric: str | None = None) -> Axes:
    """Draw the filters of the first layer, all on one grey scale on which 0 is the middle.

    Parameters
    ----------
    report : Report
    fake : int
        Index of the sampler.
    ax : matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.
    metric : str, optional
        The classifier test; the one with the smallest p-value that kept filters, otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Of images with other than one or three channels, the first channel is shown.

    Raises
    ------
    ConfigError
        When no critic kept filters.
    """
    result = loudest(report, fake, metric, "filters")
    found = None if result is None else kept(report, fake, result.metric, "filters")
    if result is None or found is None:
        raise nothing_to_draw("learned_filters", f"no filters of {metric or 'any classifier test'}")
    filters = found[0].astype(float)
    filters = filters if filters.shape[-1] in (1, 3) else filters[..., :1]
    most = max(float(np.abs(filters).max()), 1e-12)
    large = filters.repeat(_PIXELS, axis=1).repeat(_PIXELS, axis=2)
    rows = -(-len(filters) // _PER_ROW)
    ax = new_axes(height=0.4 + 0.45 * rows) if ax is None else ax
    ax.imshow(montage(large, -most, most, columns=min(_PER_ROW, len(filters)), gap=3), interpolation="nearest")
    ax.set_axis_off()
    labels(ax, title=f"{pretty(result.metric)}: first filters, grey is 0")
    return ax


def applies(report: Report, fake: int) -> bool:
    """Tell whether any critic kept its filters."""
    return loudest(report, fake, None, "filters") is not None


PLOT = PlotSpec(
    name="learned_filters",
    summary="The first filters of a convolutional critic: the textures that it tells real from fake by.",
    draw=plot_learned_filters,
    applies=applies,
    options={"metric": None},
)
