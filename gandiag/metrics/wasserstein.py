"""Wasserstein distance: the least work that turns real into fake, by exact transport between blocks of samples.

``W_p^p(P, Q) = min_pi E |X - Y|^p`` over all couplings. Between samples it is far from 0 even under equal laws, and
shrinks like ``N^{-1/d}`` (Dudley 1969; Fournier & Guillin 2015, "On the rate of convergence in Wasserstein distance",
theorem 1), so the number itself says little; the bracket and the floor at the same N do. With
``W_N(P, Q) = (E W_p^p(P_N, Q_N))^{1/p}`` over independent samples of size N,

``W_N(P, Q) - min(W_N(P, P), W_N(Q, Q)) <= W_p(P, Q) <= W_N(P, Q)``:

above since ``W_p^p`` is jointly convex; below by the triangle inequality in L^p along the optimal coupling. The mean is
taken of ``W_p^p`` and the root after it: the mean of roots bounds nothing for p > 1. Each expectation is estimated by
disjoint blocks, hence t-intervals.

Debiased ``D = W_2N^2(P, Q) - (W_2N^2(P, P) + W_2N^2(Q, Q)) / 2`` is free of bias for pure translations in any
dimension, and too low for differences of shape in high dimension: read it as an estimate, never as a bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.numerics.bracket import Bracket, bracket
from gandiag.numerics.distances import exact_distances
from gandiag.numerics.solvers import exact_wasserstein
from gandiag.numerics.transport import Transport, assignment_cost, exact_transport

Matrix = NDArray[np.float64]

_LEVEL = 0.95
_DRAWS = 1499
# Sizes of blocks at which the bracket is drawn, in units of the size that is tested.
_SIZES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
_FEWEST_BLOCKS = 4  # two pairs within each side, so that both ends have a margin


def wasserstein_distance(real: Matrix, fake: Matrix, p: float = 1.0) -> float:
    """Compute the exact p-Wasserstein distance between two samples.

    Parameters
    ----------
    real : ndarray, shape (n, d)
    fake : ndarray, shape (m, d)
        Sizes may differ.
    p : float
        At least 1.

    Returns
    -------
    float
        In the units of the samples; at least 0, lower is better.

    Raises
    ------
    NotConverged
        When the solver's plan cannot be certified by its dual.

    Notes
    -----
    Sorting in one dimension, O(n log n); otherwise the fastest exact solver for the shape (`numerics.solvers`), O(n^3)
    time and O(n m) memory, or O(n + m) memory where the costs would take more than 2 GiB.

    Examples
    --------
    >>> import numpy as np
    >>> real, fake = np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 2.0], [1.0, 2.0], [1.0, 2.0]])
    >>> round(wasserstein_distance(real, fake), 6)
    2.039345
    """
    found = exact_wasserstein(real, fake, p)
    # What cannot be certified from outside is solved again by the solver that brings its own certificate.
    return found.distance if found.certified else exact_wasserstein(real, fake, p, solver="simplex").distance


def _require_power(p: float) -> None:
    if not 1.0 <= p < np.inf:
        raise ConfigError("`p` must be at least 1 and finite", received=p, remedy="Use p=1 or p=2.")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Blocks:
    """Disjoint blocks of N real and N fake rows, paired.

    Attributes
    ----------
    pools : list of ndarray, shape (2N, 2N)
        Distances within each pair of blocks, real rows first.
    size : int
        N.
    real, fake : ndarray, shape (K, N, d)
    """

    pools: list[Matrix]
    size: int
    real: Matrix
    fake: Matrix


def _dealt(comparison: Comparison, size: int, rng: np.random.Generator) -> tuple[Matrix, Matrix]:
    """Deal the rows of either side to as many disjoint blocks as both fill, shape (K, N, d) each."""
    count = min(comparison.n // size, comparison.m // size)
    real = comparison.real[rng.permutation(comparison.n)[: count * size]].reshape(count, size, -1)
    fake = comparison.fake[rng.permutation(comparison.m)[: count * size]].reshape(count, size, -1)
    return real, fake


def _blocks(comparison: Comparison, block: int, rng: np.random.Generator) -> _Blocks:
    size = min(block, max(1, comparison.n // 2), comparison.m)
    real, fake = _dealt(comparison, size, rng)
    pools = [exact_distances(pool, pool) for pool in np.concatenate([real, fake], axis=1)]
    return _Blocks(pools=pools, size=size, real=real, fake=fake)


def measure(comparison: Comparison, /, *, rng: np.random.Generator, p: float = 1.0, block: int = 100) -> Measurement:
    """Measure ``W_N``, an upper bound of W in expectation, with its bracket and its permutation null at the same N.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
        Deals the rows to blocks.
    p : float
        At least 1.
    block : int
        Rows per side of a block, N; fewer where half of the real or all of the fake rows are fewer.
    """
    _require_power(p)
    if block < 1:
        raise ConfigError("`block` must be at least 1", received=block, remedy="Use 100.")
    blocks = _blocks(comparison, block, rng)
    largest = max(float(pool.max()) for pool in blocks.pools) or 1.0
    costs = [(pool / largest) ** p for pool in blocks.pools]

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        distances = _mean_costs(costs, labels) ** (1.0 / p)
        return np.stack([distances * largest, distances])

    # Certified once by a second solver, then by assignment alone: both are exact.
    plans = [exact_transport(cost[: blocks.size, blocks.size :]) for cost in costs]
    across = np.array([plan.cost for plan in plans])
    ends = bracket(across, _within(blocks, p, largest), p=p, unit=largest, level=_LEVEL)
    interval = _interval(ends, len(across))
    sizes = _by_size(comparison, blocks.size, ends, rng=rng, p=p, unit=largest)
    reasons = {"e_value": "not a sequential test"}
    if interval is None:
        reasons["interval"] = f"one block of {blocks.size} rows per side has no spread: two or more are needed"
    is_real = np.tile(np.arange(2 * blocks.size) < blocks.size, len(costs))
    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(
            observed=is_real,
            statistic=statistic,
            draws=_DRAWS,
            strata=np.repeat(np.arange(len(costs)), 2 * blocks.size) if len(costs) > 1 else None,
        ),
        interval=interval,
        reasons=reasons,
        details={"p": float(p), "block_size": blocks.size, "blocks": len(costs), **ends.as_details()}
        | {"debiased_w2_squared": _debiased(blocks), "largest_gap": _largest_gap(plans)},
        arrays={"w_per_block": largest * across ** (1.0 / p)} | ({"by_size": sizes} if len(sizes) else {}),
    )


def _mean_costs(costs: list[Matrix], labels: NDArray[np.bool_]) -> Matrix:
    """Average the exact cost over the blocks for every column, whose blocks hold as many real rows as fake ones."""
    total = np.zeros(labels.shape[1])
    for cost, part in zip(costs, np.split(labels, len(costs)), strict=True):
        for b, column in enumerate(part.T):
            total[b] += assignment_cost(cost[np.ix_(column, ~column)])
    return total / len(costs)


def _within(blocks: _Blocks, p: float, largest: float) -> tuple[Matrix, Matrix]:
    """Transport between disjoint pairs of blocks of one side, in units of ``largest ** p``."""
    real, fake = (
        np.array([exact_transport(_costs(a, b, p, largest)).cost for a, b in zip(side[::2], side[1::2], strict=False)])
        for side in (blocks.real, blocks.fake)
    )
    return real, fake


def _by_size(
    comparison: Comparison, size: int, ends: Bracket, *, rng: np.random.Generator, p: float, unit: float
) -> Matrix:
    """Bracket the distance with blocks of several sizes, each of its own deal but for ``size``, whose ends are known.

    Returns
    -------
    ndarray, shape (S, 7)
        Rows per side of a block, the upper end and its bound, the lower end and its bound, and what blocks of real and
        of fake score within their side. Bounds hold together at one size, not over the sizes.
    """
    found = []
    for each in sorted({max(1, round(share * size)) for share in _SIZES}):
        if min(comparison.n, comparison.m) < _FEWEST_BLOCKS * each:
            break
        at = ends if each == size else _ends_at(_dealt(comparison, each, rng), p, unit)
        values = (at.upper, at.confident_upper, at.lower, at.confident_lower, at.real_real, at.fake_fake)
        found.append([float(each), *(float(value) for value in values if value is not None)])
    return np.array(found).reshape(-1, 7)


def _ends_at(dealt: tuple[Matrix, Matrix], p: float, unit: float) -> Bracket:
    real, fake = dealt
    across, *within = (
        np.array([assignment_cost(_costs(a, b, p, unit)) for a, b in zip(left, right, strict=False)])
        for left, right in ((real, fake), (real[::2], real[1::2]), (fake[::2], fake[1::2]))
    )
    return bracket(across, (within[0], within[1]), p=p, unit=unit, level=_LEVEL)


def _costs(a: Matrix, b: Matrix, p: float, largest: float) -> Matrix:
    out: Matrix = (exact_distances(a, b) / largest) ** p
    return out


def _interval(ends: Bracket, blocks: int) -> Interval | None:
    if ends.confident_upper is None:
        return None
    return Interval.of(
        ends.ends,
        level=_LEVEL,
        method=f"bracket of expectations over {blocks} disjoint blocks, t-margins joined by the union bound",
        sided="upper" if ends.confident_lower is None else "two-sided",
    )


def _largest_gap(plans: list[Transport]) -> float:
    """Find the worst certificate, as a share of the largest cost."""
    return max(0.0, *(plan.gap for plan in plans))


def _debiased(blocks: _Blocks) -> float | None:
    if len(blocks.real) < 2:
        return None
    largest = max(float(pool.max()) for pool in blocks.pools) or 1.0
    across = [assignment_cost(_costs(a, b, 2.0, largest)) for a, b in zip(blocks.real, blocks.fake, strict=True)]
    within = [
        np.mean([assignment_cost(_costs(a, b, 2.0, largest)) for a, b in zip(side[::2], side[1::2], strict=False)])
        for side in (blocks.real, blocks.fake)
    ]
    return float(largest**2 * (np.mean(across) - np.mean(within)))


METRIC = MetricSpec(
    name="wasserstein",
    title="Wasserstein distance",
    summary="The least work that turns fake into real, bracketed from both sides.",
    measure=measure,
    kind="upper_bound",
    direction="lower",
    unit="feature units",
    low=0.0,
    high=None,
    family="distribution",
    topic="transport",
    symmetric=False,
    scale_invariant=False,
    zero_on_equal=False,
    min_real=2,
    min_fake=1,
    most_rows=1000,
    sees="every difference of laws, in units of the data",
    blind_to="small differences in high dimension, where its floor falls only as N^(-1/d)",
    cost="O((n / N) (N^2 d + N^3 B)), N = 100",
    source="Fournier & Guillin 2015, theorem 1; permutation null within blocks",
)
