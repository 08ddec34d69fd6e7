"""Energy distance: how much farther apart real and fake are than each is from itself.

``E = 2 E|X - Y| - E|X - X'| - E|Y - Y'|``, which is 0 exactly when both laws are equal (Székely & Rizzo 2013,
"Energy statistics: a class of statistics based on distances", eq. 2.1). The V-statistic is computed here; in one
dimension it equals the square of `scipy.stats.energy_distance`.

The unit is that of the features: with columns of very different size it is the distance of the largest, so the
default features of vectors are standardised.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.labels import group_sums

Matrix = NDArray[np.float64]

# Below this share of the mean distance the three terms differ by rounding alone.
_ROUNDING = 1e-13


def energy_distance(real: Matrix, fake: Matrix) -> float:
    """Compute the squared energy distance (V-statistic) in the units of the samples.

    Parameters
    ----------
    real : ndarray, shape (n, d)
    fake : ndarray, shape (m, d)

    Returns
    -------
    float
        At least 0, lower is better. Under equal laws its mean is ``(1/n + 1/m) E|X - X'|``, not 0.

    Notes
    -----
    Cost O((n + m)^2 d) time and O((n + m)^2) memory.

    Examples
    --------
    >>> import numpy as np
    >>> energy_distance(np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]]))
    3.0
    """
    labels = np.arange(len(real) + len(fake))[:, None] < len(real)
    return float(_energies(pooled_distances(np.concatenate([real, fake])), labels)[0])


def _energies(distances: Matrix, labels: NDArray[np.bool_]) -> Matrix:
    n = int(labels[:, 0].sum())
    m = len(labels) - n
    real_real, fake_fake, real_fake = group_sums(distances, labels)
    across = 2.0 * real_fake / (n * m)
    energies = across - real_real / n**2 - fake_fake / m**2
    return np.where(energies > _ROUNDING * across, energies, 0.0)


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the energy distance of a comparison, with its permutation null."""
    pool, is_real = comparison.pooled()
    distances = pooled_distances(pool)
    # Tested in units of the pooled mean distance, which no relabelling changes: ties then mean the same in any unit.
    typical = float(distances.mean()) or 1.0

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        energies = _energies(distances, labels)
        return np.stack([energies, energies / typical])

    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(observed=is_real, statistic=statistic),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the statistic is degenerate where both laws are equal: no interval holds its level there",
        },
    )


METRIC = MetricSpec(
    name="energy",
    title="Energy distance",
    summary="Omnibus distance without a tuning parameter; 0 only when both laws are equal.",
    measure=measure,
    kind="estimate",
    direction="lower",
    unit="feature units",
    low=0.0,
    high=None,
    family="distribution",
    topic="two_sample",
    symmetric=True,
    scale_invariant=False,
    zero_on_equal=True,
    min_real=2,
    min_fake=2,
    most_rows=1000,
    sees="every difference of laws, location and scale best",
    blind_to="little: but weak for fine local structure, since mean and scale dominate it",
    cost="O((n + m)^2 (d + B))",
    source="Székely & Rizzo 2013, Energy statistics, eq. 2.1; agrees with scipy.stats.energy_distance squared",
)
