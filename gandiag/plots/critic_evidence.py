"""What gave the sampler away: the critic's scores of both sides, and the columns or the images that told them apart."""

from __future__ import annotations

from typing import Any

import numpy as np

from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import printable, short_p
from gandiag.plots._evidence import Array, both, examples, is_image, kept, loudest, shown
from gandiag.plots._pictures import pictures
from gandiag.plots._style import (
    FAINT,
    REAL,
    REAL_HATCH,
    WRONG,
    fake_colour,
    fake_name,
    labels,
    legend,
    nothing_to_draw,
    pair_of,
    tidy,
    write,
)
from gandiag.plots._words import pretty

_BINS = 31
_PER_ROW = 5


def plot_critic_evidence(report: Report, fake: int = 0, *, ax: Any = None, metric: str | None = None) -> Any:
    """Draw the scores of both sides, and beside them what the critic went by.

    Parameters
    ----------
    report : Report
    fake : int
        Index of the sampler.
    ax : pair of matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.
    metric : str, optional
        One of the classifier tests; the one with the smallest p-value, otherwise.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)

    Notes
    -----
    On the right, for images: the held-out samples that the critic is surest of, where they are among the examples.
    For vectors: the area under the ROC curve that is lost when a column is dealt anew; filled bars are above what
    chance gives the largest of all columns.

    Raises
    ------
    ConfigError
        When no classifier test kept its scores.
    """
    result = loudest(report, fake, metric, "scores", "labels")
    found = None if result is None else kept(report, fake, result.metric, "scores", "labels")
    if result is None or found is None:
        raise nothing_to_draw("critic_evidence", f"no scores of {metric or 'any classifier test'}")
    pair = pair_of(ax, height=2.6)
    _scores(pair[0], found[0].astype(float), found[1].astype(bool), fake_colour(fake), fake_name(report, fake))
    words = f"score of the critic ({pretty(result.metric)})\nright of 0 it says real"
    labels(pair[0], x=words, y="share of samples")
    sheets = _telling(report, fake, result)
    if sheets is not None:
        _pictures(pair[1], report, sheets)
    else:
        _columns(pair[1], list(result.details.get("gave_it_away") or []), fake_colour(fake))
    return pair


def _scores(ax: Any, scores: Array, is_real: Array, colour: str, name: str) -> None:
    # A few scores may be enormous: the outermost bins take in what lies beyond.
    low, high = np.quantile(scores, [0.005, 0.995])
    low, high = min(float(low), 0.0), max(float(high), 0.0)
    bins = np.linspace(low, high if high > low else low + 1.0, _BINS)
    held = np.clip(scores, bins[0], bins[-1])
    sides = (
        (is_real, {"color": "none", "edgecolor": REAL, "hatch": REAL_HATCH, "label": "real", "linewidth": 0.7}),
        (~is_real, {"color": colour, "alpha": 0.75, "label": name}),
    )
    for side, style in reversed(sides):
        ax.hist(held[side], bins=bins.tolist(), weights=np.full(int(side.sum()), 1 / max(int(side.sum()), 1)), **style)
    ax.axvline(0.0, color=FAINT, linewidth=0.9, linestyle=(0, (4, 2)))
    ax.margins(x=0.01)
    tidy(ax)
    legend(ax, order=(1, 0))


def _telling(report: Report, fake: int, result: Result) -> tuple[Array, Array] | None:
    """Find the images that the critic is surest of: real ones, and fake ones."""
    named = kept(report, fake, result.metric, "telling_real", "telling_fake")
    if named is None or not (is_image(report, "real") and is_image(report, fake)):
        return None
    real, made = (shown(report, side, result, rows)[0] for side, rows in zip(both(fake), named, strict=True))
    return (real[:_PER_ROW], made[:_PER_ROW]) if len(real) and len(made) else None


def _pictures(ax: Any, report: Report, sheets: tuple[Array, Array]) -> None:
    width = max(len(sheet) for sheet in sheets)
    like = examples(report, "real")
    blank = np.full_like(like[:1], like.max())
    rows = [np.concatenate([sheet, np.repeat(blank, width - len(sheet), axis=0)]) for sheet in sheets]
    pictures(ax, np.concatenate(rows), like=like, columns=width)
    write(ax, 0.0, 1.03, "surest of: real (above),\nfake (below)", transform=ax.transAxes, va="bottom")


def _columns(ax: Any, columns: list[dict[str, Any]], colour: str) -> None:
    if not columns:
        ax.set_axis_off()
        write(ax, 0.5, 0.5, "this critic does not say\nwhich columns it went by", transform=ax.transAxes, ha="center",
              va="center", color=FAINT)  # fmt: skip
        return
    for row, column in enumerate(columns):
        told = bool(column.get("above_noise"))
        style = {"color": WRONG} if told else {"color": "none", "edgecolor": colour}
        value = float(column["importance"])
        ax.barh([row], [value], height=0.6, **style)
        write(ax, max(value, 0.0), row, f"  p = {short_p(float(column['p_value']))}", va="center")
    ax.axvline(0.0, color=FAINT, linewidth=0.7)
    names = [printable(f"column {column['column']}") for column in columns]
    ax.set_yticks(range(len(columns)), names, parse_math=False)
    ax.set_ylim(max(len(columns), 3) - 0.4, -0.6)
    most = max(0.05, *(float(column["importance"]) for column in columns))
    ax.set_xlim(min(0.0, *(float(column["importance"]) for column in columns)), 1.35 * most)
    tidy(ax)
    ax.tick_params(axis="y", length=0)
    ax.locator_params(axis="x", nbins=5)
    labels(ax, x="area under the curve lost without it")


def applies(report: Report, fake: int) -> bool:
    """Tell whether any classifier test kept its scores."""
    return loudest(report, fake, None, "scores", "labels") is not None


PLOT = PlotSpec(
    name="critic_evidence",
    summary="What gave the sampler away: the critic's scores, and the columns or images it is surest of.",
    draw=plot_critic_evidence,
    applies=applies,
    options={"metric": None},
    panels=2,
)
