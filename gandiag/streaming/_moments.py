"""Mean and covariance of either side: the state of everything that looks no further."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import Matrix
from gandiag.core.results import Floor, PValue
from gandiag.core.streams import Arrays, Block, StateSpec, nothing_fixed
from gandiag.numerics.backend import Array
from gandiag.numerics.moments import Moments

DRAWS = 4999
ASYMPTOTIC = "asymptotic (weighted chi-square)"
_SIDES = ("real", "fake")
_PARTS = ("count", "mean", "scatter")


def moments_of(state: Arrays, side: str) -> Moments:
    """Read one side of a state."""
    count, mean, scatter = (state[f"{side}.{part}"] for part in _PARTS)
    return Moments(count=int(count), mean=mean, scatter=scatter)


def state_of(real: Moments, fake: Moments) -> Arrays:
    """Write both sides as a state."""
    out: dict[str, NDArray[Any]] = {}
    for side, moments in zip(_SIDES, (real, fake), strict=True):
        out |= {f"{side}.count": np.asarray(moments.count, dtype=np.int64)}
        out |= {f"{side}.mean": np.asarray(moments.mean), f"{side}.scatter": np.asarray(moments.scatter)}
    return out


def merged(first: Arrays, second: Arrays) -> Arrays:
    """Join disjoint rows (Chan, Golub & LeVeque 1983)."""
    return state_of(*(moments_of(first, side).merge(moments_of(second, side)) for side in _SIDES))


def _of(block: Block, fixed: Arrays) -> Arrays:
    return state_of(Moments.of(block.real), Moments.of(block.fake))


MOMENTS = StateSpec(name="moments", fix=nothing_fixed, of=_of, merge=merged)


def gap_under_null(covariance: Array, n: int, m: int, *, rng: np.random.Generator) -> Matrix:
    """Draw the squared distance of two means under one law, from its limit for many rows, shape (`DRAWS`,).

    It is a sum of squares of normals weighted by the eigenvalues of ``(1/n + 1/m)`` times the covariance.

    Notes
    -----
    Cost O(d^3 + d DRAWS).
    """
    values = np.linalg.eigvalsh(np.asarray(covariance)) * (1.0 / n + 1.0 / m)
    values = np.sort(values[values > 1e-12 * max(float(values.max(initial=0.0)), np.finfo(float).tiny)])
    out = np.zeros(DRAWS)
    for start in range(0, len(values), 64):
        out += np.square(rng.normal(size=(DRAWS, len(values[start : start + 64])))) @ values[start : start + 64]
    return out


def drawn_null(draws: Matrix, value: float) -> tuple[Floor, PValue]:
    """Read floor and p-value of a statistic from draws under one law; more is worse."""
    as_large = int(np.count_nonzero(draws >= value * (1.0 - 1e-12)))
    floor = Floor(mean=float(draws.mean()), sd=float(draws.std(ddof=1)), source="asymptotic: weighted chi-square")
    p = PValue(
        value=(1 + as_large) / (1 + len(draws)), calibration="asymptotic (weighted chi-square)", draws=len(draws)
    )
    return floor, p
