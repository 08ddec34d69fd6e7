"""Energy distance: how much farther apart real and fake are than each is from itself.

``E = 2 E|X - Y| - E|X - X'| - E|Y - Y'|``, which is 0 exactly when both laws are equal (Székely & Rizzo 2013,
"Energy statistics: a class of statistics based on distances", eq. 2.1). The V-statistic is computed here; in one
dimension it equals the square of `scipy.stats.energy_distance`.

The unit is that of the features: with columns of very different size it is the distance of the largest, so the
default features of vectors are standardised.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import GateTest, MetricSpec
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.kernels import group_sizes
from gandiag.numerics.pair_sums import PairSums, pair_sums, power_of_two, settled

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
    >>> round(energy_distance(np.array([[0.0], [1.0]]), np.array([[2.0], [3.0]])), 6)
    3.0
    """
    sums, unit = _prepared(np.concatenate([real, fake]))
    labels = np.arange(sums.rows)[:, None] < len(real)
    return float(_energies(sums, labels)[0][0]) * unit


def _prepared(pool: Any) -> tuple[PairSums, float]:
    """Make the distances ready for sums, in units of a power of two near their mean."""
    distances = pooled_distances(pool)
    unit = power_of_two(float(distances.mean()))
    return pair_sums(lambda i, j: distances[i, j] / unit, distances.shape[0]), unit


def _energies(sums: PairSums, labels: NDArray[np.bool_]) -> tuple[Matrix, Matrix]:
    """Compute the energy of every column from distances centred on both sides, and bound its rounding."""
    n, m = group_sizes(labels)
    within, rounding = sums.of_real(labels)
    real = sums.shifts_of_real(labels)
    fake = float(sums.shifts.sum()) - real
    # What centring took off stays in the V-statistic through its empty diagonal alone.
    scale = (1.0 / n + 1.0 / m) ** 2
    energies = 2.0 * (real / n**2 + fake / m**2) - scale * within
    across = 2.0 * ((m * real + n * fake) - within) / (n * m)
    return np.where(energies > _ROUNDING * across, energies, 0.0), scale * rounding


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the energy distance of a comparison, with its permutation null."""
    pool, is_real = comparison.pooled_near()
    double, unit = _prepared(pool)
    # Tested in units of the pooled mean distance, which no relabelling changes: ties then mean the same in any unit.
    typical = float(double.shifts.sum()) * 2.0 * (double.rows - 1) / double.rows**2 or 1.0
    observed = float(_energies(double, is_real[:, None])[0][0])
    single = double.quick()

    def quick(labels: NDArray[np.bool_]) -> tuple[Matrix, Matrix]:
        energies, rounding = _energies(single, labels)
        return np.stack([energies * unit, energies / typical]), rounding / typical

    def exact(labels: NDArray[np.bool_]) -> Matrix:
        energies = _energies(single.exact(), labels)[0]
        return np.stack([energies * unit, energies / typical])

    return Measurement(
        estimate=observed * unit,
        null=Relabelling(observed=is_real, statistic=lambda labels: settled(quick, exact, labels, observed / typical)),
        reasons={
            "e_value": "not a sequential test",
            "interval": "the statistic is degenerate where both laws are equal: no interval holds its level there",
        },
    )


def number(comparison: Comparison, /, *, rng: np.random.Generator) -> float:
    """Compute the estimate of `measure` alone."""
    sums, unit = _prepared(comparison.pooled_near()[0])
    return float(_energies(sums, comparison.pooled()[1][:, None])[0][0]) * unit


METRIC = MetricSpec(
    name="energy",
    title="Energy distance",
    summary="Omnibus distance without a tuning parameter; 0 only when both laws are equal.",
    measure=measure,
    number=number,
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
    gate={"p": GateTest(margin=None, effect="an energy distance {} above the floor")},
)
