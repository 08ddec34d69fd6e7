"""One metric over the run, beside the band of what two samples of one law score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gandiag.core.specs import METRICS
from gandiag.errors import ConfigError
from gandiag.monitor.alarms._reading import tracked
from gandiag.monitor.figures._series import band, xy
from gandiag.monitor.history import History
from gandiag.monitor.run_figure import RunFigureSpec
from gandiag.plots._style import FAKES, INK, REAL, labels, legend
from gandiag.plots._words import pretty

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(ax: Axes, history: History, /, *, metric: str | None = None, game: str | None = None) -> None:
    """Draw the score at every look and the best one; the floor with two standard deviations."""
    name = f"score/{metric}" if metric is not None else _first(history)
    if not history.series(name, last=1):
        known = [n.removeprefix("score/") for n in tracked(history, "score/")]
        raise ConfigError("`metric` must be one that the history holds", received=metric, remedy=f"It has {known}.")
    band(ax, history, f"{name}.floor", f"{name}.floor_sd", REAL, times=2.0)
    floor = xy(history, f"{name}.floor")
    if len(floor[0]):
        ax.plot(*floor, color=REAL, linewidth=0.8, linestyle=(0, (4, 2)), label="floor ± 2 sd")
    x, y = xy(history, name)
    title = pretty(name.removeprefix("score/"))
    ax.plot(x, y, color=FAKES[0], linewidth=1.2, marker="o", markersize=2, label=title)
    direction = METRICS.get(name.removeprefix("score/")).direction
    if len(y) and direction != "target":
        best = int(y.argmin() if direction == "lower" else y.argmax())
        ax.plot(x[best], y[best], "*", color=FAKES[4], markersize=9, markeredgecolor=INK, markeredgewidth=0.5,
                label=f"best (step {x[best]:.0f})")  # fmt: skip
    if len(y) and y.min() > 0.0 and y.max() > 30.0 * y.min():
        ax.set_yscale("log")
    labels(ax, y="score")
    legend(ax)


def _first(history: History) -> str:
    return next(name for row in history.of("score") for name in map(str, row["values"]) if name.startswith("score/"))


FIGURE = RunFigureSpec(
    name="score_course",
    summary="One metric over the run with its best look, beside what two samples of one law score.",
    panel=draw,
    applies=lambda history: bool(history.names("score/")),
)
