"""From a report to a page of a paper: one figure over the whole width, one table, and a document that holds both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gandiag.core.files import write_files
from gandiag.core.report import Report
from gandiag.core.tex import tex
from gandiag.plots import metric_intervals, sampler_comparison
from gandiag.plots._paper import fitted, one_column, paper_style, save_figure, width_of, write_numbers
from gandiag.plots._style import INK, NORMAL, fake_name
from gandiag.plots._words import worse_by
from gandiag.report._captions import CAPTIONS
from gandiag.report.tables.comparison import comparison
from gandiag.report.tables.latex import by_metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Inches: what a page has room for above a caption, and what a panel needs beside its rows.
_MOST_HEIGHT, _AROUND, _ROW = 7.0, 0.95, 0.19
_MOST_METRICS = 30

_DOCUMENT = r"""%% gandiag %(version)s: compile this page, or take its figure and its table into your own paper.
\documentclass[10pt%(columns)s]{article}
\usepackage{booktabs,graphicx}
\setlength{\textwidth}{%(width)sin}\setlength{\columnsep}{0.25in}\setlength{\textheight}{9in}
\setlength{\oddsidemargin}{\dimexpr(8.5in-\textwidth)/2-1in\relax}\setlength{\topmargin}{-0.5in}
\setlength{\belowcaptionskip}{6pt}
\begin{document}
\begin{figure%(star)s}[t]
\centering\includegraphics[width=\textwidth]{figure}
\caption{%(figure)s}\label{fig:gandiag}
\end{figure%(star)s}
\begin{table%(star)s}[t]
\caption{%(table)s}\label{tab:gandiag}
\centering\small
\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{\input{table}}
\end{table%(star)s}
\end{document}
"""


def write_paper(
    report: Report, folder: str | Path, *, venue: str = "neurips", metrics: Iterable[str] | None = None
) -> list[Path]:
    """Write ``figure.pdf`` with its numbers in ``figure.csv``, ``table.tex``, and ``paper.tex`` that holds both.

    Parameters
    ----------
    report : Report
    folder : path
        Made where it is not there.
    venue : str
        See `gandiag.plots._paper.VENUES`.
    metrics : names, optional
        Of figure and table. When absent all that were measured; of more than 30 those farthest from their floors, which
        the caption says.

    Returns
    -------
    list of Path
        The files written. The same report gives the same bytes.
    """
    place, asked = Path(folder), None if metrics is None else list(metrics)
    table = comparison(report, _chosen(report) if asked is None else asked)
    shown = [column.metric for column in table.columns]
    kind, figure = _figure(_only(report, shown), venue)
    two = not one_column(venue)
    told: dict[str, Any] = {
        "version": report.gandiag_version,
        "columns": ",twocolumn" if two else "",
        "star": "*" if two else "",
        "width": width_of(venue, 2).text,
        "figure": tex(CAPTIONS[kind]),
        "table": tex(f"Samplers against real data.{_rest(report, shown)} {'; '.join(table.notes_by_metric)}."),
    }
    place.mkdir(parents=True, exist_ok=True)
    with paper_style(venue, columns=2):
        save_figure(figure, place / "figure.pdf")
    write_numbers(figure, place / "figure.csv")
    texts = {"table.tex": by_metric(table), "paper.tex": _DOCUMENT % told}
    write_files({place / name: text.encode() for name, text in texts.items()}, "a paper")
    return [place / name for name in ("paper.tex", "figure.pdf", "figure.csv", "table.tex")]


def _chosen(report: Report) -> list[str]:
    """Name the metrics that were measured, in their order; of too many those farthest from their floors."""
    far: dict[str, float] = {}
    for fake in report.fakes:
        for result in fake.results:
            if result.estimate is not None:
                far[result.metric] = max(far.get(result.metric, -inf), worse_by(result) or 0.0)
    kept = set(sorted(far, key=lambda name: -far[name])[:_MOST_METRICS])
    return [name for name in far if name in kept]


def _rest(report: Report, shown: list[str]) -> str:
    """Say that there is more than is shown."""
    measured = {r.metric for fake in report.fakes for r in fake.results if r.estimate is not None}
    return f" {len(shown)} of the {len(measured)} metrics that were measured." if measured - set(shown) else ""


def _only(report: Report, metrics: list[str]) -> Report:
    fakes = tuple(replace(f, results=tuple(r for r in f.results if r.metric in metrics)) for f in report.fakes)
    return replace(report, fakes=fakes)


def _figure(report: Report, venue: str) -> tuple[str, Figure]:
    """Draw a panel per sampler, of every metric against its floor; a ranking where so many panels fit on no page."""
    from matplotlib.figure import Figure

    rows = max(len(fake.results) for fake in report.fakes)
    down = (len(report.fakes) + 1) // 2
    height = down * (_AROUND + _ROW * rows)
    with paper_style(venue, columns=2):
        if height > _MOST_HEIGHT:
            figure: Any = sampler_comparison.plot_sampler_comparison(report).figure
            fitted(figure, venue, 2)
            return "sampler_comparison", figure
        figure = Figure(figsize=(width_of(venue, 2).text, height), layout="constrained")
        figure.get_layout_engine().set(wspace=0.05)
        panels = figure.subplots(down, min(2, len(report.fakes)), squeeze=False).ravel()
        for i, ax in enumerate(panels[: len(report.fakes)]):
            metric_intervals.plot_metric_intervals(report, i, ax=ax)
            name = fake_name(report, i)
            ax.set_title(name, loc="left", fontsize=NORMAL, color=INK, fontweight="bold", parse_math=False)
        for ax in panels[len(report.fakes) :]:
            ax.remove()
    return "metric_intervals", figure
