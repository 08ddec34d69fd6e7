"""Optimal transport: exact plans with their certificate, one dimension by sorting, and projections of a pool."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import NotConverged, NumericalError
from gandiag.numerics.labels import signed_weights

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

GAP_TOLERANCE = 1e-8
MARGINAL_TOLERANCE = 1e-9

# Most elements of one working array in the permutation of projections: it then stays in a core's cache.
_CACHED = 2**17


@dataclass(frozen=True, kw_only=True, eq=False)
class Transport:
    """A certified optimal plan.

    Attributes
    ----------
    cost : float
        Of the optimal plan: the sum of ``plan * costs``.
    plan : ndarray, shape (n, m)
    gap : float
        Cost minus the value of a feasible dual, as a share of the largest entry of the cost matrix.
    """

    cost: float
    plan: Matrix
    gap: float


def exact_transport(costs: Matrix, *, iterations: int = 1_000_000) -> Transport:
    """Solve the transport problem between two uniform laws by POT's network simplex, and certify the answer.

    Parameters
    ----------
    costs : ndarray, shape (n, m)
        At least 0, finite.
    iterations : int
        Limit of the solver.

    Returns
    -------
    Transport

    Raises
    ------
    NotConverged
        When the solver did not finish, the plan's marginals are off by more than 1e-9, or the primal-dual gap exceeds
        ``1e-8 (1 + cost)`` in units of the largest cost.
    NumericalError
        When the costs are not finite.

    Notes
    -----
    The dual is shifted until it is feasible, so the certificate does not trust the solver. Cost O(n^3 log n).
    """
    import ot

    n, m = costs.shape
    largest = float(costs.max())
    if not np.isfinite(costs).all():
        raise NumericalError("transport costs must be finite", received=largest, remedy="Standardise the features.")
    if largest == 0.0:
        return Transport(cost=0.0, plan=np.full((n, m), 1.0 / (n * m)), gap=0.0)
    scaled = np.ascontiguousarray(costs / largest, dtype=np.float64)
    real, fake = np.full(n, 1.0 / n), np.full(m, 1.0 / m)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the solver warns where we raise
        plan, log = ot.emd(real, fake, scaled, numItermax=iterations, log=True)
    primal = float((plan * scaled).sum())
    slack = max(0.0, float((log["u"][:, None] + log["v"][None, :] - scaled).max()))
    gap = primal - (float(log["u"].mean() + log["v"].mean()) - slack)
    marginal = max(float(np.abs(plan.sum(axis=1) - real).max()), float(np.abs(plan.sum(axis=0) - fake).max()))
    if int(log["result_code"]) != 1 or gap > GAP_TOLERANCE * (1.0 + primal) or marginal > MARGINAL_TOLERANCE:
        raise NotConverged(
            "an optimal plan must be certified",
            received=f"code {log['result_code']} after at most {iterations} iterations, gap {gap:.3g}, "
            f"marginals off by {marginal:.3g}",
            remedy="Raise the iteration limit, or use fewer rows.",
        )
    return Transport(cost=primal * largest, plan=plan, gap=gap)


def assignment_cost(costs: Matrix) -> float:
    """Find the smallest mean cost of matching n rows to n columns: exact transport for equal sizes, O(n^3)."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs)
    return float(costs[rows, columns].mean())


def wasserstein_1d(real: Matrix, fake: Matrix, p: float = 1.0) -> float:
    """Compute the p-Wasserstein distance of two samples of numbers, to the power p.

    Parameters
    ----------
    real : ndarray, shape (n,)
    fake : ndarray, shape (m,)
    p : float
        At least 1.

    Returns
    -------
    float
        ``W_p^p``: the integral over u of ``|F^{-1}(u) - G^{-1}(u)|^p``, exact for unequal sizes too.

    Notes
    -----
    Cost O((n + m) log(n + m)).
    """
    real, fake = np.sort(real), np.sort(fake)
    if len(real) == len(fake):
        return float(np.mean(np.abs(real - fake) ** p))
    # Both quantile functions are constant between consecutive multiples of 1/n and 1/m; in units of 1/(n m) these are
    # whole numbers, so no level is split by rounding.
    n, m = len(real), len(fake)
    levels = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    widths = np.diff(levels, prepend=0) / (n * m)
    apart = np.abs(real[(levels - 1) // m] - fake[(levels - 1) // n]) ** p
    return float(apart @ widths)


def orthonormal_directions(d: int, count: int, rng: np.random.Generator) -> Matrix:
    """Draw unit vectors, uniform on the sphere, in orthonormal batches of at most d, shape (count, d).

    Directions of one batch repel each other, which lowers the variance of an average over directions. In one dimension
    there is one axis, shape (1, 1).
    """
    if d == 1:
        return np.ones((1, 1))
    batches = []
    for start in range(0, count, d):
        # The QR of a tall Gaussian block: its columns are uniform once the signs of R are removed.
        q, r = np.linalg.qr(rng.standard_normal((d, min(d, count - start))))
        batches.append((q * np.sign(np.diag(r))).T)
    return np.concatenate(batches)


class ProjectedPool:
    """Projections of a pooled sample, sorted once: every relabelling is then a running sum.

    ``W_1`` of two samples of numbers is the integral of ``|F - G|``, and ``F - G`` is the running sum of the signed
    weights in the pooled order.

    Parameters
    ----------
    projections : ndarray, shape (L, N)
        One direction per row.
    """

    def __init__(self, projections: Matrix) -> None:
        self.order = np.argsort(projections, axis=1, kind="stable")
        self.gaps = np.diff(np.take_along_axis(projections, self.order, axis=1), axis=1)

    def mean_w1(self, labels: Labels) -> Matrix:
        """Compute ``W_1`` of every column of labels, averaged over the directions, shape (B,).

        Cost O(L N B) time, with working arrays of 1 MiB.
        """
        n, rows = int(labels[:, 0].sum()), len(labels)
        # n m (F - G) after the i-th row is N times the real rows so far, less i n: whole numbers, exact and small.
        whole = np.dtype(np.int32 if rows * rows < 2**31 else np.int64)
        expected = (n * np.arange(1, rows, dtype=np.int64)).astype(whole)[:, None]
        out = np.empty(labels.shape[1])
        width = max(1, _CACHED // rows)
        for start in range(0, labels.shape[1], width):
            steps = labels[:, start : start + width].astype(whole)
            steps *= rows
            total = np.zeros(steps.shape[1])
            for order, gaps in zip(self.order, self.gaps, strict=True):
                between = steps[order[:-1]]
                np.cumsum(between, axis=0, out=between)
                between -= expected
                total += gaps @ np.abs(between, out=between)
            out[start : start + width] = total / (n * (rows - n) * len(self.order))
        return out

    def potentials(self, is_real: Labels) -> Matrix:
        """Evaluate the Kantorovich potential of every direction at every pooled point, shape (L, N).

        The 1-Lipschitz function whose slope is the sign of ``F - G``; its mean over fake minus its mean over real is
        ``W_1``.
        """
        weights = signed_weights(is_real[:, None])[:, 0]
        between = np.cumsum(weights[self.order[:, :-1]], axis=1)
        slopes = np.where(np.abs(between) > 1e-12, np.sign(between), 0.0)  # a sum back at 0 has no slope
        along = np.concatenate([np.zeros((len(self.order), 1)), np.cumsum(slopes * self.gaps, axis=1)], axis=1)
        out = np.empty_like(along)
        np.put_along_axis(out, self.order, along, axis=1)
        return out
