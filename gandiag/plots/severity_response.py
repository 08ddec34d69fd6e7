"""How a metric answers to a fault that is made worse step by step: one point per severity, beside the floor."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.core.specs import PATHOLOGIES, PlotSpec
from gandiag.plots._style import GRID, REAL, WRONG, fake_colour, labels, legend, new_axes, nothing_to_draw, tidy
from gandiag.plots._words import differs, find, one, pretty, worse_by

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What stands before the last distortion of an address, its name, its severity, and its options.
_ADDRESS = re.compile(r"(.+)!(\w+)=([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)((?:,\w+=[^!]*)?)$", re.DOTALL)
_BAND = 2.0
_FEWEST = 2


def plot_severity_response(report: Report, fake: int = 0, *, ax: Axes | None = None, metric: str | None = None) -> Axes:
    """Draw one metric of all samplers that suffer from one fault of the same source, against its severity.

    Parameters
    ----------
    report : Report
        On samplers such as ``toy:ring8!noise=0.1`` and ``toy:ring8!noise=0.2``; the source without the fault stands at
        the severity that changes nothing.
    fake : int
        Index of a sampler of the series.
    ax : matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.
    metric : str, optional
        Otherwise the one that lies farthest from its floor at any severity.

    Returns
    -------
    matplotlib.axes.Axes

    Notes
    -----
    Filled marks differ from their floor by their test, hollow ones do not. The band is two standard deviations of the
    floor either way; bars are confidence intervals, where there are any.

    Raises
    ------
    ConfigError
        When the report does not hold two severities of one fault, or not the metric of two.
    """
    fault, severities, results = drawn(report, fake, metric)
    ax = new_axes() if ax is None else ax
    colour = fake_colour(fake)
    x, y = np.array(severities), np.array([float(r.estimate or 0.0) for r in results])
    _floor(ax, x, results)
    for at, result in zip(x, results, strict=True):
        ends = result.interval
        if ends is not None and ends.low is not None and ends.high is not None:
            ax.plot([at, at], [ends.low, ends.high], color=colour, linewidth=1.1, zorder=2)
    ax.plot(x, y, color=colour, linewidth=1.2, zorder=3)
    told = np.array([differs(r) for r in results])
    for mine, face, name in ((told, WRONG, "differs"), (~told, "white", "not told from the floor")):
        if mine.any():
            ax.plot(x[mine], y[mine], marker="D" if face == WRONG else "o", markersize=5, markerfacecolor=face,
                    color=WRONG if face == WRONG else colour, linestyle="none", zorder=4, label=name)  # fmt: skip
    tidy(ax, grid="y")
    spec = PATHOLOGIES.get(fault)
    labels(ax, title=pretty(results[0].metric), x=f"{spec.name.replace('_', ' ')}: {spec.severity}", y=results[0].unit)
    legend(ax, loc="best", bbox_to_anchor=None, ncols=1, borderaxespad=0.4)
    return ax


def drawn(report: Report, fake: int, metric: str | None) -> tuple[str, list[float], list[Result]]:
    """Give the fault, its severities and the results that are drawn.

    Raises
    ------
    ConfigError
        When the report does not hold two severities of one fault, or not the metric of two.
    """
    series = _series(report, fake)
    found = None if series is None else _results(report, series[1], metric)
    if series is None or found is None:
        raise nothing_to_draw("severity_response", f"not two severities of one fault with {metric or 'one metric'}")
    return series[0], *found


def _floor(ax: Axes, x: np.ndarray[Any, Any], results: list[Result]) -> None:
    """Draw what real scores against real, where all severities have it."""
    floors = [r.floor for r in results if r.floor is not None]
    if len(floors) < len(results):
        return
    mean, sd = (np.array([getattr(floor, name) for floor in floors]) for name in ("mean", "sd"))
    ax.fill_between(x, mean - _BAND * sd, mean + _BAND * sd, color=GRID, linewidth=0, zorder=0)
    ax.plot(x, mean, color=REAL, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1, label="real against real")


def _series(report: Report, fake: int) -> tuple[str, list[tuple[float, int]]] | None:
    """Give the fault that a sampler belongs to the series of, and the severities with the samplers, mildest first."""
    own = one(report, fake).source
    parts = [_ADDRESS.fullmatch(sampler.source) for sampler in report.fakes]
    mine = parts[fake] or next((p for p in parts if p is not None and p[1] == own), None)
    if mine is None or mine[2] not in PATHOLOGIES.names():
        return None
    key = mine.group(1, 2, 4)
    found = [(float(p[3]), i) for i, p in enumerate(parts) if p is not None and p.group(1, 2, 4) == key]
    healthy = [(PATHOLOGIES.get(mine[2]).healthy, i) for i, f in enumerate(report.fakes) if f.source == mine[1]]
    places = dict(sorted([*healthy[:1], *found]))
    return (mine[2], list(places.items())) if len(places) >= _FEWEST else None


def _results(
    report: Report, places: list[tuple[float, int]], metric: str | None
) -> tuple[list[float], list[Result]] | None:
    """Give severities and results of the metric asked for, or of the one that answers most loudly."""
    names = [metric] if metric else [r.metric for r in report.fakes[places[-1][1]].results]
    able: list[tuple[float, list[float], list[Result]]] = []
    for name in names:
        found = [(at, r) for at, i in places if (r := find(report.fakes[i], name)) is not None]
        if len(found) >= _FEWEST:
            loudest = max((worse_by(r) or -math.inf for _, r in found), default=-math.inf)
            able.append((loudest, [at for at, _ in found], [r for _, r in found]))
    return max(able, key=lambda found: found[0])[1:] if able else None


def applies(report: Report, fake: int) -> bool:
    """Tell whether the report holds two severities of the sampler's fault, with one metric of both."""
    series = _series(report, fake)
    return series is not None and _results(report, series[1], None) is not None


PLOT = PlotSpec(
    name="severity_response",
    summary="How one metric answers to a fault that grows, severity by severity, beside its floor.",
    draw=plot_severity_response,
    applies=applies,
    options={"metric": None},
)
