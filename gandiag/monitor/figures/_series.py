"""Private helpers of the figures of runs: series of the history as lines, bands and reference levels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gandiag.monitor.history import History
from gandiag.plots._style import FAKES, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Dashes say again what colours say.
DASHES: tuple[Any, ...] = ("-", (0, (6, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1.2)), (0, (6, 1.2, 1, 1.2, 1, 1.2)))


def xy(history: History, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give steps and values of one number."""
    pairs = np.array(history.series(name), dtype=np.float64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def look_of(i: int) -> dict[str, Any]:
    """Give colour and dashes of the i-th series of a panel."""
    return {"color": FAKES[i % len(FAKES)], "linestyle": DASHES[i % len(DASHES)]}


def band(
    ax: Axes, history: History, name: str, spread: str, colour: str, *, times: float = 1.0, label: str | None = None
) -> None:
    """Shade a number plus and minus its spread, where both are known."""
    sizes = dict(history.series(spread))
    points = [(step, value, times * sizes[step]) for step, value in history.series(name) if step in sizes]
    if points:
        x, y, half = np.array(points).T
        ax.fill_between(x, y - half, y + half, color=colour, alpha=0.18, linewidth=0, label=label)


def reference(ax: Axes, level: float, text: str, colour: str) -> None:
    """Draw the level of an equilibrium, and say beside the axes what it is."""
    ax.axhline(level, color=colour, linewidth=0.8, linestyle=(0, (1, 1.5)))
    write(ax, 1.012, level, text, color=colour, va="center", transform=ax.get_yaxis_transform(), clip_on=False)


def edges(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give cells that reach halfway to the neighbouring steps."""
    if len(steps) == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middle = 0.5 * (steps[1:] + steps[:-1])
    return np.concatenate([[2 * steps[0] - middle[0]], middle, [2 * steps[-1] - middle[-1]]])
