"""What of a figure can be read: its texts with their places, and its series with what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from vision import SIGHTS, apart

# Distance in L*a*b* at which a thin line or a small mark is told from another without looking twice.
CLEAR = 15.0


def written(figure: Figure) -> list[tuple[str, Any]]:
    """List the texts that show, with their boxes in pixels; slanted ones are left out, whose boxes are no measure."""
    figure.draw_without_rendering()
    hidden = {id(label) for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for label in out_of_view(axis)}
    hidden |= {
        id(t) for ax in figure.axes if not ax.axison for axis in (ax.xaxis, ax.yaxis) for t in axis.findobj(Text)
    }
    return [
        (t.get_text(), t.get_window_extent())
        for t in figure.findobj(Text)
        if t.get_visible() and t.get_text().strip() and id(t) not in hidden and t.get_rotation() in (0, 90)
    ]


def out_of_view(axis: Any) -> list[Text]:
    """List the labels of ticks that are kept and not drawn."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-9 * (high - low)
    ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    return [
        t for tick in ticks if not low - slack <= tick.get_loc() <= high + slack for t in (tick.label1, tick.label2)
    ]


def cut_off(texts: Sequence[tuple[str, Any]], figure: Figure) -> list[str]:
    edge = figure.bbox
    return [t for t, box in texts if box.x0 < -1 or box.y0 < -1 or box.x1 > edge.x1 + 1 or box.y1 > edge.y1 + 1]


def written_over(texts: Sequence[tuple[str, Any]]) -> list[tuple[str, str]]:
    def overlap(a: Any, b: Any) -> bool:
        return min(a.x1, b.x1) - max(a.x0, b.x0) > 1.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1.5

    return [(a[0], b[0]) for a, b in combinations(texts, 2) if overlap(a[1], b[1])]


def look(artist: Any) -> tuple[Any, ...]:
    """Give what tells an artist from others whatever the eye: its kind, shape, dashes, hatching and filling."""
    if isinstance(artist, Line2D):
        shape = artist.get_marker()
        hollow = shape not in ("None", "", None) and to_hex(artist.get_markerfacecolor()) == "#ffffff"
        return "line", shape, hollow, str(artist._dash_pattern)  # type: ignore[attr-defined]
    if isinstance(artist, Patch):
        return "area", artist.get_hatch(), artist.get_facecolor()[3] == 0.0
    if isinstance(artist, PathCollection):
        return "marks", artist.get_paths()[0].vertices.tobytes()
    return (type(artist).__name__,)


def colour(artist: Any) -> tuple[float, float, float]:
    if isinstance(artist, Line2D):
        return to_rgb(artist.get_color())
    face, edge = (np.ravel(found)[:4] for found in (artist.get_facecolor(), artist.get_edgecolor()))
    return to_rgb(face if len(face) == 4 and face[3] > 0 else edge)


def alike(ax: Any) -> list[tuple[str, str, str]]:
    """Find pairs of series of one panel that some eye cannot tell apart: of one look, and of colours too close."""
    handles, names = ax.get_legend_handles_labels()
    drawn = [(name, h.lines[0] if hasattr(h, "lines") else h[0] if isinstance(h, tuple) else h)
             for name, h in zip(names, handles, strict=True)]  # fmt: skip
    return [
        (a, b, sight)
        for (a, one), (b, other) in combinations(drawn, 2)
        if look(one) == look(other)
        for sight in SIGHTS
        if apart(colour(one), colour(other), sight) < CLEAR
    ]
