"""Results in long form: one row per sampler and metric, for spreadsheets and data frames."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from gandiag.core.csv_text import csv_text
from gandiag.core.report import FakeReport, Report
from gandiag.core.results import Result
from gandiag.core.wording import printable
from gandiag.errors import MissingExtra
from gandiag.plots._words import p_used
from gandiag.report.tables.comparison import comparison

COLUMNS = (
    *("sampler", "metric", "estimate", "kind", "direction", "unit", "low", "high", "level", "floor", "floor_sd"),
    *("excess", "z", "p_value", "p_adjusted", "e_value", "n_real", "n_fake", "dim", "features", "seed"),
    *("status", "reason"),
)


def tidy_rows(report: Report, metrics: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Give the results as rows of plain values; what is absent is None, and its reason stands in ``reason``.

    Parameters
    ----------
    report : Report
    metrics : names, optional
        All when absent.
    """
    chosen = None if metrics is None else {c.metric for c in comparison(report, metrics).columns}
    return [
        _row(report, fake, result)
        for fake in report.fakes
        for result in fake.results
        if chosen is None or result.metric in chosen
    ]


def _row(report: Report, fake: FakeReport, result: Result) -> dict[str, Any]:
    interval, floor, p = result.interval, result.floor, result.p_value
    values = (
        *(printable(fake.name), result.metric, result.estimate, result.kind, result.direction, result.unit),
        *((None, None, None) if interval is None else (interval.low, interval.high, interval.level)),
        *((None, None) if floor is None else (floor.mean, floor.sd)),
        *(result.excess, result.z, None if p is None else p.value, p_used(result), result.e_value),
        *(result.n_real, result.n_fake, result.dim, report.real.features, result.seed, result.status),
        printable(result.reasons.get("estimate", "")),
    )
    return dict(zip(COLUMNS, values, strict=True))


def to_csv(report: Report, metrics: Iterable[str] | None = None) -> str:
    """Write the results as CSV: a header, and one row per sampler and metric; an absent number is an empty cell.

    Text that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    return csv_text(COLUMNS, tidy_rows(report, metrics))


def to_pandas(report: Report, metrics: Iterable[str] | None = None) -> Any:
    """Give the results as a pandas.DataFrame in long form.

    Raises
    ------
    MissingExtra
        When pandas cannot be imported.
    """
    try:
        pandas: Any = importlib.import_module("pandas")
    except ImportError as error:
        raise MissingExtra(
            "a data frame needs pandas", received=str(error), remedy="Run: pip install pandas, or write a CSV."
        ) from error
    return pandas.DataFrame(tidy_rows(report, metrics), columns=list(COLUMNS))
