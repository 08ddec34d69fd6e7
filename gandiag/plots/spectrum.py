"""How the variety of the fake samples is spread: the eigenvalues behind the Vendi score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import short
from gandiag.plots._evidence import kept
from gandiag.plots._style import REAL, fake_colour, fake_name, labels, legend, new_axes, nothing_to_draw, tidy
from gandiag.plots._words import find, one

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METRIC = "vendi"
_LEAST = 1e-4
_MOST = 60


def plot_spectrum(report: Report, fake: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw the eigenvalues of the kernel matrix by rank, and the effective numbers of fake and of real.

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
    The eigenvalues sum to one: they are shares, and the Vendi score is the number of equal shares with the same
    entropy. Shares below 0.0001 are not drawn.

    Raises
    ------
    ConfigError
        When the Vendi score was not measured.
    """
    found, result = kept(report, fake, _METRIC, "eigenvalues"), find(one(report, fake), _METRIC)
    if found is None or result is None:
        raise nothing_to_draw("spectrum", "no eigenvalues")
    ax = new_axes() if ax is None else ax
    shares = found[0].astype(float)
    told = max(float(result.estimate or 0.0), float(result.details.get("real") or 0.0))
    most = max(_MOST, int(1.2 * told))  # the ranks of both effective numbers are among those that are drawn
    shares = shares[shares >= _LEAST][:most] if np.any(shares >= _LEAST) else shares[:1]
    colour = fake_colour(fake)
    style: dict[str, Any] = {"marker": "D", "markersize": 3.5, "linewidth": 0.9}
    ax.plot(np.arange(1, len(shares) + 1), shares, color=colour, label=fake_name(report, fake), **style)
    numbers: list[tuple[Any, str, Any, str]] = [(result.estimate, colour, "-", "effective number")]
    if result.details.get("real") is not None:
        numbers.append((float(result.details["real"]), REAL, (0, (4, 2)), "of as many real rows"))
    for number, shade, line, words in numbers:
        value = float(number or 0.0)
        ax.axvline(value, color=shade, linestyle=line, linewidth=1.2, label=f"{words}: {short(value)}")
    ax.set_yscale("log")
    ax.set_xlim(left=0.0)
    ax.set_ylim(0.5 * float(shares.min()), 1.0)
    tidy(ax, grid="y")
    ax.minorticks_off()
    labels(ax, x="rank", y="share of variety")
    legend(ax, ncols=1)
    return ax


def applies(report: Report, fake: int) -> bool:
    """Tell whether the Vendi score kept its eigenvalues."""
    return kept(report, fake, _METRIC, "eigenvalues") is not None


PLOT = PlotSpec(
    name="spectrum",
    summary="How the variety of the fake samples is spread over directions, and the effective numbers.",
    draw=plot_spectrum,
    applies=applies,
)
