"""The sizes of the gradients, on a logarithmic axis, with the band in which minibatches scatter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.core.wording import printable
from gandiag.monitor.alarms._reading import tracked
from gandiag.monitor.figures._series import band, look_of, xy
from gandiag.monitor.history import History
from gandiag.monitor.run_figure import RunFigureSpec
from gandiag.plots._style import labels, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(ax: Axes, history: History, /, *, metric: str | None = None, game: str | None = None) -> None:
    """Draw the mean norm of each network's gradient over windows of steps."""
    for i, name in enumerate(tracked(history, "gradient/")):
        look, network = look_of(i), printable(name.removeprefix("gradient/"), longest=20)
        band(ax, history, name, f"{name}.sd", look["color"])
        ax.plot(*xy(history, name), linewidth=1.2, label=network, **look)
    if all(value > 0.0 for name in tracked(history, "gradient/") for _, value in history.series(name)):
        ax.set_yscale("log")
        _name_more_than_powers(ax)
    labels(ax, y="norm of the gradient")
    legend(ax)


def _name_more_than_powers(ax: Axes) -> None:
    """Name 1, 2 and 5 of each power of ten: norms seldom span more than one."""
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


FIGURE = RunFigureSpec(
    name="gradients",
    summary="The norms of the networks' gradients, with the scatter of their minibatches.",
    panel=draw,
    applies=lambda history: bool(tracked(history, "gradient/")),
)
