"""Sinkhorn divergence: transport with entropy, freed of the entropy's bias.

``S_eps = OT_eps(P, Q) - OT_eps(P, P) / 2 - OT_eps(Q, Q) / 2`` with the squared Euclidean cost, at least 0 and 0 only
for equal laws (Feydy et al. 2019, "Interpolating between optimal transport and MMD using Sinkhorn divergences", eq. 3
and theorem 1). From ``W_2^2`` as epsilon goes to 0 it becomes a distance of means as epsilon grows; its sample error
falls as fast as ``n^{-1/2}`` in every dimension, with a constant that grows as epsilon falls (Genevay et al. 2019,
"Sample complexity of Sinkhorn divergences", theorem 3). Without the two terms of debiasing a sample would lie far from
itself.

Epsilon is a share of the pool's mean squared distance, which no relabelling changes. `details` hold the extrapolation
``2 S_eps - S_{sqrt(2) eps}``, which cancels the error of order eps^2 (Chizat et al. 2020, "Faster Wasserstein distance
estimation with the Sinkhorn divergence", section 4): nearer to ``W_2^2``, and no divergence.

A plan whose marginals are off by more than a millionth of the mass is a failure and no number. Its unit is that of
squared features, and far rows dominate it as they do ``W_2``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.numerics.backend import Array, beside
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.sinkhorn import MOST_EPSILONS, Divergences, PooledSinkhorn

Matrix = NDArray[np.float64]

_DRAWS = 999
_SHARE = 0.1
# Below this share of the mean cost the three terms differ by what the tolerance on marginals leaves.
_ROUNDING = 1e-10


def sinkhorn_divergence(real: Matrix, fake: Matrix, epsilon: float) -> float:
    """Compute the Sinkhorn divergence of two samples with the squared Euclidean cost.

    Parameters
    ----------
    real : ndarray, shape (n, d)
    fake : ndarray, shape (m, d)
    epsilon : float
        Above 0, in squared units of the samples; at least the largest cost over 300.

    Returns
    -------
    float
        In squared units of the samples; at least 0, lower is better.

    Raises
    ------
    ConfigError
        For an epsilon below that.
    NotConverged
        When a marginal is off by more than 1e-6 of the mass.

    Notes
    -----
    Cost O((n + m)^2) an iteration, time and memory.

    Examples
    --------
    >>> import numpy as np
    >>> real = np.random.default_rng(0).normal(size=(30, 2))
    >>> round(sinkhorn_divergence(real, real + [3.0, 0.0], 1.0), 5)
    9.0
    """
    labels = np.arange(len(real) + len(fake))[:, None] < len(real)
    costs = np.square(pooled_distances(np.concatenate([real, fake])))
    largest = float(costs.max())
    if largest == 0.0:
        return 0.0
    if not epsilon >= largest / MOST_EPSILONS:
        raise ConfigError(
            f"`epsilon` must be at least the largest cost over {MOST_EPSILONS:g}",
            received=epsilon,
            remedy=f"Use {largest / MOST_EPSILONS:.3g} or more, or the exact distance.",
        )
    return float(PooledSinkhorn(costs / largest, epsilon / largest).divergences(labels).values[0] * largest)


def measure(comparison: Comparison, /, *, rng: np.random.Generator, share: float = _SHARE) -> Measurement:
    """Measure the Sinkhorn divergence, with its permutation null at the same epsilon.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
        Not used.
    share : float
        Epsilon as a share of the pool's mean squared distance; more where the farthest pair asks for it.
    """
    if not 0.0 < share < np.inf:
        raise ConfigError("`share` must be above 0 and finite", received=share, remedy=f"Use {_SHARE:g}.")
    pool, is_real = comparison.pooled()
    distances = pooled_distances(pool)
    largest = float(distances.max()) or 1.0
    costs = np.square(distances / largest)
    mean = float(costs.mean()) or 1.0
    epsilon = max(share * mean, float(costs.max()) / MOST_EPSILONS)
    near = beside(costs, comparison.pooled_near()[0])
    solver = PooledSinkhorn(near, epsilon)

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        values = _cleared(solver.divergences(labels), mean)
        return np.stack([values * largest**2, values])

    found = solver.divergences(is_real[:, None])
    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(observed=is_real, statistic=statistic, draws=_DRAWS),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the statistic is degenerate where both laws are equal: no interval holds its level there",
        },
        details={
            "epsilon": epsilon * largest**2,
            "epsilon_share": epsilon / mean,
            "transport": float(found.across[0]) * largest**2,
            "transport_real_real": float(found.real[0]) * largest**2,
            "transport_fake_fake": float(found.fake[0]) * largest**2,
            "extrapolated_w2_squared": _extrapolated(found, near, epsilon, is_real, mean) * largest**2,
            "marginal_error": found.marginal_error,
            "iterations": found.iterations,
        },
    )


def _cleared(found: Divergences, mean: float) -> Matrix:
    return np.where(found.values > _ROUNDING * mean, found.values, 0.0)


def _extrapolated(found: Divergences, costs: Array, epsilon: float, is_real: NDArray[np.bool_], mean: float) -> float:
    wider = PooledSinkhorn(costs, epsilon * float(np.sqrt(2.0))).divergences(is_real[:, None])
    return float(2.0 * _cleared(found, mean)[0] - _cleared(wider, mean)[0])


METRIC = MetricSpec(
    name="sinkhorn",
    title="Sinkhorn divergence",
    summary="Entropic transport freed of its bias: between the exact distance and one of kernels.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="squared feature units",
    low=0.0,
    high=None,
    family="distribution",
    topic="transport",
    symmetric=True,
    scale_invariant=False,
    zero_on_equal=True,
    min_real=2,
    min_fake=2,
    most_rows=250,
    default=False,
    sees="every difference of laws wider than the root of epsilon, location and scale best",
    blind_to="structure finer than the root of epsilon",
    cost="O((n + m)^2 (d + B)) for each of some dozens of iterations",
    source="Feydy et al. 2019, Interpolating between optimal transport and MMD, eq. 3; null: permutation",
)
