"""A comparison as a LaTeX table with the rules of the booktabs package."""

from __future__ import annotations

from collections.abc import Iterable

from gandiag.core.report import Report
from gandiag.core.tex import tex
from gandiag.report.tables.comparison import FLOOR, Cell, Comparison, comparison
from gandiag.report.tables.rounding import Rounded

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
    lines = [
        "% needs \\usepackage{booktabs}",
        *(f"% {note}" for note in table.notes),
        rf"\begin{{tabular}}{{l{'r' * len(table.columns)}}}",
        r"\toprule",
        " & ".join(["sampler", *heads]) + r" \\",
        r"\midrule",
    ]
    for row, name in enumerate(table.samplers):
        lines.append(" & ".join([tex(name), *(_cell(c.cells[row]) for c in table.columns)]) + r" \\")
    if any(c.floor.number is not None for c in table.columns):
        lines += [r"\midrule", " & ".join([FLOOR, *(_cell(c.floor) for c in table.columns)]) + r" \\"]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


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
