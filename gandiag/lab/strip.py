"""The time strip: where the generator's mass lies at chosen steps, and where that of the data lies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gandiag.core.options import whole
from gandiag.core.wording import printable
from gandiag.lab.trace import Trace, read_trace
from gandiag.plots._style import COLUMN, FAKES, REAL, SMALL, labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_strip(run: Trace | str | Path, *, frames: int = 6) -> Figure:
    """Draw the shares of the generator in the cells of the view at steps that are evenly spread, and those of the data.

    Parameters
    ----------
    run : Trace or path
        Or the folder of a recorded run.
    frames : int
        Panels beside that of the data; all frames where there are fewer.

    Returns
    -------
    matplotlib.figure.Figure
        All panels on one scale, full colour where a cell holds as much as the data's fullest; pyplot does not keep it.

    Raises
    ------
    ConfigError
        For less than one frame.
    FileFormatError
        Where there is no recorded run.
    """
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure

    trace = run if isinstance(run, Trace) else read_trace(run)
    count = min(whole(frames, "frames", at_least=1), len(trace))
    chosen = np.unique(np.linspace(0, len(trace) - 1, count).round().astype(int))
    data = trace.arrays["p"].astype(np.float64)
    width = 2 * COLUMN
    figure = Figure(figsize=(width, width / (len(chosen) + 1) + 0.35), layout="constrained")
    panels = figure.subplots(1, len(chosen) + 1, squeeze=False)[0]
    mass = [(f"step {trace.arrays['steps'][k]}", trace.arrays["q"][k].astype(np.float64), FAKES[0]) for k in chosen]
    x, y, side = (float(v) for v in trace.facts["view"])
    ticks = np.linspace(0.0, side, len(data) + 1)
    for ax, (title, shares, colour) in zip(panels, [*mass, ("data", data, REAL)], strict=True):
        colours = LinearSegmentedColormap.from_list("mass", ["white", colour])
        ax.pcolormesh(x + ticks, y + ticks, shares, cmap=colours, vmin=0.0, vmax=float(data.max()), rasterized=True)
        ax.set(aspect="equal", xticks=[], yticks=[])
        labels(ax, title=title)
        ax.title.set_fontsize(SMALL)
    panels[0].set_ylabel(printable(trace.facts["name"], longest=24), fontsize=SMALL, parse_math=False)
    return figure
