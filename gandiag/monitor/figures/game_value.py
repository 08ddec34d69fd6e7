"""The value of the game on held-out rows, with two standard errors, beside what it is at equilibrium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.monitor.figures._series import band, reference, xy
from gandiag.monitor.history import History
from gandiag.monitor.run_figure import RunFigureSpec
from gandiag.plots._style import FAKES, REAL, labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(ax: Axes, history: History, /, *, metric: str | None = None, game: str | None = None) -> None:
    """Draw the value at every look; the discriminator is in evaluation mode."""
    band(ax, history, "value", "value.error", FAKES[2], times=2.0)
    ax.plot(*xy(history, "value"), color=FAKES[2], linewidth=1.2, marker="o", markersize=2)
    level = history.series("value.reference", last=1)[0][1]
    reference(ax, level, "-log 4" if level < 0 else "0", REAL)
    labels(ax, y="value, held out")


FIGURE = RunFigureSpec(
    name="game_value",
    summary="The value function of the game on held-out rows, with its error, beside that of equilibrium.",
    panel=draw,
    applies=lambda history: bool(history.series("value", last=1)),
)
