"""Words that would run out of a figure, or into the next panel, are broken into lines."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

_ROUNDS = 2
_FEWEST_LETTERS = 8


def break_long_words(figure: Figure) -> None:
    """Break titles and axis labels that are longer than their place; the layout then makes room for the lines.

    A figure is drawn for its own width, and a paper may want it in half of that: letters keep their size, and how wide
    words are is known only when the layout stands.
    """
    for _ in range(_ROUNDS):
        figure.draw_without_rendering()
        if not any([_broken(text, room) for ax in figure.axes for text, room in _places(figure, ax)]):
            return


def _places(figure: Figure, ax: Axes) -> list[tuple[Text, float]]:
    """List what is written along the edges of one panel, with the room that each has, in pixels."""
    from matplotlib.text import Text

    box, edge = ax.get_window_extent(), figure.bbox
    others = [other.get_window_extent() for other in figure.axes if other is not ax]
    row = [other for other in others if min(other.y1, box.y1) > max(other.y0, box.y0)]
    right = min([edge.x1, *(other.x0 for other in row if other.x0 >= box.x1)])
    left = max([edge.x0, *(other.x1 for other in row if other.x1 <= box.x0)])
    middle = 0.5 * (box.x0 + box.x1)
    title = ax.get_title(loc="left")
    titles = [text for text in ax.get_children() if isinstance(text, Text) and title and text.get_text() == title]
    label = (ax.xaxis.label, 2.0 * min(right - middle, middle - left))
    return [*((text, right - box.x0) for text in titles), label]


def _broken(text: Text, room: float) -> bool:
    """Break one text into lines that fit; tell whether it was broken."""
    words, width = text.get_text(), text.get_window_extent().width
    if not words or "\n" in words or width <= room:
        return False
    most = max(int(len(words) * room / width), _FEWEST_LETTERS)
    lines = textwrap.wrap(words, most, break_long_words=False, break_on_hyphens=False)
    text.set_text("\n".join(lines))
    return len(lines) > 1
