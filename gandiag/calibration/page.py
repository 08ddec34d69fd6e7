"""Records as tables: for a terminal, and for docs/calibration.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from gandiag.calibration.alternatives import FAULTS
from gandiag.calibration.laws import LAWS
from gandiag.calibration.records import Record
from gandiag.errors import ConfigError

BEGIN = "<!-- begin: written by gandiag calibrate -->"
END = "<!-- end: written by gandiag calibrate -->"
# Power may fall along a dial by as many standard errors as chance explains.
MOST_FALL = 3.0


def level_rows(records: Iterable[Record]) -> list[list[str]]:
    """Give one row per record: head first."""
    rows = [["metric", "law", "rows", "runs", "p ≤ 0.05", "may be", "p ≤ 0.01", "may be", "law of p", "control"]]
    for record in records:
        rates = [f"{record.rates[alpha]:.4f}" for alpha in ("0.05", "0.01")]
        limits = [f"{record.limits[alpha]:.4f}" for alpha in ("0.05", "0.01")]
        runs = f"{record.repetitions}{'' if record.first is None else ' (second look)'}"
        title = LAWS[record.law].title if record.law in LAWS else record.law
        rows.append(
            [
                record.metric,
                title,
                _size(record),
                runs,
                rates[0],
                limits[0],
                rates[1],
                limits[1],
                _shape(record),
                _control(record),
            ]
        )
    return rows


def _size(record: Record) -> str:
    return f"{record.n}" if record.n == record.m else f"{record.n} / {record.m}"


def _shape(record: Record) -> str:
    if not record.kept:
        return "TOO HIGH"
    if record.rates["0.05"] == 0.0:
        return "never small"
    return "conservative" if record.conservative else "uniform"


def _control(record: Record) -> str:
    """Say what became of the spoiled copies."""
    if record.control["rejected"]:
        rejected = f"best of {record.control['samples']} rejected"
        return rejected if record.control["uncounted_rejected"] is not False else f"{rejected}, k/B NOT"
    return "not possible: conservative" if record.conservative else "NOT REJECTED"


def power_rows(records: Iterable[Record]) -> list[list[str]]:
    """Give one row per metric whose power is known: head first, per cent at the three severities of each fault."""
    rows = [["metric", "rows", *(fault.title for fault in FAULTS.values())]]
    for record in records:
        if record.power is not None:
            rows.append([record.metric, _size(record), *(_powers(record, name) for name in FAULTS)])
    return rows


def _powers(record: Record, fault: str) -> str:
    if record.power is None or fault not in record.power:
        return "–"
    mark = "↓" if record.falls.get(fault, 0.0) > MOST_FALL else ""
    return " ".join(f"{100 * rate:.0f}" for rate in record.power[fault]) + mark


def as_markdown(records: Sequence[Record]) -> str:
    """Write both tables of the page."""
    dials = "\n".join(
        f"| {f.title} | {f.dial} | {', '.join(f'{s:g}' for s in f.severities)} |" for f in FAULTS.values()
    )
    return "\n".join(
        [
            "### Levels\n",
            _markdown(level_rows(records), code=True),
            "\n### Power\n",
            "Share of p ≤ 0.05 in per cent at the three severities of each fault; ↓ marks power that falls along the "
            "dial by more\nthan three standard errors.\n",
            _markdown(power_rows(records), code=True),
            "\n| fault | its dial | severities |\n|---|---|---|",
            dials,
        ]
    )


def _markdown(rows: list[list[str]], *, code: bool) -> str:
    body = [[f"`{row[0]}`" if code else row[0], *row[1:]] for row in rows[1:]]
    lines = [rows[0], ["---"] * len(rows[0]), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_text(rows: list[list[str]]) -> str:
    """Align rows for a terminal."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def with_tables(page: str, records: Sequence[Record]) -> str:
    """Put the tables between the marks of a page.

    Raises
    ------
    ConfigError
        When the page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ConfigError(
            "a page must have the marks between which the tables go", remedy=f"Write {BEGIN} and {END} into it."
        )
    return f"{before}{BEGIN}\n\n{as_markdown(records)}\n\n{END}{after}"


def write_page(path: Path, records: Sequence[Record]) -> None:
    """Write the tables into a page that has the marks."""
    path.write_text(with_tables(path.read_text(), records))
