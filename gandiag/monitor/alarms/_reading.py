"""What several alarms read out of the history."""

from __future__ import annotations

from typing import Any

import numpy as np

from gandiag.monitor.history import History

# Rows that "usual" is measured on: what was usual a week ago is no yardstick, and costs time.
MEMORY = 500

# Suffixes of what belongs to a number rather than being one.
_PARTS = (".sd", ".relative_sd", ".floor", ".floor_sd", ".p")


def tracked(history: History, prefix: str, *, role: str = "") -> list[str]:
    """List the numbers under a prefix, without their spreads and floors; ``role`` "G" keeps those named like it."""
    names = [name for name in history.names(prefix) if not name.endswith(_PARTS)]
    return [n for n in names if n.removeprefix(prefix).lower().startswith(role.lower())]


def last_values(history: History, name: str, count: int) -> list[float]:
    """Give the last values of one number, oldest first."""
    return [value for _, value in history.series(name, last=count)]


def split(history: History, name: str, recent: int, *, fewest: int) -> tuple[list[float], list[float]] | None:
    """Split the last 500 values into the ``recent`` ones and those before; None with fewer than ``fewest`` before."""
    values = last_values(history, name, MEMORY)
    if len(values) < recent + fewest:
        return None
    return values[:-recent], values[-recent:]


def median(values: list[float]) -> float:
    """Give the median."""
    return float(np.median(values))


def looks_with_modes(history: History, last: int | None = None, *, judged: bool = False) -> list[dict[str, Any]]:
    """Give the score rows that know the occupancy of modes, or whose modes were tested as well, oldest first."""
    rows = [row for row in history.of("score") if row.get("occupancy")]
    if judged:
        rows = [row for row in rows if row["occupancy"]["missing"] is not None and covered(row) is not None]
    return rows if last is None else rows[-last:]


def covered(look: dict[str, Any]) -> float | None:
    """Give the share of modes that a look found covered."""
    value = look["values"].get("score/mode_coverage")
    return None if value is None else float(value)


def listed(names: list[str], most: int = 8) -> str:
    """Write a few names."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
