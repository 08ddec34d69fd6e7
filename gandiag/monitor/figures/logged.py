"""What else a loop wrote down beside losses and gradients, such as the mean of D on real and on made rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.core.wording import printable
from gandiag.errors import ConfigError
from gandiag.monitor.figures._series import look_of, reference, xy
from gandiag.monitor.flat_rows import LOGGED
from gandiag.monitor.history import History
from gandiag.monitor.run_figure import RunFigureSpec
from gandiag.plots._style import REAL, labels, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST = 5  # as many as there are colours and dashes


def draw(ax: Axes, history: History, /, *, metric: str | None = None, game: str | None = None) -> None:
    """Draw the first five numbers as they were logged, or the one that ``metric`` names; levels are of equilibrium."""
    known = history.names(LOGGED)
    names = known[:_MOST] if metric is None else [LOGGED + metric]
    if names[0] not in known:
        listed = ", ".join(name.removeprefix(LOGGED) for name in known)
        raise ConfigError("`metric` must be one that the history holds", received=metric, remedy=f"It has {listed}.")
    levels = {history.facts.get("equilibrium", {}).get(name) for name in names} - {None}
    for i, name in enumerate(names):
        ax.plot(*xy(history, name), linewidth=1.2, label=printable(name.removeprefix(LOGGED), longest=20), **look_of(i))
    for level in sorted(levels):
        reference(ax, level, f"{level:g}", REAL)
    labels(ax, y="as logged")
    legend(ax)


FIGURE = RunFigureSpec(
    name="logged",
    summary="What a loop logged beside losses and gradients, with what it is at equilibrium.",
    panel=draw,
    applies=lambda history: bool(history.names(LOGGED)),
)
