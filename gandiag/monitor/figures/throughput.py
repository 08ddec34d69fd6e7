"""How fast the run trains, and how much of the clock goes to watching it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.monitor.figures._series import xy
from gandiag.monitor.history import History
from gandiag.monitor.run_figure import RunFigureSpec
from gandiag.plots._style import FAKES, labels, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(ax: Axes, history: History, /, *, metric: str | None = None, game: str | None = None) -> None:
    """Draw examples per second since the first step; the label tells the observer's share at the last row."""
    share = history.series("observer_share", last=1)
    watched = "" if not share else f", {100 * share[0][1]:.0f} % of the clock went to looks"
    ax.plot(*xy(history, "examples_per_second"), color=FAKES[0], linewidth=1.2, label=f"all examples{watched}")
    ax.set_ylim(bottom=0.0)
    labels(ax, y="examples per second")
    legend(ax)


FIGURE = RunFigureSpec(
    name="throughput",
    summary="Examples per second since the first step, and the share of the clock that went to looks.",
    panel=draw,
    applies=lambda history: bool(history.series("examples_per_second", last=1)),
)
