"""Sliced Wasserstein distance: transport along straight lines, averaged over directions.

``SW_p^p = E_theta W_p^p(theta # P, theta # Q)`` for theta uniform on the sphere (Bonneel, Rabin, Peyré & Pfister 2015,
"Sliced and Radon Wasserstein barycenters of measures", eq. 10). One dimension is exact by sorting, so it needs few
samples in any dimension: its floor does not grow with d. The price is size: a shift by delta reads about
``|delta| sqrt(2 / (pi d))``, and ``SW_2 = |delta| / sqrt(d)``; `details` hold ``SW_2 sqrt(d)`` to compare with.

The directions are drawn once, in orthonormal batches, and serve every relabelling. The upper bound rests on the central
limit theorem of ``SW_1(P_n, Q_m)`` about its mean, which is at least ``SW_1(P, Q)`` since W_1 is convex; its variance
is that of the mean Kantorovich potential (del Barrio & Loubes 2019, "Central limit theorems for empirical
transportation cost in general dimension").
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.core.specs import GateTest, MetricSpec
from gandiag.errors import ConfigError
from gandiag.numerics.backend import Array, beside, namespace
from gandiag.numerics.slices import ProjectedPool, orthonormal_directions, sliced_powers

Matrix = NDArray[np.float64]

DIRECTIONS, FEWEST_DIRECTIONS = 200, 50
# Projected values that one relabelling may walk along: more rows are seen from fewer directions.
_WALKED = 1_000_000
_ROUNDING = 1e-13
_LEVEL = 0.95


def sliced_wasserstein_distance(real: Array, fake: Array, directions: Matrix, p: float = 1.0) -> float:
    """Compute ``SW_p`` over given directions.

    Parameters
    ----------
    real : array, shape (n, d)
    fake : array, shape (m, d)
        NumPy arrays, or torch tensors on one device; sizes may differ.
    directions : ndarray, shape (L, d)
        Unit vectors.
    p : float
        At least 1.

    Returns
    -------
    float
        In the units of the samples; at least 0, lower is better; never above ``W_p``.

    Raises
    ------
    ConfigError
        When p is below 1 or infinite.

    Notes
    -----
    Cost O(L (n + m) (d + log(n + m))) time; memory beside the inputs does not grow with L.

    Examples
    --------
    >>> import numpy as np
    >>> sliced_wasserstein_distance(np.zeros((2, 2)), np.ones((3, 2)), np.eye(2))
    1.0
    """
    _require(1, p)
    return float(np.mean(sliced_powers(real, fake, directions, p)) ** (1.0 / p))


def _require(directions: int | None, p: float) -> None:
    if directions is not None and directions < 1:
        raise ConfigError("`directions` must be at least 1", received=directions, remedy="Use 200.")
    if not 1.0 <= p < np.inf:
        raise ConfigError("`p` must be at least 1 and finite", received=p, remedy="Use p=1 or p=2.")


def measure(
    comparison: Comparison, /, *, rng: np.random.Generator, directions: int | None = None, p: float = 1.0
) -> Measurement:
    """Measure ``SW_p``, with its permutation null over the same directions.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
        Draws the directions.
    directions : int, optional
        Number of directions L; one axis in one dimension. By default 200, and fewer, at least 50, beyond 5000 rows.
    p : float
        At least 1. Other powers than 1 have no upper bound, and a test that takes several times as long.
    """
    _require(directions, p)
    pool, is_real = comparison.pooled_near()
    pool = pool - namespace(pool).mean(pool, axis=0)  # projections keep more digits near 0
    lines = directions or min(DIRECTIONS, max(FEWEST_DIRECTIONS, _WALKED // len(is_real)))
    thetas = orthonormal_directions(comparison.d, lines, rng)
    sorted_pool = ProjectedPool(beside(thetas, pool) @ pool.T)
    # Tested in units of the mean range, which no relabelling changes: ties then mean the same in any unit.
    span = float(sorted_pool.gaps.sum(axis=1).mean()) or 1.0

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        distances = sorted_pool.mean_power(labels, p) ** (1.0 / p)
        distances[distances <= _ROUNDING * span] = 0.0  # equal rows may differ in their last bit once projected
        return np.stack([distances, distances / span])

    estimate = float(statistic(is_real[:, None])[0, 0])
    sides = pool[: comparison.n], pool[comparison.n :]
    w1, w2_squared = (sliced_powers(*sides, thetas, power) for power in (1.0, 2.0))
    reasons = {"e_value": "not a sequential test"}
    if p != 1.0:
        reasons["interval"] = "the upper bound is that of p = 1"
    return Measurement(
        estimate=estimate,
        null=Relabelling(observed=is_real, statistic=statistic),
        interval=_upper_bound(estimate, sorted_pool, is_real) if p == 1.0 else None,
        reasons=reasons,
        details={"p": float(p), **_details(w1, float(np.sqrt(w2_squared.mean())), comparison.d)},
        arrays={"worst_direction": thetas[int(np.argmax(w1))], "w1_per_direction": w1},
    )


def _upper_bound(estimate: float, sorted_pool: ProjectedPool, is_real: NDArray[np.bool_]) -> Interval:
    potential = sorted_pool.mean_potential(is_real)
    n, m = int(is_real.sum()), int((~is_real).sum())
    variance = float(potential[is_real].var(ddof=1)) / n + float(potential[~is_real].var(ddof=1)) / m
    error, freedom = float(np.sqrt(variance)), min(n, m) - 1

    def bounds(level: float) -> tuple[None, float]:
        from scipy.special import stdtrit

        return None, max(0.0, estimate + float(stdtrit(freedom, level)) * error)

    return Interval.of(
        bounds,
        level=_LEVEL,
        method="asymptotic: t law of the mean dual potential, over the directions used",
        sided="upper",
    )


def _details(w1: Matrix, sw2: float, d: int) -> dict[str, Any]:
    return {
        "directions": len(w1),
        "sw2": sw2,
        "sw2_sqrt_d": sw2 * float(np.sqrt(d)),
        "standard_error_over_directions": float(w1.std(ddof=1) / np.sqrt(len(w1))) if len(w1) > 1 else 0.0,
        "worst_w1": float(w1.max()),
    }


METRIC = MetricSpec(
    name="sliced_wasserstein",
    title="Sliced Wasserstein distance",
    summary="How far fake mass must move along straight lines, on average over directions.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="feature units",
    low=0.0,
    high=None,
    family="distribution",
    topic="transport",
    symmetric=True,
    scale_invariant=False,
    zero_on_equal=True,
    min_real=2,
    min_fake=2,
    most_rows=10_000,
    sees="shifts and changes of scale or shape that show on most lines through the data",
    blind_to="differences along few of many dimensions, which the average over directions dilutes",
    cost="O(L (n + m) (d + log(n + m) + B)), L = 200",
    source="Bonneel, Rabin, Peyré & Pfister 2015, eq. 10; null: permutation",
    gate={"p": GateTest(margin=0.2, effect="a distance {} above the floor")},
)
