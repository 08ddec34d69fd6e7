"""What the missing modes look like: real examples of each, one row per mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gandiag.core.report import Report
from gandiag.core.specs import PlotSpec
from gandiag.core.wording import printable
from gandiag.plots._evidence import Array, examples, is_image, kept, shown
from gandiag.plots._pictures import pictures
from gandiag.plots._style import WRONG, labels, new_axes, nothing_to_draw, write
from gandiag.plots._words import find, one

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METRIC = "mode_coverage"
_PER_ROW = 8
_MOST_ROWS = 8


def plot_missing_modes(report: Report, fake: int = 0, *, ax: Axes | None = None) -> Axes:
    """Draw real images of the modes that the sampler never reaches.

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
    Modes that exact tests call missing, of which real samples are among the report's examples; eight at most.

    Raises
    ------
    ConfigError
        When no mode is missing, or no image of one is among the examples.
    """
    found = _found(report, fake)
    if not found:
        raise nothing_to_draw("missing_modes", "no image of a missing mode among the examples")
    ax = new_axes(height=0.45 + 0.36 * len(found)) if ax is None else ax
    like = examples(report, "real")
    blank = np.full_like(like[:1], like.max())
    rows = [np.concatenate([mine, np.repeat(blank, _PER_ROW - len(mine), axis=0)]) for _, mine in found]
    pictures(ax, np.concatenate(rows), like=like, columns=_PER_ROW)
    for row, (name, _) in enumerate(found):
        write(ax, -0.02, 1.0 - (row + 0.5) / len(found), name, transform=ax.transAxes, ha="right", va="center",
              color=WRONG, fontweight="bold")  # fmt: skip
    labels(ax, title="real samples of modes that are missing")
    return ax


def _found(report: Report, fake: int) -> list[tuple[str, Array]]:
    """Give names of missing modes with the real images of them that are held."""
    result, pairs = find(one(report, fake), _METRIC), kept(report, fake, _METRIC, "missing_examples")
    if result is None or pairs is None or not is_image(report, "real"):
        return []
    names = [printable(mode.get("name", i), longest=14) for i, mode in enumerate(result.details.get("modes") or [])]
    modes, rows = pairs[0].astype(int).T
    sheets = [(names[k], shown(report, "real", result, rows[modes == k])[0][:_PER_ROW]) for k in np.unique(modes)]
    return [(name, images) for name, images in sheets if len(images)][:_MOST_ROWS]


def applies(report: Report, fake: int) -> bool:
    """Tell whether an image of a missing mode is among the examples."""
    return bool(_found(report, fake))


PLOT = PlotSpec(
    name="missing_modes",
    summary="Real samples of the modes that the sampler never reaches.",
    draw=plot_missing_modes,
    applies=applies,
)
