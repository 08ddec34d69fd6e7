"""How often each mode was drawn: real beside fake, and the modes that the sampler never reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import printable
from gandiag.plots._evidence import kept
from gandiag.plots._style import (
    COLUMN,
    INK,
    REAL,
    REAL_HATCH,
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

# More modes than this are drawn as one sorted curve.
MOST_BARS = 40


def plot_mode_counts(report: Report, fake: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw the share of each mode among real and fake samples, and mark the missing modes.

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
    Shares, not counts, so that sides of different size compare, with exact 95 % bounds of each (Clopper and Pearson).
    More than 40 modes are drawn as a curve that falls with the real share.

    Raises
    ------
    ConfigError
        When mode coverage was not measured.
    """
    modes = _modes(report, fake)
    if not modes:
        raise nothing_to_draw("mode_counts", "no mode counts")
    many = len(modes) > MOST_BARS
    if ax is None:
        ax = new_axes(width=COLUMN if many or len(modes) <= 14 else 1.6 * COLUMN, height=2.5)
    real, made = (_shares(modes, side) for side in ("real", "fake"))
    missing = np.array([bool(mode.get("missing")) for mode in modes])
    name = fake_name(report, fake)
    tidy(ax, grid="y")
    (_curve if many else _bars)(ax, modes, real, made, missing, fake_colour(fake), name)
    bounds = kept(report, fake, "mode_coverage", "share_bounds")
    if bounds is not None and not many:
        _bounds(ax, bounds[0].astype(float))
    ax.set_ylim(bottom=0.0)
    ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
    legend(ax, order=(1, 0, 2) if many else ((1, 2, 0) if missing.any() else None))
    return ax


def _bars(
    ax: Axes,
    modes: list[dict[str, Any]],
    real: NDArray[np.float64],
    made: NDArray[np.float64],
    missing: NDArray[np.bool_],
    colour: str,
    name: str,
) -> None:
    x = np.arange(len(modes), dtype=float)
    ax.bar(x - 0.2, real, 0.38, color="none", edgecolor=REAL, hatch=REAL_HATCH, linewidth=0.8, label="real")
    ax.bar(x + 0.2, made, 0.38, color=colour, label=name)
    ax.set_ylim(0.0, max(real.max(), made.max(), 1e-12) * 1.1)
    if missing.any():
        height = np.maximum(made[missing], 0.0) + 0.035 * ax.get_ylim()[1]
        label = f"missing ({int(missing.sum())} of {len(modes)})"
        ax.plot(
            x[missing] + 0.2,
            height,
            "X",
            color=WRONG,
            markersize=6,
            markeredgecolor="white",
            markeredgewidth=0.5,
            zorder=4,
            label=label,
        )
    texts = [printable(mode.get("name", i), longest=14) for i, mode in enumerate(modes)]
    crowded = max(len(t) for t in texts) * len(texts) > 44
    ax.set_xticks(x, texts, parse_math=False, rotation=50 if crowded else 0, ha="right" if crowded else "center")
    if crowded:
        for text in ax.get_xticklabels():
            text.set_rotation_mode("anchor")
    ax.tick_params(axis="x", length=0)
    for text, gone in zip(ax.get_xticklabels(), missing, strict=True):
        text.set_color(WRONG if gone else INK)
        text.set_fontweight("bold" if gone else "normal")
    ax.margins(x=0.02)
    labels(ax, x="mode", y="share of samples")


def _bounds(ax: Axes, bounds: NDArray[np.float64]) -> None:
    """Draw the bounds of the shares of either side, shape (2, modes, 2), over its bars."""
    for side, offset in zip(bounds, (-0.2, 0.2), strict=True):
        ax.vlines(np.arange(len(side)) + offset, side[:, 0], side[:, 1], color=INK, linewidth=0.9, zorder=3)
    ax.set_ylim(top=max(ax.get_ylim()[1], 1.04 * float(bounds.max())))


def _curve(
    ax: Axes,
    modes: list[dict[str, Any]],
    real: NDArray[np.float64],
    made: NDArray[np.float64],
    missing: NDArray[np.bool_],
    colour: str,
    name: str,
) -> None:
    x = np.arange(len(modes), dtype=float)
    order = np.argsort(-real, kind="stable")
    lines: tuple[tuple[NDArray[np.float64], dict[str, Any]], ...] = (
        (made[order], {"color": colour, "linewidth": 0.5, "alpha": 0.45}),
        (np.sort(made)[::-1], {"color": colour, "linewidth": 1.4, "label": f"{name}, sorted"}),
        (real[order], {"color": REAL, "linewidth": 1.4, "linestyle": (0, (4, 1.5)), "label": "real, sorted"}),
    )
    for share, style in lines:
        ax.step(x, share, where="mid", **style)
    if missing.any():
        gone = x[missing[order]]
        ax.plot(gone, np.zeros(len(gone)), "|", color=WRONG, markersize=7, clip_on=False, zorder=4,
                label=f"missing ({len(gone)} of {len(modes)})")  # fmt: skip
    ax.margins(x=0.01)
    labels(ax, x=f"{len(modes)} modes, by falling real share", y="share of samples")


def _shares(modes: list[dict[str, Any]], side: str) -> NDArray[np.float64]:
    counts = np.array([float(mode.get(side) or 0.0) for mode in modes])
    return counts / max(float(counts.sum()), 1.0)


def _modes(report: Report, fake: int) -> list[dict[str, Any]]:
    result = find(one(report, fake), "mode_coverage")
    return [] if result is None else list(result.details.get("modes") or [])


def applies(report: Report, fake: int) -> bool:
    """Tell whether the modes of the sampler were counted."""
    return bool(_modes(report, fake))


PLOT = PlotSpec(
    name="mode_counts",
    summary="Share of each mode among real and fake samples, with the missing modes marked.",
    draw=plot_mode_counts,
    applies=applies,
)
