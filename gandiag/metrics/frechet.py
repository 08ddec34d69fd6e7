"""Fréchet distance: how far apart real and fake are when only their means and covariances count.

``FD = |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^{1/2})``, the squared 2-Wasserstein distance of two Gaussian laws (Dowson &
Landau 1982, "The Fréchet distance between multivariate normal distributions", eq. 4); on Inception features it is the
FID (Heusel et al. 2017, "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", eq. 6). It
is an index, not a distance of laws: laws with equal means and covariances read 0.

It is biased upwards by about ``C / n`` with a C that depends on the generator, so two numbers compare only beside
their floors and at one n (Chong & Forsyth 2020, "Effectively unbiased FID and inception score"). No unbiased estimator
exists (Bińkowski et al. 2018). No matrix root is taken: the trace is a sum of singular values (see `numerics.linalg`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import require_one_of
from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, KnownNull, Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.numerics.linalg import ROUTE_THIN, bures_squared, nonnegative, nuclear_norm_of_rows
from gandiag.numerics.moments import Moments

Matrix = NDArray[np.float64]

FLOORS = ("permutation", "real_vs_real", "gaussian")
_SPLITS = 50
_DRAWS = 499
_FEWEST_DRAWS = 8
# Floating-point operations that the permutations may take: some twenty seconds on one core.
_MOST_OPERATIONS = 1e12
_CHEAP_OPERATIONS = 2e11  # a few seconds: within it, as many draws as are asked for


def frechet_distance(real: Matrix, fake: Matrix) -> float:
    """Compute the Fréchet distance of two samples.

    Parameters
    ----------
    real : ndarray, shape (n, d)
        At least two rows.
    fake : ndarray, shape (m, d)
        At least two rows.

    Returns
    -------
    float
        In squared units of the samples; at least 0, lower is better. Under equal Gaussian laws its mean is about
        ``(1/n + 1/m) (1.25 sum l_i + sum_ij l_i l_j / (l_i + l_j) / 2)`` for eigenvalues l of the covariance.

    Raises
    ------
    NumericalError
        When the trace term cannot be found, or the result is negative beyond rounding.

    Notes
    -----
    Cost O((n + m) d^2 + d^3), or O(n m d) where a side has no more rows than columns.

    Examples
    --------
    >>> import numpy as np
    >>> frechet_distance(np.array([[0.0], [2.0]]), np.array([[3.0], [5.0]]))
    9.0
    """
    shift = _origin(np.concatenate([real, fake]))
    return _by_rows(real - shift, fake - shift)[0]


def _origin(pool: Matrix) -> Matrix:
    """Find a point among the rows to subtract, which leaves exact zeros in constant columns, as a mean would not."""
    return np.asarray(np.median(pool, axis=0))


def frechet_from_moments(first: Moments, second: Moments) -> float:
    """Compute the Fréchet distance from streamed moments of at least two rows each."""
    return _from_covariances(*first.finalise(), *second.finalise())[0]


def _by_rows(real: Matrix, fake: Matrix) -> tuple[float, str]:
    """Compute the distance and name the route."""
    if min(len(real), len(fake)) > real.shape[1]:
        return _from_covariances(*Moments.of(real).finalise(), *Moments.of(fake).finalise())
    apart = real.mean(axis=0) - fake.mean(axis=0)
    real = (real - real.mean(axis=0)) / np.sqrt(len(real) - 1)
    fake = (fake - fake.mean(axis=0)) / np.sqrt(len(fake) - 1)
    spread = float(np.square(real).sum() + np.square(fake).sum())
    bures = nonnegative(spread - 2.0 * nuclear_norm_of_rows(real, fake), spread, what="a squared Bures distance")
    return float(apart @ apart) + bures, ROUTE_THIN


def _from_covariances(mean1: Matrix, cov1: Matrix, mean2: Matrix, cov2: Matrix) -> tuple[float, str]:
    apart = mean1 - mean2
    bures, route = bures_squared(cov1, cov2)
    return float(apart @ apart) + bures, route


def measure(comparison: Comparison, /, *, rng: np.random.Generator, floor: str = "permutation") -> Measurement:
    """Measure the Fréchet distance with its floor.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
        Draws halves and, in high dimension, relabellings.
    floor : {"permutation", "real_vs_real", "gaussian"}
        By relabelling, with a p-value unless that would take minutes. By halves of the real rows, brought to these
        sizes by the 1/n law of the bias: a floor that no fake row can touch. By the closed form for Gaussian features
        with n well above d. The last two give no p-value.
    """
    require_one_of(floor, FLOORS, name="floor")
    shift = _origin(comparison.pooled()[0])
    comparison = replace(comparison, real=comparison.real - shift, fake=comparison.fake - shift)
    estimate, route = _by_rows(comparison.real, comparison.fake)
    reasons = {
        "e_value": "not a sequential test",
        "interval": "biased by about C/n with an unknown C, and a bootstrap would add a second floor",
    }
    null, why = _null(comparison, floor, rng)
    if why:
        reasons["p_value"] = why
    fewest = min(comparison.n, comparison.m)
    thin = fewest <= comparison.d
    note = f"rank-deficient: {fewest} rows for {comparison.d} columns; the bias is large"
    apart = comparison.real.mean(axis=0) - comparison.fake.mean(axis=0)
    means = float(apart @ apart)
    return Measurement(
        estimate=estimate,
        null=null,
        status="degraded" if thin else "ok",
        reasons=reasons,
        warnings=(note,) if thin else (),
        details={
            "route": route,
            "mean_term": means,
            "covariance_term": max(0.0, estimate - means),
            "extrapolated": _extrapolated(comparison, estimate, rng),
        },
    )


def _null(comparison: Comparison, floor: str, rng: np.random.Generator) -> tuple[Relabelling | KnownNull, str]:
    """Choose the null, with the reason why there is no p-value, if there is none."""
    if floor == "gaussian":
        return KnownNull(floor=_gaussian_floor(comparison), p_value=None), "the closed form gives a floor only"
    if floor == "real_vs_real":
        return KnownNull(floor=_split_floor(comparison, rng), p_value=None), "halves of the real rows give a floor only"
    pool, is_real = comparison.pooled()
    draws = int(_MOST_OPERATIONS / _operations(comparison.n, comparison.m, comparison.d))
    if draws < _DRAWS:
        null = KnownNull(floor=_sparse_floor(pool, is_real, max(draws, _FEWEST_DRAWS), rng), p_value=None)
        return null, f"{_DRAWS} relabellings at these sizes and {comparison.d} columns take minutes"
    affordable = int(_CHEAP_OPERATIONS / _operations(comparison.n, comparison.m, comparison.d))
    return Relabelling(observed=is_real, statistic=_statistic(pool), draws=max(_DRAWS, affordable)), ""


def _operations(n: int, m: int, d: int) -> float:
    """Estimate the floating-point operations of one relabelling."""
    few, many = min(n, m), max(n, m)
    if few > d:
        return 2.0 * few * d**2 + 30.0 * d**3
    few, many, d = min(few, n + m), min(many, d), min(d, n + m)
    return 2.0 * few * many * d + 20.0 * few**2 * many + (4.0 * max(n, m) * d**2 if max(n, m) > d else 0.0)


def _statistic(pool: Matrix) -> Callable[[NDArray[np.bool_]], Matrix]:
    """Make the statistic of a pool: the distance, and the distance in units of the pooled variance."""
    rows = pool - pool.mean(axis=0)
    if rows.shape[1] > len(rows):
        # As many coordinates as rows hold all distances: rows = R' Q' with orthonormal Q.
        rows = np.ascontiguousarray(np.asarray(np.linalg.qr(rows.T, mode="r")).T)
    variance = float(np.square(rows).sum() / len(rows)) or 1.0
    total = rows.T @ rows

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        n = int(labels[:, 0].sum())
        if min(n, len(rows) - n) <= rows.shape[1]:
            distances = np.array([_by_rows(rows[column], rows[~column])[0] for column in labels.T])
        else:
            distances = np.array([_relabelled(rows, total, column) for column in labels.T])
        return np.stack([distances, distances / variance])

    return statistic


def _relabelled(rows: Matrix, total: Matrix, is_real: NDArray[np.bool_]) -> float:
    """Compute the distance from the smaller side alone: the scatter of the other is what is left of the pool's."""
    n = int(is_real.sum())
    few = rows[is_real if 2 * n <= len(rows) else ~is_real]
    rest = len(rows) - len(few)
    sums = few.sum(axis=0)
    square = few.T @ few
    cov_few = (square - np.outer(sums, sums) / len(few)) / (len(few) - 1)
    # The pool is centred, so both sums cancel.
    cov_rest = (total - square - np.outer(sums, sums) / rest) / (rest - 1)
    return _from_covariances(sums / len(few), cov_few, -sums / rest, cov_rest)[0]


def _gaussian_floor(comparison: Comparison) -> Floor:
    """Compute mean and standard deviation under equal Gaussian laws to leading order in 1/n.

    The distance is ``|dm|^2 + sum_ij dS_ij^2 / (l_i + l_j) / 2`` in the eigenbasis of the common covariance, with
    ``Var dm_i = c l_i`` and ``Var dS_ij = c l_i l_j (1 + [i = j])``, ``c = 1/n + 1/m``.
    """
    pool, _ = comparison.pooled()
    c = 1.0 / comparison.n + 1.0 / comparison.m
    values = np.linalg.eigvalsh(np.atleast_2d(np.cov(pool, rowvar=False)))
    values = values[values > np.finfo(float).eps * len(values) * max(float(values[-1]), np.finfo(float).tiny)]
    if values.size == 0:
        return Floor(mean=0.0, sd=0.0, source="closed form for Gaussian features")
    pairs = np.outer(values, values) / np.add.outer(values, values)
    mean = c * (1.25 * values.sum() + 0.5 * pairs.sum())
    variance = 2.0 * np.square(values).sum() + 0.5 * np.square(values).sum()
    variance += np.square(pairs).sum() - np.square(np.diag(pairs)).sum()
    return Floor(mean=float(mean), sd=float(c * np.sqrt(variance)), source="closed form for Gaussian features")


def _split_floor(comparison: Comparison, rng: np.random.Generator) -> Floor:
    """Compare halves of the real rows, set-aside ones included, and scale to n and m by the 1/n law."""
    rows = np.concatenate([comparison.real, comparison.fit])
    half = len(rows) // 2
    if half <= 2 * comparison.d:
        raise ConfigError(
            f"the floor by halves needs over {4 * comparison.d} real rows for {comparison.d} columns: below that the "
            "bias does not follow 1/n",
            received=len(rows),
            remedy='Use floor="permutation".',
        )
    law = (1.0 / comparison.n + 1.0 / comparison.m) / (2.0 / half)
    found = []
    for _ in range(_SPLITS):
        order = rng.permutation(len(rows))
        found.append(_by_rows(rows[order[:half]], rows[order[half : 2 * half]])[0] * law)
    return Floor(mean=float(np.mean(found)), sd=float(np.std(found, ddof=1)), source="real against real, in halves")


def _sparse_floor(pool: Matrix, is_real: NDArray[np.bool_], draws: int, rng: np.random.Generator) -> Floor:
    """Take mean and spread over relabellings too few for a p-value."""
    labels = np.stack([rng.permutation(is_real) for _ in range(draws)], axis=1)
    found = _statistic(pool)(labels)[0]
    return Floor(mean=float(found.mean()), sd=float(found.std(ddof=1)), source=f"permutation ({draws} relabellings)")


def _extrapolated(comparison: Comparison, estimate: float, rng: np.random.Generator) -> float | None:
    """Remove the 1/n term by Richardson's step: twice the distance less that of disjoint halves, which has it doubled.

    Absent where a half has no more rows than columns: the bias is then not proportional to 1/n.
    """
    n, m = comparison.n // 2, comparison.m // 2
    if min(n, m) <= comparison.d:
        return None
    found = []
    for _ in range(4 if comparison.d <= 512 else 1):
        real, fake = rng.permutation(comparison.n), rng.permutation(comparison.m)
        for a, b in ((real[:n], fake[:m]), (real[n : 2 * n], fake[m : 2 * m])):
            found.append(_by_rows(comparison.real[a], comparison.fake[b])[0])
    return 2.0 * estimate - float(np.mean(found))


METRIC = MetricSpec(
    name="frechet",
    title="Fréchet distance",
    summary="Gap between the means and covariances of real and fake; on Inception features it is the FID.",
    measure=measure,
    kind="index",
    direction="lower",
    unit="squared feature units",
    low=0.0,
    high=None,
    family="distribution",
    topic="embedding",
    symmetric=True,
    scale_invariant=False,
    zero_on_equal=True,
    min_real=2,
    min_fake=2,
    most_rows=5000,
    sees="shifts of the mean, and covariances that are too wide, too narrow or turned",
    blind_to="everything but means and covariances: modes, tails, duplicates, memorisation",
    cost="O((n + m) d^2 B + d^3 B)",
    source="Dowson & Landau 1982, eq. 4; Heusel et al. 2017, eq. 6",
)
