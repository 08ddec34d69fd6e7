"""Moment difference: how far the means of real and fake lie apart, and whether means or covariances differ.

The estimate is the Euclidean distance of both means in the units of the features. The test looks at means *and*
covariances, on columns brought to unit spread over the pooled sample (which no relabelling changes):

* mean term ``|sum_i v_i z_i|^2``, the squared distance of the means,
* covariance term ``|sum_i v_i z_i z_i'|_F^2``, the squared distance of the second moments about the pooled mean, which
  is the quadratic form of the kernel ``(z_i . z_j)^2``,

with weights v of 1/n on real and -1/m on fake rows. Each term is centred and scaled by constants of the pooled sample
(the first is its exact mean over all relabellings), and the larger of both is the tested statistic. Each term is a
maximum mean discrepancy (Gretton et al. 2012, "A kernel two-sample test", eq. 5), with kernels ``x . y`` and
``(x . y)^2``. It is the first question any course asks of a generator.

It is blind to everything beyond second moments: a mixture and its Gaussian fit are alike to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.numerics.labels import signed_weights
from gandiag.numerics.moments import column_scales

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]

_LISTED_COLUMNS = 5
# Relabellings behind the separate p-values of the details; the metric's own p-value comes from the engine.
_SEPARATE_DRAWS = 199
_ROUNDING = 1e-12


def mean_distance(real: Matrix, fake: Matrix) -> float:
    """Compute the Euclidean distance of both means, in the units of the samples.

    Parameters
    ----------
    real : ndarray, shape (n, d)
    fake : ndarray, shape (m, d)

    Returns
    -------
    float
        At least 0, lower is better. Under equal laws its square has mean ``(1/n + 1/m) trace(covariance)``, not 0.

    Examples
    --------
    >>> import numpy as np
    >>> mean_distance(np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[1.0, 3.0], [1.0, 5.0]]))
    4.0
    """
    # From one of the rows: equal rows then give exactly 0, however far from the origin.
    return float(np.linalg.norm((real - real[0]).mean(axis=0) - (fake - real[0]).mean(axis=0)))


@dataclass(frozen=True, eq=False)
class MomentTerms:
    """The quadratic forms of one pooled sample.

    Attributes
    ----------
    rows : ndarray, shape (N, d)
        Pooled rows in the units of the features, centred on their mean.
    unit : ndarray, shape (N, d)
        The same with columns of unit spread; a constant column is 0.
    products : ndarray, shape (N, N)
        The kernel ``(z_i . z_j)^2``, centred.
    mean_scale, covariance_scale : (float, float)
        Trace and Frobenius norm of both centred kernels; neither changes with the labels.
    """

    rows: Matrix
    unit: Matrix
    products: Matrix
    mean_scale: tuple[float, float]
    covariance_scale: tuple[float, float]

    def raw(self, labels: Labels) -> Matrix:
        """Compute distance of means, mean term and covariance term for each column of labels, shape (3, B)."""
        weights = signed_weights(labels)
        distance = np.linalg.norm(weights.T @ self.rows, axis=1)
        mean = np.square(weights.T @ self.unit).sum(axis=1)
        covariance = np.einsum("nb,nb->b", weights, self.products @ weights)
        return np.stack([distance, mean, covariance])

    def tested(self, labels: Labels) -> Matrix:
        """Compute the reported distance, both standardised terms, and the larger of them last, shape (4, B)."""
        distance, mean, covariance = self.raw(labels)
        n = int(labels[:, 0].sum())
        mean = _standardised(mean, self.mean_scale, n, len(labels) - n)
        covariance = _standardised(covariance, self.covariance_scale, n, len(labels) - n)
        return np.stack([distance, mean, covariance, np.maximum(mean, covariance)])


def moment_terms(pool: Matrix) -> MomentTerms:
    """Prepare the quadratic forms of a pooled sample, shape (N, d); O(N^2 d) time and O(N^2) memory."""
    centre, scale = column_scales(pool)
    rows = pool - pool[0]
    rows -= rows.mean(axis=0)
    # A column whose spread is rounding counts as constant, and must not speak.
    constant = np.ptp(rows, axis=0) <= _ROUNDING * np.abs(centre)
    unit = np.where(constant, 0.0, rows / scale)
    gram = unit @ unit.T
    mean_scale = float(np.trace(gram)), float(np.linalg.norm(gram))
    products = np.square(gram, out=gram)
    products -= products.mean(axis=0)[None, :]
    products -= products.mean(axis=1)[:, None]
    covariance_scale = float(np.trace(products)), float(np.linalg.norm(products))
    return MomentTerms(rows, unit, products, mean_scale, covariance_scale)


def measure(comparison: Comparison, /, *, rng: np.random.Generator) -> Measurement:
    """Measure the distance of the means, with a permutation test of means and covariances."""
    pool, is_real = comparison.pooled()
    terms = moment_terms(pool)
    return Measurement(
        estimate=mean_distance(comparison.real, comparison.fake),
        null=Relabelling(observed=is_real, statistic=terms.tested),
        reasons={
            "e_value": "not a sequential test",
            "interval": "a norm is degenerate where both means are equal: no interval holds its level there",
        },
        details=_details(comparison, terms, is_real, rng),
    )


def _standardised(values: Vector, scale: tuple[float, float], n: int, m: int) -> Vector:
    trace, norm = scale
    weight = 1.0 / n + 1.0 / m
    if norm <= 0.0:
        return np.zeros_like(values)
    # Mean over all relabellings: weights have covariance weight / (N - 1) on the centred space. The spread is that of
    # the matching sum of squares of normals.
    standard: Vector = (values - weight * trace / (n + m - 1)) / (math.sqrt(2.0) * weight * norm / (n + m))
    return standard


def _details(comparison: Comparison, terms: MomentTerms, is_real: Labels, rng: np.random.Generator) -> dict[str, Any]:
    real, fake = terms.rows[is_real], terms.rows[~is_real]
    spread_real, spread_fake = real.std(axis=0), fake.std(axis=0)
    in_sd = _in_spreads(fake.mean(axis=0) - real.mean(axis=0), spread_real, spread_fake)
    mean_p, covariance_p = _separate_p_values(terms, is_real, rng)
    varied = spread_real > _ROUNDING * np.abs(comparison.real.mean(axis=0))
    return {
        "mean_shift_sd": float(np.linalg.norm(in_sd) / math.sqrt(comparison.d)),
        "covariance_distance_sd": _covariance_distance(terms.unit[is_real], terms.unit[~is_real]),
        "mean_p": mean_p,
        "covariance_p": covariance_p,
        "mean_share": _mean_share(terms, is_real),
        "scale_ratio": float(np.median(spread_fake[varied] / spread_real[varied])) if varied.any() else None,
        "largest_columns": [
            {
                "column": int(j),
                "shift_sd": float(in_sd[j]),
                "real_mean": float(comparison.real[:, j].mean()),
                "fake_mean": float(comparison.fake[:, j].mean()),
                "real_sd": float(spread_real[j]),
                "fake_sd": float(spread_fake[j]),
            }
            for j in np.argsort(-np.abs(in_sd), kind="stable")[:_LISTED_COLUMNS]
        ],
    }


def _in_spreads(shift: Vector, spread_real: Vector, spread_fake: Vector) -> Vector:
    """Divide a shift by the spread within the sides; by the pooled spread (half the shift) where neither varies."""
    within = np.sqrt((np.square(spread_real) + np.square(spread_fake)) / 2.0)
    alone = within <= _ROUNDING * np.abs(shift)
    found: Vector = np.where(alone, 2.0 * np.sign(shift), shift / np.where(alone, 1.0, within))
    return found


def _covariance_distance(real: Matrix, fake: Matrix) -> float:
    """Compute the Frobenius distance of both covariances, through Gram matrices where columns are the more."""
    real, fake = real - real.mean(axis=0), fake - fake.mean(axis=0)
    if real.shape[1] <= len(real) + len(fake):
        return float(np.linalg.norm(real.T @ real / len(real) - fake.T @ fake / len(fake)))
    within_real = np.square(real @ real.T).sum() / len(real) ** 2
    within_fake = np.square(fake @ fake.T).sum() / len(fake) ** 2
    across = np.square(real @ fake.T).sum() / (len(real) * len(fake))
    return math.sqrt(max(0.0, float(within_real + within_fake - 2.0 * across)))


def _mean_share(terms: MomentTerms, is_real: Labels) -> float | None:
    """Give the mean's share of what both terms show beyond their null means; None where neither shows anything."""
    _, mean, covariance = terms.raw(is_real[:, None])[:, 0]
    n = int(is_real.sum())
    m = len(is_real) - n
    weight = (1.0 / n + 1.0 / m) / (n + m - 1)
    mean = max(0.0, mean - weight * terms.mean_scale[0])
    covariance = max(0.0, covariance - weight * terms.covariance_scale[0])
    return float(mean / (mean + covariance)) if mean + covariance > 0.0 else None


def _separate_p_values(terms: MomentTerms, is_real: Labels, rng: np.random.Generator) -> tuple[float, float]:
    """Rank each standardised term among its own relabellings; ties count."""
    shuffled = rng.permuted(np.tile(is_real, (_SEPARATE_DRAWS, 1)), axis=1).T
    observed, null = terms.tested(is_real[:, None])[1:3], terms.tested(shuffled)[1:3]
    as_large = (null >= observed - 1e-12 * (1.0 + np.abs(observed))).sum(axis=1)
    mean_p, covariance_p = (1.0 + as_large) / (1.0 + _SEPARATE_DRAWS)
    return float(mean_p), float(covariance_p)


METRIC = MetricSpec(
    name="moment_difference",
    title="Moment difference",
    summary="Distance of the means, tested together with the covariances: the first thing to compare.",
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
    sees="differences of means and of covariances, also along single columns",
    blind_to="everything beyond means and covariances: a mixture and its Gaussian fit are alike",
    cost="O((n + m)^2 (d + B))",
    source="Gretton et al. 2012, A kernel two-sample test, eq. 5, with kernels x.y and (x.y)^2",
)
