"""Balls under every labelling: one order of neighbours, from which any relabelling reads its k-NN balls.

Whichever rows are called real, the ball of row i reaches to the k-th of them in the order of all other rows around i,
and holds every row that stands no farther. So one table per pooled sample serves precision, recall, density and
coverage under all permutations of the labels, and ties are settled once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.distances import pooled_distances
from gandiag.numerics.neighbours import TIE, Ties, exact_squares

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Labels = NDArray[np.bool_]
Whole = NDArray[np.signedinteger[Any]]

_COLUMNS = 128
_MEASURED_AGAIN = 32


@dataclass(frozen=True, kw_only=True, eq=False)
class NeighbourOrder:
    """Every row's other rows in order of distance, and which of them are equally far.

    Attributes
    ----------
    order : ndarray of int, shape (N, N - 1)
        Other rows, nearest first.
    distances : ndarray, shape (N, N - 1)
        Ascending.
    first, last : ndarray of int, shape (N, N - 1)
        First and last position at the same distance as this one.
    owners, reach : ndarray of int, shape (N, N)
        Column j lists the rows in whose order row j stands earliest, and at which position it stands.
    """

    order: Whole
    distances: Matrix
    first: Whole
    last: Whole
    owners: Whole
    reach: Whole


def neighbour_order(pool: Matrix) -> NeighbourOrder:
    """Order all rows of a pooled sample around each of them: what every k-NN ball is read from, under any labels.

    Parameters
    ----------
    pool : ndarray, shape (N, d)
        At least two rows.

    Notes
    -----
    O(N^2 (d + log N)) time and O(N^2) memory: for pools of a few thousand rows.
    """
    n = len(pool)
    whole = np.int16 if n < np.iinfo(np.int16).max else np.int32
    distances = pooled_distances(pool)
    np.fill_diagonal(distances, -1.0)  # a row stands first in its own order, and is then left out
    order = np.argsort(distances, axis=1)[:, 1:]
    distances = np.take_along_axis(distances, order, axis=1)
    _measure_nearest_again(pool, order, distances)
    tied = np.zeros((n, n), dtype=bool)
    tied[:, 1:-1] = np.diff(distances, axis=1) <= TIE * distances[:, 1:]
    at = np.broadcast_to(np.arange(n - 1, dtype=whole), order.shape)
    first = np.maximum.accumulate(np.where(tied[:, :-1], 0, at).astype(whole), axis=1)
    last = np.where(tied[:, 1:], n, at).astype(whole)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    rank = np.full((n, n), n, dtype=whole)
    np.put_along_axis(rank, order, at, axis=1)
    owners = np.argsort(rank, axis=0, kind="stable")
    reach = np.take_along_axis(rank, owners, axis=0)
    return NeighbourOrder(
        order=order.astype(whole),
        distances=distances,
        first=first,
        last=np.ascontiguousarray(last),
        owners=owners.astype(whole),
        reach=reach,
    )


def _measure_nearest_again(pool: Matrix, order: NDArray[np.int64], distances: Matrix) -> None:
    """Replace the nearest distances, where rounding is relatively largest, by differences; in place."""
    near = min(_MEASURED_AGAIN, order.shape[1])
    rows = np.repeat(np.arange(len(pool)), near)
    exact = np.sqrt(exact_squares(pool, rows, pool, order[:, :near].ravel())).reshape(-1, near)
    resort = np.argsort(exact, axis=1)
    order[:, :near] = np.take_along_axis(order[:, :near], resort, axis=1)
    distances[:, :near] = np.take_along_axis(exact, resort, axis=1)
    np.maximum.accumulate(distances, axis=1, out=distances)


def nearest_labelled(table: NeighbourOrder, rows: NDArray[np.int64], wanted: NDArray[np.bool_]) -> Vector:
    """Measure the distance from each of ``rows`` to the nearest other row that is ``wanted`` (shape (N,))."""
    distance: Vector = table.distances[rows, wanted[table.order[rows]].argmax(axis=1)]
    return distance


def ball_ends(table: NeighbourOrder, labels: Labels, k: int, ties: Ties = "closed") -> Whole:
    """Find how far down each row's order its ball reaches, under every labelling.

    Parameters
    ----------
    table : NeighbourOrder
    labels : ndarray of bool, shape (N, B)
        Rows with True own balls, to their k-th nearest other row with True; at least k + 1 per column.
    k : int
    ties : {"closed", "prdc"}

    Returns
    -------
    ndarray of int, shape (N, B)
        Last position inside the ball; -1 where the ball is empty or the row owns none.
    """
    edge = table.last if ties == "closed" else table.first - 1
    rows = np.arange(len(labels))
    seen = np.zeros(labels.shape, dtype=table.order.dtype)
    ends = np.full(labels.shape, -1, dtype=table.order.dtype)
    for at in range(table.order.shape[1]):
        own = labels[table.order[rows, at]]
        seen += own
        found, column = np.nonzero(own & (seen == k))
        ends[rows[found], column] = edge[rows[found], at]
        if at >= k and at % 4 == 0:
            looking = (seen < k).any(axis=1)
            if not looking.any():
                break
            rows, seen = rows[looking], seen[looking]
    ends[~labels] = -1
    return ends


def shares_inside(
    table: NeighbourOrder, labels: Labels, k: int, ties: Ties = "closed", *, asked: Labels | None = None
) -> Vector:
    """Find the share of rows without a label that lie in at least one ball of the rows with it, shape (B,).

    Parameters
    ----------
    table : NeighbourOrder
    labels : ndarray of bool, shape (N, B)
    k : int
    ties : {"closed", "prdc"}
    asked : ndarray of bool, shape (N, B), optional
        The rows that the share is of, none of which has a label; all others when absent.
    """
    out = np.empty(labels.shape[1])
    for part in column_parts(labels):
        owned = np.ascontiguousarray(labels[:, part])
        wanted = ~owned if asked is None else np.ascontiguousarray(asked[:, part])
        inside = _inside(table, owned, wanted, ball_ends(table, owned, k, ties))
        out[part] = inside.sum(axis=0) / wanted.sum(axis=0)
    return out


def _inside(table: NeighbourOrder, owned: Labels, wanted: Labels, ends: Whole) -> Labels:
    deepest = int(ends.max())
    left = ~wanted  # nothing more to learn about: rows that are not asked for, and what already lies in a ball
    targets = np.arange(len(owned))
    for at in range(len(owned)):
        reach = table.reach[at, targets]
        hit = ends[table.owners[at, targets]] >= reach[:, None]
        left[targets] |= hit
        if at % 4 == 3:
            open_still = (reach <= deepest) & ~left[targets].all(axis=1)
            targets = targets[open_still]
            if not len(targets):
                break
    return left & wanted


def ball_loads(
    table: NeighbourOrder, labels: Labels, k: int, ties: Ties = "closed", *, asked: Labels | None = None
) -> tuple[Vector, Vector]:
    """Count how many rows without a label, or of those that are asked for, the balls of the rows with it hold.

    Returns
    -------
    mean_load : ndarray, shape (B,)
        Rows per ball, on average over the balls.
    occupied : ndarray, shape (B,)
        Share of balls that hold at least one.
    """
    load, occupied = np.empty(labels.shape[1]), np.empty(labels.shape[1])
    for part in column_parts(labels):
        owned = np.ascontiguousarray(labels[:, part])
        wanted = ~owned if asked is None else np.ascontiguousarray(asked[:, part])
        held = rows_held(table, wanted, ball_ends(table, owned, k, ties))
        balls = owned.sum(axis=0)
        load[part] = held.sum(axis=0, dtype=np.int64) / balls
        occupied[part] = (held > 0).sum(axis=0) / balls
    return load, occupied


def rows_held(table: NeighbourOrder, wanted: Labels, ends: Whole) -> Whole:
    """Count the wanted rows inside each ball, shape (N, B), from where the balls end."""
    held = np.zeros(wanted.shape, dtype=table.order.dtype)
    rows = np.argsort(-ends.max(axis=1), kind="stable")
    deepest = ends.max(axis=1)[rows]
    for at in range(int(deepest[0]) + 1):
        rows = rows[: np.searchsorted(-deepest, -at, side="right")]
        held[rows] += (ends[rows] >= at) & wanted[table.order[rows, at]]
    return held


def column_parts(labels: Labels) -> Iterator[slice]:
    """Yield blocks of labellings that are worth doing together."""
    for start in range(0, labels.shape[1], _COLUMNS):
        yield slice(start, start + _COLUMNS)
