"""The samples themselves: real on the left, fake on the right, on one scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.plots._pictures import pictures
from gandiag.plots._style import (
    FAINT,
    REAL,
    REAL_HATCH,
    fake_colour,
    fake_name,
    labels,
    nothing_to_draw,
    pair_of,
    tidy,
)
from gandiag.plots._words import one

MOST_IMAGES = 64
# Larger clouds are rasterised where the format is a vector one: a file of a million marks opens nowhere.
MOST_MARKS = 1200


def plot_samples_side_by_side(report: Report, fake: int = 0, *, ax: Any = None) -> Any:
    """Draw samples of both sides: image grids, scatters, or histograms of a single column.

    Parameters
    ----------
    report : Report
    fake : int
        Index of the sampler.
    ax : pair of matplotlib.axes.Axes, optional
        Drawn into, real first; otherwise a figure is made, which pyplot does not keep.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)

    Notes
    -----
    Vectors with more than two columns are shown along the first two principal directions of the *real* features:
    what the sampler adds outside them is not seen here. Images are shown on the grey scale of the real ones.

    Raises
    ------
    ConfigError
        When the report holds no examples, or of many columns not their places in the plane.
    """
    if not applies(report, fake):
        raise nothing_to_draw("samples_side_by_side", "no examples of both sides, or no plane to see them in")
    pair = pair_of(ax)
    real, made = (np.asarray(report.arrays[f"examples/{side}"]) for side in ("real", fake))
    if _are_images(report, real, made):
        for axes, images in zip(pair, (real, made), strict=True):
            pictures(axes, images[:MOST_IMAGES], like=real)
    else:
        _vectors(pair, report, fake, real, made)
    for axes, title in zip(pair, ("real", fake_name(report, fake)), strict=True):
        labels(axes, title=title)
    return pair


def _vectors(pair: NDArray[Any], report: Report, fake: int, real: NDArray[Any], made: NDArray[Any]) -> None:
    sides = [values.reshape(len(values), -1).astype(np.float64) for values in (real, made)]
    if sides[0].shape[1] == 1:
        _histograms(pair, sides, fake_colour(fake))
        return
    names = ("first column", "second column")
    if sides[0].shape[1] > 2:
        sides = [np.asarray(report.arrays[key], dtype=np.float64) for key in _planes(fake)]
        names = ("first principal direction of real", "second principal direction of real")
    _scatters(pair, sides, fake_colour(fake), names)


def _planes(fake: int) -> tuple[str, str]:
    return "examples/real_plane", f"examples/{fake}_plane"


def _scatters(pair: NDArray[Any], sides: list[NDArray[np.float64]], colour: str, names: tuple[str, str]) -> None:
    # Limits leave out the farthest half per cent of the real side's surroundings, never the bulk of either side.
    both = np.concatenate(sides)
    low, high = np.quantile(both, 0.002, axis=0), np.quantile(both, 0.998, axis=0)
    margin = 0.06 * np.where(high > low, high - low, 1.0)
    for axes, values, shade, marker in zip(pair, sides, (REAL, colour), ("o", "^"), strict=True):
        axes.scatter(
            values[:, 0],
            values[:, 1],
            s=7,
            marker=marker,
            color=shade,
            alpha=0.55,
            linewidths=0,
            rasterized=len(values) > MOST_MARKS,
        )
        axes.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
        tidy(axes)
        labels(axes, x=names[0])
    labels(pair[0], y=names[1])
    pair[1].tick_params(labelleft=False)


def _histograms(pair: NDArray[Any], sides: list[NDArray[np.float64]], colour: str) -> None:
    both = np.concatenate(sides)
    low, high = float(both.min()), float(both.max())
    bins = np.linspace(low, high if high > low else low + 1.0, 41).tolist()
    tops = []
    for axes, values, style in zip(
        pair, sides, ({"color": "none", "edgecolor": REAL, "hatch": REAL_HATCH}, {"color": colour}), strict=True
    ):
        counts = axes.hist(values[:, 0], bins=bins, weights=np.full(len(values), 1 / len(values)), **style)[0]
        tops.append(float(np.max(counts)))
        tidy(axes)
        labels(axes, x="value")
    for axes in pair:
        axes.set_ylim(0.0, max(*tops, 1e-12) * 1.05)
        axes.axhline(0.0, color=FAINT, linewidth=0.7)
    labels(pair[0], y="share of samples")
    pair[1].tick_params(labelleft=False)


def applies(report: Report, fake: int) -> bool:
    """Tell whether the report holds examples of both sides, and of many columns their places in a plane."""
    one(report, fake)
    if any(len(report.arrays.get(f"examples/{side}", ())) == 0 for side in ("real", fake)):
        return False
    real, made = (np.asarray(report.arrays[f"examples/{side}"]) for side in ("real", fake))
    as_they_are = _are_images(report, real, made) or real.reshape(len(real), -1).shape[1] <= 2
    return as_they_are or all(key in report.arrays for key in _planes(fake))


def _are_images(report: Report, real: NDArray[Any], made: NDArray[Any]) -> bool:
    return report.real.kind == "image" and real.ndim in (3, 4) and real.shape[1:] == made.shape[1:]


PLOT = PlotSpec(
    name="samples_side_by_side",
    summary="Real samples beside fake ones: image grids, scatters, or histograms.",
    draw=plot_samples_side_by_side,
    applies=applies,
    panels=2,
)
