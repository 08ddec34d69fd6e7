"""The real samples that no fake one comes near."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.core.specs import PlotSpec
from gandiag.plots._evidence import Array, example_rows, examples, is_image, kept, shown
from gandiag.plots._pictures import pictures
from gandiag.plots._style import (
    FAINT,
    REAL,
    WRONG,
    fake_colour,
    fake_name,
    labels,
    legend,
    new_axes,
    nothing_to_draw,
    tidy,
)
from gandiag.plots._words import find, one

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ARRAYS = {"coverage": "uncovered", "recall": "missed"}
_IMAGES = 25


def plot_uncovered(report: Report, fake: int = 0, *, ax: Axes | None = None, metric: str | None = None) -> Axes:
    """Draw real samples without a fake one nearby: images farthest first, or points of the plane among all others.

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
    Only those among the report's examples are drawn; the title counts all.

    Raises
    ------
    ConfigError
        When neither coverage nor recall named such rows, or the examples are neither images nor points of the plane.
    """
    found = _found(report, fake, metric)
    if found is None:
        raise nothing_to_draw("uncovered", "no missed samples among the examples that can be drawn")
    result, rows = found
    samples, _ = shown(report, "real", result, rows)
    ax = new_axes(height=3.0) if ax is None else ax
    labels(ax, title=f"{len(rows)} of {result.n_real} real samples are out of reach")
    if is_image(report, "real"):
        pictures(ax, samples[:_IMAGES], like=examples(report, "real"))
    else:
        _points(ax, report, fake, np.isin(example_rows(report, "real", result), rows))
    return ax


def _points(ax: Axes, report: Report, fake: int, missed: Array) -> None:
    real, made = examples(report, "real").astype(float), examples(report, fake).astype(float)
    for at, shade, marker, size, name in (
        (made, fake_colour(fake), "^", 7, fake_name(report, fake)),
        (real[~missed], REAL, "o", 6, "real"),
        (real[missed], WRONG, "x", 14, "real, out of reach"),
    ):
        ax.scatter(at[:, 0], at[:, 1], s=size, color=shade, marker=marker, linewidths=0.8 if marker == "x" else 0,
                   alpha=0.7, label=name, rasterized=len(at) > 1200)  # fmt: skip
    low, high = np.quantile(np.concatenate([real, made]), [0.002, 0.998], axis=0)
    margin = 0.06 * np.where(high > low, high - low, 1.0)
    ax.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))
    tidy(ax)
    ax.axhline(0.0, color=FAINT, linewidth=0.0)
    labels(ax, x="first column", y="second column")
    title = ax.get_title(loc="left")
    ax.set_title("", loc="left")
    legend(ax, ncols=1, title=title, title_fontsize=7.5, alignment="left").get_title().set_parse_math(False)


def _found(report: Report, fake: int, metric: str | None) -> tuple[Result, Array] | None:
    """Give the result that named rows, and those rows, where some of them can be drawn."""
    flat = all(examples(report, s).ndim == 2 and examples(report, s).shape[1] == 2 for s in ("real", str(fake)))
    for name in (metric,) if metric else _ARRAYS:
        result = find(one(report, fake), name)
        rows = kept(report, fake, name, _ARRAYS.get(name, name))
        if result is None or rows is None or not (flat or is_image(report, "real")):
            continue
        if len(shown(report, "real", result, rows[0])[0]):
            return result, rows[0].astype(int)
    return None


def applies(report: Report, fake: int) -> bool:
    """Tell whether some example is known to be out of the sampler's reach."""
    return _found(report, fake, None) is not None


PLOT = PlotSpec(
    name="uncovered",
    summary="The real samples that no fake one comes near.",
    draw=plot_uncovered,
    applies=applies,
    options={"metric": None},
)
