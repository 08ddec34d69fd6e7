"""Figures of a run: one of the catalog, or the most telling below each other on one clock of steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandiag.core.wording import printable
from gandiag.errors import ConfigError
from gandiag.monitor.game import GAMES
from gandiag.monitor.history import History, read_history
from gandiag.monitor.run_figure import RUN_FIGURES, RunFigureSpec
from gandiag.plots._drawing import any_alphabet, kept
from gandiag.plots._fitting import break_long_words
from gandiag.plots._paper import fitted, paper_style
from gandiag.plots._style import COLUMN, SMALL, WRONG, labels, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What `plot_training` shows, from top to bottom.
PANELS = ("losses", "game_value", "score_course", "mode_occupancy")
HEIGHT = 1.35
# Names of alarms stand below each other on this many lines, of as many points.
_STAGGERED, _LINE = 4, 9


def plot_training(history: History | str | Path, *, metric: str | None = None, game: str | None = None) -> Figure:
    """Draw the course of a training.

    Parameters
    ----------
    history : History or path
        Or the folder that was given as ``out``, of a `Monitor` or of a run of ``reference_models``.
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
    rows = _read(history)
    specs = [spec for name in PANELS if (spec := RUN_FIGURES.get(name)).applies(rows)]
    if not specs:
        raise ConfigError(
            "a history must hold losses or scores to be drawn", received=f"{len(rows)} rows", remedy="Train first."
        )
    return _drawn(rows, specs, height=HEIGHT * len(specs) + 0.4, width=2 * COLUMN, metric=metric, game=game)


def plot_run(
    history: History | str | Path,
    kind: str,
    *,
    ax: Axes | None = None,
    metric: str | None = None,
    game: str | None = None,
) -> Axes:
    """Draw one figure of a run; alarms are vertical lines.

    Parameters
    ----------
    history : History or path
        Or the folder that was given as ``out``.
    kind : str
        ``losses``, ``gradients``, ``game_value``, ``score_course``, ``mode_occupancy``, ``throughput``,
        ``duality_gap``, ``logged``, or one of an installed package.
    ax : matplotlib.axes.Axes, optional
        Drawn into; otherwise a figure is made, which pyplot does not keep.
    metric, game
        As in `plot_training`.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    UnknownName, ConfigError
        For a figure that there is not, or a history that does not hold what it shows.
    """
    rows, spec = _read(history), RUN_FIGURES.get(kind)
    if not spec.applies(rows):
        raise ConfigError(
            f"the history does not hold what `{kind}` draws",
            received=f"{len(rows)} rows",
            remedy=f"It holds {', '.join(name for name, _ in drawable(rows)) or 'nothing that can be drawn'}.",
        )
    if ax is None:
        return _drawn(rows, [spec], height=spec.height, width=1.4 * COLUMN, metric=metric, game=game).axes[0]
    _panels([ax], rows, [spec], metric=metric, game=game)
    return ax


def write_run(
    history: History | str | Path, kind: str, path: Path, *, csv: bool, venue: str | None, columns: int, **options: Any
) -> list[Path]:
    """Draw a figure of a run into a file, and its numbers beside it where asked; name the files."""
    with paper_style(venue, columns=columns), any_alphabet():
        figure: Any = plot_run(history, kind, **options).figure
        if venue is not None:
            fitted(figure, venue, columns)
        break_long_words(figure)
    return kept(figure, path, csv=csv, venue=venue, columns=columns)


def drawable(history: History | str | Path) -> list[tuple[str, str]]:
    """List the figures that a history holds the numbers of, with what each shows."""
    rows = _read(history)
    return [(spec.name, spec.summary) for spec in RUN_FIGURES if spec.applies(rows)]


def _read(history: History | str | Path) -> History:
    return history if isinstance(history, History) else read_history(history)


def _drawn(rows: History, specs: Sequence[RunFigureSpec], *, height: float, width: float, **options: Any) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    _panels(figure.subplots(len(specs), 1, sharex=True, squeeze=False)[:, 0], rows, specs, **options)
    return figure


def _panels(axes: Any, rows: History, specs: Sequence[RunFigureSpec], *, metric: str | None, game: str | None) -> None:
    for ax, spec in zip(axes, specs, strict=True):
        tidy(ax, grid="y" if spec.name != "mode_occupancy" else None)
        spec.panel(ax, rows, metric=metric, game=game or _game(rows))
    _alarms(axes, rows)
    axes[-1].set_xlim(0, max(row["step"] for row in rows) * 1.01 + 1)
    labels(axes[-1], x="step")


def _game(history: History) -> str | None:
    """Tell the game by the reference that the value was recorded with."""
    reference = history.series("value.reference", last=1)
    by_value = [name for name, game in GAMES.items() if reference and math.isclose(game.reference, reference[0][1])]
    return by_value[0] if by_value else history.facts.get("game")


def _alarms(axes: Any, history: History) -> None:
    """Draw each alarm as a line through all panels, named at the top of the first, where room is made for the names."""
    alarms = history.of("alarm")
    _make_room(axes[0], min(len(alarms), _STAGGERED), panels=len(axes))
    for i, row in enumerate(alarms):
        for ax in axes:
            ax.axvline(row["step"], color=WRONG, linewidth=0.9, alpha=0.9)
        axes[0].annotate(
            printable(row["name"].replace("_", " "), longest=24),
            xy=(row["step"], 1.0),
            xycoords=axes[0].get_xaxis_transform(),
            xytext=(2, -2 - _LINE * (i % _STAGGERED)),
            textcoords="offset points",
            va="top",
            fontsize=SMALL,
            color=WRONG,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8},
            parse_math=False,
        )


def _make_room(ax: Axes, lines: int, *, panels: int) -> None:
    """Raise the upper end of an axis so that lines of words fit above what is drawn; a heat map has no such room."""
    if not lines or ax.get_images() or any(hasattr(made, "get_coordinates") for made in ax.collections):
        return
    tall = 72.0 * ax.get_figure(root=True).get_size_inches()[1] / panels  # type: ignore[union-attr]
    share = min(0.5, (_LINE * lines + 3.0) / (0.7 * tall))  # axes take some seven tenths of their share of a figure
    scale = ax.yaxis.get_transform()
    low, high = scale.transform(ax.get_ylim())
    top = scale.inverted().transform([low + (high - low) / (1.0 - share)])
    ax.set_ylim(top=float(top[0]))
