"""Sums of a symmetric matrix over the pairs of real rows, for a whole matrix of labellings at once.

A permutation test of a kernel statistic needs one number per relabelling r in {0, 1}^N: the quadratic form
``q = r'Kr`` of a matrix with an empty diagonal. Three things make it fast:

* only the tiles below the diagonal are multiplied, which halves the work of ``K @ r``;
* ``K`` is centred on both sides, ``K'_ij = K_ij - a_i - a_j`` with every row summing to 0. Unbiased discrepancies do
  not change, the sums lose no digits where a kernel is nearly constant, and ``(1/n + 1/m)^2 q'`` is all that is left;
* on the host the products are taken in single precision, in short runs whose sums are added in double precision, with
  a *rigorous* bound of the error (Higham 2002, "Accuracy and stability of numerical algorithms", section 3.1:
  ``|fl(sum) - sum| <= (k - 1) u sum|terms|`` for k terms in any order). Draws that the bound cannot tell from the
  observed value are taken again in double precision (`settled`), so that a p-value is the one of double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, beside, namespace, on_host
from gandiag.numerics.lower_tiles import lower_tiles

Labels = NDArray[np.bool_]
Vector = NDArray[np.float64]
Entries = Callable[[slice, slice], Array]

# Fewer rows than this are multiplied in double precision: there is nothing to save.
QUICK_ROWS = 600

_HOST_TILE = 512  # short runs of single-precision sums, and tiles that stay in the cache
_DEVICE_TILE = 2048
_UNIT = 2.0**-24  # unit roundoff of single precision
_TIES = 1e-11  # wider than any tolerance of ties


@dataclass(frozen=True, kw_only=True, eq=False)
class PairSums:
    """A symmetric matrix without its diagonal, centred on both sides, in the tiles below its diagonal.

    Attributes
    ----------
    entries : callable
        ``(rows, columns) -> tile`` in float64; the diagonal does not matter.
    rows, tile : int
    tiles : tuple of arrays, optional
        The centred tiles ``(i, j <= i)``, row by row; without them every sum makes its own.
    shifts : array, shape (N,)
        What was taken off: ``K_ij = K'_ij + shifts_i + shifts_j``.
    mean_square : float
        Of the off-diagonal entries before centring.
    totals, chosen_totals : array, shape (N,)
        Row sums of the matrix as it was given over all rows, and over the chosen ones, the row itself left out.
    sizes : array, shape (N,), optional
        Sums of absolute centred entries by row, which rounding is measured by; only where products are taken in
        single precision.
    doubles : tuple of arrays, optional
        The tiles in double precision where ``tiles`` are not, if they were kept.
    """

    entries: Entries
    rows: int
    tile: int
    tiles: tuple[Array, ...] | None
    shifts: Array
    mean_square: float
    totals: Array
    chosen_totals: Array
    sizes: Vector | None = None
    doubles: tuple[Array, ...] | None = None

    @property
    def is_quick(self) -> bool:
        """Whether the tiles are in single precision."""
        return self.sizes is not None

    def of_real(self, labels: Labels) -> tuple[Vector, Vector]:
        """Sum the centred entries over ordered pairs of real rows, and bound the rounding, each shape (B,).

        Parameters
        ----------
        labels : ndarray of bool, shape (N, B)

        Notes
        -----
        Cost N^2 B multiplications and additions, memory O(N B).
        """
        xp = namespace(self.shifts)
        exact = self.shifts.dtype
        masks = xp.astype(beside(labels, self.shifts), xp.float32 if self.is_quick else exact)
        total = xp.zeros_like(xp.astype(masks[0, :], exact))
        for (i, j), block in zip(lower_tiles(self.rows, self.tile), self._each(), strict=True):
            product = block @ masks[j, :]
            product *= masks[i, :]
            share = xp.sum(product, axis=0, dtype=exact)
            total += share if i == j else 2.0 * share
        return on_host(total), self._rounding(labels)

    def _each(self) -> Iterable[Array]:
        return self._centred() if self.tiles is None else self.tiles

    def _rounding(self, labels: Labels) -> Vector:
        if self.sizes is None:
            return np.zeros(labels.shape[1])
        most = max(int(labels[i].sum(axis=0).max()) for i, j in lower_tiles(self.rows, self.tile) if i == j)
        # Entries are rounded once, `most` of them are added; one more for the higher orders.
        bound: Vector = (most + 2) * _UNIT * (self.sizes @ labels)
        return bound

    def shifts_of_real(self, labels: Labels) -> Vector:
        """Add the shifts of the real rows, shape (B,)."""
        sums: Vector = on_host(self.shifts) @ labels
        return sums

    def row_sums(self, chosen: NDArray[np.bool_]) -> Vector:
        """Sum every row of the matrix as it was given over the chosen rows, itself left out, shape (N,)."""
        xp = namespace(self.shifts)
        mask = xp.astype(beside(chosen, self.shifts), self.shifts.dtype)
        out = xp.zeros_like(self.shifts)
        for (i, j), block in zip(lower_tiles(self.rows, self.tile), self.exact()._each(), strict=True):
            out[i] += block @ mask[j]
            if i != j:
                out[j] += mask[i] @ block
        shifts = on_host(self.shifts)
        others = chosen.sum() - chosen
        sums: Vector = on_host(out) + shifts * others + (shifts @ chosen - shifts * chosen)
        return sums

    def quick(self, *, keep: bool = True) -> PairSums:
        """Bring the tiles to single precision where that saves time: on the host, for many rows.

        Parameters
        ----------
        keep : bool
            Keep those in double precision (4 N^2 bytes); otherwise they are made again where `exact` asks for them.
        """
        if self.tiles is None or not isinstance(self.shifts, np.ndarray) or self.rows < QUICK_ROWS:
            return self
        sizes = np.zeros(self.rows)
        for (i, j), block in zip(lower_tiles(self.rows, self.tile), self.tiles, strict=True):
            size = np.abs(block)
            sizes[i] += size.sum(axis=1)
            if i != j:
                sizes[j] += size.sum(axis=0)
        tiles = tuple(tile.astype(np.float32) for tile in self.tiles)
        return replace(self, tiles=tiles, sizes=sizes, doubles=self.tiles if keep else None)

    def exact(self) -> PairSums:
        """Return the same sums in double precision."""
        if not self.is_quick:
            return self
        tiles = tuple(self._centred()) if self.doubles is None else self.doubles
        return replace(self, tiles=tiles, sizes=None, doubles=None)

    def _centred(self) -> Iterator[Array]:
        for i, j in lower_tiles(self.rows, self.tile):
            yield _centred_tile(_hollow(self.entries, i, j), self.shifts, i, j)


def pair_sums(
    entries: Entries, rows: int, *, tile: int | None = None, held: bool = True, chosen: Labels | None = None
) -> PairSums:
    """Make a symmetric matrix ready for sums over the pairs of many labellings.

    Parameters
    ----------
    entries : callable
        ``(rows, columns) -> tile`` in float64 for two slices; NumPy arrays or tensors of size about 1 (single
        precision has a narrow range). The diagonal does not matter.
    rows : int
        At least 2.
    tile : int, optional
    held : bool
        Keep the tiles (4 N^2 bytes, 2 N^2 more after `PairSums.quick`); otherwise every sum makes them again, in
        memory O(N B), and stays in double precision.
    chosen : ndarray of bool, shape (N,), optional
        Rows over which every row is summed in the same pass; none by default.
    """
    first = entries(slice(0, 1), slice(0, 1))
    if tile is None:
        tile = _HOST_TILE if isinstance(first, np.ndarray) else _DEVICE_TILE
    xp = namespace(first)
    # Products with one vector each: twice as fast as with two columns at once.
    columns = [beside(np.ones(rows), first)]
    columns += [] if chosen is None else [beside(chosen.astype(float), first)]
    sums = [xp.zeros_like(column) for column in columns]
    squares, raw = 0.0, []
    for i, j in lower_tiles(rows, tile):
        block = _hollow(entries, i, j)
        for column, total in zip(columns, sums, strict=True):
            total[i] += block @ column[j]
            if i != j:
                total[j] += column[i] @ block
        flat = xp.reshape(block, (-1,))
        squares += float(flat @ flat) * (1.0 if i == j else 2.0)
        if held:
            raw.append(block)
    shifts = _row_shifts(sums[0], rows)
    for at, (i, j) in enumerate(lower_tiles(rows, tile) if held else ()):
        raw[at] = _centred_tile(raw[at], shifts, i, j)
    return PairSums(
        entries=entries,
        rows=rows,
        tile=tile,
        tiles=tuple(raw) if held else None,
        shifts=shifts,
        mean_square=squares / (rows * (rows - 1)),
        totals=sums[0],
        chosen_totals=sums[1] if len(sums) > 1 else xp.zeros_like(sums[0]),
    )


def power_of_two(size: float) -> float:
    """Return a power of two near ``size``: dividing by it costs no digit. 1 for a size of 0."""
    return float(2.0 ** min(1000, max(-1000, int(np.frexp(size)[1])))) if size > 0.0 else 1.0


def settled(
    quick: Callable[[Labels], tuple[Any, Vector]],
    exact: Callable[[Labels], Any],
    labels: Labels,
    target: float,
) -> Any:
    """Evaluate a statistic quickly, and again in double precision where rounding could decide against ``target``.

    Parameters
    ----------
    quick : callable
        ``labels -> (values, bound)``: values of shape (S, B), the last row tested, and the bound (B,) of its error.
    exact : callable
        ``labels -> values`` in double precision.
    labels : ndarray of bool, shape (N, B)
    target : float
        The observed value that the tested row is compared with, in double precision.

    Returns
    -------
    ndarray, shape (S, B)
        Every comparison of its last row with ``target`` is the one of double precision.
    """
    values, bound = quick(labels)
    near = np.flatnonzero(np.abs(values[-1] - target) <= bound + _TIES * (1.0 + abs(target)))
    if near.size and bound.any():
        values[:, near] = exact(labels[:, near])
    return values


def _hollow(entries: Entries, i: slice, j: slice) -> Array:
    block = entries(i, j)
    return _without_diagonal(block) if i == j else block


def _without_diagonal(block: Array) -> Array:
    xp = namespace(block)
    diagonal = beside(np.eye(block.shape[0], dtype=bool), block)
    return xp.where(diagonal, xp.zeros_like(block), block)


def _row_shifts(sums: Array, rows: int) -> Array:
    """Solve ``sum_{j != i} (K_ij - a_i - a_j) = 0`` for all rows; two rows have one entry, halved."""
    xp = namespace(sums)
    total = xp.sum(sums) / (2.0 * (rows - 1))
    return sums / 2.0 if rows == 2 else (sums - total) / (rows - 2.0)


def _centred_tile(block: Array, shifts: Array, i: slice, j: slice) -> Array:
    out = block - shifts[i][:, None]
    out -= shifts[j][None, :]
    return _without_diagonal(out) if i == j else out
