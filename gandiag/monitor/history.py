"""The history of a run: rows in the order in which they came, each plain enough for strict JSON.

A row has ``kind`` (``train``, ``score``, ``alarm``, ``event`` or ``gap``), ``step``, ``seconds`` since the first step,
and what the kind adds. Numbers stand flat under ``values``: ``loss/D``, ``gradient/G.relative_sd``, ``score/frechet``.
A number that is not finite is None, and its name is listed under ``nonfinite``. Rows without ``kind`` are read as those
of a loop that the monitor did not watch (`flat_rows`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gandiag.errors import FileFormatError
from gandiag.monitor.flat_rows import facts_beside, row_of

Row = dict[str, Any]


class History:
    """Rows, and series out of them.

    Parameters
    ----------
    rows : iterable of dict
    torn : int
        Lines that could not be read, where the rows come from a file of a run that was cut off.
    facts : dict, optional
        What is known about the run as a whole, such as ``game``.
    """

    def __init__(self, rows: Iterable[Row] = (), *, torn: int = 0, facts: dict[str, Any] | None = None) -> None:
        self.rows: list[Row] = []
        self.torn = torn
        self.facts = facts or {}
        # Alarms ask for the end of a series after every row: a long run must not be read through each time.
        self._series: dict[str, list[tuple[int, float]]] = {}
        self._kinds: dict[str, list[Row]] = {}
        for row in rows:
            self.append(row)

    def append(self, row: Row) -> None:
        """Add one row."""
        self.rows.append(row)
        self._kinds.setdefault(row["kind"], []).append(row)
        for name, value in row.get("values", {}).items():
            if value is not None:
                self._series.setdefault(name, []).append((row["step"], value))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def of(self, kind: str) -> list[Row]:
        """List the rows of one kind."""
        return list(self._kinds.get(kind, []))

    def series(self, name: str, *, last: int | None = None) -> list[tuple[int, float]]:
        """List ``(step, value)`` of one number, oldest first; rows without it are left out."""
        found = self._series.get(name, [])
        return found[-last:] if last else list(found)

    def names(self, prefix: str = "") -> list[str]:
        """List the numbers that any row holds, sorted."""
        return sorted(name for name in self._series if name.startswith(prefix))


def read_history(path: str | Path) -> History:
    """Read the ``history.jsonl`` of a run, or of the folder that holds one: of a monitor, or flat rows of another loop.

    Raises
    ------
    FileFormatError
        When there is no such file. Torn lines of a run that was cut off are skipped and counted in `History.torn`.
    """
    path = Path(path)
    path = path / "history.jsonl" if path.is_dir() else path
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise FileFormatError(
            "a history must be a file that can be read",
            received=f"{path}: {error.strerror}",
            remedy="Name the folder that was given as out=.",
        ) from error
    rows, torn = [], 0
    for line in lines:
        if line.strip():
            row = _row(line)
            if row is None:
                torn += 1
            else:
                rows.append(row)
    return History(rows, torn=torn, facts=facts_beside(path))


def _row(line: str) -> Row | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict):
        return None
    if "kind" not in row:
        return row_of(row)
    return row if isinstance(row.get("step"), int) else None


def as_json(row: Mapping[str, Any]) -> str:
    """Write one row as one line of strict JSON, without the line break."""
    return json.dumps(plain(row), ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Turn a value into what strict JSON holds; NaN and infinity become None."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", errors="backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def finite(values: Mapping[str, float]) -> tuple[dict[str, float | None], list[str]]:
    """Separate numbers from what is none: the latter become None and are named."""
    bad = [name for name, value in values.items() if not math.isfinite(value)]
    return {name: value if math.isfinite(value) else None for name, value in values.items()}, bad
