"""What one figure of a run declares about itself, and the catalog of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gandiag.core.catalog import Catalog
from gandiag.monitor.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Panel(Protocol):
    """Draw into axes what a history holds. Every panel takes the options of all; those of no use to it are ignored."""

    def __call__(self, ax: Axes, history: History, /, *, metric: str | None, game: str | None) -> None:
        """Draw one panel."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class RunFigureSpec:
    """One figure of a run.

    Parameters
    ----------
    name : str
        The module's name.
    summary : str
        One line about what it shows.
    panel : callable
        ``(ax, history, *, metric, game)``; steps run along x.
    applies : callable
        ``(history) -> bool``: whether the history holds what it shows.
    height : float
        Inches, alone.
    """

    name: str
    summary: str
    panel: Panel
    applies: Callable[[History], bool]
    height: float = 2.2


RUN_FIGURES: Catalog[RunFigureSpec] = Catalog("gandiag.monitor.figures", "FIGURE", RunFigureSpec)
