"""How much of its share each mode holds, as steps go on: hopping, collapse and recovery at one glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gandiag.core.wording import printable
from gandiag.monitor.alarms._reading import looks_with_modes
from gandiag.monitor.figures._series import edges
from gandiag.monitor.history import History
from gandiag.monitor.run_figure import RunFigureSpec
from gandiag.plots._style import FAINT, FAKES, INK, SMALL, labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_MODES_NAMED = 12


def draw(ax: Axes, history: History, /, *, metric: str | None = None, game: str | None = None) -> None:
    """Draw shares of modes over those of the real rows: 0 white, the true share half, twice as much full colour."""
    from matplotlib.colors import LinearSegmentedColormap

    looks = looks_with_modes(history)
    names = looks[-1]["occupancy"]["modes"]
    looks = [look for look in looks if look["occupancy"]["modes"] == names]
    steps = np.array([look["step"] for look in looks], dtype=np.float64)
    fake, real = (np.array([look["occupancy"][side] for look in looks], dtype=np.float64) for side in ("fake", "real"))
    shares = fake / np.maximum(fake.sum(axis=1, keepdims=True), 1.0)
    due = np.maximum(real / np.maximum(real.sum(axis=1, keepdims=True), 1.0), 1e-9)
    colours = LinearSegmentedColormap.from_list("held", ["white", FAKES[0]])
    places = edges(steps), np.arange(len(names) + 1) - 0.5
    drawn = ax.pcolormesh(*places, (shares / due).T, cmap=colours, vmin=0.0, vmax=2.0)
    _bar(ax, drawn)
    if len(names) <= MOST_MODES_NAMED:
        ax.set_yticks(range(len(names)), [printable(n, longest=10) for n in names], parse_math=False)
    labels(ax, y="mode")


def _bar(ax: Axes, drawn: Any) -> None:
    """Say what the colours mean beside the axes and not out of them: panels must share one width for their alarms."""
    bar = ax.figure.colorbar(drawn, cax=ax.inset_axes((1.012, 0.0, 0.012, 1.0)), ticks=[0, 1, 2])
    bar.ax.tick_params(labelsize=SMALL, color=FAINT, length=2)
    bar.outline.set_visible(False)
    bar.ax.set_yticklabels(["none", "its share", "twice"], fontsize=SMALL, color=INK)


FIGURE = RunFigureSpec(
    name="mode_occupancy",
    summary="How much of its share each mode holds, look by look: a heat map over steps.",
    panel=draw,
    applies=lambda history: bool(looks_with_modes(history)),
)
