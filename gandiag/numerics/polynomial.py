"""The cubic polynomial kernel in tiles, and the unbiased discrepancy with its jackknife from row sums."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, namespace
from gandiag.numerics.pair_sums import power_of_two

Vector = NDArray[np.float64]

# Products of fewer values than this are taken in double precision: there is little to save.
QUICK_ELEMENTS = 2**20
LARGEST = 1e80  # mean squares of features whose cubes are still floats
_ROWS_AT_ONCE = 2048
_STRIP = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class CubicTiles:
    """Tiles of ``(x.y / d + 1)^3`` over the pooled rows, in units of ``unit``.

    The products are ``x.y = (x - c).(y - c) + c.x + c.y - c.c``: what is multiplied is centred, so that single
    precision loses no digit to a mean that all rows share.
    """

    centred: Array
    offsets: Array
    width: int
    unit: float
    largest: float

    @property
    def rows(self) -> int:
        """Number of pooled rows."""
        return int(self.centred.shape[0])

    def __call__(self, i: slice, j: slice) -> Array:
        """Evaluate one tile in float64."""
        product = self.centred[i, :] @ self.centred[j, :].T
        rows, columns = self.offsets[i][:, None], self.offsets[j][None, :]
        if isinstance(product, np.ndarray):
            return _cubes(product, rows, columns)
        # The sum of a single-precision product and a double-precision offset is in double precision.
        out = product + rows
        out += columns
        squares = out * out
        out *= squares
        return out


def _cubes(product: NDArray[Any], rows: Vector, columns: Vector) -> NDArray[np.float64]:
    """Add the offsets and take the cubes in double precision, a strip at a time: it stays in the cache."""
    out = np.empty(product.shape)
    squares = np.empty((min(_STRIP, len(product)), product.shape[1]))
    for start in range(0, len(product), _STRIP):
        strip = slice(start, start + _STRIP)
        part = np.add(product[strip], rows[strip], out=out[strip])
        part += columns
        part *= np.multiply(part, part, out=squares[: len(part)])
    return out


def cubic_tiles(real: Array, fake: Array) -> CubicTiles:
    """Prepare the kernel of a pooled sample.

    Parameters
    ----------
    real, fake : array, shape (n, d), (m, d)

    Notes
    -----
    On the host, large products run in single precision; sums of the tiles are the caller's, in double precision.
    """
    xp = namespace(real, fake)
    width = real.shape[1]
    with np.errstate(over="ignore"):  # the caller looks at `largest`
        largest = 1.0 + max(float(xp.max(xp.sum(side * side, axis=1))) for side in _blocks(real, fake)) / width
    # The cube root of the unit goes into the rows, so that the entries are of size 1 whatever the features' unit.
    root = power_of_two(largest) if largest < LARGEST else 1.0
    scale = float(np.sqrt(width * root))
    count = real.shape[0] + fake.shape[0]
    centre = xp.sum(xp.stack([xp.sum(side / scale, axis=0) for side in _blocks(real, fake)]), axis=0) / count
    # Half of the constant 1/root - c.c, and each row's own c.x; added for both rows of a pair.
    half = (1.0 / root - float(centre @ centre)) / 2.0
    offsets = xp.concat([(side / scale) @ centre + half for side in _blocks(real, fake)])
    quick = isinstance(real, np.ndarray) and count * width >= QUICK_ELEMENTS
    parts = (side / scale - centre for side in _blocks(real, fake))
    centred = _stacked(parts, count, width) if quick else xp.concat(list(parts))
    return CubicTiles(centred=centred, offsets=offsets, width=width, unit=root**3, largest=largest)


def _stacked(parts: Iterator[NDArray[np.float64]], count: int, width: int) -> NDArray[np.float32]:
    """Write blocks of rows below each other in single precision, one at a time: the copy is the most memory."""
    out, start = np.empty((count, width), dtype=np.float32), 0
    for part in parts:
        out[start : start + len(part)] = part
        start += len(part)
    return out


def _blocks(real: Array, fake: Array) -> Iterator[Array]:
    """Cut both sides into blocks of rows in double precision: copies of the whole sample would be the most memory."""
    for side in (real, fake):
        xp = namespace(side)
        for start in range(0, side.shape[0], _ROWS_AT_ONCE):
            yield xp.astype(side[start : min(start + _ROWS_AT_ONCE, side.shape[0]), :], xp.float64, copy=False)


def mmd2_and_jackknife(over_all: Vector, over_real: Vector, is_real: NDArray[np.bool_]) -> tuple[float, float | None]:
    """Compute the unbiased squared discrepancy and its delete-one jackknife standard error from row sums.

    Parameters
    ----------
    over_all, over_real : ndarray, shape (N,)
        Row sums of a kernel matrix over all rows and over the real rows, the row itself left out.
    is_real : ndarray of bool, shape (N,)

    Returns
    -------
    estimate : float
    standard_error : float or None
        None where a side has two rows. On average at least the true one (Efron & Stein 1981, "The jackknife estimate
        of variance").

    Notes
    -----
    Leaving one row out takes its row sums away from the three totals: no kernel is evaluated again.
    """
    n, m = int(is_real.sum()), int((~is_real).sum())
    over_fake = over_all - over_real
    real_real, fake_fake = float(over_real[is_real].sum()), float(over_fake[~is_real].sum())
    across = float(over_fake[is_real].sum())
    value = _combined(real_real, fake_fake, across, n, m)
    if min(n, m) < 3:
        return float(value), None
    without_real = _combined(real_real - 2.0 * over_real[is_real], fake_fake, across - over_fake[is_real], n - 1, m)
    without_fake = _combined(real_real, fake_fake - 2.0 * over_fake[~is_real], across - over_real[~is_real], n, m - 1)
    variance = sum(
        (count - 1) / count * float(np.square(left - left.mean()).sum())
        for left, count in ((without_real, n), (without_fake, m))
    )
    return float(value), float(np.sqrt(variance))


def cubic_mmd2(real: Array, fake: Array) -> tuple[float, float]:
    """Compute the unbiased squared discrepancy of few rows, whose kernel matrix is held at once.

    Parameters
    ----------
    real, fake : array, shape (n, d), (m, d)
        At least two rows each.

    Returns
    -------
    estimate, largest : float
        The latter is the largest mean square of a row: from `LARGEST` on the estimate has left the range of floats.
    """
    tiles, n = cubic_tiles(real, fake), real.shape[0]
    first, second = slice(0, n), slice(n, tiles.rows)
    xp = namespace(tiles.centred)

    def within(side: slice) -> float:
        kernel = tiles(side, side)
        return float(xp.sum(kernel)) - float(xp.sum(xp.linalg.diagonal(kernel)))

    value = _combined(within(first), within(second), float(xp.sum(tiles(first, second))), n, tiles.rows - n)
    return float(value) * tiles.unit, tiles.largest


def _combined(real_real: Any, fake_fake: Any, across: Any, n: int, m: int) -> Any:
    return real_real / (n * (n - 1)) + fake_fake / (m * (m - 1)) - 2.0 * across / (n * m)
