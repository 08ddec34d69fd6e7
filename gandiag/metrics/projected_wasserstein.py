"""Projected Wasserstein distance: exact transport in random planes, averaged over the planes.

``PW_p^p = E_V W_p^p(V' # P, V' # Q)`` over orthonormal frames V of k columns (Paty & Cuturi 2019, "Subspace robust
Wasserstein distances", section 2; Lin et al. 2021, "On projection robust optimal transport", for the mean over frames:
integral projection robust Wasserstein, definition 2.3). A projection is 1-Lipschitz, so ``PW_p <= W_p``; a shift by
delta reads ``PW_2 = sqrt(k / d) |delta|``. With k = 2 it sees what needs a plane, which no single line shows, and its
floor falls as fast as that of the plane, not of the space.

Exact transport grows with the cube of the rows, so it is taken between blocks of N rows, each with frames of its own,
and the floor is that of the same N. The interval is the bracket of `wasserstein`, which holds for the mean over frames
as well: its lower end bounds ``W_p`` itself, its upper end the projected distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.core.comparison import Comparison
from gandiag.core.results import Interval, Measurement, Relabelling
from gandiag.core.specs import MetricSpec
from gandiag.errors import ConfigError
from gandiag.numerics.backend import Array, beside, namespace, on_host
from gandiag.numerics.bracket import Bracket, bracket
from gandiag.numerics.distances import exact_distances
from gandiag.numerics.halves import taken
from gandiag.numerics.solvers import exact_wasserstein
from gandiag.numerics.transport import assignment_cost

Matrix = NDArray[np.float64]

_LEVEL = 0.95
_DRAWS = 999
_FRAMES, _ROWS = 8, 50


def random_frames(d: int, k: int, count: int, rng: np.random.Generator) -> Matrix:
    """Draw orthonormal frames, uniform on the Stiefel manifold, shape (count, d, min(k, d))."""
    q, r = np.linalg.qr(rng.standard_normal((count, d, min(k, d))))
    out: Matrix = q * np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    return out


def projected_wasserstein_distance(real: Array, fake: Array, frames: Matrix, p: float = 2.0) -> float:
    """Compute ``PW_p`` over given frames, by exact transport within each.

    Parameters
    ----------
    real : array, shape (n, d)
    fake : array, shape (m, d)
        NumPy arrays, or torch tensors on one device, where they are projected; sizes may differ.
    frames : ndarray, shape (F, d, k)
        Orthonormal columns.
    p : float
        At least 1.

    Returns
    -------
    float
        In the units of the samples; at least 0, lower is better; never above ``W_p``.

    Raises
    ------
    NotConverged
        When a plan cannot be certified.

    Notes
    -----
    Cost O(F (n + m)^3) time: for some thousands of rows at most.

    Examples
    --------
    >>> import numpy as np
    >>> real = np.random.default_rng(0).normal(size=(20, 3))
    >>> round(projected_wasserstein_distance(real, real + [0, 2, 0], np.eye(3)[None, :, :2]), 6)
    2.0
    """
    powers = []
    for frame in frames:
        near = beside(frame, real)
        found = exact_wasserstein(on_host(real @ near), on_host(fake @ near), p)
        powers.append(found.distance**p)
    return float(np.mean(powers) ** (1.0 / p))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Blocks:
    """Projected costs of paired blocks, in units of the largest distance to the power p.

    Attributes
    ----------
    costs : list of list of ndarray, shape (2N, 2N)
        For every block, for each of its frames: real rows first.
    within : pair of ndarray
        Transport between disjoint pairs of blocks of one side, in the frames of the first.
    size : int
        N.
    unit : float
    """

    costs: list[list[Matrix]]
    within: tuple[Matrix, Matrix]
    size: int
    unit: float


def _blocks(comparison: Comparison, rng: np.random.Generator, p: float, k: int, frames: int, block: int) -> _Blocks:
    pool, _ = comparison.pooled_near()
    pool = pool - namespace(pool).mean(pool, axis=0)
    size = min(block, max(1, comparison.n // 2), comparison.m)
    count = min(comparison.n // size, comparison.m // size)
    dealt = [
        on_host(taken(pool, start + rng.permutation(rows)[: count * size])).reshape(count, size, -1)
        for start, rows in ((0, comparison.n), (comparison.n, comparison.m))
    ]
    each = max(1, -(-frames // count))
    axes = random_frames(comparison.d, k, count * each, rng).reshape(count, each, comparison.d, -1)
    pools = np.concatenate(dealt, axis=1)
    distances = [[exact_distances(rows @ v, rows @ v) for v in some] for rows, some in zip(pools, axes, strict=True)]
    unit = max(float(found.max()) for some in distances for found in some) or 1.0

    def between(side: Matrix) -> Matrix:
        pairs = zip(side[::2], side[1::2], axes[::2], strict=False)
        return np.array(
            [
                np.mean([assignment_cost((exact_distances(a @ v, b @ v) / unit) ** p) for v in some])
                for a, b, some in pairs
            ]
        )

    costs = [[(found / unit) ** p for found in some] for some in distances]
    return _Blocks(costs=costs, within=(between(dealt[0]), between(dealt[1])), size=size, unit=unit)


def measure(
    comparison: Comparison,
    /,
    *,
    rng: np.random.Generator,
    p: float = 2.0,
    k: int = 2,
    frames: int = _FRAMES,
    block: int = _ROWS,
) -> Measurement:
    """Measure ``PW_p`` between blocks of N rows, with its bracket and its permutation null at the same N.

    Parameters
    ----------
    comparison : Comparison
    rng : numpy.random.Generator
        Deals the rows to blocks and draws the frames.
    p : float
        At least 1.
    k : int
        Columns of a frame; at most those of the data.
    frames : int
        Fewest frames over all blocks; every block has at least one of its own.
    block : int
        Rows per side of a block, N; fewer where half of the real or all of the fake rows are fewer.
    """
    _require(p, k, frames, block)
    blocks = _blocks(comparison, rng, p, k, frames, block)

    def statistic(labels: NDArray[np.bool_]) -> Matrix:
        distances = _per_block(blocks.costs, labels).mean(axis=0) ** (1.0 / p)
        return np.stack([distances * blocks.unit, distances])

    is_real = np.tile(np.arange(2 * blocks.size) < blocks.size, len(blocks.costs))
    across = _per_block(blocks.costs, is_real[:, None])[:, 0]
    ends = bracket(across, blocks.within, p=p, unit=blocks.unit, level=_LEVEL)
    interval = _interval(ends, len(across))
    reasons = {"e_value": "not a sequential test"}
    if interval is None:
        reasons["interval"] = f"one block of {blocks.size} rows per side has no spread: two or more are needed"
    return Measurement(
        estimate=float(statistic(is_real[:, None])[0, 0]),
        null=Relabelling(
            observed=is_real,
            statistic=statistic,
            draws=_DRAWS,
            strata=np.repeat(np.arange(len(across)), 2 * blocks.size) if len(across) > 1 else None,
        ),
        interval=interval,
        reasons=reasons,
        details={
            "p": float(p),
            "k": min(k, comparison.d),
            "frames": sum(len(some) for some in blocks.costs),
            "block_size": blocks.size,
            "blocks": len(across),
            "in_full_dimension": ends.upper * float(np.sqrt(comparison.d / min(k, comparison.d))),
            **ends.as_details(),
        },
        arrays={"w_per_block": blocks.unit * across ** (1.0 / p)},
    )


def _require(p: float, k: int, frames: int, block: int) -> None:
    if not 1.0 <= p < np.inf:
        raise ConfigError("`p` must be at least 1 and finite", received=p, remedy="Use p=1 or p=2.")
    for name, value, usual in (("k", k, 2), ("frames", frames, _FRAMES), ("block", block, _ROWS)):
        if value < 1:
            raise ConfigError(f"`{name}` must be at least 1", received=value, remedy=f"Use {usual}.")


def _per_block(costs: list[list[Matrix]], labels: NDArray[np.bool_]) -> Matrix:
    """Average the exact cost over the frames of every block for every column, shape (blocks, B)."""
    parts = np.split(labels, len(costs))
    return np.array(
        [
            [np.mean([assignment_cost(cost[np.ix_(column, ~column)]) for cost in some]) for column in part.T]
            for some, part in zip(costs, parts, strict=True)
        ]
    )


def _interval(ends: Bracket, blocks: int) -> Interval | None:
    if ends.confident_upper is None:
        return None
    return Interval.of(
        ends.ends,
        level=_LEVEL,
        method=f"bracket of expectations over {blocks} blocks and their frames, t-margins joined by the union bound",
        sided="upper" if ends.confident_lower is None else "two-sided",
    )


METRIC = MetricSpec(
    name="projected_wasserstein",
    title="Projected Wasserstein distance",
    summary="How far fake mass must move within random planes, on average: what no single line shows.",
    measure=measure,
    kind="estimate",
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
    default=False,
    sees="differences of shape within planes, shifts and changes of scale, at a floor that does not grow with d",
    blind_to="differences along few of many dimensions, which the average over planes dilutes",
    cost="O(max(F, n / N) (N^2 d + N^3 B)), F = 8, N = 50",
    source="Lin et al. 2021, On projection robust optimal transport, definition 2.3; permutation null within blocks",
)
