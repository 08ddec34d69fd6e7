"""The wealth of a gambler who bets on telling fake from real, pair by pair."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import short
from gandiag.plots._evidence import kept
from gandiag.plots._style import FAINT, WRONG, fake_colour, fake_name, labels, legend, new_axes, nothing_to_draw, tidy
from gandiag.plots._words import one

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METRIC = "c2st_e"
_THRESHOLDS = (20.0, 1000.0)


def plot_wealth_path(report: Report, fake: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw the e-value against the pairs that were bet on, in powers of ten.

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
    Nobody grows rich by betting on equal laws: the wealth ever reaches 20 in at most 5 % of runs, and 1000 in at most
    0.1 %, whenever one looks. Crossing a line is a rejection at that level.

    Raises
    ------
    ConfigError
        When the sequential test was not run.
    """
    found = kept(report, fake, _METRIC, "log_wealth")
    if found is None:
        raise nothing_to_draw("wealth_path", "no path of a sequential test")
    ax = new_axes(height=2.5) if ax is None else ax
    powers = np.concatenate([[0.0], found[0].astype(float).ravel() / math.log(10.0)])
    ax.axhline(0.0, color=FAINT, linewidth=0.7)
    for bound, level, line in zip(_THRESHOLDS, ("5 %", "0.1 %"), ((0, (2, 2)), (0, (5, 2))), strict=True):
        label = f"{bound:.0f}: a level of {level}"
        ax.axhline(math.log10(bound), color=WRONG, linewidth=0.9, linestyle=line, label=label)
    low, high = min(0.0, float(powers.min())), max(float(powers.max()), math.log10(_THRESHOLDS[-1]))
    ax.set_ylim(low - 0.08 * (high - low), high + 0.12 * (high - low))
    stopped = one(report, fake)[_METRIC].details.get("stopped_after")
    told = "never past 20" if stopped is None else f"past 20 after {short(float(stopped))} pairs"
    label = f"{fake_name(report, fake)}, {told}"
    ax.plot(np.arange(len(powers)), powers, color=fake_colour(fake), linewidth=1.4, label=label)
    tidy(ax)
    ax.margins(x=0.01)
    labels(ax, x="pairs that were bet on", y="wealth, in powers of ten")
    legend(ax, order=(2, 1, 0), ncols=1)
    return ax


def applies(report: Report, fake: int) -> bool:
    """Tell whether the sequential test kept its path."""
    return kept(report, fake, _METRIC, "log_wealth") is not None


PLOT = PlotSpec(
    name="wealth_path",
    summary="What a gambler earns by telling fake from real: an e-value that may be looked at at any time.",
    draw=plot_wealth_path,
    applies=applies,
)
