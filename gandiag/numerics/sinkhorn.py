"""Entropic transport: one pair of weighted laws in the log domain, and all relabellings of a pool at once by scaling.

``OT_eps(P, Q) = min_pi <C, pi> + eps KL(pi | P x Q)``, whose optimum is ``pi = P Q exp((f + g - C) / eps)`` and whose
value is ``<f, P> + <g, Q>`` (Feydy et al. 2019, "Interpolating between optimal transport and MMD using Sinkhorn
divergences", section 2). Iterations stop when the plan's marginals are off by at most the tolerance in total mass;
where they never are there is an error and no number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import NotConverged
from gandiag.numerics.backend import Array, beside, namespace, on_host

Matrix = NDArray[np.float64]
Labels = NDArray[np.bool_]

MARGINAL_TOLERANCE = 1e-6
# Costs beyond this many epsilons would leave the range of floats in the scaling form.
MOST_EPSILONS = 300.0
_ITERATIONS = 5000
_CHECKED_EVERY = 5
_HALVINGS = 12
# Iterations from which steps are lengthened, to 1.5, 1.75, 1.875 ... times: slow columns then settle many times sooner
# (Thibault et al. 2021, "Overrelaxed Sinkhorn-Knopp algorithm for regularized optimal transport", section 3).
_RELAXED_FROM = (40, 100, 250, 600, 1400, 3000)


@dataclass(frozen=True, kw_only=True)
class EntropicCost:
    """``OT_eps`` with the total mass by which the plan's marginals are off, and the iterations that it took."""

    value: float
    marginal_error: float
    iterations: int


def entropic_cost(
    costs: Matrix,
    first: Matrix,
    second: Matrix,
    epsilon: float,
    *,
    tolerance: float = MARGINAL_TOLERANCE,
    iterations: int = _ITERATIONS,
) -> EntropicCost:
    """Solve entropic transport between two weighted laws in the log domain.

    Parameters
    ----------
    costs : ndarray, shape (n, m)
    first, second : ndarray, shape (n,), (m,)
        Weights above 0 with sum 1.
    epsilon : float
        Above 0, in the unit of the costs; any size.
    tolerance : float
        Most mass by which the marginals may be off.
    iterations : int
        Most iterations at the final epsilon.

    Raises
    ------
    NotConverged
        When the marginals are off by more.

    Notes
    -----
    Epsilon is halved from the largest cost on (Schmitzer 2019, "Stabilized sparse scaling algorithms for entropy
    regularized transport problems", section 3). Cost O(n m) an iteration.
    """
    log_first, log_second = np.log(first), np.log(second)
    f, g = np.zeros(len(first)), np.zeros(len(second))
    largest = float(costs.max())
    stages = [size for size in largest * 0.5 ** np.arange(_HALVINGS) if size > epsilon]
    for size in stages:
        g = _softmin(costs.T, f, log_first, size)
        f = _softmin(costs, g, log_second, size)
    for iteration in range(1, iterations + 1):
        g = _softmin(costs.T, f, log_first, epsilon)
        update = _softmin(costs, g, log_second, epsilon)
        # Before the update the rows carry P exp((f - update) / eps); the columns are exact.
        error = float(first @ np.abs(np.expm1(np.minimum((f - update) / epsilon, 700.0))))
        f = update
        if error <= tolerance:
            return EntropicCost(value=float(f @ first + g @ second), marginal_error=error, iterations=iteration)
    raise _not_converged(error, tolerance, iterations)


def entropic_self_cost(
    costs: Matrix,
    weights: Matrix,
    epsilon: float,
    *,
    tolerance: float = MARGINAL_TOLERANCE,
    iterations: int = _ITERATIONS,
) -> EntropicCost:
    """Solve entropic transport of a weighted law to itself: one potential, by averaged steps.

    Takes and raises what `entropic_cost` does, with symmetric costs of shape (n, n). Alternating steps would take
    thousands of iterations where single points lie far from all others; averaged ones take dozens.
    """
    logs = np.log(weights)
    f = np.zeros(len(weights))
    for iteration in range(1, iterations + 1):
        update = _softmin(costs, f, logs, epsilon)
        excess = np.expm1(np.minimum((f - update) / epsilon, 700.0))
        error = float(weights @ np.abs(excess))
        if error <= tolerance:
            # Less the mass in excess: the dual's value, whose error is of second order in that of the marginals.
            value = 2.0 * float(f @ weights) - epsilon * float(weights @ excess)
            return EntropicCost(value=value, marginal_error=error, iterations=iteration)
        f = (f + update) / 2.0
    raise _not_converged(error, tolerance, iterations)


def _softmin(costs: Matrix, potential: Matrix, log_weights: Matrix, epsilon: float) -> Matrix:
    """Compute ``-eps log sum_j w_j exp((h_j - c_ij) / eps)`` for every row."""
    exponents = (potential[None, :] - costs) / epsilon + log_weights[None, :]
    most = exponents.max(axis=1)
    exponents -= most[:, None]
    out: Matrix = -epsilon * (most + np.log(np.exp(exponents, out=exponents).sum(axis=1)))
    return out


def _not_converged(error: float, tolerance: float, iterations: int) -> NotConverged:
    return NotConverged(
        "the plan's marginals must be met",
        received=f"{error:.3g} of the mass off after {iterations} iterations; {tolerance:g} is allowed",
        remedy="Raise epsilon.",
    )


def _relaxed(old: Array, new: Array, roots: int) -> Array:
    """Move from a scaling to its update and beyond: by the ratio's root, the root of that, and so on."""
    ratio = new / old
    for _ in range(roots):
        ratio = namespace(old).sqrt(ratio)
        new = new * ratio
    return new


@dataclass(frozen=True, kw_only=True, eq=False)
class Divergences:
    """Sinkhorn divergences of all relabellings, and the three terms of each, shape (B,).

    Attributes
    ----------
    values : ndarray
        ``across - (real + fake) / 2``, at least 0.
    across, real, fake : ndarray
    marginal_error : float
        The largest.
    iterations : int
    """

    values: Matrix
    across: Matrix
    real: Matrix
    fake: Matrix
    marginal_error: float
    iterations: int


class PooledSinkhorn:
    """Sinkhorn divergences between the two sides of any labelling of one pool: four matrix products an iteration.

    All labellings share the kernel ``exp(-C / eps)`` of the pool; rows that are not on a side carry no weight there.
    The iterations start from the pool's own symmetric potential, which under equal laws is close to all of them.

    Parameters
    ----------
    costs : array, shape (N, N)
        Symmetric, at least 0.
    epsilon : float
        At least ``max(costs) / 300``: the scaling form is exact there.
    tolerance, iterations
        As in `entropic_cost`.
    """

    def __init__(
        self, costs: Array, epsilon: float, *, tolerance: float = MARGINAL_TOLERANCE, iterations: int = _ITERATIONS
    ) -> None:
        xp = namespace(costs)
        self._kernel = xp.exp(costs * (-1.0 / epsilon))
        self._epsilon, self._tolerance, self._iterations = epsilon, tolerance, iterations
        rows = len(costs)
        ones = xp.ones_like(self._kernel[:, :1])
        self._start = self._symmetric(ones / rows, ones)[0]

    def divergences(self, labels: Labels) -> Divergences:
        """Solve the three problems of every column of labels, shape (N, B).

        Raises
        ------
        NotConverged
            When any marginal is off by more than the tolerance.
        """
        real = beside(labels / labels.sum(axis=0), self._kernel)
        fake = beside(~labels / (~labels).sum(axis=0), self._kernel)
        across, error_across, taken_across = self._across(real, fake)
        _, of_real, error_real, taken_real = self._symmetric(real, self._start)
        _, of_fake, error_fake, taken_fake = self._symmetric(fake, self._start)
        values = across - (of_real + of_fake) / 2.0
        return Divergences(
            values=np.maximum(values, 0.0),
            across=across,
            real=of_real,
            fake=of_fake,
            marginal_error=max(error_across, error_real, error_fake),
            iterations=max(taken_across, taken_real, taken_fake),
        )

    def _across(self, real: Array, fake: Array) -> tuple[Matrix, float, int]:
        xp = namespace(self._kernel)
        u = self._start + xp.zeros_like(real)
        v = u
        error = np.inf
        for iteration in range(1, self._iterations + 1):
            exact = 1.0 / (self._kernel @ (real * u))
            if iteration % _CHECKED_EVERY == 0:  # with exact columns the rows tell the error
                update = 1.0 / (self._kernel @ (fake * exact))
                error = float(xp.max(xp.sum(real * xp.abs(u / update - 1.0), axis=0)))
                if error <= self._tolerance:
                    return self._mean_log(real, update) + self._mean_log(fake, exact), error, iteration
            roots = sum(iteration > start for start in _RELAXED_FROM)
            v = _relaxed(v, exact, roots)
            u = _relaxed(u, 1.0 / (self._kernel @ (fake * v)), roots)
        raise _not_converged(error, self._tolerance, self._iterations)

    def _symmetric(self, weights: Array, start: Array) -> tuple[Array, Matrix, float, int]:
        """Solve a law against itself by averaged steps, which settle in few iterations: scaling and cost."""
        xp = namespace(self._kernel)
        u = start + xp.zeros_like(weights)
        for iteration in range(1, self._iterations + 1):
            mass = u * (self._kernel @ (weights * u))
            error = float(xp.max(xp.sum(weights * xp.abs(mass - 1.0), axis=0)))
            if error <= self._tolerance:
                excess = self._epsilon * on_host(xp.sum(weights * (mass - 1.0), axis=0))
                return u, 2.0 * self._mean_log(weights, u) - excess, error, iteration
            u = u / xp.sqrt(mass)
        raise _not_converged(error, self._tolerance, self._iterations)

    def _mean_log(self, weights: Array, scaling: Array) -> Matrix:
        """Average the potential ``eps log(scaling)`` over a side; rows without weight count for nothing."""
        xp = namespace(scaling)
        return self._epsilon * on_host(xp.sum(weights * xp.log(scaling), axis=0))
