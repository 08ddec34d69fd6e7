"""A comparison as a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable

from gandiag.core.report import Report
from gandiag.core.wording import printable
from gandiag.report.tables.comparison import FLOOR, Cell, Comparison, comparison
from gandiag.report.tables.rounding import Rounded

# Everything that Markdown or the HTML that it may hold could take for more than text.
_SPECIAL = "\\`*_{}[]()<>#+-.!|~&$:"
# GitHub and GitLab look for people in the text that they rendered: no escape is left there, but an empty comment is.
_NOBODY = "@<!-- -->"
_WRAPPED = {"best": "**%s**", "tied": "<u>%s</u>", "": "%s"}


def to_markdown(report: Report, metrics: Iterable[str] | None = None) -> str:
    """Write a table for a README or a pull request; names are escaped.

    Parameters
    ----------
    report : Report
    metrics : names, optional
        Of the columns; all that were measured when absent.
    """
    return drawn(comparison(report, metrics))


def drawn(table: Comparison) -> str:
    """Write a comparison as Markdown, its notes below."""
    heads = [f"{escaped(c.title)} {c.arrow}".rstrip() for c in table.columns]
    lines = [_row(["sampler", *heads]), _row(["---", *("---:" for _ in heads)])]
    for row, name in enumerate(table.samplers):
        lines.append(_row([escaped(name), *(_cell(c.cells[row]) for c in table.columns)]))
    if any(c.floor.number is not None for c in table.columns):
        lines.append(_row([f"*{FLOOR}*", *(_cell(c.floor) for c in table.columns)]))
    if table.notes:
        lines += ["", f"{'; '.join(table.notes)}."]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Escape what Markdown would take for markup."""
    return "".join(f"&#{ord(c)};" if c in _SPECIAL else _NOBODY if c == "@" else c for c in printable(text))


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    if cell.number is None:
        return "–"
    bound = f"{cell.bound} " if cell.bound else ""
    return _WRAPPED[cell.mark] % f"{bound}{_number(cell.number)}"


def _number(number: Rounded) -> str:
    value = number.value.replace("-", "−")
    if number.below:
        value += f" ± {number.below}" if number.is_symmetric else f" (+{number.above}, −{number.below})"
    if not number.exponent:
        return value
    power = f" × 10<sup>{str(number.exponent).replace('-', '−')}</sup>"
    return f"({value}){power}" if number.below else f"{value}{power}"
