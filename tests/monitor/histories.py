"""Histories of made-up runs: rows as the observer writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.monitor import ALARMS, History
from gandiag.monitor.alarm import Alarm, Watch


def rows_of(kind: str, series: Mapping[str, Sequence[float]], *, spacing: int = 50) -> list[dict[str, Any]]:
    """Turn series into rows, one value of each per row."""
    length = len(next(iter(series.values())))
    return [
        {"kind": kind, "step": spacing * (i + 1), "seconds": 1.0, "values": {k: float(v[i]) for k, v in series.items()}}
        for i in range(length)
    ]


def looks(
    counts: NDArray[np.integer[Any]], *, missing: Sequence[Sequence[str]] | None = None, **series: Sequence[float]
) -> list[dict[str, Any]]:
    """Make score rows with the draws per mode, shape (T, K)."""
    coverage = (counts >= 0.1 * counts.sum(axis=1, keepdims=True) / counts.shape[1]).mean(axis=1)
    rows = rows_of(
        "score", {"score/mode_coverage": coverage.tolist(), **{k.replace("__", "/"): v for k, v in series.items()}}
    )
    for t, row in enumerate(rows):
        named = [str(k) for k in np.flatnonzero(counts[t] == 0)] if missing is None else list(missing[t])
        row["occupancy"] = {
            "source": "known",
            "modes": [str(k) for k in range(counts.shape[1])],
            "real": [100] * counts.shape[1],
            "fake": counts[t].tolist(),
            "missing": named,
            "within": counts[t].tolist(),
        }
    return rows


def raised(name: str, rows: Sequence[dict[str, Any]], **facts: Any) -> list[Alarm]:
    """Play a history row by row to one alarm, as the observer does."""
    watch, history, found = Watch([name]), History(facts=facts), []
    for row in rows:
        history.append(row)
        alarms, broken = watch.ask(history, row["kind"], row["step"])
        assert broken == {}
        found += alarms
    return found


def raised_by_any(rows: Sequence[dict[str, Any]], **facts: Any) -> list[str]:
    """Play a history to every alarm."""
    return [name for name in ALARMS.names() if raised(name, rows, **facts)]
