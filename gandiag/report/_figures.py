"""The figures of a page: inline SVG in the page's colours, each with a caption and a text for those who cannot see."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gandiag.core.report import Report
from gandiag.core.specs import PLOTS, PlotSpec
from gandiag.core.wording import printable
from gandiag.plots._style import FAINT, FAKES, GRID, INK, REAL, WRONG
from gandiag.report._alt_texts import alt_text
from gandiag.report._captions import CAPTIONS, ORDER, belongs

if TYPE_CHECKING:
    from markupsafe import Markup

# Colours that follow the reader's light or dark page.
_THEMED = {
    INK: "--ink",
    FAINT: "--faint",
    GRID: "--line",
    REAL: "--real",
    FAKES[0]: "--blue",
    WRONG: "--wrong",
    "#ffffff": "--card",
    "#000000": "--ink",  # matplotlib's own default; a fill of it is not written, and falls to the page's rule
}

# Letters need more contrast with the card than marks do: 4.5 to 1, in light and dark.
_LETTERS = {FAINT: "--soft", WRONG: "--critical", **dict.fromkeys(FAKES[1:], "--ink")}

# Pixels of the screen per point of a figure, at the least: letters of 7 points keep 8.75.
_LEAST = 1.25

_SETTINGS = {"svg.hashsalt": "gandiag", "svg.fonttype": "none", "svg.image_inline": True, "figure.dpi": 100}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of a page. ``svg`` is made by us and safe to embed; the texts are not yet escaped."""

    name: str
    svg: str
    caption: str
    alt: str

    @property
    def markup(self) -> Markup:
        """The SVG, marked as markup: matplotlib escaped the text in it."""
        from markupsafe import Markup

        return Markup(self.svg)

    @property
    def height(self) -> float:
        """Height over width, with an allowance for the caption."""
        width, height = _size(self.svg)
        return height / width + 0.2

    @property
    def least(self) -> int:
        """Pixels that it needs across for its letters to be read."""
        return round(_LEAST * _size(self.svg)[0])


def _size(svg: str) -> tuple[float, float]:
    box = re.search(r'viewBox="0 0 (\S+) (\S+)"', svg)
    return (1.0, 1.0) if box is None else (float(box.group(1)), float(box.group(2)))


def laid_out(drawn: Sequence[Figure]) -> tuple[list[Figure], list[Figure], list[Figure]]:
    """Share figures out: those over the whole width, and two columns of about one height."""
    wide = [figure for figure in drawn if figure.name in PLOTS.names() and PLOTS.get(figure.name).panels > 1]
    columns: tuple[list[Figure], list[Figure]] = ([], [])
    for figure in drawn:
        if figure not in wide:
            left, right = (sum(f.height for f in column) for column in columns)
            columns[left > right].append(figure)
    return wide, *columns


def figures(report: Report, fake: int) -> tuple[list[Figure], list[str]]:
    """Draw every plot that applies to one sampler and belongs on a page.

    Returns
    -------
    list of Figure
    list of str
        What could not be drawn, and why: a figure that fails never takes the page down.
    """
    drawn: list[Figure] = []
    failed: list[str] = []
    for spec in _specs():
        try:
            if spec.applies(report, fake) and belongs(spec.name, report, fake):
                drawn.append(_figure(spec, report, fake))
        except Exception as error:
            failed.append(f"{spec.name} could not be drawn: {type(error).__name__}: {printable(error, longest=200)}")
    return drawn, failed


def _specs() -> list[PlotSpec]:
    names = PLOTS.names()
    return [PLOTS.get(name) for name in (*(n for n in ORDER if n in names), *(n for n in names if n not in ORDER))]


def _figure(spec: PlotSpec, report: Report, fake: int) -> Figure:
    return Figure(
        name=spec.name,
        svg=inlined(drawn_svg(spec, report, fake), prefix=f"g{fake}-{spec.name}-"),
        caption=CAPTIONS.get(spec.name, spec.summary),
        alt=alt_text(spec, report, fake),
    )


def drawn_svg(spec: PlotSpec, report: Report, fake: int) -> str:
    """Draw one plot as SVG: matplotlib's own defaults whatever the user's are, text as text, no date."""
    import matplotlib.style

    with matplotlib.style.context(["default", _SETTINGS]), warnings.catch_warnings():
        # The page's own fonts draw the text: glyphs that matplotlib's font lacks are no loss.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        ax: Any = spec.draw(report, fake)
        figure = (ax.ravel()[0] if hasattr(ax, "ravel") else ax).figure
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", dpi=144, transparent=True, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def inlined(svg: str, *, prefix: str) -> str:
    """Make an SVG file fit for the inside of a page.

    Drops the prologue, comments, metadata, name spaces and the style sheet (which would reach the whole page), makes
    every id unique by ``prefix``, and hands the theme's colours over to the page. Only tags are rewritten, never text.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>|<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", lambda tag: _rewritten(tag.group(), prefix), svg)
    return re.sub(r"\n\s*", "\n", svg).strip()


def _rewritten(tag: str, prefix: str) -> str:
    if tag.startswith("<svg"):
        box = re.search(r'viewBox="([^"]*)"', tag)
        width, height = (float(v) for v in (box.group(1).split()[2:] if box else ("100", "100")))
        return f'<svg viewBox="0 0 {width:g} {height:g}" aria-hidden="true" focusable="false">'
    tag = tag.replace("xlink:href=", "href=")
    tag = re.sub(r'(\bid=")', rf"\g<1>{prefix}", tag)
    tag = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}", tag)
    # A hundredth of a point is finer than any screen: the further digits only make the page larger.
    tag = re.sub(r'( (?:x|y|d)=")([^"]*)', lambda found: found.group(1) + _rounded(found.group(2)), tag)
    for colour, variable in (_THEMED | _LETTERS if tag.startswith("<text") else _THEMED).items():
        tag = tag.replace(colour, f"var({variable})")
    # The page's font has narrower letters than the one that the layout was made with, so nothing can overlap.
    return re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 var(--sans)", tag)


def _rounded(numbers: str) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number.group()):.2f}", numbers)
