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
from gandiag.core.wording import printable, short, short_p
from gandiag.plots._style import FAINT, FAKES, GRID, INK, REAL, WRONG
from gandiag.plots._words import differs, find, one, pretty, sds, worse_by
from gandiag.report._reading import tests_that_differ, verdict

if TYPE_CHECKING:
    from markupsafe import Markup

# In this order; plots of third parties follow.
_ORDER = ("samples_side_by_side", "metric_intervals", "mode_counts", "precision_recall_plane", "null_distribution")
_CAPTIONS = {
    "samples_side_by_side": "Samples as they come: real on the left, this sampler on the right, on one scale.",
    "metric_intervals": (
        "Each metric's distance from its floor, turned so that right is worse. The band is ±2 standard deviations of "
        "the floor; filled diamonds differ, open orange circles are unclear; lines are confidence intervals."
    ),
    "mode_counts": "Share of samples in each mode. Hatched: real. A cross marks a mode that is missing.",
    "precision_recall_plane": (
        "Fidelity (up) against diversity (right). The square is what a second real sample would score; below it is "
        "loss of fidelity, left of it is loss of diversity."
    ),
    "null_distribution": (
        "The metric that speaks loudest. Bars: what it scores when real and fake are exchanged at random, so when "
        "there is nothing to find. Mark: what it scored."
    ),
}
# Colours that follow the reader's light or dark page.
_THEMED = {
    INK: "--ink",
    FAINT: "--faint",
    GRID: "--line",
    REAL: "--real",
    FAKES[0]: "--blue",
    WRONG: "--wrong",
    "#ffffff": "--card",
}

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
        box = re.search(r'viewBox="0 0 (\S+) (\S+)"', self.svg)
        return 1.0 if box is None else float(box.group(2)) / float(box.group(1)) + 0.2


def laid_out(drawn: Sequence[Figure]) -> tuple[list[Figure], list[Figure], list[Figure]]:
    """Share figures out: those over the whole width, and two columns of about one height."""
    wide = [figure for figure in drawn if figure.name == "samples_side_by_side"]
    columns: tuple[list[Figure], list[Figure]] = ([], [])
    for figure in drawn:
        if figure not in wide:
            left, right = (sum(f.height for f in column) for column in columns)
            columns[left > right].append(figure)
    return wide, *columns


def figures(report: Report, fake: int) -> tuple[list[Figure], list[str]]:
    """Draw every plot that applies to one sampler.

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
            if spec.applies(report, fake):
                drawn.append(_figure(spec, report, fake))
        except Exception as error:
            failed.append(f"{spec.name} could not be drawn: {type(error).__name__}: {printable(error, longest=200)}")
    return drawn, failed


def _specs() -> list[PlotSpec]:
    names = PLOTS.names()
    return [PLOTS.get(name) for name in (*(n for n in _ORDER if n in names), *(n for n in names if n not in _ORDER))]


def _figure(spec: PlotSpec, report: Report, fake: int) -> Figure:
    return Figure(
        name=spec.name,
        svg=inlined(drawn_svg(spec, report, fake), prefix=f"g{fake}-{spec.name}-"),
        caption=_CAPTIONS.get(spec.name, spec.summary),
        alt=_alt(spec, report, fake),
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
    for colour, variable in _THEMED.items():
        tag = tag.replace(colour, f"var({variable})")
    # The page's font has narrower letters than the one that the layout was made with, so nothing can overlap.
    return re.sub(r"(font: [^;\"]*?px) [^;\"]*", r"\1 var(--sans)", tag)


def _rounded(numbers: str) -> str:
    return re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number.group()):.2f}", numbers)


def _alt(spec: PlotSpec, report: Report, fake: int) -> str:
    words = _ALTS.get(spec.name)
    name = printable(one(report, fake).name)
    return f"{name}. {spec.summary}" if words is None else f"{name}. {words(report, fake)}"


def _alt_samples(report: Report, fake: int) -> str:
    head = verdict(one(report, fake))
    return f"Real samples beside those of the sampler. {head.label}: {head.sentence}"


def _alt_intervals(report: Report, fake: int) -> str:
    sampler = one(report, fake)
    far = max((r for r in sampler.results if worse_by(r) is not None), key=lambda r: worse_by(r) or 0.0)
    return (
        f"Distance of every metric from its floor: {tests_that_differ(sampler)} tests differ; farthest is "
        f"{pretty(far.metric)} at {sds(worse_by(far) or 0.0)} standard deviations, where positive is worse."
    )


def _alt_modes(report: Report, fake: int) -> str:
    result = find(one(report, fake), "mode_coverage")
    modes = [] if result is None else list(result.details.get("modes") or [])
    missing = [printable(mode.get("name", i)) for i, mode in enumerate(modes) if mode.get("missing")]
    named = f": {', '.join(missing[:12])}{' and more' if len(missing) > 12 else ''}" if missing else ""
    return f"Share of samples in each of {len(modes)} modes, real and fake: {len(missing)} missing{named}."


def _alt_plane(report: Report, fake: int) -> str:
    said = []
    for name in ("precision", "recall"):
        result = find(one(report, fake), name)
        if result is not None and result.estimate is not None:
            floor = "" if result.floor is None else f" (floor {result.floor.mean:.2f})"
            said.append(f"{name} {result.estimate:.2f}{floor}")
    return f"Precision against recall: {', '.join(said)}."


def _alt_null(report: Report, fake: int) -> str:
    from gandiag.plots.null_distribution import picked

    result = picked(report, fake, None)
    p = result.p_value
    tail = "" if p is None else f", p = {short_p(p.value)}"
    floor = "" if result.floor is None else f" against a floor of {short(result.floor.mean)}"
    word = "beyond" if differs(result) else "within"
    return f"{pretty(result.metric)}: observed {short(result.estimate or 0.0)}{floor}{tail}, {word} the null."


_ALTS = {
    "samples_side_by_side": _alt_samples,
    "metric_intervals": _alt_intervals,
    "mode_counts": _alt_modes,
    "precision_recall_plane": _alt_plane,
    "null_distribution": _alt_null,
}
