"""The Fréchet distance from merged moments, with the floor that halves of one side show.

Halves of the real rows score what equal laws score, for any law; the 1/n law of the bias brings their distance to the
sizes of the sides, and is a law where a half has two rows to a column. The spread is the closed form's for Gaussian
features, in proportion to the floor, and grown by the error of the floor itself, which is as large: one pair of halves.
"""

from __future__ import annotations

import math

import numpy as np

from gandiag.core.results import Floor, KnownNull, Measurement
from gandiag.core.streams import Arrays, Frame
from gandiag.numerics.frechet_distance import distance_of_covariances, gaussian_floor
from gandiag.streaming._moments import HALVES, moments_of

DIFFERS = "the floor is that of one pair of halves, and there is no p-value"
_PER_COLUMN = 2  # rows of a half beyond which the bias follows 1/n


def finish(state: Arrays, fixed: Arrays, frame: Frame, *, rng: np.random.Generator) -> Measurement:
    """Measure the distance of the merged moments."""
    real, fake = moments_of(state, "real"), moments_of(state, "fake")
    distance, of_means, route = distance_of_covariances(*real.finalise(), *fake.finalise())
    fewest = min(frame.n or frame.m, frame.m)
    thin = fewest <= frame.d
    floor, why = _floor(state, frame)
    reasons = {
        "e_value": "not a sequential test",
        "interval": "biased by about C/n with an unknown C, and a bootstrap would add a second floor",
        "p_value": "relabellings need all rows at once, and a merged state has none",
    }
    note = f"rank-deficient: {fewest} rows for {frame.d} columns; the bias is large"
    return Measurement(
        estimate=distance,
        null=None if floor is None else KnownNull(floor=floor, p_value=None),
        status="degraded" if thin else "ok",
        reasons=reasons if floor is not None else reasons | {"floor": why},
        warnings=(note,) if thin else (),
        details={
            "route": route,
            "mean_term": of_means,
            "covariance_term": max(0.0, distance - of_means),
            "extrapolated": None,
            "infinity": None,
        },
    )


def _floor(state: Arrays, frame: Frame) -> tuple[Floor | None, str]:
    """Take the floor from halves of the real rows, or of the fake ones where a reference holds no rows."""
    if not frame.n:
        return None, "the reference does not say of how many rows its mean and covariance are"
    side = "real" if int(state[f"real.{HALVES[1]}.count"]) else "fake"
    first, second = (moments_of(state, f"{side}.{half}") for half in HALVES)
    if min(first.count, second.count) <= _PER_COLUMN * frame.d:
        few = f"halves of {second.count} rows for {frame.d} columns"
        return None, f"{few}: with fewer than {_PER_COLUMN} rows to a column the bias does not follow 1/n"
    apart = distance_of_covariances(*first.finalise(), *second.finalise()).distance
    mean = apart * (1.0 / frame.n + 1.0 / frame.m) / (1.0 / first.count + 1.0 / second.count)
    expected, sd = gaussian_floor(first.merge(second).finalise()[1], frame.n, frame.m)
    sd *= math.sqrt(2.0) * max(1.0, mean / expected if expected > 0.0 else 1.0)
    return Floor(mean=mean, sd=sd, source=f"{side} against {side}, in halves"), ""
