"""How well the critic tells real from fake: its ROC curve, and the band in which a guessing critic stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import short, short_p
from gandiag.plots._evidence import kept, loudest
from gandiag.plots._style import (
    FAINT,
    GRID,
    WRONG,
    fake_colour,
    labels,
    legend,
    new_axes,
    nothing_to_draw,
    tidy,
)
from gandiag.plots._words import differs, p_used, pretty

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_critic_roc(report: Report, fake: int = 0, *, ax: Axes | None = None, metric: str | None = None) -> Axes:
    """Draw the share of real called real against the share of fake called real, over all thresholds.

    Parameters
    ----------
    report : Report
    fake : int
        Index of the sampler.
    ax : matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.
    metric : str, optional
        One of the classifier tests; the one with the smallest p-value, otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    The band holds the *whole* curve of a critic that knows nothing in 95 % of cases (Smirnov's law for the largest
    difference of two empirical distributions, in its limit form; with equal scores it is wider than it need be).
    The mark is the critic's own threshold: its height above the diagonal is the advantage.

    Raises
    ------
    ConfigError
        When no classifier test kept its ROC curve.
    """
    result = loudest(report, fake, metric, "roc")
    found = None if result is None else kept(report, fake, result.metric, "roc")
    if result is None or found is None:
        raise nothing_to_draw("critic_roc", f"no ROC curve of {metric or 'any classifier test'}")
    alarms, hits = found[0].astype(float)
    told = result.details
    ax = new_axes(height=2.9) if ax is None else ax
    colour = WRONG if differs(result) else fake_colour(fake)
    ends, reach = np.array([0.0, 1.0]), float(told["guessing_band"])
    ax.fill_between(ends, ends - reach, ends + reach, color=GRID, linewidth=0, zorder=0, label="a critic that guesses")
    ax.plot(ends, ends, color=FAINT, linewidth=0.8, zorder=1)
    ax.plot(alarms, hits, color=colour, linewidth=1.5, zorder=3, clip_on=False, label="held-out rows")
    ax.plot([told["alarm_rate"]], [told["hit_rate"]], color=colour, marker="D", markersize=5.5, linestyle="none",
            zorder=4, clip_on=False, label="the critic's threshold")  # fmt: skip
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    tidy(ax)
    p = p_used(result)
    tail = "" if p is None else f", p = {short_p(p)}"
    labels(ax, title=f"{pretty(result.metric)}: area {short(round(float(told['auc']), 4))}{tail}",
           x="share of fake that is called real", y="share of real that is called real")  # fmt: skip
    legend(ax, loc="lower right", bbox_to_anchor=(1.0, 0.0), ncols=1, borderaxespad=0.4)
    return ax


def applies(report: Report, fake: int) -> bool:
    """Tell whether any classifier test kept its ROC curve."""
    return loudest(report, fake, None, "roc") is not None


PLOT = PlotSpec(
    name="critic_roc",
    summary="How well a critic tells held-out real from fake rows, and the band in which a guessing critic stays.",
    draw=plot_critic_roc,
    applies=applies,
    options={"metric": None},
)
