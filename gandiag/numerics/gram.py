"""The sum of the outer products of rows, block by block, in float64: half the work of a product, and one buffer."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gandiag.numerics.backend import Array, namespace

_TILE = 256


class Gram(Protocol):
    """A running ``sum_i x_i x_i'`` over blocks of rows."""

    def add(self, rows: Array) -> None:
        """Add the rows of a block, shape (k, d), in float32 or float64."""

    def total(self) -> Array:
        """Return the sum, shape (d, d), float64; nothing may be added after it."""


def gram_like(rows: Array) -> Gram:
    """Start an empty sum for rows of this kind, width, dtype and device."""
    if isinstance(rows, np.ndarray):
        return _SymmetricUpdates(int(rows.shape[1]))
    return _Products(rows)


class _SymmetricUpdates:
    """BLAS updates one triangle in place; products of float32 blocks pass through one float32 buffer."""

    def __init__(self, d: int) -> None:
        self._sum = np.zeros((d, d), order="F")
        self._single: NDArray[np.float32] | None = None

    def add(self, rows: Array) -> None:
        from scipy.linalg import blas

        rows = np.ascontiguousarray(rows)
        if rows.dtype == np.float64:
            self._sum = blas.dsyrk(1.0, rows.T, beta=1.0, c=self._sum, overwrite_c=1)
            return
        if self._single is None:
            self._single = np.zeros(self._sum.shape, dtype=np.float32, order="F")
        self._single = blas.ssyrk(1.0, rows.T, beta=0.0, c=self._single, overwrite_c=1)
        self._sum += self._single

    def total(self) -> Array:
        self._single = None
        found, d = self._sum, len(self._sum)
        for start in range(0, d, _TILE):
            stop = start + _TILE
            found[stop:, start:stop] = found[start:stop, stop:].T
            corner = found[start:stop, start:stop]
            corner[...] = np.triu(corner) + np.triu(corner, 1).T
        return found.T


class _Products:
    """The same on any other array library, by plain products."""

    def __init__(self, rows: Array) -> None:
        from array_api_compat import device

        xp, d = namespace(rows), int(rows.shape[1])
        wide: dict[str, Any] = {"dtype": xp.float64, "device": device(rows)}
        self._sum = xp.zeros((d, d), **wide)

    def add(self, rows: Array) -> None:
        xp = namespace(rows)
        self._sum += xp.astype(xp.matmul(rows.T, rows), xp.float64)

    def total(self) -> Array:
        return self._sum
