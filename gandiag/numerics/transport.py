"""Exact optimal transport with its certificate, and one dimension by sorting.

A transport cost is certified by a feasible dual: whatever the solver did, no plan costs less than the dual's value. A
solver that stopped early, or whose plan is not one, gives an error and never a number.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import NotConverged, NumericalError

Matrix = NDArray[np.float64]

GAP_TOLERANCE = 1e-8
MARGINAL_TOLERANCE = 1e-9


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
    dual : tuple of ndarray, shape (n,) and (m,)
        That dual, in the units of the costs: ``dual[0][i] + dual[1][j]`` is at most ``costs[i, j]``.
    """

    cost: float
    plan: Matrix
    gap: float
    dual: tuple[Matrix, Matrix]


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
        return Transport(cost=0.0, plan=np.full((n, m), 1.0 / (n * m)), gap=0.0, dual=(np.zeros(n), np.zeros(m)))
    scaled = np.ascontiguousarray(costs / largest, dtype=np.float64)
    real, fake = np.full(n, 1.0 / n), np.full(m, 1.0 / m)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the solver warns where we raise
        plan, log = ot.emd(real, fake, scaled, numItermax=iterations, log=True)
    primal = float((plan * scaled).sum())
    slack = max(0.0, float((log["u"][:, None] + log["v"][None, :] - scaled).max()))
    gap = primal - (float(log["u"].mean() + log["v"].mean()) - slack)
    marginal = max(float(np.abs(plan.sum(axis=1) - real).max()), float(np.abs(plan.sum(axis=0) - fake).max()))
    require_optimal(int(log["result_code"]), primal, gap, marginal)
    dual = ((log["u"] - slack) * largest, log["v"] * largest)
    return Transport(cost=primal * largest, plan=plan, gap=gap, dual=dual)


def require_optimal(code: int, primal: float, gap: float, marginal: float) -> None:
    """Refuse a plan whose solver did not finish (POT's code is not 1), that is no plan, or that no dual certifies.

    Raises
    ------
    NotConverged
    """
    if code != 1 or not gap <= GAP_TOLERANCE * (1.0 + primal) or not marginal <= MARGINAL_TOLERANCE:
        raise NotConverged(
            "an optimal plan must be certified",
            received=f"code {code} of the solver, gap {gap:.3g}, marginals off by {marginal:.3g}",
            remedy="Raise the iteration limit, or use fewer rows.",
        )


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
