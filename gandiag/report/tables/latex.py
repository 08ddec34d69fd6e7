"""A comparison as a LaTeX table with the rules of the booktabs package."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gandiag.core.report import Report
from gandiag.core.tex import tex
from gandiag.core.wording import printable
from gandiag.report.tables.comparison import FLOOR, Cell, Comparison, comparison
from gandiag.report.tables.rounding import Rounded

# Of a name at the head of a column: as long as figures write it.
_LONGEST = 28
_ARROWS = {"↓": r" \(\downarrow\)", "↑": r" \(\uparrow\)", "": ""}
_BOUNDS = {"≥": r"\geq ", "≤": r"\leq ", "": ""}
_WRAPPED = {"best": r"\textbf{%s}", "tied": r"\underline{%s}", "": "%s"}


def to_latex(report: Report, metrics: Iterable[str] | None = None) -> str:
    """Write a table for a paper.

    Parameters
    ----------
    report : Report
    metrics : names, optional
        Of the columns; all that were measured when absent.

    Returns
    -------
    str
        A ``tabular`` that needs the package booktabs, with its notes as comments. Names are escaped: whatever a sampler
        is called, it is text. Characters beyond ASCII that LaTeX may lack stay as they are, for XeLaTeX and LuaLaTeX.
    """
    return drawn(comparison(report, metrics))


def drawn(table: Comparison) -> str:
    """Write a comparison as LaTeX."""
    heads = [rf"{tex(c.title)}{_ARROWS[c.arrow]}" for c in table.columns]
    rows = [[tex(name), *(_cell(c.cells[row]) for c in table.columns)] for row, name in enumerate(table.samplers)]
    floors = [[FLOOR, *(_cell(c.floor) for c in table.columns)]] if _has_floor(table) else []
    return _tabular(table.notes, ["sampler", *heads], rows, floors)


def by_metric(table: Comparison) -> str:
    """Write a comparison as LaTeX with a row per metric: few samplers by many metrics fit on a page so."""
    floors = _has_floor(table)
    names = [tex(printable(name, longest=_LONGEST)) for name in table.samplers]
    heads = ["metric", *names, *([FLOOR] if floors else [])]
    rows = [
        [f"{tex(c.title)}{_ARROWS[c.arrow]}", *map(_cell, c.cells), *([_cell(c.floor)] if floors else [])]
        for c in table.columns
    ]
    return _tabular(table.notes_by_metric, heads, rows, [])


def _tabular(notes: Sequence[str], heads: list[str], rows: list[list[str]], last: list[list[str]]) -> str:
    def line(cells: list[str]) -> str:
        return " & ".join(cells) + r" \\"

    return "\n".join(
        [
            "% needs \\usepackage{booktabs}",
            *(f"% {note}" for note in notes),
            rf"\begin{{tabular}}{{l{'r' * (len(heads) - 1)}}}",
            *(r"\toprule", line(heads), r"\midrule"),
            *map(line, rows),
            *((r"\midrule", *map(line, last)) if last else ()),
            *(r"\bottomrule", r"\end{tabular}", ""),
        ]
    )


def _has_floor(table: Comparison) -> bool:
    return any(column.floor.number is not None for column in table.columns)


def _cell(cell: Cell) -> str:
    if cell.number is None:
        return "--"
    bold = r"\boldmath " if cell.mark == "best" else ""
    return bold + _WRAPPED[cell.mark] % rf"\({_BOUNDS[cell.bound]}{_number(cell.number)}\)"


def _number(number: Rounded) -> str:
    if not number.below:
        body = number.value
    elif number.is_symmetric:
        body = rf"{number.value} \pm {number.below}"
    else:
        body = rf"{number.value}^{{+{number.above}}}_{{-{number.below}}}"
    if not number.exponent:
        return body
    return rf"({body}) \times 10^{{{number.exponent}}}" if number.below else rf"{body} \times 10^{{{number.exponent}}}"
