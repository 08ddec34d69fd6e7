"""Private helpers of the figures: rows of panels, and points with bars of two standard errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def panels(count: int, *, width: float = 2.9, height: float = 2.9, sharey: bool = False) -> list[Axes]:
    """Make axes side by side on a figure of their own."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * count, height), layout="constrained")
    return list(figure.subplots(1, count, sharey=sharey, squeeze=False)[0])


def points(ax: Axes, x: ArrayLike, y: ArrayLike, errors: ArrayLike, *, colour: str, label: str, **style: Any) -> None:
    """Draw measured points with bars of two standard errors."""
    settings: dict[str, Any] = {"fmt": "o", "markersize": 3.5, "linewidth": 1.0, **style}
    ax.errorbar(x, y, yerr=2.0 * np.asarray(errors), color=colour, label=label, **settings)


def ticks(ax: Axes, at: ArrayLike, *, base: float = 10.0) -> None:
    """Put a logarithmic axis below, with ticks at the values that were tried."""
    values = np.asarray(at, dtype=np.float64)
    ax.set_xscale("log", base=base)
    ax.set_xticks(values.tolist(), [f"{value:g}" for value in values])
    ax.minorticks_off()
