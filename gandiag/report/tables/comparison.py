"""One table of many samplers: a row each, a column per metric, and what may be printed in bold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from gandiag.core.best import Mark, marks_of
from gandiag.core.names import nearest
from gandiag.core.report import Report
from gandiag.core.results import Result
from gandiag.core.wording import printable
from gandiag.errors import UnknownName
from gandiag.plots._words import find, pretty
from gandiag.report.tables.rounding import Rounded, rounded

FLOOR = "real against real"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number: absent, or rounded by its interval; ``bound`` says of which side it is a bound."""

    number: Rounded | None
    mark: Mark = ""
    bound: Literal["", "≥", "≤"] = ""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One metric over all samplers. ``arrow`` says which way is better; ``floor`` what real scores against real."""

    metric: str
    title: str
    arrow: Literal["↓", "↑", ""]
    cells: tuple[Cell, ...]
    floor: Cell


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The table: names of samplers, columns, and notes that belong under it."""

    samplers: tuple[str, ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]

    @property
    def notes_by_metric(self) -> tuple[str, ...]:
        """The notes of a table that has a row per metric."""
        return tuple(note.replace("column", "row") for note in self.notes)


_ARROWS: dict[str, Literal["↓", "↑", ""]] = {"lower": "↓", "higher": "↑", "target": ""}
_BOUNDS: dict[str, Literal["", "≥", "≤"]] = {"lower_bound": "≥", "upper_bound": "≤"}


def comparison(report: Report, metrics: Iterable[str] | None = None) -> Comparison:
    """Lay out the results of all samplers.

    Parameters
    ----------
    report : Report
    metrics : names, optional
        In this order; all that any sampler has a number of, when absent.

    Returns
    -------
    Comparison
        A number is best where its interval lies wholly on the better side of all others', by `gandiag.core.best`;
        where the best one's does not, it and all that could be as good are tied. Where one has no interval with two
        ends nothing is marked.

    Raises
    ------
    UnknownName
        For a metric that the report does not hold.
    """
    measured = list(dict.fromkeys(r.metric for fake in report.fakes for r in fake.results if r.estimate is not None))
    held = {r.metric for fake in report.fakes for r in fake.results}
    asked = measured if metrics is None else list(metrics)
    for name in asked:
        if name not in held:
            raise UnknownName(
                "a table shows metrics that the report holds", received=name, remedy=nearest(name, sorted(held))
            )
    columns = tuple(_column(report, name) for name in asked)
    return Comparison(
        samplers=tuple(printable(fake.name) or f"sampler {i}" for i, fake in enumerate(report.fakes)),
        columns=columns,
        notes=_notes(columns, len(report.fakes)),
    )


def _column(report: Report, metric: str) -> Column:
    results = [find(fake, metric) for fake in report.fakes]
    shown = next((r for r in results if r is not None), None)
    direction = "target" if shown is None else shown.direction
    marks = marks_of(results, direction)
    return Column(
        metric=metric,
        title=pretty(metric),
        arrow=_ARROWS[direction],
        cells=tuple(_cell(result, mark) for result, mark in zip(results, marks, strict=True)),
        floor=_floor(results),
    )


def _cell(result: Result | None, mark: Mark) -> Cell:
    if result is None or result.estimate is None:
        return Cell(number=None)
    interval = result.interval
    ends = (None, None) if interval is None else (interval.low, interval.high)
    return Cell(number=rounded(result.estimate, *ends), mark=mark, bound=_BOUNDS.get(result.kind, ""))


def _floor(results: Sequence[Result | None]) -> Cell:
    floors = [r.floor for r in results if r is not None and r.floor is not None]
    if not floors:
        return Cell(number=None)
    mean, sd = sum(f.mean for f in floors) / len(floors), max(f.sd for f in floors)
    return Cell(number=rounded(mean, mean - sd, mean + sd))


def _notes(columns: Sequence[Column], samplers: int) -> tuple[str, ...]:
    notes = []
    cells = [cell for column in columns for cell in column.cells]
    if any(cell.number is not None and cell.number.below for cell in cells):
        notes.append("± is half the width of a 95 % confidence interval; unequal halves stand above and below")
    if any(column.floor.number is not None for column in columns):
        over = ", averaged over the samplers" if samplers > 1 else ""
        notes.append(f"{FLOOR}: mean ± standard deviation of what two real samples of these sizes score{over}")
    if any(cell.mark == "best" for cell in cells):
        notes.append("bold: significantly better than every other sampler (family error rate 5 % per column)")
    if any(cell.mark == "tied" for cell in cells):
        notes.append("underlined: not told apart from the best")
    if samplers > 1 and any(not any(cell.mark for cell in column.cells) for column in columns):
        notes.append("no mark in a column: it has no intervals by which samplers could be told apart")
    if any(cell.bound for cell in cells):
        notes.append("≥ and ≤: a bound on the quantity, not an estimate of it")
    return tuple(notes)
