"""What the Fréchet distance and the FID share: one measurement with its floors, its null and its limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.checks import require_one_of
from gandiag.core.comparison import Comparison
from gandiag.core.results import Floor, KnownNull, Measurement, Relabelling
from gandiag.errors import ConfigError
from gandiag.numerics.backend import beside, namespace
from gandiag.numerics.frechet_distance import distance_of_covariances, distance_of_rows, gaussian_floor
from gandiag.numerics.frechet_limit import LEVEL, Limit, frechet_limit
from gandiag.numerics.moments import Moments, typical_row

Matrix = NDArray[np.float64]

FLOORS = ("permutation", "real_vs_real", "gaussian")
_SPLITS = 50
_DRAWS = 499
_FEWEST_DRAWS = 8
# Floating-point operations that the permutations may take: some twenty seconds on one core.
_MOST_OPERATIONS = 1e12
_CHEAP_OPERATIONS = 2e11  # a few seconds: within it, as many draws as are asked for
_BLOCK_ROWS = 4096
# Narrower matrices are sooner done on the host than brought to a device, one small eigenproblem after another.
_WIDE = 256


def frechet_measurement(comparison: Comparison, *, rng: np.random.Generator, floor: str) -> Measurement:
    """Measure the Fréchet distance of a comparison's features, with its floor."""
    require_one_of(floor, FLOORS, name="floor")
    real, fake = _side(comparison, "real"), _side(comparison, "fake")
    estimate, means, route = distance_of_rows(real, fake)
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
    limit = frechet_limit(real, fake, full=estimate, rng=rng)
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
            "infinity": None if limit is None else _told(limit),
        },
        arrays={} if limit is None else {"infinity_line": limit.line},
    )


def frechet_number(comparison: Comparison) -> float:
    """Compute the estimate of `frechet_measurement` alone."""
    return distance_of_rows(_side(comparison, "real"), _side(comparison, "fake")).distance


def _side(comparison: Comparison, side: str) -> Any:
    return comparison.near(side) if comparison.d >= _WIDE else getattr(comparison, side)


def _told(limit: Limit) -> dict[str, Any]:
    interval = {"low": limit.low, "high": limit.high, "level": LEVEL, "method": "delete-a-group jackknife"}
    return {"estimate": limit.value, "interval": None if limit.low is None else interval}


def _null(comparison: Comparison, floor: str, rng: np.random.Generator) -> tuple[Relabelling | KnownNull, str]:
    """Choose the null, with the reason why there is no p-value, if there is none."""
    if floor == "gaussian":
        return KnownNull(floor=_gaussian_floor(comparison), p_value=None), "the closed form gives a floor only"
    if floor == "real_vs_real":
        return KnownNull(floor=_split_floor(comparison, rng), p_value=None), "halves of the real rows give a floor only"
    pool, is_real = comparison.pooled_near() if comparison.d >= _WIDE else comparison.pooled()
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


def _statistic(pool: Any) -> Callable[[NDArray[np.bool_]], Matrix]:
    """Make the statistic of a pool: the distance, and the distance in units of the pooled variance."""
    xp = namespace(pool)
    rows = pool - typical_row(pool)
    rows -= xp.mean(rows, axis=0)
    if rows.shape[1] > len(rows):
        # As many coordinates as rows hold all distances: rows = R' Q' with orthonormal Q.
        rows = xp.asarray(xp.linalg.qr(rows.T)[1].T, copy=True)
    variance = float(xp.sum(rows * rows)) / len(rows) or 1.0
    total = xp.matmul(rows.T, rows)

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        n = int(labels[:, 0].sum())
        measure = _from_rows if min(n, len(rows) - n) <= rows.shape[1] else _from_totals
        distances = np.array([measure(rows, total, column) for column in labels.T])
        return np.stack([distances, distances / variance])

    return statistic


def _from_rows(rows: Any, total: Any, is_real: NDArray[np.bool_]) -> float:
    return distance_of_rows(_taken(rows, is_real), _taken(rows, ~is_real)).distance


def _from_totals(rows: Any, total: Any, is_real: NDArray[np.bool_]) -> float:
    """Compute the distance from the smaller side alone: the scatter of the other is what is left of the pool's."""
    xp = namespace(rows)
    n = int(is_real.sum())
    chosen = np.flatnonzero(is_real if 2 * n <= len(rows) else ~is_real)
    few, rest = len(chosen), len(rows) - len(chosen)
    sums, square = xp.zeros_like(total[0]), xp.zeros_like(total)
    for start in range(0, few, _BLOCK_ROWS):
        block = xp.take(rows, beside(chosen[start : start + _BLOCK_ROWS], rows), axis=0)
        sums += xp.sum(block, axis=0)
        square += xp.matmul(block.T, block)
    outer = sums[:, None] * sums[None, :]
    cov_few = (square - outer / few) / (few - 1)
    # The pool is centred, so both sums cancel.
    cov_rest = (total - square - outer / rest) / (rest - 1)
    return distance_of_covariances(sums / few, cov_few, -sums / rest, cov_rest).distance


def _taken(rows: Any, chosen: NDArray[np.bool_]) -> Any:
    return namespace(rows).take(rows, beside(np.flatnonzero(chosen), rows), axis=0)


def _gaussian_floor(comparison: Comparison) -> Floor:
    """Compute mean and standard deviation under equal Gaussian laws of the pooled covariance."""
    origin = typical_row(comparison.real, comparison.fake)
    pooled = [Moments.of(_side(comparison, side), origin=beside(origin, _side(comparison, side))) for side in _SIDES]
    covariance = pooled[0].merge(pooled[1]).finalise()[1]
    mean, sd = gaussian_floor(covariance, comparison.n, comparison.m)
    return Floor(mean=mean, sd=sd, source="closed form for Gaussian features")


_SIDES = ("real", "fake")


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
        found.append(distance_of_rows(rows[order[:half]], rows[order[half : 2 * half]]).distance * law)
    return Floor(mean=float(np.mean(found)), sd=float(np.std(found, ddof=1)), source="real against real, in halves")


def _sparse_floor(pool: Any, is_real: NDArray[np.bool_], draws: int, rng: np.random.Generator) -> Floor:
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
    sides = _side(comparison, "real"), _side(comparison, "fake")
    found = []
    for _ in range(4 if comparison.d <= 512 else 1):
        real, fake = rng.permutation(comparison.n), rng.permutation(comparison.m)
        for a, b in ((real[:n], fake[:m]), (real[n : 2 * n], fake[m : 2 * m])):
            halves = (namespace(s).take(s, beside(i, s), axis=0) for s, i in zip(sides, (a, b), strict=True))
            found.append(distance_of_rows(*halves).distance)
    return 2.0 * estimate - float(np.mean(found))
