"""Graphs on a pooled sample: neighbours, the minimum spanning tree, the best matching. None of them looks at labels.

Equal rows are one node that several rows share. What a graph then says about labels is the mean over every way of
telling equal rows apart, so duplicates neither depend on the order of the rows nor favour a side; edges of one length
between different rows are taken in the lexicographic order of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.neighbours import TIE, exact_squares, local_tiles, require_neighbours

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Labels = NDArray[np.bool_]

# Candidates beyond k whose distances are measured again: rounding moves a neighbour by a few places at most.
_SPARE = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Nodes:
    """The distinct rows of a pool.

    Attributes
    ----------
    rows : ndarray, shape (u, d)
        In lexicographic order.
    group : ndarray of int, shape (N,)
        The node of each pooled row.
    counts : ndarray of int, shape (u,)
        How many pooled rows share each node.
    """

    rows: Matrix
    group: Index
    counts: Index

    @classmethod
    def of(cls, pool: Matrix) -> Nodes:
        """Collect the distinct rows of a pool, shape (N, d)."""
        rows, group, counts = np.unique(pool, axis=0, return_inverse=True, return_counts=True)
        return cls(rows=rows, group=group.reshape(-1).astype(np.int64), counts=counts.astype(np.int64))

    def real_counts(self, labels: Labels) -> Matrix:
        """Count the real rows of each node for each column of labels, shape (u, B)."""
        from scipy.sparse import csr_array

        total = len(self.group)
        member = csr_array((np.ones(total), (self.group, np.arange(total))), shape=(len(self.rows), total))
        found: Matrix = member @ labels.astype(np.float64)
        return found


@dataclass(frozen=True, kw_only=True, eq=False)
class NeighbourGraph:
    """The k nearest neighbours of every pooled row, those tied for the last places sharing them equally.

    Attributes
    ----------
    nodes : Nodes
    k : int
    weights : sparse array, shape (u, u)
        ``weights[a, b]``: how much of one neighbour each row of node b is to a row of node a, in [0, 1]. Every row has
        k neighbours in all.
    """

    nodes: Nodes
    k: int
    weights: Any

    def same_side(self, labels: Labels) -> Vector:
        """Count ordered pairs (row, neighbour) of one side, for each column of labels (N, B), shape (B,)."""
        real = self.nodes.real_counts(labels)
        alone = self.weights.diagonal()
        # A row is no neighbour of itself: within a node of r real rows there are r (r - 1) ordered pairs.
        within = np.einsum("ub,ub->b", real, self.weights @ real) - alone @ real
        received = self.weights.T @ self.nodes.counts - alone
        total = len(self.nodes.group)
        out: Vector = 2.0 * within + self.k * (total - labels.sum(axis=0)) - received @ real
        return out

    def real_share(self, labels: Labels) -> Vector:
        """Share real rows among the neighbours of each pooled row, shape (N,) for labels of that shape."""
        real = self.nodes.real_counts(labels[:, None])[:, 0]
        mine = self.weights.diagonal()[self.nodes.group] * labels
        out: Vector = ((self.weights @ real)[self.nodes.group] - mine) / self.k
        return out


def neighbour_graph(pool: Matrix, k: int) -> NeighbourGraph:
    """Find the k nearest neighbours of every row, itself excluded.

    Parameters
    ----------
    pool : ndarray, shape (N, d)
    k : int
        From 1 to N - 1.

    Raises
    ------
    ConfigError
        When ``k`` is below 1.
    TooFewSamplesError
        When there are no k other rows.

    Notes
    -----
    Cost O(N^2 d) time in tiles. Where more rows lie at the k-th distance than there are places left, the places are
    shared: a row of three equidistant neighbours has k = 1 of one third each. Distances within 1e-9 are equal.

    Examples
    --------
    >>> graph = neighbour_graph(np.array([[0.0], [1.0], [3.0]]), 1)
    >>> float(graph.same_side(np.array([[True], [True], [False]]))[0])
    2.0
    """
    from scipy.sparse import csr_array

    require_neighbours(len(pool), k)
    nodes = Nodes.of(pool)
    kept = min(k + 1 + _SPARE, len(nodes.rows))
    parts: list[tuple[Index, Index, Vector]] = []
    for start, tile, _ in local_tiles(nodes.rows, nodes.rows):
        at = start + np.arange(len(tile))
        near = np.argpartition(tile, kept - 1, axis=1)[:, :kept]
        shares, whole = _shares(nodes, at, near, k)
        for row in np.flatnonzero(~whole):  # the tie may reach beyond the candidates
            every = np.arange(len(nodes.rows))
            parts.append(_entries(at[row : row + 1], every[None], _shares(nodes, at[row : row + 1], every[None], k)[0]))
        parts.append(_entries(at[whole], near[whole], shares[whole]))
    i, j, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    size = len(nodes.rows)
    return NeighbourGraph(nodes=nodes, k=k, weights=csr_array((values, (i, j)), shape=(size, size)))


def _shares(nodes: Nodes, at: Index, near: Index, k: int) -> tuple[Matrix, Labels]:
    """Weigh candidates by how much of a neighbour they are, and tell where no tie reaches beyond the candidates."""
    kept = near.shape[1]
    squares = exact_squares(nodes.rows, np.repeat(at, kept), nodes.rows, near.ravel()).reshape(near.shape)
    counts = nodes.counts[near] - (near == at[:, None])
    order = np.argsort(squares, axis=1, kind="stable")
    reached = np.take_along_axis(counts, order, axis=1).cumsum(axis=1) >= k
    last = np.take_along_axis(order, reached.argmax(axis=1)[:, None], axis=1)
    radius = np.take_along_axis(squares, last, axis=1)
    inside, outside = squares < radius * (1.0 - TIE), squares > radius * (1.0 + TIE)
    tied = ~(inside | outside)
    left = k - (counts * inside).sum(axis=1)
    share = left / np.maximum((counts * tied).sum(axis=1), 1)
    whole = reached.any(axis=1) & (outside.any(axis=1) | (kept == len(nodes.rows)))
    return inside + tied * share[:, None], whole


def _entries(at: Index, near: Index, shares: Matrix) -> tuple[Index, Index, Vector]:
    row, column = np.nonzero(shares)
    return at[row], near[row, column], shares[row, column]


@dataclass(frozen=True, kw_only=True, eq=False)
class SpanningTree:
    """The minimum spanning tree of a pool; rows of one node hang together by a tree of their own.

    Attributes
    ----------
    nodes : Nodes
    edges : ndarray of int, shape (u - 1, 2)
        Pairs of nodes.
    """

    nodes: Nodes
    edges: Index

    def cross_edges(self, labels: Labels) -> Vector:
        """Count edges between real and fake for each column of labels (N, B), shape (B,)."""
        counts = self.nodes.counts[:, None]
        share = self.nodes.real_counts(labels) / counts
        a, b = share[self.edges[:, 0]], share[self.edges[:, 1]]
        # A tree on c equal rows has c - 1 edges, each between sides with chance 2 r (c - r) / (c (c - 1)).
        among_equals = (2.0 * counts * share * (1.0 - share)).sum(axis=0)
        between: Vector = a.sum(axis=0) + b.sum(axis=0) - 2.0 * np.einsum("eb,eb->b", a, b)
        out: Vector = among_equals + between
        return out

    def shared_nodes(self) -> int:
        """Count the pairs of edges that meet, where every row is a node of its own."""
        degree = np.bincount(self.edges.ravel(), minlength=len(self.nodes.rows))
        return int((degree * (degree - 1)).sum() // 2)


def spanning_tree(pool: Matrix) -> SpanningTree:
    """Find the Euclidean minimum spanning tree (Prim 1957).

    Parameters
    ----------
    pool : ndarray, shape (N, d)

    Notes
    -----
    Cost O(N^2 d) time and O(N^2) memory. `scipy.sparse.csgraph` takes distances of 0 for absent edges and goes a long
    way round between equal rows.

    Examples
    --------
    >>> spanning_tree(np.array([[0.0], [5.0], [1.0]])).edges.tolist()
    [[0, 1], [1, 2]]
    """
    nodes = Nodes.of(pool)
    distances = pooled_distances(nodes.rows)
    size = len(distances)
    edges = np.empty((size - 1, 2), dtype=np.int64)
    reach, parent = distances[0].copy(), np.zeros(size, dtype=np.int64)
    reach[0] = np.inf
    outside = np.ones(size, dtype=bool)
    outside[0] = False
    for step in range(size - 1):
        new = int(reach.argmin())
        edges[step] = parent[new], new
        outside[new], reach[new] = False, np.inf
        closer = outside & (distances[new] < reach)
        reach[closer] = distances[new][closer]
        parent[closer] = new
    return SpanningTree(nodes=nodes, edges=edges)
