"""Inception score as a stream: sums of the class probabilities, and of their negative entropies, of either side."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import Matrix
from gandiag.core.results import Measurement
from gandiag.core.streams import Arrays, Block, Frame, StateSpec, StreamSpec, nothing_fixed, summed

_WHY = "relabellings need all rows at once, and a merged state has none"


def _of(block: Block, fixed: Arrays) -> Arrays:
    out: dict[str, NDArray[Any]] = {}
    for side, rows in zip(("real", "fake"), block.class_probabilities(), strict=True):
        whole = rows.sum(axis=1, keepdims=True)
        # Features that are no probabilities are asked for their score too; they do not reach `finish`.
        shares = rows / np.where(whole > 0.0, whole, 1.0)
        out[f"{side}.rows"] = np.asarray(len(rows), dtype=np.int64)
        out[f"{side}.shares"] = shares.sum(axis=0)
        out[f"{side}.certainty"] = np.asarray(_plogp(shares).sum())
    return out


def _plogp(values: Matrix) -> Matrix:
    out: Matrix = values * np.log(np.where(values > 0.0, values, 1.0))
    return out


def _score(state: Arrays, side: str) -> float:
    rows = int(state[f"{side}.rows"])
    overall = _plogp(state[f"{side}.shares"] / rows).sum()
    return float(np.exp(max(0.0, float(state[f"{side}.certainty"]) / rows - float(overall))))


def finish(state: Arrays, fixed: Arrays, frame: Frame, *, rng: np.random.Generator) -> Measurement:
    """Measure the score of all fake rows in one split."""
    return Measurement(
        estimate=_score(state, "fake"),
        reasons={
            "e_value": "not a sequential test",
            "interval": "biased by about (K - 1) / 2n of its logarithm: compare it with the score of the real rows",
            "floor": _WHY,
            "p_value": _WHY,
        },
        details={"splits": 1, "sd_of_splits": 0.0, "real": _score(state, "real"), "classes": len(state["fake.shares"])},
    )


STREAM = StreamSpec(
    name="inception_score",
    state=StateSpec(name="verdicts", fix=nothing_fixed, of=_of, merge=summed),
    finish=finish,
    differs="no floor and no p-value; the score of the real rows stands in the details",
)
