"""Kernel inception distance as a stream: the mean over disjoint parts of some thousand rows per side.

Each part gives the unbiased discrepancy of the cubic kernel, independent of the others, so their mean is unbiased too
and their spread gives an honest standard error (the B-test of Zaremba, Gretton & Blaschko 2013, "B-tests: low variance
kernel two-sample tests"; subsets of published KIDs overlap, these do not). All pairs of rows would have a smaller error
and need all rows at once.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.results import Floor, Interval, KnownNull, Measurement, PValue
from gandiag.core.streams import Arrays, Block, Frame, StateSpec, StreamSpec
from gandiag.numerics.polynomial import LARGEST, cubic_mmd2
from gandiag.streaming._block_means import LEAST, mean_and_error, merged, state_of

MOST_ROWS, _PARTS = 1024, 16
_LEVEL = 0.95


def _fix(frame: Frame, *, rng: np.random.Generator) -> Arrays:
    """Choose the rows of a part from the sizes alone: sixteen parts where there are fewer than 16 384 rows."""
    return {"rows": np.asarray(max(2, min(MOST_ROWS, min(frame.n, frame.m) // _PARTS)), dtype=np.int64)}


def _of(block: Block, fixed: Arrays) -> Arrays:
    rows = int(fixed["rows"])
    parts = min(len(block.real), len(block.fake)) // rows
    found, largest = [], 0.0
    for k in range(parts):
        part = slice(k * rows, (k + 1) * rows)
        value, most = cubic_mmd2(block.real[part], block.fake[part])
        largest = max(largest, most)
        found.append(value if most < LARGEST else 0.0)
    return {**state_of(np.array(found)), "largest": np.asarray(largest)}


def _merged(first: Arrays, second: Arrays) -> Arrays:
    return {**merged(first, second), "largest": np.maximum(first["largest"], second["largest"])}


def finish(state: Arrays, fixed: Arrays, frame: Frame, *, rng: np.random.Generator) -> Measurement:
    """Measure the mean over the parts, with Student's t for interval and test."""
    if float(state["largest"]) >= LARGEST:
        why = "the cubic kernel leaves the range of floats: bring the features to a unit of moderate size"
        return Measurement(estimate=None, status="undefined", reasons={"estimate": why})
    parts = int(state["count"])
    if parts < 2:
        why = f"{parts} parts of {int(fixed['rows'])} rows per side; two are needed"
        return Measurement(estimate=None, status="undefined", reasons={"estimate": why})
    mean, error = mean_and_error(state)
    reasons = {"e_value": "not a sequential test"}
    if parts < LEAST:
        reasons["interval"] = f"{LEAST} parts are needed; there are {parts}"
    return Measurement(
        estimate=mean,
        null=KnownNull(
            floor=Floor(mean=0.0, sd=error, source="spread over the parts"), p_value=_p_value(mean, error, parts)
        ),
        interval=_interval(mean, error, parts) if parts >= LEAST else None,
        reasons=reasons,
        details={"standard_error": error, "subsets": None, "parts": parts, "rows_per_part": int(fixed["rows"])},
    )


def _p_value(mean: float, error: float, parts: int) -> PValue:
    from scipy.special import stdtr

    p = float(stdtr(parts - 1, -mean / error)) if error > 0.0 else float(mean <= 0.0)
    return PValue(value=min(1.0, max(p, 1e-300)), calibration="asymptotic (Student's t over parts)")


def _interval(mean: float, error: float, parts: int) -> Interval:
    def bounds(level: float) -> tuple[float, float]:
        from scipy.special import stdtrit

        reach = float(stdtrit(parts - 1, (1.0 + level) / 2.0)) * error
        return mean - reach, mean + reach

    return Interval.of(bounds, level=_LEVEL, method="Student's t over disjoint parts")


STREAM = StreamSpec(
    name="kid",
    state=StateSpec(name="cubic", fix=_fix, of=_of, merge=_merged),
    finish=finish,
    differs="the mean over disjoint parts of at most 1024 rows per side, not over all pairs: unbiased, but less sharp",
)
