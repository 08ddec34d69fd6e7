"""Linear-time discrepancy as a stream: a mean of quadruples, with its exact test by random signs.

The sums under random signs are merged like the sum itself: every block draws its own signs, from a stream of its own.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.results import Floor, Interval, KnownNull, Measurement, PValue
from gandiag.core.rng import stream
from gandiag.core.streams import Arrays, Block, Frame, StateSpec, StreamSpec
from gandiag.numerics.kernels import quadruple_values
from gandiag.streaming._bandwidth import DIFFERS, fixed_bandwidth
from gandiag.streaming._block_means import mean_and_error, merged, state_of

FLIPS = 1999
_LEVEL, _FEWEST = 0.95, 30


def _fix(frame: Frame, *, rng: np.random.Generator) -> Arrays:
    return {"bandwidth": np.asarray(fixed_bandwidth(frame.fit))}


def _of(block: Block, fixed: Arrays) -> Arrays:
    length = float(fixed["bandwidth"])
    values = quadruple_values(block.real, block.fake, length or 1.0)
    rng = stream(block.seed, "signs of quadruples", f"block {block.number}")
    heads = rng.integers(0, 2, size=(FLIPS, len(values)), dtype=np.int8)
    return {**state_of(values), "flipped": 2.0 * (heads @ values) - values.sum()}


def _merged(first: Arrays, second: Arrays) -> Arrays:
    return {**merged(first, second), "flipped": first["flipped"] + second["flipped"]}


def finish(state: Arrays, fixed: Arrays, frame: Frame, *, rng: np.random.Generator) -> Measurement:
    """Measure the mean of all quadruples."""
    count, length = int(state["count"]), float(fixed["bandwidth"])
    if count < 2 or length == 0.0:
        why = "all rows set aside lie in one place" if length == 0.0 else "two quadruples of rows are needed"
        return Measurement(estimate=None, status="undefined", reasons={"estimate": why})
    mean, error = mean_and_error(state)
    total = mean * count
    as_large = int(np.count_nonzero(state["flipped"] >= total - 1e-12 * (1.0 + abs(total))))
    root = float(np.sqrt(state["squares"] / count + mean**2) / np.sqrt(count))
    reasons = {"e_value": "not a sequential test"}
    if count < _FEWEST:
        reasons["interval"] = f"a normal mean needs {_FEWEST} quadruples of rows"
    return Measurement(
        estimate=mean,
        null=KnownNull(
            floor=Floor(mean=0.0, sd=root, source="random signs of the quadruples"),
            p_value=PValue(value=(1 + as_large) / (1 + FLIPS), calibration="exact (random signs)", draws=FLIPS),
        ),
        interval=_interval(mean, error) if count >= _FEWEST else None,
        reasons=reasons,
        details={"bandwidth": length, "quadruples": count},
    )


def _interval(mean: float, error: float) -> Interval:
    def bounds(level: float) -> tuple[float, float]:
        from scipy.special import ndtri

        reach = float(ndtri((1.0 + level) / 2.0)) * error
        return mean - reach, mean + reach

    return Interval.of(bounds, level=_LEVEL, method="normal, over independent quadruples")


STREAM = StreamSpec(
    name="mmd_linear",
    state=StateSpec(name="quadruples", fix=_fix, of=_of, merge=_merged),
    finish=finish,
    differs=DIFFERS,
)
