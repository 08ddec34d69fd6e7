"""Private helpers of the planes of fidelity against diversity: the point, its floor, and the clouds of halves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.core.report import Report
from gandiag.core.results import Interval, Result
from gandiag.plots._evidence import Array, kept
from gandiag.plots._style import FAINT, REAL, fake_colour, fake_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_plane(ax: Axes, report: Report, fake: int, up: Result, right: Result) -> None:
    """Draw one sampler's score upwards against its score to the right, beside the floor of both and the clouds.

    The clouds are those that the result upwards kept, in the order (up, right); they are left out where the two
    results do not speak of the same balls.
    """
    colour, (x, y) = fake_colour(fake), (float(right.estimate or 0.0), float(up.estimate or 0.0))
    clouds = _clouds(report, fake, up, right)
    if clouds is not None:
        made, real = clouds
        _cloud(ax, real, colour=REAL, marker="x", label="half of real against the rest")
        _cloud(ax, made, colour=colour, marker=".", label="half of real against half of fake")
    if right.floor is not None and up.floor is not None:
        at = (right.floor.mean, up.floor.mean)
        _arrow(ax, at, (x, y))
        bars: dict[str, Any] = {"xerr": right.floor.sd, "yerr": up.floor.sd}
        _point(ax, *at, bars, colour=REAL, marker="s", filled=False, label="real against real (floor)")
    bars = {"xerr": _bars(x, right.interval), "yerr": _bars(y, up.interval)}
    _point(ax, x, y, bars, colour=colour, marker="D", filled=True, label=fake_name(report, fake))


def reach(ax: Axes) -> tuple[float, float]:
    """Find how far to the right and how far up the points of the plane lie, 1 at least."""
    points = np.concatenate([np.asarray(line.get_xydata(), dtype=np.float64) for line in ax.lines])
    right, up = np.maximum(points.max(axis=0), 1.0)
    return float(right), float(up)


def _clouds(report: Report, fake: int, up: Result, right: Result) -> tuple[Array, ...] | None:
    same = all(up.details.get(name) == right.details.get(name) for name in ("k", "ties"))
    return kept(report, fake, up.metric, "halves", "real_halves") if same else None


def _cloud(ax: Axes, points: Array, *, colour: str, marker: str, label: str) -> None:
    style: dict[str, Any] = {"marker": marker, "markersize": 3.0, "markeredgewidth": 0.6, "alpha": 0.55}
    ax.plot(points[:, 1], points[:, 0], color=colour, linestyle="none", zorder=2, label=label, **style)


def _point(
    ax: Axes, x: float, y: float, bars: dict[str, Any], *, colour: str, marker: str, filled: bool, label: str
) -> None:
    ax.errorbar([x], [y], **bars, color=colour, linestyle="none", elinewidth=1.1, capsize=2, zorder=3)
    face = colour if filled else "white"
    style: dict[str, Any] = {"marker": marker, "markersize": 5.5, "markerfacecolor": face, "markeredgewidth": 1.2}
    ax.plot([x], [y], color=colour, linestyle="none", label=label, zorder=4, **style)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.9, "linestyle": (0, (3, 2)), "shrinkA": 4, "shrinkB": 4}
    ax.annotate("", xy=end, xytext=start, arrowprops=style, zorder=2.5)


def _bars(estimate: float, interval: Interval | None) -> list[list[float]] | None:
    if interval is None or interval.low is None or interval.high is None:
        return None
    return [[max(estimate - interval.low, 0.0)], [max(interval.high - estimate, 0.0)]]
