"""Discrepancy in random Fourier features as a stream: the moments of some hundred cosines and sines.

For the features phi of a kernel, ``|mean_real - mean_fake|^2 - tr(C_real)/n - tr(C_fake)/m`` is the unbiased estimate
over all pairs of rows, to rounding; and under one law it is a weighted sum of centred chi-squares (Gretton et al. 2012,
"A kernel two-sample test", theorem 12), with the eigenvalues of the covariance of phi as weights.
"""

from __future__ import annotations

import numpy as np

from gandiag.core.results import Floor, KnownNull, Measurement, PValue
from gandiag.core.streams import Arrays, Block, Frame, StateSpec, StreamSpec
from gandiag.numerics.fourier import plain_features
from gandiag.numerics.moments import Moments
from gandiag.streaming._bandwidth import DIFFERS, fixed_bandwidth
from gandiag.streaming._moments import ASYMPTOTIC, gap_under_null, merged, moments_of, state_of

FREQUENCIES = 150  # the covariance of the features is part of the state: twice as many would cost four times as much
_SCALES = (0.5, 1.0, 2.0)


def _fix(frame: Frame, *, rng: np.random.Generator) -> Arrays:
    length = fixed_bandwidth(frame.fit)
    lengths = (length or 1.0) * np.resize(_SCALES, FREQUENCIES)
    return {"bandwidth": np.asarray(length), "frequencies": rng.normal(size=(frame.d, FREQUENCIES)) / lengths}


def _of(block: Block, fixed: Arrays) -> Arrays:
    sides = {"real": block.real, "fake": block.fake}
    return state_of({side: Moments.of(plain_features(rows, fixed["frequencies"])) for side, rows in sides.items()})


def finish(state: Arrays, fixed: Arrays, frame: Frame, *, rng: np.random.Generator) -> Measurement:
    """Measure the unbiased squared discrepancy of the drawn features."""
    if float(fixed["bandwidth"]) == 0.0:
        return Measurement(
            estimate=None, status="undefined", reasons={"estimate": "all rows set aside lie in one place"}
        )
    real, fake = moments_of(state, "real"), moments_of(state, "fake")
    (mean, covariance), (other_mean, other) = real.finalise(), fake.finalise()
    gap = float(np.square(mean - other_mean).sum())
    own = float(np.trace(covariance)) / real.count + float(np.trace(other)) / fake.count
    pooled = real.merge(fake).finalise()[1]
    draws = gap_under_null(pooled, real.count, fake.count, rng=rng)
    draws = draws - float(np.trace(pooled)) * (1.0 / real.count + 1.0 / fake.count)
    estimate = gap - own
    p_value = (1 + int(np.count_nonzero(draws >= estimate))) / (1 + len(draws))
    return Measurement(
        estimate=estimate,
        null=KnownNull(
            floor=Floor(mean=0.0, sd=float(draws.std(ddof=1)), source=ASYMPTOTIC),
            p_value=PValue(value=p_value, calibration=ASYMPTOTIC, draws=len(draws)),
        ),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the estimate is that of the drawn features: its spread over draws is not in the data",
        },
        details={"bandwidth": float(fixed["bandwidth"]), "frequencies": FREQUENCIES},
    )


STREAM = StreamSpec(
    name="mmd_rff",
    state=StateSpec(name="fourier", fix=_fix, of=_of, merge=merged),
    finish=finish,
    differs=f"{DIFFERS}; {FREQUENCIES} frequencies; the test is asymptotic",
)
