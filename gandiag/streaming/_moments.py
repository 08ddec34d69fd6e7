"""Mean and covariance of either side: the state of everything that looks no further."""

from __future__ import annotations

from collections.abc import Mapping
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
_PARTS = ("count", "mean", "scatter")
# Every other row of a block goes to the other half: halves of one side show what equal laws score.
HALVES = ("even", "odd")


def moments_of(state: Arrays, side: str) -> Moments:
    """Read one side of a state, "real" or "fake", or one half of it, "real.even"."""
    if f"{side}.count" not in state:
        first, second = (moments_of(state, f"{side}.{half}") for half in HALVES)
        return first.merge(second)
    count, mean, scatter = (state[f"{side}.{part}"] for part in _PARTS)
    return Moments(count=int(count), mean=mean, scatter=scatter)


def state_of(sides: Mapping[str, Moments]) -> Arrays:
    """Write moments by name as a state."""
    out: dict[str, NDArray[Any]] = {}
    for side, moments in sides.items():
        out |= {f"{side}.count": np.asarray(moments.count, dtype=np.int64)}
        out |= {f"{side}.mean": np.asarray(moments.mean), f"{side}.scatter": np.asarray(moments.scatter)}
    return out


def merged(first: Arrays, second: Arrays) -> Arrays:
    """Join disjoint rows (Chan, Golub & LeVeque 1983)."""
    names = [key.removesuffix(".count") for key in first if key.endswith(".count")]
    return state_of({name: moments_of(first, name).merge(moments_of(second, name)) for name in names})


def _of(block: Block, fixed: Arrays) -> Arrays:
    sides = {"real": block.real, "fake": block.fake}
    return state_of(
        {f"{side}.{half}": Moments.of(rows[i::2]) for side, rows in sides.items() for i, half in enumerate(HALVES)}
    )


def with_real(state: Arrays, real: Moments) -> Arrays:
    """Put moments that are known already in the place of the real rows; there are no halves of them."""
    empty = Moments.empty(len(real.mean))
    known = {"real.even": real, "real.odd": empty, "fake.even": empty, "fake.odd": empty}
    return merged(state_of(known), state)


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
