"""How well the critic tells real from fake: its ROC curve, and the band in which a guessing critic stays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import short, short_p
from gandiag.plots._evidence import Array, kept, loudest
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

CONFIDENCE = 0.95


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
        When no classifier test kept its scores.
    """
    result = loudest(report, fake, metric, "scores", "labels")
    found = None if result is None else kept(report, fake, result.metric, "scores", "labels")
    if result is None or found is None:
        raise nothing_to_draw("critic_roc", f"no scores of {metric or 'any classifier test'}")
    scores, is_real = found[0].astype(float), found[1].astype(bool)
    ax = new_axes(height=2.9) if ax is None else ax
    colour = WRONG if differs(result) else fake_colour(fake)
    reach = half_width(int(is_real.sum()), int((~is_real).sum()))
    ends = np.array([0.0, 1.0])
    ax.fill_between(ends, ends - reach, ends + reach, color=GRID, linewidth=0, zorder=0, label="a critic that guesses")
    ax.plot(ends, ends, color=FAINT, linewidth=0.8, zorder=1)
    alarms, hits = curve(scores, is_real)
    ax.plot(alarms, hits, color=colour, linewidth=1.5, zorder=3, clip_on=False, label="held-out rows")
    at = [float((scores[~is_real] > 0).mean())], [float((scores[is_real] > 0).mean())]
    ax.plot(*at, color=colour, marker="D", markersize=5.5, linestyle="none", zorder=4, clip_on=False,
            label="the critic's threshold")  # fmt: skip
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    tidy(ax)
    p, area = p_used(result), float(np.trapezoid(hits, alarms))
    tail = "" if p is None else f", p = {short_p(p)}"
    labels(ax, title=f"{pretty(result.metric)}: area {short(round(area, 4))}{tail}",
           x="share of fake that is called real", y="share of real that is called real")  # fmt: skip
    legend(ax, loc="lower right", bbox_to_anchor=(1.0, 0.0), ncols=1, borderaxespad=0.4)
    return ax


def curve(scores: Array, is_real: Array) -> tuple[Array, Array]:
    """Trace the share of fake and of real above every threshold; equal scores are one step, aslant."""
    values, place = np.unique(-scores, return_inverse=True)
    shares = []
    for side in (~is_real, is_real):
        counts = np.bincount(place[side], minlength=len(values)).cumsum()
        shares.append(np.concatenate([[0.0], counts / max(int(side.sum()), 1)]))
    return shares[0], shares[1]


def half_width(real: int, fake: int) -> float:
    """Give the largest difference of shares that chance explains, anywhere on the curve."""
    return math.sqrt(-0.5 * math.log((1.0 - CONFIDENCE) / 2.0) * (1.0 / max(real, 1) + 1.0 / max(fake, 1)))


def applies(report: Report, fake: int) -> bool:
    """Tell whether any classifier test kept its scores."""
    return loudest(report, fake, None, "scores", "labels") is not None


PLOT = PlotSpec(
    name="critic_roc",
    summary="How well a critic tells held-out real from fake rows, and the band in which a guessing critic stays.",
    draw=plot_critic_roc,
    applies=applies,
    options={"metric": None},
)
