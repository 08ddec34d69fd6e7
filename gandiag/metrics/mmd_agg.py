"""Aggregated discrepancy (MMDAgg): many kernels, each with its own critical value, at one exact level.

Twenty kernels, ten Gaussian on Euclidean and ten Laplace on L1 distances, at bandwidths in geometric steps from half
the smallest to twice the largest pooled distance (Schrab, Kim, Albert, Laurent, Guedj & Gretton 2023, "MMD aggregated
two-sample test", sections 3.5 and 5.2). The test rejects where *any* kernel's discrepancy exceeds its own permutation
quantile at level ``u w_k``; the largest u that keeps the level is found by bisection, and lies well above Bonferroni's
since the kernels are correlated.

The p-value is the smallest level at which that test rejects. For one set of reference relabellings (drawn without
looking at the labels) let ``p_k(labels)`` be the share of it that a labelling reaches at kernel k: rejecting for some
k at ``u w_k`` is ``min_k p_k / w_k <= u``, and the u that keeps the level is a quantile of that minimum under
relabelling. So the minimum is itself a statistic, and the permutation test of it is exact. Taking the smallest p_k for
a p-value, as a search over bandwidths does, is not.

Beside it the details hold the paper's u at level 0.05 by bisection, and the kernels that exceed their own quantile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.metrics._kernel_options import require_at_least
from gandiag.numerics.distances import off_diagonal, pooled_distances, pooled_l1_distances
from gandiag.numerics.kernels import (
    gaussian_kernel,
    geometric_bandwidths,
    group_sizes,
    laplace_kernel,
    unbiased_scale,
)
from gandiag.numerics.pair_sums import PairSums, pair_sums, settled

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

BANDWIDTHS = 10
REFERENCE = 998
LEVEL = 0.05
_BISECTIONS = 50
_AT_ONCE = 499


class Reference:
    """Discrepancies of every kernel under reference relabellings, shape (kernels, R).

    Values are taken in units of each kernel's spread and rounded to nine digits of it, so that rounding splits no ties.
    """

    def __init__(self, values: Matrix) -> None:
        self._spread = np.maximum(values.std(axis=1, keepdims=True), 1e-150)
        self._curves = []
        for row in np.sort(self._in_units(values), axis=1):
            points, first = np.unique(row, return_index=True)
            self._curves.append((points, (1.0 + len(row) - first) / (1.0 + len(row))))

    def _in_units(self, values: Matrix) -> Matrix:
        rounded: Matrix = np.round(values / self._spread, 9)
        return rounded

    def shares(self, values: Matrix) -> Matrix:
        """Find the share of the reference that reaches each value, the value itself counted, shape (kernels, B).

        It is that share at the reference's own values and linear between them; above the largest it falls on
        exponentially, so that values out there stay apart.
        """
        out = []
        for row, (points, shares) in zip(self._in_units(values), self._curves, strict=True):
            inside = np.interp(row, points, shares)
            out.append(inside * np.exp(-np.maximum(0.0, row - points[-1])))
        return np.stack(out)

    def score(self, values: Matrix) -> Matrix:
        """Say how small the smallest share is, as ``-log10``, shape (B,): the tested statistic."""
        out: Matrix = -np.log10(np.maximum(self.shares(values).min(axis=0), 1e-300))
        return out


def corrected_level(first: Matrix, second: Matrix, *, level: float = LEVEL) -> float:
    """Find the largest u at which "some kernel exceeds its own upper u / K quantile" has at most the level.

    Parameters
    ----------
    first, second : ndarray, shape (kernels, B)
        Discrepancies under two independent sets of relabellings: for the quantiles, and for the level.
    level : float

    Returns
    -------
    float
        In [0, K]; by bisection, as in algorithm 1 of the paper. At least ``level`` but for Monte-Carlo error
        (Bonferroni), and at most ``level K``.
    """
    low, high = 0.0, float(len(first))
    for _ in range(_BISECTIONS):
        u = (low + high) / 2.0
        exceeds = (second > upper_quantiles(first, u)[:, None]).any(axis=0)
        low, high = (u, high) if exceeds.mean() <= level else (low, u)
    return low


def upper_quantiles(values: Matrix, u: float) -> Matrix:
    """Take the upper ``u / K`` quantile of every row, shape (kernels,)."""
    kernels, count = values.shape
    at = int(np.ceil((1.0 - u / kernels) * count)) - 1
    out: Matrix = np.sort(values, axis=1)[:, min(count - 1, max(0, at))]
    return out


def measure(comparison: Comparison, /, *, rng: np.random.Generator, reference: int = REFERENCE) -> Measurement:
    """Measure how far the most telling of twenty kernels lies in its own null, tested at one exact level.

    Raises
    ------
    ConfigError
        For fewer than two reference relabellings.
    """
    require_at_least("reference", reference, 2, REFERENCE)
    pool, is_real = comparison.pooled_near()
    names, lengths, doubles = _kernels_of(pool)
    if not doubles:
        return _all_equal(is_real)
    observed = np.concatenate([_scaled([each], is_real[:, None])[0] for each in doubles])
    ready = [each.quick(keep=False) for each in doubles]
    drawn = _reference_values(ready, is_real, reference, rng)
    against = Reference(drawn)
    return Measurement(
        estimate=float(against.score(observed)[0]),
        null=Relabelling(observed=is_real, statistic=_statistic(ready, against, observed)),
        reasons={"e_value": "not a sequential test", "interval": "a p-value has no population value"},
        details=_details(names, lengths, observed, against, drawn),
    )


def _kernels_of(pool: Any) -> tuple[list[str], list[float], list[PairSums]]:
    names: list[str] = []
    lengths: list[float] = []
    sums: list[PairSums] = []
    for name, kernel, distances in (
        ("gaussian", gaussian_kernel, pooled_distances(pool)),
        ("laplace", laplace_kernel, pooled_l1_distances(pool)),
    ):
        for length in geometric_bandwidths(off_diagonal(distances), BANDWIDTHS):
            names.append(name)
            lengths.append(float(length))
            sums.append(pair_sums(_tiles_of(kernel, distances, float(length)), distances.shape[0]))
    return names, lengths, sums


def _tiles_of(kernel: Callable[[Any, float], Any], distances: Any, length: float) -> Callable[[slice, slice], Any]:
    return lambda i, j: kernel(distances[i, j], length)


def _scaled(sums: Sequence[PairSums], labels: Labels) -> tuple[Matrix, Matrix]:
    """Compute discrepancies over their kernels' root mean squares, and their bounds of rounding, (kernels, B)."""
    scale = unbiased_scale(*group_sizes(labels))
    found = [(each.of_real(labels), scale / max(np.sqrt(each.mean_square), 1e-150)) for each in sums]
    return np.stack([factor * q for (q, _), factor in found]), np.stack([factor * b for (_, b), factor in found])


def _reference_values(sums: list[PairSums], is_real: Labels, count: int, rng: np.random.Generator) -> Matrix:
    parts = []
    for start in range(0, count, _AT_ONCE):
        block = np.repeat(is_real[None, :], min(_AT_ONCE, count - start), axis=0)
        parts.append(_scaled(sums, np.ascontiguousarray(rng.permuted(block, axis=1).T))[0])
    return np.concatenate(parts, axis=1)


def _statistic(sums: list[PairSums], against: Reference, observed: Matrix) -> Callable[[Labels], Matrix]:
    def quick(labels: Labels) -> tuple[Matrix, Matrix]:
        values, rounding = _scaled(sums, labels)
        score = against.score(values)
        # The score grows with every discrepancy: its value at both ends of the rounding bounds its own.
        ends = [np.abs(against.score(values + side * rounding) - score) for side in (-1.0, 1.0)]
        return score[None, :], np.maximum(*ends)

    def exact(labels: Labels) -> Matrix:
        values = np.concatenate([_scaled([each.exact()], labels)[0] for each in sums])
        return against.score(values)[None, :]

    target = float(against.score(observed)[0])
    return lambda labels: settled(quick, exact, labels, target)


def _all_equal(is_real: Labels) -> Measurement:
    return Measurement(
        estimate=0.0,
        null=Relabelling(observed=is_real, statistic=lambda labels: np.zeros((1, labels.shape[1]))),
        reasons={"e_value": "not a sequential test", "interval": "a p-value has no population value"},
        warnings=("all real and fake rows are equal",),
        details={"kernels": [], "most_telling": None, "u": None, "exceeding": []},
    )


def _details(
    names: list[str], lengths: list[float], observed: Matrix, against: Reference, drawn: Matrix
) -> dict[str, Any]:
    shares = against.shares(observed)[:, 0]
    rows: list[dict[str, Any]] = [
        {"kernel": name, "bandwidth": length, "normalised": float(value), "share": float(share)}
        for name, length, value, share in zip(names, lengths, observed[:, 0], shares, strict=True)
    ]
    half = drawn.shape[1] // 2
    u = corrected_level(drawn[:, :half], drawn[:, half:])
    exceeds = observed[:, 0] > upper_quantiles(drawn[:, :half], u)
    return {
        "kernels": rows,
        "most_telling": rows[int(np.argmin(shares))],
        "u": u,
        "exceeding": [rows[int(k)] for k in np.flatnonzero(exceeds)],
    }


METRIC = MetricSpec(
    name="mmd_agg",
    title="Aggregated discrepancy",
    summary="Kernel test over twenty length scales, each with its own critical value, at one exact level.",
    measure=measure,
    kind="index",
    direction="lower",
    unit="-log10 of the smallest single-kernel share",
    low=0.0,
    high=300.0,
    family="distribution",
    topic="two_sample",
    symmetric=False,
    scale_invariant=True,
    zero_on_equal=True,
    min_real=2,
    min_fake=2,
    most_rows=1000,
    default=False,
    sees="every difference of laws, at length scales from the smallest to the largest distance",
    blind_to="nothing in principle; very fine structure drowns in the many kernels when the sample is small",
    cost="O((n + m)^2 (d + 20 (R + B))) for R reference relabellings",
    source="Schrab et al. 2023, algorithm 1; its p-value as a permutation test of the minimum",
)
