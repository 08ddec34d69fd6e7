"""From the name of a figure to files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandiag.core.options import refuse_unknown
from gandiag.core.report import Report
from gandiag.core.specs import PLOTS
from gandiag.plots._fitting import break_long_words
from gandiag.plots._paper import fitted, paper_style, save_figure, write_numbers
from gandiag.plots._style import nothing_to_draw
from gandiag.plots._words import one

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(report: Report, kind: str, *, fake: int, venue: str | None, columns: int, **options: Any) -> Figure:
    """Draw one figure of a report, in the letters and the width of a venue.

    Raises
    ------
    UnknownName, ConfigError
        For a figure that there is not, an option that it does not have, or a report that does not hold what it shows.
    """
    spec = PLOTS.get(kind)
    refuse_unknown(options, tuple(spec.options), of=f"the figure {kind}")
    one(report, fake)
    if not spec.applies(report, fake):
        raise nothing_to_draw(kind, f"no numbers of it for {report.fakes[fake].name}")
    with paper_style(venue, columns=columns), any_alphabet():
        drawn: Any = spec.draw(report, fake, **options)
        figure: Figure = (drawn.ravel()[0] if hasattr(drawn, "ravel") else drawn).figure
        if venue is not None:
            fitted(figure, venue, columns)
        break_long_words(figure)
    return figure


def write(
    report: Report, kind: str, path: Path, *, csv: bool, venue: str | None, columns: int, **asked: Any
) -> list[Path]:
    """Draw a figure into a file, and its numbers beside it where asked; name the files."""
    return kept(draw(report, kind, venue=venue, columns=columns, **asked), path, csv=csv, venue=venue, columns=columns)


def kept(figure: Figure, path: Path, *, csv: bool, venue: str | None, columns: int) -> list[Path]:
    """Write a figure that was drawn into a file, and its numbers beside it where asked; name the files."""
    with paper_style(venue, columns=columns), any_alphabet():
        save_figure(figure, path)
    if not csv:
        return [path]
    numbers = path.with_suffix(".csv")
    write_numbers(figure, numbers)
    return [path, numbers]


@contextmanager
def any_alphabet() -> Iterator[None]:
    """Let names be in a script that the font lacks: boxes stand for its letters."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def drawable(report: Report, fake: int) -> list[tuple[str, str]]:
    """List the figures that a report holds the numbers of, with what each shows."""
    one(report, fake)
    return [(name, PLOTS.get(name).summary) for name in PLOTS.names() if PLOTS.get(name).applies(report, fake)]
