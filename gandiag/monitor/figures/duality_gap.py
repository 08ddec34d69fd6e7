"""What either player could gain by answering the other: zero at an equilibrium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.monitor.figures._series import band, reference, xy
from gandiag.monitor.history import History
from gandiag.monitor.run_figure import RunFigureSpec
from gandiag.plots._style import FAKES, REAL, labels, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(ax: Axes, history: History, /, *, metric: str | None = None, game: str | None = None) -> None:
    """Draw the gap with two standard errors, and the gap after half of the search: where they part, it is not done."""
    band(ax, history, "duality/gap", "duality/error", FAKES[0], times=2.0)
    ax.plot(*xy(history, "duality/gap"), color=FAKES[0], linewidth=1.2, marker="o", markersize=2.5, label="gap")
    half = xy(history, "duality/half")
    ax.plot(*half, color=FAKES[4], linewidth=1.0, linestyle=(0, (3, 1.2)), label="after half of the search")
    reference(ax, 0.0, "0", REAL)
    labels(ax, y="duality gap")
    legend(ax)


FIGURE = RunFigureSpec(
    name="duality_gap",
    summary="What the players could gain by answering each other, with its error and what half of the search finds.",
    panel=draw,
    applies=lambda history: bool(history.series("duality/gap", last=1)),
)
