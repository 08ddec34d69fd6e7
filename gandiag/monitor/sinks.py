"""Where rows go: a file of JSON lines, a CSV table, or anything that has ``add_scalar``, ``log`` or ``write``.

No logger is imported: TensorBoard's ``SummaryWriter`` and a W&B run are taken for what they can do.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from gandiag.core.csv_text import harmless
from gandiag.errors import ConfigError
from gandiag.monitor.history import Row, as_json

PREFIX = "gandiag/"


class Sink(Protocol):
    """Receives every row of the history."""

    def write(self, row: Row, /) -> None:
        """Keep one row."""
        ...


class _Appended:
    """A file that only grows. It is opened for every row: nothing is lost or locked when the run dies."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._torn = self.path.exists() and not _ends_well(self.path)

    def append(self, text: str) -> None:
        """Append whole lines in one call to the operating system."""
        data = (("\n" if self._torn else "") + text).encode("utf-8")
        # Whatever stops the writing may leave half a line: the next row then starts on a line of its own.
        self._torn = True
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
        try:
            written = os.write(descriptor, data)
        finally:
            os.close(descriptor)
        if written < len(data):
            raise OSError(f"only {written} of {len(data)} bytes were written")
        self._torn = False


def _ends_well(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"


class JsonLines(_Appended):
    """One row per line, strict JSON: no NaN, and never rewritten."""

    def write(self, row: Row, /) -> None:
        """Append one row."""
        self.append(as_json(row) + "\n")


class Csv(_Appended):
    """One number per line (``step,seconds,kind,name,value``): columns that do not change when a metric is added."""

    def write(self, row: Row, /) -> None:
        """Append the numbers of one row; an absent number is an empty cell."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        if not self.path.exists() or self.path.stat().st_size == 0:
            table.writerow(["step", "seconds", "kind", "name", "value"])
        for name, value in row.get("values", {}).items():
            table.writerow(
                [row["step"], row["seconds"], row["kind"], harmless(name), "" if value is None else repr(value)]
            )
        if row["kind"] in ("alarm", "event"):
            table.writerow([row["step"], row["seconds"], row["kind"], harmless(row["name"]), ""])
        if text.getvalue():
            self.append(text.getvalue())


class _Scalars:
    """TensorBoard: ``add_scalar(tag, value, step)``."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write(self, row: Row, /) -> None:
        for name, value in row.get("values", {}).items():
            if value is not None:
                self._writer.add_scalar(PREFIX + name, value, row["step"])
        if row["kind"] == "alarm" and hasattr(self._writer, "add_text"):
            self._writer.add_text(PREFIX + "alarm", f"{row['name']}: {row['sentence']}", row["step"])


class _Log:
    """W&B: ``log({name: value}, step=step)``."""

    def __init__(self, run: Any) -> None:
        self._run = run

    def write(self, row: Row, /) -> None:
        values = {PREFIX + name: value for name, value in row.get("values", {}).items() if value is not None}
        if row["kind"] == "alarm":
            values[f"{PREFIX}alarm/{row['name']}"] = 1.0
        if values:
            self._run.log(values, step=row["step"])


class _Call:
    """A function of one row."""

    def __init__(self, function: Callable[[Row], Any]) -> None:
        self._function = function

    def write(self, row: Row, /) -> None:
        self._function(row)


_BY_METHOD: tuple[tuple[str, Callable[[Any], Sink]], ...] = (("add_scalar", _Scalars), ("log", _Log))


def as_sink(target: Any) -> Sink:
    """Take a sink for what it can do.

    Parameters
    ----------
    target : path, object or callable
        A path ending in .jsonl or .csv; an object with ``add_scalar`` (TensorBoard), ``log`` (W&B) or ``write(row)``;
        or a function of one row.

    Raises
    ------
    ConfigError
        When it is none of these.
    """
    if isinstance(target, str | Path):
        files: dict[str, Callable[[str | Path], Sink]] = {".jsonl": JsonLines, ".csv": Csv}
        if Path(target).suffix in files:
            return files[Path(target).suffix](target)
    else:
        for method, wrap in _BY_METHOD:
            if callable(getattr(target, method, None)):
                return wrap(target)
        if callable(getattr(target, "write", None)) and not isinstance(target, io.IOBase):
            return target  # type: ignore[no-any-return]
        if callable(target) and not isinstance(target, type):
            return _Call(target)
    raise ConfigError(
        "a sink must be a path ending in .jsonl or .csv, an object with add_scalar, log or write, or a function",
        received=target if isinstance(target, str | Path) else type(target).__name__,
        remedy="Pass SummaryWriter(...), a wandb run, 'history.jsonl', or a function of one row.",
    )
