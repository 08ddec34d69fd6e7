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
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.numerics.transport import ProjectedPool, orthonormal_directions, wasserstein_1d

Matrix = NDArray[np.float64]

_ROUNDING = 1e-13
_LEVEL = 0.95


def sliced_wasserstein_distance(real: Matrix, fake: Matrix, directions: Matrix, p: float = 1.0) -> float:
    """Compute ``SW_p`` over given directions.

    Parameters
    ----------
    real : ndarray, shape (n, d)
    fake : ndarray, shape (m, d)
    directions : ndarray, shape (L, d)
        Unit vectors.
    p : float
        At least 1.

    Returns
    -------
    float
        In the units of the samples; at least 0, lower is better; never above ``W_p``.

    Notes
    -----
    Cost O(L (n + m) (d + log(n + m))).

    Examples
    --------
    >>> import numpy as np
    >>> sliced_wasserstein_distance(np.zeros((2, 2)), np.ones((3, 2)), np.eye(2))
    1.0
    """
    return float(np.mean(_per_direction(real, fake, directions, p)) ** (1.0 / p))


def _per_direction(real: Matrix, fake: Matrix, directions: Matrix, p: float) -> Matrix:
    along_real, along_fake = directions @ real.T, directions @ fake.T
    return np.array([wasserstein_1d(a, b, p) for a, b in zip(along_real, along_fake, strict=True)])


def measure(comparison: Comparison, /, *, rng: np.random.Generator, directions: int = 200) -> Measurement:
    """Measure ``SW_1``, with its permutation null over the same directions.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
        Draws the directions.
    directions : int
        Number of directions L; one axis in one dimension.
    """
    if directions < 1:
        raise ConfigError("`directions` must be at least 1", received=directions, remedy="Use 200.")
    pool, is_real = comparison.pooled()
    centre = pool.mean(axis=0)  # projections keep more digits near 0
    thetas = orthonormal_directions(comparison.d, directions, rng)
    sorted_pool = ProjectedPool(thetas @ (pool - centre).T)
    # Tested in units of the mean range, which no relabelling changes: ties then mean the same in any unit.
    span = float(sorted_pool.gaps.sum(axis=1).mean()) or 1.0

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        distances = sorted_pool.mean_w1(labels)
        distances[distances <= _ROUNDING * span] = 0.0  # equal rows may differ in their last bit once projected
        return np.stack([distances, distances / span])

    estimate = float(statistic(is_real[:, None])[0, 0])
    w1, w2_squared = (_per_direction(comparison.real - centre, comparison.fake - centre, thetas, p) for p in (1.0, 2.0))
    worst = int(np.argmax(w1))
    return Measurement(
        estimate=estimate,
        null=Relabelling(observed=is_real, statistic=statistic),
        interval=_upper_bound(estimate, sorted_pool, is_real),
        reasons={"e_value": "not a sequential test"},
        details=_details(w1, float(np.sqrt(w2_squared.mean())), comparison.d),
        arrays={"worst_direction": thetas[worst], "w1_per_direction": w1},
    )


def _upper_bound(estimate: float, sorted_pool: ProjectedPool, is_real: NDArray[np.bool_]) -> Interval:
    from scipy.special import stdtrit

    potential = sorted_pool.potentials(is_real).mean(axis=0)
    n, m = int(is_real.sum()), int((~is_real).sum())
    variance = float(potential[is_real].var(ddof=1)) / n + float(potential[~is_real].var(ddof=1)) / m
    return Interval(
        low=None,
        high=estimate + float(stdtrit(min(n, m) - 1, _LEVEL)) * float(np.sqrt(variance)),
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
    most_rows=1000,
    sees="shifts and changes of scale or shape that show on most lines through the data",
    blind_to="differences along few of many dimensions, which the average over directions dilutes",
    cost="O(L (n + m) (d + B)), L = 200",
    source="Bonneel, Rabin, Peyré & Pfister 2015, eq. 10; null: permutation",
)
