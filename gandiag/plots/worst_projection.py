"""The direction along which fake lies farthest from real: quantile against quantile, and both histograms."""

from __future__ import annotations

from typing import Any

import numpy as np

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import short, short_p
from gandiag.plots._evidence import Array, kept
from gandiag.plots._style import (
    FAINT,
    REAL,
    REAL_HATCH,
    fake_colour,
    fake_name,
    labels,
    legend,
    nothing_to_draw,
    pair_of,
    tidy,
)
from gandiag.plots._words import find, one, p_used

_METRIC = "max_sliced_wasserstein"


def plot_worst_projection(report: Report, fake: int = 0, *, ax: Any = None) -> Any:
    """Draw both sides along the direction that the max-sliced distance learnt on other rows.

    Parameters
    ----------
    report : Report
    fake : int
        Index of the sampler.
    ax : pair of matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)

    Notes
    -----
    The direction was chosen on one half of the rows and is shown on the other, so that what is seen is no artefact of
    the choice. Points on the diagonal are quantiles that agree; the mean distance from it is the metric, for p = 1.

    Raises
    ------
    ConfigError
        When the max-sliced distance was not measured.
    """
    found = kept(report, fake, _METRIC, "projections", "is_real", "quantiles")
    result = find(one(report, fake), _METRIC)
    if found is None or result is None:
        raise nothing_to_draw("worst_projection", "no projections along the worst direction")
    projections, is_real = found[0].astype(float), found[1].astype(bool)
    pair = pair_of(ax, height=2.8)
    sides = projections[is_real], projections[~is_real]
    low, high = float(projections.min()), float(projections.max())
    _quantiles(pair[0], found[2].astype(float), (low, high), fake_colour(fake))
    _histograms(pair[1], *sides, (low, high), fake_colour(fake), fake_name(report, fake))
    p = p_used(result)
    tail = "" if p is None else f", p = {short_p(p)}"
    labels(pair[0], title=f"Worst direction: {short(result.estimate or 0.0)}{tail}")
    return pair


def _quantiles(ax: Any, found: Array, ends: tuple[float, float], colour: str) -> None:
    ax.plot(ends, ends, color=FAINT, linewidth=0.9)
    ax.plot(*found, color=colour, marker="^", markersize=3.2, linestyle="none", markeredgewidth=0)
    ax.set(aspect="equal")
    tidy(ax, grid="both")
    ax.locator_params(nbins=5)
    labels(ax, x="quantile of real", y="quantile of fake")


def _histograms(ax: Any, real: Array, made: Array, ends: tuple[float, float], colour: str, name: str) -> None:
    low, high = ends
    bins = np.linspace(low, high if high > low else low + 1.0, 33).tolist()
    ax.hist(made, bins=bins, weights=np.full(len(made), 1 / len(made)), color=colour, alpha=0.75, label=name)
    ax.hist(real, bins=bins, weights=np.full(len(real), 1 / len(real)), color="none", edgecolor=REAL,
            hatch=REAL_HATCH, linewidth=0.7, label="real")  # fmt: skip
    tidy(ax)
    labels(ax, x="place along the direction", y="share of samples")
    legend(ax, order=(1, 0))


def applies(report: Report, fake: int) -> bool:
    """Tell whether the max-sliced distance kept its projections."""
    return kept(report, fake, _METRIC, "projections", "is_real", "quantiles") is not None


PLOT = PlotSpec(
    name="worst_projection",
    summary="Both sides along the direction on which they lie farthest apart: quantiles and histograms.",
    draw=plot_worst_projection,
    applies=applies,
    panels=2,
)
