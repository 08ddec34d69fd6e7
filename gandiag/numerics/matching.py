"""Minimum-weight perfect matching of a complete graph: pairs of rows with the least total distance.

Linear programming with cutting planes and prices (Grötschel & Holland 1985, "Solving matching problems with linear
programming"): few edges are kept, odd sets that a fractional solution overfills are cut off (Edmonds 1965, "Maximum
matching and a polyhedron with 0,1-vertices": with all of these cuts the programme is whole-numbered), and edges that
the dual prices show to be too dear to leave out are added. It ends with a proof: a matching that no edge and no odd set
can better. Where the cuts that were found do not suffice, branch and bound on the kept edges closes the gap, and edges
are priced against it. The solver is HiGHS, through scipy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import NumericalError, TooFewSamplesError
from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.graphs import Nodes

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Edges = NDArray[np.int64]

_NEIGHBOURS = 10
_ROUNDS, _CUTTING = 120, 80
# Shares of an edge within this of a whole number are whole; the solver's own tolerance is 1e-7.
_WHOLE = 1e-6


def minimum_matching(distances: Matrix) -> Edges:
    """Pair all points so that the sum of distances within pairs is least.

    Parameters
    ----------
    distances : ndarray, shape (N, N)
        Symmetric, at least 0; N even.

    Returns
    -------
    ndarray of int, shape (N / 2, 2)
        Pairs, each ascending, in ascending order. Where several matchings are best, which of them comes depends on the
        order of the points.

    Raises
    ------
    TooFewSamplesError
        For an odd number of points, or none.
    NumericalError
        Where the solver gives up.

    Notes
    -----
    About a second for 600 points. `networkx` needs minutes for as many.

    Examples
    --------
    >>> x = np.array([0.0, 10.0, 1.0, 11.5])
    >>> minimum_matching(np.abs(x[:, None] - x)).tolist()
    [[0, 2], [1, 3]]
    """
    size = len(distances)
    if size < 2 or size % 2:
        raise TooFewSamplesError("a perfect matching needs an even number of points", received=size, remedy="Drop one.")
    scale = float(distances.max())
    if scale == 0.0:
        return np.arange(size, dtype=np.int64).reshape(-1, 2)
    problem = _Programme(distances / scale)
    for turn in range(_ROUNDS):
        shares, value = problem.solve()
        if problem.price():
            continue
        fractional = np.abs(shares - np.rint(shares)) > _WHOLE
        if not fractional.any():
            return _pairs(problem.edges[shares > 0.5])
        if turn < _CUTTING and problem.cut(shares):
            continue
        chosen, whole_value = problem.branch()
        if not problem.price(gap=whole_value - value):
            return _pairs(problem.edges[chosen])
    raise NumericalError(
        "the matching was not found within its rounds", received=f"{size} points", remedy="Give fewer rows."
    )


def matched_rows(pool: Matrix, rng: np.random.Generator) -> Edges:
    """Pair the rows of a pool so that the sum of Euclidean distances within pairs is least.

    Parameters
    ----------
    pool : ndarray, shape (N, d)
        N even.
    rng : numpy.random.Generator
        Tells equal rows apart; nothing else is drawn, so the pairs know nothing of the order of the pool.

    Returns
    -------
    ndarray of int, shape (N / 2, 2)

    Notes
    -----
    Equal rows are paired with each other first, which never costs: if two of them were matched with a and b, then
    ``|a - b|`` is at most the sum of both distances.
    """
    nodes = Nodes.of(pool)
    order = rng.permutation(len(pool))
    order = order[np.argsort(nodes.group[order], kind="stable")]
    rank = np.arange(len(pool)) - (np.cumsum(nodes.counts) - nodes.counts)[nodes.group[order]]
    alone = (rank == nodes.counts[nodes.group[order]] - 1) & (rank % 2 == 0)
    equal: Edges = order[~alone].reshape(-1, 2)
    left = order[alone]
    if not len(left):
        return equal
    return np.concatenate([equal, left[minimum_matching(pooled_distances(pool[left]))]])


def _pairs(edges: Edges) -> Edges:
    found: Edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
    return found


class _Programme:
    """The linear programme as it grows: kept edges, odd sets cut off, dual prices of the last solution."""

    def __init__(self, distances: Matrix) -> None:
        self.distances = distances
        self.size = len(distances)
        self.edges = _near_edges(distances)
        self.sets: list[Index] = []
        self.clusters = _odd_clusters(distances)
        self.reduced = distances

    def _matrices(self) -> tuple[Any, Any, Vector]:
        from scipy.sparse import csr_array

        count = len(self.edges)
        ones, column = np.ones(2 * count), np.repeat(np.arange(count), 2)
        degree = csr_array((ones, (self.edges.ravel(), column)), shape=(self.size, count))
        inside = np.zeros((len(self.sets), count))
        for row, members in enumerate(self.sets):
            flag = self._flag(members)
            inside[row] = flag[self.edges[:, 0]] & flag[self.edges[:, 1]]
        return degree, csr_array(inside), np.array([(len(members) - 1) / 2.0 for members in self.sets])

    def _flag(self, members: Index) -> NDArray[np.bool_]:
        flag = np.zeros(self.size, dtype=bool)
        flag[members] = True
        return flag

    def solve(self) -> tuple[Vector, float]:
        """Solve the programme, keep its reduced costs of all edges, and return shares of kept edges and the value."""
        from scipy.optimize import linprog

        degree, inside, most = self._matrices()
        cost = self.distances[self.edges[:, 0], self.edges[:, 1]]
        limits = {"A_ub": inside, "b_ub": most} if self.sets else {}
        # No upper bound is needed: the degrees keep every share at most 1, and its price would hide in the bound.
        found = linprog(cost, A_eq=degree, b_eq=np.ones(self.size), bounds=(0, None), method="highs", **limits)
        _require_solved(found)
        prices = found.eqlin.marginals
        self.reduced = self.distances - prices[:, None] - prices[None, :]
        if self.sets:
            for members, price in zip(self.sets, found.ineqlin.marginals, strict=True):
                self.reduced[np.ix_(members, members)] -= price
        return found.x, float(found.fun)

    def price(self, gap: float = 0.0) -> bool:
        """Add edges that could better the solution by more than rounding; tell whether there were any."""
        left = np.triu(np.ones((self.size, self.size), dtype=bool), 1)
        left[self.edges[:, 0], self.edges[:, 1]] = False
        i, j = np.nonzero(left & (self.reduced < gap - 1e-9))
        if not len(i):
            return False
        # The cheapest first: most of the others are no bargain any more once these are in.
        best = np.argsort(self.reduced[i, j], kind="stable")[: 2 * self.size if gap == 0.0 else None]
        self.edges = np.concatenate([self.edges, np.stack([i[best], j[best]], axis=1)])
        return True

    def cut(self, shares: Vector) -> bool:
        """Cut off odd sets that hold more than half of their points in pairs; tell whether any was found.

        Looked for among the clusters of the points and the connected parts of the solution.
        """
        known = {tuple(members) for members in self.sets}
        used = shares > 0.0
        a, b = self.edges[used].T
        held = (self.clusters[:, a] & self.clusters[:, b]) @ shares[used]
        over = held > (self.clusters.sum(axis=1) - 1) / 2.0 + _WHOLE
        found = [np.flatnonzero(flag) for flag in self.clusters[over]]
        for least in (_WHOLE, 0.3, 0.45):
            parts = _components(self.size, self.edges[shares > least])
            found += [part for part in parts if self._overfull(part, shares)]
        new = {tuple(members): members for members in found if tuple(members) not in known}
        self.sets += new.values()
        return bool(new)

    def _overfull(self, members: Index, shares: Vector) -> bool:
        if len(members) % 2 == 0 or len(members) < 3:
            return False
        flag = self._flag(members)
        held = shares[flag[self.edges[:, 0]] & flag[self.edges[:, 1]]].sum()
        return bool(held > (len(members) - 1) / 2.0 + _WHOLE)

    def branch(self) -> tuple[NDArray[np.bool_], float]:
        """Solve the kept edges in whole numbers."""
        from scipy.optimize import Bounds, LinearConstraint, milp

        degree, inside, most = self._matrices()
        limits = [LinearConstraint(degree, 1.0, 1.0)]
        if self.sets:
            limits.append(LinearConstraint(inside, -np.inf, most))
        cost = self.distances[self.edges[:, 0], self.edges[:, 1]]
        found = milp(
            cost,
            integrality=np.ones(len(cost)),
            bounds=Bounds(0, 1),
            constraints=limits,
            options={"mip_rel_gap": 0.0},
        )
        _require_solved(found)
        return found.x > 0.5, float(found.fun)


def _require_solved(found: Any) -> None:
    if found.status != 0:
        raise NumericalError(
            "the solver found no best matching", received=found.message, remedy="Bring the samples to moderate units."
        )


def _near_edges(distances: Matrix) -> Edges:
    """Keep each point's nearest neighbours, and one perfect matching so that there always is a solution."""
    size = len(distances)
    kept = min(_NEIGHBOURS, size - 1)
    others = distances + np.diag(np.full(size, np.inf))
    near = np.argpartition(others, kept - 1, axis=1)[:, :kept]
    i = np.concatenate([np.repeat(np.arange(size), kept), np.arange(0, size, 2)])
    j = np.concatenate([near.ravel(), np.arange(1, size, 2)])
    found: Edges = np.unique(np.stack([np.minimum(i, j), np.maximum(i, j)], axis=1), axis=0)
    return found


def _components(size: int, edges: Edges) -> list[Index]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(size, size))
    _, part = connected_components(graph, directed=False)
    order = np.argsort(part, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(part[order])) + 1)


def _odd_clusters(distances: Matrix) -> NDArray[np.bool_]:
    """Flag the members of every cluster of odd size that single linkage forms: one of each must leave its group."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    size = len(distances)
    if size == 2:
        return np.zeros((0, 2), dtype=bool)
    flags = np.zeros((2 * size - 1, size), dtype=bool)
    flags[np.arange(size), np.arange(size)] = True
    for step, (a, b) in enumerate(linkage(squareform(distances, checks=False), "single")[:, :2].astype(np.int64)):
        flags[size + step] = flags[a] | flags[b]
    members = flags.sum(axis=1)
    odd: NDArray[np.bool_] = flags[(members % 2 == 1) & (members > 1)]
    return odd
