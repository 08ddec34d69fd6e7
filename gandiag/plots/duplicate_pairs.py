"""The closest pairs of fake samples, beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import short
from gandiag.plots._evidence import Array, examples, is_image, kept, shown
from gandiag.plots._pictures import pictures
from gandiag.plots._style import labels, new_axes, nothing_to_draw
from gandiag.plots._words import find, one

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METRIC = "near_duplicates"
_PAIRS = 12
_PER_ROW = 4


def plot_duplicate_pairs(report: Report, fake: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw pairs of images that a sampler repeats, closest first, row by row.

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
    Pairs of which both samples are among the report's examples; either column belongs together with the next.

    Raises
    ------
    ConfigError
        When the samples are no images, or no pair is among the examples.
    """
    found = _pairs(report, fake)
    if found is None:
        raise nothing_to_draw("duplicate_pairs", "no close pair among the examples, or no images")
    images, distances = found
    rows = -(-min(_PAIRS, len(images)) // _PER_ROW)
    ax = new_axes(height=0.4 + 0.5 * rows) if ax is None else ax
    like = examples(report, "real")
    # One image as wide as a pair: within a pair there is no gap, between pairs there is.
    joined = np.concatenate([images[:, 0], images[:, 1]], axis=2)
    pictures(ax, joined[:_PAIRS], like=like, columns=min(_PER_ROW, len(joined)))
    least, most = float(distances.min()), float(distances[:_PAIRS].max())
    apart = "exact copies" if most == 0 else f"{short(least)} to {short(most)} apart"
    labels(ax, title=f"closest pairs, {apart}")
    return ax


def _pairs(report: Report, fake: int) -> tuple[Array, Array] | None:
    """Give images, shape (pairs, 2, ...), and distances of the pairs that the examples hold."""
    found, result = kept(report, fake, _METRIC, "closest_pairs", "closest_distances"), find(one(report, fake), _METRIC)
    if found is None or result is None or not (is_image(report, fake) and is_image(report, "real")):
        return None
    pairs = found[0].astype(int)
    sides = [shown(report, fake, result, pairs[:, i]) for i in (0, 1)]
    both = np.intersect1d(sides[0][1], sides[1][1])
    if not len(both):
        return None
    images = [side[np.searchsorted(held, both)] for side, held in sides]
    return np.stack(images, axis=1), found[1][both].astype(float)


def applies(report: Report, fake: int) -> bool:
    """Tell whether a close pair of images is among the examples."""
    return _pairs(report, fake) is not None


PLOT = PlotSpec(
    name="duplicate_pairs",
    summary="The pairs of fake images that lie closest to each other.",
    draw=plot_duplicate_pairs,
    applies=applies,
)
