"""One metric over all samplers of a report, best first, with what may be called best and what is tied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gandiag.core.best import Mark, marks_of
from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import short
from gandiag.plots._style import (
    FAINT,
    GRID,
    INK,
    REAL,
    beside,
    fake_colour,
    fake_name,
    labels,
    new_axes,
    nothing_to_draw,
    tidy,
    write,
)
from gandiag.plots._words import find, one, pretty

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BAND = 2.0
# Right edge of the column of numbers, and the left one of the words, in points from the axes.
_VALUE, _WORD = 36.0, 42.0
_WAY = {"lower": "   ← better", "higher": "   better →", "target": ""}
_WORDS: dict[Mark, str] = {"best": "best", "tied": "tied", "": ""}


def plot_sampler_comparison(
    report: Report, fake: int = 0, *, ax: Axes | None = None, metric: str | None = None
) -> Axes:
    """Draw a row per sampler, best on top, with confidence intervals and the floor.

    Parameters
    ----------
    report : Report
    fake : int
        Index of the sampler whose name is set in bold.
    ax : matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.
    metric : str, optional
        Otherwise the first one by which the samplers can be ranked, if possible with intervals of all.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    A filled diamond is significantly better than all others; hollow ones are tied with the best; both by
    `gandiag.core.best`, the rule of the tables. Where no metric has intervals for all samplers nothing is marked:
    a smaller number alone proves nothing. The band is two standard deviations of the floor either way, of the
    sampler's with the widest; a metric whose better side is neither is ranked by its distance from the floor.

    Raises
    ------
    ConfigError
        When fewer than two samplers have the metric.
    """
    one(report, fake)
    name = picked(report, metric)
    if name is None:
        raise nothing_to_draw("sampler_comparison", f"fewer than two samplers with {metric or 'a number'}")
    found = [(i, r) for i, sampler in enumerate(report.fakes) if (r := find(sampler, name)) is not None]
    marks = dict(zip((i for i, _ in found), marks_of([r for _, r in found], found[0][1].direction), strict=True))
    found.sort(key=lambda pair: _rank(pair[1]))
    ax = new_axes(width=4.2, height=0.75 + 0.23 * len(found)) if ax is None else ax
    _band(ax, [r for _, r in found])
    for row, (i, result) in enumerate(found):
        _row(ax, row, result, fake_colour(i), marks[i])
    ax.set_ylim(len(found) - 0.4, -0.6)
    ax.set_yticks(range(len(found)), [fake_name(report, i, longest=24) for i, _ in found], parse_math=False)
    if len(found) > 1:
        for (i, _), text in zip(found, ax.get_yticklabels(), strict=True):
            text.set_fontweight("bold" if i == fake else "normal")
    tidy(ax, grid="x")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=5)
    labels(ax, x=f"{pretty(name)}{_WAY[found[0][1].direction]}")
    return ax


def _rank(result: Result) -> float:
    value = float(result.estimate or 0.0)
    if result.direction == "target":
        return abs(result.z if result.z is not None else value)
    return value if result.direction == "lower" else -value


def _band(ax: Axes, results: list[Result]) -> None:
    floors = [r.floor for r in results if r.floor is not None]
    if not floors:
        return
    widest = max(floors, key=lambda floor: floor.sd)
    ax.axvspan(widest.mean - _BAND * widest.sd, widest.mean + _BAND * widest.sd, color=GRID, linewidth=0, zorder=0)
    ax.axvline(widest.mean, color=REAL, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1)
    write(ax, widest.mean, 1.01, "real against real", transform=ax.get_xaxis_transform(), ha="center", va="bottom",
          color=REAL)  # fmt: skip


def _row(ax: Axes, row: int, result: Result, colour: str, mark: Mark) -> None:
    value, interval = float(result.estimate or 0.0), result.interval
    if interval is not None:
        low = value if interval.low is None else interval.low
        high = value if interval.high is None else interval.high
        ax.plot([low, high], [row, row], color=colour, linewidth=1.4, zorder=2)
    style: dict[str, Any] = {"marker": "D" if mark else "o", "markersize": 5.5 if mark else 4.5}
    face = "white" if mark == "tied" else colour
    ax.plot(
        [value], [row], color=colour, markerfacecolor=face, markeredgewidth=1.3, linestyle="none", zorder=3, **style
    )
    weight = "bold" if mark == "best" else "normal"
    beside(ax, row, short(value), _VALUE, ha="right", fontweight=weight)
    beside(ax, row, _WORDS[mark], _WORD, ha="left", color=INK if mark == "best" else FAINT, fontweight=weight)


def picked(report: Report, metric: str | None) -> str | None:
    """Pick the metric that is drawn: the one asked for, or the first by which most can be said; None where none can."""
    names = dict.fromkeys(r.metric for sampler in report.fakes for r in sampler.results)

    def rank(name: str) -> tuple[int, int]:
        found = [r for sampler in report.fakes if (r := find(sampler, name)) is not None]
        ends = [r.interval for r in found if r.interval is not None and None not in (r.interval.low, r.interval.high)]
        judged = len(ends) == len(found) and found[0].direction != "target"
        return (-int(judged), -len(found))

    able = [
        name
        for name in names
        if metric in (None, name) and sum(find(sampler, name) is not None for sampler in report.fakes) > 1
    ]
    return min(able, key=rank) if able else None


def applies(report: Report, fake: int) -> bool:
    """Tell whether at least two samplers have a number of one metric."""
    one(report, fake)
    return picked(report, None) is not None


PLOT = PlotSpec(
    name="sampler_comparison",
    summary="One metric over all samplers, best first, with intervals, the floor, and ties marked.",
    draw=plot_sampler_comparison,
    applies=applies,
    options={"metric": None},
)
