"""Means, covariances and scales: always centred, never raw second moments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gandiag.errors import TooFewSamplesError
from gandiag.numerics.backend import Array, namespace
from gandiag.numerics.gram import gram_like

Matrix = NDArray[np.float64]

# What the products of centred rows are taken in; sums of blocks are float64 always.
Precision = Literal["stored", "double"]
PRECISIONS = ("stored", "double")

# Rows per block: enough for full speed of the products, few enough that float32 sums lose little.
_BLOCK_ROWS = 4096
_SEEN = 9  # rows that the typical row is taken from


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Mean and scatter of the rows seen so far: a state that streams, and that shards merge.

    Attributes
    ----------
    count : int
    mean : ndarray or tensor, shape (d,)
        float64, as is the scatter, where the rows lie.
    scatter : ndarray or tensor, shape (d, d)
        Sum of the outer products of the centred rows.

    Notes
    -----
    ``merge`` is associative and commutative up to rounding, with ``Moments.empty`` as its identity: any partition of
    the rows gives the same result. No state is ever changed. Raw second moments would lose every digit on data far
    from the origin (Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", eq. 1.5).
    """

    count: int
    mean: Array
    scatter: Array

    @classmethod
    def empty(cls, d: int) -> Moments:
        """Start with no rows of width ``d``."""
        return cls(count=0, mean=np.zeros(d), scatter=np.zeros((d, d)))

    @classmethod
    def of(cls, rows: Array, *, precision: Precision = "stored", origin: Array | None = None) -> Moments:
        """Take the moments of rows in two passes, block by block.

        Parameters
        ----------
        rows : ndarray or tensor, shape (n, d)
            Floats. A memory map is read twice and never held whole.
        precision : {"stored", "double"}
            What the products of centred rows are taken in: the precision of the rows, or float64. Float32 rows with
            "stored" are centred before they are multiplied, and blocks are added up in float64: entries of the
            covariance keep about 1e-7 of ``sd_i sd_j``, in half the time. It makes no difference to float64 rows.
        origin : ndarray or tensor, shape (d,), optional
            Subtracted from every row first; the mean is then counted from it.

        Notes
        -----
        Cost O(n d^2) time, O(d^2) memory beside the rows.
        """
        xp = namespace(rows)
        n, d = (int(side) for side in rows.shape)
        wide: dict[str, Any] = {"dtype": xp.float64, "device": _device(rows)}
        if n == 0:
            return cls(count=0, mean=xp.zeros(d, **wide), scatter=xp.zeros((d, d), **wide))
        start = xp.astype(typical_row(rows) if origin is None else origin, xp.float64)
        middle = _total(rows, start) / n
        single = precision == "stored" and rows.dtype == xp.float32
        left = xp.zeros(d, **wide)
        gram = gram_like(rows)
        for centred in _centred_blocks(rows, start, middle, single=single):
            left += xp.sum(centred, axis=0, dtype=xp.float64)
            gram.add(centred)
        # The mean of n numbers is itself rounded; what is left over is the second pass's correction.
        scatter, left = gram.total(), left / n
        scatter -= (n * left)[:, None] * left[None, :]
        # In single precision what is left over holds the rounding of the centred rows, not that of the mean.
        mean = middle if single else middle + left
        return cls(count=n, mean=mean if origin is not None else mean + start, scatter=scatter)

    def update(self, rows: Array, *, precision: Precision = "stored") -> Moments:
        """Add rows of shape (k, d)."""
        return self.merge(Moments.of(rows, precision=precision))

    def merge(self, other: Moments) -> Moments:
        """Join two disjoint sets of rows."""
        if self.count == 0 or other.count == 0:
            kept = other if self.count == 0 else self
            return Moments(count=kept.count, mean=_copied(kept.mean), scatter=_copied(kept.scatter))
        total = self.count + other.count
        apart = other.mean - self.mean
        scatter = self.scatter + other.scatter
        scatter += (apart * (self.count * other.count / total))[:, None] * apart[None, :]
        return Moments(count=total, mean=self.mean + apart * (other.count / total), scatter=scatter)

    def finalise(self) -> tuple[Array, Array]:
        """Compute the mean (d,) and the covariance (d, d) with divisor ``count - 1``."""
        if self.count < 2:
            raise TooFewSamplesError(
                "a covariance needs at least 2 rows", received=self.count, remedy="Draw more samples."
            )
        return _copied(self.mean), self.scatter / (self.count - 1)


def typical_row(*parts: Array) -> Array:
    """Find values among the rows that lie in their midst, column by column, shape (d,).

    Subtracted first, they keep the digits of rows far from the origin, and leave exact zeros in constant columns, as
    a mean would not. They are the median of nine rows of each part.
    """
    xp = namespace(*parts)
    seen = xp.concat([part[:: max(1, len(part) // _SEEN)][:_SEEN] for part in parts], axis=0)
    return xp.sort(seen, axis=0)[len(seen) // 2]


def _centred_blocks(rows: Array, origin: Array, mean: Array, *, single: bool) -> Iterator[Array]:
    """Yield blocks of rows less their mean (counted from the origin), in float32 or float64; each lasts to the next."""
    xp = namespace(rows)
    whole = xp.astype(origin + mean, xp.float32) if single else mean
    like = rows[:_BLOCK_ROWS]
    kept = xp.empty_like(like, dtype=xp.float32 if single else xp.float64)
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = rows[start : start + _BLOCK_ROWS]
        centred = kept[: len(block)]
        # One buffer for all blocks: fresh memory costs as much time as the subtraction.
        if single:
            _subtracted(block, whole, centred)
        else:
            _subtracted(block, origin, centred)
            centred -= whole
        yield centred


def _subtracted(block: Array, row: Array, out: Array) -> None:
    if isinstance(block, np.ndarray):
        np.subtract(block, row, out=out)
    else:
        out[...] = block - row


def _total(rows: Array, origin: Array) -> Array:
    """Sum the rows less the origin in float64, shape (d,)."""
    xp = namespace(rows)
    total = xp.zeros_like(origin)
    wide = rows.dtype == xp.float64
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = rows[start : start + _BLOCK_ROWS]
        # A float64 sum of float32 values has digits to spare: it needs no copy from which the origin is subtracted.
        part = xp.sum(block - origin if wide else block, axis=0, dtype=xp.float64)
        total += part if wide else part - len(block) * origin
    return total


def _device(array: Array) -> Any:
    from array_api_compat import device

    return device(array)


def _copied(array: Array) -> Array:
    return namespace(array).asarray(array, copy=True)


def column_scales(reference: Matrix) -> tuple[Matrix, Matrix]:
    """Find the mean and the standard deviation of each column; a constant column gets scale 1.

    A column counts as constant when its spread is within rounding of its mean.
    """
    mean = reference.mean(axis=0)
    sd = np.sqrt(np.mean(np.square(reference - mean), axis=0))
    rounding = 1e-12 * np.maximum(np.abs(mean), np.finfo(float).tiny)
    return mean, np.where(sd > rounding, sd, 1.0)


def standardised(values: Matrix, reference: Matrix) -> Matrix:
    """Subtract the mean of ``reference`` and divide by its column scales."""
    mean, scale = column_scales(reference)
    out: Matrix = (values - mean) / scale
    return out
