"""Which solver finds an exact transport distance soonest, and the certificate of each.

Measured for n = m (seconds, two cores; see `benchmarks/transport.py`): the network simplex of POT is the fastest in few
dimensions, the Jonker-Volgenant algorithm of `lap` (the extra `speed`) in many and for equal sizes, and POT's lazy
simplex needs under 1 % of the memory for 1.4 to 1.8 times the time in few dimensions. All are exact.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import ConfigError, MissingExtra
from gandiag.numerics.distances import crossed_distances, exact_distances
from gandiag.numerics.transport import GAP_TOLERANCE, exact_transport, require_optimal, wasserstein_1d

Matrix = NDArray[np.float64]

# Bytes of POT's network simplex for one pair of rows, and how many may be asked for before the lazy one takes over.
_BYTES_PER_PAIR = 40
MOST_BYTES = 2 * 2**30
_MANY_COLUMNS, _MANY_ROWS = 32, 1000
_ELEMENTS_AT_ONCE = 2**22
_GATHERED = 2**17  # entries that stay in a core's cache
_DUAL_ROUNDS = 1000
_ITERATIONS = 10_000_000
_LAZY_METRICS = {1.0: "euclidean", 2.0: "sqeuclidean"}


@dataclass(frozen=True, kw_only=True)
class ExactDistance:
    """An exact transport distance and what vouches for it.

    Attributes
    ----------
    distance : float
        ``W_p``, in the units of the samples.
    p : float
    solver : {"sort", "simplex", "lazy", "assignment"}
    gap : float or None
        Cost of the plan minus the value of a feasible dual, in units of the largest cost; at most
        ``1e-8 (1 + cost)`` where certified.
    certified : bool
    reason : str or None
        Why it is not certified.
    """

    distance: float
    p: float
    solver: str
    gap: float | None
    certified: bool
    reason: str | None = None


def exact_wasserstein(
    real: Matrix, fake: Matrix, p: float = 1.0, *, solver: str | None = None, most_bytes: int = MOST_BYTES
) -> ExactDistance:
    """Find the exact p-Wasserstein distance between two samples by the solver that suits their shape.

    Parameters
    ----------
    real : ndarray, shape (n, d)
    fake : ndarray, shape (m, d)
    p : float
        At least 1.
    solver : {"sort", "simplex", "lazy", "assignment"}, optional
        "sort" needs d = 1, "lazy" p = 1 or 2, "assignment" n = m and the extra `speed`. Chosen by shape where absent.
    most_bytes : int
        Memory that the network simplex may take before the lazy one is chosen.

    Raises
    ------
    NotConverged
        When the solver did not finish, or its plan is not optimal.
    ConfigError, MissingExtra
        For a solver that does not suit.

    Notes
    -----
    O(n^3) time for all but "sort"; minutes beyond 8000 rows.
    """
    if not 1.0 <= p < np.inf:
        raise ConfigError("`p` must be at least 1 and finite", received=p, remedy="Use p=1 or p=2.")
    name = solver or suited_solver(len(real), len(fake), real.shape[1], p, most_bytes=most_bytes)
    if name not in _SOLVERS:
        raise ConfigError("`solver` must exist", received=name, remedy=f"Use one of {', '.join(_SOLVERS)}.")
    return _SOLVERS[name](real, fake, p)


def suited_solver(n: int, m: int, d: int, p: float, *, most_bytes: int = MOST_BYTES) -> str:
    """Choose the fastest solver for the shape at hand that fits the memory."""
    if d == 1:
        return "sort"
    if n == m and n >= _MANY_ROWS and d >= _MANY_COLUMNS and find_spec("lap") is not None:
        return "assignment"
    if _BYTES_PER_PAIR * n * m > most_bytes and p in _LAZY_METRICS:
        return "lazy"
    return "simplex"


def _sort(real: Matrix, fake: Matrix, p: float) -> ExactDistance:
    if real.shape[1] != 1:
        raise ConfigError("sorting needs one column", received=real.shape[1], remedy="Use another solver.")
    distance = wasserstein_1d(real[:, 0], fake[:, 0], p) ** (1.0 / p)
    return ExactDistance(distance=distance, p=p, solver="sort", gap=0.0, certified=True)


def _simplex(real: Matrix, fake: Matrix, p: float) -> ExactDistance:
    costs, largest = _scaled_costs(real, fake, p)
    found = exact_transport(costs, iterations=_ITERATIONS)
    return ExactDistance(
        distance=largest * found.cost ** (1.0 / p), p=p, solver="simplex", gap=found.gap, certified=True
    )


def _scaled_costs(real: Matrix, fake: Matrix, p: float) -> tuple[Matrix, float]:
    """Compute the costs in units of the largest, which is returned as a distance."""
    costs = (crossed_distances if real.shape[1] >= _MANY_COLUMNS else exact_distances)(real, fake)
    largest = float(costs.max()) or 1.0
    costs /= largest
    return (costs if p == 1.0 else np.power(costs, p, out=costs)), largest


def _lazy(real: Matrix, fake: Matrix, p: float) -> ExactDistance:
    """Solve without a cost matrix; the certificate is checked in tiles of rows."""
    import ot

    if p not in _LAZY_METRICS:
        raise ConfigError("the lazy simplex needs p = 1 or 2", received=p, remedy="Use another solver.")
    centre = real.mean(axis=0)
    reach = max(float(np.abs(side - centre).max()) for side in (real, fake)) or 1.0
    a, b = (real - centre) / reach, (fake - centre) / reach
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the solver warns where we raise
        _, log = ot.emd2_lazy(a, b, metric=_LAZY_METRICS[p], numItermax=_ITERATIONS, log=True)
    plan = log["G"].tocoo()
    primal = float(plan.data @ np.linalg.norm(a[plan.row] - b[plan.col], axis=1) ** p)
    marginal = max(_off_uniform(plan.row, plan.data, len(a)), _off_uniform(plan.col, plan.data, len(b)))
    u, v = np.asarray(log["u"]), np.asarray(log["v"])
    worst = max(float((u[i, None] + v[None, :] - costs).max()) for i, costs in _tiles(a, b, p))
    largest = max(float(costs.max()) for _, costs in _tiles(a, b, p)) or 1.0
    gap = (primal - float(u.mean() + v.mean()) + max(0.0, worst)) / largest
    require_optimal(int(log["result_code"]), primal / largest, gap, marginal)
    return ExactDistance(distance=reach * primal ** (1.0 / p), p=p, solver="lazy", gap=gap, certified=True)


def _off_uniform(rows: NDArray[np.int64], mass: Matrix, count: int) -> float:
    return float(np.abs(np.bincount(rows, mass, count) - 1.0 / count).max())


def _tiles(a: Matrix, b: Matrix, p: float):  # type: ignore[no-untyped-def]
    step = max(1, _ELEMENTS_AT_ONCE // len(b))
    for start in range(0, len(a), step):
        rows = slice(start, start + step)
        yield rows, exact_distances(a[rows], b) ** p


def _assignment(real: Matrix, fake: Matrix, p: float) -> ExactDistance:
    """Match by the Jonker-Volgenant algorithm, and recover the dual that it does not return."""
    if len(real) != len(fake):
        raise ConfigError(
            "an assignment needs as many rows on both sides",
            received=f"{len(real)} and {len(fake)}",
            remedy="Use solver='simplex'.",
        )
    if find_spec("lap") is None:
        raise MissingExtra("solver 'assignment' needs the package lap", remedy="Install gandiag[speed].")
    import lap

    costs, largest = _scaled_costs(real, fake, p)
    _, columns, _ = lap.lapjv(costs)
    columns = np.asarray(columns, dtype=np.int64)
    primal = float(costs[np.arange(len(costs)), columns].mean())
    gap, settled = assignment_gap(costs, columns)
    is_matching = bool((np.bincount(columns, minlength=len(costs)) == 1).all())
    if settled or not is_matching:
        require_optimal(1, primal, gap, 0.0 if is_matching else 1.0)
    certified = gap <= GAP_TOLERANCE * (1.0 + primal)
    return ExactDistance(
        distance=largest * primal ** (1.0 / p),
        p=p,
        solver="assignment",
        gap=gap if certified else None,
        certified=certified,
        reason=None if certified else f"the dual of the matching did not settle in {_DUAL_ROUNDS} rounds",
    )


def assignment_gap(costs: Matrix, columns: NDArray[np.int64], *, rounds: int = _DUAL_ROUNDS) -> tuple[float, bool]:
    """Bound how far a matching is from the best, by a dual found from the matching alone.

    Parameters
    ----------
    costs : ndarray, shape (n, n)
    columns : ndarray of int, shape (n,)
        The column of each row.
    rounds : int
        Most rounds of relaxation.

    Returns
    -------
    gap : float
        Mean cost of the matching minus the value of a feasible dual, at least 0 up to rounding: valid whether or not
        the relaxation settled.
    settled : bool
        Whether it did; with a gap it then proves the matching not to be the best.

    Notes
    -----
    Prices ``v_j <= c_ij - c_i,s(i) + v_s(i)`` are shortest paths in the exchange graph (Bellman-Ford), which exist
    exactly when no cycle of exchanges pays, that is when the matching is the best. A round looks only at rows whose
    own column became cheaper in the last one: the first costs O(n^2), the later ones far less.
    """
    matched = costs[np.arange(len(costs)), columns]
    prices = costs.min(axis=0)
    moved = np.arange(len(costs))
    for _ in range(rounds):
        relaxed = _least_per_column(costs, prices[columns] - matched, moved, prices)
        moved = np.flatnonzero((prices - relaxed)[columns] > 1e-15)
        prices = relaxed
        if not moved.size:
            break
    rents = _least_per_row(costs, prices)
    return float(matched.mean() - rents.mean() - prices.mean()), not moved.size


def _least_per_column(costs: Matrix, offsets: Matrix, rows: NDArray[np.int64], most: Matrix) -> Matrix:
    """Find the least of ``costs + offsets`` over some rows, at most ``most``."""
    step = max(1, _GATHERED // costs.shape[1])
    out = most.copy()
    for i in range(0, len(rows), step):
        some = costs[rows[i : i + step]]
        some += offsets[rows[i : i + step], None]
        np.minimum(out, some.min(axis=0), out=out)
    return out


def _least_per_row(costs: Matrix, prices: Matrix) -> Matrix:
    step = max(1, _ELEMENTS_AT_ONCE // costs.shape[1])
    return np.concatenate([(costs[i : i + step] - prices).min(axis=1) for i in range(0, len(costs), step)])


_SOLVERS: Mapping[str, Callable[[Matrix, Matrix, float], ExactDistance]] = {
    "sort": _sort,
    "simplex": _simplex,
    "lazy": _lazy,
    "assignment": _assignment,
}
