"""Tables as CSV that no spreadsheet runs and no terminal obeys, whatever others called their things."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from gandiag.core.wording import printable

# A spreadsheet takes text that begins like this for a formula, and runs it; wide forms are what Japanese ones read.
_FORMULA = re.compile(r"(^|;)(?=\s*[=+\-@＝＋－＠])")


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Write rows under a header; numbers keep every digit.

    Parameters
    ----------
    columns : sequence of str
    rows : iterable of mappings
        Each from every column to its value.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: harmless(value) for key, value in row.items()} for row in rows)
    return out.getvalue()


def harmless(value: object) -> object:
    """Make a value fit for a cell: None is empty, and text that would be run gets an apostrophe.

    Where the comma is a decimal point, spreadsheets split at semicolons, quoted or not: what follows one begins a cell.

    Examples
    --------
    >>> harmless("=1+1"), harmless("a;=1+1"), harmless(-1.5)
    ("'=1+1", "a;'=1+1", -1.5)
    """
    if value is None:
        return ""
    return _FORMULA.sub(r"\1'", printable(value)) if isinstance(value, str) else value
