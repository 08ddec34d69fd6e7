"""One figure of a run: losses with their equilibrium, the value of the game, scores with their floor, modes, alarms."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.specs import METRICS
from gandiag.core.wording import printable
from gandiag.errors import ConfigError
from gandiag.monitor.alarms._reading import looks_with_modes, tracked
from gandiag.monitor.game import GAMES
from gandiag.monitor.history import History, read_history
from gandiag.plots._style import COLUMN, FAINT, FAKES, INK, REAL, SMALL, WRONG, labels, legend, tidy, write
from gandiag.plots._words import pretty

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT = 1.35
MOST_MODES_NAMED = 12


def plot_training(history: History | str | Path, *, metric: str | None = None, game: str | None = None) -> Figure:
    """Draw the course of a training.

    Parameters
    ----------
    history : History or path
        Or the folder that was given as ``out``.
    metric : str, optional
        The score that is drawn; the first in the history when absent.
    game : {"gan", "wgan"}, optional
        Whose equilibrium is marked. Read from the history where a discriminator was observed.

    Returns
    -------
    matplotlib.figure.Figure
        One panel each for losses, the value of the game, the score with its floor, and the modes, as far as the history
        holds them; alarms are vertical lines through all. pyplot does not keep it.

    Raises
    ------
    ConfigError
        When there is nothing to draw.
    """
    from matplotlib.figure import Figure

    rows = history if isinstance(history, History) else read_history(history)
    panels = [draw for draw, there in _PANELS if there(rows)]
    if not panels:
        raise ConfigError(
            "a history must hold losses or scores to be drawn", received=f"{len(rows)} rows", remedy="Train first."
        )
    figure = Figure(figsize=(2 * COLUMN, HEIGHT * len(panels) + 0.4), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for ax, draw in zip(axes, panels, strict=True):
        tidy(ax, grid="y" if draw is not _modes else None)
        draw(ax, rows, metric=metric, game=game or _game(rows))
    _alarms(axes, rows)
    axes[-1].set_xlim(0, max(row["step"] for row in rows) * 1.01 + 1)
    labels(axes[-1], x="step")
    return figure


def _game(history: History) -> str | None:
    """Tell the game by the reference that the value was recorded with."""
    reference = history.series("value.reference", last=1)
    by_value = [name for name, game in GAMES.items() if reference and math.isclose(game.reference, reference[0][1])]
    return by_value[0] if by_value else history.facts.get("game")


def _xy(history: History, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    pairs = np.array(history.series(name), dtype=np.float64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _band(ax: Axes, history: History, name: str, spread: str, colour: str, *, times: float = 1.0) -> None:
    """Shade a number plus and minus its spread, where both are known."""
    sizes = dict(history.series(spread))
    points = [(step, value, times * sizes[step]) for step, value in history.series(name) if step in sizes]
    if points:
        x, y, half = np.array(points).T
        ax.fill_between(x, y - half, y + half, color=colour, alpha=0.18, linewidth=0)


def _losses(ax: Axes, history: History, *, metric: str | None, game: str | None) -> None:
    names = tracked(history, "loss/")
    levels = dict(GAMES[game].losses) if game in GAMES else {}
    for i, name in enumerate(names):
        colour = FAKES[i % len(FAKES)]
        _band(ax, history, name, f"{name}.sd", colour)
        ax.plot(
            *_xy(history, name), color=colour, linewidth=1.2, label=printable(name.removeprefix("loss/"), longest=20)
        )
        level = levels.get(name.removeprefix("loss/"))
        if level is not None:
            _reference(ax, level, {2.0 * math.log(2.0): "2 log 2", math.log(2.0): "log 2"}.get(level, "0"), colour)
    labels(ax, y="loss")
    legend(ax)


def _reference(ax: Axes, level: float, text: str, colour: str) -> None:
    ax.axhline(level, color=colour, linewidth=0.8, linestyle=(0, (4, 2)))
    write(ax, 1.005, level, text, color=colour, va="center", transform=ax.get_yaxis_transform(), clip_on=False)


def _value(ax: Axes, history: History, *, metric: str | None, game: str | None) -> None:
    _band(ax, history, "value", "value.error", FAKES[2], times=2.0)
    ax.plot(*_xy(history, "value"), color=FAKES[2], linewidth=1.2, marker="o", markersize=2)
    reference = history.series("value.reference", last=1)[0][1]
    _reference(ax, reference, "-log 4" if reference < 0 else "0", REAL)
    labels(ax, y="value, held out")


def _score(ax: Axes, history: History, *, metric: str | None, game: str | None) -> None:
    name = f"score/{metric}" if metric is not None else _first_score(history)
    _band(ax, history, f"{name}.floor", f"{name}.floor_sd", REAL, times=2.0)
    ax.plot(*_xy(history, f"{name}.floor"), color=REAL, linewidth=0.8, linestyle=(0, (4, 2)), label="floor ± 2 sd")
    x, y = _xy(history, name)
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


def _first_score(history: History) -> str:
    return next(name for row in history.of("score") for name in map(str, row["values"]) if name.startswith("score/"))


def _modes(ax: Axes, history: History, *, metric: str | None, game: str | None) -> None:
    """Draw how much of its share each mode holds: 0 white, its true share or more full colour, as steps go on."""
    from matplotlib.colors import LinearSegmentedColormap

    looks = looks_with_modes(history)
    names = looks[-1]["occupancy"]["modes"]
    looks = [look for look in looks if look["occupancy"]["modes"] == names]
    steps = np.array([look["step"] for look in looks], dtype=np.float64)
    fake = np.array([look["occupancy"]["fake"] for look in looks], dtype=np.float64)
    real = np.array([look["occupancy"]["real"] for look in looks], dtype=np.float64)
    shares = fake / np.maximum(fake.sum(axis=1, keepdims=True), 1.0)
    due = np.maximum(real / np.maximum(real.sum(axis=1, keepdims=True), 1.0), 1e-9)
    colours = LinearSegmentedColormap.from_list("held", ["white", FAKES[0]])
    drawn = ax.pcolormesh(
        _edges(steps), np.arange(len(names) + 1) - 0.5, (shares / due).T, cmap=colours, vmin=0.0, vmax=2.0
    )
    # Beside the axes and not taken from them: all panels must share one width, so that alarms stay in line.
    bar = ax.figure.colorbar(drawn, cax=ax.inset_axes((1.012, 0.0, 0.012, 1.0)), ticks=[0, 1, 2])
    bar.ax.tick_params(labelsize=SMALL, color=FAINT, length=2)
    bar.outline.set_visible(False)
    bar.ax.set_yticklabels(["none", "its share", "twice"], fontsize=SMALL, color=INK)
    if len(names) <= MOST_MODES_NAMED:
        ax.set_yticks(range(len(names)), [printable(n, longest=10) for n in names], parse_math=False)
    labels(ax, y="mode")


def _edges(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give cells that reach halfway to the neighbouring looks."""
    if len(steps) == 1:
        return np.array([steps[0] - 0.5, steps[0] + 0.5])
    middle = 0.5 * (steps[1:] + steps[:-1])
    return np.concatenate([[2 * steps[0] - middle[0]], middle, [2 * steps[-1] - middle[-1]]])


def _alarms(axes: Any, history: History) -> None:
    """Draw each alarm as a line through all panels, named above the first."""
    for i, row in enumerate(history.of("alarm")):
        for ax in axes:
            ax.axvline(row["step"], color=WRONG, linewidth=0.9, alpha=0.9)
        axes[0].annotate(
            printable(row["name"].replace("_", " "), longest=24),
            xy=(row["step"], 1.0),
            xycoords=axes[0].get_xaxis_transform(),
            xytext=(2, -2 - 9 * (i % 4)),
            textcoords="offset points",
            va="top",
            fontsize=SMALL,
            color=WRONG,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8},
            parse_math=False,
        )


_PANELS: tuple[tuple[Any, Any], ...] = (
    (_losses, lambda history: bool(tracked(history, "loss/"))),
    (_value, lambda history: bool(history.series("value", last=1))),
    (_score, lambda history: bool(history.names("score/"))),
    (_modes, lambda history: bool(looks_with_modes(history))),
)
