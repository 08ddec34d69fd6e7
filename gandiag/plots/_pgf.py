"""Figures as PGF: matplotlib hands their words to LaTeX as they are, so the words must be no commands."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gandiag.core.tex import tex

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def tex_program() -> str | None:
    """Find a LaTeX, which measures the letters."""
    return next((name for name in ("xelatex", "lualatex", "pdflatex") if shutil.which(name)), None)


@contextmanager
def in_tex(figure: Figure) -> Iterator[None]:
    """Escape all that a figure writes while it is saved by a LaTeX that is there; afterwards all is as it was.

    Numbers of axes are matplotlib's own and stay; a line break within a text stays one.
    """
    import matplotlib

    settings: Any = {"pgf.texsystem": tex_program(), "pgf.rcfonts": False}
    with matplotlib.rc_context(settings), _escaped_words(figure):
        yield


@contextmanager
def _escaped_words(figure: Figure) -> Iterator[None]:
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter, FuncFormatter

    axes = [axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)]
    named = [(axis, axis.get_major_formatter()) for axis in axes]
    named = [(axis, old) for axis, old in named if isinstance(old, FixedFormatter | FuncFormatter)]
    written: Any = [(text, text.get_text()) for text in figure.findobj(Text)]
    for axis, old in named:
        axis.set_major_formatter(FuncFormatter(_escaping(old)))
    for text, words in written:
        text.set_text(_escaped(words))
    try:
        yield
    finally:
        for axis, old in named:
            axis.set_major_formatter(old)
        for text, words in written:
            text.set_text(words)


def _escaping(formatter: Any) -> Callable[[float, int | None], str]:
    return lambda place, at: _escaped(formatter(place, at))


def _escaped(words: str) -> str:
    return "\n".join(map(tex, words.split("\n")))
