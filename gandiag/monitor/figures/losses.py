"""The losses, each with the band in which minibatches scatter, and what it is at the equilibrium of the game."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gandiag.core.wording import printable
from gandiag.monitor.alarms._reading import tracked
from gandiag.monitor.figures._series import band, look_of, reference, xy
from gandiag.monitor.game import GAMES
from gandiag.monitor.history import History
from gandiag.monitor.run_figure import RunFigureSpec
from gandiag.plots._style import labels, legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WORDS = {2.0 * math.log(2.0): "2 log 2", math.log(2.0): "log 2", -math.log(2.0): "-log 2"}


def draw(ax: Axes, history: History, /, *, metric: str | None = None, game: str | None = None) -> None:
    """Draw means over windows of steps; the band is one standard deviation between the minibatches of a window.

    Of a loop that the monitor did not watch: its numbers as it logged them, without a band.
    """
    levels = {f"loss/{loss}": level for loss, level in GAMES[game].losses} if game in GAMES else {}
    levels = levels or history.facts.get("equilibrium", {})
    for i, name in enumerate(tracked(history, "loss/")):
        look, loss = look_of(i), name.removeprefix("loss/")
        band(ax, history, name, f"{name}.sd", look["color"])
        ax.plot(*xy(history, name), linewidth=1.2, label=printable(loss, longest=20), **look)
        if name in levels:
            reference(ax, levels[name], _WORDS.get(levels[name], f"{levels[name]:g}"), look["color"])
    labels(ax, y="loss")
    legend(ax)


FIGURE = RunFigureSpec(
    name="losses",
    summary="The losses with the scatter of their minibatches, beside what they are at equilibrium.",
    panel=draw,
    applies=lambda history: bool(tracked(history, "loss/")),
)
