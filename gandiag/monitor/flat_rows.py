"""Histories of loops that the monitor did not watch: flat rows of numbers by step, one JSON object a line.

``{"step": 50, "d_loss": 1.41, "g_loss": 0.75, "d_real": 0.49, "g_grad": 0.32}`` is a row of training: names that end in
``loss`` are losses, those that end in ``grad`` norms of gradients, and the rest is kept as it was logged. This is what
runs of ``reference_models`` write, and many other loops. Such numbers are of single minibatches: no spread is known.

Beside the history there may lie a ``checkpoint.json`` whose ``equilibrium`` says what the numbers are, by their names,
where the game is at its end.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]

LOGGED = "logged/"
_KINDS = {"loss": "loss/", "grad": "gradient/"}
_WHOLE = "all"  # of a loss or a gradient that has no name before it


def name_of(column: str) -> str:
    """Give the name in a history: ``d_loss`` becomes ``loss/D``, ``grad`` ``gradient/all``, ``kl`` ``logged/kl``."""
    whose, _, kind = column.rpartition("_")
    if kind not in _KINDS:
        return LOGGED + column
    return _KINDS[kind] + (whose.upper() if len(whose) == 1 else whose or _WHOLE)


def row_of(found: Mapping[str, Any]) -> Row | None:
    """Read one flat row; None where it is none: no whole step, or no number beside it."""
    step = found.get("step")
    numbers = {key: value for key, value in found.items() if key != "step" and _number(value)}
    if step is None or not _number(step) or step != int(step) or not numbers or len(numbers) + 1 < len(found):
        return None
    return {"kind": "train", "step": int(step), "values": {name_of(key): float(v) for key, v in numbers.items()}}


def facts_beside(history: Path) -> dict[str, Any]:
    """Read what a ``checkpoint.json`` beside a history says of the equilibrium; nothing where there is none to read."""
    try:
        found = json.loads((history.parent / "checkpoint.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    levels = found.get("equilibrium") if isinstance(found, dict) else None
    if not isinstance(levels, dict):
        return {}
    return {"equilibrium": {name_of(key): float(value) for key, value in levels.items() if _number(value)}}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
