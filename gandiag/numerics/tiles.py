"""Square tiles of closeness between two sets of rows, in preallocated buffers, with a proven bound of their rounding.

The closeness of two rows is ``s = a.b - (a.a + b.b) / 2``, minus half their squared distance; one matrix product gives
a whole tile, since half the squared norms stand in two further columns. Rows are centred first and brought to size 1 by
a power of two. The product is taken in single precision, twice as fast and half the memory, whose rounding is bounded
by ``(d + ...) 2^-24 (a.a + b.b)`` for every order of summation (Higham 2002, "Accuracy and stability of numerical
algorithms", section 3.1). Callers keep what is sure within the bound and measure the rest again, so that nothing they
report is rounded in single precision. Rows too wide for a useful bound are multiplied in double precision.

One code for NumPy arrays and torch tensors on any device; the sparse results always come to the host.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, beside, on_host

Vector = NDArray[np.float64]
Whole = NDArray[np.int64]

TILE = 2048
# In more columns the bound of single precision would leave too many pairs unsure; in few, where products cost little,
# its 24 bits would leave too many in tight clusters.
_LEAST_SINGLE, _MOST_SINGLE = 17, 6000
_CENTRED_ON = 256
_STEP = 2**21  # values that are centred at a time
_UNDERFLOW = 1e-30
_SMALL = 2**20


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """Rows ready for tiles: ``data`` holds centred rows, minus half their squares, and ones, shape (n, d + 2)."""

    data: Array
    norms: Vector
    exponent: int
    rounding: float

    def __len__(self) -> int:
        return len(self.norms)

    def errors(self, reach: Vector, other: Side, rows: slice = slice(None)) -> Vector:
        """Bound the rounding of a row's closeness to any row of ``other`` within ``reach``, a distance in tile units.

        A row of ``other`` that is so near has a norm of at most this row's plus the reach.
        """
        norms = self.norms[rows]
        largest = np.minimum(norms + reach, other.norms.max(initial=0.0))
        bound: Vector = self.rounding * (np.square(norms) + np.square(largest)) + _UNDERFLOW
        return bound


def sides(*sets: Array) -> list[Side]:
    """Make sets of rows ready for tiles between them: one centre, the first set's median, and one scale for all."""
    centre = _middle(sets[0])
    largest = max(float(abs(block - centre).max()) for rows in sets for _, block in _blocks(rows))
    exponent = int(np.frexp(largest)[1])
    single = _LEAST_SINGLE <= int(centre.shape[0]) <= _MOST_SINGLE and _full_precision(centre)
    return [_ready(rows, centre, exponent, single) for rows in sets]


def _middle(rows: Array) -> Array:
    """Find the median of an even choice of rows: a mean would move all digits away for the sake of one outlier."""
    some = on_host(rows[:: max(1, len(rows) // _CENTRED_ON)])
    return beside(np.median(some, axis=0), rows)


def _blocks(rows: Array) -> Iterator[tuple[int, Array]]:
    step = max(1, _STEP // rows.shape[1])
    for start in range(0, len(rows), step):
        yield start, rows[start : start + step]


def _full_precision(near: Array) -> bool:
    """Tell whether a single-precision product keeps its 24 bits: torch may have been told to use fewer."""
    if isinstance(near, np.ndarray):
        return True
    import torch

    return torch.get_float32_matmul_precision() == "highest"


def _ready(rows: Array, centre: Array, exponent: int, single: bool) -> Side:
    n, d = rows.shape
    factor = 2.0 ** float(-exponent) if abs(exponent) < 1000 else None
    data = _empty(rows, (n, d + 2), single)
    norms = np.empty(n)
    for start, block in _blocks(rows):
        block = block - centre
        block = block * factor if factor is not None else _ldexp(block, -exponent)
        squares = (block * block).sum(1)
        stop = start + len(block)
        data[start:stop, :d] = block
        data[start:stop, d] = -0.5 * squares
        norms[start:stop] = np.sqrt(on_host(squares))
    data[:, d + 1] = 1.0
    unit = 2.0**-24 if single else 2.0**-53
    return Side(data=data, norms=norms, exponent=exponent, rounding=(1.02 * d + 10.0) * unit)


def _ldexp(block: Array, exponent: int) -> Array:
    half = exponent // 2
    return block * 2.0**half * 2.0 ** (exponent - half)


def _empty(near: Array, shape: tuple[int, int], single: bool) -> Array:
    if isinstance(near, np.ndarray):
        return np.empty(shape, dtype=np.float32 if single else np.float64)
    import torch

    return torch.empty(shape, dtype=torch.float32 if single else torch.float64, device=near.device)


def cuts(n: int, least: int) -> list[slice]:
    """Cut n rows into near-equal blocks of at most `TILE` rows, or of at least ``least`` where that is more."""
    count = max(1, min(-(-n // TILE), n // max(1, least)))
    edges = np.linspace(0, n, count + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in pairwise(edges)]


class Board:
    """The buffers that all tiles of one pass share: a block of left rows, the tile, and its mask."""

    def __init__(self, near: Side, rows: int, columns: int) -> None:
        data = near.data
        self._host = isinstance(data, np.ndarray)
        self._left = data[:rows].copy() if self._host else data[:rows].clone()
        self._tile = data[:1, :1].repeat(rows * columns, 0).ravel() if self._host else data.new_empty(rows * columns)
        self._mask = _mask(data, rows * columns)
        self._shape = (0, 0)
        self._rows = 0

    def put(self, side: Side, rows: slice) -> None:
        """Take a block of rows as the left side of the tiles to come."""
        block = side.data[rows]
        self._rows = len(block)
        self._left[: self._rows] = block
        # Left rows carry what multiplies the right rows' last two columns.
        self._left[: self._rows, -1] = block[:, -2]
        self._left[: self._rows, -2] = 1.0

    def against(self, side: Side, columns: slice) -> Array:
        """Compute the tile of closeness of the left rows to a block of rows; valid until the next call."""
        right = side.data[columns]
        self._shape = (self._rows, len(right))
        left, tile = self._left[: self._rows], self.tile
        if self._host:
            np.matmul(left, right.T, out=tile)
        else:
            import torch

            torch.mm(left, right.T, out=tile)
        return tile

    @property
    def tile(self) -> Array:
        """The current tile."""
        rows, columns = self._shape
        return self._tile[: rows * columns].reshape(rows, columns)

    def largest(self, k: int) -> Vector:
        """Find the k-th largest value in each row of the tile."""
        tile = self.tile
        if self._host and tile.size < _SMALL:
            return np.partition(tile, tile.shape[1] - k, axis=1)[:, tile.shape[1] - k].astype(float)
        import torch  # its top-k takes a quarter of the time of a partition

        tile = torch.from_numpy(tile) if self._host else tile
        return on_host(torch.topk(tile, k, dim=1, sorted=False).values.amin(1)).astype(float)

    def at_least(self, limits: Vector, *, by_row: bool) -> tuple[Whole, Whole, Vector]:
        """List row, column and value of the entries that reach the limit of their row, or of their column."""
        rows, columns = self._shape
        mask = self._mask[: rows * columns].reshape(rows, columns)
        # Rounded down, so that no entry is lost to the limit's own rounding.
        low = np.nextafter(limits.astype(np.float32), np.float32(-np.inf)) if self._single else limits
        low = low[:, None] if by_row else low[None, :]
        if self._host:
            np.greater_equal(self.tile, low, out=mask)
            flat = np.flatnonzero(mask)
            values = self.tile.ravel()[flat]
        else:
            import torch

            torch.ge(self.tile, torch.as_tensor(low, device=mask.device), out=mask)
            found = torch.nonzero(mask.ravel()).ravel()
            flat, values = on_host(found), on_host(self.tile.ravel()[found])
        return *np.divmod(flat, columns), values.astype(float)

    @property
    def _single(self) -> bool:
        return "float32" in str(self._tile.dtype)


def _mask(near: Array, size: int) -> Array:
    if isinstance(near, np.ndarray):
        return np.empty(size, dtype=bool)
    import torch

    return torch.empty(size, dtype=torch.bool, device=near.device)
