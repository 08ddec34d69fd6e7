"""Balls to the k-th neighbour and what they hold: one pass for precision, recall, density and coverage.

Counts are those of differences in double precision: tiles say what is surely inside, and the few pairs within their
rounding of a radius are measured again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, on_host
from gandiag.numerics.equal_rows import row_ids
from gandiag.numerics.neighbours import TIE, Ties, radii_of, require_neighbours, scaled_squares
from gandiag.numerics.tiles import Board, Side, cuts, sides

Vector = NDArray[np.float64]
Counts = NDArray[np.int64]

_MANY = 2**22


def ball_counts(centres: Array, radii: Vector, points: Array, ties: Ties = "closed") -> tuple[Counts, Counts]:
    """Count points in balls.

    Parameters
    ----------
    centres : array, shape (n, d)
    radii : ndarray, shape (n,)
    points : array, shape (m, d)
    ties : {"closed", "prdc"}

    Returns
    -------
    per_centre : ndarray of int, shape (n,)
        How many points each ball holds.
    per_point : ndarray of int, shape (m,)
        How many balls each point lies in.

    Notes
    -----
    Cost O(n m d) time in tiles of bounded memory. Pairs that rounding could decide are measured again by differences in
    double precision.

    Examples
    --------
    >>> ball_counts(np.array([[0.0], [3.0]]), np.array([1.0, 1.0]), np.array([[1.0], [9.0]]))
    (array([1, 0]), array([1, 0]))
    """
    left, right = sides(centres, points)
    ((per_centre, per_point),) = _crossed((centres, left), (points, right), [_Balls(left, radii, right, ties, True)])
    return per_centre, per_point


@dataclass(frozen=True, kw_only=True, eq=False)
class Neighbourhoods:
    """The balls of both sides and what they hold of the other side.

    Attributes
    ----------
    k : int
    real_radii, fake_radii : ndarray, shape (n,) and (m,)
    held : ndarray of int, shape (n,)
        Fake rows in the ball of each real row.
    around : ndarray of int, shape (m,)
        Real balls around each fake row.
    reached : ndarray of int, shape (n,)
        Fake balls around each real row.
    """

    k: int
    real_radii: Vector
    fake_radii: Vector
    held: Counts
    around: Counts
    reached: Counts

    @property
    def precision(self) -> float:
        """Share of fake rows in a real ball (Kynkäänniemi et al. 2019, eq. 1-2)."""
        return float(np.mean(self.around > 0))

    @property
    def recall(self) -> float:
        """Share of real rows in a fake ball (Kynkäänniemi et al. 2019, eq. 1-2)."""
        return float(np.mean(self.reached > 0))

    @property
    def density(self) -> float:
        """Real balls around a fake row, on average, over k (Naeem et al. 2020, eq. 2)."""
        return float(self.around.mean()) / self.k

    @property
    def coverage(self) -> float:
        """Share of real balls that hold a fake row (Naeem et al. 2020, eq. 3)."""
        return float(np.mean(self.held > 0))


def neighbourhoods(real: Array, fake: Array, k: int = 5, ties: Ties = "closed") -> Neighbourhoods:
    """Find precision, recall, density and coverage in one pass over all pairs.

    Parameters
    ----------
    real, fake : array, shape (n, d) and (m, d)
        More than ``k`` rows each; NumPy arrays, or torch tensors on one device.
    k : int
    ties : {"closed", "prdc"}

    Returns
    -------
    Neighbourhoods
        Counts are those of differences in double precision.

    Raises
    ------
    TooFewSamplesError
        When a side has no ``k`` other rows.

    Notes
    -----
    Cost O((n^2 / 2 + m^2 / 2 + n m) d) time; memory of both sides in single precision and of one tile.

    Examples
    --------
    >>> found = neighbourhoods(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0.4], [10.0]]), k=1)
    >>> found.precision, found.recall, found.density, found.coverage
    (0.5, 1.0, 1.0, 0.5)
    """
    for rows in (real, fake):
        require_neighbours(len(rows), k)
    left, right = sides(real, fake)
    real_radii, fake_radii = radii_of(real, left, k), radii_of(fake, right, k)
    balls = [_Balls(left, real_radii, right, ties, True), _Balls(right, fake_radii, left, ties, False)]
    (held, around), (reached, _) = _crossed((real, left), (fake, right), balls)
    return Neighbourhoods(k=k, real_radii=real_radii, fake_radii=fake_radii, held=held, around=around, reached=reached)


class _Balls:
    """The balls of one side in units of the tiles: what is surely inside, and what may be."""

    def __init__(self, owner: Side, radii: Vector, other: Side, ties: Ties, by_row: bool) -> None:
        reach = np.ldexp(radii, -owner.exponent) * (1.0 + TIE if ties == "closed" else 1.0 - TIE)
        errors = owner.errors(reach, other)
        self.limits, self.ties, self.by_row = np.square(reach), ties, by_row
        self.may, self.sure = -0.5 * self.limits - errors, -0.5 * self.limits + errors

    def inside(self, squares: Vector, owners: Counts) -> NDArray[np.bool_]:
        """Tell which pairs are inside, from exact squared distances."""
        limits = self.limits[owners]
        return squares <= limits if self.ties == "closed" else squares < limits


def _crossed(left: tuple[Array, Side], right: tuple[Array, Side], balls: list[_Balls]) -> list[tuple[Counts, Counts]]:
    """Count, for each set of balls, the pairs inside: per left row and per right row."""
    (a, side_a), (b, side_b) = left, right
    blocks_a, blocks_b = cuts(len(side_a), 1), cuts(len(side_b), 1)
    board = Board(side_a, *(max(x.stop - x.start for x in blocks) for blocks in (blocks_a, blocks_b)))
    counted = [(np.zeros(len(side_a), dtype=np.int64), np.zeros(len(side_b), dtype=np.int64)) for _ in balls]
    pairs = _Pairs(a, b, side_a.exponent)
    for rows in blocks_a:
        board.put(side_a, rows)
        for columns in blocks_b:
            board.against(side_b, columns)
            for ball, (per_left, per_right) in zip(balls, counted, strict=True):
                owned = rows if ball.by_row else columns
                i, j, closeness = board.at_least(ball.may[owned], by_row=ball.by_row)
                i, j = i + rows.start, j + columns.start
                owner = i if ball.by_row else j
                inside = closeness >= ball.sure[owner]
                unsure = np.flatnonzero(~inside)
                inside[unsure] = ball.inside(pairs.squares(i[unsure], j[unsure]), owner[unsure])
                per_left += np.bincount(i[inside], minlength=len(side_a))
                per_right += np.bincount(j[inside], minlength=len(side_b))
    return counted


class _Pairs:
    """Exact squared distances between rows of two sets; where very many are asked for, equal rows cost nothing."""

    def __init__(self, a: Array, b: Array, exponent: int) -> None:
        self.a, self.b, self.exponent = a, b, exponent
        self._ids: Counts | None = None

    def squares(self, i: Counts, j: Counts) -> Vector:
        """Measure pairs ``a[i], b[j]``."""
        if len(i) * self.a.shape[1] < _MANY:
            return scaled_squares(self.a, i, self.b, j, self.exponent)
        if self._ids is None:
            self._ids = row_ids(np.concatenate([on_host(self.a), on_host(self.b)]))
        apart = np.flatnonzero(self._ids[i] != self._ids[len(self.a) + j])
        out = np.zeros(len(i))
        out[apart] = scaled_squares(self.a, i[apart], self.b, j[apart], self.exponent)
        return out
